package gate

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/messages/link"
	"minimint/messages/topeer"
	"minimint/messages/wire"
)

func policy() Policy {
	return Policy{
		Owner: "peer-2", Routes: map[string]string{"peer": "peer-2"}, Sender: "peer",
		Receives: []proto.Message{new(wrapperspb.BytesValue)},
		Limits:   Limits{MaxMessage: 1000, MaxBatch: 4, Window: 3000, Queue: MaxPayload + 1000},
	}
}

func sealed(t *testing.T, g *Gate, m any) *link.Envelope {
	t.Helper()
	e, err := g.Seal("peer", m, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAdmit(t *testing.T) {
	g := New("peer/2", policy())
	good := sealed(t, g, wrapperspb.Bytes([]byte("hello")))
	in, refusal := g.Admit(good)
	if refusal != nil || in.Target != "peer-2" || in.SenderAddress != "peer/2" || in.SenderID != "peer" ||
		string(in.Message.(*wrapperspb.BytesValue).GetValue()) != "hello" {
		t.Fatalf("%+v, %v", in, refusal)
	}

	for _, c := range []struct {
		name   string
		change func(*link.Envelope)
		want   link.Code
	}{
		{"another actor", func(e *link.Envelope) { e.Target = "consensus" }, link.Code_CODE_TARGET},
		{"the actor's own id", func(e *link.Envelope) { e.Target = "peer-2" }, link.Code_CODE_TARGET},
		{"no target", func(e *link.Envelope) { e.Target = "" }, link.Code_CODE_TARGET},
		{"the event stream", func(e *link.Envelope) { e.Target = "eventstream" }, link.Code_CODE_TARGET},
		{"a future", func(e *link.Envelope) { e.Target = "future$3" }, link.Code_CODE_TARGET},
		{"a type that exists", func(e *link.Envelope) { e.Type = "google.protobuf.StringValue" }, link.Code_CODE_TYPE},
		{"a type that does not", func(e *link.Envelope) { e.Type = "no.Such" }, link.Code_CODE_TYPE},
		{"a type that stops", func(e *link.Envelope) { e.Type = "actor.PoisonPill" }, link.Code_CODE_TYPE},
		{"no type", func(e *link.Envelope) { e.Type = "" }, link.Code_CODE_TYPE},
		{"garbage", func(e *link.Envelope) { e.Payload = []byte{0xff} }, link.Code_CODE_PAYLOAD},
		{"too large", func(e *link.Envelope) { e.Payload = make([]byte, 1001) }, link.Code_CODE_SIZE},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := proto.CloneOf(good)
			c.change(e)
			if in, refusal := g.Admit(e); refusal.GetCode() != c.want || in.Message != nil {
				t.Fatalf("%v, want %v", refusal, c.want)
			}
		})
	}
}

// In the original a decoder allocated for any count that the bytes named. Here a payload
// that is a list of nothing is refused before anything is made of it, however deep
// the list lies.
func TestH29EmptyPartsCostNoMemory(t *testing.T) {
	p := policy()
	p.Limits = PeerLimits()
	p.Receives = []proto.Message{new(wire.HeadersReply), new(wire.OutcomesReply), new(wire.ClientReply)}
	g := New("peer/2", p)
	empty := func(field byte, count int) []byte { return bytes.Repeat([]byte{field<<3 | 2, 0}, count) }
	within := func(field protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
	}
	for _, c := range []struct {
		name    string
		m       proto.Message
		payload []byte
		want    link.Code
	}{
		{"headers", new(wire.HeadersReply), empty(5, MaxPayload/2), link.Code_CODE_PAYLOAD},
		{"outcomes", new(wire.OutcomesReply), empty(2, MaxPayload/2), link.Code_CODE_PAYLOAD},
		{"lines of the report of a member", new(wire.ClientReply), within(7, empty(6, MaxPayload/2-5)), link.Code_CODE_PAYLOAD},
		{"one report upon the other", new(wire.ClientReply), empty(7, MaxPayload/2), link.Code_CODE_PAYLOAD},
		{"one more than allowed", new(wire.HeadersReply), empty(5, MaxParts+1), link.Code_CODE_PAYLOAD},
		{"as many as allowed", new(wire.HeadersReply), empty(5, MaxParts), link.Code_CODE_UNSPECIFIED},
		{"the longest honest list", new(wire.HeadersReply), empty(5, topeer.MaxHeaders), link.Code_CODE_UNSPECIFIED},
		{"unknown", new(wire.HeadersReply), empty(15, MaxPayload/2), link.Code_CODE_UNSPECIFIED},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &link.Envelope{Target: "peer", Type: nameOf(c.m), Payload: c.payload}
			if _, refusal := g.Admit(e); refusal.GetCode() != c.want {
				t.Fatalf("%v, want %v", refusal, c.want)
			}
			if c.want == link.Code_CODE_UNSPECIFIED {
				return
			}
			if n := testing.AllocsPerRun(1, func() { _, _ = g.Admit(e) }); n > 100 {
				t.Errorf("refusing %d bytes takes %v allocations", len(c.payload), n)
			}
		})
	}
}

func TestSealRefusesWhatMustNotCross(t *testing.T) {
	g := New("peer/2", policy())
	for _, m := range []any{"a string", &actor.PoisonPill{}, &actor.DeadLetterResponse{}, wrapperspb.Bytes(make([]byte, 1000))} {
		if _, err := g.Seal("peer", m, 1000); err == nil {
			t.Errorf("%T was sealed", m)
		}
	}
	if _, err := g.Seal(strings.Repeat("x", 129), new(emptypb.Empty), 1000); err == nil {
		t.Error("a long target was sealed")
	}
}

func TestPolicyMisusePanics(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"no owner":        func(p *Policy) { p.Owner = "" },
		"no sender":       func(p *Policy) { p.Sender = "" },
		"no route":        func(p *Policy) { p.Routes = nil },
		"unnamed route":   func(p *Policy) { p.Routes = map[string]string{"": "x"} },
		"library type":    func(p *Policy) { p.Receives = []proto.Message{new(actor.Watch)} },
		"message limit":   func(p *Policy) { p.Limits.MaxMessage = MaxPayload + 1 },
		"batch limit":     func(p *Policy) { p.Limits.MaxBatch = 0 },
		"window too tiny": func(p *Policy) { p.Limits.Window = 1000 },
		"queue too tiny":  func(p *Policy) { p.Limits.Queue = 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "gate: ") {
					t.Fatalf("recovered %q", s)
				}
			}()
			p := policy()
			change(&p)
			New("peer/2", p)
		})
	}
	New("peer/2", Policy{Owner: "a", Routes: map[string]string{"r": "b"}, Sender: "s", Limits: PeerLimits()})
	g := New("client/x", Policy{Owner: "a", Routes: map[string]string{"r": "b", "q": "a"}, Sender: "s", Limits: ClientLimits()})
	if got := fmt.Sprint(g.Actors()); got != "[a b]" {
		t.Fatalf("actors %s", got)
	}
}

var party = Party{Federation: [32]byte{7}, Incarnation: 5}

func encode(t *testing.T, f *link.Frame) []byte {
	t.Helper()
	raw, err := proto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestGreet(t *testing.T) {
	hello, refusal := party.Greet(encode(t, party.Hello(PeerLimits())))
	if refusal != nil || hello.GetIncarnation() != 5 || hello.GetWindow() != 4<<20 {
		t.Fatalf("%v, %v", hello, refusal)
	}
	for _, c := range []struct {
		name   string
		change func(*link.Frame)
		want   link.Code
	}{
		{"version", func(f *link.Frame) { f.Hello.Version++ }, link.Code_CODE_VERSION},
		{"federation", func(f *link.Frame) { f.Hello.Federation[0]++ }, link.Code_CODE_FEDERATION},
		{"no federation", func(f *link.Frame) { f.Hello.Federation = nil }, link.Code_CODE_FEDERATION},
		{"no hello", func(f *link.Frame) { f.Hello = nil; f.Acknowledged = 1 }, link.Code_CODE_HELLO},
		{"nothing", func(f *link.Frame) { f.Hello = nil }, link.Code_CODE_HELLO},
		{"with more", func(f *link.Frame) { f.Acknowledged = 1 }, link.Code_CODE_HELLO},
		{"with envelopes", func(f *link.Frame) { f.Envelopes = []*link.Envelope{{}} }, link.Code_CODE_FRAME},
		{"window", func(f *link.Frame) { f.Hello.Window = MaxPayload }, link.Code_CODE_HELLO},
		{"message", func(f *link.Frame) { f.Hello.MaxMessage = 0 }, link.Code_CODE_HELLO},
		{"message beyond the window", func(f *link.Frame) { f.Hello.MaxMessage = math.MaxUint32 }, link.Code_CODE_HELLO},
		{"batch", func(f *link.Frame) { f.Hello.MaxBatch = 0 }, link.Code_CODE_HELLO},
		{"huge", func(f *link.Frame) { f.Hello.Federation = make([]byte, 1<<16) }, link.Code_CODE_FRAME},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := party.Hello(PeerLimits())
			f.Hello.Federation = bytes.Clone(f.Hello.Federation)
			c.change(f)
			if h, refusal := party.Greet(encode(t, f)); refusal.GetCode() != c.want || h != nil {
				t.Fatalf("%v, want %v", refusal, c.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	l := policy().Limits
	e := func(n int) []*link.Envelope {
		list := make([]*link.Envelope, n)
		for i := range list {
			list[i] = new(link.Envelope)
		}
		return list
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want link.Code
	}{
		{"envelopes", encode(t, &link.Frame{First: 1, Envelopes: e(4)}), link.Code_CODE_UNSPECIFIED},
		{"acknowledgement", encode(t, &link.Frame{Acknowledged: 1}), link.Code_CODE_UNSPECIFIED},
		{"a largest message", encode(t, &link.Frame{First: math.MaxUint64, Acknowledged: math.MaxUint64, Envelopes: []*link.Envelope{{
			Target: strings.Repeat("t", maxName), Type: strings.Repeat("t", maxName), Payload: make([]byte, 1000),
		}}}), link.Code_CODE_UNSPECIFIED},
		{"too many envelopes", encode(t, &link.Frame{First: 1, Envelopes: e(5)}), link.Code_CODE_FRAME},
		{"too many bytes", make([]byte, 1000+maxOverhead+frameSlack+1), link.Code_CODE_FRAME},
		{"second hello", encode(t, party.Hello(l)), link.Code_CODE_HELLO},
		{"nothing", nil, link.Code_CODE_FRAME},
		{"a number for nothing", encode(t, &link.Frame{First: 1}), link.Code_CODE_FRAME},
		{"a number beside an acknowledgement", encode(t, &link.Frame{First: 1, Acknowledged: 1}), link.Code_CODE_FRAME},
		{"truncated", encode(t, &link.Frame{First: 1, Envelopes: e(1)})[:3], link.Code_CODE_FRAME},
		{"garbage", []byte{0xff, 0xff}, link.Code_CODE_FRAME},
		{"bad text", []byte{0x1a, 3, 0x0a, 1, 0xff}, link.Code_CODE_FRAME},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, refusal := Decode(c.raw, l); refusal.GetCode() != c.want {
				t.Fatalf("%v, want %v", refusal, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, frame := range []*link.Frame{
		party.Hello(PeerLimits()),
		{First: 1, Envelopes: []*link.Envelope{{Target: "peer", Type: "google.protobuf.BytesValue", Payload: []byte{0x0a, 1, 'x'}}}},
		{Acknowledged: 9},
	} {
		raw, _ := proto.Marshal(frame)
		f.Add(raw)
	}
	g := New("peer/2", policy())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if h, refusal := party.Greet(raw); (h == nil) == (refusal == nil) {
			t.Fatalf("greeted %v and %v", h, refusal)
		}
		frame, refusal := Decode(raw, g.Limits())
		if (frame == nil) == (refusal == nil) {
			t.Fatalf("decoded %v and %v", frame, refusal)
		}
		for _, e := range frame.GetEnvelopes() {
			if in, refusal := g.Admit(e); (in.Message == nil) == (refusal == nil) {
				t.Fatalf("admitted %v and %v", in, refusal)
			}
		}
	})
}
