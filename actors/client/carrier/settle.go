package carrier

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/notes"
	"minimint/actors/client/quorum"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// judgeAll acts on what was said while MintClient had the record.
func (c *carrier) judgeAll(ctx actor.Context) {
	for attempt := range c.cases {
		c.judge(ctx, attempt)
	}
}

// judge acts on what members have said of an attempt, if that is enough. While MintClient
// has the record it waits: what it would note is not in what comes back.
func (c *carrier) judge(ctx actor.Context, attempt int) {
	if c.busy || c.harvest != nil || c.over {
		return
	}
	a := c.cases[attempt]
	verdict, ok := a.ballot.Verdict()
	if !ok {
		return
	}
	switch {
	case verdict.Accepted:
		c.accepted(ctx, attempt, verdict.Epoch)
	case verdict.Final:
		c.rejected(ctx, attempt, verdict)
	case verdict.Code == messages.RejectFeeTooLow && c.op.GetKind() == clientwire.Kind_KIND_CLAIM && !a.outpriced:
		a.outpriced, c.readings = true, nil // what it costs is asked anew
		c.advance(ctx)
	case c.op.GetCode() != uint32(verdict.Code):
		c.op.Code, c.op.Text = uint32(verdict.Code), "the federation refuses it for now: "+verdict.Text
		c.commit(ctx)
	}
}

// accepted begins to make notes of an attempt that f+1 members know as accepted.
func (c *carrier) accepted(ctx actor.Context, attempt int, epoch messages.Epoch) {
	c.won, c.op.Epoch = attempt, uint64(epoch)
	c.harvest = c.w.Purse.Harvest(c.op.GetAttempts()[attempt])
	for peer, d := range c.cases[attempt].decided {
		if d != nil {
			c.reap(ctx, messages.PeerID(peer))
		}
	}
	c.settle(ctx)
}

// reap takes one member's shares. A member that has lied is asked no more; one
// that has answered before the others had is asked again.
func (c *carrier) reap(ctx actor.Context, peer messages.PeerID) {
	d := c.cases[c.won].decided[peer]
	if d.GetEpoch() != c.op.GetEpoch() {
		return
	}
	shares := make([][]byte, len(d.GetOutputs()))
	for i, o := range d.GetOutputs() {
		shares[i] = o.GetShare()
	}
	liars, err := c.harvest.Add(peer, shares)
	if err != nil {
		panic(fmt.Sprintf("carrier: notes of operation %d: %v", c.id, err))
	}
	for _, liar := range liars {
		c.report(ctx, liar, "bad blind share")
	}
	if w := c.op.GetWithdrawal(); w.GetTxid() != nil && !bytes.Equal(w.GetTxid(), bitcoinTxid(d)) {
		c.report(ctx, peer, anotherTxid)
	}
	c.settle(ctx)
	if c.over && c.reveal() { // too few had told their shares before
		c.commit(ctx)
	}
	c.leave(ctx)
}

// leave stops the actor after its end when nobody is left to answer.
func (c *carrier) leave(ctx actor.Context) {
	if !c.over || c.suspecting() {
		return
	}
	if c.harvest != nil {
		for peer, heard := range c.cases[c.won].heard {
			if !heard && !c.down[peer] {
				return
			}
		}
	}
	ctx.Stop(ctx.Self())
}

// settle ends the operation once everything is there.
func (c *carrier) settle(ctx actor.Context) {
	if c.busy || c.over || !c.harvest.Done() || !c.outcome(ctx) {
		return
	}
	attempt := c.op.GetAttempts()[c.won]
	c.op.State, c.op.Code, c.op.Text = clientwire.State_STATE_DONE, 0, ""
	switch {
	case attempt.GetCancels():
		c.op.State, c.op.Cause, c.op.Text = clientwire.State_STATE_FAILED, clientwire.Cause_CAUSE_CANCELLED, "taken back"
	case c.op.GetCancelled() && c.op.GetKind() == clientwire.Kind_KIND_SPEND:
		c.op.State, c.op.Cause = clientwire.State_STATE_FAILED, clientwire.Cause_CAUSE_CANCELLED
		c.op.Text = "taken back before it was handed over"
	}
	c.reveal()
	c.busy = true
	ctx.Request(c.w.Mint, Settle{Op: proto.CloneOf(c.op), Harvest: c.harvest})
}

// settled is told when the end is written. The carrier stays for a moment, since
// members that lie may be slower than the others.
func (c *carrier) settled(ctx actor.Context, op *clientwire.Operation) {
	c.takeBack(ctx, op)
	c.over = true
	if c.harvest != nil && c.reveal() { // somebody has answered meanwhile
		c.commit(ctx)
	}
	c.leave(ctx)
}

// outcome learns the bitcoin transaction of a withdrawal: the one that f+1
// members name. It reports whether there is nothing more to learn.
func (c *carrier) outcome(ctx actor.Context) bool {
	w := c.op.GetWithdrawal()
	if w == nil || c.op.GetAttempts()[c.won].GetCancels() || w.GetTxid() != nil {
		return true
	}
	poll := quorum.NewPoll(c.w.Group)
	for peer, d := range c.cases[c.won].decided {
		if d == nil {
			continue
		}
		txid := bitcoinTxid(d)
		if txid == nil {
			c.cases[c.won].again[peer] = 1
			continue
		}
		poll.Answer(messages.PeerID(peer), quorum.Answer{Body: string(txid)})
	}
	answer, ok := poll.Result()
	if !ok {
		if poll.Complete() { // a fee bump may be on its way; ask again
			for peer := range c.cases[c.won].again {
				c.cases[c.won].again[peer] = 1
			}
		}
		return false
	}
	for _, liar := range poll.Dissenters() {
		c.report(ctx, liar, anotherTxid)
	}
	w.Txid = bytes.Clone([]byte(answer.Body))
	return true
}

const anotherTxid = "another bitcoin transaction for a withdrawal than others name (it lags or lies)"

// bitcoinTxid returns which bitcoin transaction a member names for a withdrawal,
// whose output is the first; nil if none.
func bitcoinTxid(d *wire.Decided) []byte {
	status := new(walletwire.PegOutStatus)
	if len(d.GetOutputs()) == 0 {
		return nil
	}
	err := canonical.Unmarshal(d.GetOutputs()[0].GetOutcome(), status, transaction.MaxItemSize)
	if err != nil || len(status.GetTxid()) != 32 {
		return nil
	}
	return status.GetTxid()
}

// retryable are refusals that another transaction for the same purpose avoids:
// fresh blind nonces. (A fee that is too low now is no end of a transaction.)
func retryable(code messages.RejectionCode) bool { return code == messages.RejectBlindNonceUsed }

// rejected ends an attempt, and the operation if no other one can follow.
func (c *carrier) rejected(ctx actor.Context, attempt int, v quorum.Verdict) {
	a := c.op.GetAttempts()[attempt]
	if a.GetRejected() {
		return
	}
	a.Rejected, a.Code, a.Text = true, uint32(v.Code), v.Text
	if c.open() {
		c.commit(ctx)
		return
	}
	if retryable(v.Code) && len(c.op.GetAttempts()) < maxAttempts {
		c.readings = nil
		c.commit(ctx)
		c.advance(ctx)
		return
	}
	c.op.Code = uint32(v.Code)
	c.fail(ctx, clientwire.Cause_CAUSE_REJECTED, v.Text)
}

// fail ends the operation and gives its notes back, unless an attempt may still be
// accepted: what that makes would belong to nobody.
func (c *carrier) fail(ctx actor.Context, cause clientwire.Cause, text string) {
	if c.open() {
		c.wait(ctx, "an earlier transaction may still pass: "+text)
		return
	}
	c.op.State, c.op.Cause, c.op.Text = clientwire.State_STATE_FAILED, cause, text
	c.busy = true
	doubtful := c.op.GetCode() == uint32(messages.RejectNoteSpent)
	ctx.Request(c.w.Mint, Release{Op: proto.CloneOf(c.op), Doubtful: doubtful})
}

// refused is told when no attempt can be made.
func (c *carrier) refused(ctx actor.Context, m Refused) {
	c.takeBack(ctx, m.Op)
	if c.judgeAll(ctx); c.busy || c.harvest != nil {
		return
	}
	var short *notes.ShortError
	cause := clientwire.Cause_CAUSE_LIMIT
	switch {
	case errors.As(m.Err, &short):
		cause = clientwire.Cause_CAUSE_FUNDS
	case errors.Is(m.Err, notes.ErrWorthless):
		cause = clientwire.Cause_CAUSE_WORTHLESS
	}
	c.fail(ctx, cause, m.Err.Error())
}

// cancel notes the wish to have the money back. What follows is another attempt,
// which spends the same notes.
func (c *carrier) cancel(ctx actor.Context) {
	c.op.Cancelled = true
	if len(c.op.GetAttempts()) == 0 {
		c.fail(ctx, clientwire.Cause_CAUSE_CANCELLED, "cancelled before anything was sent")
		return
	}
	c.commit(ctx)
	c.advance(ctx)
}

// withdrawal makes the output of a withdrawal.
func withdrawal(w *clientwire.Withdrawal) transaction.Item {
	return transaction.Item{Kind: wallet.Kind, Body: wallet.PegOut{
		Address: w.GetAddress(), Sats: w.GetSats(), MaxFeeSats: w.GetMaxFeeSats(),
	}.Bytes()}
}

// commit writes the record as it is, unless MintClient has it: then later.
func (c *carrier) commit(ctx actor.Context) {
	if c.dirty = c.busy; c.busy {
		return
	}
	c.w.Update(func(tx storage.Tx) {
		op := c.op
		if c.over { // another operation may have noted something on this one
			op = book.Operation(tx, c.id)
			op.Reports, op.Fund = c.op.GetReports(), c.op.GetFund()
		}
		book.Put(tx, op)
	})
	ctx.Send(c.w.User, Changed{ID: c.id})
}
