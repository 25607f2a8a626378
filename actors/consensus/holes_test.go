package consensus_test

// Holes of the original between the pool, what an epoch agrees on and a restart.

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/pool"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/wal"
)

// keyed is a deposit that a key must sign, with any fee and signature.
func keyed(t *testing.T, fee messages.Amount, spoil byte) *transaction.Transaction {
	t.Helper()
	secret, public := btcec.PrivKeyFromBytes([]byte{31: 9})
	d := transaction.Draft{
		Inputs:  []transaction.Item{{Kind: consensustest.Kind, Body: consensustest.Input('d', 1, 100, schnorr.SerializePubKey(public)...)}},
		Outputs: []transaction.Item{{Kind: consensustest.Kind, Body: consensustest.Output(1, 100)}}, Fee: fee,
	}
	sig, err := transaction.Sign(d, consensustest.Federation, []*btcec.PrivateKey{secret})
	if err != nil {
		t.Fatal(err)
	}
	sig[40] ^= spoil
	tx, err := transaction.Build(d, sig)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// In the original a member with a low id proposed a badly signed twin or an invalid rival, and every pool dropped the good transaction with it.
func TestH25BadTwinLeavesThePoolAlone(t *testing.T) {
	for name, bad := range map[string]*transaction.Transaction{
		"a badly signed twin": keyed(t, 0, 1), "an unbalanced rival": keyed(t, 7, 0), "both wrong": keyed(t, 7, 1),
	} {
		n := started(t, 4)
		good := keyed(t, 0, 0)
		n.accepted(good)
		for range 3 {
			n.agree(txs(bad))
		}
		if !n.pooled()[good.WitnessID()] || n.pooled()[bad.WitnessID()] {
			t.Fatalf("%s: the pool has %v", name, n.pooled())
		}
		n.restart(7)
		n.accepted(good) // and it can be submitted again
		n.tick(20)
		n.agree(txs(bad), n.contribution())
		n.read(func(r storage.Reader) {
			if _, ok := transition.FindAccepted(r, good.ID()); !ok {
				t.Errorf("%s: the good one is not accepted", name)
			}
			if _, refused := refusals.Find(r, good.WitnessID()); refused {
				t.Errorf("%s: the good one is called refused", name)
			}
		})
		n.alive()
	}
}

// The original stored submissions unchecked; one that could not be decoded ended each member at every start.
func TestH6PoolSurvivesWhatItHolds(t *testing.T) {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	n := newNode(t, stage, 1)
	// What no session would have passed on: its module cannot read it.
	unfit := consensustest.Build([][]byte{{1}}, consensustest.Output(1, 1))
	file, err := wal.Open(n.disk, "pool", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Append(append(make([]byte, 8), unfit.Bytes()...)), file.Sync(), file.Close()); err != nil {
		t.Fatal(err)
	}
	n.start()
	good := consensustest.Deposit('d', 1, 100)
	n.accepted(good)
	for seed := range uint64(3) {
		n.restart(seed)
		n.alive()
	}
	if !n.pooled()[good.WitnessID()] {
		t.Fatal("what was acknowledged is lost")
	}
	n.agree(n.contribution())
	n.alive()
	n.read(func(r storage.Reader) {
		if _, ok := transition.FindAccepted(r, good.ID()); !ok {
			t.Error("the good one is not accepted")
		}
	})
	if left := n.pooled(); len(left) != 0 {
		t.Errorf("%d wait after an epoch", len(left))
	}
}

// In the original nothing bounded what one client left in every member's pool.
func TestH11PoolOfOneNote(t *testing.T) {
	n := started(t, 1)
	held := 0
	for i := range uint64(50) {
		switch got := n.submit(consensustest.Build([][]byte{consensustest.Input('d', 1, 100)}, consensustest.Output(i, 100))); {
		case len(got) != 1:
			t.Fatalf("answers %+v", got)
		case got[0].Rejection == nil:
			held++
		case got[0].Rejection.Code != messages.RejectBusy || got[0].Rejection.Final:
			t.Fatalf("refused: %v", got[0].Rejection)
		}
	}
	if held != pool.MaxRivals || len(n.pooled()) != pool.MaxRivals {
		t.Errorf("%d ways to spend one deposit wait", held)
	}
	n.accepted(consensustest.Deposit('d', 2, 100)) // others are not kept out
}

// H43: the original proposed for an epoch before it had applied the one before, so what it
// owed by then was missing, and it was banned. Here a contribution is what this member owes
// after the newest commit, and none is given to an epoch beyond it.
func TestH43ContributionFollowsTheCommit(t *testing.T) {
	n := started(t, 4)
	next := n.position().Next
	n.hbbft.Take()
	n.tell(toconsensus.WantContribution{Epoch: next + 1})
	if got := consensustest.Of[tohbbft.Contribution](n.hbbft.Take()); len(got) != 0 {
		t.Errorf("contributes %+v to an epoch whose predecessor is not committed", got)
	}
	n.tell(toconsensus.ModuleItems{Kind: consensustest.Kind, Items: [][]byte{[]byte("owed before")}})
	n.agree(txs())
	if got := n.contribution(); len(got.Items) != 0 {
		t.Errorf("contributes what was owed before the commit: %+v", got.Items)
	}
	n.tell(toconsensus.ModuleItems{Kind: consensustest.Kind, Items: [][]byte{[]byte("owed after")}})
	if got := n.contribution(); len(got.Items) != 1 || string(got.Items[0].Body) != "owed after" {
		t.Errorf("contributes %+v", got.Items)
	}
}
