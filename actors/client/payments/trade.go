package payments

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/lines"
	"minimint/actors/client/listings"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages/timing"
	"minimint/storage"
)

// trade is what payer and payee have in common: a record that only they write, one
// contract that is watched, one gateway that is talked to.
type trade struct {
	w     *World
	id    uint64
	op    *clientwire.Operation
	pause int // ticks until the next step is tried again, 0 if nothing waits for that
	// height is the newest agreed one that is known; since are the ticks since it was asked
	// for.
	height uint32
	since  int

	contract terms.ID // that is watched, zero if none is yet
	known    orders.Answer
	due      bool // the contract is to be asked for at the next tick
	status   *lightning.Status

	number   int // of the newest request to the gateway
	open     int // ticks since that was sent, plus 1; 0 if it is answered
	patience int // ticks after which its answer is lost
	wait     int // ticks until the next one, 0 if none waits
	failures int // requests in a row that came to nothing
}

// Rhythm, in ticks.
const (
	retryTicks   = 10 // until something that did not work is tried again
	longestPause = 40 // between requests to a gateway that does not answer
	heightTicks  = 20 // between questions for the height, while something may expire
	maxReports   = 16
)

// wayTime is what a request and its reply may take beyond the wait.
const wayTime = 15 * time.Second

// receive is the beginning of every message: an actor starts from its record, hears of
// the parts that it has begun, and hears nothing more when its operation is over.
func (t *trade) receive(ctx actor.Context, start func(actor.Context), handle func(actor.Context, any)) {
	if _, ok := ctx.Message().(*actor.Started); ok {
		if t.load(ctx) {
			start(ctx)
		}
		return
	}
	if t.op.GetState() != clientwire.State_STATE_PENDING {
		return // it is over, and stops
	}
	if m, ok := ctx.Message().(orders.Begun); ok {
		t.begun(ctx, m)
		return
	}
	handle(ctx, ctx.Message())
}

// load reads the record, and reports false if there is nothing left to do.
func (t *trade) load(ctx actor.Context) bool {
	t.w.View(func(r storage.Reader) { t.op = book.Operation(r, t.id) })
	if t.op.GetState() != clientwire.State_STATE_PENDING {
		ctx.Stop(ctx.Self())
		return false
	}
	ctx.Send(t.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
	return true
}

// commit writes the record together with what else belongs to it.
func (t *trade) commit(ctx actor.Context, also ...func(storage.Tx)) {
	t.w.Update(func(tx storage.Tx) {
		for _, fn := range also {
			fn(tx)
		}
		book.Put(tx, t.op)
	})
	ctx.Send(t.w.User, carrier.Changed{ID: t.id})
}

// say notes what the operation waits for.
func (t *trade) say(ctx actor.Context, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); t.op.GetText() != text {
		t.op.Text = text
		t.commit(ctx)
	}
}

// report notes that somebody said what cannot be.
func (t *trade) report(ctx actor.Context, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if slices.Contains(t.op.GetReports(), line) || len(t.op.GetReports()) >= maxReports {
		return
	}
	t.w.Log.Warn("a gateway answered wrongly", slog.Uint64("operation", t.id), slog.String("report", line))
	t.op.Reports = append(t.op.Reports, line)
	t.commit(ctx)
}

// end writes the end, and is the last thing that the actor does.
func (t *trade) end(ctx actor.Context, state clientwire.State, also ...func(storage.Tx)) {
	t.op.State, t.op.EndedMs = state, t.w.Now().UnixMilli()
	t.commit(ctx, also...)
	ctx.Stop(ctx.Self())
}

// fail ends the operation without success.
func (t *trade) fail(ctx actor.Context, cause clientwire.Cause, text string, also ...func(storage.Tx)) {
	t.op.Cause, t.op.Text = cause, text
	t.end(ctx, clientwire.State_STATE_FAILED, also...)
}

// reference names a part of this operation.
func (t *trade) reference(what string) string { return fmt.Sprintf("%s%d/%s", orders.Own, t.id, what) }

// begin begins a part of this operation, or finds it begun; Begun follows.
func (t *trade) begin(ctx actor.Context, part *clientwire.Operation) {
	part.Parent = t.id
	ctx.Request(t.w.User, orders.Begin{Op: part})
}

// begun follows a part that has been begun. If the store could not be written it is
// tried again.
func (t *trade) begun(ctx actor.Context, m orders.Begun) {
	if m.Err != nil {
		t.pause = retryTicks
		t.say(ctx, "waiting: %v", m.Err)
		return
	}
	ctx.Request(t.w.User, orders.Follow{ID: m.ID})
}

// part returns the record of a part, nil if it was never begun.
func (t *trade) part(reference string) *clientwire.Operation {
	var op *clientwire.Operation
	t.w.View(func(r storage.Reader) { op = book.Operation(r, book.Named(r, reference)) })
	return op
}

// redeem makes the part that takes the money of a contract.
func (t *trade) redeem(reference string, in terms.Input, amount uint64, key uint32) *clientwire.Operation {
	return &clientwire.Operation{
		Kind: clientwire.Kind_KIND_REDEEM, Reference: reference, AmountMsat: amount,
		Redeem: &clientwire.Redeem{Input: in.Encode(), AmountMsat: amount, KeyIndex: key},
	}
}

const contractQuestion = "contract"

// watch begins to follow a contract.
func (t *trade) watch(ctx actor.Context, id terms.ID) {
	if t.contract == id {
		return
	}
	t.contract, t.known = id, orders.Answer{}
	t.look(ctx)
}

func (t *trade) look(ctx actor.Context) {
	t.due = false
	ctx.Request(t.w.User, orders.Ask{
		Key: contractQuestion, Module: lightning.Kind, Method: "contract", Body: lightning.ContractRequest(t.contract), Known: t.known, Keep: true,
	})
}

// rank orders the states of a contract: later ones are greater. Members that lag may
// tell an earlier one.
func rank(s lightning.State) int {
	return slices.Index([]lightning.State{
		stateOffered, stateDecrypting, stateFunded, stateValid, stateInvalid, stateClaimed, stateRefunded, stateForfeited,
	}, s)
}

// watched takes an answer about the contract, and returns its status if it has gone on.
func (t *trade) watched(ctx actor.Context, m orders.Answer) (lightning.Status, bool) {
	if m.Key != contractQuestion || t.contract == (terms.ID{}) {
		return lightning.Status{}, false
	}
	t.known = orders.Answer{Body: m.Body, Code: m.Code}
	if m.Code != 0 { // not there yet
		t.due = true
		return lightning.Status{}, false
	}
	s, err := lightning.ReadStatus(t.w.Federation.ID(), t.contract, []byte(m.Body))
	if err != nil { // this program is too old, or f+1 members lie
		t.due = true
		t.say(ctx, "the federation's answer cannot be read: %v", err)
		return lightning.Status{}, false
	}
	if t.status != nil && rank(s.State) <= rank(t.status.State) {
		t.due = true
		return lightning.Status{}, false
	}
	t.status = &s
	t.look(ctx)
	return s, true
}

// ask sends a request to a gateway, unless one is open. The gateway answers at once, or
// when there is news if that comes within wait.
func (t *trade) ask(ctx actor.Context, api string, request *talk.Request, wait time.Duration) {
	if t.open > 0 || t.w.Gateways == nil {
		return
	}
	t.number++
	t.open, t.wait, t.patience = 1, 0, int((wait+wayTime)/lines.Tick)
	request.WaitMs = uint32(wait / time.Millisecond)
	t.w.Gateways.Ask(ctx.Self(), api, t.number, request)
}

// heard takes what a gateway said, and reports false if that answers nothing.
func (t *trade) heard(m Heard) bool {
	mine := m.Key == t.number && t.open > 0
	if mine {
		t.open = 0
	}
	return mine
}

// later has the gateway asked again, after a pause that doubles.
func (t *trade) later() {
	t.wait = min(1<<min(t.failures, 10), longestPause)
	t.failures++
}

// tick counts, and reports what is to be tried again: the step that is under way, or
// the gateway.
func (t *trade) tick(ctx actor.Context) (step, gateway bool) {
	if t.due {
		t.look(ctx)
	}
	if t.open > 0 {
		if t.open++; t.open > t.patience { // the answer is lost
			t.open, gateway = 0, true
		}
	}
	if t.wait > 0 {
		t.wait--
		gateway = gateway || t.wait == 0
	}
	if t.pause > 0 {
		t.pause--
		step = t.pause == 0
	}
	return step, gateway
}

// askHeight asks for the height now and then; the answer comes with the gateways.
func (t *trade) askHeight(ctx actor.Context) {
	if t.since++; t.since >= heightTicks {
		t.since = 0
		ctx.Request(t.w.Ln, listings.Wanted{})
	}
}

// Gateways' names are theirs to choose; the key is what tells them apart.
func nameOf(g terms.Gateway) string { return fmt.Sprintf("gateway %q (%x…)", g.Name, g.Key[:4]) }
