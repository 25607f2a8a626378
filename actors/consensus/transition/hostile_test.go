package transition_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/bolt"
)

// What fails leaves nothing behind: no key, no fact, no booking, and no memory of
// a booking that could not be right.
func TestRefusedLeavesNoTrace(t *testing.T) {
	const mess = "put k publish n asset line 5 liability line 5"
	for _, end := range []string{
		"refuse", "fail x", "blame x", "nothing", "liability low -6", "asset high 9223372036854775807", "liability low -6 refuse", "liability low -6 blame x",
	} {
		s := newStage()
		s.run(t, txs(script(t, 0, "a: put before")))
		before, total := s.hash(t), s.audit(t)
		res := s.run(t, txs(script(t, 0, "a: "+mess+" -> b: "+mess+" "+end)))
		if len(res.Rejected) != 1 || res.Rejected[0].Rejection.Text == "" {
			t.Fatalf("transaction that ends in %q: %+v", end, res)
		}
		s.run(t, items("a", mess+" "+end), items("b", mess+" "+end))
		if s.hash(t) != before || s.audit(t) != total {
			t.Errorf("%q left a trace", end)
		}
		// Nothing of it is seen within the epoch either, whatever comes next.
		clean := script(t, 0, "a: unless n unless k -> b: unless n unless k")
		res = s.run(t, items("b", mess+" "+end), txs(script(t, 0, "b: "+mess+" "+end), clean))
		if len(res.Accepted) != 1 || res.Accepted[0] != clean.ID() {
			t.Errorf("%q was seen by the next transaction: %+v", end, res)
		}
	}
}

// An error without a value in it is a refusal: what was rolled back is not accepted.
func TestEmptyErrorIsNoAcceptance(t *testing.T) {
	s := newStage()
	tx := script(t, 0, "a: put k nothing")
	rejectedWith(t, s.run(t, txs(tx)), messages.RejectModuleOwn)
	if snap, err := s.store.View(); err != nil {
		t.Fatal(err)
	} else if r := s.t.Try(snap, 1, tx); r == nil || r.Code != messages.RejectModuleOwn {
		t.Errorf("try: %v", r)
	}
}

// H64: the original looked at the sum of everything after the commit. Here no sum, line
// or total leaves 0 … 2^63-1, in whatever steps it is tried, and liabilities never exceed
// assets, after any transaction.
func TestH64LedgerCannotBeEvaded(t *testing.T) {
	const most = "9223372036854775807"
	for name, steps := range map[string]string{
		"owing without having":         "liability l 1",
		"losing what is owed":          "asset l -1",
		"wrapping a line":              "asset l " + most + " asset l " + most + " asset l 2",
		"wrapping the total":           "asset l " + most + " asset m " + most,
		"wrapping liabilities":         "liability l " + most + " liability m " + most + " liability n 2",
		"less than nothing":            "asset have 10 liability l -1",
		"below zero and back":          "asset have 10 asset l -1 asset l 1",
		"far below zero":               "liability l -9223372036854775808 liability l -9223372036854775808",
		"one line pays for another":    "asset have 10 liability owed 10 liability forged -5",
		"overflow hidden by the end":   "asset l " + most + " asset l 1 asset l -1 asset l -" + most,
		"assets that do not cover all": "asset have 10 liability x 5 liability y 6",
	} {
		s := newStage()
		s.run(t, txs(script(t, 0, "a: asset base 7 liability base 7")))
		res := s.run(t, txs(script(t, 0, "a: "+steps), script(t, 0, "a: asset good 3 liability good 3")), items("a", steps))
		rejectedWith(t, res, messages.RejectInsolvent)
		if res.Rejected[0].Rejection.Final {
			t.Errorf("%s: refused for ever (H61: what the federation holds may grow)", name)
		}
		if len(res.Accepted) != 1 || s.audit(t) != (transition.Totals{Assets: 10, Liabilities: 10}) {
			t.Errorf("%s: %+v, then the next: %+v", name, s.audit(t), res.Accepted)
		}
	}
}

// H64: the epoch's end, too, stops the member before anything is committed, and names
// where.
func TestH64EndOfEpochStops(t *testing.T) {
	s := &world{t: transition.New(federation, []contract.Module{spender{puppet{"a", new(int)}}})}
	ov := storage.NewOverlay(newStage().view(t))
	if _, err := s.t.Apply(ov, outcome.Outcome{Epoch: 4}, nobody); err == nil || !strings.Contains(err.Error(), "epoch 4") {
		t.Errorf("got %v", err)
	}
}

type spender struct{ puppet }

func (spender) EndEpoch(_ storage.Tx, env contract.Env) error {
	env.Ledger().Liability("gift", 1)
	return nil
}

func nobody(messages.WitnessID) bool { return false }

func (w *world) view(t tb) storage.Snapshot {
	snap, err := w.store.View()
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// Whatever a module writes into a refusal, storage and wire can hold it.
func TestRefusalTextsFitStorageAndWire(t *testing.T) {
	s := newStage()
	var refusals []*messages.Rejection
	for _, text := range []string{"a: refuse", "a: fail x", "b: bad", "a: bad", "a: unfit"} {
		tx := script(t, 0, text)
		refusals = append(refusals, s.run(t, txs(tx)).Rejected[0].Rejection)
		if r := s.t.Check([]*transaction.Transaction{tx})[0]; r != nil {
			refusals = append(refusals, r)
		}
		if r := s.t.Try(s.view(t), s.epoch, tx); r != nil {
			refusals = append(refusals, r)
		}
	}
	for _, r := range refusals {
		if r.Code == 0 || len(r.Text) > messages.MaxRejectionText || !utf8.ValidString(r.Text) {
			t.Errorf("code %d, %d bytes, valid %v", r.Code, len(r.Text), utf8.ValidString(r.Text))
		}
		canonical.Marshal(&wire.Rejected{Code: uint32(r.Code), Text: r.Text})
	}
	for _, f := range s.run(t, items("a", "blame x"), items("b", "blame x")).Faults {
		if len(f.Text) > messages.MaxRejectionText || !utf8.ValidString(f.Text) {
			t.Errorf("fault of %d bytes, valid %v", len(f.Text), utf8.ValidString(f.Text))
		}
	}
}

// In the original one member's junk in an epoch had no bound: here its first bad item is the last that is looked at, and fills nobody's logs.
func TestH22FaultsAreBounded(t *testing.T) {
	s := newStage()
	var flood outcome.Contribution
	for i := range outcome.MaxModuleItems {
		flood.Items = append(flood.Items, transaction.Item{Kind: []messages.ModuleKind{"a", "nowhere"}[i%2], Body: []byte("blame x")})
	}
	res := s.run(t, txs(script(t, 0, "a: put x")), flood, items("a", "blame y"))
	of := map[messages.PeerID]int{}
	for _, f := range res.Faults {
		of[f.Peer]++
	}
	if of[0] != 0 || of[1] != 1 || of[2] != 1 || len(res.Faults) != 2 {
		t.Errorf("faults by member %v", of)
	}
	// A repetition that changes nothing blames nobody.
	again := items("a", "unless once put once", "unless once put once", "unless once put once")
	if res = s.run(t, again, again); len(res.Faults) != 0 {
		t.Errorf("%+v", res.Faults)
	}
}

// The original checked signatures of notes before anything cheap: noise cost as much as money.
func TestH29NoiseIsRefusedBeforeItCosts(t *testing.T) {
	for text, want := range map[string]int{"a: unfit": 0, "a: put x -> nowhere: x": 0, "a: put x -> b: bad": 1, "a: unfit -> b: put x": 0, "b: put x -> a: bad": 2} {
		s := newStage()
		if r := s.t.Check([]*transaction.Transaction{script(t, 0, text)})[0]; r == nil || s.checked != want {
			t.Errorf("%s: %v after checking %d items, want %d", text, r, s.checked, want)
		}
	}
	signed, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{{Kind: "a", Body: []byte("put x")}}}, make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	s := newStage()
	if r := s.t.Check([]*transaction.Transaction{signed})[0]; r == nil || r.Code != messages.RejectSignature || s.checked != 0 {
		t.Errorf("badly signed: %v after checking %d items", r, s.checked)
	}
}

// In the original a member could propose any number of transactions that all had to verify in vain.
func TestH29BadTransactionsEndTheirContribution(t *testing.T) {
	s := newStage()
	var bad, good outcome.Contribution
	for i := range 1000 {
		bad.Transactions = append(bad.Transactions, script(t, 0, fmt.Sprintf("a: bad put x%d", i)))
	}
	first, last := script(t, 0, "a: put first"), script(t, 0, "a: put last")
	bad.Transactions[3] = first
	bad.Transactions = append(bad.Transactions, last)
	good.Transactions = append(good.Transactions, script(t, 0, "a: put good"))
	res := s.run(t, bad, good, bad)
	if len(res.Accepted) != 2 || res.Accepted[0] != first.ID() || res.Accepted[1] != good.Transactions[0].ID() {
		t.Errorf("accepted %v", res.Accepted)
	}
	if s.checked > 40 || len(res.Rejected) > 40 {
		t.Errorf("%d items checked, %d forms refused", s.checked, len(res.Rejected))
	}
	blamed := map[messages.PeerID]bool{}
	for _, f := range res.Faults {
		blamed[f.Peer] = true
	}
	if !blamed[0] || blamed[1] || !blamed[2] {
		t.Errorf("blamed %v", blamed)
	}
}

// In the original a twin passed for the good transaction, as its id had no signature: here no form borrows the verdict of another one that was checked before.
func TestH25VerdictsAreNotBorrowed(t *testing.T) {
	good := newWorld(vault{}).build(t, 0, [][]byte{body('d', 1, 100, newWorld(vault{}).key)}, [][]byte{body('w', 1, 100, newWorld(vault{}).key)})
	d := transaction.Draft{Inputs: good.Inputs(), Outputs: good.Outputs(), Fee: good.Fee()}
	var twins outcome.Contribution
	for i := range 20 {
		sig := append([]byte(nil), good.Signature()...)
		sig[i] ^= 1
		twin, err := transaction.Build(d, sig)
		if err != nil {
			t.Fatal(err)
		}
		twins.Transactions = append(twins.Transactions, twin)
	}
	for name, verified := range map[string]func(messages.WitnessID) bool{
		"nothing verified": nobody,
		"the good one verified": func(id messages.WitnessID) bool {
			return id == good.WitnessID() || id == good.ID()
		},
	} {
		w := newWorld(vault{})
		o := outcome.Outcome{Contributions: []outcome.Member{{Peer: 0, Contribution: twins.Encode()}, {Peer: 1, Contribution: txs(good, twins.Transactions[0]).Encode()}}}
		ov := storage.NewOverlay(w.view(t))
		res, err := w.t.Apply(ov, o, verified)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Accepted) != 1 || len(res.Rejected) != 20 || len(res.Faults) == 0 {
			t.Errorf("%s: accepted %d, rejected %d, faults %d", name, len(res.Accepted), len(res.Rejected), len(res.Faults))
		}
	}
}

// H66: the original applied one transaction once for each proposer, or panicked over it.
// The owner of the keys can sign the same transaction in many forms. One is accepted; the
// others, now and later, have no effect and are no rejection.
func TestH66OtherFormsOfAnAcceptedTransaction(t *testing.T) {
	w := newWorld(vault{})
	d := transaction.Draft{
		Inputs:  []transaction.Item{{Kind: "vault", Body: body('d', 1, 100, w.key)}},
		Outputs: []transaction.Item{{Kind: "vault", Body: body('w', 1, 100, w.key)}},
	}
	digest := transaction.SigningDigest(federation, d.ID())
	secret := aggregated(w)
	var forms []*transaction.Transaction
	for i := range 3 {
		sig, err := schnorr.Sign(secret, digest[:], schnorr.CustomNonce([32]byte{byte(i + 1)}))
		if err != nil {
			t.Fatal(err)
		}
		tx, err := transaction.Build(d, sig.Serialize())
		if err != nil {
			t.Fatal(err)
		}
		forms = append(forms, tx)
	}
	res := w.run(t, txs(forms[0], forms[1]), txs(forms[1]))
	if len(res.Accepted) != 1 || len(res.Rejected)+len(res.Faults) != 0 {
		t.Fatalf("%+v", res)
	}
	before := w.hash(t)
	if res = w.run(t, txs(forms...)); len(res.Accepted)+len(res.Rejected)+len(res.Faults) != 0 || w.hash(t) != before {
		t.Errorf("later: %+v", res)
	}
}

// aggregated is the secret key of the aggregate of the world's one key (BIP 327),
// with which its owner can sign by a nonce of his choice.
func aggregated(w *world) *btcec.PrivateKey {
	point := append([]byte{2}, w.key[:]...)
	list := chainhash.TaggedHash([]byte("KeyAgg list"), point)
	var coefficient btcec.ModNScalar
	coefficient.SetByteSlice(chainhash.TaggedHash([]byte("KeyAgg coefficient"), list[:], point)[:])
	secret := w.secret.Key
	if w.secret.PubKey().SerializeCompressed()[0] == 3 {
		secret.Negate()
	}
	return btcec.PrivKeyFromScalar(secret.Mul(&coefficient))
}

// A transaction of another federation, whose modules and keys are the same.
func TestNoReplayInAnotherFederation(t *testing.T) {
	w, other := newWorld(vault{}), newWorld(vault{})
	other.t = transition.New(messages.FederationID{8}, []contract.Module{vault{}})
	tx := w.build(t, 0, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 100, w.key)})
	rejectedWith(t, other.run(t, txs(tx)), messages.RejectSignature)
}

// A transaction without outputs leaves a record of no bytes in epoch 0, which is
// a record all the same.
func TestAcceptedWithoutOutputs(t *testing.T) {
	disk, err := bolt.Open(filepath.Join(t.TempDir(), "state"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	s := newStage()
	tx := script(t, 5, "a: worth 5 asset have 5")
	for name, store := range map[string]storage.Store{"memory": s.store, "bolt": disk} {
		apply := func() transition.Result {
			snap, err := store.View()
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Release()
			ov := storage.NewOverlay(snap)
			res, err := s.t.Apply(ov, outcome.Outcome{Contributions: []outcome.Member{{Contribution: txs(tx).Encode()}}}, nobody)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
				t.Fatal(err)
			}
			return res
		}
		if res := apply(); len(res.Accepted) != 1 {
			t.Fatalf("%s: %+v", name, res)
		}
		if res := apply(); len(res.Accepted)+len(res.Rejected) != 0 {
			t.Errorf("%s: decided twice: %+v", name, res)
		}
		snap, err := store.View()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := transition.FindAccepted(snap, tx.ID()); !ok || got.Epoch != 0 || len(got.Outputs) != 0 {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
		if sum, lines := transition.Audit(snap); sum.Liabilities != 5 || len(lines) != 2 || lines[1].Name != "fees" {
			t.Errorf("%s: the fee is booked as %+v, %+v", name, sum, lines)
		}
		snap.Release()
	}
}

// The order in which a program lists its modules is its own affair.
func TestOrderOfModulesIsFixed(t *testing.T) {
	n := 0
	list := []contract.Module{puppet{"c", &n}, shy{puppet{"a", &n}}, puppet{"b", &n}}
	var hashes [][32]byte
	for range list {
		list = append(list[1:], list[0])
		w := &world{t: transition.New(federation, list), store: newStage().store}
		w.run(t, txs(script(t, 0, "c: put c -> a: put a; b: put b")), items("b", "publish n"))
		hashes = append(hashes, w.hash(t))
	}
	if hashes[0] != hashes[1] || hashes[1] != hashes[2] {
		t.Error("the state depends on the order of modules")
	}
}

// Members would diverge if contributions came in another order.
func TestContributionsMustAscend(t *testing.T) {
	for _, peers := range [][]messages.PeerID{{1, 0}, {2, 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v: no panic", peers)
				}
			}()
			s := newStage()
			_, _ = s.t.Apply(storage.NewOverlay(s.view(t)), outcome.Outcome{Contributions: []outcome.Member{{Peer: peers[0]}, {Peer: peers[1]}}}, nobody)
		}()
	}
}
