package inquiry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/client/inquiry"
	"minimint/actors/client/quorum"
	"minimint/messages"
	"minimint/messages/wire"
)

var (
	four  = quorum.GroupOf(4)
	query = inquiry.Question{Module: "m", Method: "q", Body: []byte("b")}
)

func says(body string) *wire.ClientReply {
	return &wire.ClientReply{Reply: &wire.ClientReply_Answer{Answer: &wire.Answer{Body: []byte(body)}}}
}

func refuses(code messages.RejectionCode, final bool, text string) *wire.ClientReply {
	return &wire.ClientReply{Reply: &wire.ClientReply_Refusal{Refusal: &wire.Refusal{Code: uint32(code), Final: final, Text: text}}}
}

var nonsense = &wire.ClientReply{Reply: &wire.ClientReply_Info{Info: &wire.Info{}}}

// A reading is what f+1 say; who differs is asked again, and named if he differs again.
func TestReading(t *testing.T) {
	s := inquiry.NewSet(four)
	if _, ok, put := s.Want(0, "price", query); ok || !put {
		t.Fatal("it is not asked")
	}
	if _, _, put := s.Want(0, "price", query); put {
		t.Error("asked twice")
	}
	if q := s.Request(0).GetQuery(); q.GetModule() != "m" || q.GetMethod() != "q" || string(q.GetBody()) != "b" || q.GetKnown() != nil {
		t.Errorf("asks %v", q)
	}
	s.Heard(0, 3, says("lie"))
	if fresh, _ := s.Heard(0, 1, says("seven")); fresh {
		t.Error("one member decides")
	}
	fresh, liars := s.Heard(0, 2, says("seven"))
	if a, ok, _ := s.Want(0, "price", query); !fresh || len(liars) > 0 || !ok || a.Body != "seven" {
		t.Errorf("answer %+v, liars %v", a, liars)
	}
	if put := s.Tick(); len(put) != 1 || put[0] != 0 {
		t.Errorf("asks %v again", put)
	}
	s.Heard(0, 1, says("eight"))
	s.Heard(0, 2, says("eight"))
	fresh, liars = s.Heard(0, 3, says("lie"))
	if fresh || len(liars) != 1 || liars[0].Peer != 3 || !strings.Contains(liars[0].What, `"price"`) {
		t.Errorf("liars %v", liars)
	}
	if !s.Open([]bool{false, false, false, false}) || s.Open([]bool{true, false, false, false}) {
		t.Error("who has not answered is waited for, unless he is down")
	}
	if len(s.Tick()) > 0 {
		t.Error("asked a third time")
	}
}

// Members that are busy have not answered: f+1 of them are no refusal. They are asked
// again after a while, as are those who disagree.
func TestBusyIsNoAnswer(t *testing.T) {
	for name, replies := range map[string][]*wire.ClientReply{
		"busy":     {refuses(messages.RejectBusy, false, ""), refuses(messages.RejectBusy, false, ""), refuses(messages.RejectDeadline, false, "")},
		"disagree": {says("a"), says("b"), says("c")},
	} {
		s := inquiry.NewSet(four)
		s.Want(0, "x", query)
		for i, r := range replies {
			if fresh, liars := s.Heard(0, messages.PeerID(i), r); fresh || len(liars) > 0 {
				t.Errorf("%s: fresh %t, liars %v", name, fresh, liars)
			}
		}
		n := 1
		for ; len(s.Tick()) == 0; n++ {
			if n > 10 {
				t.Fatalf("%s: never asked again", name)
			}
		}
	}
	s := inquiry.NewSet(four)
	s.Want(0, "x", query)
	if _, liars := s.Heard(0, 2, nonsense); len(liars) != 1 || liars[0].Peer != 2 {
		t.Errorf("nonsense: %v", liars)
	}
	s.Heard(5, 1, says("late")) // a reading that is not there
	long := strings.Repeat("x", messages.MaxRejectionText+9)
	if a, _ := inquiry.Read(refuses(messages.RejectNotFound, true, long)); len(a.Text) != messages.MaxRejectionText {
		t.Errorf("text of %d bytes", len(a.Text))
	}
}

// A watch lets each member wait for what is new to it, and asks nobody in a hurry who
// says the same again or has nothing to say.
func TestWatch(t *testing.T) {
	w := inquiry.NewWatch(four, query, nil, time.Second)
	if q := w.Request(0).GetQuery(); q.GetKnown() != nil || q.GetWaitMs() != 0 {
		t.Errorf("asks %v at first", q)
	}
	if _, ok, again := w.Heard(0, says("a")); ok || !again {
		t.Error("the first answer of one member")
	}
	if q := w.Request(0).GetQuery(); string(q.GetKnown()) != string(wire.Known(says("a"))) || q.GetWaitMs() != 1000 {
		t.Errorf("asks %v then", q)
	}
	for name, r := range map[string]*wire.ClientReply{"the same": says("a"), "busy": refuses(messages.RejectBusy, false, ""), "nonsense": nonsense} {
		if _, ok, again := w.Heard(0, r); ok || again {
			t.Errorf("%s: asked again at once", name)
		}
		if who := w.Tick(); len(who) != 1 || who[0] != 0 {
			t.Errorf("%s: asks %v at the tick", name, who)
		}
	}
	n := 0
	for again := true; again; n++ {
		if _, _, again = w.Heard(1, says(fmt.Sprint(n))); n > 100 {
			t.Fatal("a chatterer keeps us busy")
		}
	}
	if a, ok, _ := w.Heard(2, says("a")); !ok || a.Body != "a" {
		t.Errorf("answer %+v, %t", a, ok)
	}
	w = inquiry.NewWatch(four, query, &quorum.Answer{Code: messages.RejectNotFound}, time.Second)
	if q := w.Request(3).GetQuery(); string(q.GetKnown()) != string(wire.Known(refuses(messages.RejectNotFound, false, "whatever"))) {
		t.Errorf("asks %v", q)
	}
	for i := range 4 {
		if _, ok, _ := w.Heard(messages.PeerID(i), refuses(messages.RejectNotFound, false, "still")); ok {
			t.Error("what is known is told again")
		}
	}
}

// Validity: whatever up to f members say, and however replies come, the answer of a
// watch is one that an honest member gave, and not the one that is known.
func TestWatchValidity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		g := quorum.GroupOf(n)
		known := quorum.Answer{Body: "0"}
		w := inquiry.NewWatch(g, query, &known, time.Second)
		said := map[string]bool{}
		state := make([]int, n) // of honest members: it grows
		for range rapid.IntRange(1, 60).Draw(t, "replies") {
			from := rapid.IntRange(0, n-1).Draw(t, "from")
			body := fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "lie"))
			if from >= g.F {
				state[from] = min(state[from]+rapid.IntRange(0, 1).Draw(t, "step"), 5)
				body = fmt.Sprint(state[from])
				said[body] = true
			}
			if a, ok, _ := w.Heard(messages.PeerID(from), says(body)); ok {
				if !said[a.Body] || a.Body == known.Body {
					t.Fatalf("answer %q, honest members said %v", a.Body, said)
				}
				return
			}
			w.Tick()
		}
	})
}
