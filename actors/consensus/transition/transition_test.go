package transition_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"pgregory.net/rapid"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

// vault is a module whose inputs bring money from outside once each, and whose
// outputs keep it under a key until that key takes it. Bodies: an input is
// 'd' ‖ id ‖ amount ‖ key (a deposit) or 'w' ‖ id ‖ amount ‖ key (takes an output); an
// output is id ‖ amount ‖ key. An item 'o' ‖ amount is one that over-issues.
type vault struct{ fee messages.Amount }

const bodySize = 1 + 8 + 8 + 32

func (vault) Kind() messages.ModuleKind { return "vault" }

func body(letter byte, id uint64, amount messages.Amount, key [32]byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte{letter}, id)
	b = binary.BigEndian.AppendUint64(b, uint64(amount))
	return append(b, key[:]...)
}

func parse(b []byte) (letter byte, id uint64, amount messages.Amount, key [32]byte) {
	return b[0], binary.BigEndian.Uint64(b[1:]), messages.Amount(binary.BigEndian.Uint64(b[9:])), [32]byte(b[17:])
}

func (vault) Check(batch []contract.Items) []contract.Verdict {
	out := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		for _, b := range append(append([][]byte(nil), items.Inputs...), items.Outputs...) {
			if len(b) != bodySize {
				out[i].Rejection = messages.Reject(messages.RejectMalformed, "%d bytes", len(b))
			}
		}
		for _, b := range items.Inputs {
			if len(b) == bodySize {
				_, _, _, key := parse(b)
				out[i].Keys = append(out[i].Keys, [][32]byte{key})
			}
		}
	}
	return out
}

func (v vault) ApplyInput(tx storage.Tx, env contract.Env, b []byte) (contract.Worth, error) {
	letter, id, amount, key := parse(b)
	slot := binary.BigEndian.AppendUint64([]byte{letter}, id)
	if letter == 'd' {
		if tx.Get(slot) != nil {
			return contract.Worth{}, messages.Reject(messages.RejectPegInClaimed, "deposited before")
		}
		tx.Put(slot, []byte{})
		env.Ledger().Asset("coins", int64(amount))
		return contract.Worth{Amount: amount, Fee: v.fee}, nil
	}
	if string(tx.Get(slot)) != string(body('w', id, amount, key)) {
		return contract.Worth{}, messages.Reject(messages.RejectNoteSpent, "nothing there")
	}
	tx.Delete(slot)
	env.Ledger().Liability("held", -int64(amount))
	return contract.Worth{Amount: amount, Fee: v.fee}, nil
}

func (v vault) ApplyOutput(tx storage.Tx, env contract.Env, _ messages.OutPoint, b []byte) (contract.Worth, error) {
	_, id, amount, key := parse(b)
	slot := binary.BigEndian.AppendUint64([]byte{'w'}, id)
	if tx.Get(slot) != nil {
		return contract.Worth{}, messages.Reject(messages.RejectDuplicate, "taken")
	}
	tx.Put(slot, body('w', id, amount, key))
	env.Ledger().Liability("held", int64(amount))
	return contract.Worth{Amount: amount, Fee: v.fee}, nil
}

func (vault) ApplyItem(tx storage.Tx, env contract.Env, _ messages.PeerID, b []byte) error {
	if len(b) == 9 && b[0] == 'o' {
		tx.Put([]byte("over"), b)
		env.Ledger().Liability("held", int64(binary.BigEndian.Uint64(b[1:])))
		return nil
	}
	return &contract.Misbehaviour{Text: "no such item"}
}

func (vault) EndEpoch(storage.Tx, contract.Env) error { return nil }

// greedy is a vault whose outputs book less than they give: it would make money.
type greedy struct{ vault }

func (g greedy) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, b []byte) (contract.Worth, error) {
	w, err := g.vault.ApplyOutput(tx, env, at, b)
	env.Ledger().Liability("held", 1)
	return w, err
}

var federation = messages.FederationID{7}

// world is a federation's state and the keys of one user.
type world struct {
	t      *transition.Transition
	store  *memory.Store
	epoch  messages.Epoch
	secret *btcec.PrivateKey
	key    [32]byte
}

func newWorld(m contract.Module) *world {
	secret, public := btcec.PrivKeyFromBytes([]byte{31: 5})
	return &world{
		t: transition.New(federation, []contract.Module{m}), store: memory.New(), secret: secret,
		key: [32]byte(schnorr.SerializePubKey(public)),
	}
}

type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func (w *world) build(t tb, fee messages.Amount, inputs, outputs [][]byte) *transaction.Transaction {
	t.Helper()
	d := transaction.Draft{Fee: fee}
	var secrets []*btcec.PrivateKey
	for _, b := range inputs {
		d.Inputs = append(d.Inputs, transaction.Item{Kind: "vault", Body: b})
		secrets = append(secrets, w.secret)
	}
	for _, b := range outputs {
		d.Outputs = append(d.Outputs, transaction.Item{Kind: "vault", Body: b})
	}
	sig, err := transaction.Sign(d, federation, secrets)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := transaction.Build(d, sig)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// run applies one epoch in which member i contributes contributions[i].
func (w *world) run(t tb, contributions ...outcome.Contribution) transition.Result {
	t.Helper()
	o := outcome.Outcome{Epoch: w.epoch}
	for i, c := range contributions {
		o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: c.Encode()})
	}
	return w.apply(t, o)
}

func (w *world) apply(t tb, o outcome.Outcome) transition.Result {
	t.Helper()
	snap, err := w.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	ov := storage.NewOverlay(snap)
	res, err := w.t.Apply(ov, o, func(messages.WitnessID) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	w.epoch++
	return res
}

func (w *world) audit(t tb) transition.Totals {
	t.Helper()
	snap, err := w.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	totals, _ := transition.Audit(snap)
	return totals
}

func txs(list ...*transaction.Transaction) outcome.Contribution {
	return outcome.Contribution{Transactions: list}
}

func rejectedWith(t *testing.T, res transition.Result, want ...messages.RejectionCode) {
	t.Helper()
	if len(res.Rejected) != len(want) {
		t.Fatalf("%d rejections, want %d: %+v", len(res.Rejected), len(want), res.Rejected)
	}
	for i, r := range res.Rejected {
		if r.Rejection.Code != want[i] {
			t.Errorf("rejection %d: %v, want code %d", i, r.Rejection, want[i])
		}
	}
}

func TestLaterTransactionsSeeEarlierOnes(t *testing.T) {
	w := newWorld(vault{})
	deposit := w.build(t, 0, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 100, w.key)})
	pay := w.build(t, 0, [][]byte{body('w', 1, 100, w.key)}, [][]byte{body('w', 2, 100, w.key)})
	double := w.build(t, 0, [][]byte{body('w', 1, 100, w.key)}, [][]byte{body('w', 3, 100, w.key)})
	// Every member proposes what it has; copies are applied once.
	res := w.run(t, txs(deposit, pay), txs(deposit, pay, double), txs(double))
	if len(res.Accepted) != 2 {
		t.Fatalf("accepted %d, want deposit and payment", len(res.Accepted))
	}
	rejectedWith(t, res, messages.RejectNoteSpent)
	if got := w.audit(t); got != (transition.Totals{Assets: 100, Liabilities: 100}) {
		t.Errorf("audit %+v", got)
	}
	// An accepted transaction stays accepted, in whatever form it comes again.
	if res = w.run(t, txs(pay)); len(res.Accepted)+len(res.Rejected) != 0 {
		t.Errorf("accepted transaction had an effect again: %+v", res)
	}
}

func TestFunding(t *testing.T) {
	w := newWorld(vault{fee: 2})
	res := w.run(t, txs(
		w.build(t, 4, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 97, w.key)}),
		w.build(t, 3, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 97, w.key)}),
		w.build(t, 40, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 60, w.key)}),
	))
	rejectedWith(t, res, messages.RejectUnbalanced, messages.RejectFeeTooLow)
	if len(res.Accepted) != 1 {
		t.Fatal("a fee beyond the least must be accepted (H15)")
	}
	if got := w.audit(t); got != (transition.Totals{Assets: 100, Liabilities: 100}) {
		t.Errorf("fees must be booked: audit %+v", got)
	}
}

// H64: a transaction that would make the original insolvent was committed, and halted
// every node for ever. Here it is rolled back and refused.
func TestH64InsolvencyIsRolledBack(t *testing.T) {
	w := newWorld(greedy{})
	res := w.run(t,
		txs(w.build(t, 0, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 100, w.key)})),
		outcome.Contribution{Items: []transaction.Item{{Kind: "vault", Body: append([]byte{'o'}, 0, 0, 0, 0, 0, 0, 0, 9)}}},
	)
	rejectedWith(t, res, messages.RejectInsolvent)
	if got := w.audit(t); got != (transition.Totals{}) {
		t.Errorf("audit %+v", got)
	}
	// What failed has not spoiled what comes after it.
	if res = w.run(t, txs(w.build(t, 0, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 100, w.key)}))); len(res.Rejected) != 1 {
		t.Errorf("%+v", res)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	w := newWorld(vault{})
	o := outcome.Outcome{Contributions: []outcome.Member{
		{Peer: 0, Contribution: []byte{1, 2, 3}},
		{Peer: 1}, // empty: could not be opened, which is no fault here
		{Peer: 2, Contribution: outcome.Contribution{Items: []transaction.Item{{Kind: "nowhere"}, {Kind: "vault", Body: []byte("x")}}}.Encode()},
	}}
	res := w.apply(t, o)
	var peers []messages.PeerID
	for _, f := range res.Faults {
		peers = append(peers, f.Peer)
	}
	if len(peers) != 2 || peers[0] != 0 || peers[1] != 2 {
		t.Errorf("faults %+v", res.Faults)
	}
}

func TestUnknownModule(t *testing.T) {
	w := newWorld(vault{})
	tx, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{{Kind: "nowhere"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rejectedWith(t, w.run(t, txs(tx)), messages.RejectUnknownModule)
	if r := w.t.Check([]*transaction.Transaction{tx})[0]; r == nil || r.Code != messages.RejectUnknownModule {
		t.Errorf("check: %v", r)
	}
}

func TestTryTellsWithoutChanging(t *testing.T) {
	w := newWorld(vault{})
	deposit := w.build(t, 0, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 1, 100, w.key)})
	try := func() *messages.Rejection {
		snap, err := w.store.View()
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Release()
		return w.t.Try(snap, w.epoch, deposit)
	}
	if r := try(); r != nil {
		t.Fatal(r)
	}
	if r := try(); r != nil {
		t.Fatalf("the first try left a trace: %v", r)
	}
	w.run(t, txs(deposit))
	if r := try(); r != nil {
		t.Fatalf("an accepted transaction is no rejection (H66): %v", r)
	}
	again := w.build(t, 0, [][]byte{body('d', 1, 100, w.key)}, [][]byte{body('w', 2, 100, w.key)})
	deposit = again
	if r := try(); r == nil || r.Code != messages.RejectPegInClaimed {
		t.Fatalf("got %v", r)
	}
}

// Conservation and Determinism: whatever is proposed, nothing is made or lost,
// and two members that see the same outcomes have the same state.
func TestConservationAndDeterminism(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := newWorld(vault{}), newWorld(vault{})
		amounts := rapid.SampledFrom([]messages.Amount{1, 2, 50})
		ids := rapid.Uint64Range(0, 4)
		for range rapid.IntRange(1, 5).Draw(t, "epochs") {
			var contributions []outcome.Contribution
			for range rapid.IntRange(1, 3).Draw(t, "members") {
				var c outcome.Contribution
				for range rapid.IntRange(0, 3).Draw(t, "transactions") {
					amount := amounts.Draw(t, "amount")
					letter := rapid.SampledFrom([]byte{'d', 'w'}).Draw(t, "letter")
					tx := a.build(t, 0, [][]byte{body(letter, ids.Draw(t, "from"), amount, a.key)}, [][]byte{body('w', ids.Draw(t, "to"), amount, a.key)})
					c.Transactions = append(c.Transactions, tx)
				}
				contributions = append(contributions, c)
			}
			ra, rb := a.run(t, contributions...), b.run(t, contributions...)
			if len(ra.Accepted) != len(rb.Accepted) {
				t.Fatalf("accepted %d and %d", len(ra.Accepted), len(rb.Accepted))
			}
		}
		if ha, hb := a.hash(t), b.hash(t); ha != hb {
			t.Fatalf("states differ: %x, %x", ha[:4], hb[:4])
		}
		totals := a.audit(t)
		if totals.Assets != totals.Liabilities {
			t.Fatalf("audit %+v", totals)
		}
	})
}

func (w *world) hash(t tb) [32]byte {
	snap, err := w.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	h := statehash.Compute(snap)
	return h.Sum()
}

func TestTwoModulesOfOneKindPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	transition.New(federation, []contract.Module{vault{}, vault{}})
}

func TestRejectionsAreTyped(t *testing.T) {
	w := newWorld(vault{})
	unsigned, err := transaction.Build(transaction.Draft{
		Inputs:  []transaction.Item{{Kind: "vault", Body: body('d', 1, 1, w.key)}},
		Outputs: []transaction.Item{{Kind: "vault", Body: body('w', 1, 1, w.key)}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	short, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{{Kind: "vault", Body: []byte{1}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []messages.RejectionCode{messages.RejectSignature, messages.RejectMalformed} {
		r := w.t.Check([]*transaction.Transaction{unsigned, short})[i]
		if r == nil || r.Code != want || !r.Final || r.Text == "" {
			t.Errorf("transaction %d: %v, want code %d", i, r, want)
		}
		var typed *messages.Rejection
		if !errors.As(error(r), &typed) {
			t.Error("a rejection is an error value")
		}
	}
}
