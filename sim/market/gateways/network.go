// Package gateways is the Lightning side of a simulated market: gateways that ship, on
// processes of their own, some of them faulty; their Lightning nodes; a shop outside that
// makes and pays invoices; and the way of messages between clients and gateways, on which
// they take their time and get lost.
//
//	n := gateways.New(gateways.Config{World: w, Random: random, Module: lightning, Count: 2, First: 1000})
//	invoice := n.Shop.Invoice(amount, n.Preimage(), n.Now())
//	n.Visit(text)                 // the shop pays somebody's invoice
//	n.Ask(p, api, request, done)  // as the client of a process does
package gateways

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/canonical"
	"minimint/sim/market/process"
	"minimint/sim/sched"
	"minimint/sim/world"
)

// A Network is gateways and the Lightning network beside the federation: a shop that
// nobody at the market owns, and the nodes of gateways.
type Network struct {
	*fake.Network
	Shop     *fake.Node
	Visits   []bolt11.Invoice // that the shop pays
	Gateways []*Gateway

	cfg  Config
	held []heldPayment
	calm bool
	// latecomers are invoices that the shop will pay.
	latecomers []latecomer
}

// Config says what a network is.
type Config struct {
	World  *world.World
	Random *rand.Rand
	Module *lightning.Module
	// Count is how many gateways there are, First the number of the first one's machine.
	// Twists make some of them faulty, by number.
	Count, First int
	Twists       []Twist
	// Trouble is the share of calls to Lightning nodes that go wrong in one way or
	// another, Loss that of messages between clients and gateways that get lost.
	Trouble, Loss float64
	// Log makes the logger of a process; nil discards. Optional.
	Log func(name string) *slog.Logger
}

// heldPayment is one that is in flight until somebody resolves it.
type heldPayment struct {
	node *fake.Node
	hash messages.Digest
}

// Wealth is what every Lightning node begins with.
const Wealth = 10_000_000_000 * messages.Amount(1)

// birth is the time at virtual time zero, by which invoices are dated: that of the
// simulated clocks.
var birth = time.Unix(1_700_000_000, 0).UTC()

// New makes a network whose gateways do not run yet.
func New(cfg Config) *Network {
	n := &Network{Network: fake.New(&chaincfg.SimNetParams, cfg.World.Chain().Height()), cfg: cfg}
	n.Shop = n.Node("shop", Wealth)
	for i := range cfg.Count {
		n.Gateways = append(n.Gateways, newGateway(n, i))
	}
	return n
}

// at is the gateway with an address, nil if there is none.
func (n *Network) at(api string) *Gateway {
	for _, g := range n.Gateways {
		if g.API == api {
			return g
		}
	}
	return nil
}

// Honest reports whether no gateway is faulty.
func (n *Network) Honest() bool {
	return !slices.ContainsFunc(n.Gateways, func(g *Gateway) bool { return g.Twist.Name != "" })
}

// node adds the node of a gateway, whose calls go wrong as often as the configuration
// says.
func (n *Network) node(name string) *fake.Node {
	node := n.Node(name, Wealth)
	node.Plan = func(method string, hash messages.Digest) fake.Course {
		var c fake.Course
		if n.calm {
			return c
		}
		dice := func() bool { return n.cfg.Random.Float64() < n.cfg.Trouble }
		switch {
		case dice():
			c.Before = lnnode.ErrOffline
		case dice():
			c.After = lnnode.ErrOffline
		}
		if method == "Pay" && dice() {
			c.Hold = true
			n.held = append(n.held, heldPayment{node, hash})
			n.cfg.World.After(time.Duration(n.cfg.Random.ExpFloat64()*float64(5*time.Second)), func() { n.resolve(node, hash) })
		}
		if dice() {
			c.Notices = 1 + n.cfg.Random.IntN(3)
		}
		return c
	}
	return node
}

// resolve ends a payment that was held, well or badly.
func (n *Network) resolve(node *fake.Node, hash messages.Digest) {
	reason := ""
	if n.cfg.Random.IntN(2) == 0 {
		reason = "no route held"
	}
	node.Resolve(hash, reason) // nothing happens the second time
}

// Rest has the network do nothing but what it is asked for from now on.
func (n *Network) Rest() {
	n.calm = true
	for _, h := range n.held {
		n.resolve(h.node, h.hash)
	}
	n.held = nil
}

// Now is the time by which invoices are dated.
func (n *Network) Now() time.Time { return birth.Add(n.cfg.World.Now()) }

// Preimage draws one.
func (n *Network) Preimage() (p lnnode.Preimage) {
	if _, err := sched.Reader(n.cfg.Random).Read(p[:]); err != nil {
		panic("gateways: " + err.Error())
	}
	return p
}

// Pending lists the shop's payments that are in flight.
func (n *Network) Pending() (list []string) {
	for _, inv := range n.Visits {
		if p, err := n.Shop.Payment(process.Over(), inv.Hash); err == nil && p.State == lnnode.InFlight {
			list = append(list, "the shop's payment "+inv.Hash.String())
		}
	}
	return list
}

// A latecomer is an invoice that the shop pays when its offer is about to end.
type latecomer struct {
	text   string
	height uint32
}

// Late has the shop pay an invoice at the last moment, or a little after it.
func (n *Network) Late(text string, op *client.Operation) {
	offer := new(lightningwire.Offer)
	if err := canonical.Unmarshal(op.GetInvoice().GetOffer(), offer, maxOffer); err != nil {
		panic(fmt.Sprintf("gateways: offer: %v", err))
	}
	n.latecomers = append(n.latecomers, latecomer{text, offer.GetExpiry() + 2 - n.cfg.Random.Uint32N(8)})
}

// maxOffer bounds an encoded offer.
const maxOffer = 1024

// Hurry pays what must be paid at an agreed height.
func (n *Network) Hurry(height uint32) {
	n.latecomers = slices.DeleteFunc(n.latecomers, func(l latecomer) bool {
		if height < l.height {
			return false
		}
		n.Visit(l.text)
		return true
	})
}

// Visit has the shop pay an invoice.
func (n *Network) Visit(text string) {
	inv, err := bolt11.Read(text, &chaincfg.SimNetParams)
	if err != nil {
		n.cfg.World.Violate("health", "an invoice cannot be read: %v", err)
		return
	}
	n.Visits = append(n.Visits, inv)
	n.Shop.Send(inv)
}

// Seal encrypts for the members what an offer says to be its preimage; it may be
// anything, unlike with terms.Seal.
func (n *Network) Seal(offer terms.Offer, hidden [terms.PreimageSize]byte) []byte {
	to := n.cfg.Module.Seal()
	offer.Ciphertext = nil
	label := domain.Hash(domain.Label, to.Federation[:], []byte("lightning offer"), canonical.Marshal(offer.Wire()))
	c, err := tenc.Encrypt(sched.Reader(n.cfg.Random), to.Keys, label[:], hidden[:])
	if err != nil {
		panic(fmt.Sprintf("gateways: offer: %v", err))
	}
	return c.Encode()
}
