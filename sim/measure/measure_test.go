package measure_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/measure"
	"minimint/sim/scenario"
	"minimint/sim/sched"
	"minimint/sim/world"
)

// What is read from a frame in passing is what its codec says.
func TestPeek(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frames.Frame{
			Era: messages.Era(rapid.Uint32().Draw(t, "era")), Epoch: messages.Epoch(rapid.Uint64().Draw(t, "epoch")),
			Next: messages.Epoch(rapid.Uint64().Draw(t, "next")), Again: rapid.Bool().Draw(t, "again"),
		}
		proposes := rapid.Bool().Draw(t, "proposes")
		if proposes {
			f.Statements = append(f.Statements, frames.Value{Proposer: 3, Payload: rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "payload")})
		}
		if rapid.Bool().Draw(t, "votes") {
			f.Statements = append(f.Statements, frames.Echo{Proposer: 1}, frames.Aux{Proposer: 2, Round: 4, Bit: true})
		}
		payload, err := proto.Marshal(world.Message(f))
		if err != nil {
			t.Fatal(err)
		}
		epoch, value := measure.Peek(payload)
		if epoch != f.Epoch || value != proposes {
			t.Fatalf("epoch %d and %v, want %d and %v", epoch, value, f.Epoch, proposes)
		}
	})
}

func FuzzPeek(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x0a, 0x02, 0x10, 0x07})
	f.Add([]byte{0x0a, 0x04, 0x10, 0x07, 0x22, 0x00})
	f.Fuzz(func(_ *testing.T, b []byte) { measure.Peek(b) }) // whatever it is, it is read
}

// Where a message takes a unit and nothing else takes time, an epoch of members
// that all have work takes four: proposals, echoes of all, inputs of all, shares.
// With a crashed member it takes eight.
func TestDelays(t *testing.T) {
	for _, c := range []struct {
		crashed int
		delays  time.Duration
		live    int
	}{{0, 4, 4}, {1, 8, 3}} {
		s := scenario.Scenario{Nodes: 4, Network: "unit", Users: 40, Seed: 1, Faulty: scenario.Repeat(scenario.Crash, c.crashed)}
		r, err := s.Measure(t.Context(), scenario.Extent{Warm: 4, Epochs: 8})
		if err != nil {
			t.Fatal(err)
		}
		if r.Epoch.Median != c.delays*100*time.Millisecond || r.Gap.Median < r.Epoch.Median {
			t.Errorf("%d crashed: %v from proposal to commit, %v between commits, want %d units", c.crashed, r.Epoch.Median, r.Gap.Median, c.delays)
		}
		if r.Live != c.live || r.Epoch.Count != r.Epochs*c.live || r.Epochs < 7 {
			t.Errorf("%d crashed: %d live, %d epochs, %d times", c.crashed, r.Live, r.Epochs, r.Epoch.Count)
		}
		// Every transaction waits for the epoch that is open, and goes with the next.
		if r.Transaction.Shortest < r.Epoch.Shortest || r.Throughput() <= 0 || r.Accepted != r.Transaction.Count {
			t.Errorf("%d crashed: transactions %+v, %d accepted", c.crashed, r.Transaction, r.Accepted)
		}
		if r.FramesPerPeer() < 4 || r.FramesIn() != r.FramesPerPeer()*float64(c.live-1) || r.BytesIn() < 1000 || r.WireIn() < r.BytesIn() || r.Traffic.Delivered < r.Traffic.Messages || r.Traffic.Messages < r.Traffic.Frames {
			t.Errorf("%d crashed: %+v", c.crashed, r.Traffic)
		}
		if r.Rounds.Mean < 1 || r.Rounds.Most < 1 || len(r.Blames) != 0 || r.Violations != 0 || r.CPUPerEpoch() <= 0 {
			t.Errorf("%d crashed: %+v", c.crashed, r)
		}
	}
}

// The meter changes nothing.
func TestSameTraceWithAndWithout(t *testing.T) {
	trace := func(metered bool) string {
		cfg, unleash, err := scenario.Scenario{Nodes: 4, Network: "lan", Users: 5, Seed: 3, Faulty: []string{"crash-and-restart"}, Trace: sched.NewTrace(nil)}.Config()
		if err != nil {
			t.Fatal(err)
		}
		if metered {
			m := measure.Attach(&cfg)
			defer func() {
				if len(m.Epochs()) < 3 {
					t.Errorf("%d epochs seen", len(m.Epochs()))
				}
			}()
		}
		w := world.New(cfg)
		unleash(w)
		w.Run(3 * time.Second)
		return w.Loop().Trace().Hash()
	}
	if a, b := trace(false), trace(true); a != b {
		t.Errorf("trace %s without a meter, %s with one", a, b)
	}
}

// An epoch's record says what each node did when, and who was waited for.
func TestWaitedFor(t *testing.T) {
	w, m, err := scenario.Scenario{Nodes: 4, Network: "continent", Users: 20, Seed: 2}.New()
	if err != nil {
		t.Fatal(err)
	}
	w.Run(4 * time.Second)
	waited := 0
	for _, e := range m.Epochs() {
		for i, part := range e.Nodes {
			if part.Committed == 0 || e.Began < time.Second {
				continue // before that some have no links, and take the epoch from others
			}
			waited++
			if part.Last == i || part.Last < 0 || part.LastAt > part.Committed || part.Committed < e.Began || part.Proposed < e.Began {
				t.Errorf("epoch %d at node %d: %+v, began %v", e.Number, i, part, e.Began)
			}
		}
	}
	if waited < 20 {
		t.Errorf("%d parts", waited)
	}
}

func TestSpread(t *testing.T) {
	if s := measure.Of(nil); s != (measure.Spread{}) {
		t.Errorf("of nothing: %+v", s)
	}
	s := measure.Of([]time.Duration{3, 1, 2, 5, 4})
	if s.Count != 5 || s.Mean != 3 || s.Median != 3 || s.Shortest != 1 || s.Longest != 5 || s.P95 < 4 {
		t.Errorf("%+v", s)
	}
}
