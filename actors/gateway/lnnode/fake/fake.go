// Package fake is a Lightning network in memory, for tests and simulation: nodes that
// pay each other's invoices, one of them or more a gateway's [Node]. It starts no
// goroutine, reads no clock and draws nothing at random: what happens and when is the
// test's choice.
//
//	net := fake.New(&chaincfg.SimNetParams, 100)
//	gate, shop := net.Node("gate", 1e9), net.Node("shop", 1e9)
//	invoice := shop.Invoice(250_000, preimage)
//	gate.Pay(ctx, lnnode.Order{…})            // arrives at once, or:
//	gate.Plan = func(…) fake.Course {…}        // holds, fails, loses answers
//	id := shop.Send(invoice)                  // by gate's virtual channel: a forward
//
// Every node can reach every other one for [RouteFee]. A forward to a virtual channel
// waits at the node whose channel it is until that answers, or until the chain reaches its
// AutoFail. What belongs to a node's disk (payments, forwards, balances) survives
// [Node.Stop]; while a node is stopped, and after it, nothing of it is lost or decided.
//
// The network keeps books. [Network.Check] tells what nobody may ever see: money that
// came or went, a payment without preimage, an invoice paid twice.
package fake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/gateway/lnnode"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// RouteFee is what routing costs between any two nodes, lost to those on the way, and
// RouteDelay what it adds to the last hop's timelock, in blocks.
const (
	RouteFee   messages.Amount = 10
	RouteDelay uint32          = 40
)

// autoFail is how long before its timeout a forward is given up, in blocks.
const autoFail = 13

// A Network is the whole. Its methods and those of its nodes may be called from any
// goroutine.
type Network struct {
	params *chaincfg.Params

	mu       sync.Mutex
	height   uint32
	nodes    []*Node
	channels uint64 // of the newest incoming channel
	faults   []string
	lost     messages.Amount // fees that routing has cost
	total    messages.Amount
}

// New returns a network without nodes, on a chain of a height.
func New(params *chaincfg.Params, height uint32) *Network {
	return &Network{params: params, height: height}
}

// A Course is what happens to one call of a node's method.
type Course struct {
	// Before is the error of a call that does nothing, After that of one that does
	// all the same: the answer is lost.
	Before, After error
	// Hold leaves a payment that is begun in flight until Resolve.
	Hold bool
	// Notices is how often Watch's function is called too often.
	Notices int
}

// A Node of the network. It implements lnnode.Node.
type Node struct {
	// Plan chooses the course of every call, by the method's name and the hash that it
	// is about; nil is a good course each time. It is called with no lock held. Set
	// it before others use the node.
	Plan func(method string, hash messages.Digest) Course

	net  *Network
	name string
	key  *btcec.PrivateKey

	offline  bool
	unsynced bool
	balance  messages.Amount
	changed  func()
	payments []*payment
	invoices []*invoice
	forwards []*forward
}

// payment is one that a node makes.
type payment struct {
	lnnode.Payment
	hash    messages.Digest
	invoice bolt11.Invoice
	tries   int               // of Pay
	parts   []messages.Amount // that have not arrived; nil once they have
	locked  messages.Amount   // the payer's money, until the end
	extra   messages.Amount   // of that, what is not for the payee
	// waiting is how many forwards there are of it; taken what came of those that
	// were taken, and refused whether one was not.
	waiting int
	taken   messages.Amount
	refused bool
}

// invoice is one that a node has made.
type invoice struct {
	hash     messages.Digest
	amount   messages.Amount
	preimage lnnode.Preimage
	paid     int
}

// forward is an HTLC that waits at a node.
type forward struct {
	lnnode.Forward
	from *Node
	by   *payment
}

var _ lnnode.Node = (*Node)(nil)

// Node adds a node with a balance. Its key follows from its name.
func (n *Network) Node(name string, balance messages.Amount) *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	seed := sha256.Sum256([]byte(name))
	key, _ := btcec.PrivKeyFromBytes(seed[:])
	node := &Node{net: n, name: name, key: key, balance: balance, changed: func() {}}
	n.nodes = append(n.nodes, node)
	n.total += balance
	return node
}

// Key is the node's identity.
func (n *Node) Key() [33]byte { return [33]byte(n.key.PubKey().SerializeCompressed()) }

// Balance is what the node's channels can send.
func (n *Node) Balance() messages.Amount {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.balance
}

// Height is that of the chain.
func (n *Network) Height() uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.height
}

// Mine lets the chain grow. Forwards that reach their AutoFail are given up.
func (n *Network) Mine(blocks uint32) {
	n.mu.Lock()
	n.height += blocks
	var wake []func()
	for _, node := range n.nodes {
		wake = append(wake, node.expire()...)
	}
	n.mu.Unlock()
	call(wake)
}

// expire gives up what has waited too long.
func (n *Node) expire() []func() {
	var wake []func()
	for _, f := range append([]*forward(nil), n.forwards...) {
		if n.net.height >= f.AutoFail {
			wake = append(wake, n.resolve(f, nil)...)
		}
	}
	return wake
}

// Stop takes the node off the network, as a crash does; Start brings it back with all
// that it had. Meanwhile every call fails with ErrOffline.
func (n *Node) Stop() { n.power(true) }

// Start ends what Stop began.
func (n *Node) Start() { n.power(false) }

func (n *Node) power(offline bool) {
	n.net.mu.Lock()
	n.offline = offline
	fn := n.changed
	n.net.mu.Unlock()
	fn()
}

// Sync sets whether the node believes that it knows the newest block.
func (n *Node) Sync(synced bool) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.unsynced = !synced
}

// course begins a call: it returns with the lock held and the error of a call that is
// not to be carried out.
func (n *Node) course(method string, hash messages.Digest) (Course, error) {
	var c Course
	if n.Plan != nil {
		c = n.Plan(method, hash)
	}
	n.net.mu.Lock()
	if n.offline && c.Before == nil {
		c.Before = lnnode.ErrOffline
	}
	return c, c.Before
}

// end ends it: the lock is given back, and whoever watches is told.
func (n *Node) end(c Course, wake []func()) {
	for range c.Notices {
		wake = append(wake, n.changed)
	}
	n.net.mu.Unlock()
	call(wake)
}

func call(wake []func()) {
	for _, fn := range wake {
		fn()
	}
}

// Info implements lnnode.Node.
func (n *Node) Info(context.Context) (lnnode.Info, error) {
	c, err := n.course("Info", messages.Digest{})
	defer func() { n.end(c, nil) }()
	if err != nil {
		return lnnode.Info{}, err
	}
	return lnnode.Info{
		Key: n.Key(), Network: n.net.params.Name, Height: n.net.height, Synced: !n.unsynced, Local: n.balance, Remote: n.net.total - n.balance,
	}, c.After
}

// Pay implements lnnode.Node.
func (n *Node) Pay(_ context.Context, order lnnode.Order) error {
	c, err := n.course("Pay", order.Hash)
	var wake []func()
	defer func() { n.end(c, wake) }()
	if err != nil {
		return err
	}
	if p := n.payment(order.Hash); p != nil {
		p.tries++
		return c.After
	}
	inv, err := bolt11.Read(order.Invoice, n.net.params)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", lnnode.ErrRefused, err)
	case inv.Amount == 0 || inv.Hash != order.Hash:
		return fmt.Errorf("%w: no such invoice", lnnode.ErrRefused)
	case inv.Payee == n.Key():
		return fmt.Errorf("%w: it is to itself", lnnode.ErrRefused)
	}
	wake = n.begin(order, inv, c.Hold)
	return c.After
}

// begin writes a payment and carries it as far as it goes.
func (n *Node) begin(order lnnode.Order, inv bolt11.Invoice, hold bool) []func() {
	p := &payment{hash: inv.Hash, invoice: inv, tries: 1, parts: []messages.Amount{inv.Amount}}
	p.State = lnnode.InFlight
	n.payments = append(n.payments, p)
	if order.MaxFee < RouteFee+p.hopFee(inv.Amount) || order.MaxDelay < inv.FinalDelay+RouteDelay {
		return n.fail(p, "there is no route within the limits of fee and delay")
	}
	return n.leave(p, hold)
}

// Payment implements lnnode.Node.
func (n *Node) Payment(_ context.Context, hash messages.Digest) (lnnode.Payment, error) {
	c, err := n.course("Payment", hash)
	defer func() { n.end(c, nil) }()
	if err != nil {
		return lnnode.Payment{}, err
	}
	if p := n.payment(hash); p != nil {
		return p.Payment, c.After
	}
	return lnnode.Payment{}, c.After
}

func (n *Node) payment(hash messages.Digest) *payment {
	for _, p := range n.payments {
		if p.hash == hash {
			return p
		}
	}
	return nil
}

// Forwards implements lnnode.Node. The newest comes first: nobody may rely on an order.
func (n *Node) Forwards(context.Context) ([]lnnode.Forward, error) {
	c, err := n.course("Forwards", messages.Digest{})
	defer func() { n.end(c, nil) }()
	if err != nil {
		return nil, err
	}
	var out []lnnode.Forward
	for i := range n.forwards {
		out = append(out, n.forwards[len(n.forwards)-1-i].Forward)
	}
	return out, c.After
}

// Answer implements lnnode.Node.
func (n *Node) Answer(_ context.Context, at lnnode.Circuit, preimage *lnnode.Preimage) error {
	n.net.mu.Lock()
	var hash messages.Digest
	for _, f := range n.forwards {
		if f.Circuit == at {
			hash = f.Hash
		}
	}
	n.net.mu.Unlock()
	c, err := n.course("Answer", hash)
	var wake []func()
	defer func() { n.end(c, wake) }()
	if err != nil {
		return err
	}
	for _, f := range n.forwards {
		if f.Circuit == at {
			wake = n.resolve(f, preimage)
			break
		}
	}
	return c.After
}

// Watch implements lnnode.Node.
func (n *Node) Watch(fn func()) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.changed = fn
}

// Draft is an invoice of this node, for a preimage that it chose.
func (n *Node) Draft(amount messages.Amount, preimage lnnode.Preimage, created time.Time) bolt11.Draft {
	return bolt11.Draft{
		Hash: sha256.Sum256(preimage[:]), Secret: sha256.Sum256(append([]byte("secret"), preimage[:]...)), Amount: amount,
		Description: "from " + n.name, Created: created, Life: time.Hour, FinalDelay: 18,
	}
}

// Invoice makes an invoice that the node lets itself be paid once.
func (n *Node) Invoice(amount messages.Amount, preimage lnnode.Preimage, created time.Time) bolt11.Invoice {
	inv := bolt11.Make(n.Draft(amount, preimage, created), n.net.params, n.key)
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.invoices = append(n.invoices, &invoice{hash: inv.Hash, amount: amount, preimage: preimage})
	return inv
}
