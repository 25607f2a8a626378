// Package consensustest helps to test actors around a processor: a module with
// simple rules, and an actor system in which everything that a message causes has
// happened when Send returns.
package consensustest

import (
	"bytes"
	"encoding/binary"
	"errors"

	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// Kind is the kind of a Vault.
const Kind messages.ModuleKind = "vault"

// Federation is the id that Sign uses.
var Federation = messages.FederationID{7}

// A Vault is a module whose inputs bring money from outside and whose outputs
// keep it. An input is a letter, an id and an amount, and then the key that
// must sign, if any; an output is an id, an amount, and then anything.
//
//	'd'  deposits once per id
//	'g'  deposits once per id, after the item "open"
//
// Items are remembered; "bad" is a misbehaviour, "halt" makes the end of the epoch
// fail, and "panic" panics.
type Vault struct {
	// Shares counts how often Share was called.
	Shares int
}

const inputSize = 1 + 8 + 8

// Kind implements contract.Module.
func (*Vault) Kind() messages.ModuleKind { return Kind }

// Check implements contract.Module.
func (*Vault) Check(batch []contract.Items) []contract.Verdict {
	out := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		for _, b := range items.Outputs {
			if len(b) < inputSize-1 {
				out[i].Rejection = messages.Reject(messages.RejectMalformed, "output of %d bytes", len(b))
			}
		}
		for _, b := range items.Inputs {
			switch len(b) {
			case inputSize:
				out[i].Keys = append(out[i].Keys, nil)
			case inputSize + 32:
				out[i].Keys = append(out[i].Keys, [][32]byte{[32]byte(b[inputSize:])})
			default:
				out[i].Rejection = messages.Reject(messages.RejectMalformed, "input of %d bytes", len(b))
			}
		}
	}
	return out
}

// ApplyInput implements contract.Module.
func (*Vault) ApplyInput(tx storage.Tx, env contract.Env, b []byte) (contract.Worth, error) {
	slot := b[:9]
	if b[0] == 'g' && tx.Get([]byte("item/open")) == nil {
		return contract.Worth{}, messages.RejectForNow(messages.RejectBlockUnknown, "not open yet")
	}
	if tx.Get(slot) != nil {
		// The text is as long as it may be and ends within a character.
		return contract.Worth{}, messages.Reject(messages.RejectPegInClaimed, "%s", bytes.Repeat([]byte("é"), messages.MaxRejectionText))
	}
	tx.Put(slot, []byte{})
	amount := binary.BigEndian.Uint64(b[9:])
	env.Ledger().Asset("coins", int64(amount))
	return contract.Worth{Amount: messages.Amount(amount)}, nil
}

// ApplyOutput implements contract.Module.
func (*Vault) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, b []byte) (contract.Worth, error) {
	tx.Put(outputKey(at), b)
	amount := binary.BigEndian.Uint64(b[8:])
	env.Ledger().Liability("held", int64(amount))
	return contract.Worth{Amount: messages.Amount(amount)}, nil
}

// ApplyItem implements contract.Module.
func (*Vault) ApplyItem(tx storage.Tx, _ contract.Env, _ messages.PeerID, b []byte) error {
	key := append([]byte("item/"), b...)
	switch {
	case string(b) == "bad":
		return &contract.Misbehaviour{Text: "a bad item"}
	case string(b) == "panic":
		panic("consensustest: told to")
	case tx.Get(key) != nil:
		return messages.Reject(messages.RejectItemWithoutValue, "there already")
	}
	tx.Put(key, []byte{1})
	return nil
}

// EndEpoch implements contract.Module.
func (*Vault) EndEpoch(tx storage.Tx, _ contract.Env) error {
	if tx.Get([]byte("item/halt")) != nil {
		return errors.New("told to halt")
	}
	return nil
}

// Propose implements contract.Proposer: what the service saw, until it is agreed.
func (*Vault) Propose(r storage.Reader, seen []byte) [][]byte {
	if len(seen) == 0 || r.Get(append([]byte("item/"), seen...)) != nil {
		return nil
	}
	return [][]byte{seen}
}

// Query implements contract.Querier: "item" says whether one is agreed, "fail"
// fails, "panic" panics, anything else is refused.
func (*Vault) Query(r storage.Reader, method string, body []byte) ([]byte, error) {
	switch method {
	case "item":
		return r.Get(append([]byte("item/"), body...)), nil
	case "fail":
		return []byte("half an answer"), errors.New("told to fail")
	case "panic":
		panic("consensustest: told to")
	}
	return nil, messages.Reject(messages.RejectUnknownQuery, "no query %q", method)
}

// Outcome implements contract.Answerer.
func (*Vault) Outcome(r storage.Reader, at messages.OutPoint) []byte { return r.Get(outputKey(at)) }

// Share implements contract.Answerer.
func (v *Vault) Share(r storage.Reader, at messages.OutPoint) []byte {
	v.Shares++
	if r.Get(outputKey(at)) == nil {
		return nil
	}
	return []byte("share of " + at.String())
}

func outputKey(at messages.OutPoint) []byte { return append([]byte("out/"), at.String()...) }

// Input returns the body of an input.
func Input(letter byte, id, amount uint64, key ...byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte{letter}, id)
	return append(binary.BigEndian.AppendUint64(b, amount), key...)
}

// Output returns the body of an output.
func Output(id, amount uint64, filler ...byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, id)
	return append(binary.BigEndian.AppendUint64(b, amount), filler...)
}

// Deposit returns a transaction with one input and one output, without keys.
// Different amounts make different transactions of one deposit.
func Deposit(letter byte, id, amount uint64) *transaction.Transaction {
	return Build([][]byte{Input(letter, id, amount)}, Output(id, amount))
}

// Build returns a transaction without keys.
func Build(inputs [][]byte, outputs ...[]byte) *transaction.Transaction {
	var d transaction.Draft
	for _, b := range inputs {
		d.Inputs = append(d.Inputs, transaction.Item{Kind: Kind, Body: b})
	}
	for _, b := range outputs {
		d.Outputs = append(d.Outputs, transaction.Item{Kind: Kind, Body: b})
	}
	tx, err := transaction.Build(d, nil)
	if err != nil {
		panic("consensustest: " + err.Error())
	}
	return tx
}
