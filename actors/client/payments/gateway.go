package payments

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

func (p *payer) askGateway(ctx actor.Context) {
	request, err := talk.Pay(p.w.Federation.ID(), p.contractID(), p.invoice.Text, p.w.Ring.Contract(p.pay().GetKeyIndex()))
	if err != nil {
		panic(fmt.Sprintf("payments: operation %d: %v", p.id, err))
	}
	p.ask(ctx, readListing(p.pay().GetListing()).API, request, talk.MaxWait)
}

// heard takes what the gateway says. Only a preimage and a forfeit count, and both are
// checked.
func (p *payer) heard(ctx actor.Context, m Heard) {
	if p.search != nil {
		p.found(ctx, m)
		return
	}
	quick := p.open <= 1 // no tick has passed since it was asked
	if !p.trade.heard(m) {
		return
	}
	if p.pay().GetStep() != clientwire.PayStep_PAY_STEP_WAIT {
		return
	}
	gateway := nameOf(readListing(p.pay().GetListing()).Gateway)
	if m.Err != nil {
		p.later()
		p.say(ctx, "%s does not answer (%s); the money comes back at height %d at the latest", gateway, m.reason(), p.pay().GetExpiry())
		return
	}
	switch r := m.Reply.GetReply().(type) {
	case *talkwire.Reply_Paid:
		if p.paid(ctx, r.Paid.GetPreimage()) {
			return
		}
		p.report(ctx, "%s: says that it has paid, with a wrong preimage", gateway)
		p.later()
	case *talkwire.Reply_Forfeit:
		p.forfeited(ctx, r.Forfeit, gateway)
	case *talkwire.Reply_Pending:
		p.failures = 0
		p.say(ctx, "%s is paying: %.200s", gateway, messages.Legible(r.Pending.GetText()))
		if p.wait = 1; !quick {
			p.askGateway(ctx)
		}
	case *talkwire.Reply_Refusal:
		if p.later(); r.Refusal.GetFinal() {
			p.wait = longestPause
		}
		p.say(ctx, "%s refuses: %.200s; the money comes back at height %d at the latest", gateway, messages.Legible(r.Refusal.GetText()), p.pay().GetExpiry())
	default:
		p.report(ctx, "%s: reply of the wrong kind", gateway)
		p.later()
	}
}

// forfeited takes the money back at once if the gateway has really given it up.
func (p *payer) forfeited(ctx actor.Context, m *talkwire.Forfeit, gateway string) {
	f := terms.Forfeit{Gateway: [32]byte(m.GetGateway()), Signature: [64]byte(m.GetSignature())}
	if f.Gateway != readOutgoing(p.pay().GetOutgoing()).GatewayKey || f.Verify(p.w.Federation.ID(), p.contractID()) != nil {
		p.report(ctx, "%s: a forfeit that is not signed by it", gateway)
		p.later()
		return
	}
	p.pay().Forfeit = m.GetSignature()
	p.refund(ctx, fmt.Sprintf("%s could not pay it: %.300s", gateway, messages.Legible(m.GetReason())))
}
