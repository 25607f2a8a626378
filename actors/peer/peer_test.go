package peer_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/peer"
	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/messages/wire"
)

// rig is a peer actor of a federation of four, for member 2.
type rig struct {
	testing.TB
	stage                    *consensustest.Stage
	hbbft, consensus, remote *consensustest.Probe
	other                    *consensustest.Probe // whoever sends
	pid                      *actor.PID
	linked                   []bool
	faults                   []string
}

func newRig(t testing.TB, members int) *rig {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	r := &rig{TB: t, stage: stage, hbbft: stage.Probe(nil), consensus: stage.Probe(nil), remote: stage.Probe(nil), other: stage.Probe(nil)}
	r.pid = stage.Spawn(spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second}), peer.New(peer.Config{
		Peer: 2, Members: members, Remote: r.remote.PID, HBBFT: r.hbbft.PID, Consensus: r.consensus.PID,
		Linked: func(id messages.PeerID, up bool) {
			if id != 2 {
				t.Errorf("link of %d", id)
			}
			r.linked = append(r.linked, up)
		},
		Fault: func(id messages.PeerID, text string) {
			if id != 2 {
				t.Errorf("fault of %d", id)
			}
			r.faults = append(r.faults, text)
		},
	}))
	return r
}

func (r *rig) tell(m any) { r.stage.Send(r.other, r.pid, m) }

// resyncs reports how often HBBFT was asked to say again what it said.
func (r *rig) resyncs() int { return len(consensustest.Of[tohbbft.PeerUp](r.hbbft.Take())) }

// passes reports whether what is sent goes out.
func (r *rig) passes() bool {
	r.remote.Take()
	r.tell(tohbbft.Send{Frame: frames.Frame{Epoch: 1}})
	one := len(r.remote.Take())
	r.tell(topeer.AskOutcomes{From: 1})
	if two := len(r.remote.Take()); one != two || one > 1 {
		r.Errorf("%d frames and %d requests went out", one, two)
	}
	return one == 1
}

func TestFollowsItsLink(t *testing.T) {
	r := newRig(t, 4)
	if r.resyncs() != 1 || !r.passes() {
		t.Error("at its start the link may be up")
	}
	for i, step := range []struct {
		event   any
		up      bool
		resyncs int
	}{
		{&link.Up{Link: 5}, true, 1},
		{&link.Congested{Link: 5}, false, 0},
		{&link.Writable{Link: 5, Dropped: 3}, true, 1},
		{&link.Congested{Link: 5}, false, 0},
		{&link.Down{Link: 5}, false, 0},
		{&link.Down{Link: 6}, false, 0}, // an attempt failed
		{&link.Up{Link: 7}, true, 1},
		{&link.Down{Link: 8}, true, 0}, // a second one beside the open link
		{&link.Down{Link: 7}, false, 0},
		{&link.Up{Link: 9}, true, 1},
	} {
		r.tell(step.event)
		if got := r.resyncs(); r.passes() != step.up || got != step.resyncs {
			t.Errorf("step %d, %s: up %t, %d resyncs", i, step.event, r.passes(), got)
		}
	}
	if want := []bool{true, false, false, true, false, true}; !slices.Equal(r.linked, want) {
		t.Errorf("reported %v, want %v", r.linked, want)
	}
	if len(r.faults) != 0 {
		t.Errorf("faults %v", r.faults)
	}
}

// A member that breaks the protocol of the link has made a fault; that a link is
// lost is none.
func TestFaultsOfTheLink(t *testing.T) {
	r := newRig(t, 4)
	for i, c := range []struct {
		m     *link.Down
		fault bool
	}{
		{&link.Down{Code: link.Code_CODE_SEQUENCE, Ours: true}, true},
		{&link.Down{Code: link.Code_CODE_SEQUENCE}, false},
		{&link.Down{Code: link.Code_CODE_UNSPECIFIED, Ours: true}, false},
		{&link.Down{Code: link.Code_CODE_SLOW, Ours: true}, false},
		{&link.Down{Code: link.Code_CODE_SIZE, Ours: true}, true},
	} {
		r.faults = nil
		r.tell(c.m)
		if (len(r.faults) == 1) != c.fault {
			t.Errorf("case %d: faults %v", i, r.faults)
		}
	}
}

func TestFramesPass(t *testing.T) {
	r := newRig(t, 4)
	f := frames.Frame{Era: 1, Epoch: 9, Next: 8, Statements: []frames.Statement{frames.Term{Proposer: 3, Bit: true}}}
	r.remote.Take()
	r.tell(tohbbft.Send{Frame: f})
	sent := consensustest.Of[*wire.PeerFrame](r.remote.Take())
	if len(sent) != 1 {
		t.Fatalf("%d frames", len(sent))
	}
	r.hbbft.Take()
	r.tell(sent[0])
	if got := r.hbbft.Take(); !reflect.DeepEqual(got, []any{tohbbft.PeerFrame{From: 2, Frame: f}}) {
		t.Errorf("HBBFT got %+v", got)
	}
}

// Bytes that are nothing are counted, and end nothing; a flood of them does not
// become one of lines in the log.
func TestNonsenseIsCounted(t *testing.T) {
	r := newRig(t, 4)
	r.hbbft.Take()
	for i := range 1000 {
		switch i % 4 {
		case 0:
			r.tell(&wire.PeerFrame{Frame: []byte("no frame")})
		case 1:
			r.tell(&wire.OutcomesReply{Outcomes: [][]byte{[]byte("no outcome")}})
		case 2:
			r.tell(&wire.OutcomesReply{Outcomes: make([][]byte, topeer.MaxOutcomes+1)})
		default:
			r.tell(&wire.OutcomesReply{Outcomes: [][]byte{nil}, Part: &wire.OutcomePart{Body: []byte{1}}})
		}
	}
	if len(r.faults) != 1000 {
		t.Errorf("%d faults", len(r.faults))
	}
	if lines := strings.Count(r.stage.Log.String(), "misbehaves"); lines < 5 || lines > 11 {
		t.Errorf("%d lines", lines)
	}
	if got := append(r.hbbft.Take(), r.consensus.Take()...); len(got) != 0 {
		t.Errorf("passed on: %+v", got)
	}
	r.tell(&wire.PeerFrame{})
	if got := r.hbbft.Take(); len(got) != 1 {
		t.Errorf("after it: %+v", got)
	}
}

func TestRequestsPass(t *testing.T) {
	r := newRig(t, 4)
	r.tell(&wire.OutcomesRequest{FromEpoch: 77})
	if got := r.consensus.Take(); !reflect.DeepEqual(got, []any{toconsensus.OutcomesWanted{Peer: 2, From: 77}}) {
		t.Errorf("the processor got %+v", got)
	}
	r.remote.Take()
	r.tell(topeer.AskOutcomes{From: 5})
	if got := consensustest.Of[*wire.OutcomesRequest](r.remote.Take()); len(got) != 1 || got[0].GetFromEpoch() != 5 {
		t.Errorf("went out: %v", got)
	}
	r.tell(&wire.OutcomesReply{})
	if got := r.consensus.Take(); len(got) != 0 {
		t.Errorf("an empty reply: %+v", got)
	}
}

// sized returns an outcome of about size bytes, of members of a large federation.
func sized(e messages.Epoch, size int) outcome.Outcome {
	o := outcome.Outcome{Epoch: e}
	for p := messages.PeerID(0); size > 0; p++ {
		n := min(size, outcome.MaxContribution)
		o.Contributions = append(o.Contributions, outcome.Member{Peer: p, Contribution: bytes.Repeat([]byte{byte(e)}, n)})
		size -= n
	}
	return o
}

// Whatever is served arrives on the other side as it was, in order, in messages
// that a link carries.
func TestOutcomesArrive(t *testing.T) {
	const members = 20
	sizes := rapid.SampledFrom([]int{1, 10, 1000, 100_000, 300_000, 768 << 10, 768<<10 - 20, 1_000_000, 3_000_000})
	from, to := newRig(t, members), newRig(t, members)
	rapid.Check(t, func(t *rapid.T) {
		var serve topeer.ServeOutcomes
		var want []outcome.Outcome
		for i := range rapid.IntRange(0, 6).Draw(t, "outcomes") {
			o := sized(messages.Epoch(i), sizes.Draw(t, "size"))
			want = append(want, o)
			serve.Outcomes = append(serve.Outcomes, o.Encode())
		}
		from.remote.Take()
		from.tell(serve)
		to.consensus.Take()
		for _, m := range consensustest.Of[*wire.OutcomesReply](from.remote.Take()) {
			if proto.Size(m) > gate.MaxPayload {
				t.Fatalf("a message of %d bytes", proto.Size(m))
			}
			to.tell(m)
		}
		var got []outcome.Outcome
		for _, m := range consensustest.Of[toconsensus.OutcomesServed](to.consensus.Take()) {
			if m.Peer != 2 {
				t.Fatalf("served by %d", m.Peer)
			}
			got = append(got, m.Outcomes...)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d outcomes arrived, want %d", len(got), len(want))
		}
	})
	if len(to.faults) != 0 {
		t.Errorf("faults %v", to.faults)
	}
}

// Parts that do not follow each other make no outcome. Those that got lost are
// no fault; those that would fill the memory are.
func TestParts(t *testing.T) {
	o := sized(3, 400_000)
	whole := o.Encode()
	third := len(whole) / 3
	part := func(index uint32, last bool, body []byte) *wire.OutcomesReply {
		return &wire.OutcomesReply{Part: &wire.OutcomePart{Index: index, Last: last, Body: body}}
	}
	a, b, c := part(0, false, whole[:third]), part(1, false, whole[third:2*third]), part(2, true, whole[2*third:])
	for name, step := range map[string]struct {
		sent   []any
		served int
		faults int
	}{
		"in order":        {[]any{a, b, c}, 1, 0},
		"twice":           {[]any{a, b, c, a, b, c}, 2, 0},
		"one lost":        {[]any{a, c}, 0, 0},
		"the first lost":  {[]any{b, c}, 0, 0},
		"begun again":     {[]any{a, b, a, b, c}, 1, 0},
		"repeated":        {[]any{a, b, b, c}, 0, 0},
		"link ended":      {[]any{a, b, &link.Down{}, c}, 0, 0},
		"new link":        {[]any{a, b, &link.Up{}, c}, 0, 0},
		"empty part":      {[]any{a, part(1, false, nil), c}, 0, 1},
		"no outcome":      {[]any{part(0, true, []byte("no outcome"))}, 0, 1},
		"only one":        {[]any{part(0, true, whole)}, 1, 0},
		"index overflow":  {[]any{part(1<<32-1, true, whole)}, 0, 0},
		"too long at all": {[]any{part(0, false, make([]byte, outcome.MaxSize(4))), part(1, false, []byte{1})}, 0, 1},
	} {
		r := newRig(t, 4)
		r.tell(&link.Up{Link: 1})
		for _, m := range step.sent {
			if down, ok := m.(*link.Down); ok {
				down.Link = 1
			}
			r.tell(m)
		}
		served := consensustest.Of[toconsensus.OutcomesServed](r.consensus.Take())
		if len(served) != step.served || len(r.faults) != step.faults {
			t.Errorf("%s: %d served, faults %v", name, len(served), r.faults)
		}
		for _, m := range served {
			if !reflect.DeepEqual(m.Outcomes, []outcome.Outcome{o}) {
				t.Errorf("%s: another outcome", name)
			}
		}
	}
}

// FuzzMember: nothing that a member sends makes its actor panic.
func FuzzMember(f *testing.F) {
	for kind, m := range peer.Receives() {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), b)
	}
	reply, err := proto.Marshal(&wire.OutcomesReply{Outcomes: [][]byte{sized(1, 9).Encode()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(2), reply)
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		all := peer.Receives()
		m := all[int(kind)%len(all)]
		if proto.Unmarshal(b, m) != nil {
			return
		}
		r := newRig(t, 4)
		r.resyncs()
		r.tell(m)
		r.stage.Pass(time.Second)
		if r.resyncs() != 0 {
			t.Fatal("the actor restarted")
		}
	})
}
