package peer_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/hbbft"
	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/actors/peer"
	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/wire"
	"minimint/storage/disk"
)

const fuzzMembers = 4

// member is member 0 as far as frames of others reach: gates, peer actors, the
// HBBFT actor with its core and journal. The processor is the test. Signatures,
// coins and ciphertexts are toys, so that the fuzzer can make right ones.
type member struct {
	testing.TB
	stage     *consensustest.Stage
	hbbft     *actor.PID
	peers     [fuzzMembers]*actor.PID
	links     [fuzzMembers]*wireLink
	remote    *consensustest.Probe
	consensus *consensustest.Probe
	test      *consensustest.Probe
	disk      *disk.Memory
	next      messages.Epoch // that is not committed
	now       time.Time
	faults    int
	sent      int // bytes and frames to others since the last look
	frames    int
}

// wireLink is the receiving end of one link.
type wireLink struct {
	gate   *gate.Gate
	inbox  *gate.Inbox
	number uint64 // of the last envelope
	links  uint64
}

func newMember(t testing.TB) *member {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	m := &member{TB: t, stage: stage, test: stage.Probe(nil), disk: disk.NewMemory(), now: time.Unix(1_000_000, 0)}
	m.remote = stage.Probe(m.told)
	m.consensus = stage.Probe(m.asked)
	m.hbbft = stage.System.NewLocalPID("hbbft")
	list := make([]*actor.PID, fuzzMembers)
	for i := 1; i < fuzzMembers; i++ {
		list[i] = stage.System.NewLocalPID(fmt.Sprint("peer-", i))
	}
	const some = 2 // f+1
	stage.SpawnNamed("hbbft", consensustest.Policy, hbbft.New(hbbft.Config{
		Core: honeybadger.Config{
			Members: fuzzMembers, Encryption: 1, Signer: hbbfttest.Signer{}, Verifier: hbbfttest.Verifier{},
			Coin:   func(slot protocol.Slot) aba.Coin { return hbbfttest.Coin{Threshold: some, Slot: slot} },
			Scheme: scheme{hbbfttest.Cipher{Threshold: some}},
		},
		Seal: func(_ io.Reader, slot protocol.Slot, plain []byte) ([]byte, error) {
			return hbbfttest.Seal(slot.Label(), plain), nil
		},
		Rand: rand.Reader, Disk: m.disk, File: "journal", Consensus: m.consensus.PID, Peers: list, Clock: m.test.PID,
		Fault: func(protocol.Fault) { m.faults++ },
	}))
	for i := 1; i < fuzzMembers; i++ {
		m.peers[i] = stage.SpawnNamed(fmt.Sprint("peer-", i), consensustest.Policy, peer.New(peer.Config{
			Peer: messages.PeerID(i), Remote: m.remote.PID, HBBFT: m.hbbft, Consensus: m.consensus.PID,
			Linked: func(messages.PeerID, bool) {}, Fault: func(messages.PeerID, string) { m.faults++ },
		}))
		m.links[i] = &wireLink{}
		m.open(i)
	}
	m.send(m.hbbft, tohbbft.EpochCommitted{})
	for i := 1; i < fuzzMembers; i++ { // nobody heard anything from this member before
		m.send(m.hbbft, tohbbft.PeerFrame{From: messages.PeerID(i), Frame: frames.Frame{Heard: 1}})
	}
	return m
}

// scheme is the toy cipher as the core wants it.
type scheme struct{ hbbfttest.Cipher }

func (s scheme) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	return s.Cipher.Verify(label, ciphertext)
}

func (m *member) send(to *actor.PID, message any) { m.stage.Send(m.test, to, message) }

// open begins a link to a member, as after a refusal.
func (m *member) open(i int) {
	l := m.links[i]
	l.links++
	l.number = 0
	l.gate = gate.New(fmt.Sprint("peer/", i), gate.Policy{
		Owner: m.peers[i].Id, Routes: map[string]string{peer.Route: m.peers[i].Id}, Receives: peer.Receives(), Sender: peer.Route,
		Limits: gate.PeerLimits(), Overflow: gate.DropAndTell,
	})
	l.inbox = gate.NewInbox(l.gate.Limits())
	m.send(m.peers[i], &link.Up{Link: l.links})
}

// told counts what goes out.
func (m *member) told(message any) {
	if f, ok := message.(*wire.PeerFrame); ok {
		m.frames++
		m.sent += len(f.GetFrame())
	}
}

// asked is the processor: it has something to propose in each epoch, and commits
// what is agreed on.
func (m *member) asked(message any) {
	switch q := message.(type) {
	case toconsensus.WantContribution:
		m.send(m.hbbft, tohbbft.Contribution{Epoch: q.Epoch, Payload: []byte{byte(q.Epoch % 2)}})
	case toconsensus.Agreed:
		if q.Outcome.Epoch == m.next {
			m.next++
			m.send(m.hbbft, tohbbft.EpochCommitted{Next: m.next, Absent: make([]bool, fuzzMembers), AbsentBefore: make([]bool, fuzzMembers)})
		}
	}
}

// receive does with bytes of a link what the transport does: what is refused ends
// the link, and the member comes again.
func (m *member) receive(i int, raw []byte) {
	l := m.links[i]
	f, refusal := gate.Decode(raw, l.gate.Limits())
	for j, e := range f.GetEnvelopes() {
		n := f.GetFirst() + uint64(j)
		var in gate.Inbound
		if refusal = l.inbox.Arrive(n, e); refusal == nil {
			in, refusal = l.gate.Admit(e)
		}
		if refusal != nil {
			break
		}
		l.number = n
		inbox := l.inbox
		m.send(m.stage.System.NewLocalPID(in.Target), &spawn.Delivery{Message: in.Message, Release: func() { inbox.Processed(n) }})
	}
	if refusal != nil {
		m.send(m.peers[i], &link.Down{Link: l.links, Code: refusal.GetCode(), Ours: true, Text: refusal.GetText()})
		m.open(i)
	}
}

// The bounds of what one frame may cause.
const (
	mostFrames = 3 * 2 * honeybadger.MaxOpen
	mostBytes  = 3 * frames.MaxFrame
)

// bounded fails the test if what came since the last look caused too much.
func (m *member) bounded() {
	m.Helper()
	if m.frames > mostFrames || m.sent > mostBytes {
		m.Fatalf("one frame caused %d frames with %d bytes", m.frames, m.sent)
	}
	m.frames, m.sent = 0, 0
	if len(m.stage.Exits) > 0 || strings.Contains(m.stage.Log.String(), "panicked") {
		m.Fatalf("exits %v\n%s", m.stage.Exits, m.stage.Log.String())
	}
}

// story makes frames of bytes: which member sends what about which slot.
type story struct {
	rest []byte
	m    *member
}

func (s *story) next(n int) int {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return int(b) % n
}

// payload is one of few proposals of a slot: ciphertexts that open or do not, and
// one that is none.
func (s *story) payload(slot protocol.Slot) []byte {
	switch which := s.next(4); which {
	case 0, 1:
		return hbbfttest.Seal(slot.Label(), []byte{byte(which)})
	case 2:
		return hbbfttest.SealBroken(slot.Label())
	default:
		return []byte("no ciphertext")
	}
}

func (s *story) statement(epoch messages.Epoch) frames.Statement {
	slot := protocol.Slot{Epoch: epoch, Proposer: messages.PeerID(s.next(fuzzMembers + 1))}
	p, kind := slot.Proposer, s.next(11)
	round, bit := func() uint32 { return uint32(s.next(40)) }, func() bool { return s.next(2) == 1 }
	switch kind {
	case 0:
		payload := s.payload(slot)
		v := frames.Value{Proposer: p, Payload: payload, Signature: hbbfttest.Signer{Member: p}.Sign(slot.Signed(slot.Root(payload)))}
		v.Signature[0] ^= byte(s.next(8) / 7)
		return v
	case 1:
		return frames.Echo{Proposer: p, Root: slot.Root(s.payload(slot))}
	case 2:
		return frames.Ready{Proposer: p, Root: slot.Root(s.payload(slot))}
	case 3:
		return frames.Pull{Proposer: p, Root: slot.Root(s.payload(slot))}
	case 4:
		return frames.Input{Proposer: p, Bit: bit()}
	case 5:
		return frames.BVal{Proposer: p, Round: round(), Bit: bit()}
	case 6:
		return frames.Aux{Proposer: p, Round: round(), Bit: bit()}
	case 7:
		return frames.Conf{Proposer: p, Round: round(), Bits: frames.BitSet(1 + s.next(3))}
	case 8:
		member, r := messages.PeerID(s.next(fuzzMembers)), round()
		return frames.CoinShare{Proposer: p, Round: r, Share: hbbfttest.Coin{Member: member, Threshold: 2, Slot: slot}.Share(r)}
	case 9:
		return frames.Term{Proposer: p, Bit: bit()}
	default:
		return frames.DecryptionShare{Proposer: p, Share: hbbfttest.ToyShare(messages.PeerID(s.next(fuzzMembers)), s.payload(slot))}
	}
}

func (s *story) frame() frames.Frame {
	f := frames.Frame{Epoch: s.m.next + messages.Epoch(s.next(5)), Next: s.m.next}
	if f.Epoch > 2 {
		f.Epoch -= 2
	}
	switch s.next(16) {
	case 13:
		f.Era = 1
	case 14:
		f.Again = true
	case 15:
		f.Next += messages.Epoch(s.next(9))
	}
	for range s.next(6) {
		f.Statements = append(f.Statements, s.statement(f.Epoch))
	}
	return f
}

// step is a frame of some member, a tick, or work of this member's own.
func (s *story) step() {
	from := 1 + s.next(fuzzMembers-1)
	switch s.next(12) {
	case 10:
		s.m.now = s.m.now.Add(time.Duration(1+s.next(8)) * 500 * time.Millisecond)
		s.m.send(s.m.hbbft, &timing.Tick{Now: s.m.now})
	case 11:
		s.m.send(s.m.hbbft, tohbbft.WorkPending{})
	default:
		l := s.m.links[from]
		e, err := l.gate.Seal(peer.Route, &wire.PeerFrame{Frame: frames.Encode(s.frame())}, gate.MaxPayload)
		if err != nil {
			s.m.Fatal(err)
		}
		raw, err := proto.Marshal(&link.Frame{First: l.number + 1, Envelopes: []*link.Envelope{e}})
		if err != nil {
			s.m.Fatal(err)
		}
		if s.next(24) == 23 {
			raw[s.next(len(raw))] ^= byte(1 + s.next(255))
		}
		s.m.receive(from, raw)
	}
	s.m.bounded()
}

// FuzzFrames: whatever all other members send, in whatever order, nothing panics and
// each frame has bounded effects. A story makes frames that mean something; bytes
// that mean nothing are received as they are.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{}, []byte{})
	// Two epochs in which all say what they should.
	f.Add(smooth(), []byte{0x0a, 0})
	f.Add([]byte("each step is a frame of one of three members, which says up to five things of five epochs"), []byte{0x1a, 2, 0x0a, 0})
	f.Fuzz(func(t *testing.T, plan, noise []byte) {
		m := newMember(t)
		s := &story{rest: plan, m: m}
		for n := 0; len(s.rest) > 0 && n < 200; n++ {
			s.step()
		}
		for i := 1; i < fuzzMembers; i++ {
			m.receive(i, noise)
			m.bounded()
			e := &link.Envelope{Target: peer.Route, Type: "minimint.wire.PeerFrame", Payload: noise}
			raw, err := proto.Marshal(&link.Frame{First: m.links[i].number + 1, Envelopes: []*link.Envelope{e}})
			if err != nil {
				t.Fatal(err)
			}
			m.receive(i, raw)
			m.bounded()
		}
		// A member may be blamed some times for each open epoch and each frame that
		// cannot be decoded, and no more however much it sends.
		if most := 3*(honeybadger.MaxFaults+1)*(honeybadger.MaxOpen+1)*(1+int(m.next)) + 300; m.faults > most {
			t.Fatalf("%d faults, at most %d are told", m.faults, most)
		}
	})
}

// smooth is a story of two epochs in which every member says what a correct one
// would.
func smooth() (plan []byte) {
	const value, echo, ready, input, aux, term, share = 0, 1, 2, 4, 6, 9, 10
	say := func(from int, statements ...[]byte) {
		plan = append(plan, byte(from-1), 0, 0, 0, byte(len(statements)))
		for _, s := range statements {
			plan = append(plan, s...)
		}
		plan = append(plan, 0)
	}
	for epoch := range byte(2) {
		plan = append(plan, 0, 11)
		for from := 1; from < fuzzMembers; from++ {
			say(from, []byte{byte(from), value, epoch, 0})
		}
		for _, kind := range []byte{echo, ready, input, aux, term, share} {
			for from := 1; from < fuzzMembers && (kind != share || from == 1); from++ { // the first share opens
				var all [][]byte
				for p := range byte(fuzzMembers) {
					all = append(all, map[byte][]byte{
						echo: {p, echo, epoch}, ready: {p, ready, epoch}, input: {p, input, 1}, aux: {p, aux, 0, 1},
						term: {p, term, 1}, share: {p, share, byte(from), epoch},
					}[kind])
				}
				say(from, all...)
			}
		}
	}
	return plan
}

// The smooth story must be one: a fuzzer that starts from it is in the middle of
// the protocol.
func TestSmoothStoryCommits(t *testing.T) {
	m := newMember(t)
	s := &story{rest: smooth(), m: m}
	for len(s.rest) > 0 {
		s.step()
	}
	if m.next != 2 || m.faults != 0 {
		t.Errorf("%d epochs committed with %d faults\n%s", m.next, m.faults, m.stage.Log.String())
	}
}
