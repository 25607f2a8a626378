// Package workload is what users of a simulated federation do: a module whose
// money costs no mathematics, and users who move it about, from a seed.
package workload

import (
	"bytes"
	"encoding/binary"
	"errors"

	"minimint/actors/module/contract"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/transaction"
	"minimint/storage"
)

// Kind is the kind of Coins.
const Kind messages.ModuleKind = "coins"

// Coins is a module for simulations: deposits come from nowhere, once for each
// id, and become coins that whoever knows their place can spend, once.
//
//	input   'd' id (16) amount (8)      a deposit
//	        's' txid (32) index (4)     a coin
//	output  amount (8) filler           a coin
//
// Its rules are those that matter to consensus: nothing is taken twice, and the
// order in which two transactions come decides which of them is accepted.
type Coins struct{}

var _ contract.Module = Coins{}

// Part is the module's part of a federation's configuration.
func Part() federation.Module { return federation.Module{Kind: Kind} }

// Make is a module port of a node.
func Make(m federation.Module) (contract.Module, error) {
	if m.Kind != Kind {
		return nil, errors.New("this world has no module " + string(m.Kind))
	}
	return Coins{}, nil
}

const (
	depositSize = 1 + 16 + 8
	spendSize   = 1 + 32 + 4
	amountSize  = 8
)

// Kind implements contract.Module.
func (Coins) Kind() messages.ModuleKind { return Kind }

// Check implements contract.Module.
func (Coins) Check(batch []contract.Items) []contract.Verdict {
	verdicts := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		v := &verdicts[i]
		v.Keys = make([][][32]byte, len(items.Inputs)) // none signs
		for j, b := range items.Inputs {
			deposit := len(b) == depositSize && b[0] == 'd'
			spend := len(b) == spendSize && b[0] == 's'
			switch {
			case !deposit && !spend:
				*v = contract.Verdict{Rejection: messages.Reject(messages.RejectMalformed, "input %d is neither deposit nor coin", j)}
			case deposit && amount(b[17:]) == 0:
				*v = contract.Verdict{Rejection: messages.Reject(messages.RejectMalformed, "input %d is a deposit of nothing", j)}
			}
		}
		for j, b := range items.Outputs {
			if len(b) < amountSize || amount(b) == 0 {
				*v = contract.Verdict{Rejection: messages.Reject(messages.RejectMalformed, "output %d is no coin", j)}
			}
		}
	}
	return verdicts
}

// amount reads 8 bytes; 0 stands for whatever is no amount.
func amount(b []byte) messages.Amount {
	a, err := messages.NewAmount(binary.BigEndian.Uint64(b))
	if err != nil {
		return 0
	}
	return a
}

// ApplyInput implements contract.Module.
func (Coins) ApplyInput(tx storage.Tx, env contract.Env, b []byte) (contract.Worth, error) {
	if b[0] == 'd' {
		if tx.Get(b[:17]) != nil {
			return contract.Worth{}, messages.Reject(messages.RejectPegInClaimed, "this deposit was claimed")
		}
		if !mutant.Removed(mutant.SpendOnce) {
			tx.Put(b[:17], []byte{})
		}
		env.Ledger().Asset("deposits", int64(amount(b[17:])))
		return contract.Worth{Amount: amount(b[17:])}, nil
	}
	coin := tx.Get(b)
	if len(coin) == 0 {
		return contract.Worth{}, messages.Reject(messages.RejectNoteSpent, "this coin is spent or was never there")
	}
	worth := amount(bytes.Clone(coin))
	if !mutant.Removed(mutant.SpendOnce) {
		tx.Put(b, []byte{})
	}
	env.Ledger().Liability("coins", -int64(worth))
	return contract.Worth{Amount: worth}, nil
}

// ApplyOutput implements contract.Module.
func (Coins) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, b []byte) (contract.Worth, error) {
	tx.Put(Spend(at).Body, b[:amountSize])
	env.Ledger().Liability("coins", int64(amount(b)))
	return contract.Worth{Amount: amount(b)}, nil
}

// ApplyItem implements contract.Module.
func (Coins) ApplyItem(storage.Tx, contract.Env, messages.PeerID, []byte) error {
	return &contract.Misbehaviour{Text: "coins have no consensus items"}
}

// EndEpoch implements contract.Module.
func (Coins) EndEpoch(storage.Tx, contract.Env) error { return nil }

// Deposit is an input.
func Deposit(id [16]byte, amount messages.Amount) transaction.Item {
	return transaction.Item{Kind: Kind, Body: binary.BigEndian.AppendUint64(append([]byte{'d'}, id[:]...), uint64(amount))}
}

// Spend is an input.
func Spend(at messages.OutPoint) transaction.Item {
	return transaction.Item{Kind: Kind, Body: binary.BigEndian.AppendUint32(append([]byte{'s'}, at.Tx[:]...), at.Index)}
}

// Coin is an output, with so many bytes more than it needs.
func Coin(amount messages.Amount, filler int) transaction.Item {
	return transaction.Item{Kind: Kind, Body: append(binary.BigEndian.AppendUint64(nil, uint64(amount)), make([]byte, filler)...)}
}

// Spent returns what an input takes that nobody may take again.
func Spent(input []byte) []byte {
	if len(input) == depositSize {
		return input[:17]
	}
	return input
}
