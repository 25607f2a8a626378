package node_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/purse"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/actors/node/nodetest"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/memory"
)

// H52: the original forgot at a restart that there was work. Here two of four members
// hold a transaction that they could not agree on; all are restarted, and it is decided
// although nobody submits it again or ever told the others of it.
func TestH52PooledTransactionIsDecidedAfterAFullRestart(t *testing.T) {
	h := newHouse(t, 4)
	holders := []*nodetest.Caller{h.connect(0), h.connect(1)}
	tx := h.claim()
	for _, c := range holders {
		awaitBlock(c, h.chain.Height()-2)
	}
	h.stop(2)
	h.stop(3)
	for i, c := range holders {
		if r := c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: tx.Bytes()}}}); r.GetSubmitted() == nil {
			t.Fatalf("node %d answers %v", i, r)
		}
	}
	h.stop(0)
	h.stop(1)
	for i := range h.nodes {
		h.start(i)
	}
	for i := range h.nodes {
		awaitAccepted(h.connect(i), tx)
	}
}

// H53: after a restart of all members the original began with epoch 0 again, in the same
// session, so common coins that everybody had seen decided anew. Here epochs go on where
// they were.
func TestH53EpochsGoOnAfterAFullRestart(t *testing.T) {
	h := newHouse(t, 4)
	connect := func() (all []*nodetest.Caller) {
		for i := range h.nodes {
			all = append(all, h.connect(i))
		}
		return all
	}
	h.chain.Mine(5)
	before := h.sameState(connect(), 1)
	for range 2 {
		for i := range h.nodes {
			h.stop(i)
		}
		for i := range h.nodes {
			h.start(i)
		}
		clients := connect()
		for i, c := range clients {
			if got := c.Info().GetNextEpoch(); got < before {
				t.Errorf("node %d starts at epoch %d after %d", i, got, before)
			}
		}
		h.chain.Mine(5)
		before = h.sameState(clients, before+1)
	}
}

// deposit pays one, buries it, and returns the proof that claims it, with its key.
func (h *house) deposit(ring *keys.Ring, sats int64) (*pegin.Proof, *btcec.PrivateKey) {
	h.t.Helper()
	terms, err := wallet.FromFederation(h.federation.Config)
	must(h.t, err)
	lock, err := descriptor.New(descriptor.Config{Federation: h.federation.Config.ID(), Network: terms.Network, Keys: terms.Keys, Threshold: terms.Threshold})
	must(h.t, err)
	key := ring.Deposit(0)
	public := [32]byte(schnorr.SerializePubKey(key.PubKey()))
	address, err := pegin.Address(lock, public)
	must(h.t, err)
	script, err := txscript.PayToAddrScript(address)
	must(h.t, err)
	h.chain.Mine(1) // somebody must have bitcoin to pay with
	h.chain.Pay(script, sats)
	h.chain.Mine(1)
	block := h.chain.Block(h.chain.Height())
	h.chain.Mine(4)
	places, err := pegin.Find(lock, block, public)
	must(h.t, err)
	proof, err := pegin.Build(lock, block, places[0], public)
	must(h.t, err)
	return proof, key
}

// newRing are keys of somebody new.
func (h *house) newRing() *keys.Ring {
	h.t.Helper()
	words, err := keys.NewWords(rand.Reader)
	must(h.t, err)
	return keys.NewRing(words, h.federation.Config.ID())
}

// claim pays a deposit, buries it, and makes the transaction that claims it for notes.
func (h *house) claim() *transaction.Transaction {
	h.t.Helper()
	const sats, fee = 5250, 1_055_696 // leaves four notes of 2^20 msat
	ring := h.newRing()
	proof, key := h.deposit(ring, sats)
	id := h.federation.Config.ID()
	mintTerms, err := mint.FromFederation(h.federation.Config)
	must(h.t, err)
	p := purse.New(purse.Config{Federation: id, Mint: mintTerms, Ring: ring, Random: rand.Reader})
	op := &clientwire.Operation{Id: 1, Kind: clientwire.Kind_KIND_CLAIM, State: clientwire.State_STATE_PENDING}
	must(h.t, memory.New().Update(func(tx storage.Tx) error {
		book.AddTweak(tx, keys.Tweak{1})
		return p.Prepare(tx, op, purse.Order{Inputs: []purse.Extra{{
			Item: transaction.Item{Kind: wallet.Kind, Body: proof.Bytes()}, Amount: proof.Amount(), Fee: fee, Key: key,
		}}})
	}))
	tx, err := transaction.Decode(op.GetAttempts()[0].GetTransaction())
	must(h.t, err)
	return tx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// awaitBlock asks until the federation has agreed on a height.
func awaitBlock(c *nodetest.Caller, height uint32) {
	c.Helper()
	for deadline := time.Now().Add(patience); ; {
		r := c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: &wire.Query{Module: string(wallet.Kind), Method: "height"}}})
		seen := new(walletwire.Height)
		must(c, canonical.Unmarshal(r.GetAnswer().GetBody(), seen, 100))
		if seen.GetHeight() >= height {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("agreed on height %d, want %d", seen.GetHeight(), height)
		}
	}
}

// awaitAccepted asks until a transaction is accepted.
func awaitAccepted(c *nodetest.Caller, tx *transaction.Transaction) {
	c.Helper()
	id, witness := tx.ID(), tx.WitnessID()
	for deadline := time.Now().Add(patience); ; {
		r := c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Await{Await: &wire.Await{Txid: id[:], WitnessId: witness[:], WaitMs: 1000}}})
		if accepted := r.GetStatus().GetAccepted(); accepted != nil {
			if len(accepted.GetOutputs()) != len(tx.Outputs()) || bytes.Equal(accepted.GetOutputs()[0].GetShare(), nil) {
				c.Errorf("accepted with outputs %v", accepted.GetOutputs())
			}
			return
		}
		if r.GetStatus() == nil || time.Now().After(deadline) {
			c.Fatalf("status %v", r)
		}
	}
}
