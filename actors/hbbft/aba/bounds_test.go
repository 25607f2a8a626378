package aba_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/messages"
	"minimint/messages/frames"
)

// flood makes F faulty members say everything that they can to member 0, and
// most of it twice.
func flood(net *network, rng *rand.Rand, statements int) {
	liars := net.quorum.F
	for range statements {
		from := messages.PeerID(net.quorum.N - 1 - rng.IntN(liars))
		round := uint32(rng.IntN(60))
		if rng.IntN(10) == 0 {
			round = math.MaxUint32 - uint32(rng.IntN(5))
		}
		bit := rng.IntN(2) == 0
		share := make([]byte, 32, 1<<10) // as if cut from a frame
		share[0] = byte(rng.IntN(256))
		net.hand(from, 0, []frames.Statement{
			frames.Input{Proposer: subject, Bit: bit},
			frames.BVal{Proposer: subject, Round: round, Bit: bit},
			frames.Aux{Proposer: subject, Round: round, Bit: bit},
			frames.Conf{Proposer: subject, Round: round, Bits: frames.BitSet(rng.IntN(256))},
			frames.Term{Proposer: subject, Bit: bit},
			frames.CoinShare{Proposer: subject, Round: round, Share: share},
		}[rng.IntN(6)])
	}
}

// TestFlood: what F members can leave with another is bounded by the window,
// however much they say, before and after the decision. So are the faults that
// they cause.
func TestFlood(t *testing.T) {
	net := newNetwork(setup{n: 7, faulty: 2})
	rng := rand.New(rand.NewPCG(1, 1))
	check := func() {
		t.Helper()
		rounds, shares, size := net.nodes[0].Held()
		if limit := int(net.nodes[0].Round()) + aba.Window + 1; rounds > limit {
			t.Errorf("%d rounds are kept, limit %d", rounds, limit)
		}
		if limit := 2 * net.quorum.F; shares > limit {
			t.Errorf("%d shares are kept, limit %d", shares, limit)
		}
		if limit := 2 * net.quorum.F * 32; size > limit {
			t.Errorf("shares hold %d bytes, limit %d", size, limit)
		}
		if limit := 9 * net.quorum.F; len(net.faults) > limit {
			t.Errorf("%d faults, limit %d", len(net.faults), limit)
		}
	}
	flood(net, rng, 2000)
	check()
	before := heap()
	flood(net, rng, 50_000)
	check()
	if grown := int64(heap()) - int64(before); grown > 200_000 {
		t.Errorf("grew by %d bytes", grown)
	}
	if round := net.nodes[0].Round(); round != 0 {
		t.Errorf("F members alone moved it to round %d", round)
	}
	for i := range messages.PeerID(5) {
		net.input(i, i == 3)
	}
	net.settle()
	flood(net, rng, 20_000)
	check()
	if _, shares, _ := net.nodes[0].Held(); shares > 0 {
		t.Errorf("%d shares are kept after the decision", shares)
	}
	if why := net.disagreement(); why != "" {
		t.Error(why)
	}
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestAhead: that a peer is beyond the window is remembered, and nothing of
// what it said there.
func TestAhead(t *testing.T) {
	net := newNetwork(setup{n: 4, faulty: 3})
	node := net.nodes[0]
	for _, round := range []uint32{aba.Window, aba.Window + 1, aba.Rounds - 1} {
		net.hand(1, 0, frames.BVal{Proposer: subject, Round: round})
		if want := round > aba.Window; node.Ahead(1) != want {
			t.Errorf("after round %d: Ahead is %v", round, !want)
		}
		if rounds, _, _ := node.Held(); rounds > aba.Window+1 {
			t.Errorf("after round %d: %d rounds are kept", round, rounds)
		}
	}
	if node.Ahead(2) {
		t.Error("a silent peer is ahead")
	}
	net.hand(1, 0, frames.BVal{Proposer: subject, Round: 1})
	if !node.Ahead(1) {
		t.Error("that it is ahead is forgotten when it speaks about an earlier round")
	}
}

// TestRounds: not even more liars than an agreement tolerates make it keep more
// rounds than an agreement has, though they drag it along.
func TestRounds(t *testing.T) {
	net := newNetwork(setup{n: 4, faulty: 3})
	net.input(0, false)
	for from := messages.PeerID(1); from < 4; from++ {
		net.hand(from, 0, frames.Input{Proposer: subject})
	}
	for round := uint32(1); round < 8*aba.Rounds; round += aba.Window {
		for from := messages.PeerID(1); from < 4; from++ {
			net.hand(from, 0, frames.BVal{Proposer: subject, Round: round})
			net.hand(from, 0, frames.Aux{Proposer: subject, Round: round})
		}
	}
	if rounds, _, _ := net.nodes[0].Held(); rounds > aba.Rounds {
		t.Errorf("%d rounds are kept", rounds)
	}
}

// TestDelays counts message delays where all are equally fast: the figures that
// the schedule of coins and the fast path are for.
func TestDelays(t *testing.T) {
	for _, c := range []struct {
		inputs string // one digit a member, x for a crashed one
		absent bool
		want   int
	}{
		{inputs: "1111", want: 1},
		{inputs: "0000", want: 1},
		{inputs: "1111", absent: true, want: 1}, // a member that came back
		{inputs: "111x", want: 2},
		{inputs: "000x", want: 4},
		{inputs: "000x", absent: true, want: 2},
		{inputs: "111x", absent: true, want: 4},
		{inputs: "1", want: 0},
		{inputs: "10", want: 5}, // up to a real coin
		{inputs: "1111111xxx", want: 2},
		{inputs: "0000000xxx", absent: true, want: 2},
	} {
		t.Run(fmt.Sprintf("%s absent=%v", c.inputs, c.absent), func(t *testing.T) {
			var crashed int
			for _, digit := range c.inputs {
				if digit == 'x' {
					crashed++
				}
			}
			net := newNetwork(setup{n: len(c.inputs), faulty: crashed, absent: c.absent})
			for _, i := range net.honest() {
				net.input(i, c.inputs[i] == '1')
			}
			delays := 0
			for ; net.disagreement() != "" && len(net.pending) > 0; delays++ {
				now := net.pending
				net.pending = nil
				for _, p := range now {
					net.hand(p.from, p.to, p.statement)
				}
			}
			if why := net.disagreement(); why != "" || delays != c.want {
				t.Errorf("%d delays, want %d; %s", delays, c.want, why)
			}
		})
	}
}

// BenchmarkAgreement is one agreement among 100 members, all votes single.
func BenchmarkAgreement(b *testing.B) {
	for b.Loop() {
		net := newNetwork(setup{n: 100, faulty: 33})
		for _, i := range net.honest() {
			net.input(i, true)
		}
		for len(net.pending) > 0 {
			net.deliver(len(net.pending) - 1)
		}
	}
}
