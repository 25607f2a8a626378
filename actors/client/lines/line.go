package lines

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/messages/wire"
)

// line is the actor.
type line struct {
	session Session
	peer    messages.PeerID
	member  federation.Member

	to *actor.PID
	up bool
	*questions
	failures int
	pause    int // ticks until the next attempt
}

// questions outlive an incarnation: the operation asks each but once. Numbers do
// too, so that a reply to a former one is not taken for another's.
type questions struct {
	open []question
	next uint64
}

// question is a request that has no answer yet.
type question struct {
	key     int
	request *wire.ClientRequest
	ticks   int // since it was sent
}

// Ask has a line put a question; one of the same key replaces an older one.
type Ask struct {
	Key     int
	Request *wire.ClientRequest // without id
}

// Forget has a line drop a question: its answer is not wanted any more.
type Forget struct{ Key int }

// Heard is a member's reply to the question with that key.
type Heard struct {
	Peer  messages.PeerID
	Key   int
	Reply *wire.ClientReply
}

// Reach tells whether a member can be reached, when that changes.
type Reach struct {
	Peer messages.PeerID
	Up   bool
	Text string // why not
}

// Tick is how often a line wants its parent's ticks, and MaxWait the longest that
// a request may ask a member to wait.
const (
	Tick    = 500 * time.Millisecond
	MaxWait = 30 * time.Second
)

// In ticks: the longest pause between attempts, and how long a member may take
// for an answer before its link is given up.
const (
	longestPause = 20
	patience     = int((MaxWait + 15*time.Second) / Tick)
)

// New returns the producer of a line to a member.
func New(session Session, peer messages.PeerID, member federation.Member) actor.Producer {
	kept := new(questions)
	return func() actor.Actor { return &line{session: session, peer: peer, member: member, questions: kept} }
}

// Receive implements actor.Actor.
func (l *line) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.connect(ctx)
	case *link.Up:
		l.up, l.failures = true, 0
		ctx.Send(ctx.Parent(), Reach{Peer: l.peer, Up: true})
		for i := range l.open {
			l.send(ctx, &l.open[i])
		}
	case *link.Down:
		l.down(ctx, m)
	case *timing.Tick:
		l.tick(ctx)
	case Ask:
		l.ask(ctx, m)
	case Forget:
		l.forget(m.Key)
	case *spawn.Lost:
		switch lost := m.Message.(type) {
		case Ask:
			l.ask(ctx, lost)
		case Forget:
			l.forget(lost.Key)
		}
	case *wire.ClientReply:
		l.reply(ctx, m)
	}
}

func (l *line) connect(ctx actor.Context) {
	l.pause = 0
	l.to = l.session.Connect(ctx.Self(), l.member)
}

// down plans the next attempt: at once when a link breaks for the first time,
// then with doubling pauses.
func (l *line) down(ctx actor.Context, m *link.Down) {
	l.up = false
	l.pause = min(1<<min(l.failures, 10), longestPause)
	l.failures++
	ctx.Send(ctx.Parent(), Reach{Peer: l.peer, Text: m.Text})
}

func (l *line) tick(ctx actor.Context) {
	if !l.up {
		if l.pause > 0 {
			if l.pause--; l.pause == 0 {
				l.connect(ctx)
			}
		}
		return
	}
	for i := range l.open {
		if l.open[i].ticks++; l.open[i].ticks > patience {
			l.up = false
			l.connect(ctx)
			return
		}
	}
}

func (l *line) ask(ctx actor.Context, m Ask) {
	l.forget(m.Key)
	l.open = append(l.open, question{key: m.Key, request: m.Request})
	if l.up {
		l.send(ctx, &l.open[len(l.open)-1])
	}
}

func (l *line) forget(key int) {
	l.open = slices.DeleteFunc(l.open, func(q question) bool { return q.key == key })
}

// send numbers a question anew, so that a late reply to its former number is
// not taken for the answer.
func (l *line) send(ctx actor.Context, q *question) {
	l.next++
	r := proto.CloneOf(q.request)
	r.Id = l.next
	q.request, q.ticks = r, 0
	ctx.Request(l.to, r)
}

// reply hands an answer on, and only then forgets the question.
func (l *line) reply(ctx actor.Context, m *wire.ClientReply) {
	for i, q := range l.open {
		if q.request.GetId() == m.GetId() && m.GetId() != 0 {
			ctx.Send(ctx.Parent(), Heard{Peer: l.peer, Key: q.key, Reply: m})
			l.open = append(l.open[:i], l.open[i+1:]...)
			return
		}
	}
}
