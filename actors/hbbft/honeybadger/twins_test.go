package honeybadger_test

import (
	"fmt"
	"reflect"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// Twins are a member's core, and perhaps a second one that is told the same. The first
// takes frames as they come, in which most is gathered and only counted; for
// the second they are taken apart, and it takes each statement on its own. At any time
// both must ask for exactly the same, and know the same.
type twins struct {
	*honeybadger.Core
	apart *honeybadger.Core // nil: there is none
	t     rapid.TB
}

// same fails the test unless both answer the same.
func (w *twins) same(call func(*honeybadger.Core) honeybadger.Step) honeybadger.Step {
	step := call(w.Core)
	if w.apart == nil {
		return step
	}
	if apart := call(w.apart); !reflect.DeepEqual(step, apart) {
		w.t.Fatalf("gathered: %+v\ntaken apart: %+v", step, apart)
	}
	return step
}

func (w *twins) Handle(from messages.PeerID, f frames.Frame) honeybadger.Step {
	if w.apart == nil {
		return w.Core.Handle(from, f)
	}
	gathered, err := frames.Unpack(frames.Encode(f))
	if err != nil {
		w.t.Fatal(err)
	}
	apart, err := frames.Decode(frames.Encode(f))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.same(func(c *honeybadger.Core) honeybadger.Step {
		if c == w.apart {
			return c.Handle(from, apart)
		}
		return c.Handle(from, gathered)
	})
}

func (w *twins) Work() honeybadger.Step { return w.same((*honeybadger.Core).Work) }

func (w *twins) Propose(epoch messages.Epoch, payload []byte) honeybadger.Step {
	return w.same(func(c *honeybadger.Core) honeybadger.Step { return c.Propose(epoch, payload) })
}

func (w *twins) Committed(next messages.Epoch, absences ...honeybadger.Absence) honeybadger.Step {
	return w.same(func(c *honeybadger.Core) honeybadger.Step { return c.Committed(next, absences...) })
}

func (w *twins) Resync(peer messages.PeerID) honeybadger.Step {
	return w.same(func(c *honeybadger.Core) honeybadger.Step { return c.Resync(peer) })
}

// Tick compares as well what the two know.
func (w *twins) Tick(now time.Time) honeybadger.Step {
	step := w.same(func(c *honeybadger.Core) honeybadger.Step { return c.Tick(now) })
	if w.apart == nil {
		return step
	}
	know := func(c *honeybadger.Core) string { return fmt.Sprintf("%s\nlacks %+v", c, c.Lacks()) }
	if a, b := know(w.Core), know(w.apart); a != b {
		w.t.Fatalf("gathered: %s\ntaken apart: %s", a, b)
	}
	return step
}
