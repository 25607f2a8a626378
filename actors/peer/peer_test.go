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

	"minimint/actors/consensus/consensustest"
	"minimint/actors/peer"
	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/messages/wire"
	"minimint/storage"
)

// rig is a peer actor of a federation of four, for member 2.
type rig struct {
	testing.TB
	stage                    *consensustest.Stage
	hbbft, consensus, remote *consensustest.Probe
	other                    *consensustest.Probe // whoever sends
	pid                      *actor.PID
	linked                   []bool
	resets                   int
	faults                   []string
}

func newRig(t testing.TB) *rig {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	r := &rig{TB: t, stage: stage, hbbft: stage.Probe(nil), consensus: stage.Probe(nil), remote: stage.Probe(nil), other: stage.Probe(nil)}
	r.pid = stage.Spawn(spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second}), peer.New(peer.Config{
		Peer: 2, Remote: r.remote.PID, HBBFT: r.hbbft.PID, Consensus: r.consensus.PID,
		Linked: func(id messages.PeerID, up bool) {
			if id != 2 {
				t.Errorf("link of %d", id)
			}
			r.linked = append(r.linked, up)
		},
		Reset: func() { r.resets++ },
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

// resyncs reports how often HBBFT and the processor were asked to say again what
// they said.
func (r *rig) resyncs() int {
	one, two := len(consensustest.Of[tohbbft.PeerUp](r.hbbft.Take())), len(consensustest.Of[toconsensus.PeerUp](r.consensus.Take()))
	if one != two {
		r.Errorf("HBBFT was asked %d times, the processor %d times", one, two)
	}
	return one
}

// passes reports whether what is sent goes out.
func (r *rig) passes() bool {
	r.remote.Take()
	r.tell(tohbbft.Send{Frame: &wire.PeerFrame{Frame: frames.Encode(frames.Frame{Epoch: 1})}})
	one := len(r.remote.Take())
	r.tell(topeer.AskOutcomes{From: 1})
	if two := len(r.remote.Take()); one != two || one > 1 {
		r.Errorf("%d frames and %d requests went out", one, two)
	}
	return one == 1
}

func TestFollowsItsLink(t *testing.T) {
	r := newRig(t)
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

// An event that was lost with an incarnation counts for the next one, and what
// the member said meanwhile is asked for.
func TestLostEvent(t *testing.T) {
	r := newRig(t)
	if up := consensustest.Of[tohbbft.PeerUp](r.hbbft.Take()); len(up) != 1 || !up[0].Missed {
		t.Errorf("at the start HBBFT is told %+v", up)
	}
	r.tell(&spawn.Lost{Message: &link.Up{Link: 3}})
	if up := consensustest.Of[tohbbft.PeerUp](r.hbbft.Take()); len(up) != 1 || up[0].Missed {
		t.Errorf("when the link comes up HBBFT is told %+v", up)
	}
	r.tell(&spawn.Lost{Message: &link.Down{Link: 3}})
	r.tell(&spawn.Lost{Message: tohbbft.Send{}})
	if r.passes() || !slices.Equal(r.linked, []bool{true, false}) {
		t.Errorf("reported %v", r.linked)
	}
}

// A member that breaks the protocol of the link has made a fault; that a link is
// lost is none.
func TestFaultsOfTheLink(t *testing.T) {
	r := newRig(t)
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
	r := newRig(t)
	f := frames.Frame{Era: 1, Epoch: 9, Next: 8, Statements: []frames.Statement{frames.Term{Proposer: 3, Bit: true}}}
	r.remote.Take()
	r.tell(tohbbft.Send{Frame: &wire.PeerFrame{Frame: frames.Encode(f)}})
	sent := consensustest.Of[*wire.PeerFrame](r.remote.Take())
	if len(sent) != 1 {
		t.Fatalf("%d frames", len(sent))
	}
	r.hbbft.Take()
	r.tell(sent[0])
	f.Statements, f.Votes = nil, []frames.Votes{{Kind: frames.VoteTerm, Bit: true, Slots: frames.Slots{1 << 3}}}
	if got := r.hbbft.Take(); !reflect.DeepEqual(got, []any{tohbbft.PeerFrame{From: 2, Frame: f}}) {
		t.Errorf("HBBFT got %+v", got)
	}
}

// Bytes that are nothing are counted, and end nothing; a flood of them does not
// become one of lines in the log.
func TestNonsenseIsCounted(t *testing.T) {
	r := newRig(t)
	r.resyncs()
	header := &wire.EpochHeader{Outcome: make([]byte, 32), State: make([]byte, 32)}
	stated := &wire.Statement{Previous: make([]byte, 32), Header: header}
	long := make([]byte, topeer.PieceBytes+1)
	nonsense := []proto.Message{
		&wire.PeerFrame{Frame: []byte("no frame")},
		&wire.OutcomeShare{},
		&wire.OutcomeShare{Statement: &wire.Statement{Previous: make([]byte, 32), Header: header}, Share: []byte("no point")},
		&wire.Certificate{Statement: &wire.Statement{Previous: make([]byte, 31), Header: header}},
		&wire.Certificate{Statement: &wire.Statement{Previous: make([]byte, 32), Header: header}, Signature: make([]byte, 47)},
		&wire.HeadersReply{},
		&wire.HeadersReply{Previous: make([]byte, 32), Headers: make([]*wire.EpochHeader, topeer.MaxHeaders+1)},
		&wire.HeadersReply{Previous: make([]byte, 32), Headers: []*wire.EpochHeader{{Outcome: make([]byte, 33)}}},
		&wire.HeadersReply{Previous: make([]byte, 32), Signature: make([]byte, 48)},
		&wire.HeadersReply{Previous: make([]byte, 32), Headers: []*wire.EpochHeader{header}, Signature: make([]byte, 49)},
		&wire.HeadersReply{FromEpoch: ^uint64(0), Previous: make([]byte, 32), Headers: []*wire.EpochHeader{header}},
		&wire.OutcomesReply{Outcomes: make([][]byte, topeer.MaxOutcomes+1)},
		&wire.OutcomesReply{Outcomes: [][]byte{long}},
		&wire.OutcomesReply{Part: &wire.OutcomePart{Body: long}},
		&wire.OutcomesReply{Outcomes: [][]byte{nil}, Part: &wire.OutcomePart{Body: []byte{1}}},
		&wire.SnapshotRequest{After: make([]byte, storage.MaxKeyBytes+1)},
		&wire.SnapshotReply{Body: long},
		&wire.SnapshotReply{Attested: &wire.Attested{}},
		&wire.SnapshotReply{Attested: &wire.Attested{Statement: stated, Signature: make([]byte, 47)}},
		&wire.SnapshotReply{Attested: &wire.Attested{Statement: stated, Shares: []*wire.MemberShare{{Share: make([]byte, 47)}}}},
		&wire.SnapshotReply{Attested: &wire.Attested{Statement: stated, Shares: []*wire.MemberShare{{Member: messages.MaxPeers, Share: make([]byte, 48)}}}},
		&wire.SnapshotReply{Attested: &wire.Attested{Statement: stated, Shares: make([]*wire.MemberShare, messages.MaxPeers+1)}},
	}
	for i := range 1000 {
		r.faults = nil
		r.tell(nonsense[i%len(nonsense)])
		if len(r.faults) != 1 {
			t.Fatalf("%v: faults %q", nonsense[i%len(nonsense)], r.faults)
		}
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

func digest(b byte) (d messages.Digest) { d[31] = b; return d }

// Whatever the processor tells, asks and serves arrives at the other side's as it
// was, in messages that a link carries.
func TestProcessorsUnderstandEachOther(t *testing.T) {
	keys := consensustest.NewKeys(4)
	said := statement.Statement{
		Era: 3, Epoch: 1 << 40, Previous: digest(1), Header: statement.Header{Outcome: digest(2), State: digest(3), Size: 1 << 50},
	}
	cert := keys.Certify(said)
	share := keys.Share(2, said)
	attested, shares := cert.Attested(), statement.Attested{Statement: said}
	for id := range 4 {
		shares.Shares = append(shares.Shares, keys.Share(id, said))
	}
	piece := bytes.Repeat([]byte{7}, topeer.PieceBytes)
	headers := slices.Repeat([]statement.Header{said.Header}, topeer.MaxHeaders)
	var many [][]byte
	for range topeer.MaxOutcomes {
		many = append(many, bytes.Repeat([]byte{1}, topeer.PieceBytes/topeer.MaxOutcomes))
	}
	for i, c := range []struct {
		told  topeer.Message
		heard toconsensus.Message
	}{
		{topeer.Share{Share: share}, toconsensus.ShareTold{Peer: 2, Share: share}},
		{topeer.Share{Share: share, Again: true}, toconsensus.ShareTold{Peer: 2, Share: share, Again: true}},
		{topeer.Certificate{Certificate: cert}, toconsensus.CertificateTold{Peer: 2, Certificate: cert}},
		{topeer.AskHeaders{From: 9}, toconsensus.HeadersWanted{Peer: 2, From: 9}},
		{topeer.AskOutcomes{From: 9, Count: 7, Offset: 5}, toconsensus.OutcomesWanted{Peer: 2, From: 9, Count: 7, Offset: 5}},
		{topeer.AskOutcomes{From: 9, Count: 1 << 30}, toconsensus.OutcomesWanted{Peer: 2, From: 9, Count: topeer.MaxOutcomes}},
		{topeer.AskSnapshot{First: true}, toconsensus.SnapshotWanted{Peer: 2, First: true}},
		{
			topeer.AskSnapshot{Epoch: 8, After: []byte("key"), Skip: 1 << 35, Offset: 1 << 40},
			toconsensus.SnapshotWanted{Peer: 2, Epoch: 8, After: []byte("key"), Skip: 1 << 35, Offset: 1 << 40},
		},
		{
			topeer.ServeHeaders{Proof: statement.Proof{From: 5, Previous: digest(9), Headers: headers, Signature: cert.Signature}, Oldest: 3, Next: 1 << 41},
			toconsensus.HeadersServed{Peer: 2, Proof: statement.Proof{From: 5, Previous: digest(9), Headers: headers, Signature: cert.Signature}, Oldest: 3, Next: 1 << 41},
		},
		{topeer.ServeHeaders{Proof: statement.Proof{From: 5}}, toconsensus.HeadersServed{Peer: 2, Proof: statement.Proof{From: 5}}},
		{topeer.ServeOutcomes{From: 7, Oldest: 6, Outcomes: many}, toconsensus.OutcomesServed{Peer: 2, From: 7, Oldest: 6, Outcomes: many}},
		{topeer.ServeOutcomes{From: 7}, toconsensus.OutcomesServed{Peer: 2, From: 7}},
		{
			topeer.ServeOutcomes{From: 7, Part: piece, Offset: 99, Last: true},
			toconsensus.OutcomesServed{Peer: 2, From: 7, Part: piece, Offset: 99, Last: true},
		},
		{topeer.ServeSnapshot{Epoch: 4, Offset: 5}, toconsensus.SnapshotServed{Peer: 2, Epoch: 4, Offset: 5}},
		{
			topeer.ServeSnapshot{Attested: &attested, Epoch: 4, Offset: 5, Body: piece},
			toconsensus.SnapshotServed{Peer: 2, Attested: &attested, Epoch: 4, Offset: 5, Body: piece},
		},
		{
			topeer.ServeSnapshot{Attested: &shares, Epoch: 4, Body: piece},
			toconsensus.SnapshotServed{Peer: 2, Attested: &shares, Epoch: 4, Body: piece},
		},
	} {
		from, to := newRig(t), newRig(t)
		from.remote.Take()
		to.resyncs()
		from.tell(c.told)
		for _, m := range consensustest.Of[proto.Message](from.remote.Take()) {
			b, err := proto.Marshal(m)
			if err != nil || len(b) > gate.MaxPayload {
				t.Fatalf("case %d: %d bytes, %v", i, len(b), err)
			}
			if !slices.ContainsFunc(peer.Receives(), func(x proto.Message) bool { return proto.MessageName(x) == proto.MessageName(m) }) {
				t.Errorf("case %d: a member may not send %s", i, proto.MessageName(m))
			}
			other := m.ProtoReflect().New().Interface()
			if err := proto.Unmarshal(b, other); err != nil {
				t.Fatal(err)
			}
			to.tell(other)
		}
		got := to.consensus.Take()
		if len(got) != 1 || len(to.faults) != 0 || !reflect.DeepEqual(got[0], any(c.heard)) {
			t.Errorf("case %d: %T arrived as %d messages, faults %q", i, c.told, len(got), to.faults)
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
	keys := consensustest.NewKeys(4)
	said := statement.Statement{Epoch: 1, Header: statement.Header{Size: 9}}
	cert := keys.Certify(said)
	for kind, m := range []proto.Message{
		1: &wire.OutcomeShare{Statement: said.Wire(), Share: keys.Share(2, said).Signature},
		2: cert.Wire(),
		4: &wire.HeadersReply{Previous: make([]byte, 32), Headers: []*wire.EpochHeader{said.Header.Wire()}, Signature: cert.Signature},
		6: &wire.OutcomesReply{Outcomes: [][]byte{{1}, nil}},
		8: &wire.SnapshotReply{Attested: cert.Attested().Wire(), Body: []byte{1}},
	} {
		if m == nil {
			continue
		}
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), b)
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		all := peer.Receives()
		m := all[int(kind)%len(all)]
		if proto.Unmarshal(b, m) != nil {
			return
		}
		r := newRig(t)
		r.resyncs()
		r.tell(m)
		r.stage.Pass(time.Second)
		if r.resyncs() != 0 {
			t.Fatal("the actor restarted")
		}
	})
}

// A link is reset when HBBFT asks for it, if it is open, be it that the other side takes
// nothing any more: else it is being opened anyway.
func TestResetLink(t *testing.T) {
	r := newRig(t)
	r.tell(&link.Up{Link: 7})
	r.tell(tohbbft.ResetLink{})
	if r.resets != 1 {
		t.Errorf("%d resets of a link that is up", r.resets)
	}
	r.tell(&link.Congested{Link: 7})
	r.tell(tohbbft.ResetLink{})
	if r.resets != 2 {
		t.Errorf("%d resets of a link that is congested", r.resets-1)
	}
	r.tell(&link.Down{Link: 7})
	r.tell(tohbbft.ResetLink{})
	if r.resets != 2 || len(r.faults) != 0 {
		t.Errorf("%d resets, faults %q", r.resets, r.faults)
	}
}

// H46: the original queued without bound what an absent peer had not acknowledged. Here
// nothing is kept for it: when it is back, HBBFT and the processor are asked once each to say
// again what is still of use.
func TestH46NothingIsQueuedForAnAbsentPeer(t *testing.T) {
	r := newRig(t)
	r.tell(&link.Up{Link: 7})
	for round, events := range [][2]any{
		{&link.Down{Link: 7}, &link.Up{Link: 8}},
		{&link.Congested{Link: 8}, &link.Writable{Link: 8}},
	} {
		r.tell(events[0])
		r.resyncs()
		r.remote.Take()
		for i := range 20_000 {
			r.tell(tohbbft.Send{Frame: &wire.PeerFrame{Frame: frames.Encode(frames.Frame{Epoch: messages.Epoch(i)})}})
			r.tell(topeer.AskOutcomes{From: messages.Epoch(i)})
		}
		r.tell(events[1])
		if sent, asked := len(r.remote.Take()), r.resyncs(); sent != 0 || asked != 1 {
			t.Errorf("round %d: %d messages were kept, and it is asked %d times to repeat", round, sent, asked)
		}
	}
}
