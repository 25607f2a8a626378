package node_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/wallet"
	"minimint/actors/node/nodetest"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// Four real nodes reveal the preimage of an offer that was announced and bought
// with a deposit: shares are proposed by themselves, agreed on, and combined alike.
func TestNodesRevealPreimages(t *testing.T) {
	h := newHouseOf(t, 4, nodetest.Terms{More: []federation.Module{
		{Kind: lightning.Kind, Genesis: lightning.Genesis(), Terms: lightning.Config{Fees: lightning.Fees{Contract: 10, Offer: 10, Claim: 10}}.Terms()},
	}})
	c := h.connect(0)
	ring := h.newRing()
	proof, key := h.deposit(ring, 5250)
	awaitBlock(c, h.chain.Height()-2)
	cfg, err := lightning.FromFederation(h.federation.Config)
	must(t, err)
	public := [32]byte(schnorr.SerializePubKey(key.PubKey()))
	preimage := [32]byte{'p'}
	offer, err := terms.Seal(rand.Reader, cfg.Seal, terms.Offer{
		Amount: 1_000_000, ClaimKey: public, Expiry: h.chain.Height() + 100,
	}, preimage)
	must(t, err)
	id := offer.ID(h.federation.Config.ID())
	draft := transaction.Draft{
		Inputs: []transaction.Item{{Kind: wallet.Kind, Body: proof.Bytes()}},
		Outputs: []transaction.Item{
			{Kind: lightning.Kind, Body: terms.Output{Offer: &offer}.Encode()}, {Kind: lightning.Kind, Body: terms.Output{Purchase: &terms.Purchase{Offer: id, RefundKey: public}}.Encode()},
		},
		Fee: proof.Amount() - offer.Amount,
	}
	signature, err := transaction.Sign(draft, h.federation.Config.ID(), []*btcec.PrivateKey{key})
	must(t, err)
	tx, err := transaction.Build(draft, signature)
	must(t, err)
	if r := c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: tx.Bytes()}}}); r.GetSubmitted() == nil {
		t.Fatalf("submission: %v", r)
	}
	for i := range h.nodes {
		s := awaitContract(t, h.connect(i), h.federation.Config.ID(), id)
		if s.Preimage == nil || *s.Preimage != preimage || s.FundedBy != (messages.OutPoint{Tx: tx.ID(), Index: 1}) {
			t.Errorf("node %d: %+v", i, s)
		}
	}
}

// awaitContract asks until an offer is decrypted.
func awaitContract(t *testing.T, c *nodetest.Caller, federation messages.FederationID, id terms.ID) lightning.Status {
	t.Helper()
	body := lightning.ContractRequest(id)
	for deadline := time.Now().Add(patience); ; {
		r := c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: &wire.Query{Module: string(lightning.Kind), Method: "contract", Body: body}}})
		if b := r.GetAnswer().GetBody(); b != nil {
			s, err := lightning.ReadStatus(federation, id, b)
			must(t, err)
			if s.State == lightningwire.State_STATE_VALID {
				return s
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("contract: %v", r)
		}
	}
}
