package wallet_test

// Holes of the original that one member could use, and those of nodes that see
// different things, through the real transition with the real mint.

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/fake"
	"minimint/actors/module/banktest"
	"minimint/actors/module/moduletest"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// In the original an invalid transaction, a quote before the first epoch and an absurd amount each ended the process that was asked, the last one all members.
func TestH13AbsurdRequestsAreRefused(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	for sats, want := range map[uint64]messages.RejectionCode{
		0: messages.RejectDust, 1000: messages.RejectNoFunds, 1 << 63: messages.RejectAmountOverflow, math.MaxUint64: messages.RejectAmountOverflow,
	} {
		out := wallet.PegOut{Address: home, Sats: sats, MaxFeeSats: 1000}
		if q := b.Quote(out); q.GetReasonCode() != uint32(want) {
			t.Errorf("quote of %d sat before the first epoch: %v", sats, q)
		}
		b.View(0, wallet.Kind, func(r storage.Reader) {
			ov := storage.NewOverlay(r)
			_, err := b.Members[0].Wallet.ApplyOutput(ov, moduletest.NewEnv(ov), messages.OutPoint{}, out.Bytes())
			var refusal *messages.Rejection
			if !errors.As(err, &refusal) || refusal.Code != want {
				t.Errorf("peg-out of %d sat before the first epoch: %v", sats, err)
			}
		})
	}
	notes := b.Fund(50_000)
	for name, body := range map[string][]byte{
		"all there is":       wallet.PegOut{Address: home, Sats: math.MaxUint64}.Bytes(),
		"wraps in satoshi":   wallet.PegOut{Address: home, Sats: math.MaxUint64/1000 + 2}.Bytes(),
		"sum wraps":          wallet.PegOut{Address: home, Sats: 1 << 63, MaxFeeSats: 1 << 63}.Bytes(),
		"more than exists":   wallet.PegOut{Address: home, Sats: 21_000_000*100_000_000 + 1}.Bytes(),
		"no address":         wallet.PegOut{Sats: 1000}.Bytes(),
		"an endless address": wallet.PegOut{Address: string(bytes.Repeat([]byte("q"), 60_000)), Sats: 1000}.Bytes(),
		"noise":              []byte("\xff\xff\xff\xff\xff"),
		"nothing":            nil,
	} {
		t.Log(name)
		d := transaction.Draft{Inputs: []transaction.Item{notes[0].Item()}, Outputs: []transaction.Item{{Kind: wallet.Kind, Body: body}}, Fee: banktest.Worth(notes[0])}
		tx := b.Sign(d, notes[0].Secret)
		if r := b.Submit(tx); r == nil || !r.Final {
			t.Errorf("submission: %v", r)
		}
		res := b.Run(banktest.Of(), banktest.Of(), banktest.Of(), banktest.Of(tx))
		if len(res.Rejected) != 1 || len(res.Faults) != 1 || res.Faults[0].Peer != 3 {
			t.Errorf("in a member's contribution: refused for %v, faults %v", banktest.Codes(res), res.Faults)
		}
	}
	for _, method := range []string{"quote", "block", "height", "pegouts", "summary", "", "\xff"} {
		for _, body := range [][]byte{nil, {0xff}, make([]byte, 1<<16)} {
			b.View(0, wallet.Kind, func(r storage.Reader) {
				_, err := b.Members[0].Wallet.Query(r, method, body)
				var refusal *messages.Rejection
				if err != nil && !errors.As(err, &refusal) {
					t.Errorf("query %q with %d bytes: %v", method, len(body), err)
				}
			})
		}
	}
}

// In the original a share for a task that was done made all other members look as if they had withheld theirs, and they were banned for good.
func TestH21LateShareBlamesNobody(t *testing.T) {
	// Without Lightning the shares that members agree on are signatures of peg-outs.
	b := banktest.New(t, banktest.Config{})
	tx, _ := b.PegOut(b.Fund(300_000), wallet.PegOut{Address: home, Sats: 100_000, MaxFeeSats: 5000})
	b.Accepted(tx)
	late := b.Propose(3)
	if faults := b.Settle(map[messages.PeerID]banktest.Edit{3: banktest.Silent}); faults != nil {
		t.Errorf("silence is a fault: %v", faults)
	}
	unchanged := func(when string, items ...[]byte) {
		t.Helper()
		before := b.Hash()
		res := b.Run(banktest.Of(), banktest.Of(), banktest.Of(), banktest.Items(wallet.Kind, items...))
		if res.Faults != nil || b.Hash() != before {
			t.Errorf("%s: faults %v, state changed: %v", when, res.Faults, b.Hash() != before)
		}
	}
	unchanged("a share after there were enough", late...)
	unchanged("many of them", slices.Repeat(late, 50)...)
	b.Broadcast()
	b.Chain.Mine(1 + banktest.FinalityDelay)
	b.Settle(map[messages.PeerID]banktest.Edit{0: votesOnly, 1: votesOnly, 2: votesOnly, 3: votesOnly})
	burial := b.Propose(3)
	if len(burial) != 1 {
		t.Fatalf("%d items, want a burial", len(burial))
	}
	b.Settle(map[messages.PeerID]banktest.Edit{3: banktest.Silent})
	unchanged("after the burial", append(late, burial...)...)
	b.Fund(10_000) // nobody is left out of what follows
}

// In the original a member could put any number of observations into an epoch and so chose height and fee rate alone.
func TestH22OneObservationPerMember(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	for _, m := range b.Members {
		m.Node = strictNode{b.Chain.Node(), t}
	}
	b.Chain.SetFeeRate(3000)
	b.Mine(1)
	b.Chain.Mine(1)
	height, hash := b.Summary().GetHeight(), b.Summary().GetHash()
	stuffed := func(base uint32, rate uint64) []byte {
		o := &walletwire.Observation{BaseHeight: base, BaseHash: hash, FeeRate: rate}
		for range 8 {
			o.NextHashes = append(o.NextHashes, bytes.Repeat([]byte{7}, 32))
		}
		return observation(o)
	}
	var flood [][]byte
	for i := range uint64(100) {
		flood = append(flood, stuffed(height, 90_000+i))
	}
	for name, items := range map[string][][]byte{
		"many": flood, "a height that nobody has": {stuffed(1<<31, 3000)}, "the last height": {stuffed(1<<32-9, 3000)}, "one more": {stuffed(height+1, 3000)},
	} {
		honest := []outcome.Contribution{banktest.Items(wallet.Kind, b.Propose(0)...), banktest.Of(), banktest.Of()}
		res := b.Run(append(honest, banktest.Items(wallet.Kind, items...))...)
		if len(res.Faults) != 1 || res.Faults[0].Peer != 3 {
			t.Errorf("%s: faults %v, want one of member 3", name, res.Faults)
		}
		if s := b.Summary(); s.GetHeight() != height || s.GetFeeRate() != 3000 || s.GetDepositsFrozen() {
			t.Errorf("%s: one member decided: %v", name, s)
		}
	}
	b.Settle(map[messages.PeerID]banktest.Edit{3: banktest.Silent})
	if s := b.Summary(); s.GetHeight() != height+1 || s.GetFeeRate() != 3000 {
		t.Errorf("the honest ones agree on %v, want height %d", s, height+1)
	}
}

// A strictNode fails the test if it is asked for a block that it cannot have.
type strictNode struct {
	*fake.Node
	t *testing.T
}

func (n strictNode) BlockHash(height uint32) (chainhash.Hash, error) {
	if tip, _ := n.Tip(); height > tip {
		n.t.Errorf("a node with %d blocks is asked for block %d", tip, height)
	}
	return n.Node.BlockHash(height)
}

// In the original a median below the agreed height stopped all members: one low liar and one that lagged were enough.
func TestH26HeightNeverShrinks(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	b.Mine(6)
	before := b.Summary()
	low := banktest.Ask(b, "block", &walletwire.BlockRequest{Height: banktest.Birthday}, new(walletwire.Block)).GetHash()
	b.Members[2].Node.(*fake.Node).SetLag(7)
	for n, liar := range []*walletwire.Observation{
		{BaseHeight: banktest.Birthday - 1, FeeRate: 1000},
		{BaseHeight: banktest.Birthday, BaseHash: low, FeeRate: 1000},
		{BaseHeight: banktest.Birthday, BaseHash: low, NextHashes: [][]byte{bytes.Repeat([]byte{9}, 32)}},
	} {
		// Member 0 is not in the epoch: n−f contributions, of which one is stale and one lies.
		res := b.Run(banktest.Of(), banktest.Items(wallet.Kind, b.Propose(1)...), banktest.Items(wallet.Kind, b.Propose(2)...), banktest.Items(wallet.Kind, observation(liar)))
		if s := b.Summary(); s.GetHeight() != before.GetHeight() || s.GetDepositsFrozen() || res.Faults != nil {
			t.Errorf("lie %d: %v, faults %v", n, s, res.Faults)
		}
	}
	b.Members[2].Node.(*fake.Node).SetLag(0)
	b.Chain.Mine(2)
	b.Settle(map[messages.PeerID]banktest.Edit{3: banktest.Silent})
	if s := b.Summary(); s.GetHeight() != before.GetHeight()+2 {
		t.Errorf("height %d after two more blocks, was %d", s.GetHeight(), before.GetHeight())
	}
}

// In the original f members that sent no shares left too few of them, and its answer was to ban whoever was late.
func TestH27SilentMembersStopNothing(t *testing.T) {
	for _, n := range []int{1, 4, 7} {
		b := banktest.New(t, banktest.Config{Members: n})
		quiet := map[messages.PeerID]banktest.Edit{}
		var heard []messages.PeerID
		for p := range messages.PeerID(n) {
			if int(p) < (n-1)/3 {
				quiet[p] = banktest.Silent
			} else {
				heard = append(heard, p)
			}
		}
		d := b.Pay(500_000)
		b.Chain.Mine(1 + banktest.FinalityDelay)
		faults := b.Settle(quiet)
		claim, orders := b.Claim(d)
		b.Accepted(claim)
		tx, change := b.PegOut(b.Notes(claim.ID(), orders, heard...), wallet.PegOut{Address: home, Sats: 200_000, MaxFeeSats: 20_000})
		b.Accepted(tx)
		b.Notes(tx.ID(), change, heard...)
		faults = append(faults, b.Settle(quiet)...)
		if len(b.Broadcast()) != 1 {
			t.Fatalf("%d members: not signed without the silent ones", n)
		}
		b.Chain.Mine(1 + banktest.FinalityDelay)
		faults = append(faults, b.Settle(quiet)...)
		if s := b.Summary(); s.GetPending() != 0 || faults != nil {
			t.Errorf("%d members: %v, faults %v", n, s, faults)
		}
	}
}

// A prunedNode has no block below its newest.
type prunedNode struct{ *fake.Node }

func (prunedNode) Block(chainhash.Hash) (*wire.MsgBlock, error) { return nil, fake.ErrNoBlock }

// In Fedimint what a member's own bitcoin node could still answer decided whether it recognised change, so states split.
func TestV4StateDependsOnNoBackend(t *testing.T) {
	backends := map[string]func(b *banktest.Bank){
		"all alike": func(*banktest.Bank) {},
		"pruned, lagging, none": func(b *banktest.Bank) {
			lags := b.Chain.Node()
			lags.SetLag(2)
			lags.SetFeeRate(99_000)
			b.Members[1].Node, b.Members[2].Node, b.Members[3].Node = prunedNode{b.Chain.Node()}, lags, nil
		},
		"one of another chain": func(b *banktest.Bank) {
			other := b.Chain.Fork()
			other.Reorg(4, 30)
			b.Members[0].Node = other.Node()
		},
		"one down": func(b *banktest.Bank) { b.Members[1].Node.(*fake.Node).SetDown(true) },
	}
	for name, set := range backends {
		t.Run(name, func(t *testing.T) {
			b := banktest.New(t, banktest.Config{})
			b.Chain.SetFeeRate(2500)
			b.Settle(nil)
			set(b)
			tx, _ := b.PegOut(deep(b), wallet.PegOut{Address: home, Sats: 120_000, MaxFeeSats: 9000})
			b.Accepted(tx)
			b.Settle(nil)
			b.Broadcast()
			b.Chain.Mine(3 + banktest.FinalityDelay)
			b.Settle(nil)
			if s := b.Summary(); s.GetPending() != 0 || s.GetCoins() != 1 {
				t.Errorf("change is not recognised: %v", s)
			}
			if b.Replay() != b.Hash() {
				t.Error("whoever replays without any node has another state")
			}
		})
	}
}

// deep funds with blocks to spare for those that lag.
func deep(b *banktest.Bank) []banktest.Note {
	d := b.Pay(300_000)
	b.Chain.Mine(3 + banktest.FinalityDelay)
	b.Settle(nil)
	claim, orders := b.Claim(d)
	b.Accepted(claim)
	return b.Notes(claim.ID(), orders)
}
