package gateway_test

import (
	"context"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/clock"
	"minimint/actors/gateway"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/storage/memory"

	"github.com/asynkron/protoactor-go/actor"
)

// direct is a Purse on a client in the gateway's own actor system.
type direct struct {
	root   *actor.RootContext
	client *client.Client
}

// Tell implements gateway.Purse.
func (d direct) Tell(to *actor.PID, order any) {
	d.root.RequestWithCustomSender(d.client.PID(), order, to)
}

// Balance implements gateway.Purse.
func (d direct) Balance() (free, reserved messages.Amount, err error) {
	b, err := d.client.Balance()
	return b.Free, b.Reserved, err
}

// The gateway with the client that ships, in a federation with the modules that ship: a
// contract is paid and claimed, an offer bought, and nobody's books are off by a msat.
func TestWithRealClientAndModules(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := clienttest.New(clienttest.Config{Members: 4, Tiers: 22, FinalityDelay: 1}, 7)
	f.Observe()
	rig := clienttest.NewRig()
	defer rig.Close()
	open := func(amount messages.Amount) (*client.Client, *keys.Ring) {
		cfg := rig.Config(f, memory.New())
		j, err := client.Join(ctx, cfg, f.Config.Invite(), "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		id, err := c.Receive(ctx, f.Token(amount))
		if err == nil {
			_, err = c.Await(ctx, id, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c, keys.NewRing(j.Words, f.Config.ID())
	}
	till, ring := open(2_000_000)
	alice, purse := open(1_000_000)

	net := fake.New(&chaincfg.SimNetParams, 20)
	node, shop := net.Node("gate", 10_000_000), net.Node("shop", 10_000_000)
	base := rig.Config(f, nil)
	root := base.System.Root
	forever := spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second})
	top := root.Spawn(base.Spawn.RootProps(forever, gateway.New(gateway.Config{
		Spawn: base.Spawn, Clock: root.Spawn(base.Spawn.RootProps(forever, clock.Producer())), Timer: clock.Timer{}, Store: memory.New(),
		Node: node, Network: &chaincfg.SimNetParams, API: "http://gate.example", Log: base.Log, Now: epoch,
	})))
	defer func() { _ = root.StopFuture(top).Wait() }()
	root.Send(top, gateway.Join{Federation: f.Config, Ring: ring, Purse: direct{root, till}})

	// Alice pays the shop.
	inv := shop.Invoice(250_000, secret("shop"), time.Now())
	fee, _ := gateway.DefaultSend.Of(inv.Amount)
	o := terms.Outgoing{PaymentHash: inv.Hash, Amount: inv.Amount + fee, GatewayKey: keys.XOnly(ring.Gateway()), UserKey: keys.XOnly(purse.Contract(0)), Expiry: 300}
	customer := rig.Customer()
	customer.Tell(alice.PID(), orders.Begin{Op: &clientwire.Operation{
		Kind: clientwire.Kind_KIND_FUND, Reference: "fund", AmountMsat: uint64(o.Amount),
		Fund: &clientwire.Fund{Outputs: []*clientwire.Piece{{Body: terms.Output{Outgoing: &o}.Encode(), AmountMsat: uint64(o.Amount)}}},
	}})
	begun := heard[orders.Begun](ctx, t, customer)
	customer.Tell(alice.PID(), orders.Follow{ID: begun.ID})
	heard[orders.Ended](ctx, t, customer)
	request, err := talk.Pay(f.Config.ID(), o.ID(f.Config.ID()), inv.Text, purse.Contract(0))
	if err != nil {
		t.Fatal(err)
	}
	request.WaitMs = 20_000
	customer.Tell(top, gateway.Ask{Number: 1, Request: request})
	if told := heard[gateway.Told](ctx, t, customer); !terms.Reveals(told.Reply.GetPaid().GetPreimage(), inv.Hash) {
		t.Fatalf("told %v", told.Reply)
	}
	within(ctx, t, "claimed", func() bool { b, _ := till.Balance(); return b.Free > 2_000_000 })
	if faults := net.Check(); len(faults) > 0 || !shop.Paid(inv.Hash) {
		t.Errorf("paid %v, %v", shop.Paid(inv.Hash), faults)
	}
	if assets, liabilities := f.Audit(); assets != liabilities {
		t.Errorf("the federation has %s and owes %s", assets, liabilities)
	}
	if p, _ := node.Payment(ctx, inv.Hash); p.State != lnnode.Succeeded {
		t.Errorf("the node's payment has %s", p.State)
	}
}

func heard[T any](ctx context.Context, t *testing.T, c *clienttest.Customer) T {
	t.Helper()
	m, err := clienttest.Heard[T](ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// within waits until something holds, looking at nothing but the scheduler's turns.
func within(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		if ctx.Err() != nil {
			t.Fatalf("not %s", what)
		}
		wake := make(chan struct{})
		clock.Timer{}.After(5*time.Millisecond, func() { close(wake) })
		<-wake
	}
}
