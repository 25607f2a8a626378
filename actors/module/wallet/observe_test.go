package wallet_test

import (
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
)

func observation(o *walletwire.Observation) []byte {
	return canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Observation{Observation: o}})
}

// next is a vote for the blocks that a chain has above the agreed height.
func (f *federation) next(blocks int) *walletwire.Observation {
	base, hash := f.observer().AgreedTip(f.state())
	o := &walletwire.Observation{BaseHeight: base}
	if base >= birthday {
		o.BaseHash = hash[:]
	}
	for i := range blocks {
		h := hashAt(f.world, base+1+uint32(i))
		o.NextHashes = append(o.NextHashes, h[:])
	}
	return o
}

func TestAgreementNeedsEqualVotesOfThreshold(t *testing.T) {
	f := newFederation(t)
	vote := f.next(1)
	for p := range messages.PeerID(needed) {
		if f.height() != birthday-1 {
			t.Fatalf("height %d agreed after %d votes", f.height(), p)
		}
		if err := f.item(p, observation(vote)); err != nil {
			t.Fatal(err)
		}
	}
	if f.height() != birthday {
		t.Fatalf("height %d after %d votes", f.height(), needed)
	}
	if hash, ok := wallet.BlockAt(f.state(), birthday); !ok || hash != hashAt(f.world, birthday) {
		t.Errorf("agreed on %s", hash)
	}
	// The last one comes late; repeated it says nothing new.
	if err := f.item(3, observation(vote)); err != nil {
		t.Fatal(err)
	}
	f.epoch++
	wantCode(t, f.item(3, observation(vote)), messages.RejectItemWithoutValue, true)
}

func TestSplitVotesAgreeOnNothingAndCanBeReplaced(t *testing.T) {
	f := newFederation(t)
	vote := f.next(1)
	other := f.next(1)
	other.NextHashes[0] = make([]byte, 32)
	other.NextHashes[0][0] = 1
	for p, o := range []*walletwire.Observation{vote, vote, other, other} {
		if err := f.item(messages.PeerID(p), observation(o)); err != nil {
			t.Fatal(err)
		}
	}
	if f.height() != birthday-1 {
		t.Fatalf("height %d agreed by two against two", f.height())
	}
	f.epoch++
	if err := f.item(2, observation(vote)); err != nil {
		t.Fatal(err)
	}
	if f.height() != birthday {
		t.Errorf("height %d after a member changed its vote", f.height())
	}
}

func TestManyBlocksAreAgreedInOrder(t *testing.T) {
	f := newFederation(t)
	f.world.Mine(60)
	epochs := f.run(nil)
	want := f.world.Height() - delay
	if f.height() != want {
		t.Fatalf("height %d, want %d", f.height(), want)
	}
	for h := uint32(birthday); h <= want; h++ {
		if hash, ok := wallet.BlockAt(f.state(), h); !ok || hash != hashAt(f.world, h) {
			t.Fatalf("block %s at height %d", hash, h)
		}
	}
	if most := 61/chainview.MaxBlocks + 2; epochs > most {
		t.Errorf("%d epochs for 61 blocks, want %d at most", epochs, most)
	}
}

// One member cannot stuff an epoch with observations.
func TestSecondObservationOfAnEpochIsMisbehaviour(t *testing.T) {
	f := newFederation(t)
	o := f.next(0)
	o.FeeRate = 1000
	if err := f.item(0, observation(o)); err != nil {
		t.Fatal(err)
	}
	o.FeeRate = 90_000
	wantMisbehaviour(t, f.item(0, observation(o)))
	f.epoch++
	if err := f.item(0, observation(o)); err != nil {
		t.Error(err)
	}
	if f.height() != birthday-1 || f.summary().GetFeeRate() != 2000 {
		t.Errorf("height %d, fee rate %d: one member decided", f.height(), f.summary().GetFeeRate())
	}
}

// Heights that shrink at a node are neither a panic nor agreed.
func TestShrinkingHeightsStallOnly(t *testing.T) {
	f := newFederation(t)
	f.mine(5)
	before := f.height()
	for _, n := range f.nodes {
		n.SetLag(7)
	}
	if n := f.run(nil); n != 0 || f.height() != before {
		t.Fatalf("%d epochs, height %d after %d", n, f.height(), before)
	}
	for _, n := range f.nodes {
		n.SetLag(0)
	}
	f.mine(1)
	if f.height() != before+1 {
		t.Errorf("height %d, want %d", f.height(), before+1)
	}
}

// H51: the original panicked over a bitcoin node that was dead or behind. Here such
// nodes do no harm; n−f live ones are enough.
func TestH51DeadNodeDoesNotStopAgreement(t *testing.T) {
	f := newFederation(t)
	f.run(nil)
	f.nodes[1].SetDown(true)
	f.mine(3)
	if f.height() != birthday+3 {
		t.Fatalf("height %d with one dead node", f.height())
	}
	f.nodes[2].SetDown(true)
	f.mine(3)
	if f.height() != birthday+3 {
		t.Fatalf("height %d agreed by two nodes", f.height())
	}
	f.nodes[1].SetDown(false)
	f.run(nil)
	if f.height() != birthday+6 {
		t.Errorf("height %d after one came back", f.height())
	}
}

// H51: the original panicked over a shallow fork. A reorganisation below the finality
// delay changes nothing that counts.
func TestH51ReorgBelowFinalityDelayIsHarmless(t *testing.T) {
	f := newFederation(t)
	f.mine(4)
	f.world.Reorg(delay, delay+2)
	f.run(nil)
	if f.summary().GetDepositsFrozen() {
		t.Error("deposits are frozen")
	}
	for h := uint32(birthday); h <= f.height(); h++ {
		if hash, _ := wallet.BlockAt(f.state(), h); hash != hashAt(f.world, h) {
			t.Errorf("block %s at height %d, chain has %s", hash, h, hashAt(f.world, h))
		}
	}
}

// H51: the original agreed on heights alone, so members on different forks diverged
// unseen. Here nodes that see an agreed block orphaned freeze deposits; f of them do
// not; the state stays the same at all members, and thaws when n−f have the
// agreed chain again.
func TestH51OrphanedBlockFreezesDeposits(t *testing.T) {
	f := newFederation(t)
	f.mine(4)
	at := f.pay(1, 400_000)
	other := f.world.Fork()
	other.Reorg(4, 8)
	f.mine(1 + delay)
	proof := f.proof(1, at)

	f.nodes[0].Follow(other)
	f.run(nil)
	if f.summary().GetDepositsFrozen() {
		t.Fatal("one member froze deposits")
	}
	f.nodes[1].Follow(other)
	f.run(nil)
	if !f.summary().GetDepositsFrozen() {
		t.Fatal("two of four members see another chain and deposits are not frozen")
	}
	_, err := f.claim(proof.Bytes())
	wantCode(t, err, messages.RejectDepositsFrozen, false)
	before := f.height()
	f.world.Mine(3)
	other.Mine(3)
	if f.run(nil); f.height() != before {
		t.Errorf("height went from %d to %d while the members were split", before, f.height())
	}

	f.nodes[0].Follow(f.world)
	f.run(nil)
	if f.summary().GetDepositsFrozen() {
		t.Fatal("still frozen, though three members have the agreed chain")
	}
	if _, err := f.claim(proof.Bytes()); err != nil {
		t.Error(err)
	}
	if want := f.world.Height() - delay; f.height() != want {
		t.Errorf("height %d, want %d", f.height(), want)
	}
}

func TestFeeRateIsTheMedianOfEnoughMembers(t *testing.T) {
	f := newFederation(t)
	for i, step := range []struct{ rate, want uint64 }{
		{100_000, 2000}, // one and two members decide nothing
		{100_000, 2000},
		{3000, 100_000}, // three do; the median lies between honest values if one lies
		{4000, 100_000},
	} {
		o := f.next(0)
		o.FeeRate = step.rate
		if err := f.item(messages.PeerID(i), observation(o)); err != nil {
			t.Fatal(err)
		}
		if got := f.summary().GetFeeRate(); got != step.want {
			t.Errorf("fee rate %d after %d members, want %d", got, i+1, step.want)
		}
	}
	// Member 0 has no estimate any more and speaks for the default of 2000.
	f.epoch++
	if err := f.item(0, observation(f.next(0))); err != nil {
		t.Fatal(err)
	}
	if got := f.summary().GetFeeRate(); got != 4000 {
		t.Errorf("fee rate %d of 2000, 100000, 3000, 4000", got)
	}
}

func TestObservationsThatNoCorrectMemberSends(t *testing.T) {
	f := newFederation(t)
	f.run(nil)
	base, hash := f.observer().AgreedTip(f.state())
	for name, o := range map[string]*walletwire.Observation{
		"below the birthday":   {BaseHeight: birthday - 2},
		"block below birthday": {BaseHeight: birthday - 1, BaseHash: hash[:]},
		"base without block":   {BaseHeight: base},
		"base of the future":   {BaseHeight: base + 1, BaseHash: hash[:]},
		"short hash":           {BaseHeight: base, BaseHash: hash[:31]},
		"zero hash":            {BaseHeight: base, BaseHash: make([]byte, 32)},
		"zero next hash":       {BaseHeight: base, BaseHash: hash[:], NextHashes: [][]byte{make([]byte, 32)}},
		"too many blocks":      {BaseHeight: base, BaseHash: hash[:], NextHashes: make([][]byte, chainview.MaxBlocks+1)},
		"fee rate above limit": {BaseHeight: base, BaseHash: hash[:], FeeRate: 100_001},
		"fee rate below limit": {BaseHeight: base, BaseHash: hash[:], FeeRate: 999},
	} {
		err := f.item(0, observation(o))
		t.Log(name)
		wantMisbehaviour(t, err)
	}
	for name, body := range map[string][]byte{
		"empty": nil, "noise": []byte("noise"), "no kind": canonical.Marshal(&walletwire.Item{}),
		"huge": make([]byte, 1<<20),
	} {
		t.Log(name)
		wantMisbehaviour(t, f.item(0, body))
	}
}

// An idle federation proposes nothing, and a fee rate proposes itself only when
// it moved by more than a quarter.
func TestProposeIsQuietWithoutNews(t *testing.T) {
	f := newFederation(t)
	f.world.SetFeeRate(4000)
	f.run(nil)
	for _, step := range []struct {
		rate   uint64
		speaks bool
	}{{4000, false}, {5000, false}, {3000, false}, {0, false}, {5001, true}, {5001, false}, {3000, true}, {200, true}, {500, false}} {
		f.world.SetFeeRate(step.rate)
		if n := f.run(nil); (n > 0) != step.speaks {
			t.Errorf("rate %d: %d epochs", step.rate, n)
		}
	}
	if got := f.summary().GetFeeRate(); got != 1000 {
		t.Errorf("fee rate %d, want the least allowed", got)
	}
	if f.observer().Propose(f.state(), f.see(f.nodes[0])) != nil {
		t.Error("a module without secret proposes")
	}
	if f.modules[0].Propose(f.state(), []byte("noise")) != nil {
		t.Error("noise of the service was proposed")
	}
}

// Votes of a member whose chain contradicts an agreed block do not count for
// what follows it.
func TestConflictingMembersHaveNoVote(t *testing.T) {
	f := newFederation(t)
	f.mine(3)
	f.world.Mine(1)
	wrong := chainhash.Hash{9}
	for p := range messages.PeerID(needed) {
		o := f.next(1)
		if p == 0 {
			o.BaseHash = wrong[:]
		}
		if err := f.item(p, observation(o)); err != nil {
			t.Fatal(err)
		}
	}
	if f.height() != birthday+3 {
		t.Errorf("height %d agreed with the vote of another chain", f.height())
	}
}

// A vote that lies above a block which turned out not to be the agreed one is
// void, without its member having to take it back.
func TestVotesAboveAnOrphanAreVoid(t *testing.T) {
	f := newFederation(t)
	f.world.Mine(1)
	wrong := chainhash.Hash{9}
	orphan := f.next(2)
	orphan.NextHashes[0] = wrong[:]
	if err := f.item(0, observation(orphan)); err != nil {
		t.Fatal(err)
	}
	for p := range messages.PeerID(needed) {
		if err := f.item(p+1, observation(f.next(1))); err != nil {
			t.Fatal(err)
		}
	}
	f.epoch++
	for p := messages.PeerID(1); p < needed; p++ {
		if err := f.item(p, observation(f.next(1))); err != nil {
			t.Fatal(err)
		}
	}
	if f.height() != birthday {
		t.Errorf("height %d agreed with a vote for a block above an orphan", f.height())
	}
}

// A node that lost its estimate, as btcd does when it restarts, does not make
// its member forget the last one.
func TestLastEstimateStandsWhileThereIsNone(t *testing.T) {
	f := newFederation(t)
	f.world.SetFeeRate(8000)
	f.run(nil)
	f.world.SetFeeRate(0)
	f.mine(2)
	if got := f.summary().GetFeeRate(); got != 8000 {
		t.Errorf("fee rate %d", got)
	}
}

// A conflict that is over is told, so that it does not count together with one
// that another member has later.
func TestEndOfAConflictIsTold(t *testing.T) {
	f := newFederation(t)
	f.mine(4)
	other := f.world.Fork()
	other.Reorg(4, 8)
	for p := range f.nodes {
		f.nodes[p].Follow(other)
		for f.runEpoch(nil) {
			if f.summary().GetDepositsFrozen() {
				t.Error("deposits are frozen by conflicts that were never there together")
			}
		}
		f.nodes[p].Follow(f.world)
		f.run(nil)
	}
}

// To thaw, members confirm the agreed block although they have nothing to vote
// for.
func TestThawWithoutNewBlocks(t *testing.T) {
	f := newFederation(t)
	f.mine(4)
	other := f.world.Fork()
	other.Reorg(4, 8)
	f.nodes[3].SetDown(true)
	f.mine(1)
	f.nodes[0].Follow(other)
	f.nodes[1].Follow(other)
	f.run(nil)
	if !f.summary().GetDepositsFrozen() {
		t.Fatal("not frozen")
	}
	f.nodes[3].SetDown(false)
	f.nodes[0].Follow(f.world)
	f.run(nil)
	if f.summary().GetDepositsFrozen() {
		t.Error("three members have the agreed block and deposits are frozen")
	}
}
