package mint_test

import (
	"encoding/binary"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

// till is how money comes into these tests and leaves them: an input is a
// deposit, taken once under its number; an output is a payout. Bodies are number
// and amount, 8 bytes each. Tills name no keys and ask no fees.
type till struct{}

const tillKind messages.ModuleKind = "till"

func tillBody(number uint64, amount messages.Amount) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, number), uint64(amount))
}

func (till) Kind() messages.ModuleKind { return tillKind }

func (till) Check(batch []contract.Items) []contract.Verdict {
	out := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		out[i].Keys = make([][][32]byte, len(items.Inputs))
		for _, b := range append(append([][]byte(nil), items.Inputs...), items.Outputs...) {
			if len(b) != 16 {
				out[i] = contract.Verdict{Rejection: messages.Reject(messages.RejectMalformed, "%d bytes", len(b))}
			}
		}
	}
	return out
}

func (till) ApplyInput(tx storage.Tx, env contract.Env, b []byte) (contract.Worth, error) {
	if tx.Get(b[:8]) != nil {
		return contract.Worth{}, messages.Reject(messages.RejectPegInClaimed, "deposited before")
	}
	tx.Put(b[:8], []byte{})
	amount := binary.BigEndian.Uint64(b[8:])
	env.Ledger().Asset("till", int64(amount))
	return contract.Worth{Amount: messages.Amount(amount)}, nil
}

func (till) ApplyOutput(_ storage.Tx, env contract.Env, _ messages.OutPoint, b []byte) (contract.Worth, error) {
	amount := binary.BigEndian.Uint64(b[8:])
	env.Ledger().Asset("till", -int64(amount))
	return contract.Worth{Amount: messages.Amount(amount)}, nil
}

func (till) ApplyItem(storage.Tx, contract.Env, messages.PeerID, []byte) error {
	return &contract.Misbehaviour{Text: "a till agrees on nothing"}
}

func (till) EndEpoch(storage.Tx, contract.Env) error { return nil }

// homeID is the federation of every house.
var homeID = messages.FederationID{9}

// federation is a till, a mint and a state.
type federation struct {
	house *house
	core  *transition.Transition
	store *memory.Store
	epoch messages.Epoch
}

func found(h *house) *federation {
	return &federation{house: h, core: transition.New(homeID, []contract.Module{till{}, h.member(-1)}), store: memory.New()}
}

type fatal interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func deposit(number uint64, amount messages.Amount) transaction.Item {
	return transaction.Item{Kind: tillKind, Body: tillBody(number, amount)}
}

func minted(body []byte) transaction.Item { return transaction.Item{Kind: mint.Kind, Body: body} }

// pay builds a transaction that is signed by the secrets of its notes.
func pay(t fatal, d transaction.Draft, secrets ...*btcec.PrivateKey) *transaction.Transaction {
	t.Helper()
	sig, err := transaction.Sign(d, homeID, secrets)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := transaction.Build(d, sig)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// run applies one epoch; list i is what member i proposes.
func (f *federation) run(t fatal, lists ...[]*transaction.Transaction) transition.Result {
	t.Helper()
	o := outcome.Outcome{Epoch: f.epoch}
	for i, list := range lists {
		o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: outcome.Contribution{Transactions: list}.Encode()})
	}
	return f.apply(t, o, func(messages.WitnessID) bool { return false })
}

func (f *federation) apply(t fatal, o outcome.Outcome, verified func(messages.WitnessID) bool) transition.Result {
	t.Helper()
	snap := f.view(t)
	defer snap.Release()
	ov := storage.NewOverlay(snap)
	res, err := f.core.Apply(ov, o, verified)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	f.epoch = o.Epoch + 1
	return res
}

func (f *federation) view(t fatal) storage.Snapshot {
	t.Helper()
	snap, err := f.store.View()
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func (f *federation) hash(t fatal) [32]byte {
	t.Helper()
	snap := f.view(t)
	defer snap.Release()
	h := statehash.Compute(snap)
	return h.Sum()
}

func (f *federation) audit(t fatal) transition.Totals {
	t.Helper()
	snap := f.view(t)
	defer snap.Release()
	sum, _ := transition.Audit(snap)
	return sum
}

// codes returns the codes of all refusals, in order.
func codes(res transition.Result) (out []messages.RejectionCode) {
	for _, r := range res.Rejected {
		out = append(out, r.Rejection.Code)
	}
	return out
}

func wantCodes(t *testing.T, what string, res transition.Result, want ...messages.RejectionCode) {
	t.Helper()
	got := codes(res)
	same := len(got) == len(want)
	for i := range got {
		same = same && got[i] == want[i]
	}
	if !same {
		t.Errorf("%s: refused with codes %v, want %v", what, got, want)
	}
}
