package market

import (
	"fmt"
	"slices"

	"minimint/actors/client/clientwire"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/sim/market/process"
	"minimint/sim/world"
	"minimint/storage"
)

// auditor checks the rules of the package when all is quiet. It reads disks, and
// believes nobody.
type auditor struct {
	world.Ignore
	market *Market
}

// Quiet implements world.Observer.
func (a *auditor) Quiet() {
	var held int64
	for _, p := range a.market.Processes() {
		a.deposits(p)
		sure, doubtful := p.Holdings()
		held += sure + doubtful
		if booked := p.Worth(); booked != sure+doubtful {
			a.violate("books", "%s has %d msat, of which %d may be spent; by its records it should have %d\n%s", p.Name, sure+doubtful, doubtful, booked, p.Records.String())
		}
		if doubtful != 0 {
			a.violate("books", "%s has %d msat that may be spent", p.Name, doubtful)
		}
	}
	a.payments()
	for _, g := range a.market.network.Gateways {
		a.gateway(g)
	}
	for _, b := range a.market.bargains {
		a.bargain(b)
	}
	for _, s := range a.market.swindles {
		a.swindle(s)
	}
	for i := range a.market.world.Nodes() {
		if x := a.market.world.Node(i); x.Honest() {
			a.owed(i, x.Store(), held)
		}
	}
}

func (a *auditor) violate(rule, format string, args ...any) {
	a.market.world.Violate(rule, format, args...)
}

// owed compares what a member's state says that the modules owe with what there is.
func (a *auditor) owed(node int, s storage.Store, held int64) {
	snap, err := s.View()
	if err != nil {
		panic(fmt.Sprintf("market: state of node %d: %v", node, err))
	}
	defer snap.Release()
	_, lines := transition.Audit(snap)
	var notes, contracts int64
	for _, l := range lines {
		switch l.Module {
		case mint.Kind:
			notes += l.Totals.Liabilities
		case lightning.Kind:
			contracts += l.Totals.Liabilities
		}
	}
	if notes != held {
		a.violate("notes", "the mint of node %d owes %d msat, and all people have %d", node, notes, held)
	}
	if contracts != 0 {
		a.violate("contracts", "contracts at node %d hold %d msat", node, contracts)
	}
}

// deposits checks that what was paid to a client's addresses has arrived, once.
func (a *auditor) deposits(x *process.Process) {
	claimed := map[uint64]uint64{}
	for _, op := range x.Operations() {
		if op.GetKind() == clientwire.Kind_KIND_CLAIM && op.GetState() == clientwire.State_STATE_DONE {
			claimed[op.GetParent()] += op.GetAmountMsat()
		}
	}
	for _, op := range x.Operations() {
		if id := op.GetId(); claimed[id] != uint64(x.Paid[id])*uint64(messages.Sat) {
			a.violate("deposits", "%s paid %d sat to the address of operation %d, and has claimed %d msat", x.Name, x.Paid[id], id, claimed[id])
		}
	}
}

// bargain checks that a contract has ended as those who made it wanted, and that one of
// them has its money, once.
func (a *auditor) bargain(b *bargain) {
	status, ok := a.market.contract(b.id)
	if b.found(b.funder, "fund").GetState() != clientwire.State_STATE_DONE {
		if ok {
			a.violate("contracts", "bargain %d (%s) was not paid for and is %s", b.number, b.plan, status.State)
		}
		return
	}
	if ok && !slices.Contains(b.ends(), status.State) { // otherwise it was long ago, and is forgotten
		a.violate("contracts", "bargain %d (%s) is %s", b.number, b.plan, status.State)
	}
	taken := 0
	for _, way := range b.ways() {
		if b.found(b.taker(way), way.String()).GetState() == clientwire.State_STATE_DONE {
			taken++
		}
	}
	if taken != 1 {
		a.violate("contracts", "the money of bargain %d (%s) was taken %d times", b.number, b.plan, taken)
	}
}

// swindle checks that whoever tried to have a gateway pay for nothing has either his
// money or its, and not both.
func (a *auditor) swindle(s *swindle) {
	status, ok := a.market.contract(s.id)
	if !ok {
		return // it was never funded
	}
	back := 0
	for _, way := range []terms.Way{terms.Expired, terms.Forfeited} {
		if s.found(s.funder, way.String()).GetState() == clientwire.State_STATE_DONE {
			back++
		}
	}
	if claimed := status.State == lightningwire.State_STATE_CLAIMED; claimed == (back == 1) || back > 1 {
		a.violate("contracts", "swindle %d (%s) is %s, and its money was taken back %d times", s.number, s.trick, status.State, back)
	}
}
