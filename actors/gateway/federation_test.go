package gateway_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/clock"
	"minimint/actors/gateway"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/canonical"
	"minimint/storage/memory"
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

	// The shop pays Alice. Who lies about what is encrypted gets nothing.
	module, err := lightning.FromFederation(f.Config)
	if err != nil {
		t.Fatal(err)
	}
	for i, honest := range []bool{true, false} {
		offer := forged(module.Seal, secret("mallory"), keys.XOnly(purse.Contract(1)))
		if honest {
			offer, err = terms.Seal(rand.Reader, module.Seal, terms.Offer{Amount: 300_000, ClaimKey: keys.XOnly(purse.Contract(1)), Expiry: 400}, secret("alice"))
			if err != nil {
				t.Fatal(err)
			}
		}
		id := f.Config.ID()
		customer.Tell(top, gateway.Ask{Number: 2, Request: &talk.Request{Federation: id[:], Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: offer.Wire()}}}})
		if told := heard[gateway.Told](ctx, t, customer); told.Reply.GetRegistered() == nil {
			t.Fatalf("offer %d: told %v", i, told.Reply)
		}
		before, _ := till.Balance()
		bill := bolt11.Make(bolt11.Draft{
			Hash: offer.PaymentHash, Secret: [32]byte{1}, Amount: offer.Amount, Description: "x", Created: time.Now(), Life: time.Hour, FinalDelay: 18,
			Hints: [][]bolt11.Hop{{{Node: node.Key(), Channel: deal.Channel(1), Base: uint32(gateway.DefaultReceive.Base), Rate: gateway.DefaultReceive.PPM, Delay: 40}}},
		}, &chaincfg.SimNetParams, person("alice"))
		shop.Send(bill)
		within(ctx, t, "over", func() bool { p, _ := shop.Payment(ctx, offer.PaymentHash); return p.State != lnnode.InFlight })
		p, _ := shop.Payment(ctx, offer.PaymentHash)
		if honest != (p.State == lnnode.Succeeded) {
			t.Errorf("offer %d: the payment has %s", i, p.State)
		}
		want := before.Free + before.Reserved
		if honest {
			want -= 300_000
		}
		within(ctx, t, "booked", func() bool { b, _ := till.Balance(); return b.Reserved == 0 && b.Free == want })
	}
	if assets, liabilities := f.Audit(); assets != liabilities {
		t.Errorf("the federation has %s and owes %s", assets, liabilities)
	}
}

// forged is an offer under the hash of one preimage that holds another.
func forged(to terms.Sealer, preimage lnnode.Preimage, key [32]byte) terms.Offer {
	o := terms.Offer{PaymentHash: sha256.Sum256(preimage[:]), Amount: 300_000, ClaimKey: key, Expiry: 400}
	bare := o
	label := domain.Hash(domain.Label, to.Federation[:], []byte("lightning offer"), canonical.Marshal(bare.Wire()))
	lie := secret("lie")
	c, err := tenc.Encrypt(rand.Reader, to.Keys, label[:], lie[:])
	if err != nil {
		panic(err)
	}
	o.Ciphertext = c.Encode()
	return o
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
