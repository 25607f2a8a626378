package gate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"minimint/messages/link"
)

// conversation is one direction between two halves that follow the rules.
type conversation struct {
	limits          Limits
	out             *Outbox
	in              *Inbox
	steps           int
	pushed, arrived []int    // by the step that made them
	open            []uint64 // arrived and not processed
}

func (c *conversation) push(t *rapid.T) {
	c.steps++
	e := &link.Envelope{Target: fmt.Sprint(c.steps), Payload: make([]byte, rapid.IntRange(0, 1000).Draw(t, "size"))}
	if c.out.Push(e) {
		c.pushed = append(c.pushed, c.steps)
	} else if !c.out.Congested() {
		t.Fatal("dropped without congestion")
	}
}

func (c *conversation) send(t *rapid.T) {
	first, envelopes := c.out.Take()
	sum := 0
	for i, e := range envelopes {
		n := first + uint64(i)
		if refusal := c.in.Arrive(n, e); refusal != nil {
			t.Fatalf("an honest side was refused: %v", refusal)
		}
		id, err := strconv.Atoi(e.GetTarget())
		if err != nil {
			t.Fatal(err)
		}
		sum += Cost(e)
		c.arrived = append(c.arrived, id)
		c.open = append(c.open, n)
	}
	if len(envelopes) > c.limits.MaxBatch || sum > c.limits.frame() {
		t.Fatalf("a frame of %d envelopes, %d bytes", len(envelopes), sum)
	}
	if _, ended := c.out.Relieve(); ended && c.out.State().Queued > c.limits.Queue/2 {
		t.Fatal("relieved too early")
	}
}

func (c *conversation) process(t *rapid.T) {
	if len(c.open) == 0 {
		return
	}
	i := rapid.IntRange(0, len(c.open)-1).Draw(t, "which")
	c.in.Processed(c.open[i])
	c.open = append(c.open[:i], c.open[i+1:]...)
}

func (c *conversation) acknowledge(t *rapid.T) {
	if refusal := c.out.Acknowledge(c.in.Acknowledgement()); refusal != nil {
		t.Fatal(refusal)
	}
}

func (c *conversation) bounded(t *rapid.T) {
	if c.out.flying > c.limits.Window || c.out.queued > c.limits.Queue || c.in.held > c.limits.Window {
		t.Fatalf("flying %d, queued %d, held %d", c.out.flying, c.out.queued, c.in.held)
	}
}

// Whatever is pushed and not dropped arrives once and in order; no window or
// queue is ever exceeded; once everything has been processed and acknowledged
// all credit is back.
func TestFlowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &conversation{limits: Limits{
			MaxMessage: 1000, MaxBatch: rapid.IntRange(1, 5).Draw(t, "batch"),
			Window: rapid.IntRange(1000+maxOverhead, 5000).Draw(t, "window"), Queue: 4000,
		}}
		c.out, c.in = NewOutbox(c.limits, party.Hello(c.limits).GetHello()), NewInbox(c.limits)
		t.Repeat(map[string]func(*rapid.T){
			"push": c.push, "push again": c.push, "send": c.send,
			"process": c.process, "acknowledge": c.acknowledge, "": c.bounded,
		})
		for len(c.arrived) < len(c.pushed) || len(c.open) > 0 {
			c.send(t)
			for len(c.open) > 0 {
				c.process(t)
			}
			c.acknowledge(t)
		}
		c.acknowledge(t)
		if !slices.Equal(c.arrived, c.pushed) {
			t.Fatalf("arrived %v of %v", c.arrived, c.pushed)
		}
		if out, in := c.out.State(), c.in.State(); c.out.flying != 0 || out.Queued != 0 || in.Held != 0 || out.Sent != out.Acknowledged {
			t.Fatalf("credit is missing: %+v, %+v", out, in)
		}
	})
}

func TestInboxRefuses(t *testing.T) {
	l := policy().Limits
	e := &link.Envelope{Payload: make([]byte, 1000)}
	for _, c := range []struct {
		name    string
		numbers []uint64
		want    link.Code
	}{
		{"in order", []uint64{1, 2}, link.Code_CODE_UNSPECIFIED},
		{"not from 1", []uint64{0}, link.Code_CODE_SEQUENCE},
		{"gap", []uint64{1, 3}, link.Code_CODE_SEQUENCE},
		{"replay", []uint64{1, 1}, link.Code_CODE_SEQUENCE},
		{"far away", []uint64{1, math.MaxUint64}, link.Code_CODE_SEQUENCE},
		{"beyond the window", []uint64{1, 2, 3}, link.Code_CODE_WINDOW},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := NewInbox(l)
			var refusal *link.Refusal
			for _, n := range c.numbers {
				refusal = in.Arrive(n, e)
			}
			if refusal.GetCode() != c.want {
				t.Fatalf("%v, want %v", refusal, c.want)
			}
		})
	}
}

func TestOutboxRefusesAcknowledgements(t *testing.T) {
	l := policy().Limits
	out := NewOutbox(l, party.Hello(l).GetHello())
	for range 3 {
		out.Push(new(link.Envelope))
	}
	out.Take()
	for _, c := range []struct {
		n    uint64
		fine bool
	}{{0, true}, {4, false}, {math.MaxUint64, false}, {2, true}, {2, false}, {1, false}, {3, true}, {4, false}} {
		if refusal := out.Acknowledge(c.n); (refusal == nil) != c.fine {
			t.Fatalf("acknowledgement of %d: %v", c.n, refusal)
		}
	}
}

func TestCongestion(t *testing.T) {
	l := Limits{MaxMessage: 1000, MaxBatch: 10, Window: 1 << 20, Queue: 4000}
	out := NewOutbox(l, party.Hello(l).GetHello())
	e := &link.Envelope{Payload: make([]byte, 1000-envelopeCost)}
	for i := range 6 {
		if out.Push(e) != (i < 4) {
			t.Fatalf("push %d", i)
		}
	}
	if _, ended := out.Relieve(); ended {
		t.Fatal("relieved with a full queue")
	}
	out.Take() // one frame has room for one of them
	if out.Push(new(link.Envelope)) {
		t.Fatal("something small slipped into the gap")
	}
	out.Take()
	dropped, ended := out.Relieve()
	if !ended || dropped != 3 || !out.Push(e) {
		t.Fatalf("relieved %v, dropped %d", ended, dropped)
	}
}
