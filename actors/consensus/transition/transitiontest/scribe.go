package transitiontest

import (
	"slices"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/messages"
	"minimint/messages/canonical"
	message "minimint/messages/wire"
	"minimint/storage"
)

// Facts are what a scribe must know of the state that it writes for.
type Facts interface {
	// Ordered and Spent report whether a note of the house was.
	Ordered(note int) bool
	Spent(note int) bool
	Claimed(at wire.OutPoint) bool
	// Height is the newest that was agreed on, BlockAt the agreed block at one.
	Height() uint32
	BlockAt(height uint32) (chainhash.Hash, bool)
	// DepositFee is the least fee of claiming a deposit, in msat.
	DepositFee() int64
}

// A Scribe writes transactions and contributions. What it writes is meant for the
// state that Book tells of.
type Scribe struct {
	World   *World
	Book    Facts
	Choices Choices
	// Written are the transactions so far, from which some are written again.
	Written []*Plan
}

// Transaction writes a transaction: mostly one that is good now, often one with a
// flaw, sometimes an older one or a twin of it.
func (s *Scribe) Transaction() *Plan {
	c := s.Choices
	if len(s.Written) > 0 {
		old := s.Written[len(s.Written)-1-c.Choose("which", len(s.Written))]
		switch c.Choose("again", 12) {
		case 10:
			return old
		case 11:
			return s.keep(old.Twin(byte(c.Choose("way", 256))))
		}
	}
	d := s.draft()
	how := signWell
	if one(c, "flawed", 3) {
		how = s.spoil(&d)
	}
	if len(d.ins) == 0 {
		d.ins = append(d.ins, s.World.House.spend(0))
	}
	p, ok := s.World.House.plan(d, how)
	if !ok { // beyond a limit of all transactions
		d = draft{ins: d.ins[:1]}
		p, _ = s.World.House.plan(d, how)
	}
	return s.keep(p)
}

func (s *Scribe) keep(p *Plan) *Plan {
	s.Written = append(s.Written, p)
	return p
}

// draft makes a transaction that is good now if there is anything to make it of.
func (s *Scribe) draft() draft {
	var d draft
	var in, least int64
	if kind := s.Choices.Choose("kind", 5); kind == 0 {
		for _, at := range s.some("deposit", s.claimable(), 2) {
			d.ins = append(d.ins, s.claim(s.World.Deposits[at]))
			in, least = in+s.World.Deposits[at].Sats*msat, least+s.Book.DepositFee()
		}
	} else {
		again := one(s.Choices, "again", 6)
		for _, n := range s.some("spend", s.notes(func(n int) bool { return s.Book.Ordered(n) && (again || !s.Book.Spent(n)) }), 3) {
			d.ins = append(d.ins, s.World.House.spend(n))
			in, least = in+1<<s.World.House.Notes[n].Tier, least+SpendFee
		}
		if kind >= 3 {
			if o, ok := s.pegOut(in - least); ok {
				d.outs = append(d.outs, pay(o))
				in, least = in-int64(o.Sats+o.MaxFeeSats)*msat, least+PegOutFee
			}
		}
	}
	again := one(s.Choices, "again", 6)
	for _, n := range s.some("order", s.notes(func(n int) bool { return again || !s.Book.Ordered(n) }), 4) {
		worth := int64(1) << s.World.House.Notes[n].Tier
		if in-worth >= least+IssueFee {
			d.outs = append(d.outs, s.World.House.order(n))
			in, least = in-worth, least+IssueFee
		}
	}
	if len(d.outs) > 1 && one(s.Choices, "turn", 2) {
		slices.Reverse(d.outs)
	}
	if len(d.ins) > 1 && one(s.Choices, "turn", 2) {
		slices.Reverse(d.ins)
	}
	d.fee = messages.Amount(max(in, 0)) // what is left over goes into the fee
	return d
}

// Opening claims all deposits that it may, each for as many notes as it pays for.
func (s *Scribe) Opening() (plans []*Plan) {
	free := s.notes(func(n int) bool { return !s.Book.Ordered(n) })
	slices.Reverse(free) // the largest first
	for _, at := range s.claimable() {
		d := draft{ins: []In{s.claim(s.World.Deposits[at])}}
		left := s.World.Deposits[at].Sats*msat - s.Book.DepositFee()
		for _, n := range slices.Clone(free) {
			if cost := int64(1)<<s.World.House.Notes[n].Tier + IssueFee; len(d.outs) < 3 && cost <= left {
				d.outs, left = append(d.outs, s.World.House.order(n)), left-cost
				free = slices.DeleteFunc(free, func(o int) bool { return o == n })
			}
		}
		d.fee = messages.Amount(left + s.Book.DepositFee() + IssueFee*int64(len(d.outs)))
		p, _ := s.World.House.plan(d, signWell)
		plans = append(plans, s.keep(p))
	}
	return plans
}

// some picks up to most of a list, at least one if there is one.
func (s *Scribe) some(what string, list []int, most int) []int {
	if len(list) == 0 {
		return nil
	}
	var out []int
	for range 1 + s.Choices.Choose("number", min(most, len(list))) {
		i := s.Choices.Choose(what, len(list))
		out = append(out, list[i])
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	return out
}

func (s *Scribe) notes(fit func(int) bool) []int {
	var out []int
	for n := range s.World.House.Notes {
		if fit(n) {
			out = append(out, n)
		}
	}
	return out
}

// claimable are the deposits that are not claimed, the oldest first: mostly those
// in agreed blocks. Now and then it forgets about one or the other.
func (s *Scribe) claimable() []int {
	early, again := one(s.Choices, "early", 4), one(s.Choices, "again", 6)
	var out []int
	for i, d := range s.World.Deposits {
		if b := s.World.block(d.At.Hash); b != nil && (again || !s.Book.Claimed(d.At)) {
			if early || s.agreed(b.BlockHash()) {
				out = append(out, i)
			}
		}
	}
	return out
}

func (s *Scribe) agreed(block chainhash.Hash) bool {
	for height := uint32(Birthday); height <= s.Book.Height(); height++ {
		if b, _ := s.Book.BlockAt(height); b == block {
			return true
		}
	}
	return false
}

// claim spends a deposit with the proof from the block that holds it now.
func (s *Scribe) claim(d Deposit) In {
	b := s.World.block(d.At.Hash)
	in := In{Kind: wallet.Kind, Note: -1, Claim: &d, Block: b.BlockHash(), secret: secretOf(d.key)}
	proof, err := pegin.Build(s.World.House.Descriptor(), b, d.At, xOnly(in.secret))
	must(err)
	in.body = proof.Bytes()
	return in
}

// pegOut asks for some of what can be spent.
func (s *Scribe) pegOut(most int64) (wallet.PegOut, bool) {
	o := wallet.PegOut{Address: userAddress(s.World.House, byte(s.Choices.Choose("address", 3))), MaxFeeSats: []uint64{9_000, 2_000, 40_000}[s.Choices.Choose("maximum", 3)]}
	room := (most-PegOutFee)/msat - int64(o.MaxFeeSats)
	if room < DustOfScript {
		return o, false
	}
	o.Sats = uint64(room - room*int64(s.Choices.Choose("part", 4))/5)
	return o, o.Sats >= DustOfScript
}

// userAddress is one of a key, or a deposit address of the federation itself.
func userAddress(h *House, which byte) string {
	if which == 2 {
		a, err := pegin.Address(h.Descriptor(), xOnly(secretOf(1)))
		must(err)
		return a.EncodeAddress()
	}
	return addressOf(h.chain.Network, which)
}

func addressOf(network *chaincfg.Params, which byte) string {
	a, err := btcutil.NewAddressWitnessPubKeyHash(btcutil.Hash160([]byte{which}), network)
	must(err)
	return a.EncodeAddress()
}

// Contributions writes what the members put into an epoch, on a committed state:
// each what its wallet proposes and some of the transactions, in any order. The
// liar adds and changes what it likes.
func (s *Scribe) Contributions(state storage.Reader, submitted, junk []*Plan) []Contribution {
	c := s.Choices
	var honest []Item
	own := make([][]Item, Members)
	for m := range own {
		for _, body := range s.World.Propose(messages.PeerID(m), state) {
			own[m] = append(own[m], itemOf(body))
		}
		honest = append(honest, own[m]...)
	}
	absent := Members
	if one(c, "absent", 3) {
		absent = c.Choose("who", Members)
	}
	var out []Contribution
	for m := range own {
		if m == absent {
			continue
		}
		k := Contribution{Peer: messages.PeerID(m), Items: own[m], Plans: s.shuffled(submitted)}
		if k.Peer == Liar && len(junk) > 0 {
			k = s.lies(k, honest, junk)
		}
		if !k.Void {
			k = k.Encode()
		}
		out = append(out, k)
	}
	return out
}

// shuffled picks some of a list, in any order.
func (s *Scribe) shuffled(list []*Plan) []*Plan {
	var out []*Plan
	for _, p := range list {
		if !one(s.Choices, "leave out", 4) {
			out = slices.Insert(out, s.Choices.Choose("place", len(out)+1), p)
		}
	}
	return out
}

func (s *Scribe) lies(k Contribution, honest []Item, junk []*Plan) Contribution {
	c := s.Choices
	k.Plans = append(s.shuffled(junk), k.Plans...)
	own := k.Items
	for range c.Choose("lies", 3) {
		k.Items = slices.Insert(slices.Clone(k.Items), c.Choose("place", len(k.Items)+1), s.Lie(own, honest))
	}
	switch c.Choose("contribution", 16) {
	case 14: // more badly signed twins than a group holds, and good ones behind them
		var flood []*Plan
		for way := range 33 {
			flood = append(flood, junk[0].Twin(byte(way)))
		}
		k.Plans = slices.Insert(k.Plans, c.Choose("place", len(k.Plans)+1), flood...)
	case 15:
		k.Void, k.Items, k.Plans = true, nil, nil
		k.Raw = [][]byte{{0xff}, noInputs()}[c.Choose("void", 2)]
	}
	return k
}

// msat is how many of them make a satoshi.
const msat = int64(messages.Sat)

// noInputs is a contribution with a transaction that nobody pays for (H11).
func noInputs() []byte {
	free := canonical.Marshal(&message.Transaction{FeeMsat: 1})
	return canonical.Marshal(&message.Contribution{Transactions: [][]byte{free}})
}
