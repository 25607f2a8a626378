package wallet_test

// Holes of the original in deposits, through the real transition with the real
// mint.

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/banktest"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// refusedWith expects that an epoch refuses one transaction for each code and
// accepts as many as named.
func refusedWith(t *testing.T, b *banktest.Bank, tx *transaction.Transaction, want messages.RejectionCode) {
	t.Helper()
	before := b.Hash()
	if r := b.Submit(tx); r == nil || r.Code != want {
		t.Errorf("submission: %v, want code %d", r, want)
	}
	res := b.Run(banktest.Of(), banktest.Of(tx))
	if got := banktest.Codes(res); !slices.Equal(got, []messages.RejectionCode{want}) {
		t.Errorf("in an epoch: codes %v, want %d", got, want)
	}
	if b.Hash() != before {
		t.Error("what was refused left a trace")
	}
}

// The original's only guard was the coin itself, so once the federation had spent a deposit the same proof made money again.
func TestH1PegInReplay(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	d := b.Pay(200_000)
	b.Mine(1 + banktest.FinalityDelay)
	claim, orders := b.Claim(d)
	replay := func(when string) {
		t.Helper()
		t.Log(when)
		again, _ := b.Claim(d) // for other notes
		refusedWith(t, b, again, messages.RejectPegInClaimed)
	}
	rival, _ := b.Claim(d)
	res := b.Run(banktest.Of(claim, rival), banktest.Of(rival))
	if len(res.Accepted) != 1 || !slices.Equal(banktest.Codes(res), []messages.RejectionCode{messages.RejectPegInClaimed}) {
		t.Fatalf("two claims in one epoch: accepted %d, refused for %v", len(res.Accepted), banktest.Codes(res))
	}
	replay("while the coin is there")
	tx, _ := b.PegOut(b.Notes(claim.ID(), orders), wallet.PegOut{Address: home, Sats: 150_000, MaxFeeSats: 5000})
	b.Accepted(tx)
	replay("while the coin is being spent")
	b.Settle(nil)
	b.Broadcast()
	b.Mine(1 + banktest.FinalityDelay)
	if s := b.Summary(); s.GetPending() != 0 || s.GetCoins() != 1 {
		t.Fatalf("the deposit is not spent: %v", s)
	}
	replay("after it was spent")
	for p := range b.Members {
		b.Restart(messages.PeerID(p))
	}
	replay("after a restart of all members")
}

// reencoded are other bytes that carry the same proof, for a reader that is not
// strict.
func reencoded(t *testing.T, p *pegin.Proof) map[string][]byte {
	t.Helper()
	sound := new(walletwire.PegInProof)
	if err := canonical.Unmarshal(p.Bytes(), sound, pegin.MaxSize); err != nil {
		t.Fatal(err)
	}
	change := func(fn func(*walletwire.PegInProof)) []byte {
		w := proto.CloneOf(sound)
		fn(w)
		return canonical.Marshal(w)
	}
	return map[string][]byte{
		"unknown field":      protowire.AppendVarint(protowire.AppendTag(bytes.Clone(p.Bytes()), 99, protowire.VarintType), 7),
		"output written out": protowire.AppendVarint(protowire.AppendTag(bytes.Clone(p.Bytes()), 4, protowire.VarintType), 0),
		"a field again":      append(bytes.Clone(p.Bytes()), p.Bytes()...),
		// An odd last leaf is hashed with itself: two ways to the same root.
		"place of its copy": change(func(w *walletwire.PegInProof) { w.Inclusion.Index++ }),
		"place above":       change(func(w *walletwire.PegInProof) { w.Inclusion.Index |= 1 << 31 }),
		"more branch": change(func(w *walletwire.PegInProof) {
			w.Inclusion.Branch = append(w.GetInclusion().GetBranch(), make([]byte, 32))
		}),
		"bytes after it":      change(func(w *walletwire.PegInProof) { w.Transaction = append(w.GetTransaction(), 0) }),
		"witness format":      change(func(w *walletwire.PegInProof) { w.Transaction = withWitness(w.GetTransaction()) }),
		"another witness":     change(func(w *walletwire.PegInProof) { w.Inclusion.Coinbase = withWitness(w.GetInclusion().GetCoinbase()) }),
		"compressed tweak":    change(func(w *walletwire.PegInProof) { w.TweakKey = append([]byte{2}, w.GetTweakKey()...) }),
		"header with a count": change(func(w *walletwire.PegInProof) { w.Inclusion.Header = append(w.GetInclusion().GetHeader(), 0) }),
	}
}

// withWitness writes a transaction in the format with witness.
func withWitness(raw []byte) []byte {
	out := append(bytes.Clone(raw[:4]), 0, 1)
	out = append(out, raw[4:len(raw)-4]...)
	return append(append(out, 1, 1, 7), raw[len(raw)-4:]...)
}

// The original compared whole proofs, so a proof that was encoded anew claimed the same deposit again in the same epoch.
func TestH4SameDepositReencoded(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	b.Pay(10_000)
	d := b.Pay(50_000) // in a block of three transactions: the last leaf has a copy
	b.Mine(1 + banktest.FinalityDelay)
	good, _ := b.Claim(d)
	rival, _ := b.Claim(d)
	body := good.Inputs()[0].Body
	claim := func(bodies ...[]byte) *transaction.Transaction {
		draft := transaction.Draft{Outputs: good.Outputs(), Fee: good.Fee()}
		var secrets []*btcec.PrivateKey
		for i, other := range bodies {
			draft.Inputs = append(draft.Inputs, transaction.Item{Kind: wallet.Kind, Body: other})
			secrets = append(secrets, d.Secret)
			if i > 0 {
				draft.Fee += 50_000 * messages.Sat
			}
		}
		return b.Sign(draft, secrets...)
	}
	attempts := []*transaction.Transaction{claim(body, body)}
	for name, other := range reencoded(t, b.Proof(d)) {
		if bytes.Equal(other, body) {
			t.Fatalf("%s: the same bytes", name)
		}
		attempts = append(attempts, claim(other), claim(body, other))
	}
	attempts = append(attempts, good, rival)
	// One at a time, since a contribution ends at its first bad group.
	accepted := 0
	for _, tx := range attempts {
		accepted += len(b.Run(banktest.Of(tx), banktest.Of(tx)).Accepted)
	}
	if accepted != 1 || b.Summary().GetCoinsSats() != 50_000 {
		t.Errorf("%d claims of one deposit, %d sat of coins", accepted, b.Summary().GetCoinsSats())
	}
}

// In the original no decoder checked a proof: whoever sent one for a transaction in no block was given money or stopped all members for good.
func TestH6ForgedProofs(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	d := b.Pay(50_000)
	b.Mine(1 + banktest.FinalityDelay)
	good, orders := b.Claim(d)
	sound := new(walletwire.PegInProof)
	if err := canonical.Unmarshal(good.Inputs()[0].Body, sound, pegin.MaxSize); err != nil {
		t.Fatal(err)
	}
	// A transaction that pays to the federation as it should, and is in no block.
	unrelated := wire.NewMsgTx(2)
	unrelated.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 3}})
	unrelated.AddTxOut(parse(t, sound.GetTransaction()).TxOut[d.At.Index])
	var raw bytes.Buffer
	if err := unrelated.SerializeNoWitness(&raw); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*walletwire.PegInProof){
		"a transaction in no block": func(w *walletwire.PegInProof) { w.Transaction = raw.Bytes() },
		"more money":                func(w *walletwire.PegInProof) { w.Transaction[50] ^= 0x40 },
		"output out of range":       func(w *walletwire.PegInProof) { w.Output = 1<<32 - 1 },
		"output of somebody else":   func(w *walletwire.PegInProof) { w.Output = 1 },
		"no transaction":            func(w *walletwire.PegInProof) { w.Transaction = nil },
		"no block":                  func(w *walletwire.PegInProof) { w.Inclusion = nil },
		"a header of one byte":      func(w *walletwire.PegInProof) { w.Inclusion.Header = []byte{1} },
		"no branch":                 func(w *walletwire.PegInProof) { w.Inclusion.Branch = nil },
		"no coinbase":               func(w *walletwire.PegInProof) { w.Inclusion.Coinbase = nil },
		"no key":                    func(w *walletwire.PegInProof) { w.TweakKey = nil },
		"another lock":              func(w *walletwire.PegInProof) { w.LockVersion = 1 << 31 },
	} {
		w := proto.CloneOf(sound)
		change(w)
		forged := b.Sign(transaction.Draft{
			Inputs: []transaction.Item{{Kind: wallet.Kind, Body: canonical.Marshal(w)}}, Outputs: good.Outputs(), Fee: good.Fee(),
		}, d.Secret)
		t.Log(name)
		refusedWith(t, b, forged, messages.RejectPegInProof)
		if faults := b.Run(banktest.Of(), banktest.Of(), banktest.Of(forged)).Faults; len(faults) != 1 || faults[0].Peer != 2 {
			t.Errorf("%s: faults %v, want one of member 2", name, faults)
		}
	}
	b.Accepted(good)
	b.Notes(good.ID(), orders)
}

func parse(t *testing.T, raw []byte) *wire.MsgTx {
	t.Helper()
	tx := new(wire.MsgTx)
	if err := tx.DeserializeNoWitness(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	return tx
}

// The original wanted amounts that its denominations represent exactly, so odd deposits and fees could be neither claimed nor paid.
func TestH15OddAmounts(t *testing.T) {
	// The smallest note is worth a satoshi and a bit, and everything costs something.
	b := banktest.New(t, banktest.Config{Tiers: []uint32{10, 13, 16, 19, 22, 25, 28}, SpendFee: 7, IssueFee: 11, PegInFee: 77_777, PegOutFee: 1313})
	for _, sats := range []int64{100_001, 54_321, 999_983, 265} {
		d := b.Pay(sats)
		b.Mine(1 + banktest.FinalityDelay)
		tx, orders := b.Claim(d)
		least := messages.Amount(b.Summary().GetPegInFeeMsat()) + 11*messages.Amount(len(orders))
		if lost := tx.Fee() - least; tx.Fee() < least || lost >= 1024+11 {
			t.Errorf("a deposit of %d sat loses %s beyond its fees", sats, lost)
		}
		b.Accepted(tx)
		notes := b.Notes(tx.ID(), orders)
		if sats < 10_000 { // worth less than the smallest note: a transaction without outputs
			if len(notes) != 0 {
				t.Errorf("%d notes of %d sat", len(notes), sats)
			}
			continue
		}
		out, change := b.PegOut(notes, wallet.PegOut{Address: home, Sats: uint64(sats/3) | 1, MaxFeeSats: 3001})
		b.Accepted(out)
		b.Notes(out.ID(), change)
		b.Settle(nil)
		b.Broadcast()
		b.Mine(1 + banktest.FinalityDelay)
	}
	// A fee below the least is refused all the same.
	notes := b.Fund(20_000)
	cheap := transaction.Draft{Inputs: []transaction.Item{notes[0].Item()}, Fee: banktest.Worth(notes[0])}
	o := b.Order(notes[0].Tier - 3)
	for range 8 {
		cheap.Outputs, cheap.Fee = append(cheap.Outputs, o.Item()), cheap.Fee-banktest.Worth(notes[0])/8
		o = b.Order(o.Tier)
	}
	refusedWith(t, b, b.Sign(cheap, notes[0].Secret), messages.RejectFeeTooLow)
}

// A claim of a deposit is signed by the key that its address was made of.
func TestStrangersCannotClaim(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	d, other := b.Pay(50_000), b.Pay(50_000)
	b.Mine(1 + banktest.FinalityDelay)
	good, _ := b.Claim(d)
	draft := transaction.Draft{Inputs: good.Inputs(), Outputs: good.Outputs(), Fee: good.Fee()}
	refusedWith(t, b, b.Sign(draft, other.Secret), messages.RejectSignature)
	w := new(walletwire.PegInProof)
	if err := canonical.Unmarshal(good.Inputs()[0].Body, w, pegin.MaxSize); err != nil {
		t.Fatal(err)
	}
	w.TweakKey = schnorr.SerializePubKey(other.Secret.PubKey())
	draft.Inputs = []transaction.Item{{Kind: wallet.Kind, Body: canonical.Marshal(w)}}
	refusedWith(t, b, b.Sign(draft, other.Secret), messages.RejectPegInProof)
}
