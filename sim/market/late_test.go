package market

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
	"minimint/messages/wire"
	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/world"
)

// An invoice is paid while its maker is away, and its offer's end has long passed when
// he comes back. That he hears of the height before he hears of the payment does not
// cost him the money.
func TestPaidWhileAway(t *testing.T) {
	slow := false
	schedule := func(p network.Packet) time.Duration {
		for _, e := range p.Envelopes {
			r := new(wire.ClientRequest)
			if slow && proto.Unmarshal(e.GetPayload(), r) == nil && r.GetQuery().GetMethod() == "contract" {
				return 40 * time.Second
			}
		}
		return time.Millisecond
	}
	w := world.New(world.Config{Nodes: 1, Seed: 1, Market: true, Watch: check.All(), Network: network.Config{Schedule: schedule}})
	m := New(w, Config{People: 1, Gateways: 1, Habits: Habits{Pause: time.Second, Deposits: 1, Sats: 100_000, Patient: true}})
	x := m.people[0]
	ready := func() bool {
		op := x.Named("invoice/1")
		if op == nil && x.Up() && m.Listed() {
			x.asks = 0
			x.ask(5_000_000)
		}
		return op.GetInvoice().GetStep() == clientwire.InvoiceStep_INVOICE_STEP_WAIT
	}
	if !w.RunUntil(time.Minute, ready) {
		t.Fatalf("no invoice\n%s", m)
	}
	x.given[x.Named("invoice/1").GetId()] = true // to nobody but the shop
	x.Kill()
	m.network.Visit(x.Named("invoice/1").GetInvoice().GetText())
	w.Run(5 * time.Second)
	for range 20 {
		w.Chain().Mine(8)
		w.Run(time.Second)
	}
	slow = true
	x.Start()
	w.Run(20 * time.Second)
	slow = false
	w.Settle(2 * time.Minute)
	for _, v := range w.Violations() {
		t.Error(v)
	}
	if op := x.Named("invoice/1"); op.GetState() != clientwire.State_STATE_DONE {
		t.Errorf("the invoice is %s: %s", op.GetState(), op.GetText())
	}
}
