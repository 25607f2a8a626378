package clienttest

import (
	"encoding/binary"
	"fmt"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/purse"
	"minimint/actors/client/token"
	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// faucetKind names the module.
const faucetKind messages.ModuleKind = "faucet"

// Faucet is a module whose inputs bring money out of nowhere: 8 bytes of amount.
// No client knows it; [Federation.Token] uses it.
type Faucet struct{}

// Kind implements contract.Module.
func (Faucet) Kind() messages.ModuleKind { return faucetKind }

// Check implements contract.Module.
func (Faucet) Check(batch []contract.Items) []contract.Verdict {
	verdicts := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		verdicts[i].Keys = make([][][32]byte, len(items.Inputs)) // none signs
	}
	return verdicts
}

// ApplyInput implements contract.Module.
func (Faucet) ApplyInput(_ storage.Tx, env contract.Env, body []byte) (contract.Worth, error) {
	amount := messages.Amount(binary.BigEndian.Uint64(body))
	env.Ledger().Asset("spring", int64(amount))
	return contract.Worth{Amount: amount}, nil
}

// ApplyOutput implements contract.Module.
func (Faucet) ApplyOutput(storage.Tx, contract.Env, messages.OutPoint, []byte) (contract.Worth, error) {
	return contract.Worth{}, messages.Reject(messages.RejectModuleOwn, "the faucet takes nothing")
}

// ApplyItem implements contract.Module.
func (Faucet) ApplyItem(storage.Tx, contract.Env, messages.PeerID, []byte) error { return nil }

// EndEpoch implements contract.Module.
func (Faucet) EndEpoch(storage.Tx, contract.Env) error { return nil }

// Token makes notes of exactly amount, as if somebody had handed them over.
func (f *Federation) Token(amount messages.Amount) string {
	text, err := f.token(amount)
	if err != nil {
		panic(fmt.Sprintf("clienttest: token of %s: %v", amount, err))
	}
	return text
}

// Spoil has somebody else pay for the very notes that tx asks for, so that tx finds
// its blind nonces used (V6). It may only be called by Screen.
func (f *Federation) Spoil(tx *transaction.Transaction) {
	d := transaction.Draft{}
	sum := messages.Amount(0)
	for _, it := range tx.Outputs() {
		out, err := mint.DecodeOutput(it.Body)
		if err != nil {
			panic(fmt.Sprintf("clienttest: %v", err))
		}
		d.Outputs = append(d.Outputs, it)
		sum += mint.Amount(out.Tier)
	}
	d.Fee = 1 << 20
	d.Inputs = []transaction.Item{{Kind: faucetKind, Body: binary.BigEndian.AppendUint64(nil, uint64(sum+d.Fee))}}
	copied, err := transaction.Build(d, nil)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	f.apply(outcome.Contribution{Transactions: []*transaction.Transaction{copied}}, 0)
}

func (f *Federation) token(amount messages.Amount) (string, error) {
	words, err := keys.NewWords(f.rng)
	if err != nil {
		return "", err
	}
	p := purse.New(purse.Config{Federation: f.Config.ID(), Mint: f.mint, Ring: keys.NewRing(words, f.Config.ID()), Random: f.rng})
	op := &clientwire.Operation{Kind: clientwire.Kind_KIND_SPEND, State: clientwire.State_STATE_PENDING, Id: 1, AmountMsat: uint64(amount)}
	tiers, err := p.Terms().Exact(amount)
	if err != nil {
		return "", err
	}
	extra := amount + p.Terms().Issue*messages.Amount(len(tiers)) // so that there is no change
	store := memory.New()
	spring := purse.Extra{Item: transaction.Item{Kind: faucetKind, Body: binary.BigEndian.AppendUint64(nil, uint64(extra))}, Amount: extra}
	err = store.Update(func(tx storage.Tx) error {
		book.AddTweak(tx, keys.Tweak([]byte(words)[:16])) // which saves grinding one
		return p.Prepare(tx, op, purse.Order{Inputs: []purse.Extra{spring}, Exact: amount})
	})
	if err != nil {
		return "", err
	}
	signed, err := transaction.Decode(op.GetAttempts()[0].GetTransaction())
	if err != nil {
		return "", err
	}
	if r := f.submit(f.Members[0], signed); r != nil {
		return "", r
	}
	h := p.Harvest(op.GetAttempts()[0])
	for i, m := range f.Members {
		shares := make([][]byte, len(signed.Outputs()))
		for j, o := range m.status(signed.ID(), signed.WitnessID()).GetAccepted().GetOutputs() {
			shares[j] = o.GetShare()
		}
		if _, err := h.Add(messages.PeerID(i), shares); err != nil {
			return "", err
		}
	}
	err = store.Update(func(tx storage.Tx) error { p.Settle(tx, op, h); return nil })
	if err != nil {
		return "", err
	}
	t, err := token.FromWire(op.GetNotes())
	return t.String(), err
}

// committed tells sessions that there is a new epoch.
type committed struct{}
