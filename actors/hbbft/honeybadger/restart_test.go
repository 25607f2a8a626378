package honeybadger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// conversation is what the others say to member 0 in one epoch that needs all of
// the protocol: a real coin about member 1, decryption, and two members too few
// for a fast path.
func (s *stage) conversation() []packet {
	var all []packet
	say := func(from []messages.PeerID, statements ...frames.Statement) {
		for _, peer := range from {
			for _, st := range statements {
				all = append(all, packet{peer, 0, frames.Frame{Epoch: s.epoch, Next: s.next, Statements: []frames.Statement{st}}})
			}
		}
	}
	for _, v := range []frames.Value{s.value(1, "a"), s.value(2, "b")} {
		say([]messages.PeerID{v.Proposer}, v)
	}
	for _, j := range []messages.PeerID{0, 1, 2} {
		content := []string{"mine", "a", "b"}[j]
		say(correct, s.echo(j, content), s.ready(j, content))
		if j == subject {
			continue
		}
		say(correct, frames.Term{Proposer: j, Bit: true})
	}
	for round, bit := range []bool{false, true} {
		say(correct, bval(uint32(round), bit), aux(uint32(round), bit))
	}
	say(correct, bval(2, true), bval(2, false), aux(2, true), conf(2, 3))
	say(correct, s.share(1, 2))
	say(correct, term(true))
	say(correct, frames.Term{Proposer: liar})
	for _, j := range []messages.PeerID{0, 1, 2} {
		say([]messages.PeerID{2}, s.decrypts(2, j, []string{"mine", "a", "b"}[j]))
	}
	return all
}

// play tells member 0 what the others say, and returns what it says to everybody.
func (s *stage) play(conversation []packet) (said []frames.Statement, outcomes []honeybadger.Outcome) {
	for _, p := range conversation {
		step := s.take(s.core.Handle(p.from, p.frame))
		for _, send := range step.Sends {
			if send.To == nil && send.Statement != nil {
				said = append(said, send.Statement)
			}
		}
		outcomes = append(outcomes, step.Outcomes...)
		for _, f := range step.Faults {
			s.t.Errorf("%s %v", f, f.Evidence)
		}
	}
	return said, outcomes
}

// place names what a correct member says once: a second statement in the same
// place repeats or contradicts the first.
func place(st frames.Statement) string {
	switch s := st.(type) {
	case frames.Value, frames.Echo, frames.Ready, frames.Input, frames.Term, frames.DecryptionShare:
		return fmt.Sprintf("%T %d", st, st.Slot())
	case frames.BVal:
		return fmt.Sprintf("bval %d %d %t", s.Proposer, s.Round, s.Bit)
	case frames.Aux:
		return fmt.Sprintf("aux %d %d", s.Proposer, s.Round)
	case frames.Conf:
		return fmt.Sprintf("conf %d %d", s.Proposer, s.Round)
	case frames.CoinShare:
		return fmt.Sprintf("coin %d %d", s.Proposer, s.Round)
	case frames.Pull:
	}
	panic(fmt.Sprintf("said to everybody: %T", st))
}

// ownOf are the statements that a journal holds of member 0.
func ownOf(journal []honeybadger.Record) []frames.Statement {
	var own []frames.Statement
	for _, r := range journal {
		if v, ok := r.Statement.(frames.Value); !ok || v.Proposer == 0 {
			own = append(own, r.Statement)
		}
	}
	return own
}

// TestRestartAnywhere: a member that restarts with any prefix of its journal says
// nothing a second time and nothing else in its place, and ends the epoch with
// the same outcome once the others have said again what they said.
func TestRestartAnywhere(t *testing.T) {
	whole := newStage(t)
	whole.open()
	conversation := whole.conversation()
	_, want := whole.play(conversation)
	journal := whole.members[0].journal
	if len(want) != 1 || len(want[0].Contributions) != 3 {
		t.Fatalf("outcomes %v\n%s", want, whole.core)
	}
	kinds := map[string]bool{}
	for _, st := range ownOf(journal) {
		kinds[fmt.Sprintf("%T", st)] = true
	}
	if len(kinds) != 10 { // all that is said to everybody
		t.Fatalf("the journal holds %v", kinds)
	}
	for kept := range len(journal) + 1 {
		s := newStage(t)
		s.members[0].history = make([]honeybadger.Outcome, 2)
		s.members[0].journal = slices.Clone(journal[:kept])
		step := s.reboot()
		step.Join(s.committed(2))
		step.Join(s.take(s.core.Work()))
		if wanted := len(step.Wanted) > 0; wanted != (kept == 0) || len(step.Outcomes) > 0 {
			t.Errorf("kept %d: wants a contribution to %v, outcomes %v", kept, step.Wanted, step.Outcomes)
		}
		s.take(s.core.Propose(2, s.sealed(0, "mine")))
		_, outcomes := s.play(conversation)
		said := map[string]bool{}
		for i, st := range ownOf(s.members[0].journal) {
			if said[place(st)] {
				t.Errorf("kept %d: says %s again, as number %d", kept, s.textOf(st), i)
			}
			said[place(st)] = true
		}
		if len(outcomes) != 1 || outcomeText(outcomes[0]) != outcomeText(want[0]) {
			t.Errorf("kept %d: outcomes %v\n%s", kept, outcomes, s.core)
		}
		for where := range said {
			if !slices.ContainsFunc(ownOf(journal), func(st frames.Statement) bool { return place(st) == where }) {
				t.Errorf("kept %d: says %s, which it had not said", kept, where)
			}
		}
	}
}

// TestRestartRepeats: after a restart everybody is told what the journal holds,
// and asked to do the same.
func TestRestartRepeats(t *testing.T) {
	s := newStage(t)
	s.open()
	s.play(s.conversation())
	s.members[0].history = make([]honeybadger.Outcome, 2)
	own := ownOf(s.members[0].journal)
	step := s.reboot()
	for _, peer := range others {
		var told []string
		for _, send := range step.Sends {
			if send.To != nil && *send.To == peer && send.Statement != nil {
				told = append(told, place(send.Statement))
			}
		}
		if len(told) != len(own) {
			t.Errorf("%d is told %d of %d statements", peer, len(told), len(own))
		}
	}
	if asks := strings.Count(s.text(step), "to repeat"); asks != 3 || len(step.Records) > 0 {
		t.Errorf("asks %d, says %v", asks, step.Records)
	}
}

// TestRestartOpens: a member that had proposed takes part after a restart, though
// it has nothing more to propose.
func TestRestartOpens(t *testing.T) {
	s := newStage(t)
	s.open()
	s.members[0].journal = s.members[0].journal[:1]
	s.members[0].history = make([]honeybadger.Outcome, 2)
	step := s.reboot()
	if len(step.Records) != 1 || step.Records[0].Statement != frames.Statement(s.echo(0, "mine")) {
		t.Errorf("says %v", step.Records)
	}
}

// TestRestoresTheNextEpoch: what was said in the next epoch, without taking part in
// it yet, is counted as said.
func TestRestoresTheNextEpoch(t *testing.T) {
	s := newStage(t)
	s.epoch = 3
	s.hear(correct, s.ready(1, "a"))
	journal := s.members[0].journal
	if len(journal) != 1 {
		t.Fatalf("journal %v", journal)
	}
	s.members[0].history = make([]honeybadger.Outcome, 2)
	if step := s.reboot(); len(step.Wanted) > 0 {
		t.Error("it takes part")
	}
	if kept := s.core.Journal(); len(kept) != 1 {
		t.Errorf("%d records are left", len(kept))
	}
	s.committed(2)
	s.epoch = 3
	s.expect(kept, 1, s.ready(1, "a"))
	s.expect(kept, 2, s.ready(1, "a"))
	if strings.Contains(s.core.String(), "opened=true") {
		t.Errorf("%s", s.core)
	}
}

// TestForgetsWhatIsOver: of epochs that are over nothing stays, and nothing is made
// before it is needed.
func TestForgetsWhatIsOver(t *testing.T) {
	s := newStage(t)
	core, _ := honeybadger.New(s.config(0), honeybadger.Position{Next: 2, Certified: 1}, []honeybadger.Record{
		{Epoch: 0, Statement: s.echo(1, "a")}, {Epoch: 1, Statement: s.ready(1, "a")}, {Epoch: 2, Statement: s.ready(1, "a")},
	})
	if got := core.Journal(); len(got) != 2 || got[0].Epoch != 1 || got[1].Epoch != 2 {
		t.Errorf("journal %v", got)
	}
	for _, peer := range others {
		core.Handle(peer, frames.Frame{Epoch: 2, Next: 2})
	}
	if got := core.Journal(); len(got) != 1 || got[0].Epoch != 2 {
		t.Errorf("journal %v", got)
	}
	core, _ = honeybadger.New(s.config(0), honeybadger.Position{Next: 2}, nil)
	core.Handle(1, frames.Frame{Epoch: 1, Next: 1})
	core.Handle(1, frames.Frame{Epoch: 3, Next: 2, Again: true})
	if strings.Contains(core.String(), "epoch") {
		t.Errorf("there is state already: %s", core)
	}
}

// TestJournalOfAnUnknownSchedule: a journal of an epoch whose schedule of coins is
// not known yet waits for it, and counts as soon as it is.
func TestJournalOfAnUnknownSchedule(t *testing.T) {
	s := newStage(t)
	s.epoch = 9
	mine := s.value(0, "mine")
	journal := []honeybadger.Record{{Epoch: 9, Statement: mine}, {Epoch: 9, Statement: s.echo(0, "mine")}}
	core, step := honeybadger.New(s.config(0), honeybadger.Position{Next: 9, Certified: 9}, journal)
	step.Join(core.Work())
	step.Join(core.Handle(1, frames.Frame{Epoch: 9, Next: 9, Statements: []frames.Statement{s.ready(1, "a")}}))
	if len(step.Records)+len(step.Wanted) > 0 {
		t.Fatalf("says %v without knowing the schedule", step.Records)
	}
	if got := core.Journal(); len(got) != 2 {
		t.Fatalf("%d records are left", len(got))
	}
	step = core.Committed(9, honeybadger.Absence{Known: true}, honeybadger.Absence{Known: true})
	step.Join(core.Propose(9, s.sealed(0, "another")))
	if len(step.Records)+len(step.Wanted) > 0 {
		t.Errorf("says %v, wants %v", step.Records, step.Wanted)
	}
	if got := core.Journal(); len(got) != 2 {
		t.Errorf("%d records are left", len(got))
	}
}

// TestSilent: a member whose journal was lost takes no part in epochs in which it
// may have spoken, whatever it hears, and takes part in the next one.
func TestSilent(t *testing.T) {
	s := newStage(t)
	s.members[0].silent = 4
	s.members[0].history = make([]honeybadger.Outcome, 2)
	s.reboot()
	s.committed(2)
	s.epoch = 2
	for _, epoch := range []messages.Epoch{2, 3} {
		s.epoch = epoch
		for _, p := range s.conversation() {
			if step := s.take(s.core.Handle(p.from, p.frame)); len(step.Records)+len(step.Outcomes)+len(step.Wanted) > 0 {
				t.Fatalf("in epoch %d: %s", epoch, s.text(step))
			}
		}
		step := s.take(s.core.Work())
		step.Join(s.core.Propose(epoch, s.sealed(0, "mine")))
		if len(step.Records)+len(step.Wanted) > 0 {
			t.Fatalf("in epoch %d: %s", epoch, s.text(step))
		}
		s.committed(epoch + 1)
	}
	s.expectDoing("wants a contribution to 4", func() honeybadger.Step { return s.take(s.core.Work()) })
}
