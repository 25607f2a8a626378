package payments

import (
	"fmt"
	"io"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/listings"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/timing"
	"minimint/storage"
)

// payee is the actor that carries one INVOICE.
//
//	accepts  listings.List from LnClient, orders.Begun, Ended and Answer from UserClient, Heard
//	         from the gateway, timing.Tick
//	sends    listings.Wanted, orders.Begin, Follow and Ask, requests to the gateway
//
// Nobody sees the invoice before a gateway has taken its offer: an invoice that nobody
// serves would make payers wait for a payment that cannot arrive.
type payee struct{ trade }

// How many gateways are tried, and blocks until an offer that was not bought is over.
const maxRefused, graceBlocks = 3, 3

// NewPayee returns the producer of the payee of a stored operation.
func NewPayee(w *World, id uint64) actor.Producer {
	return func() actor.Actor { return &payee{trade{w: w, id: id}} }
}

// Receive implements actor.Actor.
func (p *payee) Receive(ctx actor.Context) { p.receive(ctx, p.step, p.handle) }

func (p *payee) handle(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *timing.Tick:
		p.tick(ctx)
	case listings.List:
		p.listed(ctx, m)
	case orders.Ended:
		p.ended(ctx, m)
	case orders.Answer:
		if m.Key == lastQuestion {
			p.last(ctx, m)
		} else if s, ok := p.watched(ctx, m); ok {
			p.state(ctx, s)
		}
	case Heard:
		p.heard(ctx, m)
	}
}

func (p *payee) bill() *clientwire.Invoice { return p.op.GetInvoice() }

// step does what the record says comes next; it can be repeated.
func (p *payee) step(ctx actor.Context) {
	switch p.bill().GetStep() {
	case clientwire.InvoiceStep_INVOICE_STEP_PLAN:
		if p.w.Now().IsZero() { // an invoice says when it was made
			p.pause = 1
			return
		}
		ctx.Request(p.w.Ln, listings.Wanted{})
	case clientwire.InvoiceStep_INVOICE_STEP_REGISTER:
		p.register(ctx)
	case clientwire.InvoiceStep_INVOICE_STEP_WAIT:
		p.watch(ctx, p.offer().ID(p.w.Federation.ID()))
	case clientwire.InvoiceStep_INVOICE_STEP_CLAIM:
		p.watch(ctx, p.offer().ID(p.w.Federation.ID()))
		p.begin(ctx, p.claimPart())
	}
}

func (p *payee) tick(ctx actor.Context) {
	step, gateway := p.trade.tick(ctx)
	if step {
		p.step(ctx)
	}
	switch p.bill().GetStep() {
	case clientwire.InvoiceStep_INVOICE_STEP_REGISTER:
		if gateway {
			p.register(ctx)
		}
	case clientwire.InvoiceStep_INVOICE_STEP_WAIT:
		p.askHeight(ctx)
	default:
	}
}

// listed plans the receipt, or sees whether its offer has expired.
func (p *payee) listed(ctx actor.Context, l listings.List) {
	p.height = max(p.height, l.Height)
	switch p.bill().GetStep() {
	case clientwire.InvoiceStep_INVOICE_STEP_PLAN:
		if l.Err != nil {
			p.pause = retryTicks
			p.say(ctx, "%v", l.Err)
			return
		}
		p.plan(ctx, l)
	case clientwire.InvoiceStep_INVOICE_STEP_WAIT:
		// One that was bought in time is not over, and members may lag.
		if p.waits() && uint64(p.height) >= uint64(p.offer().Expiry)+graceBlocks {
			ctx.Request(p.w.User, orders.Ask{
				Key: lastQuestion, Module: lightning.Kind, Method: "contract", Body: lightning.ContractRequest(p.contract),
			})
		}
	default:
	}
}

// lastQuestion asks for the contract once more when its offer has ended: that no news of
// a purchase has come, over links of its own, does not mean that there is none.
const lastQuestion = "last"

// waits reports whether nothing is known of a purchase.
func (p *payee) waits() bool {
	return p.bill().GetStep() == clientwire.InvoiceStep_INVOICE_STEP_WAIT && (p.status == nil || p.status.State == stateOffered)
}

// last ends the operation if the offer was not bought before its end.
func (p *payee) last(ctx actor.Context, m orders.Answer) {
	unsold := m.Code == messages.RejectContractUnknown
	if m.Code == 0 {
		s, err := lightning.ReadStatus(p.w.Federation.ID(), p.contract, []byte(m.Body))
		unsold = err == nil && s.State == stateOffered
	}
	if unsold && p.waits() {
		p.fail(ctx, clientwire.Cause_CAUSE_EXPIRED, "nobody has paid it in time")
	}
}

// plan chooses a gateway, makes the secrets and writes everything down.
func (p *payee) plan(ctx actor.Context, l listings.List) {
	bill := p.bill()
	r := bargain.Receipt{
		Amount: messages.Amount(p.op.GetAmountMsat()), Description: bill.GetDescription(), Life: time.Duration(bill.GetLifeS()) * time.Second,
		Created: p.w.Now(), Height: l.Height, Claim: p.w.Lightning.Fees.Claim,
	}
	wish := bargain.Wish{Amount: r.Amount, Only: bill.GetGateway(), Avoid: bill.GetRefused(), Claim: r.Claim}
	choice, err := bargain.ToReceive(l.Gateways, wish)
	if err == nil {
		err = r.Check()
	}
	if err == nil && p.w.Gateways == nil {
		err = fmt.Errorf("%w: this program cannot reach any", bargain.ErrGateway)
	}
	if err != nil {
		if p.op.Text == "" || len(bill.GetRefused()) == 0 { // otherwise it says who refused
			p.op.Text = err.Error()
		}
		p.fail(ctx, causeOf(err), p.op.GetText())
		return
	}
	p.commit(ctx, func(tx storage.Tx) { p.draw(tx, r, choice) })
	p.register(ctx)
}

// draw makes preimage, claim key, payment secret and the key that signs the invoice.
// None has to do with another: the preimage is for everybody to see in the end, and
// whoever knows one of them knows nothing of the others (H75).
func (p *payee) draw(tx storage.Tx, r bargain.Receipt, c bargain.Choice) {
	var preimage, secret, node [32]byte
	for _, b := range []*[32]byte{&preimage, &secret, &node} {
		if _, err := io.ReadFull(p.w.Rand, b[:]); err != nil {
			panic(fmt.Sprintf("payments: randomness: %v", err))
		}
	}
	bill := p.bill()
	bill.KeyIndex = book.TakeContractIndex(tx)
	o, err := terms.Seal(p.w.Rand, p.w.Lightning.Seal, terms.Offer{
		Amount: r.Amount, ClaimKey: keys.XOnly(p.w.Ring.Contract(bill.GetKeyIndex())), Expiry: r.Expiry(),
	}, preimage)
	if err != nil {
		panic(fmt.Sprintf("payments: %v", err))
	}
	key, _ := btcec.PrivKeyFromBytes(node[:])
	invoice := r.Invoice(o, c.Gateway, secret, p.w.Network, key)
	bill.Step, bill.Text, bill.Preimage, bill.PaymentHash = clientwire.InvoiceStep_INVOICE_STEP_REGISTER, invoice.Text, preimage[:], o.PaymentHash[:]
	bill.Listing, bill.Offer = canonical.Marshal(c.Listing.Wire()), canonical.Marshal(o.Wire())
	book.PutInvoice(tx, o.PaymentHash, p.id)
}

func (p *payee) offer() terms.Offer { return readOffer(p.bill().GetOffer()) }

// register tells the gateway of the offer, which it need not think about.
func (p *payee) register(ctx actor.Context) {
	federation := p.w.Federation.ID()
	p.ask(ctx, readListing(p.bill().GetListing()).API, &talk.Request{Federation: federation[:], Request: &talkwire.Request_Register{
		Register: &talkwire.Register{Offer: p.offer().Wire()},
	}}, 0)
}

// heard takes the gateway's answer. One that does not take the offer is not asked
// again: there may be others.
func (p *payee) heard(ctx actor.Context, m Heard) {
	if !p.trade.heard(m) || p.bill().GetStep() != clientwire.InvoiceStep_INVOICE_STEP_REGISTER {
		return
	}
	gateway := nameOf(readListing(p.bill().GetListing()).Gateway)
	if m.Err != nil {
		p.failed(ctx, false, fmt.Sprintf("%s does not answer (%s)", gateway, m.reason()))
		return
	}
	switch r := m.Reply.GetReply().(type) {
	case *talkwire.Reply_Registered:
		p.bill().Step, p.op.Text = clientwire.InvoiceStep_INVOICE_STEP_WAIT, ""
		p.commit(ctx)
		p.step(ctx)
	case *talkwire.Reply_Refusal:
		p.failed(ctx, !passing(r.Refusal), fmt.Sprintf("%s refuses: %.200s", gateway, messages.Legible(r.Refusal.GetText())))
	default:
		p.report(ctx, "%s: reply of the wrong kind", gateway)
		p.failed(ctx, true, gateway+" makes no sense")
	}
}

// passing reports whether a refusal may be over in a moment: that of a gateway which is busy,
// or begins. Limits, terms and what is registered may change too, but a user does not wait for it.
func passing(r *talkwire.Refusal) bool {
	code := messages.RejectionCode(r.GetCode())
	return !r.GetFinal() && (code == messages.RejectBusy || code == messages.RejectWrongFederation)
}

// failed asks again, or goes to another gateway: nobody has seen the invoice.
func (p *payee) failed(ctx actor.Context, final bool, text string) {
	if p.later(); !final && p.failures < 4 {
		p.say(ctx, "%s", text)
		return
	}
	bill := p.bill()
	p.op.Text = text
	if len(bill.GetGateway()) > 0 || len(bill.GetRefused())+1 >= maxRefused {
		p.fail(ctx, clientwire.Cause_CAUSE_GATEWAY, text)
		return
	}
	key := readListing(bill.GetListing()).Key
	bill.Refused = append(bill.Refused, key[:])
	bill.Step, bill.Text, bill.Listing, bill.Offer = clientwire.InvoiceStep_INVOICE_STEP_PLAN, "", nil, nil
	p.failures, p.wait = 0, 0
	p.commit(ctx)
	p.step(ctx)
}

// state acts on what became of the offer.
func (p *payee) state(ctx actor.Context, s lightning.Status) {
	switch s.State {
	case stateDecrypting:
		p.say(ctx, "it is being paid")
	case stateValid:
		p.bill().Step = clientwire.InvoiceStep_INVOICE_STEP_CLAIM
		p.commit(ctx) // first: a claim that nobody follows could be over when this is read again
		p.begin(ctx, p.claimPart())
	case stateInvalid, stateRefunded:
		p.fail(ctx, clientwire.Cause_CAUSE_ANSWER, "the federation could not open the preimage; whoever wanted to pay has the money back")
	case stateClaimed:
		if part := p.part(p.reference("claim")); part.GetState() == clientwire.State_STATE_FAILED || part == nil {
			p.fail(ctx, clientwire.Cause_CAUSE_REJECTED, "another device with the same words has taken the money")
		}
	default:
	}
}

// claimPart is the part that takes the money.
func (p *payee) claimPart() *clientwire.Operation {
	o := p.offer()
	in := terms.Input{Contract: o.ID(p.w.Federation.ID()), Way: terms.Claim, Key: o.ClaimKey}
	return p.redeem(p.reference("claim"), in, uint64(o.Amount), p.bill().GetKeyIndex())
}

// ended takes the end of the claim.
func (p *payee) ended(ctx actor.Context, m orders.Ended) {
	switch {
	case m.Parked:
		p.w.Log.Warn("a part of a receipt has stopped")
		ctx.Stop(ctx.Self())
	case m.Op.GetState() == clientwire.State_STATE_DONE:
		p.bill().Claim, p.op.FeeMsat, p.op.Text = m.ID, m.Op.GetFeeMsat(), ""
		p.end(ctx, clientwire.State_STATE_DONE)
	default:
		p.bill().Claim, p.op.Code = m.ID, m.Op.GetCode()
		p.fail(ctx, m.Op.GetCause(), "it was paid, and the money could not be taken: "+m.Op.GetText())
	}
}
