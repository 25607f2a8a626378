package market

import (
	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/sim/market/gateways"
	"minimint/sim/market/process"
)

// payments checks what became of invoices.
func (a *auditor) payments() {
	m := a.market
	paid := map[messages.Digest]int{} // by people, who have the proof
	asked := map[messages.Digest]*client.Operation{}
	for _, x := range m.people {
		for _, op := range x.Operations() {
			if hash, ok := messages.DigestFrom(op.GetInvoice().GetPaymentHash()); ok {
				asked[hash] = op
			}
		}
	}
	for _, x := range m.people {
		for _, op := range x.Operations() {
			if op.GetKind() == clientwire.Kind_KIND_PAY && op.GetState() == clientwire.State_STATE_DONE {
				hash := messages.Digest(op.GetPay().GetPaymentHash())
				paid[hash]++
				if !terms.Reveals(op.GetPay().GetPreimage(), hash) {
					a.violate("payments", "%s believes in payment %d without its preimage", x.Name, op.GetId())
				}
				if !m.network.Shop.Paid(hash) && asked[hash].GetState() != clientwire.State_STATE_DONE {
					a.violate("payments", "%s has paid invoice %s with operation %d, and nobody has got it", x.Name, hash, op.GetId())
				}
			}
		}
	}
	for _, inv := range m.network.Visits {
		p, err := m.network.Shop.Payment(process.Over(), inv.Hash)
		if err != nil {
			a.violate("payments", "the shop's payment %s: %v", inv.Hash, err)
		}
		if p.State == lnnode.Succeeded {
			paid[inv.Hash]++
		}
		if p.State == lnnode.InFlight {
			a.violate("payments", "the shop's payment %s is still in flight", inv.Hash)
		}
	}
	for hash, op := range asked { // the order does not matter: it says which
		if done := op.GetState() == clientwire.State_STATE_DONE; done != (paid[hash] > 0) {
			a.violate("payments", "invoice %s is %s: %s; it was paid %d times", hash, op.GetState(), op.GetText(), paid[hash])
		}
	}
	if m.network.Honest() {
		a.refunds(paid)
	}
	for _, text := range m.network.Check() {
		a.violate("lightning", "%s", text)
	}
}

// refunds checks that what was paid on nobody's behalf was not paid: where no gateway
// gives money away, whoever has its money back has no proof, and nobody else either.
func (a *auditor) refunds(paid map[messages.Digest]int) {
	for _, x := range a.market.people {
		for _, op := range x.Operations() {
			hash, ok := messages.DigestFrom(op.GetPay().GetPaymentHash())
			if ok && op.GetState() == clientwire.State_STATE_FAILED && paid[hash] == 0 && a.market.network.Shop.Paid(hash) {
				a.violate("payments", "%s has its money back for payment %d, which was made: %s", x.Name, op.GetId(), op.GetText())
			}
		}
	}
}

// gateway checks that a gateway has not lost: what it has in e-cash and in its channels
// is at least what it began with, less what it pays the federation for being listed and
// for offers that were worthless.
func (a *auditor) gateway(g *gateways.Gateway) {
	sum := int64(g.Node.Balance()) - int64(gateways.Wealth)
	for _, op := range g.Operations() {
		if op.GetKind() != clientwire.Kind_KIND_CLAIM {
			sum += process.Change(op)
		}
		if op.GetKind() == clientwire.Kind_KIND_FUND {
			sum += int64(op.GetFeeMsat())
		}
	}
	if sum < 0 && g.Twist.Name == "" {
		a.violate("gateways", "%s has %d msat less than it should\n%s", g.Name, -sum, g.Records.String())
	}
}
