package honeybadger_test

import (
	"fmt"
	"strings"
	"testing"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// waits lists what a step says to others: the kind of each statement, in brackets
// if it can wait.
func waits(step honeybadger.Step) string {
	var list []string
	for _, s := range step.Sends {
		kind := "position"
		if s.Statement != nil {
			kind = strings.TrimPrefix(fmt.Sprintf("%T", s.Statement), "frames.")
		}
		if s.CanWait {
			kind = "(" + kind + ")"
		}
		list = append(list, kind)
	}
	return strings.Join(list, " ")
}

// TestCanWait: an Echo waits for the other proposals, an Input for the other
// deliveries; what the fast paths may make needless waits while all are there; what
// others need for certain never does.
func TestCanWait(t *testing.T) {
	last := messages.PeerID(3)
	for _, c := range []struct {
		name   string
		absent honeybadger.Absence
		want   []string
	}{
		{"all are there", nobody, []string{
			"Value (Echo)", "(Echo)", "(Echo)", "Echo",
			"(Ready)", "(Input)", "(Ready)", "(Input)", "(Ready)", "(Input)", "(Ready)", "Input",
		}},
		{"one is absent", three, []string{
			"Value (Echo)", "(Echo)", "Echo", "Echo",
			"Ready", "(Input)", "Ready", "(Input)", "Ready", "Input", "Ready", "Input",
		}},
	} {
		s := &stage{world: newWorld(t, 4), t: t}
		s.epoch, s.next = 3, 3
		s.core, _ = honeybadger.New(s.config(0), honeybadger.Position{Next: 3, Certified: 3, Absences: [4]honeybadger.Absence{nobody, c.absent}}, nil)
		s.core.Work()
		var got []string
		note := func(step honeybadger.Step) {
			if text := waits(step); text != "" {
				got = append(got, text)
			}
		}
		note(s.core.Propose(3, s.sealed(0, "of 0")))
		for j := messages.PeerID(1); j <= last; j++ {
			note(s.hear([]messages.PeerID{j}, s.value(j, fmt.Sprint("of ", j))))
		}
		for j := messages.PeerID(0); j <= last; j++ {
			for _, from := range []messages.PeerID{1, 2, 3} {
				note(s.hear([]messages.PeerID{from}, s.echo(j, fmt.Sprint("of ", j))))
			}
		}
		if text := strings.Join(got, "\n"); text != strings.Join(c.want, "\n") {
			t.Errorf("%s: says\n%s\nwant\n%s", c.name, text, strings.Join(c.want, "\n"))
		}
	}
}

// TestStepCanWait: a step waits only if nobody at home is to act on it and all that
// it says can wait.
func TestStepCanWait(t *testing.T) {
	later, now := honeybadger.Send{CanWait: true}, honeybadger.Send{}
	for name, c := range map[string]struct {
		step honeybadger.Step
		want bool
	}{
		"all can":          {honeybadger.Step{Sends: []honeybadger.Send{later, later}, Records: []honeybadger.Record{{Statement: frames.Term{}}}}, true},
		"one cannot":       {honeybadger.Step{Sends: []honeybadger.Send{later, now}}, false},
		"outcome":          {honeybadger.Step{Sends: []honeybadger.Send{later}, Outcomes: []honeybadger.Outcome{{}}}, false},
		"wanted":           {honeybadger.Step{Wanted: []messages.Epoch{1}}, false},
		"a peer is behind": {honeybadger.Step{Behind: []honeybadger.Notice{{}}}, false},
		"a peer is ahead":  {honeybadger.Step{Ahead: []honeybadger.Notice{{}}}, false},
	} {
		if got := c.step.CanWait(); got != c.want {
			t.Errorf("%s: can wait %t", name, got)
		}
	}
}
