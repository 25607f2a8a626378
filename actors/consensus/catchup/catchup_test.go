package catchup_test

import (
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/catchup"
	"minimint/messages"
	"minimint/messages/outcome"
)

var federation = messages.FederationID{1}

// truth is what the correct members have; fake is something else.
func truth(e messages.Epoch) outcome.Outcome {
	return outcome.Outcome{Epoch: e, Contributions: []outcome.Member{{Peer: 1, Contribution: []byte("true")}}}
}

func fake(e messages.Epoch, variant byte) outcome.Outcome {
	return outcome.Outcome{Epoch: e, Contributions: []outcome.Member{{Peer: 2, Contribution: []byte{variant}}}}
}

func same(a, b outcome.Outcome) bool { return a.Digest(federation) == b.Digest(federation) }

// Soundness: whatever f liars claim and serve, in whatever order and however
// often, only what correct members have is believed, epoch after epoch. Liveness:
// if the correct members that are ahead answer what they are asked, the member
// gets there, whoever else is silent.
func TestSoundnessAndLiveness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.IntRange(0, 3).Draw(t, "f")
		n := 3*f + 1 + rapid.IntRange(0, 2).Draw(t, "more")
		start := messages.Epoch(rapid.Uint64Range(0, 5).Draw(t, "start"))
		target := start + messages.Epoch(rapid.Uint64Range(1, 9).Draw(t, "lacking"))
		w := &world{t: t, peers: catchup.New(federation, n, start), next: start, target: target, n: n, liars: f}
		for i := f; i < min(n, 2*f+1); i++ {
			w.peers.Ahead(messages.PeerID(i), target) // f+1 correct ones
		}
		w.ask(w.peers.Ask())
		for round := 0; w.next < target; round++ {
			if round > 400 {
				t.Fatalf("stuck at %d of %d", w.next, target)
			}
			for range rapid.IntRange(0, 3).Draw(t, "lies") {
				w.lie()
			}
			w.answer()
			w.ask(w.peers.Tick())
		}
		if asked := w.peers.Ask(); len(asked) != 0 && f == 0 {
			t.Fatalf("nothing is lacking, asked %v", asked)
		}
	})
}

// world has members 0 … liars−1 faulty and the others correct.
type world struct {
	t        *rapid.T
	peers    *catchup.Peers
	n, liars int
	next     messages.Epoch
	target   messages.Epoch
	asked    []request
}

type request struct {
	peer messages.PeerID
	from messages.Epoch
}

func (w *world) ask(peers []messages.PeerID) {
	for _, p := range peers {
		w.asked = append(w.asked, request{p, w.next})
	}
}

// answer has correct members answer some of the requests; others get lost.
func (w *world) answer() {
	for len(w.asked) > 0 {
		q := w.asked[0]
		w.asked = w.asked[1:]
		if int(q.peer) < w.liars || rapid.IntRange(0, 4).Draw(w.t, "lost") == 0 {
			continue
		}
		var answer []outcome.Outcome
		for e := q.from; e < min(w.target, q.from+messages.Epoch(rapid.IntRange(1, 4).Draw(w.t, "length"))); e++ {
			answer = append(answer, truth(e))
		}
		w.serve(q.peer, answer)
	}
}

func (w *world) lie() {
	if w.liars == 0 {
		return
	}
	liar := messages.PeerID(rapid.IntRange(0, w.liars-1).Draw(w.t, "liar"))
	epochs := rapid.SampledFrom([]messages.Epoch{0, w.next, w.next, w.next + 1, w.next + 70, ^messages.Epoch(0)})
	switch rapid.IntRange(0, 2).Draw(w.t, "way") {
	case 0:
		w.peers.Ahead(liar, epochs.Draw(w.t, "claim"))
	case 1:
		first := epochs.Draw(w.t, "first")
		var answer []outcome.Outcome
		for i := range rapid.IntRange(0, 5).Draw(w.t, "length") {
			answer = append(answer, fake(first+messages.Epoch(i), byte(rapid.IntRange(0, 1).Draw(w.t, "variant"))))
		}
		w.serve(liar, answer)
	default: // part of the truth, then lies
		w.serve(liar, []outcome.Outcome{truth(w.next), fake(w.next+1, 0)})
	}
}

func (w *world) serve(by messages.PeerID, answer []outcome.Outcome) {
	if fault := w.peers.Served(by, answer); fault != "" && int(by) >= w.liars {
		w.t.Fatalf("correct member %d: %s", by, fault)
	}
	for {
		o, liars, ok := w.peers.Believed()
		if !ok {
			break
		}
		if !same(o, truth(w.next)) {
			w.t.Fatalf("believed a lie about epoch %d", w.next)
		}
		for _, liar := range liars {
			if int(liar) >= w.liars {
				w.t.Fatalf("member %d is no liar", liar)
			}
		}
		w.next++
		w.peers.Advance(w.next)
	}
	w.ask(w.peers.Ask())
}

// FewAreAsked: f+1 answers are enough if all are correct, so no more are asked
// for; the others only when these did not do.
func TestAskingSparesPeers(t *testing.T) {
	p := catchup.New(federation, 10, 7)
	for i := range messages.PeerID(9) {
		p.Ahead(i, 20)
	}
	first := p.Ask()
	if len(first) != 4 {
		t.Fatalf("asked %v", first)
	}
	if again := p.Ask(); again != nil {
		t.Fatalf("asked %v at once again", again)
	}
	var second []messages.PeerID
	for range 4 {
		if second != nil {
			t.Fatal("asked again too early")
		}
		second = p.Tick()
	}
	if len(second) != 9 {
		t.Errorf("asked %v", second)
	}
	p.Advance(20)
	if got := p.Ask(); got != nil {
		t.Errorf("nothing is lacking, asked %v", got)
	}
	for i := range messages.PeerID(9) {
		p.Ahead(i, 30)
	}
	if third := p.Ask(); len(third) != 4 || slices.Equal(third, first) {
		t.Errorf("asked %v, at first %v", third, first)
	}
}

// A liar keeps a member that lacks nothing from nothing, and is remembered with
// one answer however much it sends (H29).
func TestMemoryOfLies(t *testing.T) {
	p := catchup.New(federation, 4, 0)
	var answer []outcome.Outcome
	for e := range messages.Epoch(64) {
		o := fake(e, 0)
		o.Contributions[0].Contribution = make([]byte, 8<<10)
		answer = append(answer, o)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 2000 {
		answer[0].Contributions[0].Contribution[0] = byte(i)
		p.Served(3, answer)
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 8<<20 {
		t.Errorf("%d bytes allocated for the answers of one liar", spent)
	}
}

func TestFaultyAnswers(t *testing.T) {
	p := catchup.New(federation, 4, 5)
	for name, c := range map[string]struct {
		answer []outcome.Outcome
		fault  bool
	}{
		"nothing":      {nil, false},
		"old":          {[]outcome.Outcome{truth(3), truth(4)}, false},
		"far ahead":    {[]outcome.Outcome{truth(9)}, false},
		"gap":          {[]outcome.Outcome{truth(5), truth(7)}, true},
		"descending":   {[]outcome.Outcome{truth(6), truth(5)}, true},
		"twice":        {[]outcome.Outcome{truth(5), truth(5)}, true},
		"wraps around": {[]outcome.Outcome{truth(^messages.Epoch(0)), truth(0)}, false},
	} {
		if fault := p.Served(1, c.answer); (fault != "") != c.fault {
			t.Errorf("%s: fault %q", name, fault)
		}
	}
}

// What f peers claim keeps nobody asking, and what does not begin with the next
// epoch is no opinion on it.
func TestClaimsAndAnswersThatDoNotCount(t *testing.T) {
	p := catchup.New(federation, 7, 5)
	p.Ahead(1, 9)
	p.Ahead(2, ^messages.Epoch(0))
	if got := p.Ask(); got != nil {
		t.Errorf("f peers are ahead, asked %v", got)
	}
	for peer := range messages.PeerID(6) {
		p.Served(peer, []outcome.Outcome{truth(7), truth(8)})
	}
	if o, _, ok := p.Believed(); ok {
		t.Errorf("believed epoch %d instead of 5", o.Epoch)
	}
	p.Ahead(3, 6)
	if got := p.Ask(); len(got) != 3 {
		t.Errorf("f+1 peers are ahead, asked %v", got)
	}
}
