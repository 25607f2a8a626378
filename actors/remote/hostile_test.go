package remote

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/messages/link"
)

var note = wrapperspb.String("hello")

// attacker is an identity with a link to a besieged node.
type attacker struct {
	*raw
	siege *siege
	as    string // "peer" or "session": the route that it may use
	actor *probe // behind that route
}

// An attack is one thing that an identity sends. Most cost it its link.
type attack struct {
	name string
	send func(a *attacker)
	// want is what the attacker is refused for. 0 says that there was nothing to
	// refuse: the message arrives, from whom it is really from.
	want link.Code
	// told is what the owner is told if that differs from want.
	told link.Code
	// early attacks come instead of a hello: no link comes up.
	early bool
}

func one(e *link.Envelope) func(*attacker) { return func(a *attacker) { a.raw.send(frame(1, e)) } }

// to sends a message to a target of the attacker's choice.
func to(target string, m proto.Message) func(*attacker) { return one(envelope(target, m)) }

// own sends a message to the actor that the attacker may reach.
func own(m proto.Message) func(*attacker) {
	return func(a *attacker) { one(envelope(a.as, m))(a) }
}

// typed sends an envelope of a named type to the attacker's actor.
func typed(name string, payload []byte) func(*attacker) {
	return func(a *attacker) { one(&link.Envelope{Target: a.as, Type: name, Payload: payload})(a) }
}

// crafted sends one envelope made of these fields.
func crafted(fields ...[]byte) func(*attacker) {
	return func(a *attacker) {
		e := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), a.as)
		for _, f := range fields {
			e = append(e, f...)
		}
		f := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1)
		a.raw.send(protowire.AppendBytes(protowire.AppendTag(f, 3, protowire.BytesType), e))
	}
}

func field(n protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
}

func number(n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), uint64(v))
}

// proper is the rest of an envelope that is delivered.
func proper() []byte {
	payload, _ := proto.Marshal(note)
	return append(field(2, []byte("google.protobuf.StringValue")), field(3, payload)...)
}

// everywhere puts the same bytes into all fields that this protocol does not have.
func everywhere(make func(protowire.Number) []byte) (all []byte) {
	for n := protowire.Number(4); n < 20; n++ {
		all = append(all, make(n)...)
	}
	return all
}

func pid(address, id string) func(protowire.Number) []byte {
	b, _ := proto.Marshal(actor.NewPID(address, id))
	return func(n protowire.Number) []byte { return field(n, b) }
}

// rows are the attacks that took protoactor's own transport over or down, each in
// the form that fits this one, under the number that they have in DESIGN.md.
func rows() []attack {
	const (
		target, kind, payload = link.Code_CODE_TARGET, link.Code_CODE_TYPE, link.Code_CODE_PAYLOAD
		broken, delivered     = link.Code_CODE_FRAME, link.Code_CODE_UNSPECIFIED
	)
	return []attack{
		{"a0_message_before_any_handshake", func(a *attacker) { a.raw.send(frame(1, envelope(a.as, note))) }, broken, 0, true},
		{"a1_user_message_to_any_actor", to("admin", note), target, 0, false},
		{"a2_message_to_the_event_stream", to("eventstream", note), target, 0, false},
		{"a3_completing_a_future", func(a *attacker) { to(a.siege.future.PID().Id, note)(a) }, target, 0, false},
		{"a4_relay_to_a_third_node", crafted(field(1, []byte("peer/2/peer")), proper(), everywhere(pid("10.9.8.7:9000", "peer"))), target, 0, false},

		{"b1_stop", own(new(actor.Stop)), kind, 0, false},
		{"b2_poison_pill", own(new(actor.PoisonPill)), kind, 0, false},
		{"b3_forged_terminated", own(&actor.Terminated{Who: actor.NewPID("peer/2", "peer")}), kind, 0, false},
		{"b4_watch_without_a_watcher", own(new(actor.Watch)), kind, 0, false},
		{"b5_stop_the_transport", to("links", new(actor.Stop)), target, 0, false},
		{"b6_stop_the_supervisor_then_send", to("EndpointSupervisor", new(actor.Stop)), target, 0, false},

		{"c1_sender_of_the_node_itself", crafted(proper(), everywhere(pid("nonhost", "admin"))), delivered, 0, false},
		{"c2_sender_to_be_dialled", crafted(proper(), everywhere(pid("10.9.8.7:22", "x"))), delivered, 0, false},

		{"d1_spawning_a_kind", to("activator", wrapperspb.String("worker")), target, 0, false},
		{"d2_spawning_an_unknown_kind", typed("remote.ActorPidRequest", field(2, []byte("no such kind"))), kind, 0, false},

		{"e01_unknown_type_name", typed("no.such.Type", nil), kind, 0, false},
		{"e02_type_index_beyond_the_table", crafted(number(2, 1<<30)), kind, 0, false},
		{"e03_negative_type_index", crafted(number(2, -1)), kind, 0, false},
		{"e04_target_index_beyond_the_table", func(a *attacker) {
			e := append(number(1, 1<<30), proper()...)
			f := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1)
			a.raw.send(append(f, field(3, e)...))
		}, target, 0, false},
		{"e05_sender_index_beyond_the_table", crafted(proper(), everywhere(func(n protowire.Number) []byte { return number(n, -1) })), delivered, 0, false},
		{"e06_unknown_serializer", crafted(proper(), everywhere(func(n protowire.Number) []byte { return number(n, 99) })), delivered, 0, false},
		{"e07_terminated_without_who", own(new(actor.Terminated)), kind, 0, false},
		{"e08_message_to_a_guardian", to("guardian$1", note), target, 0, false},
		{"e09_unary_list_processes", unary("/remoting.Remoting/ListProcesses"), broken, 0, true},
		{"e10_unary_process_diagnostics", unary("/remoting.Remoting/GetProcessDiagnostics"), broken, 0, true},
		{"e12_truncated_protobuf", func(a *attacker) { a.raw.send([]byte{0x1a, 0xff, 0x01}) }, broken, 0, false},
		// gRPC refuses it by itself, and does not say why to who sent it.
		{"e13_message_of_5_MiB", func(a *attacker) { a.raw.send(make([]byte, 5<<20)) }, link.Code_CODE_UNSPECIFIED, broken, false},
		{"e14_json_of_an_unknown_type", typed("remote.JsonMessage", []byte(`{"type_name":"no.such.Type","json":"{}"}`)), kind, 0, false},
		{"e14_json_of_a_known_type", typed("google.protobuf.StringValue", []byte(`"hello"`)), payload, 0, false},
		{"e15_fifty_foreign_targets", func(a *attacker) {
			var list []*link.Envelope
			for i := range 50 {
				list = append(list, envelope(fmt.Sprintf("10.0.0.%d:9000/x", i), note))
			}
			a.raw.send(frame(1, list...))
		}, target, 0, false},
		{"e16_100000_empty_envelopes", func(a *attacker) {
			a.raw.send(bytes.Repeat([]byte{0x1a, 0x00}, 100_000))
		}, broken, 0, false},
	}
}

// unary calls a method that is none here, beside a stream that begins with nonsense
// instead of a hello.
func unary(method string) func(*attacker) {
	return func(a *attacker) {
		var b []byte
		conn := rawConn(a.t, a.siege.node, key(1))
		if err := conn.Invoke(a.t.Context(), method, generous(), &b); status.Code(err) != codes.Unimplemented {
			a.t.Errorf("%s: %v", method, err)
		}
		a.raw.send([]byte{0xff})
	}
}

// more are attacks that this protocol invites beyond those.
func more() []attack {
	const (
		target, kind, payload = link.Code_CODE_TARGET, link.Code_CODE_TYPE, link.Code_CODE_PAYLOAD
		broken, sequence      = link.Code_CODE_FRAME, link.Code_CODE_SEQUENCE
	)
	return []attack{
		{"the actor's id instead of its route", to("peer-0", note), target, 0, false},
		{"no target", to("", note), target, 0, false},
		{"a target of 5000 characters", to(strings.Repeat("x", 5000), note), target, 0, false},
		{"dead letter response", own(new(actor.DeadLetterResponse)), kind, 0, false},
		{"a type in the binary", own(new(emptypb.Empty)), kind, 0, false},
		{"no type", typed("", nil), kind, 0, false},
		{"a frame as payload type", typed("minimint.link.Frame", nil), kind, 0, false},
		{"truncated payload", typed("google.protobuf.StringValue", []byte{0x0a, 9, 'x'}), payload, 0, false},
		{"bad text", typed("google.protobuf.StringValue", []byte{0x0a, 1, 0xff}), payload, 0, false},
		{"garbage", func(a *attacker) { a.raw.send(bytes.Repeat([]byte{0xff}, 100)) }, broken, 0, false},
		{"empty frame", func(a *attacker) { a.raw.send([]byte{}) }, broken, 0, false},
		{"deeply nested groups", func(a *attacker) { a.raw.send(bytes.Repeat([]byte{0x1b}, 100_000)) }, broken, 0, false},
		{"second hello", func(a *attacker) { a.raw.send(generous()) }, link.Code_CODE_HELLO, 0, false},
		{"hello with a message", func(a *attacker) {
			f := generous()
			f.First, f.Envelopes = 1, []*link.Envelope{envelope(a.as, note)}
			a.raw.send(f)
		}, link.Code_CODE_HELLO, 0, false},
		{"number 0", func(a *attacker) { a.raw.send(frame(0, envelope(a.as, note))) }, sequence, 0, false},
		{"a gap", func(a *attacker) { a.raw.send(frame(2, envelope(a.as, note))) }, sequence, 0, false},
		{"number 2⁶⁴−1", func(a *attacker) { a.raw.send(frame(1<<64-1, envelope(a.as, note))) }, sequence, 0, false},
		{"acknowledgement of nothing", func(a *attacker) { a.raw.send(&link.Frame{Acknowledged: 1}) }, link.Code_CODE_ACK, 0, false},
	}
}

// strike carries an attack out, and checks that it cost the attacker its link and
// nobody anything else.
func (s *siege) strike(t *testing.T, a attack, by *attacker) {
	t.Helper()
	if a.early {
		a.send(by)
		if code := by.refused(); code != a.want {
			t.Errorf("refused for %v, want %v", code, a.want)
		}
		s.holds()
		return
	}
	up := next[*link.Up](by.actor)
	a.send(by)
	if a.want == link.Code_CODE_UNSPECIFIED && a.told == a.want {
		_, sender := nextFrom[*wrapperspb.StringValue](by.actor)
		if sender.Address != up.Address || sender.Id != map[string]string{"peer": "peer", "session": "client"}[by.as] {
			t.Errorf("the actor sees %v as the sender", sender)
		}
		if f := by.receive(); f.GetAcknowledged() != 1 {
			t.Errorf("%v", f)
		}
		s.holds()
		return
	}
	if code := by.refused(); code != a.want {
		t.Errorf("refused for %v, want %v", code, a.want)
	}
	told := a.want
	if a.told != 0 {
		told = a.told
	}
	if down := next[*link.Down](by.actor); down.Code != told || !down.Ours || down.Link != up.Link {
		t.Errorf("the owner was told %+v", down)
	}
	if len(by.actor.mail) != 0 {
		t.Errorf("the actor received %T", (<-by.actor.mail).message)
	}
	s.holds()
}

// attack lets an identity carry out one attack. Its stream is open, and has said
// hello if the attack wants that.
func (s *siege) attack(t *testing.T, a attack, as string) *attacker {
	t.Helper()
	identity := key(1)
	if as == "session" {
		identity = key(66)
	}
	by := &attacker{raw: rawStream(t, rawConn(t, s.node, identity)), siege: s, as: as, actor: s.peer}
	if a.early {
		return by
	}
	by.greet()
	if as == "session" {
		by.actor = <-s.sessions
	}
	return by
}

// greet says hello and hears the other one.
func (a *attacker) greet() {
	a.raw.send(generous())
	if f := a.receive(); f.GetHello() == nil {
		a.t.Fatalf("no hello but %v", f)
	}
}

// TestHostilePeer has a member of the federation, with its key, attack another one.
func TestHostilePeer(t *testing.T) {
	s := besiege(t)
	for _, a := range append(rows(), more()...) {
		t.Run(a.name, func(t *testing.T) {
			by := s.attack(t, a, "peer")
			s.strike(t, a, by)
			by.conn.Close()
			if a.want == link.Code_CODE_UNSPECIFIED && a.told == a.want {
				next[*link.Down](s.peer)
			}
		})
	}
	stillServes(t, s.node, s.peer) // after all that it may behave
	s.memory(16)
}

// TestHostileClient has somebody attack whom anybody can be.
func TestHostileClient(t *testing.T) {
	s := besiege(t)
	list := append(append(rows(), more()...),
		attack{"payload beyond the client's limit", own(wrapperspb.String(strings.Repeat("x", 128<<10))), link.Code_CODE_SIZE, 0, false},
		attack{"frame beyond the client's limit", own(wrapperspb.String(strings.Repeat("x", 256<<10))), link.Code_CODE_FRAME, 0, false},
		attack{"65 envelopes", func(a *attacker) { a.raw.send(frame(1, make([]*link.Envelope, 65)...)) }, link.Code_CODE_FRAME, 0, false},
		attack{"a member's route", to("peer", note), link.Code_CODE_TARGET, 0, false},
	)
	for _, a := range list {
		t.Run(a.name, func(t *testing.T) {
			by := s.attack(t, a, "session")
			s.strike(t, a, by)
			if a.early {
				return
			}
			if err := s.as.Root.StopFuture(by.actor.pid).Wait(); err != nil { // as a session does
				t.Fatal(err)
			}
		})
	}
	stillServes(t, s.node, s.peer)
	s.memory(16)
}

// stillServes shows that a node works as ever for somebody new.
func stillServes(t *testing.T, n *node, peer *probe) {
	t.Helper()
	r := hostile(t, n, key(1))
	next[*link.Up](peer)
	r.send(frame(1, envelope("peer", note)))
	if f := r.receive(); f.GetAcknowledged() != 1 {
		t.Fatalf("%v", f)
	}
	if _, sender := nextFrom[*wrapperspb.StringValue](peer); sender.Address != "peer/0" || sender.Id != "peer" {
		t.Fatalf("from %v", sender)
	}
}
