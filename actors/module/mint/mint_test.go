package mint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/actors/module/moduletest"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
	"minimint/storage/memory"
)

const members, threshold = 4, 3

// house is a mint with the secrets of all members, for tests only.
type house struct {
	random  *rand.ChaCha8
	tiers   []mint.Tier
	secrets [][]*tbs.SecretShare // by tier, by member
}

func newHouse(seed byte, exponents ...uint32) *house {
	h := &house{random: rand.NewChaCha8([32]byte{seed})}
	for _, e := range exponents {
		keys, secrets := tbstest.Tier(h.random, [32]byte{9}, threshold, members)
		h.tiers = append(h.tiers, mint.Tier{Exponent: e, Keys: keys})
		h.secrets = append(h.secrets, secrets)
	}
	return h
}

// member returns the module as one member runs it; -1 is an observer.
func (h *house) member(i int) *mint.Module {
	tiers := append([]mint.Tier(nil), h.tiers...)
	for j := range tiers {
		if i >= 0 {
			tiers[j].Secret = h.secrets[j][i]
		}
	}
	m, err := mint.New(mint.Config{Tiers: tiers, SpendFee: 3, IssueFee: 5, Rand: h.random})
	if err != nil {
		panic(err)
	}
	return m
}

// order is a request for a note, with what its owner knows.
type order struct {
	tier     int
	issuance *tbs.Issuance
	secret   *btcec.PrivateKey
}

func (h *house) order(tier int) order {
	var key [32]byte
	_, _ = h.random.Read(key[:])
	secret, public := btcec.PrivKeyFromBytes(key[:])
	r, err := bls.RandomScalar(h.random)
	if err != nil {
		panic(err)
	}
	issuance, err := tbs.NewIssuance(h.tiers[tier].Keys, tbs.Nonce(schnorr.SerializePubKey(public)), r)
	if err != nil {
		panic(err)
	}
	return order{tier: tier, issuance: issuance, secret: secret}
}

func (h *house) output(o order) []byte {
	return mint.Output{Tier: h.tiers[o.tier].Exponent, BlindNonce: o.issuance.BlindNonce().Bytes()}.Encode()
}

// note signs an order by the first members, without any state.
func (h *house) note(t *testing.T, o order) []byte {
	t.Helper()
	var answers []tbs.Answer
	for _, s := range h.secrets[o.tier][:threshold] {
		answers = append(answers, tbs.Answer{Index: s.Index(), Shares: []tbs.BlindShare{s.Sign(o.issuance.BlindNonce())}})
	}
	signatures, _, err := tbs.Finalize([]*tbs.Issuance{o.issuance}, answers, h.random)
	if err != nil {
		t.Fatal(err)
	}
	nonce := o.issuance.Note(signatures[0]).Nonce
	return mint.Input{Tier: h.tiers[o.tier].Exponent, Nonce: nonce, Signature: signatures[0]}.Encode()
}

func TestContract(t *testing.T) {
	h := newHouse(1, 0, 10)
	a, b := h.order(0), h.order(1)
	moduletest.Run(t, moduletest.Play{
		New: func() contract.Module { return h.member(0) },
		Scenes: []moduletest.Scene{
			{Output: h.output(a)}, {Output: h.output(b)}, {Input: h.note(t, a)}, {Input: h.note(t, b)}, {Output: h.output(h.order(1))},
		},
	})
}

func code(t *testing.T, err error) messages.RejectionCode {
	t.Helper()
	var r *messages.Rejection
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a rejection", err)
	}
	return r.Code
}

func verdict(m contract.Module, items contract.Items) messages.RejectionCode {
	if r := m.Check([]contract.Items{items})[0].Rejection; r != nil {
		return r.Code
	}
	return 0
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	h, other := newHouse(3, 4, 10), newHouse(4, 4, 10)
	m := h.member(0)
	o := h.order(0)
	good := h.note(t, o)
	asTier := func(tier uint32) []byte {
		in, err := mint.DecodeInput(good)
		if err != nil {
			t.Fatal(err)
		}
		in.Tier = tier
		return in.Encode()
	}
	identity := append([]byte{0xc0}, make([]byte, 47)...)
	for _, c := range []struct {
		name string
		in   contract.Items
		want messages.RejectionCode
	}{
		{"good", contract.Items{Inputs: [][]byte{good}, Outputs: [][]byte{h.output(o)}}, 0},
		{"a cheap note as a dear one", contract.Items{Inputs: [][]byte{asTier(10)}}, messages.RejectNoteInvalid},
		{"a tier that does not exist", contract.Items{Inputs: [][]byte{asTier(5)}}, messages.RejectTier},
		{"a tier beyond all", contract.Items{Inputs: [][]byte{asTier(42)}}, messages.RejectMalformed},
		{"a note of other members", contract.Items{Inputs: [][]byte{other.note(t, other.order(0))}}, messages.RejectNoteInvalid},
		{"nothing", contract.Items{Inputs: [][]byte{{}}}, messages.RejectMalformed},
		{"cut off", contract.Items{Inputs: [][]byte{good[:len(good)-1]}}, messages.RejectMalformed},
		{"output of no tier", contract.Items{Outputs: [][]byte{mint.Output{Tier: 5, BlindNonce: o.issuance.BlindNonce().Bytes()}.Encode()}}, messages.RejectTier},
		{"identity as a blind nonce", contract.Items{Outputs: [][]byte{mint.Output{Tier: 4, BlindNonce: identity}.Encode()}}, messages.RejectMalformed},
	} {
		if got := verdict(m, c.in); got != c.want {
			t.Errorf("%s: code %d, want %d", c.name, got, c.want)
		}
	}
}

// One bad transaction in a batch is found and does no harm to the others.
func TestCheckFindsTheBadTransaction(t *testing.T) {
	h, other := newHouse(5, 10), newHouse(6, 10)
	batch := make([]contract.Items, 5)
	for i := range batch {
		from := h
		if i == 3 {
			from = other
		}
		batch[i].Inputs = [][]byte{from.note(t, from.order(0))}
	}
	for i, v := range h.member(0).Check(batch) {
		if (v.Rejection != nil) != (i == 3) {
			t.Errorf("transaction %d: %v", i, v.Rejection)
		}
	}
}

func TestSpendIssueAndShares(t *testing.T) {
	h := newHouse(7, 10)
	store := memory.New()
	ov, env := open(t, store)
	observer := h.member(-1)
	o := h.order(0)
	at := messages.OutPoint{Tx: messages.Digest{1}, Index: 3}
	worth, err := observer.ApplyOutput(ov, env, at, h.output(o))
	if err != nil || worth.Amount != 1024 || worth.Fee != 5 {
		t.Fatalf("issue: %+v, %v", worth, err)
	}
	if _, err := observer.ApplyOutput(ov, env, messages.OutPoint{}, h.output(o)); code(t, err) != messages.RejectBlindNonceUsed {
		t.Errorf("blind nonce signed again: %v", err)
	}
	var answers []tbs.Answer
	for i := range members {
		b := h.member(i).Share(ov, at)
		share, err := tbs.DecodeBlindShare(b)
		if err != nil {
			t.Fatalf("share of member %d: %v", i, err)
		}
		answers = append(answers, tbs.Answer{Index: uint32(i + 1), Shares: []tbs.BlindShare{share}})
	}
	if observer.Share(ov, at) != nil || h.member(0).Share(ov, messages.OutPoint{}) != nil {
		t.Error("a share without a secret or without an output")
	}
	signatures, liars, err := tbs.Finalize([]*tbs.Issuance{o.issuance}, answers[1:], h.random)
	if err != nil || len(liars) > 0 {
		t.Fatalf("finalize: %v, liars %v", err, liars)
	}
	note := mint.Input{Tier: 10, Nonce: o.issuance.Note(signatures[0]).Nonce, Signature: signatures[0]}.Encode()
	if got := verdict(observer, contract.Items{Inputs: [][]byte{note}}); got != 0 {
		t.Fatalf("issued note refused: code %d", got)
	}
	if worth, err = observer.ApplyInput(ov, env, note); err != nil || worth.Amount != 1024 || worth.Fee != 3 {
		t.Fatalf("spend: %+v, %v", worth, err)
	}
	if _, err := observer.ApplyInput(ov, env, note); code(t, err) != messages.RejectNoteSpent {
		t.Errorf("spent again: %v", err)
	}
	if got := env.Total("liability/tier/10"); got != 0 {
		t.Errorf("liabilities of the tier are %d after issue and spend, want 0", got)
	}
}

func open(t *testing.T, store *memory.Store) (storage.Tx, *moduletest.Env) {
	t.Helper()
	snap, err := store.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(snap.Release)
	ov := storage.NewOverlay(snap)
	return storage.Scoped(ov, storage.Replicated("mint")), moduletest.NewEnv(ov)
}

// The log holds what was issued and spent, in order; a full slice has the hash
// that a wallet computes from the entries it downloaded.
func TestRecoverySlices(t *testing.T) {
	h := newHouse(8, 0)
	ov, env := open(t, memory.New())
	m := h.member(-1)
	body := h.output(h.order(0))
	out, err := mint.DecodeOutput(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range mint.SliceSize + 1 {
		binary.BigEndian.PutUint32(out.BlindNonce, uint32(i)) // Check is not asked here
		if _, err := m.ApplyOutput(ov, env, messages.OutPoint{Index: uint32(i)}, out.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	var entries [][]byte
	for from := uint64(0); len(entries) < mint.SliceSize+1; {
		answer, err := m.Query(ov, "slice", binary.BigEndian.AppendUint64(nil, from))
		if err != nil {
			t.Fatal(err)
		}
		w := new(mintwire.Slice)
		if err := canonical.Unmarshal(answer, w, 1<<20); err != nil || len(w.GetEntries()) == 0 {
			t.Fatalf("page at %d: %d entries, %v", from, len(w.GetEntries()), err)
		}
		for _, e := range w.GetEntries() {
			entries = append(entries, canonical.Marshal(e))
		}
		from += uint64(len(w.GetEntries()))
	}
	answer, err := m.Query(ov, "slices", make([]byte, 8))
	if err != nil {
		t.Fatal(err)
	}
	w := new(mintwire.Slices)
	if err := canonical.Unmarshal(answer, w, 1<<20); err != nil {
		t.Fatal(err)
	}
	want, err := mint.SliceHash(entries[:mint.SliceSize])
	if err != nil {
		t.Fatal(err)
	}
	if len(w.GetHashes()) != 1 || !bytes.Equal(w.GetHashes()[0], want[:]) || w.GetEntries() != mint.SliceSize+1 {
		t.Errorf("slices: %d hashes, %d entries; first %x, want %x", len(w.GetHashes()), w.GetEntries(), w.GetHashes(), want)
	}
	if _, err := m.Query(ov, "balances", nil); code(t, err) != messages.RejectUnknownQuery {
		t.Errorf("unknown query: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	h := newHouse(9, 0, 10)
	m := h.member(0)
	f.Add(h.output(h.order(0)), false)
	f.Add(h.output(h.order(1)), true)
	f.Add([]byte{8, 10}, true)
	f.Fuzz(func(t *testing.T, b []byte, input bool) {
		items := contract.Items{Outputs: [][]byte{b}}
		if input {
			items = contract.Items{Inputs: [][]byte{b}}
		}
		if m.Check([]contract.Items{items})[0].Rejection != nil {
			return
		}
		if input {
			t.Fatal("noise was taken for a note")
		}
		if out, err := mint.DecodeOutput(b); err != nil || !bytes.Equal(out.Encode(), b) {
			t.Fatalf("accepted output has another encoding: %v", err)
		}
	})
}
