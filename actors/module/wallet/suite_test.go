package wallet_test

import (
	"testing"

	"minimint/actors/module/contract"
	"minimint/actors/module/moduletest"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// The contract suite of modules, over a whole life: votes, claim, peg-out,
// signatures, burial. A first federation lives it, so that there is something
// to sign and to bury; its items are the play.
func TestContractSuite(t *testing.T) {
	f := newFederation(t)
	f.run(nil)
	claim := f.deposit(1, 400_000)
	out := wallet.PegOut{Address: home, Sats: 100_000, MaxFeeSats: 5000}
	const outputScene = needed + 1
	at := messages.OutPoint{Tx: messages.TxID{0, outputScene + 1}, Index: outputScene + 1} // as the suite counts
	if _, _, err := f.withdrawAt(at, out); err != nil {
		t.Fatal(err)
	}
	var signatures []moduletest.Scene
	for p := range messages.PeerID(needed) {
		signatures = append(signatures, moduletest.Scene{Item: f.modules[p].Propose(f.state(), nil)[0], From: p})
	}
	f.run(nil)
	f.broadcast()
	f.world.Mine(1 + delay)
	f.run(map[messages.PeerID]edit{0: votesOnly, 1: votesOnly, 2: votesOnly, 3: votesOnly})
	burial := f.modules[0].Propose(f.state(), f.see(f.nodes[0]))[0]

	votes := &walletwire.Observation{BaseHeight: birthday - 1, FeeRate: 2000}
	for h := uint32(birthday); h <= f.height(); h++ {
		hash := hashAt(f.world, h)
		votes.NextHashes = append(votes.NextHashes, hash[:])
	}
	var scenes []moduletest.Scene
	for p := range messages.PeerID(needed) {
		scenes = append(scenes, moduletest.Scene{Item: observation(votes), From: p})
	}
	scenes = append(scenes, moduletest.Scene{Input: f.proof(1, claim).Bytes()}, moduletest.Scene{Output: out.Bytes()})
	scenes = append(append(scenes, signatures...), moduletest.Scene{Item: burial, From: 3})
	moduletest.Run(t, moduletest.Play{
		New: func() contract.Module {
			m, err := wallet.New(config())
			if err != nil {
				t.Fatal(err)
			}
			return m
		},
		Scenes: scenes,
	})
}

// Whatever bytes a client or a member sends, the module answers with a verdict.
func FuzzApply(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add(seed)
	}
	// A state with a coin and a payment that wants signatures.
	fed := newFederation(f)
	fed.run(nil)
	fed.deposit(1, 90_000)
	fed.deposit(1, 80_000)
	if _, _, err := fed.withdraw(wallet.PegOut{Address: home, Sats: 10_000, MaxFeeSats: 3000}); err != nil {
		f.Fatal(err)
	}
	for _, item := range fed.modules[0].Propose(fed.state(), nil) {
		f.Add(item)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tx := fed.states[members]
		mark := tx.Savepoint()
		defer tx.Rollback(mark)
		v := fed.check(contract.Items{Inputs: [][]byte{body}})
		if v.Rejection == nil && len(v.Keys) != 1 {
			t.Errorf("input without verdict: %+v", v)
		}
		if v = fed.check(contract.Items{Outputs: [][]byte{body}}); v.Rejection == nil {
			_, _ = fed.observer().ApplyOutput(tx, newEnv(), messages.OutPoint{}, body)
		}
		_ = fed.observer().ApplyItem(tx, newEnv(), 0, body)
		for _, method := range []string{"quote", "block"} {
			_, _ = fed.observer().Query(fed.state(), method, body)
		}
	})
}

func fuzzSeeds() [][]byte {
	hash := make([]byte, 32)
	hash[0] = 1
	item := func(i *walletwire.Item) []byte { return canonical.Marshal(i) }
	return [][]byte{
		nil, wallet.PegOut{Address: home, Sats: 1000, MaxFeeSats: 500}.Bytes(),
		item(&walletwire.Item{Kind: &walletwire.Item_Observation{Observation: &walletwire.Observation{BaseHeight: birthday - 1, NextHashes: [][]byte{hash}, FeeRate: 3000}}}),
		item(&walletwire.Item{Kind: &walletwire.Item_Signatures{Signatures: &walletwire.Signatures{Txid: hash, Signatures: [][]byte{make([]byte, 64)}}}}),
		item(&walletwire.Item{Kind: &walletwire.Item_Burial{Burial: &walletwire.Burial{Txid: hash, Inclusion: &walletwire.Inclusion{Header: make([]byte, 80)}}}}),
		canonical.Marshal(&walletwire.PegInProof{LockVersion: 1, Inclusion: &walletwire.Inclusion{Header: make([]byte, 80)}, TweakKey: hash}),
		canonical.Marshal(&walletwire.QuoteRequest{Address: home, Sats: 1000}),
	}
}
