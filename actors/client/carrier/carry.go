// Package carrier is the actor of one operation: it carries it from its record to
// an end with a reason.
//
//	accepts  Heard and Reach from its lines, Loaded, Prepared, Refused, Settled
//	         and Lost from MintClient, Recall from UserClient, timing.Tick
//	sends    Ask to its lines, Load, Prepare, Settle and Release to MintClient,
//	         Changed to UserClient
//
// Whatever it knows beyond the record can be learnt again, so after a crash it
// simply begins anew: it looks up what its attempts need, submits them, and asks
// what became of them. Rules are in the packages it uses: quorum says whom to
// believe, purse what a transaction spends and makes.
package carrier

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/inquiry"
	"minimint/actors/client/lines"
	"minimint/actors/client/purse"
	"minimint/actors/client/quorum"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// carrier is the actor.
type carrier struct {
	w  *World
	id uint64

	op           *clientwire.Operation // nil until it is loaded
	talk         []*actor.PID          // lines, by member
	down         []bool                // by member
	readings     *inquiry.Set          // nil until something is asked
	cases        []*attemptCase        // by attempt
	harvest      *purse.Harvest        // of the accepted attempt
	won          int                   // index of that attempt
	busy         bool                  // MintClient has the record
	dirty        bool                  // and there is more to write when it is back
	recalled     bool
	over         bool
	refusedTicks int // since a withdrawal is refused for now
	lingered     int
}

// attemptCase is what members say about one attempt.
type attemptCase struct {
	tx      *transaction.Transaction
	ballot  *quorum.Ballot
	decided []*wire.Decided // by member
	heard   []bool          // by member: it has said something final, or nonsense
	// again lists, by member, in how many ticks to submit and ask again; 0 never.
	again []int
	// outpriced says that its fee does not cover what is asked for now. It may
	// pass when that falls, so it stays open beside the next attempt.
	outpriced bool
}

// Rhythm, in ticks.
const (
	retryTicks  = 4  // until bytes that were refused for now are sent again
	maxReports  = 64 // in a record
	maxAttempts = 8
	giveUpTicks = int(2 * 60 * time.Second / lines.Tick) // withdrawals that are refused for now
)

// New returns the producer of the carrier of a stored operation.
func New(w *World, id uint64) actor.Producer {
	return func() actor.Actor { return &carrier{w: w, id: id} }
}

// Receive implements actor.Actor.
func (c *carrier) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Request(c.w.Mint, Load{ID: c.id})
	case Loaded:
		if c.op == nil { // a former incarnation may have asked too
			c.load(ctx, m.Op)
		}
	case Lost: // what is written is known only to the store
		if c.op == nil || c.busy { // otherwise it was answered before
			panic(fmt.Sprintf("carrier: MintClient failed over operation %d", c.id))
		}
	case Recall:
		c.recalled = true
		c.advance(ctx)
	case *spawn.Lost:
		if _, ok := m.Message.(Recall); ok {
			c.recalled = true // the user wishes it once
			c.advance(ctx)
		}
	default:
		if c.op != nil { // otherwise it was meant for a former incarnation
			c.carryOn(ctx, m)
		}
	}
}

// carryOn takes what comes once the record is there.
func (c *carrier) carryOn(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *timing.Tick:
		c.tick(ctx, m)
	case lines.Reach:
		c.reach(ctx, m)
	case lines.Heard:
		c.heard(ctx, m)
	case Prepared:
		c.takeBack(ctx, m.Op)
		c.judgeAll(ctx)
		c.advance(ctx)
	case Refused:
		c.refused(ctx, m)
	case Settled:
		c.settled(ctx, m.Op)
	}
}

// takeBack takes the record from MintClient, with what was noted meanwhile.
func (c *carrier) takeBack(ctx actor.Context, op *clientwire.Operation) {
	op.Reports = c.op.GetReports()
	c.busy, c.op = false, op
	if c.dirty {
		c.commit(ctx)
	}
}

func (c *carrier) load(ctx actor.Context, op *clientwire.Operation) {
	c.op = op
	if c.op.GetState() != clientwire.State_STATE_PENDING {
		ctx.Stop(ctx.Self())
		return
	}
	c.down = make([]bool, c.w.Group.N)
	ctx.Send(c.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
	c.advance(ctx)
}

// dial opens the lines when they are needed for the first time.
func (c *carrier) dial(ctx actor.Context) {
	if c.talk != nil {
		return
	}
	session, err := c.w.Connector.Session(c.w.Federation.ID())
	if err != nil {
		panic(fmt.Sprintf("carrier: session of operation %d: %v", c.id, err))
	}
	for i, m := range c.w.Federation.Members {
		props := c.w.Spawn.Props(spawn.Restart(RestartPause), lines.New(session, messages.PeerID(i), m))
		c.talk = append(c.talk, ctx.Spawn(props))
	}
}

// advance does what comes next: prepare an attempt, or carry those there are.
func (c *carrier) advance(ctx actor.Context) {
	if c.op == nil || c.busy || c.over {
		return
	}
	if c.harvest != nil {
		c.settle(ctx)
		return
	}
	if c.recalled && !c.op.GetCancelled() {
		c.cancel(ctx)
		return
	}
	current := false
	for i, a := range c.op.GetAttempts() {
		if !a.GetRejected() {
			current = current || i >= len(c.cases) || !c.cases[i].outpriced || len(c.op.GetAttempts()) >= maxAttempts
		}
	}
	if current && (!c.op.GetCancelled() || c.cancels()) {
		c.carry(ctx)
		return
	}
	if order, ok := c.order(ctx); ok {
		c.busy = true
		ctx.Request(c.w.Mint, Prepare{Op: proto.CloneOf(c.op), Order: order})
	}
	if c.open() {
		c.carry(ctx)
	}
}

// open reports whether an attempt may still be accepted.
func (c *carrier) open() bool {
	return slices.ContainsFunc(c.op.GetAttempts(), func(a *clientwire.Attempt) bool { return !a.GetRejected() })
}

// cancels reports whether an attempt to take the notes back is under way.
func (c *carrier) cancels() bool {
	return slices.ContainsFunc(c.op.GetAttempts(), func(a *clientwire.Attempt) bool { return a.GetCancels() && !a.GetRejected() })
}

// carry submits all attempts that are new here to all members at once, and asks
// what became of them, those that were refused for ever included: should the
// refusal turn out wrong, the acceptance is not missed.
func (c *carrier) carry(ctx actor.Context) {
	c.dial(ctx)
	for i := len(c.cases); i < len(c.op.GetAttempts()); i++ {
		tx, err := transaction.Decode(c.op.GetAttempts()[i].GetTransaction())
		if err != nil {
			panic(fmt.Sprintf("carrier: transaction of operation %d: %v", c.id, err))
		}
		n := c.w.Group.N
		c.cases = append(c.cases, &attemptCase{
			tx: tx, ballot: quorum.NewBallot(c.w.Group), decided: make([]*wire.Decided, n),
			heard: make([]bool, n), again: make([]int, n),
		})
		for peer := range n {
			c.submit(ctx, i, peer)
		}
	}
}

// Keys of questions: two for each attempt, then those of readings.
func submitKey(attempt int) int { return 2 * attempt }
func awaitKey(attempt int) int  { return 2*attempt + 1 }

const readingKey = 2 * 1000

func (c *carrier) submit(ctx actor.Context, attempt, peer int) {
	tx := c.cases[attempt].tx
	c.cases[attempt].again[peer] = 0
	ctx.Send(c.talk[peer], lines.Ask{Key: submitKey(attempt), Request: &wire.ClientRequest{Request: &wire.ClientRequest_Submit{
		Submit: &wire.Submit{Transaction: tx.Bytes()},
	}}})
	c.await(ctx, attempt, peer)
}

func (c *carrier) await(ctx actor.Context, attempt, peer int) {
	id, witness := c.cases[attempt].tx.ID(), c.cases[attempt].tx.WitnessID()
	ctx.Send(c.talk[peer], lines.Ask{Key: awaitKey(attempt), Request: &wire.ClientRequest{Request: &wire.ClientRequest_Await{
		Await: &wire.Await{Txid: id[:], WitnessId: witness[:], WaitMs: uint32(lines.MaxWait / time.Millisecond)},
	}}})
}

func (c *carrier) tick(ctx actor.Context, m *timing.Tick) {
	for _, l := range c.talk {
		ctx.Send(l, m)
	}
	c.read(ctx)
	if c.over {
		if c.lingered++; c.lingered >= c.w.Linger {
			ctx.Stop(ctx.Self())
		}
		return
	}
	for i, a := range c.cases {
		for peer := range a.again {
			if a.again[peer] > 0 {
				if a.again[peer]--; a.again[peer] == 0 {
					c.submit(ctx, i, peer)
				}
			}
		}
	}
	if c.op.GetKind() != clientwire.Kind_KIND_WITHDRAW || c.op.GetCode() == 0 {
		return
	}
	if c.refusedTicks++; c.refusedTicks == giveUpTicks {
		c.recalled = true
		c.advance(ctx)
	}
}

// heard sorts a member's reply to where it belongs. A reply of the wrong kind is
// a fault, and the question is put again later.
func (c *carrier) heard(ctx actor.Context, m lines.Heard) {
	attempt := m.Key / 2
	switch {
	case m.Key >= readingKey:
		c.readingHeard(ctx, m)
	case attempt >= len(c.cases):
	case m.Key == submitKey(attempt):
		switch r := m.Reply.GetReply().(type) {
		case *wire.ClientReply_Submitted:
		case *wire.ClientReply_Refusal:
			c.say(ctx, attempt, m.Peer, refusal(r.Refusal, true))
		default:
			c.malformed(ctx, attempt, m.Peer)
		}
	default:
		switch r := m.Reply.GetReply().(type) {
		case *wire.ClientReply_Status:
			c.status(ctx, attempt, m.Peer, r.Status)
		case *wire.ClientReply_Refusal:
			c.cases[attempt].again[m.Peer] = retryTicks
		default:
			c.malformed(ctx, attempt, m.Peer)
		}
	}
}

func (c *carrier) malformed(ctx actor.Context, attempt int, peer messages.PeerID) {
	c.cases[attempt].heard[peer] = true
	c.cases[attempt].again[peer] = retryTicks
	c.report(ctx, peer, "reply of the wrong kind")
	c.leave(ctx)
}

func refusal(r *wire.Refusal, early bool) quorum.Verdict {
	return quorum.Verdict{Code: messages.RejectionCode(r.GetCode()), Final: r.GetFinal(), Text: messages.Legible(r.GetText()), Early: early}
}

func (c *carrier) status(ctx actor.Context, attempt int, peer messages.PeerID, s *wire.Status) {
	a := c.cases[attempt]
	switch {
	case s.GetAccepted() != nil:
		a.decided[peer], a.heard[peer] = s.GetAccepted(), true
		c.say(ctx, attempt, peer, quorum.Verdict{Accepted: true, Epoch: messages.Epoch(s.GetAccepted().GetEpoch())})
		if c.harvest != nil && c.won == attempt {
			c.reap(ctx, peer)
		}
	case s.GetRejected() != nil:
		a.heard[peer] = s.GetRejected().GetFinal()
		c.say(ctx, attempt, peer, refusal(s.GetRejected(), false))
		c.leave(ctx)
	default: // nothing is known there yet: send it again, it may have been lost
		c.submit(ctx, attempt, int(peer))
	}
}

// say records a member's word.
func (c *carrier) say(ctx actor.Context, attempt int, peer messages.PeerID, v quorum.Verdict) {
	a := c.cases[attempt]
	if !v.Accepted && !v.Final {
		a.again[peer] = retryTicks
	}
	a.ballot.Say(peer, v)
	for _, liar := range a.ballot.Liars() {
		c.report(ctx, liar, "wrong status of a transaction")
	}
	c.judge(ctx, attempt)
}

// report records that a member answered wrongly, once for each kind of answer.
func (c *carrier) report(ctx actor.Context, peer messages.PeerID, what string) {
	line := fmt.Sprintf("member %d (%s): %s", peer, c.w.Federation.Members[peer].Name, what)
	if slices.Contains(c.op.GetReports(), line) || len(c.op.GetReports()) >= maxReports {
		return
	}
	c.w.Log.Warn("a member answered wrongly", slog.Uint64("operation", c.id), slog.String("report", line))
	c.op.Reports = append(c.op.Reports, line)
	c.commit(ctx)
}

// reach notes who cannot be reached, for a user who wonders why it takes so long.
func (c *carrier) reach(ctx actor.Context, m lines.Reach) {
	c.down[m.Peer] = !m.Up
	if c.over || c.busy || c.harvest != nil || c.op.GetCode() != 0 {
		return
	}
	names := ""
	unreachable := 0
	for i, down := range c.down {
		if down {
			names += fmt.Sprintf(" %s", c.w.Federation.Members[i].Name)
			unreachable++
		}
	}
	text := ""
	if unreachable > c.w.Group.F {
		text = fmt.Sprintf("too few members can be reached; no link to%s", names)
	}
	if text != c.op.GetText() {
		c.op.Text = text
		c.commit(ctx)
	}
}
