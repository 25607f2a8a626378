package honeybadger_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// shuffle delivers in an order that t draws, at most limit times: one frame, or all that
// a member has on its way to another in an epoch, in one frame; sometimes it
// delivers one twice, as a link does that comes up again.
func (w *world) shuffle(t *rapid.T, limit int) {
	for range limit {
		if len(w.queue) == 0 {
			return
		}
		i := rapid.IntRange(0, len(w.queue)-1).Draw(t, "next")
		if rapid.IntRange(0, 19).Draw(t, "twice") == 0 {
			w.queue = append(w.queue, w.queue[i])
		}
		if rapid.Bool().Draw(t, "gathered") {
			i = w.gather(i)
		}
		w.deliver(i)
	}
}

// gather puts together what is on its way in the same epoch and on the same way as
// packet i, and returns where it is then.
func (w *world) gather(i int) int {
	p := packet{from: w.queue[i].from, to: w.queue[i].to, frame: frames.Frame{Epoch: w.queue[i].frame.Epoch}}
	w.drop(func(q packet) bool {
		if q.from != p.from || q.to != p.to || q.frame.Epoch != p.frame.Epoch {
			return false
		}
		p.frame.Next, p.frame.Again = max(p.frame.Next, q.frame.Next), p.frame.Again || q.frame.Again
		p.frame.Calls = p.frame.Calls || q.frame.Calls
		p.frame.Statements = append(p.frame.Statements, q.frame.Statements...)
		return true
	})
	w.queue = append(w.queue, p)
	return len(w.queue) - 1
}

// run goes on until every correct member has the outcomes of so many epochs and
// nothing is left to propose, or fails.
func (w *world) run(t *rapid.T, epochs int) {
	for range 200 {
		w.shuffle(t, 400*w.n)
		w.settle()
		w.tick(time.Second)
		w.settle()
		busy, least, most := false, math.MaxInt, 0
		for _, m := range w.members {
			if !m.faulty {
				busy = busy || len(m.history) < epochs || len(m.work) > 0
				least, most = min(least, len(m.history)), max(most, len(m.history))
			}
		}
		if !busy && least == most {
			return
		}
	}
	for i, m := range w.members {
		if !m.faulty {
			t.Logf("member %d: %d outcomes, work %q, %s", i, len(m.history), m.work, m.core)
		}
	}
	t.Fatalf("no progress")
}

// faulty draws at most f members that lie. Some of them run the protocol
// beside, others are mute but for their lies.
func (w *world) faulty(t *rapid.T) []messages.PeerID {
	var liars []messages.PeerID
	for range protocol.NewQuorum(w.n).F {
		i := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "liar"))
		if m := w.members[i]; !m.faulty {
			m.faulty = true
			liars = append(liars, i)
			if rapid.Bool().Draw(t, "runs") {
				w.boot(i)
			}
		}
	}
	return liars
}

// lie puts made-up statements of the liars on their way.
func (w *world) lie(t *rapid.T, liars []messages.PeerID, count int) {
	if len(liars) == 0 {
		return
	}
	for range count {
		from := rapid.SampledFrom(liars).Draw(t, "from")
		to := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "to"))
		m := w.members[to]
		if m.core == nil || to == from {
			continue
		}
		next := m.core.Position().Next
		epoch := next + messages.Epoch(rapid.IntRange(-2, 3).Draw(t, "epoch"))
		if epoch > next+3 {
			epoch = 0 // went below zero
		}
		f := frames.Frame{Epoch: epoch, Next: messages.Epoch(rapid.Uint64Range(0, uint64(next)+2).Draw(t, "told"))}
		f.Again, f.Calls = rapid.IntRange(0, 9).Draw(t, "again") == 0, rapid.IntRange(0, 9).Draw(t, "calls") == 0
		for range rapid.IntRange(0, 3).Draw(t, "statements") {
			f.Statements = append(f.Statements, w.lieAbout(t, from, epoch))
		}
		w.queue = append(w.queue, packet{from, to, f})
	}
}

func (w *world) lieAbout(t *rapid.T, from messages.PeerID, epoch messages.Epoch) frames.Statement {
	j := messages.PeerID(rapid.IntRange(0, w.n).Draw(t, "proposer")) // n: nobody
	bit, round := rapid.Bool().Draw(t, "bit"), rapid.Uint32Range(0, 4).Draw(t, "round")
	slot := w.slot(epoch, j)
	payload := [][]byte{
		hbbfttest.Seal(slot.Label(), []byte("a")), hbbfttest.Seal(slot.Label(), []byte("b")), []byte("junk"), nil,
		hbbfttest.SealBroken(slot.Label()), hbbfttest.Seal(w.slot(epoch, j+1).Label(), []byte("a")),
	}[rapid.IntRange(0, 5).Draw(t, "payload")]
	root := slot.Root(payload)
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0, 1:
		slot.Proposer = from
		return frames.Value{Proposer: from, Payload: payload, Signature: hbbfttest.Signer{Member: from}.Sign(slot.Signed(slot.Root(payload)))}
	case 2:
		return frames.Echo{Proposer: j, Root: root}
	case 3:
		return frames.Ready{Proposer: j, Root: root}
	case 4:
		return frames.Pull{Proposer: j, Root: root}
	case 5:
		return frames.Input{Proposer: j, Bit: bit}
	case 6:
		return frames.BVal{Proposer: j, Round: round, Bit: bit}
	case 7:
		return frames.Aux{Proposer: j, Round: round, Bit: bit}
	case 8:
		return frames.Conf{Proposer: j, Round: round, Bits: rapid.SampledFrom([]frames.BitSet{1, 2, 3}).Draw(t, "set")}
	case 9:
		return frames.CoinShare{Proposer: j, Round: round, Share: rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "share")}
	case 10:
		return frames.Term{Proposer: j, Bit: bit}
	default:
		return frames.DecryptionShare{Proposer: j, Share: rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "share")}
	}
}

// size draws the size of a federation, mostly a small one.
func size(t *rapid.T) int {
	return rapid.SampledFrom([]int{1, 2, 3, 4, 4, 4, 4, 4, 5, 6, 7, 7, 10}).Draw(t, "n")
}

// TestAgreementValidityTotality: whatever f members say and however messages are
// reordered, correct members have the same outcomes, all of them get all, every
// outcome has contributions of at least n−f members, what correct members
// contribute stands in it unchanged, and in the end everything that a correct
// member had to propose is in.
func TestAgreementValidityTotality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := size(t)
		w := newWorld(t, n)
		w.encrypt, w.paired = honeybadgerEncryption(t), true
		liars := w.faulty(t)
		w.start()
		for i := range messages.PeerID(n) {
			for k := range rapid.IntRange(0, 2).Draw(t, "work") {
				w.work(i, fmt.Sprintf("%d of %d", k, i))
			}
		}
		for range 3 {
			w.lie(t, liars, 6*n)
			w.shuffle(t, 30*n)
		}
		w.run(t, 0)
		w.check(t)
	})
}

// check holds what every run must keep.
func (w *world) check(t *rapid.T) {
	history := w.agreed(t.Fatalf)
	for i, m := range w.members {
		if !m.faulty && len(m.history) != len(history) {
			t.Fatalf("member %d has %d outcomes, another %d", i, len(m.history), len(history))
		}
	}
	for _, o := range history {
		if len(o.Contributions) < protocol.NewQuorum(w.n).Live() {
			t.Fatalf("%s", outcomeText(o))
		}
		for _, c := range o.Contributions {
			if m := w.members[c.Peer]; !m.faulty && len(c.Payload) > 0 {
				var k, of int
				if got, _ := fmt.Sscanf(string(c.Payload), "%d of %d", &k, &of); got != 2 || of != int(c.Peer) {
					t.Fatalf("member %d never contributed %q", c.Peer, c.Payload)
				}
			}
		}
	}
	w.faultless(t.Fatalf)
}

// TestCrashRestart: members die at any boundary between two records of their
// journals and come back with what was durable. None of them contradicts
// itself, agreement holds, and the run completes.
func TestCrashRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := size(t)
		w := newWorld(t, n)
		w.encrypt, w.paired = honeybadgerEncryption(t), true
		liars := w.faulty(t)
		w.start()
		deaths := rapid.IntRange(1, 3*n).Draw(t, "deaths")
		w.crash = func(self messages.PeerID, records int) (int, bool) {
			if deaths == 0 || w.members[self].faulty || rapid.IntRange(0, 9).Draw(t, "dies") > 0 {
				return 0, false
			}
			deaths--
			return rapid.IntRange(0, records).Draw(t, "kept"), true
		}
		for i := range messages.PeerID(n) {
			w.work(i, fmt.Sprintf("%d of %d", 0, i))
			w.work(i, fmt.Sprintf("%d of %d", 1, i))
		}
		for range 40 {
			w.lie(t, liars, 2)
			w.shuffle(t, 5*n)
			for i := range messages.PeerID(n) {
				if m := w.members[i]; m.core == nil && !m.faulty && rapid.IntRange(0, 2).Draw(t, "revive") == 0 {
					w.revive(i)
				}
			}
		}
		w.crash = nil
		for i := range messages.PeerID(n) {
			if m := w.members[i]; m.core == nil && !m.faulty {
				w.revive(i)
			}
		}
		w.run(t, 1)
		w.check(t)
	})
}

// TestAllRestartAtOnce: a power failure takes all members, at any point of an
// epoch, and they finish it.
func TestAllRestartAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := size(t)
		w := newWorld(t, n).start()
		for i := range messages.PeerID(n) {
			w.work(i, fmt.Sprintf("%d of %d", 0, i))
		}
		for range rapid.IntRange(1, 3).Draw(t, "failures") {
			w.shuffle(t, rapid.IntRange(0, 40*n*n).Draw(t, "delivered"))
			for i := range messages.PeerID(n) {
				w.kill(i)
			}
			w.queue = nil
			w.start()
		}
		w.run(t, 1)
		w.check(t)
	})
}
