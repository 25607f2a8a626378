package honeybadger_test

import (
	"testing"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

var (
	nobody = honeybadger.Absence{Known: true}
	three  = honeybadger.Absence{Known: true, Absent: []bool{false, false, false, true}}
)

// rejects reports whether the votes of the correct members against a proposer end
// its agreement in round 0, as they do where the proposer counts as absent.
func rejects(t *testing.T, core *honeybadger.Core, epoch messages.Epoch, proposer messages.PeerID) bool {
	t.Helper()
	var last honeybadger.Step
	for _, st := range []frames.Statement{frames.BVal{Proposer: proposer}, frames.Aux{Proposer: proposer}} {
		for _, from := range correct {
			last = core.Handle(from, frames.Frame{Epoch: epoch, Statements: []frames.Statement{st}})
		}
	}
	if len(last.Records) != 1 {
		t.Fatalf("says %v about %d in epoch %d", last.Records, proposer, epoch)
	}
	_, decided := last.Records[0].Statement.(frames.Term)
	return decided
}

// TestSchedule: an epoch's coins favour 0 for whoever was absent one epoch before
// it, and for nobody else; in the first three epochs for nobody at all.
func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		at    honeybadger.Position
		epoch messages.Epoch
		want  bool
	}{
		{honeybadger.Position{Absences: [4]honeybadger.Absence{three, three, three, three}}, 0, false},
		{honeybadger.Position{Next: 1, Absences: [4]honeybadger.Absence{three, three, three, three}}, 1, false},
		{honeybadger.Position{Next: 1, Absences: [4]honeybadger.Absence{three, three, three, three}}, 2, false},
		{honeybadger.Position{Next: 2, Absences: [4]honeybadger.Absence{three, nobody}}, 3, true},
		{honeybadger.Position{Next: 2, Absences: [4]honeybadger.Absence{nobody, three}}, 3, false},
		{honeybadger.Position{Next: 3, Absences: [4]honeybadger.Absence{nobody, three, nobody}}, 3, true},
		{honeybadger.Position{Next: 3, Absences: [4]honeybadger.Absence{three, nobody, three}}, 3, false},
		{honeybadger.Position{Next: 3, Absences: [4]honeybadger.Absence{three, nobody, nobody}}, 4, true},
		{honeybadger.Position{Next: 9, Certified: 7, Absences: [4]honeybadger.Absence{nobody, nobody, three, nobody}}, 8, true},
		{honeybadger.Position{Next: 9, Certified: 7, Absences: [4]honeybadger.Absence{nobody, nobody, nobody, three}}, 7, true},
		{honeybadger.Position{Next: 9, Certified: 7, Absences: [4]honeybadger.Absence{three, three, nobody, three}}, 8, false},
	} {
		core, _ := honeybadger.New(newWorld(t, 4).config(0), c.at, nil)
		if got := rejects(t, core, c.epoch, 3); got != c.want {
			t.Errorf("at %+v: epoch %d favours 0: %t", c.at, c.epoch, got)
		}
		if rejects(t, core, c.epoch, 2) {
			t.Errorf("at %+v: epoch %d favours 0 for a member that was there", c.at, c.epoch)
		}
	}
}

// TestScheduleMoves: what is known of absences moves with the position, what is
// said anew counts, and what is not said is no news.
func TestScheduleMoves(t *testing.T) {
	unknown := honeybadger.Absence{}
	for name, c := range map[string]struct {
		next     messages.Epoch
		absences []honeybadger.Absence
		epoch    messages.Epoch
		want     bool
	}{
		"the same":              {5, nil, 6, true},
		"the same, not known":   {5, []honeybadger.Absence{unknown, unknown}, 6, true},
		"the same, known anew":  {5, []honeybadger.Absence{nobody}, 6, false},
		"the next":              {6, []honeybadger.Absence{nobody}, 6, true},
		"the next, known anew":  {6, []honeybadger.Absence{nobody, nobody}, 6, false},
		"the next, not known":   {6, []honeybadger.Absence{nobody, unknown}, 6, true},
		"the one after":         {7, []honeybadger.Absence{nobody, nobody}, 6, true},
		"the one after, anew":   {7, []honeybadger.Absence{nobody, three}, 7, true},
		"the one after, latest": {7, []honeybadger.Absence{three, nobody}, 8, true},
	} {
		core, _ := honeybadger.New(newWorld(t, 4).config(0), honeybadger.Position{
			Next: 5, Certified: 5, Absences: [4]honeybadger.Absence{three, nobody},
		}, nil)
		core.Committed(c.next, c.absences...)
		if got := rejects(t, core, c.epoch, 3); got != c.want {
			t.Errorf("%s: epoch %d favours 0: %t", name, c.epoch, got)
		}
	}
}

// TestCertifiedMoves: an epoch that was over stays so, and those that are too far
// back, or of an unknown schedule, are passed over.
func TestCertifiedMoves(t *testing.T) {
	known := [4]honeybadger.Absence{nobody, nobody, nobody, nobody}
	for _, c := range []struct {
		at   honeybadger.Position
		next messages.Epoch
		want messages.Epoch
	}{
		{honeybadger.Position{Next: 5, Certified: 5, Absences: known}, 6, 5},
		{honeybadger.Position{Next: 5, Certified: 4, Absences: known}, 5, 4},
		{honeybadger.Position{Next: 5, Certified: 0, Absences: known}, 5, 3},
		{honeybadger.Position{Next: 5, Certified: 3, Absences: known}, 7, 5},
		{honeybadger.Position{Next: 5, Certified: 3, Absences: known}, 100, 100}, // 98 and 99 are unknown
		{honeybadger.Position{Next: 9, Certified: 7}, 9, 9},
		{honeybadger.Position{Next: 9, Certified: 9}, 10, 10},
		{honeybadger.Position{}, 1, 0},
		{honeybadger.Position{}, 3, 1},
	} {
		core, _ := honeybadger.New(newWorld(t, 4).config(0), c.at, nil)
		core.Committed(c.next)
		if p := core.Position(); p.Next != c.next || p.Certified != c.want {
			t.Errorf("from %+v to %d: certified %d, want %d", c.at, c.next, p.Certified, c.want)
		}
	}
}
