package market

import (
	"fmt"

	"minimint/actors/client/clientwire"
	"minimint/sim/market/gateways"
)

// Tally counts what came of people's wishes.
func (m *Market) Tally() string {
	var paid, refunded, unpaid, received, expired int
	for _, x := range m.people {
		for _, op := range x.Operations() {
			done, failed := op.GetState() == clientwire.State_STATE_DONE, op.GetState() == clientwire.State_STATE_FAILED
			switch op.GetKind() {
			case clientwire.Kind_KIND_PAY:
				switch {
				case done:
					paid++
				case failed && op.GetCause() == clientwire.Cause_CAUSE_REFUNDED:
					refunded++
				case failed:
					unpaid++
				}
			case clientwire.Kind_KIND_INVOICE:
				switch {
				case done:
					received++
				case failed:
					expired++
				}
			default:
			}
		}
	}
	return fmt.Sprintf("%d bargains, %d swindles; %d invoices paid, %d refunded, %d not begun; %d received, %d not", len(m.bargains), len(m.swindles), paid, refunded, unpaid, received, expired)
}

// String says what there is, and what was done.
func (m *Market) String() (text string) {
	for _, p := range m.Processes() {
		sure, doubtful := p.Holdings()
		text += fmt.Sprintf("%s: %d msat, and %d that may be spent\n%s", p.Name, sure, doubtful, p.Records.String())
	}
	for _, b := range m.bargains {
		status, _ := m.contract(b.id)
		text += fmt.Sprintf("bargain %d (%s): %s\n", b.number, b.plan, status.State)
	}
	for _, s := range m.swindles {
		status, _ := m.contract(s.id)
		text += fmt.Sprintf("swindle %d (%s): %s\n", s.number, s.trick, status.State)
	}
	for _, g := range m.network.Gateways {
		text += fmt.Sprintf("%s has %+d msat in its channels\n", g.Name, int64(g.Node.Balance())-int64(gateways.Wealth))
	}
	return text
}
