package carrier

import (
	"errors"
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
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
	"minimint/messages/wire"
)

// reading is one question whose answer f+1 members must give alike. States move
// on while members answer, so that one that gives another answer may only be
// early or late; it is asked again, and named if it differs a second time.
type reading struct {
	name    string // for reports
	request *wire.ClientRequest
	poll    *quorum.Poll
	answer  *quorum.Answer
	ticks   int // since it was asked
	// suspects differed in the first round; second says that they were asked again.
	suspects []messages.PeerID
	second   bool
}

// readingTicks is how long an unsettled reading waits until it is asked anew:
// the members' states may have differed.
const readingTicks = 4

// queryOf is a question to a module.
func queryOf(kind messages.ModuleKind, method string, body []byte) *wire.ClientRequest {
	return &wire.ClientRequest{Request: &wire.ClientRequest_Query{
		Query: &wire.Query{Module: string(kind), Method: method, Body: body},
	}}
}

// want returns the certified answer to reading i; if there is none yet it sees to
// it that the question is asked.
func (c *carrier) want(ctx actor.Context, i int, name string, request *wire.ClientRequest) (quorum.Answer, bool) {
	if i == len(c.readings) {
		c.dial(ctx)
		c.readings = append(c.readings, &reading{name: name, request: request})
		c.put(ctx, i)
	}
	if a := c.readings[i].answer; a != nil {
		return *a, true
	}
	return quorum.Answer{}, false
}

func (c *carrier) put(ctx actor.Context, i int) {
	r := c.readings[i]
	r.poll, r.ticks = quorum.NewPoll(c.w.Group), 0
	for _, l := range c.talk {
		ctx.Send(l, lines.Ask{Key: readingKey + i, Request: r.request})
	}
}

// read puts questions again that got no certified answer in time, or one that
// some members did not give.
func (c *carrier) read(ctx actor.Context) {
	for i, r := range c.readings {
		r.ticks++
		switch {
		case r.answer == nil && r.ticks >= readingTicks && r.poll.Answered() >= c.w.Group.N-c.w.Group.F:
			c.put(ctx, i)
		case r.answer != nil && r.suspects != nil && !r.second:
			r.second = true
			c.put(ctx, i)
		}
	}
}

func (c *carrier) readingHeard(ctx actor.Context, m lines.Heard) {
	i := m.Key - readingKey
	if i >= len(c.readings) {
		return
	}
	r := c.readings[i]
	answer, ok := answerOf(m.Reply)
	if !ok {
		c.report(ctx, m.Peer, "reply of the wrong kind")
		return
	}
	r.poll.Answer(m.Peer, answer)
	result, ok := r.poll.Result()
	if !ok {
		return
	}
	for _, p := range r.poll.Dissenters() {
		switch {
		case !r.second && !slices.Contains(r.suspects, p):
			r.suspects = append(r.suspects, p)
		case r.second && slices.Contains(r.suspects, p):
			c.report(ctx, p, fmt.Sprintf("another answer to %q than others give (it lags or lies)", r.name))
		}
	}
	if r.answer == nil {
		r.answer = &result
		c.advance(ctx)
	}
	c.leave(ctx)
}

// suspecting reports whether members that can be reached have not answered a
// reading, or its suspects not a second time.
func (c *carrier) suspecting() bool {
	return slices.ContainsFunc(c.readings, func(r *reading) bool {
		if r.suspects != nil && !r.second {
			return true
		}
		for peer, down := range c.down {
			if !down && !r.poll.Has(messages.PeerID(peer)) {
				return true
			}
		}
		return false
	})
}

// answerOf reads the reply to a query.
func answerOf(m *wire.ClientReply) (quorum.Answer, bool) {
	switch r := m.GetReply().(type) {
	case *wire.ClientReply_Answer:
		return quorum.Answer{Body: string(r.Answer.GetBody())}, true
	case *wire.ClientReply_Refusal:
		v := refusal(r.Refusal, true)
		return quorum.Answer{Code: v.Code, Final: v.Final, Text: v.Text}, true
	default:
		return quorum.Answer{}, false
	}
}

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
	a, ok := c.want(ctx, i, "wallet summary", queryOf(wallet.Kind, "summary", nil))
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
	a, ok := c.want(ctx, 0, "block", queryOf(wallet.Kind, "block", request))
	if !ok {
		return purse.Order{}, false
	}
	block := new(walletwire.Block)
	if a.Code == messages.RejectNotFound { // not agreed on yet; ask again in a while
		c.readings[0].answer = nil
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
	a, ok := c.want(ctx, 1, "quote", queryOf(wallet.Kind, "quote", request))
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
