package purse_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/client/purse"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

const words = "legal winner thank year wave sausage worth useful legal winner thank yellow"

var dealt = sync.OnceValue(func() *clienttest.Federation {
	return clienttest.New(clienttest.Config{Members: 4, Tiers: 14, SpendFee: 3, IssueFee: 2, FinalityDelay: 1}, 3)
})

// rig is a purse with a store.
type rig struct {
	*purse.Purse
	f     *clienttest.Federation
	store *memory.Store
}

func newRig(t testing.TB) *rig {
	t.Helper()
	f := dealt().Fresh()
	cfg, err := mint.FromFederation(f.Config)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{f: f, store: memory.New(), Purse: purse.New(purse.Config{
		Federation: f.Config.ID(), Mint: cfg, Ring: keys.NewRing(words, f.Config.ID()), Random: rand.NewChaCha8([32]byte{4}),
	})}
}

func (r *rig) update(t testing.TB, fn func(storage.Tx) error) error {
	t.Helper()
	return r.store.Update(fn)
}

// stock writes notes as if they had been issued; their signatures are points of
// no meaning, which planning does not look at.
func (r *rig) stock(t testing.TB, tiers ...uint32) {
	t.Helper()
	tok, err := token.Parse(r.f.Token(1))
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing(words, r.f.Config.ID())
	err = r.update(t, func(tx storage.Tx) error {
		for i, tier := range tiers {
			tweak := keys.Tweak{1, byte(i)}
			book.PutNote(tx, book.Note{Nonce: ring.Note(tweak, tier, 0).Nonce, Note: &clientwire.Note{
				Tier: tier, Tweak: tweak[:], Signature: tok.Notes[0].Signature.Bytes(),
			}})
		}
		for i := range byte(8) { // so that nobody has to grind
			book.AddTweak(tx, keys.Tweak{2, i})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) notes(t testing.TB) (free, reserved messages.Amount) {
	t.Helper()
	snap, err := r.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	for _, n := range book.Notes(snap) {
		if n.GetOperation() == 0 {
			free += notes.Worth(n.GetTier())
		} else {
			reserved += notes.Worth(n.GetTier())
		}
	}
	return free, reserved
}

func operation(kind clientwire.Kind) *clientwire.Operation {
	return &clientwire.Operation{Id: 1, Kind: kind, State: clientwire.State_STATE_PENDING}
}

// Prepare makes a transaction that the federation's own checks of form and
// signature pass, reserves its inputs, and writes the record with it.
func TestPrepareReservesAndRecords(t *testing.T) {
	r := newRig(t)
	r.stock(t, 4, 8, 10, 12)
	op := operation(clientwire.Kind_KIND_SPEND)
	err := r.update(t, func(tx storage.Tx) error { return r.Prepare(tx, op, purse.Order{Exact: 1000, Fund: true}) })
	if err != nil {
		t.Fatal(err)
	}
	a := op.GetAttempts()[0]
	signed, err := transaction.Decode(a.GetTransaction())
	if err != nil {
		t.Fatal(err)
	}
	var nonces [][32]byte
	for _, in := range signed.Inputs() {
		note, err := mint.DecodeInput(in.Body)
		if err != nil {
			t.Fatal(err)
		}
		nonces = append(nonces, note.Nonce)
	}
	if err := transaction.VerifySignature(signed, r.f.Config.ID(), nonces); err != nil {
		t.Error(err)
	}
	for _, out := range signed.Outputs() {
		o, err := mint.DecodeOutput(out.Body)
		if err != nil || string(o.Tweak[:]) != string(a.GetTweak()) {
			t.Errorf("output with tweak %x: %v", o.Tweak, err)
		}
		if _, err := tbs.DecodeBlindNonce(o.BlindNonce); err != nil {
			t.Error(err)
		}
	}
	_, reserved := r.notes(t)
	if reserved == 0 || len(a.GetInputs()) != len(signed.Inputs()) {
		t.Errorf("%s reserved for %d inputs", reserved, len(signed.Inputs()))
	}
	snap, err := r.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	if got := book.Operation(snap, 1); len(got.GetAttempts()) != 1 {
		t.Error("the record was not written")
	}
}

// All attempts of one operation spend what the first one spent, so that at most
// one can be accepted; none of their outputs share a secret.
func TestAttemptsConflict(t *testing.T) {
	r := newRig(t)
	r.stock(t, 6, 8, 9, 11, 12)
	op := operation(clientwire.Kind_KIND_SPEND)
	orders := []purse.Order{{Exact: 1000, Fund: true}, {Exact: 1000, Fund: true}, {Cancels: true}}
	blinds := map[string]bool{}
	for _, o := range orders {
		if err := r.update(t, func(tx storage.Tx) error { return r.Prepare(tx, op, o) }); err != nil {
			t.Fatal(err)
		}
	}
	first := op.GetAttempts()[0].GetInputs()
	for i, a := range op.GetAttempts() {
		for _, nonce := range first {
			if !slices.ContainsFunc(a.GetInputs(), func(n []byte) bool { return string(n) == string(nonce) }) {
				t.Errorf("attempt %d does not spend %x", i, nonce)
			}
		}
		signed, err := transaction.Decode(a.GetTransaction())
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range signed.Outputs() {
			o, err := mint.DecodeOutput(out.Body)
			if err != nil {
				t.Fatal(err)
			}
			if blinds[string(o.BlindNonce)] {
				t.Error("a blind nonce is used twice")
			}
			blinds[string(o.BlindNonce)] = true
		}
	}
	if err := r.update(t, func(tx storage.Tx) error { r.Release(tx, op, false); return nil }); err != nil {
		t.Fatal(err)
	}
	if free, reserved := r.notes(t); reserved != 0 || free != 64+256+512+2048+4096 {
		t.Errorf("%s free and %s reserved after the release", free, reserved)
	}
}

// Doubtful notes are not spent again.
func TestDoubtfulNotesRest(t *testing.T) {
	r := newRig(t)
	r.stock(t, 10, 12)
	op := operation(clientwire.Kind_KIND_SPEND)
	if err := r.update(t, func(tx storage.Tx) error { return r.Prepare(tx, op, purse.Order{Exact: 4096, Fund: true}) }); err != nil {
		t.Fatal(err)
	}
	if err := r.update(t, func(tx storage.Tx) error { r.Release(tx, op, true); return nil }); err != nil {
		t.Fatal(err)
	}
	var short *notes.ShortError
	next := operation(clientwire.Kind_KIND_SPEND)
	next.Id = 2
	err := r.update(t, func(tx storage.Tx) error { return r.Prepare(tx, next, purse.Order{Exact: 1000, Fund: true}) })
	if !errors.As(err, &short) {
		t.Errorf("error %v", err)
	}
}

// Handing over takes exactly the amount out of the store, or nothing.
func TestHandOver(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(t *rapid.T) {
		r.store = memory.New()
		tiers := rapid.SliceOfN(rapid.Uint32Range(0, 8), 1, 6).Draw(t, "notes")
		ring := keys.NewRing(words, r.f.Config.ID())
		total := messages.Amount(0)
		signature := signaturePoint(t, r)
		err := r.store.Update(func(tx storage.Tx) error {
			for i, tier := range tiers {
				tweak := keys.Tweak{1, byte(i)}
				book.PutNote(tx, book.Note{Nonce: ring.Note(tweak, tier, 0).Nonce, Note: &clientwire.Note{Tier: tier, Tweak: tweak[:], Signature: signature}})
				total += notes.Worth(tier)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		amount := messages.Amount(rapid.Uint64Range(1, 600).Draw(t, "amount"))
		op := operation(clientwire.Kind_KIND_SPEND)
		handed := false
		if err := r.store.Update(func(tx storage.Tx) error { handed = r.HandOver(tx, op, amount); return nil }); err != nil {
			t.Fatal(err)
		}
		left := messages.Amount(0)
		snap, err := r.store.View()
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Release()
		for _, n := range book.Notes(snap) {
			left += notes.Worth(n.GetTier())
		}
		if !handed {
			if left != total {
				t.Fatalf("%s of %s left and nothing handed over", left, total)
			}
			return
		}
		tok, err := token.FromWire(op.GetNotes())
		if err != nil || tok.Amount() != amount || left != total-amount {
			t.Fatalf("%s handed over of %s, %s left: %v", tok.Amount(), amount, left, err)
		}
	})
}

var onePoint []byte

func signaturePoint(t *rapid.T, r *rig) []byte {
	if onePoint == nil {
		tok, err := token.Parse(r.f.Token(1))
		if err != nil {
			t.Fatal(err)
		}
		onePoint = tok.Notes[0].Signature.Bytes()
	}
	return onePoint
}

// H78: the original spent notes of others without looking at their signatures. Here
// they are verified before anything is sent.
func TestH78NotesOfOthersAreVerified(t *testing.T) {
	r := newRig(t)
	good, err := token.Parse(r.f.Token(5000))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(good); err != nil {
		t.Error(err)
	}
	other, err := token.Parse(r.f.Token(5000))
	if err != nil {
		t.Fatal(err)
	}
	forged := slices.Clone(good.Notes)
	forged[1].Signature = other.Notes[1].Signature
	dear := slices.Clone(good.Notes)
	dear[0].Tier++
	beyond := slices.Clone(good.Notes)
	beyond[0].Tier = 40
	for name, bad := range map[string]token.Token{
		"signature of another note": token.New(r.f.Config.ID(), forged),
		"note of another tier":      token.New(r.f.Config.ID(), dear),
		"no such tier":              token.New(r.f.Config.ID(), beyond),
		"another federation":        token.New(messages.FederationID{5}, good.Notes),
	} {
		if err := r.Check(bad); !errors.Is(err, token.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A spend learns with the release of what should have taken its notes back that whoever
// got them has cashed them.
func TestReleaseTellsTheParent(t *testing.T) {
	r := newRig(t)
	back := operation(clientwire.Kind_KIND_RECLAIM)
	back.Id, back.Parent = 2, 1
	back.State, back.Code = clientwire.State_STATE_FAILED, uint32(messages.RejectNoteSpent)
	var spend *clientwire.Operation
	if err := r.update(t, func(tx storage.Tx) error {
		book.Put(tx, &clientwire.Operation{Id: 1, Kind: clientwire.Kind_KIND_SPEND, State: clientwire.State_STATE_DONE})
		r.Release(tx, back, true)
		spend = book.Operation(tx, 1)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !spend.GetRedeemed() || spend.GetCancelled() {
		t.Errorf("the spend is redeemed: %v, cancelled: %v", spend.GetRedeemed(), spend.GetCancelled())
	}
}
