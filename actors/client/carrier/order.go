package carrier

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/inquiry"
	"minimint/actors/client/lines"
	"minimint/actors/client/purse"
	"minimint/actors/client/quorum"
	"minimint/actors/client/token"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// want returns the certified answer to reading i; if there is none yet it sees to
// it that the question is asked.
func (c *carrier) want(ctx actor.Context, i int, name string, q inquiry.Question) (quorum.Answer, bool) {
	if c.readings == nil {
		c.readings = inquiry.NewSet(c.w.Group)
	}
	answer, ok, put := c.readings.Want(i, name, q)
	if put {
		c.put(ctx, i)
	}
	return answer, ok
}

func (c *carrier) put(ctx actor.Context, i int) {
	c.dial(ctx)
	for _, l := range c.talk {
		ctx.Send(l, lines.Ask{Key: readingKey + i, Request: c.readings.Request(i)})
	}
}

// read puts questions again that got no certified answer in time, or one that
// some members did not give.
func (c *carrier) read(ctx actor.Context) {
	if c.readings == nil {
		return
	}
	for _, i := range c.readings.Tick() {
		c.put(ctx, i)
	}
}

func (c *carrier) readingHeard(ctx actor.Context, m lines.Heard) {
	if c.readings == nil {
		return
	}
	fresh, liars := c.readings.Heard(m.Key-readingKey, m.Peer, m.Reply)
	for _, l := range liars {
		c.report(ctx, l.Peer, l.What)
	}
	if fresh {
		c.advance(ctx)
	}
	c.leave(ctx)
}

// suspecting reports whether members that can be reached have not answered a
// reading, or its suspects not a second time.
func (c *carrier) suspecting() bool { return c.readings != nil && c.readings.Open(c.down) }

// order says what the next attempt shall do, and false while that is not known:
// because a reading is not certified yet, or because the operation has just
// failed.
func (c *carrier) order(ctx actor.Context) (purse.Order, bool) {
	if c.op.GetCancelled() {
		return purse.Order{Cancels: true}, true
	}
	switch c.op.GetKind() {
	case clientwire.Kind_KIND_SPEND:
		return purse.Order{Exact: messages.Amount(c.op.GetAmountMsat()), Fund: true}, true
	case clientwire.Kind_KIND_REISSUE:
		return purse.Order{Gather: messages.Amount(c.op.GetAmountMsat())}, true
	case clientwire.Kind_KIND_RECEIVE, clientwire.Kind_KIND_RECLAIM:
		return purse.Order{Given: c.given().Notes}, true
	case clientwire.Kind_KIND_CLAIM:
		return c.orderClaim(ctx)
	case clientwire.Kind_KIND_WITHDRAW:
		return c.orderWithdrawal(ctx)
	case clientwire.Kind_KIND_FUND:
		return c.orderFund(), true
	case clientwire.Kind_KIND_REDEEM:
		return c.orderRedeem(), true
	default:
		panic(fmt.Sprintf("carrier: operation %d of kind %s makes no transaction", c.id, c.op.GetKind()))
	}
}

// given are the notes that the operation cashes.
func (c *carrier) given() token.Token {
	t, err := token.FromWire(c.op.GetNotes())
	if err != nil {
		panic(fmt.Sprintf("carrier: notes of operation %d: %v", c.id, err))
	}
	return t
}

// prices asks what the wallet charges.
func (c *carrier) prices(ctx actor.Context, i int) (*walletwire.Summary, bool) {
	a, ok := c.want(ctx, i, "wallet summary", inquiry.Question{Module: wallet.Kind, Method: "summary"})
	if !ok {
		return nil, false
	}
	s := new(walletwire.Summary)
	if !c.understand(ctx, a, s) {
		return nil, false
	}
	return s, true
}

// understand reads a certified answer; if it is a refusal the operation fails.
func (c *carrier) understand(ctx actor.Context, a quorum.Answer, m proto.Message) bool {
	if a.Code != 0 {
		c.op.Code = uint32(a.Code)
		c.fail(ctx, clientwire.Cause_CAUSE_REJECTED, a.Text)
		return false
	}
	if err := canonical.Unmarshal([]byte(a.Body), m, transaction.MaxSize); err != nil {
		c.fail(ctx, clientwire.Cause_CAUSE_ANSWER, "the federation's answer cannot be read; this program may be too old: "+err.Error())
		return false
	}
	return true
}

// orderClaim waits until the federation has agreed on the deposit's block.
func (c *carrier) orderClaim(ctx actor.Context) (purse.Order, bool) {
	claim := c.op.GetClaim()
	request := canonical.Marshal(&walletwire.BlockRequest{Height: claim.GetHeight()})
	a, ok := c.want(ctx, 0, "block", inquiry.Question{Module: wallet.Kind, Method: "block", Body: request})
	if !ok {
		return purse.Order{}, false
	}
	block := new(walletwire.Block)
	if a.Code == messages.RejectNotFound { // not agreed on yet; ask again in a while
		c.readings.Again(0)
		c.wait(ctx, fmt.Sprintf("the federation has not agreed on block %d yet", claim.GetHeight()))
		return purse.Order{}, false
	}
	if !c.understand(ctx, a, block) {
		return purse.Order{}, false
	}
	if string(block.GetHash()) != string(claim.GetBlock()) {
		c.fail(ctx, clientwire.Cause_CAUSE_ANSWER, fmt.Sprintf("the federation has another block at height %d than your bitcoin node; the deposit is found again if it is in that one", claim.GetHeight()))
		return purse.Order{}, false
	}
	prices, ok := c.prices(ctx, 1)
	if !ok {
		return purse.Order{}, false
	}
	proof, err := pegin.Decode(c.w.Lock, claim.GetProof())
	if err != nil {
		panic(fmt.Sprintf("carrier: proof of operation %d: %v", c.id, err))
	}
	return purse.Order{Inputs: []purse.Extra{{
		Item:   transaction.Item{Kind: wallet.Kind, Body: proof.Bytes()},
		Amount: proof.Amount(), Fee: messages.Amount(prices.GetPegInFeeMsat()),
		Key: c.w.Ring.Deposit(claim.GetKeyIndex()),
	}}}, true
}

// wait notes what the operation waits for.
func (c *carrier) wait(ctx actor.Context, text string) {
	if c.op.GetText() != text {
		c.op.Text = text
		c.commit(ctx)
	}
}

// orderWithdrawal asks for a quote; the fee that it names is what the user agreed
// to, or within his limit.
func (c *carrier) orderWithdrawal(ctx actor.Context) (purse.Order, bool) {
	w := c.op.GetWithdrawal()
	prices, ok := c.prices(ctx, 0)
	if !ok {
		return purse.Order{}, false
	}
	request := canonical.Marshal(&walletwire.QuoteRequest{Address: w.GetAddress(), Sats: w.GetSats()})
	a, ok := c.want(ctx, 1, "quote", inquiry.Question{Module: wallet.Kind, Method: "quote", Body: request})
	if !ok {
		return purse.Order{}, false
	}
	quote := new(walletwire.Quote)
	if !c.understand(ctx, a, quote) {
		return purse.Order{}, false
	}
	if code := quote.GetReasonCode(); code != 0 {
		c.op.Code = code
		c.fail(ctx, clientwire.Cause_CAUSE_REJECTED, quote.GetReason())
		return purse.Order{}, false
	}
	w.MaxFeeSats = quote.GetMaxFeeSats()
	if limit := w.GetLimitSats(); limit > 0 {
		if quote.GetFeeSats() > limit {
			c.fail(ctx, clientwire.Cause_CAUSE_LIMIT, fmt.Sprintf("the bitcoin fee is %d sat now, above your limit of %d sat", quote.GetFeeSats(), limit))
			return purse.Order{}, false
		}
		w.MaxFeeSats = min(w.GetMaxFeeSats(), limit)
	}
	amount, err1 := messages.FromSat(w.GetSats())
	fee, err2 := messages.FromSat(w.GetMaxFeeSats())
	total, err3 := amount.Add(fee)
	if err := errors.Join(err1, err2, err3); err != nil {
		c.fail(ctx, clientwire.Cause_CAUSE_LIMIT, err.Error())
		return purse.Order{}, false
	}
	return purse.Order{Fund: true, Outputs: []purse.Extra{{
		Item: withdrawal(w), Amount: total, Fee: messages.Amount(prices.GetPegOutFeeMsat()),
	}}}, true
}
