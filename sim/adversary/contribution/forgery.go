package contribution

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/fake"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/pegin"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/sim/workload"
)

// What a forger claims to have paid to the federation, and the fee that it offers.
const (
	forgedSats = 100_000_000
	forgedFee  = messages.Amount(1_000_000_000)
)

// Forgery claims deposits in blocks that are not bitcoin's: made with no work, but
// in perfect form, signed by the key that owns them. In every other epoch it
// claims more than was paid even there. It is a Liar.
func Forgery(f *federation.Config) Lie {
	lock, ok := lockOf(f)
	if !ok {
		return nil // a federation without bitcoin
	}
	made := uint64(0)
	return func(own outcome.Contribution) outcome.Contribution {
		made++
		amount, err := messages.FromSat(forgedSats)
		if err != nil {
			panic("contribution: " + err.Error())
		}
		own.Transactions = append(own.Transactions, forged(f, lock, made, amount<<(made%2)))
		return own
	}
}

// lockOf is how the federation's coins are locked; false if it has none.
func lockOf(f *federation.Config) (*descriptor.Descriptor, bool) {
	cfg, err := wallet.FromFederation(f)
	if err != nil {
		return nil, false
	}
	m, err := wallet.New(cfg)
	if err != nil {
		panic("contribution: " + err.Error())
	}
	return m.Descriptor(), true
}

// forged is a transaction that claims a deposit in a fork of bitcoin that nobody
// else has, for coins of this worth.
func forged(f *federation.Config, lock *descriptor.Descriptor, number uint64, worth messages.Amount) *transaction.Transaction {
	secret, public := btcec.PrivKeyFromBytes(binary.BigEndian.AppendUint64(make([]byte, 24), number))
	key := [32]byte(schnorr.SerializePubKey(public))
	script, err := lock.Lock(lock.Deposit(key))
	if err != nil {
		panic("contribution: " + err.Error())
	}
	fork := fake.New(&chaincfg.SimNetParams)
	fork.Mine(3)
	at := fork.Pay(script.PkScript, forgedSats)
	fork.Mine(1)
	proof, err := pegin.Build(lock, fork.Block(fork.Height()), at, key)
	if err != nil {
		panic("contribution: " + err.Error())
	}
	draft := transaction.Draft{
		Inputs:  []transaction.Item{{Kind: wallet.Kind, Body: proof.Bytes()}},
		Outputs: []transaction.Item{workload.Coin(worth-forgedFee, 0)}, Fee: forgedFee,
	}
	signature, err := transaction.Sign(draft, f.ID(), []*btcec.PrivateKey{secret})
	if err != nil {
		panic(fmt.Sprintf("contribution: %v", err))
	}
	tx, err := transaction.Build(draft, signature)
	if err != nil {
		panic(fmt.Sprintf("contribution: %v", err))
	}
	return tx
}
