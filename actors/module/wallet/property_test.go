package wallet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
)

// A story is a federation to which anything happens. Member 3 lies when it is
// told to; the others are correct, and must never look otherwise.
type story struct {
	*federation
	r        *rapid.T
	deposits map[wire.OutPoint]byte
	order    []wire.OutPoint // of deposits
	pegOuts  []*payment      // that were accepted
	lying    bool
	unsigned bool // members keep their signatures back
}

// payment is a peg-out and the bitcoin transactions that pay it.
type payment struct {
	at     messages.OutPoint
	script []byte // of the recipient, nobody else's
	txid   []byte // when it was accepted
	signed map[chainhash.Hash]*wire.MsgTx
}

const liar = members - 1

func newStory(t *testing.T, r *rapid.T) *story {
	s := &story{federation: newFederation(t), r: r, deposits: map[wire.OutPoint]byte{}}
	s.settle()
	return s
}

// settle lets the members agree until nobody wants anything; the harness fails
// if that never happens. No correct member may be blamed for what it proposes.
func (s *story) settle() {
	s.t.Helper()
	edits := map[messages.PeerID]edit{}
	for p := range messages.PeerID(members) {
		if s.unsigned {
			edits[p] = withoutSignatures
		}
	}
	for n := 0; ; n++ {
		if s.lying {
			edits[liar] = func(items [][]byte) [][]byte { return s.lie(items, n) }
		}
		if n > 100 {
			s.r.Fatal("the federation does not come to rest")
		}
		if !s.runEpoch(edits) {
			return
		}
		for p, verdicts := range s.verdict {
			var wrong *contract.Misbehaviour
			for _, err := range verdicts {
				if errors.As(err, &wrong) && (p != liar || !s.lying) {
					s.r.Fatalf("correct member %d: %v", p, err)
				}
			}
		}
	}
}

// lie spoils, repeats and invents items, in the first epochs of each story only,
// since nothing can stop a liar from proposing.
func (s *story) lie(items [][]byte, epoch int) [][]byte {
	if epoch > 2 {
		return nil
	}
	var out [][]byte
	for _, body := range items {
		if rapid.Bool().Draw(s.r, "repeat") {
			out = append(out, body)
		}
		if at := rapid.IntRange(0, 2*len(body)).Draw(s.r, "spoil"); at < len(body) {
			body = bytes.Clone(body)
			body[at] ^= byte(rapid.IntRange(1, 255).Draw(s.r, "bit"))
		}
		out = append(out, body)
	}
	base, hash := s.observer().AgreedTip(s.state())
	o := &walletwire.Observation{
		BaseHeight: base - min(base, rapid.Uint32Range(0, 3).Draw(s.r, "below")),
		BaseHash:   rapid.SampledFrom([][]byte{hash[:], bytes.Repeat([]byte{7}, 32), nil}).Draw(s.r, "base"),
		FeeRate:    rapid.SampledFrom([]uint64{0, 1, 1000, 100_000, 1 << 63}).Draw(s.r, "rate"),
	}
	for range rapid.IntRange(0, 9).Draw(s.r, "blocks") {
		o.NextHashes = append(o.NextHashes, bytes.Repeat([]byte{8}, 32))
	}
	return append(out, observation(o))
}

func (s *story) pick(n int, name string) int { return rapid.IntRange(0, n-1).Draw(s.r, name) }

// fund pays deposits, several to one address.
func (s *story) fund() {
	key := byte(1 + s.pick(3, "key"))
	for range 1 + s.pick(3, "deposits") {
		at := s.pay(key, rapid.Int64Range(1, 300_000).Draw(s.r, "deposit"))
		s.deposits[at] = key
		s.order = append(s.order, at)
	}
}

// claimSome claims any deposit that was ever made, perhaps too early or again.
func (s *story) claimSome() {
	if len(s.order) == 0 {
		return
	}
	at := s.order[s.pick(len(s.order), "which")]
	for h := s.world.Height(); h > 0; h-- {
		b := s.world.Block(h)
		for _, tx := range b.Transactions {
			if tx.TxHash() == at.Hash {
				p, err := pegin.Build(s.observer().Descriptor(), b, at, tweakKey(s.deposits[at]))
				if err != nil {
					s.r.Fatal(err)
				}
				_, err = s.claim(p.Bytes())
				s.typed(err)
				return
			}
		}
	}
}

func (s *story) typed(err error) {
	var typed *messages.Rejection
	if err != nil && !errors.As(err, &typed) {
		s.r.Fatal(err)
	}
}

// payOut withdraws what users hold, perhaps to a deposit address.
func (s *story) payOut() {
	script := append([]byte{txscript.OP_0, 20}, bytes.Repeat([]byte{byte(len(s.pegOuts) + 1)}, 20)...)
	address, err := btcutil.NewAddressWitnessPubKeyHash(script[2:], &chaincfg.SimNetParams)
	if err != nil {
		s.r.Fatal(err)
	}
	out := wallet.PegOut{
		Address: address.EncodeAddress(), Sats: rapid.Uint64Range(294, 300_000).Draw(s.r, "withdrawal"),
		MaxFeeSats: rapid.Uint64Range(0, 30_000).Draw(s.r, "fee"),
	}
	own := s.pick(4, "to") == 0
	if own {
		address, err := pegin.Address(s.observer().Descriptor(), tweakKey(9))
		if err != nil {
			s.r.Fatal(err)
		}
		out.Address = address.EncodeAddress()
		out.Sats = max(out.Sats, 330)
		script = nil // many may be paid there
	}
	if int64(out.Sats+out.MaxFeeSats)*int64(messages.Sat) > s.issued {
		return // nobody has so much
	}
	at, _, err := s.withdraw(out)
	if s.typed(err); err == nil {
		s.pegOuts = append(s.pegOuts, &payment{
			at: at, script: script, txid: s.status(at).GetTxid(), signed: map[chainhash.Hash]*wire.MsgTx{},
		})
	}
	if err == nil && own {
		paid := wire.OutPoint{Hash: chainhash.Hash(s.status(at).GetTxid())}
		s.deposits[paid] = 9
		s.order = append(s.order, paid)
	}
}

// disturb changes what a member's bitcoin node shows.
func (s *story) disturb() {
	n := s.nodes[s.pick(members, "node")]
	switch s.pick(7, "trouble") {
	case 5: // f+1 members see agreed blocks orphaned
		other := s.world.Fork()
		other.Reorg(min(6, int(other.Height())-birthday), 9)
		s.nodes[s.pick(2, "who")].Follow(other)
	case 6:
		s.nodes[s.pick(2, "who")].Follow(s.world)
	case 0:
		n.SetDown(true)
	case 1:
		n.SetDown(false)
	case 2:
		n.SetLag(uint32(s.pick(8, "lag")))
	case 3:
		n.SetFeeRate(rapid.SampledFrom([]uint64{0, 1, 900, 1000, 3000, 50_000, 1 << 40}).Draw(s.r, "rate"))
	case 4:
		s.world.SetFeeRate(rapid.SampledFrom([]uint64{0, 1000, 2000, 2600, 9000, 200_000}).Draw(s.r, "rate"))
	}
}

func (s *story) step() {
	switch s.pick(9, "step") {
	case 0, 1:
		s.fund()
	case 2, 3:
		s.claimSome()
	case 4, 5:
		s.payOut()
	case 6:
		s.disturb()
	case 7:
		s.world.Mine(1 + s.pick(4, "blocks"))
	case 8:
		s.world.Reorg(1+s.pick(delay, "depth"), delay+1)
	}
	s.lying = s.pick(3, "lying") == 0
	s.settle()
	s.broadcast()
	s.covered()
}

// covered checks that every coin is there: an output of the chain or of what
// waits for a block, spent by nothing but waiting payments of the federation.
func (s *story) covered() {
	s.t.Helper()
	values := map[wire.OutPoint]int64{}
	var txs []*wire.MsgTx
	for h := uint32(1); h <= s.world.Height(); h++ {
		txs = append(txs, s.world.Block(h).Transactions...)
	}
	for _, tx := range append(txs, s.world.Mempool()...) {
		for _, in := range tx.TxIn {
			delete(values, in.PreviousOutPoint)
		}
		for i, out := range tx.TxOut {
			values[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = out.Value
		}
	}
	for k := range s.state().Scan([]byte{'u'}) {
		sats := ^binary.BigEndian.Uint64(k[1:9])
		at := wire.OutPoint{Hash: chainhash.Hash(k[9:41]), Index: binary.BigEndian.Uint32(k[41:])}
		if values[at] != int64(sats) {
			s.r.Fatalf("coin %s of %d sat is worth %d on the chain", at, sats, values[at])
		}
	}
}

// Conservation: whatever happens in whatever order, what the federation holds
// is exactly what it owes (to users, as reserves of peg-outs, and to its members),
// at every step (the harness checks it), the coins are really there, the members
// come to rest after every event, and no correct one is ever blamed.
func TestConservationQuiescenceAndNoBlame(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := newStory(t, r)
		for range rapid.IntRange(3, 12).Draw(r, "steps") {
			s.step()
		}
		// When all is well again, all payments come to their end.
		s.lying = false
		for _, n := range s.nodes {
			n.SetDown(false)
			n.SetLag(0)
			n.Follow(s.world)
		}
		s.settle()
		s.broadcast()
		s.world.Mine(1 + delay)
		s.settle()
		s.covered()
		sum := s.summary()
		if sum.GetPending() != 0 || sum.GetChangeSats() != 0 || s.env.owed["peg-out-reserve"] != 0 || sum.GetDepositsFrozen() {
			r.Fatalf("after all is buried: %v, reserve %d", sum, s.env.owed["peg-out-reserve"])
		}
		if want := s.world.Height() - delay; s.height() != want {
			r.Fatalf("height %d, want %d", s.height(), want)
		}
		if s.env.assets["coins"] != s.issued+s.env.owed["surplus"] {
			r.Fatalf("books: %v, %v, %d", s.env.assets, s.env.owed, s.issued)
		}
	})
}
