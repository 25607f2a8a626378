package mint_test

// Holes of the original in e-cash, through the real transition with the real
// wallet.

import (
	"bytes"
	"slices"
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// refused expects that of an epoch's transactions, which member 0 proposes, just
// these are refused, in order, and that nobody is at fault beyond those.
func refused(t *testing.T, b *banktest.Bank, what string, txs []*transaction.Transaction, want ...messages.RejectionCode) {
	t.Helper()
	res := b.Run(banktest.Of(txs...))
	if got := banktest.Codes(res); !slices.Equal(got, want) || len(res.Accepted) != len(txs)-len(want) {
		t.Errorf("%s: accepted %d, refused for %v; want %v", what, len(res.Accepted), got, want)
	}
}

// The original compared whole collections of notes, so one note in two collections was spent twice, and then the audit stopped every member for good.
func TestH3SameNoteTwice(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{20}})
	notes := b.Fund(8_000)
	c, d, e, f := notes[0], notes[1], notes[2], notes[3]
	reissue := func(notes ...banktest.Note) *transaction.Transaction {
		tx, _ := b.Transfer(notes, 0)
		return tx
	}
	refused(t, b, "[c,c] in one transaction", list(reissue(c, c)), messages.RejectDuplicate)
	refused(t, b, "[c,d,c] in one transaction", list(reissue(c, d, c)), messages.RejectDuplicate)
	first, overlaps := reissue(c), reissue(c, d)
	other, _ := b.Transfer([]banktest.Note{d}, mint.Amount(20), transaction.Item{Kind: wallet.Kind, Body: wallet.PegOut{Address: banktest.Home(), Sats: 500, MaxFeeSats: 1}.Bytes()})
	res := b.Run(banktest.Of(first, overlaps), banktest.Of(reissue(d, c), reissue(d, e)), banktest.Of(overlaps, reissue(e)), banktest.Of(first, other))
	if len(res.Accepted) != 2 || res.Accepted[0] != first.ID() {
		t.Fatalf("accepted %d in one epoch, refused for %v", len(res.Accepted), banktest.Codes(res))
	}
	for _, code := range banktest.Codes(res) {
		if code != messages.RejectNoteSpent {
			t.Errorf("refused for %v", banktest.Codes(res))
		}
	}
	// A refused transaction issues nothing.
	for p, m := range b.Members {
		b.View(messages.PeerID(p), mint.Kind, func(r storage.Reader) {
			if m.Mint.Share(r, messages.OutPoint{Tx: overlaps.ID()}) != nil {
				t.Errorf("member %d signs for a transaction that was refused", p)
			}
		})
	}
	refused(t, b, "in a later epoch", list(reissue(c), reissue(c, f), reissue(e)), messages.RejectNoteSpent, messages.RejectNoteSpent, messages.RejectNoteSpent)
	for p := range b.Members {
		b.Restart(messages.PeerID(p))
	}
	refused(t, b, "after a restart", list(reissue(d)), messages.RejectNoteSpent)
	b.Accepted(reissue(f)) // and the federation goes on
}

// In the original one share for an output that did not exist made everybody ban everybody: the others had not contributed to it.
func TestH20JunkSharesBlameTheirSenderOnly(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{20}})
	notes := b.Fund(100_000)
	signatures := canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Signatures{Signatures: &walletwire.Signatures{
		Txid: bytes.Repeat([]byte{5}, 32), Signatures: [][]byte{make([]byte, 64)},
	}}})
	before := b.Hash()
	for name, junk := range map[string]outcome.Contribution{
		"a share":               banktest.Items(mint.Kind, bytes.Repeat([]byte{7}, 48)),
		"an output and a share": banktest.Items(mint.Kind, append(notes[0].Body, make([]byte, 96)...)),
		"nothing":               banktest.Items(mint.Kind, nil),
		"a thousand":            banktest.Items(mint.Kind, slices.Repeat([][]byte{{1}}, outcome.MaxModuleItems)...),
		"of a peg-out":          banktest.Items(wallet.Kind, signatures),
		"of no module":          banktest.Items("lightning", []byte("a decryption share")),
	} {
		for range 3 { // time for whoever waits for the others' shares
			res := b.Run(banktest.Of(), banktest.Of(), banktest.Of(), junk)
			if len(res.Faults) != 1 || res.Faults[0].Peer != 3 {
				t.Errorf("%s: faults %v, want one of member 3", name, res.Faults)
			}
			if res := b.Run(banktest.Of(), banktest.Of(), banktest.Of(), banktest.Of()); len(res.Faults) > 0 {
				t.Errorf("%s: an epoch later %v", name, res.Faults)
			}
		}
		if b.Hash() != before {
			t.Errorf("%s: the junk is kept", name)
		}
	}
	// Everybody's contribution counts as before, that of the liar too.
	for p := range b.Members {
		tx, orders := b.Transfer(notes, 0)
		parts := make([]outcome.Contribution, len(b.Members))
		parts[p] = banktest.Of(tx)
		if res := b.Run(parts...); len(res.Accepted) != 1 {
			t.Fatalf("a transaction of member %d is not accepted: %v", p, banktest.Codes(res))
		}
		notes = b.Notes(tx.ID(), orders)
	}
}

// In Fedimint a blind nonce that came a second time ended the process of every guardian.
func TestV5DuplicateBlindNonceIsRefused(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{18, 20}})
	notes := b.Fund(20_000)
	order := b.Order(20)
	spend := func(i int, outputs ...transaction.Item) *transaction.Transaction {
		n := notes[i : i+len(outputs)]
		d := transaction.Draft{Outputs: outputs}
		var worth messages.Amount
		for _, o := range outputs {
			out, err := mint.DecodeOutput(o.Body)
			if err != nil {
				t.Fatal(err)
			}
			worth += mint.Amount(out.Tier)
		}
		for _, note := range n {
			d.Inputs = append(d.Inputs, note.Item())
		}
		d.Fee = banktest.Worth(n...) - worth
		if len(n) == 2 {
			return b.Sign(d, n[0].Secret, n[1].Secret)
		}
		return b.Sign(d, n[0].Secret)
	}
	once := order.Item()
	out, err := mint.DecodeOutput(once.Body)
	if err != nil {
		t.Fatal(err)
	}
	out.Tweak[3] = 9
	twice := transaction.Item{Kind: mint.Kind, Body: out.Encode()}
	refused(t, b, "in one transaction", list(spend(0, once, twice)), messages.RejectDuplicate)
	refused(t, b, "in two of an epoch", list(spend(0, once), spend(1, twice), spend(2, once)), messages.RejectBlindNonceUsed, messages.RejectBlindNonceUsed)
	again := spend(3, once)
	if r := b.Submit(again); r == nil || r.Code != messages.RejectBlindNonceUsed {
		t.Errorf("submission: %v", r)
	}
	refused(t, b, "in a later epoch", list(again, spend(4, twice)), messages.RejectBlindNonceUsed, messages.RejectBlindNonceUsed)
	for p := range b.Members {
		b.Restart(messages.PeerID(p))
	}
	refused(t, b, "after a restart", list(again), messages.RejectBlindNonceUsed)
	out.Tier = 18
	b.Accepted(spend(5, transaction.Item{Kind: mint.Kind, Body: out.Encode()})) // of another key it is another note
	if b.Replay() != b.Hash() {
		t.Error("a replay ends in another state")
	}
}

// The original had no limit on what a transaction or a member's contribution made everybody check.
func TestH29NoiseIsBounded(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{20}})
	notes := b.Fund(8_000)
	good, _ := b.Transfer(notes[:1], 0)
	before := b.Hash()
	noise := outcome.Contribution{}
	for i := range 300 { // well signed, by keys of his own, of forged notes
		forged := notes[i%len(notes)]
		o := b.Order(20)
		forged.Body = append(append(bytes.Clone(forged.Body[:len(forged.Body)-48]), byte(0xc0)), make([]byte, 47)...)
		noise.Transactions = append(noise.Transactions, b.Sign(transaction.Draft{Inputs: []transaction.Item{forged.Item()}, Outputs: []transaction.Item{o.Item()}, Fee: messages.Amount(i)}, forged.Secret))
	}
	huge := banktest.Of(slices.Repeat(noise.Transactions, 4)...).Encode()
	if len(noise.Encode()) > outcome.MaxContribution || len(huge) <= outcome.MaxContribution {
		t.Fatalf("contributions of %d and %d bytes", len(noise.Encode()), len(huge))
	}
	for name, c := range map[string]struct {
		raw  []byte
		most int
	}{"forged notes": {noise.Encode(), 32}, "beyond the limit": {huge, 0}, "megabytes": {make([]byte, 4<<20), 0}} {
		res := b.Apply(c.raw)
		if len(res.Rejected) > c.most || len(res.Faults) == 0 || len(res.Faults) > 10 || b.Hash() != before {
			t.Errorf("%s: %d refused one by one, %d faults, state changed: %v", name, len(res.Rejected), len(res.Faults), b.Hash() != before)
		}
	}
	if res := b.Apply(huge, outcome.Contribution{Transactions: list(good)}.Encode()); len(res.Accepted) != 1 {
		t.Errorf("the next member's contribution suffers: %v", banktest.Codes(res))
	}
}
