// Package gateway is a Lightning gateway's actors: it pays Lightning invoices for
// users of federations against their outgoing contracts, and buys the offers of users
// when Lightning payments for them come in. What it agrees to is in package deal, what it
// remembers in package ledger, what clients ask in package talk.
//
//	LnGateway          takes requests, routes them; answers them when there is an end
//	├─ watcher         sees what the Lightning node holds
//	├─ GatewayClient   one for each federation: orders of its client, its listing
//	├─ payer           one for each outgoing contract
//	└─ buyer           one for each offer that is bought
//
// Payments do not wait for each other (H83). Each is one actor with one record: what the
// record says is written before it is acted on, and an actor that begins anew, after a
// crash of its own or of the process, goes on from there. Everything that one actor tells
// another is told again while it matters, so no message is worth more than time.
//
// # In flight is in flight
//
// Once a record says that the node may have been asked to pay, only the node can end
// that: what it calls failed is forfeited, what it calls paid is claimed, and until then
// nobody is told anything but that it is under way (H82, H89). A forfeit is signed and
// written before anybody sees it, and a contract that has one is never paid.
//
// # Calls to the node
//
// The node's methods block; so each actor that needs them has a child that makes the
// calls, one at a time, and whose mailbox is a goroutine of its own. In a simulation they
// return at once. No call lasts longer than callLimit.
//
//	accepts  Join, Ask, Adjust, timing.Tick
//	sends    Told, Adjusted; orders of package orders through a [Purse]
package gateway

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/keys"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/talk"
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

// Ask brings a client's request; the answer is Told, once there is news for it or the
// wait that it names is over. Number is the asker's own.
type Ask struct {
	Number  uint64
	Request *talk.Request
}

// Told answers Ask.
type Told struct {
	Number uint64
	Reply  *talk.Reply
}

// Adjust changes fees and limits in a federation: Change gets the record. The answer
// is Adjusted.
type Adjust struct {
	Number     uint64
	Federation messages.FederationID
	Change     func(*ledgerwire.Federation)
}

// Adjusted answers Adjust. The error says that the gateway does not work there.
type Adjusted struct {
	Number uint64
	Err    error
}

// Look asks how the gateway's federations stand; the answer is Seen.
type Look struct{ Number uint64 }

// Seen answers Look.
type Seen struct {
	Number uint64
	Seats  []Seat // in the order in which they were joined
	Held   int    // forwards that the node holds
}

// Seat is how the gateway stands in one federation.
type Seat struct {
	ID      messages.FederationID
	Height  uint32 // agreed; 0: not known yet
	Listed  uint32 // until when the federation lists the gateway; 0: it does not
	Problem string // why it does not
}

// pause is between the restarts of the gateway's actors.
var pause = spawn.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// DefaultSend and DefaultReceive are the fees in a federation until they are set. That
// of sending leaves room for routing, as clients need not know what that costs.
var (
	DefaultSend    = terms.Fee{Base: 2_000, PPM: 5_000}
	DefaultReceive = terms.Fee{Base: 1_000, PPM: 1_000}
)

// world is what the actors of one gateway share; only the seats are added to, by
// LnGateway, and each is complete before anybody sees it.
type world struct {
	Config
	top *actor.PID
}

// view calls fn with the newest committed state.
func (w *world) view(fn func(storage.Reader)) {
	snap, err := w.Store.View()
	if err != nil {
		spawn.Halt(fmt.Errorf("gateway: open snapshot: %w", err))
	}
	defer snap.Release()
	fn(snap)
}

// update commits what fn writes, unless fn returns an error, which it then returns. A
// gateway whose store fails ends: it must not act on what may not be written.
func (w *world) update(fn func(storage.Tx) error) error {
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

// write commits what fn writes.
func (w *world) write(fn func(storage.Tx)) {
	_ = w.update(func(tx storage.Tx) error { fn(tx); return nil }) // it returns what fn returns
}

// A seat is a federation in which the gateway works.
type seat struct {
	Join
	id     messages.FederationID
	seal   terms.Sealer
	costs  deal.Costs
	client *actor.PID // GatewayClient
}

// newSeat reads what the gateway needs of a federation's configuration.
func newSeat(j Join) (*seat, error) {
	module, err := lightning.FromFederation(j.Federation)
	if err != nil {
		return nil, err
	}
	money, err := mint.FromFederation(j.Federation)
	if err != nil {
		return nil, err
	}
	return &seat{Join: j, id: j.Federation.ID(), seal: module.Seal, costs: deal.Costs{Claim: module.Fees.Claim, Issue: money.IssueFee}}, nil
}

// key names the gateway in the federation.
func (s *seat) key() [32]byte { return keys.XOnly(s.Ring.Gateway()) }
