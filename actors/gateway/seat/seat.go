// Package seat is a federation in which a gateway works, with the actor that keeps the
// gateway there: GatewayClient.
//
// It gives orders for payers and buyers to the gateway's client, one after the other and each
// once; it follows the agreed height, and keeps the gateway listed.
//
//	accepts  LookFor, Order, Recall from payers and buyers; NodeNow, Adjusted from
//	         LnGateway; Begun, Ended and Answer of package orders; timing.Tick
//	sends    Looked, Ended; Report to LnGateway; orders through its Purse
//
// It remembers nothing that matters: whoever waits asks again.
package seat

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/keys"
	"minimint/actors/client/purse"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/mint"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/storage"
)

// Config is what a gateway needs. All fields are required unless they say otherwise.
type Config struct {
	Spawn *spawn.System
	// Clock takes timing.Subscribe, Timer ends calls to the node that last too long.
	Clock *actor.PID
	Timer spawn.Timer
	// Store is the gateway's own.
	Store   storage.Store
	Node    lnnode.Node
	Network *chaincfg.Params
	// API is where clients reach the gateway, Name what they see.
	API, Name string
	Log       *slog.Logger
	// Now is the time until the clock's first tick.
	Now time.Time
}

// A Purse is the gateway's client in one federation.
type Purse interface {
	// Tell sends an order of package orders to UserClient; what it answers goes to an
	// actor of the gateway.
	Tell(to *actor.PID, order any)
	// Balance is what there is in e-cash: free, and reserved by what is under way.
	Balance() (free, reserved messages.Amount, err error)
}

// Join has the gateway work in a federation. It is said after every start, and not
// answered; payments there go on from then.
type Join struct {
	Federation *federation.Config
	Ring       *keys.Ring
	Purse      Purse
}

// Report is how the gateway stands in one federation.
type Report struct {
	ID      messages.FederationID
	Height  uint32 // agreed; 0: not known yet
	Listed  uint32 // until when the federation lists the gateway; 0: it does not
	Problem string // why it does not
}

// Pause is between the restarts of the gateway's actors.
var Pause = spawn.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// World is what the actors of one gateway share.
type World struct {
	Config
	Top *actor.PID // LnGateway
	// hand is the time of the newest tick, in milliseconds since 1970; 0 before the
	// first. Only records and invoices look at it.
	hand atomic.Int64
}

// Tick tells what time it is; LnGateway says it.
func (w *World) Tick(now time.Time) { w.hand.Store(now.UnixMilli()) }

// Time is that of the newest tick, before the first what Config.Now says.
func (w *World) Time() time.Time {
	if ms := w.hand.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return w.Now
}

// View calls fn with the newest committed state.
func (w *World) View(fn func(storage.Reader)) {
	snap, err := w.Store.View()
	if err != nil {
		spawn.Halt(fmt.Errorf("gateway: open snapshot: %w", err))
	}
	defer snap.Release()
	fn(snap)
}

// Update commits what fn writes, unless fn returns an error, which it then returns. A
// gateway whose store fails ends: it must not act on what may not be written.
func (w *World) Update(fn func(storage.Tx) error) error {
	var refusal error
	err := w.Store.Update(func(tx storage.Tx) error {
		refusal = fn(tx)
		return refusal
	})
	if err != nil && refusal == nil {
		spawn.Halt(fmt.Errorf("gateway: commit: %w", err))
	}
	return refusal
}

// Write commits what fn writes.
func (w *World) Write(fn func(storage.Tx)) {
	_ = w.Update(func(tx storage.Tx) error { fn(tx); return nil }) // it returns what fn returns
}

// A Seat is a federation in which the gateway works.
type Seat struct {
	Join
	ID     messages.FederationID
	Seal   terms.Sealer
	Costs  deal.Costs
	Client *actor.PID // GatewayClient
}

// New reads what the gateway needs of a federation's configuration.
func New(j Join) (*Seat, error) {
	module, err := lightning.FromFederation(j.Federation)
	if err != nil {
		return nil, err
	}
	money, err := mint.FromFederation(j.Federation)
	if err != nil {
		return nil, err
	}
	return &Seat{Join: j, ID: j.Federation.ID(), Seal: module.Seal, Costs: deal.Costs{Claim: module.Fees.Claim, Notes: purse.Terms(money)}}, nil
}

// Key names the gateway in the federation.
func (s *Seat) Key() [32]byte { return keys.XOnly(s.Ring.Gateway()) }

// Caller makes the child of an actor that calls the node.
func (w *World) Caller(ctx actor.Context) *actor.PID {
	return ctx.Spawn(w.Spawn.Props(spawn.Restart(Pause), caller.New(caller.Config{Node: w.Node, Timer: w.Timer})))
}
