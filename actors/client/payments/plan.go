package payments

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/listings"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// plan decides how to pay.
func (p *payer) plan(ctx actor.Context, l listings.List) {
	switch _, err := bargain.Read(p.pay().GetInvoice(), p.w.Network, p.w.Now()); {
	case errors.Is(err, bargain.ErrExpired):
		p.fail(ctx, clientwire.Cause_CAUSE_EXPIRED, err.Error())
		return
	case err != nil:
		p.fail(ctx, clientwire.Cause_CAUSE_INVOICE, err.Error())
		return
	case l.Err != nil:
		p.pause = retryTicks
		p.say(ctx, "%v", l.Err)
		return
	}
	var tried [][]byte
	bought := false
	p.w.View(func(r storage.Reader) { tried, bought = Tried(r, p.op) })
	if behind := bargain.Behind(p.invoice, l.Gateways); len(behind) > 0 && !bought {
		p.search = &search{gateways: behind[:min(len(behind), maxSearched)], list: l, avoid: tried}
		p.seek(ctx)
		return
	}
	p.agree(ctx, l, tried)
}

// agree chooses a gateway and writes down the contract with it.
func (p *payer) agree(ctx actor.Context, l listings.List, avoid [][]byte) {
	wish := bargain.Wish{
		Amount: p.invoice.Amount, MaxFee: messages.Amount(p.pay().GetMaxFeeMsat()), Only: p.pay().GetGateway(), Avoid: avoid, Claim: p.w.Lightning.Fees.Claim,
	}
	choice, err := bargain.ToSend(l.Gateways, wish)
	if err == nil && p.w.Gateways == nil {
		err = fmt.Errorf("%w: this program cannot reach any", bargain.ErrGateway)
	}
	if err == nil {
		_, err = bargain.Contract(p.invoice, choice, l.Height, [32]byte{})
	}
	if err != nil {
		p.fail(ctx, causeOf(err), err.Error())
		return
	}
	pay := p.pay()
	p.op.Text = ""
	pay.Step, pay.GatewayFeeMsat, pay.Listing = clientwire.PayStep_PAY_STEP_FUND, uint64(choice.Fee), canonical.Marshal(choice.Listing.Wire())
	p.commit(ctx, func(tx storage.Tx) {
		pay.KeyIndex = book.TakeContractIndex(tx)
		o, _ := bargain.Contract(p.invoice, choice, l.Height, p.userKey()) // as before
		pay.Outgoing, pay.Expiry = canonical.Marshal(o.Wire()), o.Expiry
	})
	p.fund(ctx)
}

func causeOf(err error) clientwire.Cause {
	switch {
	case errors.Is(err, bargain.ErrFee):
		return clientwire.Cause_CAUSE_LIMIT
	case errors.Is(err, bargain.ErrGateway):
		return clientwire.Cause_CAUSE_GATEWAY
	case errors.Is(err, bargain.ErrExpired):
		return clientwire.Cause_CAUSE_EXPIRED
	default:
		return clientwire.Cause_CAUSE_INVOICE
	}
}

// userKey is the key that takes the money back.
func (p *payer) userKey() [32]byte { return keys.XOnly(p.w.Ring.Contract(p.pay().GetKeyIndex())) }

// contractID is that of the contract that was chosen.
func (p *payer) contractID() terms.ID {
	if p.pay().GetOffer() != nil {
		return readOffer(p.pay().GetOffer()).ID(p.w.Federation.ID())
	}
	return readOutgoing(p.pay().GetOutgoing()).ID(p.w.Federation.ID())
}

// fund begins to pay into the contract.
func (p *payer) fund(ctx actor.Context) {
	pay := p.pay()
	part := &clientwire.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: p.fundReference(), Fund: new(clientwire.Fund)}
	add := func(amount messages.Amount, out terms.Output) {
		part.AmountMsat += uint64(amount)
		part.Fund.Outputs = append(part.Fund.Outputs, &clientwire.Piece{Body: out.Encode(), AmountMsat: uint64(amount)})
	}
	if pay.GetOffer() != nil {
		o := readOffer(pay.GetOffer())
		if !pay.GetAnnounced() {
			add(0, terms.Output{Offer: &o})
		}
		add(o.Amount, terms.Output{Purchase: &terms.Purchase{Offer: o.ID(p.w.Federation.ID()), RefundKey: p.userKey()}})
	} else {
		o := readOutgoing(pay.GetOutgoing())
		add(o.Amount, terms.Output{Outgoing: &o})
	}
	p.begin(ctx, part)
}

func (p *payer) fundReference() string {
	if p.pay().GetAnnounced() {
		return p.reference("buy")
	}
	return p.reference("fund")
}
