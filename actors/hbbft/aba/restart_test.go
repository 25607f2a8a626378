package aba_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"minimint/messages"
	"minimint/messages/frames"

	"pgregory.net/rapid"
)

// crash takes a member's memory away. The last lost statements were neither
// durable nor sent; the rest is in the journal and is sent again, and all peers
// repeat themselves, as links do when they come up. What was under way to the
// member is lost with some probability.
func (net *network) crash(rng *rand.Rand, i messages.PeerID) {
	var rest []packet
	for _, p := range net.pending {
		if p.to == i && rng.IntN(2) == 0 {
			continue
		}
		rest = append(rest, p)
	}
	net.pending = rest
	net.outputs[i] = nil
	net.boot(i)
	journal := net.said[i]
	net.perform(i, net.nodes[i].Restore(journal))
	for _, peer := range net.honest() {
		if peer != i {
			net.resend(peer, i)
			for _, statement := range journal {
				net.pending = append(net.pending, packet{i, peer, statement})
			}
		}
	}
	net.input(i, rng.IntN(2) == 0)
}

// crashInStep delivers one packet to a member that crashes before all that its
// step says is durable: only a part of it was said.
func (net *network) crashInStep(rng *rand.Rand) {
	k := rng.IntN(len(net.pending))
	p := net.pending[k]
	net.pending = append(net.pending[:k], net.pending[k+1:]...)
	step := net.nodes[p.to].Handle(p.from, p.statement)
	step.Outputs = nil
	if len(step.Say) > 0 {
		step.Say = step.Say[:rng.IntN(len(step.Say))]
	}
	net.perform(p.to, step)
	net.crash(rng, p.to)
}

// contradiction returns two statements of a member that a correct one does not
// both make; "" if there are none.
func contradiction(said []frames.Statement) string {
	first := make(map[string]frames.Statement)
	for _, statement := range said {
		var place string
		switch s := statement.(type) {
		case frames.Input:
			place = "input"
		case frames.Aux:
			place = fmt.Sprint("aux ", s.Round)
		case frames.Conf:
			place = fmt.Sprint("conf ", s.Round)
		case frames.Term:
			place = "term"
		case frames.CoinShare:
			place = fmt.Sprint("share ", s.Round)
		case frames.BVal:
			place = fmt.Sprint("bval ", s.Round, s.Bit)
		case frames.Value, frames.Echo, frames.Ready, frames.Pull, frames.DecryptionShare:
			panic("aba: statement of another protocol")
		}
		before, twice := first[place]
		if twice {
			return fmt.Sprintf("%+v, then %+v", before, statement)
		}
		first[place] = statement
	}
	return ""
}

// TestRestart: members that crash at any moment, any number of them and all at
// once too, contradict nothing that they said, repeat nothing either, and all
// decide the same.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 2, 4, 4, 7}).Draw(t, "members")
		net := newNetwork(setup{
			n: n, faulty: rapid.IntRange(0, (n-1)/3).Draw(t, "faulty"), seed: rapid.Uint64().Draw(t, "coin"),
		})
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		next := schedulers[rapid.SampledFrom(schedulerNames).Draw(t, "scheduler")]
		lie := voters[rapid.SampledFrom(voterNames).Draw(t, "voter")]
		crashes := rapid.IntRange(0, 2*n).Draw(t, "crashes")
		decided := make(map[messages.PeerID]bool) // what was ever put out
		for _, i := range net.honest() {
			net.input(i, rng.IntN(2) == 0)
		}
		for ; crashes >= 0; crashes-- {
			for range rng.IntN(20 * n) {
				net.turn(rng, next, lie)
			}
			for _, i := range net.honest() {
				for _, bit := range net.outputs[i] {
					if before, twice := decided[i]; twice && before != bit {
						t.Fatalf("%d decided %v, and %v after a restart", i, before, bit)
					}
					decided[i] = bit
				}
			}
			switch members := net.honest(); {
			case crashes == 0:
			case rng.IntN(8) == 0:
				for _, i := range members {
					net.crash(rng, i)
				}
			case rng.IntN(2) == 0 && len(net.pending) > 0:
				net.crashInStep(rng)
			default:
				net.crash(rng, members[rng.IntN(len(members))])
			}
		}
		net.storm(rng, next, lie, 5*n)
		if why := net.disagreement(); why != "" {
			t.Fatal(why)
		}
		for _, i := range net.honest() {
			if why := contradiction(net.said[i]); why != "" {
				t.Fatalf("%d said %s", i, why)
			}
			if before, twice := decided[i]; twice && before != net.outputs[i][0] {
				t.Fatalf("%d decided %v, and %v after a restart", i, before, net.outputs[i][0])
			}
		}
	})
}

// TestRestartFarBehind: a member that restarts in round 60 starts from round 0
// and gets there, by asking again for what lay beyond its window. Its journal
// has no coin shares, and need not.
func TestRestartFarBehind(t *testing.T) {
	const rounds = 60
	net := split{newNetwork(setup{n: 4, faulty: 1, without: []string{"conf-union"}})} // so that there are many rounds
	net.attack(rounds)
	var journal []frames.Statement
	for _, s := range net.said[memberA] {
		if _, share := s.(frames.CoinShare); !share {
			journal = append(journal, s)
		}
	}
	net.boot(memberA)
	net.perform(memberA, net.nodes[memberA].Restore(journal))
	before := len(net.said[memberA])
	for _, peer := range []messages.PeerID{memberB, memberC} {
		net.resend(peer, memberA)
	}
	net.finish(rounds - 1)
	if round := net.nodes[memberA].Round(); round != rounds {
		t.Errorf("it is in round %d", round)
	}
	if len(net.asked) == 0 {
		t.Error("it asked nobody")
	}
	shares := 0
	for _, s := range net.said[memberA][before:] {
		if _, share := s.(frames.CoinShare); share {
			shares++
		}
	}
	if shares != rounds/3 {
		t.Errorf("it released %d shares again", shares)
	}
	if why := contradiction(append(journal, net.said[memberA][before:]...)); why != "" {
		t.Error(why)
	}
}

// TestRestoreDecided: a member that had decided relays on from where it was.
func TestRestoreDecided(t *testing.T) {
	net := newNetwork(setup{n: 7, faulty: 6})
	net.perform(0, net.nodes[0].Restore([]frames.Statement{
		frames.BVal{Proposer: subject, Round: 30}, frames.Term{Proposer: subject},
	}))
	for from := range messages.PeerID(3) {
		net.hand(from+1, 0, frames.BVal{Proposer: subject, Round: 40, Bit: true})
	}
	if want := (frames.BVal{Proposer: subject, Round: 40, Bit: true}); len(net.said[0]) != 1 || net.said[0][0] != want {
		t.Errorf("said %v", net.said[0])
	}
}

func TestRestoreRefuses(t *testing.T) {
	other := frames.Term{Proposer: subject + 1}
	journals := map[string][]frames.Statement{
		"two inputs":      {frames.Input{Bit: true}, frames.Input{}},
		"two aux":         {frames.Aux{Round: 1}, frames.Aux{Round: 1, Bit: true}},
		"two conf":        {frames.Conf{Round: 2, Bits: 1}, frames.Conf{Round: 2, Bits: 3}},
		"two terms":       {frames.Term{}, frames.Term{Bit: true}},
		"another coin":    {frames.CoinShare{Round: 2, Share: coinShare(99, 0, 2)}, frames.CoinShare{Round: 2, Share: coinShare(0, 0, 2)}},
		"another slot":    {other},
		"no statement":    {frames.Conf{Round: 2}},
		"fixed coin":      {frames.Conf{Round: 3, Bits: 1}},
		"of another kind": {frames.Ready{}},
	}
	for name, journal := range journals {
		t.Run(name, func(t *testing.T) {
			node := newNetwork(setup{n: 4, faulty: 3}).nodes[0]
			mustPanic(t, func() { node.Restore(journal) })
		})
	}
	t.Run("late", func(t *testing.T) {
		net := newNetwork(setup{n: 4, faulty: 3})
		net.input(0, true)
		mustPanic(t, func() { net.nodes[0].Restore(nil) })
	})
}
