package aba_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"minimint/messages"
	"minimint/messages/frames"

	"pgregory.net/rapid"
)

// storms runs federations of the given sizes with F faulty voters under every
// scheduler, and hands each quiet federation to check.
func storms(t *testing.T, sizes []int, inputs func(*rapid.T, int) []bool, check func(*rapid.T, *network, []bool)) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom(sizes).Draw(t, "members")
		net := newNetwork(setup{
			n: n, faulty: rapid.IntRange(0, (n-1)/3).Draw(t, "faulty"),
			seed: rapid.Uint64().Draw(t, "coin"), absent: rapid.Bool().Draw(t, "absent"),
		})
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		next := schedulers[rapid.SampledFrom(schedulerNames).Draw(t, "scheduler")]
		lie := voters[rapid.SampledFrom(voterNames).Draw(t, "voter")]
		bits := inputs(t, len(net.honest()))
		for _, i := range net.honest() {
			net.input(i, bits[i])
		}
		net.storm(rng, next, lie, 20*n)
		check(t, net, bits)
	})
}

var hostileSizes = []int{4, 4, 7, 10}

func anyInputs(t *rapid.T, n int) []bool {
	return rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "inputs")
}

func sameInputs(t *rapid.T, n int) []bool {
	bits, bit := make([]bool, n), rapid.Bool().Draw(t, "input")
	for i := range bits {
		bits[i] = bit
	}
	return bits
}

func TestAgreement(t *testing.T) {
	storms(t, hostileSizes, anyInputs, func(t *rapid.T, net *network, _ []bool) {
		var outputs []bool
		for _, i := range net.honest() {
			outputs = append(outputs, net.outputs[i]...)
		}
		for _, bit := range outputs {
			if bit != outputs[0] {
				t.Fatalf("outputs %v", net.outputs)
			}
		}
	})
}

// TestValidity: the output is somebody's correct input, so it is the common one
// where all are equal.
func TestValidity(t *testing.T) {
	storms(t, hostileSizes, sameInputs, func(t *rapid.T, net *network, bits []bool) {
		for _, i := range net.honest() {
			for _, bit := range net.outputs[i] {
				if bit != bits[0] {
					t.Fatalf("%d put out %v, all inputs were %v", i, bit, bits[0])
				}
			}
		}
	})
}

// TestTermination: once everything was delivered nobody waits.
func TestTermination(t *testing.T) {
	storms(t, hostileSizes, anyInputs, func(t *rapid.T, net *network, _ []bool) {
		if why := net.disagreement(); strings.HasPrefix(why, "Termination") {
			t.Fatal(why)
		}
	})
}

// TestNoHonestBlame: no schedule makes a correct member look faulty.
func TestNoHonestBlame(t *testing.T) {
	storms(t, hostileSizes, anyInputs, func(t *rapid.T, net *network, _ []bool) {
		for _, f := range net.faults {
			if net.isHonest(f.Peer) {
				t.Fatalf("%v: %v", f, f.Evidence)
			}
		}
		if why := net.disagreement(); why != "" {
			t.Fatal(why)
		}
	})
}

// TestSizes goes through the numbers of members that are not 3F+1 and those
// without room for a fault, with all silent that may be.
func TestSizes(t *testing.T) {
	for n := 1; n <= 16; n++ {
		for _, faulty := range []int{0, (n - 1) / 3} {
			for ones := 0; ones <= n-faulty; ones++ {
				net := newNetwork(setup{n: n, faulty: faulty, seed: uint64(ones)})
				rng := rand.New(rand.NewPCG(uint64(n), uint64(ones)))
				for _, i := range net.honest() {
					net.input(i, int(i) < ones)
				}
				net.storm(rng, schedulers[schedulerNames[ones%3]], nil, 0)
				if why := net.disagreement(); why != "" {
					t.Fatalf("%d members, %d silent, %d ones: %s", n, faulty, ones, why)
				}
				if got := net.outputs[0][0]; ones == 0 && got || ones == n-faulty && !got {
					t.Errorf("%d members, %d silent, %d ones: put out %v", n, faulty, ones, got)
				}
			}
		}
	}
}

// TestManyMembers is one federation of a hundred, of which a third is silent.
func TestManyMembers(t *testing.T) {
	net := newNetwork(setup{n: 100, faulty: 33})
	for _, i := range net.honest() {
		net.input(i, i%2 == 0)
	}
	for len(net.pending) > 0 {
		net.deliver(len(net.pending) / 2)
	}
	if why := net.disagreement(); why != "" {
		t.Error(why)
	}
}

// TestDeterminism: the same calls in the same order yield the same steps.
func TestDeterminism(t *testing.T) {
	run := func() string {
		net := newNetwork(setup{n: 7, faulty: 2, seed: 3})
		rng := rand.New(rand.NewPCG(1, 2))
		for _, i := range net.honest() {
			net.input(i, i%2 == 0)
		}
		net.storm(rng, schedulers["apart"], voters["noise"], 200)
		return fmt.Sprint(net.said, net.outputs, net.faults)
	}
	if first, second := run(), run(); first != second {
		t.Error("two runs differ")
	}
}

// FuzzHandle feeds one member whatever faulty members may say, with no quorum
// of correct ones about: it must neither panic nor grow.
func FuzzHandle(f *testing.F) {
	f.Add([]byte{1, 0, 0, 1, 1, 1, 0, 0, 2, 2, 2, 3})
	f.Add([]byte{3, 5, 255, 3, 2, 4, 0, 1, 1, 1, 17, 0, 2, 5, 2, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		net := newNetwork(setup{n: 4, faulty: 3})
		net.input(0, true)
		for ; len(script) >= 4; script = script[4:] {
			from := messages.PeerID(1 + script[0]%3)
			round := uint32(script[2]) << (script[3] >> 4)
			bit := script[3]&1 == 1
			statements := [...]frames.Statement{
				frames.Input{Proposer: subject, Bit: bit},
				frames.BVal{Proposer: subject, Round: round, Bit: bit},
				frames.Aux{Proposer: subject, Round: round, Bit: bit},
				frames.Conf{Proposer: subject, Round: round, Bits: frames.BitSet(script[3] & 7)},
				frames.Term{Proposer: subject, Bit: bit},
				frames.CoinShare{Proposer: subject, Round: round, Share: coinShare(uint64(script[3]&2), from, round)},
			}
			net.hand(from, 0, statements[int(script[1])%len(statements)])
		}
	})
}
