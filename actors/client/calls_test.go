package client_test

import (
	"context"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage/memory"
)

// gate is a bitcoin node that can be made to think for long about its height.
type gate struct {
	client.Blocks
	mu      sync.Mutex
	thinks  chan struct{} // closed when it has begun to, nil while it does not
	release chan struct{}
}

// hold has it think about the next question until open is called.
func (g *gate) hold() (thinks <-chan struct{}, open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.thinks, g.release = make(chan struct{}), make(chan struct{})
	return g.thinks, sync.OnceFunc(func() { close(g.release) })
}

func (g *gate) Tip() (uint32, error) {
	g.mu.Lock()
	thinks, release := g.thinks, g.release
	g.thinks = nil
	g.mu.Unlock()
	if thinks != nil {
		close(thinks)
		<-release
	}
	return g.Blocks.Tip()
}

// gated is a client with such a node.
func (w *world) gated() (*client.Client, *memory.Store, *gate) {
	w.Helper()
	store, node := memory.New(), &gate{Blocks: w.f.Chain.Node()}
	w.join(store, "")
	cfg := w.rig.Config(w.f, store)
	cfg.Blocks = func(*chaincfg.Params) (client.Blocks, error) { return node, nil }
	c, err := client.Open(cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(c.Close)
	return c, store, node
}

// noticed is a context that tells when somebody begins to wait for its end.
type noticed struct {
	context.Context
	waits func()
}

func (n noticed) Done() <-chan struct{} { n.waits(); return n.Context.Done() }

// fail makes UserClient fail over a message that it would not miss, and returns when all
// actors below it have begun to stop.
func (w *world) fail(c *client.Client) {
	w.Helper()
	failed := w.rig.Trap("client.userClient", "orders.Follow", false)
	stops := w.rig.Trap("deposits.walletClient", "*actor.Stopping", false)
	w.rig.Customer().Tell(c.PID(), orders.Follow{ID: 99})
	for !failed() || !stops() {
		w.rig.Wait()
	}
	w.rig.Wait()
}

// A call that waits for the bitcoin node is answered, and once, though UserClient fails
// meanwhile and all below it with it.
func TestDepositOutlivesUserClient(t *testing.T) {
	w := newWorldOf(t, large())
	c, _, node := w.gated()
	w.deposit(c) // now there is something to look for: the node is asked at every tick
	thinks, open := node.hold()
	t.Cleanup(open)
	<-thinks
	asked, made := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := c.Deposit(noticed{t.Context(), sync.OnceFunc(func() { close(asked) })})
		made <- err
	}()
	<-asked
	w.fail(c)
	open()
	if err := <-made; err != nil {
		t.Error(err)
	}
	n := 0
	ops, err := c.Operations()
	for _, op := range ops {
		if op.GetKind() == clientwire.Kind_KIND_DEPOSIT {
			n++
		}
	}
	if err != nil || n != 2 {
		t.Errorf("%d addresses, %v", n, err)
	}
}

// What is begun while the client is closed goes on when it is opened again; now its
// carrier would never be stopped, and UserClient wait for it.
func TestBeginWhileClosing(t *testing.T) {
	w := newWorldOf(t, large())
	c, store, node := w.gated()
	w.deposit(c)
	had := w.fund(c, 100_000)
	o := w.outgoing(c, c, w.f.Observe()+10)
	gone := make(chan struct{})
	w.rig.Spawn(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			ctx.Watch(c.PID())
		case *actor.Terminated:
			close(gone)
		}
	})
	thinks, open := node.hold()
	t.Cleanup(open)
	<-thinks
	stops := w.rig.Trap("deposits.walletClient", "*actor.Stopping", false)
	go c.Close()
	for !stops() {
		w.rig.Wait()
	}
	who := w.rig.Customer()
	who.Tell(c.PID(), orders.Begin{Op: fund("late", o.Amount, terms.Output{Outgoing: &o})})
	b := hear[orders.Begun](w, who)
	if b.Err != nil {
		t.Fatal(b.Err)
	}
	open()
	<-gone
	c = w.open(store)
	op := w.done(c, b.ID, nil)
	if got, want := w.balance(c), had-o.Amount-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("balance %s, want %s", got, want)
	}
}
