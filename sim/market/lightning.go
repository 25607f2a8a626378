package market

import (
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/sim/sched"
)

// lightningNet is the Lightning network beside the federation: a shop that nobody at the
// market owns, which makes and pays invoices, and the nodes of gateways.
type lightningNet struct {
	*fake.Network
	market *Market
	shop   *fake.Node
	held   []heldPayment
	visits []bolt11.Invoice // that the shop pays
	calm   bool
	// latecomers are invoices that the shop will pay.
	latecomers []latecomer
}

// heldPayment is one that is in flight until somebody resolves it.
type heldPayment struct {
	node *fake.Node
	hash messages.Digest
}

// wealth is what every Lightning node begins with.
const wealth = 10_000_000_000 * messages.Amount(1)

// birth is the time at virtual time zero, by which invoices are dated: that of the
// simulated clocks.
var birth = time.Unix(1_700_000_000, 0).UTC()

func newNetwork(m *Market) *lightningNet {
	n := &lightningNet{Network: fake.New(&chaincfg.SimNetParams, m.world.Chain().Height()), market: m}
	n.shop = n.Node("shop", wealth)
	return n
}

// node adds the node of a gateway, whose calls go wrong as often as the configuration
// says.
func (n *lightningNet) node(name string) *fake.Node {
	node := n.Node(name, wealth)
	node.Plan = func(method string, hash messages.Digest) fake.Course {
		var c fake.Course
		if n.calm {
			return c
		}
		dice := func() bool { return n.market.random.Float64() < n.market.cfg.NodeTrouble }
		switch {
		case dice():
			c.Before = lnnode.ErrOffline
		case dice():
			c.After = lnnode.ErrOffline
		}
		if method == "Pay" && dice() {
			c.Hold = true
			n.held = append(n.held, heldPayment{node, hash})
			n.market.world.After(time.Duration(n.market.random.ExpFloat64()*float64(5*time.Second)), func() { n.resolve(node, hash) })
		}
		if dice() {
			c.Notices = 1 + n.market.random.IntN(3)
		}
		return c
	}
	return node
}

// resolve ends a payment that was held, well or badly.
func (n *lightningNet) resolve(node *fake.Node, hash messages.Digest) {
	reason := ""
	if n.market.random.IntN(2) == 0 {
		reason = "no route held"
	}
	node.Resolve(hash, reason) // nothing happens the second time
}

// rest has the network do nothing but what it is asked for from now on.
func (n *lightningNet) rest() {
	n.calm = true
	for _, h := range n.held {
		n.resolve(h.node, h.hash)
	}
	n.held = nil
}

// now is the time by which invoices are dated.
func (n *lightningNet) now() time.Time { return birth.Add(n.market.world.Now()) }

// preimage draws one.
func (n *lightningNet) preimage() (p lnnode.Preimage) {
	if _, err := sched.Reader(n.market.random).Read(p[:]); err != nil {
		panic("market: " + err.Error())
	}
	return p
}

// pending lists the shop's payments that are in flight.
func (n *lightningNet) pending() (list []string) {
	for _, inv := range n.visits {
		if p, err := n.shop.Payment(now(), inv.Hash); err == nil && p.State == lnnode.InFlight {
			list = append(list, "the shop's payment "+inv.Hash.String())
		}
	}
	return list
}
