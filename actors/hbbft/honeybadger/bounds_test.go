package honeybadger_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"
	"testing"
	"time"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// random is a statement of a member that says anything about any slot.
func random(w *world, r *rand.Rand, from messages.PeerID, epoch messages.Epoch) frames.Statement {
	j, bit := messages.PeerID(r.IntN(w.n+2)), r.IntN(2) == 1
	round := uint32(r.IntN(20))
	if r.IntN(4) == 0 {
		round = r.Uint32()
	}
	var root messages.Digest
	binary.BigEndian.PutUint64(root[:], r.Uint64())
	share := binary.BigEndian.AppendUint64(nil, r.Uint64())
	switch r.IntN(11) {
	case 0:
		payload := make([]byte, r.IntN(64))
		if r.IntN(50) == 0 {
			payload = make([]byte, frames.MaxPayload)
		}
		payload = append(payload[:len(payload)/2], share...)
		s := w.slot(epoch, from)
		return frames.Value{Proposer: from, Payload: payload, Signature: hbbfttest.Signer{Member: from}.Sign(s.Signed(s.Root(payload)))}
	case 1:
		return frames.Echo{Proposer: j, Root: root}
	case 2:
		return frames.Ready{Proposer: j, Root: root}
	case 3:
		return frames.Pull{Proposer: j, Root: root}
	case 4:
		return frames.Input{Proposer: j, Bit: bit}
	case 5:
		return frames.BVal{Proposer: j, Round: round, Bit: bit}
	case 6:
		return frames.Aux{Proposer: j, Round: round, Bit: bit}
	case 7:
		return frames.Conf{Proposer: j, Round: round, Bits: frames.BitSet(r.IntN(4))}
	case 8:
		return frames.CoinShare{Proposer: j, Round: round, Share: share}
	case 9:
		return frames.Term{Proposer: j, Bit: bit}
	default:
		return frames.DecryptionShare{Proposer: j, Share: share}
	}
}

// digest writes a step into a hash, in its order.
func digest(h hash.Hash, self messages.PeerID, step honeybadger.Step) {
	fmt.Fprintf(h, "%d %+v %+v %+v %+v %+v %+v %v", self, step.Records, step.Outcomes, step.Wanted, step.Behind, step.Ahead, step.Faults, step.Resets)
	for _, s := range step.Sends {
		to := -1
		if s.To != nil {
			to = int(*s.To)
		}
		fmt.Fprintf(h, "%d %d %t %T%+v", to, s.Epoch, s.Again, s.Statement, s.Statement)
	}
}

// TestDeterminism: the same inputs in the same order give the same steps, byte
// for byte, restarts and lies included.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64) [32]byte {
		h := sha256.New()
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, 5)
		w.trace = func(self messages.PeerID, step honeybadger.Step) { digest(h, self, step) }
		w.members[4].faulty = true
		w.start()
		for i := range messages.PeerID(4) {
			w.work(i, fmt.Sprintf("0 of %d", i))
		}
		for step := range 3000 {
			switch {
			case step%50 == 49:
				w.tick(time.Second)
			case step%700 == 699:
				i := messages.PeerID(r.IntN(4))
				w.kill(i)
				w.revive(i)
			case step%5 == 4:
				to := messages.PeerID(r.IntN(4))
				epoch := w.members[to].core.Position().Next
				w.queue = append(w.queue, packet{4, to, frames.Frame{Epoch: epoch, Statements: []frames.Statement{random(w, r, 4, epoch)}}})
			case len(w.queue) > 0:
				w.deliver(r.IntN(len(w.queue)))
			}
		}
		return [32]byte(h.Sum(nil))
	}
	seen := map[[32]byte]bool{}
	for seed := range uint64(5) {
		first := run(seed)
		if run(seed) != first {
			t.Errorf("seed %d gives different steps", seed)
		}
		seen[first] = true
	}
	if len(seen) != 5 {
		t.Errorf("five seeds give %d runs: the digest sees too little", len(seen))
	}
}

// BenchmarkCore runs epochs of cores with toy cryptography: what the protocol
// itself costs.
func BenchmarkCore(b *testing.B) {
	for _, n := range []int{4, 10, 40} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			w := newWorld(b, n).start()
			w.settle()
			for e := range b.N {
				for i := range messages.PeerID(n) {
					w.work(i, fmt.Sprintf("%d of %d", e, i))
				}
				w.settle()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n)/float64(len(w.members[0].history)), "us/node-epoch")
		})
	}
}
