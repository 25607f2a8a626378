package inquiry

import (
	"bytes"
	"time"

	"minimint/actors/client/quorum"
	"minimint/messages"
	"minimint/messages/wire"
)

// hasty bounds how often a member is asked again between two ticks, should it give one
// new answer after the other.
const hasty = 8

// A Watch waits for a certified answer that its owner does not know. Each member is
// told what it said last, and asked to answer when that has changed, so that nobody
// has to ask in vain.
type Watch struct {
	group quorum.Group
	asked Question
	known *quorum.Answer
	wait  time.Duration
	poll  *quorum.Poll
	said  [][]byte // by member: wire.Known of what its next answer must differ from
	left  []int    // by member: how often it may be asked before the next tick
	due   []bool   // by member: it is to be asked at the next tick
}

// NewWatch returns a watch for a question whose answer must differ from known, unless
// that is nil. Members may take up to wait for an answer.
func NewWatch(g quorum.Group, q Question, known *quorum.Answer, wait time.Duration) *Watch {
	w := &Watch{
		group: g, asked: q, known: known, wait: wait, poll: quorum.NewPoll(g),
		said: make([][]byte, g.N), left: make([]int, g.N), due: make([]bool, g.N),
	}
	for i := range w.said {
		w.left[i] = hasty
		if known != nil {
			w.said[i] = wire.Known(replyOf(*known))
		}
	}
	return w
}

// replyOf makes the reply that an answer was.
func replyOf(a quorum.Answer) *wire.ClientReply {
	if a.Code != 0 {
		return &wire.ClientReply{Reply: &wire.ClientReply_Refusal{Refusal: &wire.Refusal{Code: uint32(a.Code)}}}
	}
	return &wire.ClientReply{Reply: &wire.ClientReply_Answer{Answer: &wire.Answer{Body: []byte(a.Body)}}}
}

// Request is what a member is to be asked now.
func (w *Watch) Request(peer messages.PeerID) *wire.ClientRequest {
	q := w.asked.query()
	if q.Known = w.said[peer]; q.Known != nil {
		q.WaitMs = uint32(w.wait / time.Millisecond)
	}
	return request(q)
}

// Heard takes a member's reply. It returns the answer if there is one now, or else
// whether that member is to be asked again at once.
func (w *Watch) Heard(from messages.PeerID, reply *wire.ClientReply) (answer quorum.Answer, ok, again bool) {
	a, kind := Read(reply)
	if kind != Answered {
		w.due[from] = true
		return quorum.Answer{}, false, false
	}
	w.poll.Answer(from, a)
	if w.news(a) && w.poll.Saying(a) >= w.group.Enough() {
		return a, true, false
	}
	said := wire.Known(reply)
	fresh := !bytes.Equal(said, w.said[from])
	if w.said[from] = said; !fresh || w.left[from] == 0 {
		w.due[from] = true
		return quorum.Answer{}, false, false
	}
	w.left[from]--
	return quorum.Answer{}, false, true
}

func (w *Watch) news(a quorum.Answer) bool {
	return w.known == nil || w.known.Body != a.Body || w.known.Code != a.Code
}

// Tick returns whom to ask again.
func (w *Watch) Tick() []messages.PeerID {
	var who []messages.PeerID
	for i := range w.due {
		if w.left[i] = hasty; w.due[i] {
			w.due[i] = false
			who = append(who, messages.PeerID(i))
		}
	}
	return who
}
