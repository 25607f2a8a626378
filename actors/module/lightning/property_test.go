package lightning_test

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// The model says in the simplest words what a contract is: how much is in it,
// whose it is at a height, and whether it is remembered. It knows nothing of
// records, tasks or notes of what is due.
type entry struct {
	id       terms.ID
	outgoing *terms.Outgoing
	offer    *terms.Offer
	honest   bool // the offer's ciphertext is its preimage
	shares   map[messages.PeerID]bool
	bought   bool
	closed   bool
	end      uint32 // height when it was closed
	expiry   uint32
	amount   messages.Amount
}

// holder says whose the money is: a user's, a gateway's or nobody's yet.
func (e *entry) holder(height uint32) (holder *btcec.PrivateKey, way terms.Way) {
	switch {
	case e.closed || e.offer != nil && (!e.bought || len(e.shares) < 3):
		return nil, 0
	case e.outgoing != nil && height >= e.expiry:
		return user, terms.Expired
	case e.outgoing != nil:
		return gateway, terms.Preimage
	case e.honest:
		return user, terms.Claim
	default:
		return gateway, terms.Return
	}
}

// gone says whether it is forgotten at a height.
func (e *entry) gone(height uint32) bool {
	if e.offer != nil && !e.bought {
		return height >= e.expiry
	}
	return e.closed && height >= max(e.expiry, e.end)+lightning.Retention
}

func (e *entry) state() lightning.State {
	switch {
	case e.offer != nil && !e.bought:
		return lightningwire.State_STATE_OFFERED
	case e.outgoing != nil && !e.closed:
		return lightningwire.State_STATE_FUNDED
	case e.offer != nil && len(e.shares) < 3:
		return lightningwire.State_STATE_DECRYPTING
	case !e.closed && e.honest:
		return lightningwire.State_STATE_VALID
	case !e.closed:
		return lightningwire.State_STATE_INVALID
	}
	return 0 // closed: which one the test compares itself
}

type model struct {
	*desk
	rt      *rapid.T
	height  uint32
	entries []*entry
	ended   map[terms.ID]lightning.State
	nonce   byte
}

// pick draws one entry, nil if there is none.
func (m *model) pick() *entry {
	if len(m.entries) == 0 {
		return nil
	}
	return rapid.SampledFrom(m.entries).Draw(m.rt, "contract")
}

// expect compares what the module did with what the model says.
func (m *model) expect(what string, err error, want bool) bool {
	if (err == nil) != want {
		m.rt.Fatalf("%s at height %d: %v; the model says %v", what, m.height, err, want)
	}
	return err == nil
}

func (m *model) known(id terms.ID) bool {
	for _, e := range m.entries {
		if e.id == id {
			return true
		}
	}
	return false
}

func (m *model) fund(*rapid.T) {
	o := outgoingUntil(m.height - 1 + uint32(rapid.SampledFrom([]int{0, 1, 2, 5, 30, lightning.MaxLife + 1, lightning.MaxLife + 2}).Draw(m.rt, "life")))
	o.Amount = messages.Amount(rapid.SampledFrom([]uint64{1, uint64(fees.Claim), uint64(fees.Claim) + 1, 70_000}).Draw(m.rt, "amount"))
	id := o.ID(banktest.Federation)
	legal := !m.known(id) && o.Amount > fees.Claim && o.Expiry > m.height && o.Expiry <= m.height+lightning.MaxLife
	if m.expect("fund", m.output(terms.Output{Outgoing: &o}), legal) {
		m.entries = append(m.entries, &entry{id: id, outgoing: &o, expiry: o.Expiry, amount: o.Amount})
	}
}

func (m *model) announce(*rapid.T) {
	m.nonce = rapid.ByteRange(0, 2).Draw(m.rt, "nonce")
	o := sealedFor(m.height-1+rapid.SampledFrom([]uint32{0, 1, 2, 6, 20}).Draw(m.rt, "life"), m.Seal(), m.nonce)
	honest := rapid.Bool().Draw(m.rt, "honest")
	if !honest {
		o = resealed(m.Seal(), o, [32]byte{m.nonce})
	}
	id := o.ID(banktest.Federation)
	waits := slices.ContainsFunc(m.entries, func(e *entry) bool { return e.id == id && !e.bought })
	if m.expect("announce", m.output(terms.Output{Offer: &o}), (waits || !m.known(id)) && o.Expiry > m.height) && !waits {
		m.entries = append(m.entries, &entry{id: id, offer: &o, honest: honest, expiry: o.Expiry, amount: o.Amount, shares: map[messages.PeerID]bool{}})
	}
}

func (m *model) buy(*rapid.T) {
	if e := m.pick(); e != nil {
		legal := e.offer != nil && !e.bought && m.height < e.expiry
		if m.expect("buy", m.output(purchase(e.id)), legal) {
			e.bought = true
		}
	}
}

func (m *model) share(t *rapid.T) {
	e := m.pick()
	if e == nil || e.offer == nil {
		return
	}
	p := messages.PeerID(rapid.IntRange(0, 3).Draw(t, "member"))
	from := messages.PeerID(rapid.SampledFrom([]int{int(p), int(p), int(p), 3}).Draw(t, "from"))
	legal := e.bought && len(e.shares) < 3 && !e.shares[p] && p == from
	if m.expect("share", m.item(from, shareOf(m.tt(), int(p), *e.offer, 4)), legal) {
		e.shares[p] = true
	}
}

// reveal lets all members speak, also those who have, and after it is over.
func (m *model) reveal(*rapid.T) {
	e := m.pick()
	if e == nil || e.offer == nil {
		return
	}
	for p := range messages.PeerID(4) {
		legal := e.bought && len(e.shares) < 3 && !e.shares[p]
		if m.expect("share", m.item(p, shareOf(m.tt(), int(p), *e.offer, 4)), legal) {
			e.shares[p] = true
		}
	}
}

// tt is what functions of plain tests want.
func (m *model) tt() *testing.T { return m.t.(*testing.T) }

func (m *model) take(t *rapid.T) {
	e := m.pick()
	if e == nil {
		return
	}
	key := rapid.SampledFrom([]*btcec.PrivateKey{user, user, gateway, gateway, stranger}).Draw(t, "key")
	in := terms.Input{Contract: e.id, Key: xonly(key), Way: rapid.SampledFrom([]terms.Way{terms.Preimage, terms.Expired, terms.Forfeited, terms.Claim, terms.Return}).Draw(t, "way")}
	holder, way := e.holder(m.height)
	right := true
	switch in.Way {
	case terms.Preimage:
		in.Preimage = preimage
		if right = rapid.Bool().Draw(t, "right preimage"); !right {
			in.Preimage[31]++
		}
	case terms.Forfeited:
		signer := rapid.SampledFrom([]*btcec.PrivateKey{gateway, gateway, user}).Draw(t, "signer")
		forfeit, err := terms.Forgo(banktest.Federation, e.id, signer)
		if err != nil {
			t.Fatal(err)
		}
		in.Forfeit, right = forfeit, signer == gateway
		if e.outgoing != nil && !e.closed { // given up, it is the user's at any time
			holder, way = user, terms.Forfeited
		}
	default:
	}
	got, err := m.input(in)
	if !m.expect("take "+in.Way.String(), err, holder == key && way == in.Way && right) {
		return
	}
	if got != e.amount {
		t.Fatalf("took %s of %s", got, e.amount)
	}
	e.closed, e.end = true, m.height
	m.ended[e.id] = map[terms.Way]lightning.State{
		terms.Preimage: lightningwire.State_STATE_CLAIMED, terms.Claim: lightningwire.State_STATE_CLAIMED, terms.Expired: lightningwire.State_STATE_REFUNDED,
		terms.Return: lightningwire.State_STATE_REFUNDED, terms.Forfeited: lightningwire.State_STATE_FORFEITED,
	}[in.Way]
}

func (m *model) blocks(t *rapid.T) {
	m.height += rapid.SampledFrom([]uint32{1, 1, 1, 2, 5, 30, lightning.Retention - 5, lightning.Retention}).Draw(t, "blocks")
	m.at(m.height)
	var left []*entry
	for _, e := range m.entries {
		_, found := m.find(e.id)
		if found == e.gone(m.height) {
			t.Fatalf("height %d: contract with expiry %d, closed %v at %d, is remembered: %v", m.height, e.expiry, e.closed, e.end, found)
		}
		if found {
			left = append(left, e)
		}
	}
	m.entries = left
}

// check compares every status and the books.
func (m *model) check(t *rapid.T) {
	var outgoing, incoming int64
	for _, e := range m.entries {
		s, ok := m.find(e.id)
		want := e.state()
		if e.closed {
			want = m.ended[e.id]
		}
		if !ok || s.State != want {
			t.Fatalf("height %d: state %s, want %s", m.height, s.State, want)
		}
		switch {
		case e.closed || e.offer != nil && !e.bought:
		case e.outgoing != nil:
			outgoing += int64(e.amount)
		default:
			incoming += int64(e.amount)
		}
		told := e.closed && m.ended[e.id] == lightningwire.State_STATE_CLAIMED || e.offer != nil && e.honest && len(e.shares) == 3
		if (s.Preimage != nil) != told {
			t.Fatalf("preimage told: %v, want %v in state %s", s.Preimage != nil, told, s.State)
		}
	}
	if a, b := m.env.Total("liability/outgoing"), m.env.Total("liability/incoming"); a != outgoing || b != incoming {
		t.Fatalf("booked are %d outgoing and %d incoming, contracts hold %d and %d", a, b, outgoing, incoming)
	}
}

// ContractsEndOnce: whatever anybody tries, a contract's money goes to the one whom
// the terms name at that height, once, and what is booked is what contracts hold.
func TestContractsEndOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{desk: newDesk(t, config(-1, 4)), rt: rt, height: now, ended: map[terms.ID]lightning.State{}}
		m.at(m.height)
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "fund": m.fund, "announce": m.announce, "buy": m.buy, "share": m.share,
			"reveal": m.reveal, "take": m.take, "take again": m.take, "blocks": m.blocks,
		})
	})
}
