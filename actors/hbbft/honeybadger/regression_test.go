package honeybadger_test

import (
	"fmt"
	"testing"
	"time"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
	"minimint/messages/frames"
)

// The tests here are named after the list of what stopped, split or filled other
// implementations; DESIGN.md has the list.

// TestB4: statements about proposers, epochs, eras and rounds that do not exist
// are faults, or nothing, and the epoch ends all the same.
func TestB4(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true
	w.start()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	for to := range messages.PeerID(3) {
		for _, about := range []messages.PeerID{4, 77, messages.MaxPeers - 1} {
			w.queue = append(w.queue, packet{3, to, frames.Frame{Statements: []frames.Statement{
				frames.Value{Proposer: about},
				frames.Echo{Proposer: about},
				frames.Ready{Proposer: about},
				frames.Pull{Proposer: about},
				frames.Input{Proposer: about},
				frames.BVal{Proposer: about},
				frames.Aux{Proposer: about, Round: 1 << 31},
				frames.Term{Proposer: about},
				frames.CoinShare{Proposer: about},
				frames.DecryptionShare{Proposer: about},
			}}})
		}
		w.queue = append(w.queue,
			packet{3, to, frames.Frame{Era: 1}}, packet{3, to, frames.Frame{Epoch: 1 << 63, Next: 1<<64 - 1, Again: true}},
			packet{3, to, frames.Frame{Statements: []frames.Statement{frames.BVal{Proposer: 1, Round: 1<<32 - 1}, frames.CoinShare{Proposer: 2, Round: 2}}}})
	}
	w.settle()
	if history := w.agreed(t.Fatalf); len(history) == 0 {
		t.Error("no outcome")
	}
	unknown := 0
	for _, f := range w.members[0].faults {
		if f.Kind == protocol.UnknownProposer && f.Peer == 3 {
			unknown++
		}
	}
	if unknown == 0 {
		t.Errorf("faults %v", w.members[0].faults)
	}
	w.faultless(t.Fatalf)
}

// A checking scheme counts the openings that failed, each of which checks every
// share.
type checking struct {
	tdec.Scheme
	failed *int
}

func (s checking) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	sealed, ok := s.Scheme.Verify(label, ciphertext)
	return checkingSealed{sealed, s.failed}, ok
}

type checkingSealed struct {
	tdec.Sealed
	failed *int
}

func (s checkingSealed) Open(shares [][]byte) tdec.Opening {
	o := s.Sealed.Open(shares)
	if len(o.Liars) > 0 {
		*s.failed++
	}
	return o
}

// TestC5LiarsAreIgnored: a member whose decryption shares are all wrong, in every
// slot of every epoch, makes another search for a liar once in Distrust epochs.
func TestC5LiarsAreIgnored(t *testing.T) {
	w := newWorld(t, 4)
	failed := make([]int, 4)
	w.scheme = func(c hbbfttest.Cipher) tdec.Scheme { return checking{c, &failed[c.Member]} }
	w.members[3].faulty = true
	w.members[3].payload = func(epoch messages.Epoch) []byte { return hbbfttest.Seal(w.slot(epoch, 3).Label(), nil) }
	w.start()
	w.boot(3)
	for e := 0; e < honeybadger.Distrust+5; e++ {
		for i := range messages.PeerID(3) {
			w.work(i, fmt.Sprintf("%d of %d", e, i))
		}
		for len(w.queue) > 0 {
			at := 0
			for i, p := range w.queue { // what the liar says comes first
				if p.from == 3 {
					at = i
					break
				}
			}
			if p := &w.queue[at]; p.from == 3 && len(p.frame.Statements) == 1 {
				if s, ok := p.frame.Statements[0].(frames.DecryptionShare); ok {
					p.frame.Statements = []frames.Statement{frames.DecryptionShare{Proposer: s.Proposer, Share: []byte("wrong")}}
				}
			}
			w.deliver(at)
		}
	}
	if got := len(w.agreed(t.Fatalf)); got < honeybadger.Distrust+5 {
		t.Fatalf("%d epochs", got)
	}
	for i, count := range failed[:3] {
		if count == 0 || count > 2 {
			t.Errorf("member %d searched for liars %d times", i, count)
		}
	}
}

// TestLiarInOneFrame: a member whose coin shares are all wrong makes another search for a
// liar once, even if one frame brings the votes for which the coins of two slots waited.
func TestLiarInOneFrame(t *testing.T) {
	s := newStage(t)
	s.open()
	var last []frames.Statement
	for j := range messages.PeerID(2) {
		for r := range uint32(2) { // against the fixed coins
			bit := r == 1
			s.hear(correct, frames.BVal{Proposer: j, Round: r, Bit: bit}, frames.Aux{Proposer: j, Round: r, Bit: bit})
		}
		s.hear([]messages.PeerID{liar}, frames.CoinShare{Proposer: j, Round: 2, Share: []byte("wrong...")})
		s.hear(correct, frames.BVal{Proposer: j, Round: 2, Bit: true}, frames.Conf{Proposer: j, Round: 2, Bits: 2})
		aux := frames.Aux{Proposer: j, Round: 2, Bit: true}
		s.hear([]messages.PeerID{1}, aux)
		last = append(last, aux)
	}
	f, err := frames.Unpack(frames.Encode(frames.Frame{Epoch: s.epoch, Next: s.next, Statements: last}))
	if err != nil {
		t.Fatal(err)
	}
	step := s.take(s.core.Handle(2, f))
	if len(step.Faults) != 1 || step.Faults[0].Kind != protocol.BadCoinShare {
		t.Errorf("%s", s.text(step))
	}
}

// TestC7ServesSharesAfterTheOutcome: a member that has the outcome still gives
// its shares to one that lost them with its link.
func TestC7ServesSharesAfterTheOutcome(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true // gives no share
	w.start()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	for len(w.queue) > 0 {
		w.drop(func(p packet) bool {
			if p.to != 2 || len(p.frame.Statements) == 0 {
				return false
			}
			_, share := p.frame.Statements[0].(frames.DecryptionShare)
			return share
		})
		if len(w.queue) > 0 {
			w.deliver(0)
		}
	}
	if len(w.members[0].history) != 1 || len(w.members[2].history) != 0 {
		t.Fatalf("%d and %d outcomes", len(w.members[0].history), len(w.members[2].history))
	}
	w.do(0, w.members[0].core.Resync(2))
	w.settle()
	if len(w.members[2].history) != 1 {
		t.Errorf("the epoch does not end: %s", w.members[2].core)
	}
}

// TestC10CopiedCiphertext: a proposal that is the copy of another one, of the same
// epoch or of an earlier one, contributes nothing.
func TestC10CopiedCiphertext(t *testing.T) {
	for name, from := range map[string]protocol.Slot{
		"of the same epoch":     {Federation: federation, Epoch: 1, Proposer: 0},
		"of an earlier epoch":   {Federation: federation, Epoch: 0, Proposer: 3},
		"of another era":        {Federation: federation, Era: 1, Epoch: 1, Proposer: 3},
		"of another federation": {Epoch: 1, Proposer: 3},
	} {
		w := newWorld(t, 4)
		w.members[3].faulty = true
		w.members[3].payload = func(epoch messages.Epoch) []byte {
			if epoch == 0 {
				return hbbfttest.Seal(w.slot(0, 3).Label(), []byte("copied"))
			}
			return hbbfttest.Seal(from.Label(), []byte("copied"))
		}
		w.start()
		w.boot(3)
		for e := range 2 {
			for i := range messages.PeerID(3) {
				w.work(i, fmt.Sprintf("%d of %d", e, i))
			}
			w.settle()
		}
		history := w.agreed(t.Fatalf)
		if len(history) != 2 || string(history[0].Contributions[3].Payload) != "copied" || len(history[1].Contributions[3].Payload) != 0 {
			t.Errorf("%s: %v", name, history)
		}
	}
}

// TestC11FarBehind: a member that missed many epochs gets their outcomes and takes
// part again.
func TestC11FarBehind(t *testing.T) {
	w := newWorld(t, 4).start()
	w.kill(3)
	for e := range 20 {
		for i := range messages.PeerID(3) {
			w.work(i, fmt.Sprintf("%d of %d", e, i))
		}
		w.settle()
	}
	w.revive(3)
	w.work(3, "0 of 3")
	for range 5 {
		w.settle()
		w.tick(time.Second)
	}
	history := w.agreed(t.Fatalf)
	if len(history) < 21 || len(w.members[3].work) != 0 {
		t.Errorf("%d epochs, its work is %q", len(history), w.members[3].work)
	}
}

// TestC12NobodySkips: a member that says that it is far ahead opens no epoch at
// another, and takes it nowhere.
func TestC12NobodySkips(t *testing.T) {
	w := newWorld(t, 4).start()
	core := w.members[0].core
	for _, next := range []messages.Epoch{1, 2, 10, 1000, 1 << 63, 1<<64 - 1} {
		step := core.Handle(3, frames.Frame{Epoch: next, Next: next, Statements: []frames.Statement{frames.Echo{Proposer: 1}}})
		if len(step.Records)+len(step.Sends)+len(step.Wanted)+len(step.Outcomes)+len(step.Faults) > 0 {
			t.Errorf("at %d: %+v", next, step)
		}
	}
	if p := core.Position(); p.Next != 0 || p.Certified != 0 {
		t.Errorf("at %+v", p)
	}
}

// TestC13OneMemberSpinsNobody: a member that proposes nothing, without end, makes
// the others run as many epochs as its credit allows.
func TestC13OneMemberSpinsNobody(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true
	w.start()
	w.tick(time.Second)
	spin := func(rounds int) {
		for range rounds {
			epoch := w.members[0].core.Position().Next
			s := w.slot(epoch, 3)
			payload := hbbfttest.Seal(s.Label(), nil)
			for _, to := range w.peers(3) {
				w.queue = append(w.queue, packet{3, to, frames.Frame{Epoch: epoch, Next: epoch, Statements: []frames.Statement{frames.Value{
					Proposer: 3, Payload: payload, Signature: hbbfttest.Signer{Member: 3}.Sign(s.Signed(s.Root(payload))),
				}}}})
			}
			w.settle()
		}
	}
	spin(50)
	if got := len(w.members[0].history); got != honeybadger.Burst {
		t.Errorf("%d epochs at once", got)
	}
	for range 10 {
		w.tick(time.Second)
		spin(5)
	}
	if got := len(w.members[0].history); got != honeybadger.Burst+10 {
		t.Errorf("%d epochs ten seconds later", got)
	}
}

// TestC14CrashBeforeTheLast: some members have an outcome, the one that is needed
// beside them crashed before it had it, and what was on its way is lost. The
// votes that it lacks are in the journals of those that are ahead.
func TestC14CrashBeforeTheLast(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true // dead all the time
	w.start()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	for len(w.members[0].history) == 0 || len(w.members[1].history) == 0 {
		at := 0
		for at < len(w.queue) && w.queue[at].to == 2 && (len(w.members[2].journal) > 5 || w.queue[at].from == 2) {
			at++
		}
		if at == len(w.queue) {
			at = 0
		}
		w.deliver(at)
	}
	if len(w.members[2].history) > 0 {
		t.Fatal("the schedule let the last one commit too")
	}
	for i := range messages.PeerID(3) {
		w.kill(i)
	}
	w.queue = nil
	for i := range messages.PeerID(3) {
		w.revive(i)
	}
	w.settle()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("1 of %d", i))
	}
	for range 5 {
		w.settle()
		w.tick(time.Second)
	}
	if history := w.agreed(t.Fatalf); len(history) < 2 {
		t.Errorf("%d epochs: %s", len(history), w.members[2].core)
	}
}
