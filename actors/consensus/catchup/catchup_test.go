package catchup_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/catchup"
	"minimint/actors/consensus/consensustest"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
)

// members is the size of the federation, of whom f may lie: member 0 is this one.
const (
	members = 7
	f       = 2
	length  = 14 // of the truth
)

var keys = consensustest.NewKeys(members)

// past is what members say has been.
type past struct {
	outcomes   [][]byte
	statements []statement.Statement
	links      []messages.Digest // before each epoch, and at the end
	certified  []statement.Certificate
}

// truth is what correct members have. The lies are it up to an epoch, and something
// else from there on; nobody signed that.
var (
	truth = makePast('t', 40, 0)
	lies  = makePast('l', 50, 0)
	later = makePast('m', 50, 6)
)

func makePast(letter byte, size int, from messages.Epoch) past {
	var p past
	chain := statement.Chain{Federation: consensustest.Federation}
	for e := range messages.Epoch(length) {
		text := bytes.Repeat([]byte{letter}, size)
		if e < from {
			text = bytes.Repeat([]byte("t"), 40)
		}
		o := outcome.Outcome{Epoch: e, Contributions: []outcome.Member{{Peer: 1, Contribution: text}}}
		p.links = append(p.links, chain.Previous)
		s := chain.Add(statement.Header{Outcome: o.Digest(consensustest.Federation), State: messages.Digest{text[0], byte(e)}})
		p.outcomes, p.statements = append(p.outcomes, o.Encode()), append(p.statements, s)
		p.certified = append(p.certified, keys.Certify(s))
	}
	p.links = append(p.links, chain.Previous)
	return p
}

func newPeers(next messages.Epoch) *catchup.Peers {
	return catchup.New(catchup.Config{Federation: consensustest.Federation, Members: members, Key: keys}, next, truth.links[next])
}

// headers answers a question from a past, up to before end; signed says whether
// with a certificate.
func (p past) headers(by messages.PeerID, from, end messages.Epoch, signed bool) toconsensus.HeadersServed {
	m := toconsensus.HeadersServed{Peer: by, Next: end, Proof: statement.Proof{From: from}}
	if from >= end {
		return m
	}
	m.Proof.Previous = p.links[from]
	for _, s := range p.statements[from:end] {
		m.Proof.Headers = append(m.Proof.Headers, s.Header)
	}
	if signed {
		m.Proof.Signature = p.certified[end-1].Signature
	}
	return m
}

func (p past) served(by messages.PeerID, a catchup.Ask, end messages.Epoch, most int) toconsensus.OutcomesServed {
	m := toconsensus.OutcomesServed{Peer: by, From: a.From}
	for e := a.From; e < min(end, a.From+messages.Epoch(min(a.Count, most))); e++ {
		m.Outcomes = append(m.Outcomes, p.outcomes[e])
	}
	return m
}

// world has a member that catches up, correct ones, and f liars: members 1 and 2.
type world struct {
	t      *rapid.T
	peers  *catchup.Peers
	next   messages.Epoch
	signed []bool // by epoch: whether the correct members have its certificate
	asked  []catchup.Ask
}

func (w *world) advance() {
	for _, b := range w.peers.Ready(rapid.IntRange(1, 5).Draw(w.t, "batch"), rapid.SampledFrom([]int{1, 100, 1000}).Draw(w.t, "size")) {
		if b.Statement != truth.statements[w.next] || !bytes.Equal(b.Outcome, truth.outcomes[w.next]) {
			w.t.Fatalf("believed a lie about epoch %d", w.next)
		}
		w.next++
	}
	w.peers.Advance(w.next, truth.links[w.next])
	w.asked = append(w.asked, w.peers.Ask()...)
}

// correct answers as a member with everything up to a certified epoch does.
func (w *world) correct(a catchup.Ask) {
	end := messages.Epoch(length)
	if a.Count > 0 {
		w.blame(a.Peer, w.peers.Outcomes(truth.served(a.Peer, a, end, rapid.IntRange(1, 20).Draw(w.t, "most"))))
		return
	}
	signed := false
	for e := a.From; e < length; e++ {
		if w.signed[e] {
			end, signed = e+1, true
		}
	}
	m := truth.headers(a.Peer, a.From, end, signed)
	m.Next = length
	faults, against := w.peers.Headers(m)
	if against != nil {
		w.t.Fatal("a true chain is against us")
	}
	w.blame(a.Peer, faults)
}

func (w *world) blame(by messages.PeerID, faults []catchup.Fault) {
	for _, fault := range faults {
		if fault.Peer > f {
			w.t.Fatalf("correct member %d is blamed while %d speaks: %s", fault.Peer, by, fault.Text)
		}
	}
}

// lie says something that may help no one, to a question or without one.
func (w *world) lie(a catchup.Ask) {
	end := messages.Epoch(rapid.IntRange(int(a.From), length).Draw(w.t, "end"))
	from := rapid.SampledFrom([]past{truth, lies, later}).Draw(w.t, "past")
	count := rapid.IntRange(0, 20).Draw(w.t, "count")
	switch rapid.IntRange(0, 6).Draw(w.t, "way") {
	case 0:
		w.peers.Ahead(a.Peer, rapid.SampledFrom([]messages.Epoch{0, 9, length + 5, ^messages.Epoch(0)}).Draw(w.t, "claim"))
	case 1: // its own headers, unsigned
		m := from.headers(a.Peer, a.From, end, false)
		w.blame(a.Peer, first(w.peers.Headers(m)))
	case 2: // true headers with a lie among them, and a certificate
		m := truth.headers(a.Peer, a.From, end, true)
		if len(m.Proof.Headers) > 0 {
			m.Proof.Headers[rapid.IntRange(0, len(m.Proof.Headers)-1).Draw(w.t, "which")].State[9]++
			w.blame(a.Peer, first(w.peers.Headers(m)))
		}
	case 3: // it has forgotten
		m := toconsensus.HeadersServed{Peer: a.Peer, Oldest: length, Next: length, Proof: statement.Proof{From: a.From}}
		w.blame(a.Peer, first(w.peers.Headers(m)))
	case 4:
		w.blame(a.Peer, w.peers.Outcomes(from.served(a.Peer, a, end, count)))
	case 5:
		m := toconsensus.OutcomesServed{Peer: a.Peer, From: a.From, Part: make([]byte, rapid.SampledFrom([]int{0, 1, topeer.PieceBytes}).Draw(w.t, "part")), Last: rapid.Bool().Draw(w.t, "last")}
		w.blame(a.Peer, w.peers.Outcomes(m))
	default: // silence
	}
}

func first(faults []catchup.Fault, _ *statement.Certificate) []catchup.Fault { return faults }

// Soundness: whatever f liars claim and serve, in whatever order and however
// often, only what correct members have is believed, and only liars are blamed.
// Liveness: the member gets there if the correct ones answer, whichever epochs are
// certified, and whoever else is silent.
func TestSoundnessAndLiveness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, next: messages.Epoch(rapid.IntRange(0, length-1).Draw(t, "next")), signed: make([]bool, length)}
		w.peers = newPeers(w.next)
		density := rapid.SampledFrom([]int{0, 0, 3, 1}).Draw(t, "density")
		for e := range w.signed {
			w.signed[e] = density > 0 && rapid.IntRange(1, density).Draw(t, "signed") == 1
		}
		ahead(w.peers) // liars first
		w.asked = append(w.asked, w.peers.Ask()...)
		for round := 0; w.next < length; round++ {
			if round > 4000 {
				t.Fatalf("stuck: %s", w.peers)
			}
			asked := w.asked
			w.asked = nil
			for _, a := range asked {
				switch {
				case int(a.Peer) <= f:
					w.lie(a)
				case rapid.IntRange(0, 5).Draw(t, "lost") > 0:
					w.correct(a)
				}
			}
			if round < 40 && rapid.IntRange(0, 3).Draw(t, "unasked") == 0 {
				w.lie(catchup.Ask{Peer: messages.PeerID(rapid.IntRange(1, f).Draw(t, "liar")), From: w.next, Count: rapid.IntRange(0, 4).Draw(t, "count")})
			}
			w.advance()
			w.asked = append(w.asked, w.peers.Tick()...)
		}
	})
}

// answer has a correct member answer a question for headers with a certificate.
func answer(t *testing.T, p *catchup.Peers, a catchup.Ask, end messages.Epoch, signed bool) {
	t.Helper()
	if faults, against := p.Headers(truth.headers(a.Peer, a.From, end, signed)); len(faults) != 0 || against != nil {
		t.Fatalf("faults %v", faults)
	}
}

// ahead lets all others claim to have everything.
func ahead(p *catchup.Peers) *catchup.Peers {
	for id := messages.PeerID(1); id < members; id++ {
		p.Ahead(id, length)
	}
	return p
}

func show(asks []catchup.Ask) string {
	var list []string
	for _, a := range asks {
		list = append(list, fmt.Sprintf("%d:%d+%d", a.Peer, a.From, a.Count))
	}
	return fmt.Sprint(list)
}

// One peer is asked for headers; without a certificate f+1 are; outcomes are asked
// for from several at once.
func TestWhoIsAsked(t *testing.T) {
	p := ahead(newPeers(0))
	asks := p.Ask()
	if show(asks) != "[1:0+0]" {
		t.Fatalf("asked %s", show(asks))
	}
	if more := p.Ask(); len(more) != 0 {
		t.Fatalf("asked again %s", show(more))
	}
	answer(t, p, asks[0], 5, false)
	if asks = p.Ask(); show(asks) != "[2:0+0 3:0+0]" {
		t.Fatalf("asked %s", show(asks))
	}
	answer(t, p, asks[0], 4, false)
	answer(t, p, asks[1], 6, false)
	// All three have the first four, two have the fifth.
	asks = p.Ask()
	if show(asks) != "[4:4+0 5:0+4]" {
		t.Fatalf("asked %s", show(asks))
	}
	answer(t, p, asks[0], length, true)
	if asks = p.Ask(); show(asks) != "[6:4+10]" {
		t.Fatalf("asked %s", show(asks))
	}
	// A certificate that comes with an answer is for the epoch that it ends with.
	p.Outcomes(truth.served(5, catchup.Ask{Peer: 5, From: 0, Count: 4}, length, 9))
	p.Outcomes(truth.served(6, catchup.Ask{Peer: 6, From: 4, Count: 10}, length, 20))
	ready := p.Ready(100, 1<<20)
	if len(ready) != length || ready[3].Proven || !ready[4].Proven || ready[length-1].Certificate == nil || ready[length-2].Certificate != nil {
		t.Errorf("%d ready", len(ready))
	}
	if got := p.Ready(100, 1); len(got) != 1 {
		t.Errorf("%d ready that are larger than allowed", len(got))
	}
	p.Advance(length, truth.links[length])
	if asks = p.Ask(); len(asks) != 0 || p.Lacking() {
		t.Errorf("nothing is lacking, asked %s", show(asks))
	}
}

// f claims are none; a certificate is believed from anybody.
func TestWhenToAsk(t *testing.T) {
	p := newPeers(3)
	p.Ahead(1, ^messages.Epoch(0))
	p.Ahead(2, 9)
	if asks := p.Ask(); len(asks) != 0 {
		t.Errorf("f claims, asked %s", show(asks))
	}
	p.Proven(5, 9)
	if asks := p.Ask(); len(asks) != 1 {
		t.Errorf("a certificate, asked %s", show(asks))
	}
}

// A chain that n−f members signed and that does not follow what this member has is
// proof against the member; an unsigned one is not.
func TestAgainst(t *testing.T) {
	for _, signed := range []bool{false, true} {
		p := catchup.New(catchup.Config{Federation: consensustest.Federation, Members: members, Key: keys}, 3, lies.links[3])
		ahead(p)
		a := p.Ask()[0]
		faults, against := p.Headers(truth.headers(a.Peer, a.From, 9, signed))
		if (against != nil) != signed || len(faults) != 0 {
			t.Errorf("signed %t: against %v, faults %v", signed, against, faults)
		}
	}
}

// What f+1 peers have forgotten is asked for as a snapshot, unless somebody has it;
// one liar that says so, or that claims to have it and serves nothing, is not enough.
func TestPruned(t *testing.T) {
	p := ahead(newPeers(2))
	forgot := func(n int) {
		for range n {
			for _, a := range p.Ask() {
				p.Headers(toconsensus.HeadersServed{Peer: a.Peer, Oldest: 5, Next: length, Proof: statement.Proof{From: a.From}})
			}
		}
	}
	forgot(2)
	if _, ok := p.Pruned(); ok {
		t.Error("f peers have forgotten")
	}
	forgot(1)
	from, ok := p.Pruned()
	if !ok || len(from) != members-1 {
		t.Errorf("from %v, %t", from, ok)
	}
	for _, a := range p.Ask() { // the fourth pretends to have it
		p.Headers(toconsensus.HeadersServed{Peer: a.Peer, Next: length, Proof: statement.Proof{From: a.From}})
	}
	if _, ok := p.Pruned(); ok {
		t.Error("somebody may have it")
	}
	for range 60 {
		p.Tick()
	}
	if _, ok := p.Pruned(); !ok {
		t.Error("somebody says so and serves nothing")
	}
	p.Advance(7, truth.links[7])
	for _, a := range p.Ask() {
		answer(t, p, a, length, true)
	}
	if _, ok := p.Pruned(); ok {
		t.Error("after the snapshot")
	}
}

// What was there when headers were asked for may be forgotten when outcomes are: then
// a snapshot is wanted too, or, if nobody says anything, headers again.
func TestForgottenMeanwhile(t *testing.T) {
	p := ahead(newPeers(2))
	answer(t, p, p.Ask()[0], length, true)
	asked := 0
	for asks := p.Ask(); len(asks) > 0; asks = p.Ask() {
		asked++
		if _, ok := p.Pruned(); ok {
			t.Fatalf("after %d answers", asked)
		}
		p.Outcomes(toconsensus.OutcomesServed{Peer: asks[0].Peer, From: asks[0].From, Oldest: 9})
	}
	if _, ok := p.Pruned(); !ok || asked != members-1 {
		t.Errorf("%d have forgotten", asked)
	}
	p = ahead(newPeers(2))
	answer(t, p, p.Ask()[0], length, true)
	headers := false
	for range 100 {
		for _, a := range p.Tick() {
			headers = headers || a.Count == 0
		}
	}
	if !headers {
		t.Error("waits for outcomes for ever")
	}
}

// A member without data begins when n−f others have said where they are, and it
// lacks nothing of it.
func TestLocated(t *testing.T) {
	p := newPeers(0)
	asks := p.Probe()
	if len(asks) != members-1 {
		t.Fatalf("asked %s", show(asks))
	}
	for i, a := range asks {
		if p.Located() != (i >= members-f) {
			t.Errorf("after %d answers: %t", i, p.Located())
		}
		p.Headers(toconsensus.HeadersServed{Peer: a.Peer, Proof: statement.Proof{}})
	}
	// One claims to be ahead and shows nothing: that is waited for, for a while.
	p = newPeers(0)
	for _, a := range p.Probe() {
		next := messages.Epoch(0)
		if a.Peer == 1 {
			next = 1000
		}
		p.Headers(toconsensus.HeadersServed{Peer: a.Peer, Next: next})
	}
	if p.Located() {
		t.Error("somebody is ahead")
	}
	for range 60 {
		p.Tick()
	}
	if !p.Located() {
		t.Error("a liar keeps the member from beginning")
	}
	// One that is ahead and proves it is followed first.
	p = newPeers(0)
	for _, a := range p.Probe() {
		if a.Peer == 1 {
			answer(t, p, a, 5, true)
		} else {
			p.Headers(toconsensus.HeadersServed{Peer: a.Peer, Proof: statement.Proof{From: a.From}})
		}
	}
	for range 200 {
		p.Tick()
	}
	if p.Located() {
		t.Error("began before it followed")
	}
	p.Advance(5, truth.links[5])
	if !p.Located() {
		t.Error("followed, and does not begin")
	}
}

// Memory: what is held of outcomes is bounded, however much is believed in.
func TestHeldIsBounded(t *testing.T) {
	p := ahead(newPeers(0))
	a := p.Ask()[0]
	answer(t, p, a, length, true)
	asked := 0
	for range 100 {
		asks := p.Ask()
		asked += len(asks)
	}
	if asked > catchup.MaxAsked {
		t.Errorf("%d questions open", asked)
	}
}

// Links that come up, and time, bring new questions; late answers bring nothing.
func TestQuestionsAreGivenUp(t *testing.T) {
	p := ahead(newPeers(0))
	lost := p.Ask()[0]
	p.Up(lost.Peer)
	if asks := p.Ask(); len(asks) != 1 {
		t.Errorf("after the link came up asked %s", show(asks))
	}
	var asks []catchup.Ask
	for tick := 1; len(asks) == 0; tick++ {
		if asks = p.Tick(); tick > 20 {
			t.Fatal("never asked again")
		}
	}
	if len(asks) != f+1 {
		t.Errorf("asked %s", show(asks))
	}
	if slices.ContainsFunc(asks, func(a catchup.Ask) bool { return a.Peer == 2 }) {
		t.Errorf("asked the silent one: %s", show(asks))
	}
	answer(t, p, catchup.Ask{Peer: 2}, 5, true)
	if len(p.Ready(1, 1)) != 0 || p.String() != "next 0 believed 0 held 0 proven 0" {
		t.Errorf("a late answer counts: %s", p)
	}
}
