// Package client is the user's side of a federation: it holds notes, makes them
// from bitcoin, hands them over, takes them in and turns them back into bitcoin.
//
// # Operations
//
// Everything that a user does is an operation: a number, a record that is
// written before anything is sent (H71), and an actor that carries it to an end
// with a reason. A crash at any moment costs nothing: at the next start the
// operation goes on from its record. Operations do not wait for each other.
//
//	c, err := client.Open(cfg)
//	id, err := c.Receive(ctx, text)          // returns when the record is written
//	op, err := c.Await(ctx, id, nil)         // returns when the notes are there
//
// # Whom it believes
//
// Nobody alone. Transactions go to all members at once; one counts as accepted
// when f+1 members say so of the same epoch; answers count when f+1 members give
// them alike; notes are verified before they are kept. Members that are dead,
// slow or lying do not stop an operation. Liars are named in its record.
//
// # Actors
//
//	UserClient        starts operations, supervises the rest
//	├─ MintClient     owns the notes
//	├─ WalletClient   owns the deposit addresses; its scanner reads the chain
//	├─ LnClient       knows the Lightning gateways
//	└─ carrier        one for each operation, with a line to each member
//
// [Client] is the façade for everybody who is no actor: it is safe for use by
// many goroutines. The links to members come from a [Connector].
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/deposits"
	"minimint/actors/client/keys"
	"minimint/actors/client/lines"
	"minimint/actors/client/notes"
	"minimint/actors/client/orders"
	"minimint/actors/client/purse"
	"minimint/actors/client/quorum"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/storage"
)

// Connector is the port through which a client reaches members, see package lines.
type Connector = lines.Connector

// Session is what a Connector makes for one operation.
type Session = lines.Session

// Blocks is a view of the bitcoin chain, which finds deposits.
type Blocks = deposits.Blocks

// Config is what a client needs. All fields are required unless they say
// otherwise.
type Config struct {
	System *actor.ActorSystem
	Spawn  *spawn.System
	// Clock takes timing.Subscribe.
	Clock *actor.PID
	// Store is the client's own; [Join] must have written to it. It stays open
	// when the client is closed.
	Store     storage.Store
	Connector Connector
	// Blocks opens a view of the federation's bitcoin network, which finds
	// deposits; without it there are addresses but no claims. Optional.
	Blocks func(*chaincfg.Params) (Blocks, error)
	// Gateways reaches Lightning gateways; without it invoices can be paid to users of
	// the same federation only. Optional.
	Gateways Gateways
	// Rand must be unpredictable and safe for many goroutines.
	Rand io.Reader
	Log  *slog.Logger
	// Linger is how long an operation's actor stays after the end, in half
	// seconds, to catch members that answer late and lie; 0 means 3. Optional.
	Linger int
	// Restore has Join begin a search for the notes of its words. Optional.
	Restore bool
	// Now stands in records until the clock's first tick. Optional.
	Now time.Time
}

const defaultLinger = 3

// Operation is the record of an operation; what Client returns is a copy.
type Operation = clientwire.Operation

// A Client is one user's half of one federation.
type Client struct {
	cfg    Config
	world  world
	user   *actor.PID
	door   *actor.PID
	calls  atomic.Uint64
	mu     sync.Mutex
	closed bool
	// waiting holds who waits for answers, by call; watching who waits for
	// changes, by operation; parked what has stopped without an end.
	waiting  map[uint64]chan answer
	watching map[uint64][]chan struct{}
	parked   map[uint64]bool
}

// Errors of a Client.
var (
	// ErrNotJoined says that the store belongs to no federation yet.
	ErrNotJoined = errors.New("this client has not joined a federation")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("the client is closed")
	// ErrInterrupted says that a bug has interrupted what was asked for. It may
	// have begun all the same: the operations tell.
	ErrInterrupted = orders.ErrInterrupted
	// ErrParked says that an operation has stopped because of a bug or a broken
	// store. Its record is safe; opening the client again resumes it.
	ErrParked = errors.New("the operation has stopped; it goes on when the client is opened again")
)

// A FailedError says that an operation has come to an end without success. Its
// notes are free again.
type FailedError struct{ Operation *Operation }

// Error implements error.
func (e *FailedError) Error() string { return e.Operation.GetText() }

// Open starts the client that a store holds, and resumes its operations. It
// returns ErrNotJoined if there is none, or an error about what is stored.
func Open(cfg Config) (*Client, error) {
	snap, err := cfg.Store.View()
	if err != nil {
		return nil, err
	}
	m := book.Membership(snap)
	snap.Release()
	if m == nil {
		return nil, ErrNotJoined
	}
	config, err := federation.Decode(m.GetFederation())
	if err != nil {
		return nil, fmt.Errorf("stored configuration: %w", err)
	}
	mintConfig, err := mint.FromFederation(config)
	if err != nil {
		return nil, err
	}
	ring := keys.NewRing(m.GetWords(), config.ID())
	c := &Client{
		cfg: cfg, waiting: map[uint64]chan answer{}, watching: map[uint64][]chan struct{}{}, parked: map[uint64]bool{},
		world: world{
			World: carrier.World{
				Federation: config, Group: quorum.GroupOf(config.Size()), Ring: ring,
				Purse: purse.New(purse.Config{Federation: config.ID(), Mint: mintConfig, Ring: ring, Random: cfg.Rand}),
				Store: cfg.Store, Connector: cfg.Connector, Spawn: cfg.Spawn, Log: cfg.Log, Clock: cfg.Clock, Linger: cmp.Or(cfg.Linger, defaultLinger),
			},
			rand: cfg.Rand, time: newClockHand(cfg.Now),
		},
	}
	if err := c.world.readWallet(cfg.Blocks); err != nil {
		return nil, err
	}
	if err := c.world.readLightning(cfg.Gateways); err != nil {
		return nil, err
	}
	once := spawn.Restart(carrier.RestartPause)
	c.door = cfg.System.Root.Spawn(cfg.Spawn.RootProps(once, func() actor.Actor { return (*door)(c) }))
	c.user = cfg.System.Root.Spawn(cfg.Spawn.RootProps(once, newUserClient(c.world, c.door)))
	return c, nil
}

// readWallet reads how the federation locks its bitcoin, if it holds any.
func (w *world) readWallet(open func(*chaincfg.Params) (Blocks, error)) error {
	if _, ok := w.Federation.Module(wallet.Kind); !ok {
		return nil
	}
	terms, err := wallet.FromFederation(w.Federation)
	if err != nil {
		return err
	}
	w.birthday, w.network = terms.Birthday, terms.Network
	w.Lock, err = descriptor.New(descriptor.Config{
		Federation: w.Federation.ID(), Network: terms.Network, Keys: terms.Keys, Threshold: terms.Threshold,
	})
	if err == nil && open != nil {
		w.blocks, err = open(terms.Network)
	}
	return err
}

// Close stops all actors of the client and waits for that. Operations that are
// not over go on when the client is opened again.
func (c *Client) Close() {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	for n, ch := range c.waiting {
		ch <- answer{err: ErrClosed}
		delete(c.waiting, n)
	}
	for _, list := range c.watching {
		for _, ch := range list {
			wake(ch)
		}
	}
	c.mu.Unlock()
	if again {
		return
	}
	for _, pid := range []*actor.PID{c.user, c.door} {
		_ = c.cfg.System.Root.StopFuture(pid).Wait() // it says only that it took long
	}
}

// Federation returns the configuration; the caller must not change it.
func (c *Client) Federation() *federation.Config { return c.world.Federation }

// PID is where actors put orders, see package orders. It is the same for as long as
// the client is open.
func (c *Client) PID() *actor.PID { return c.user }

// Terms returns denominations and fees of notes.
func (c *Client) Terms() notes.Terms { return c.world.Purse.Terms() }

// Words returns the seed words. Whoever has them has the money.
func (c *Client) Words() (string, error) {
	words := ""
	err := c.view(func(r storage.Reader) { words = book.Membership(r).GetWords() })
	return words, err
}

// Receive begins to cash notes that somebody handed over. Notes that are no
// notes, of another federation or not signed by it are an error that wraps
// token.ErrToken, and nothing is begun (H78).
func (c *Client) Receive(ctx context.Context, text string) (uint64, error) {
	t, err := token.Parse(text)
	if err != nil {
		return 0, err
	}
	if err := c.world.Purse.Check(t); err != nil {
		return 0, err
	}
	return c.call(ctx, begin{&Operation{Kind: clientwire.Kind_KIND_RECEIVE, AmountMsat: uint64(t.Amount()), Notes: t.Wire()}})
}

// Spend begins to take out notes of exactly amount. When it is done, Token
// returns what is to be handed over.
func (c *Client) Spend(ctx context.Context, amount messages.Amount) (uint64, error) {
	if amount == 0 {
		return 0, errors.New("the amount must be more than nothing")
	}
	if _, err := c.Terms().Exact(amount); err != nil {
		return 0, err
	}
	return c.call(ctx, begin{&Operation{Kind: clientwire.Kind_KIND_SPEND, AmountMsat: uint64(amount)}})
}

// Token returns the text of the notes that a spend has handed over, "" if the
// operation is something else or not done.
func Token(op *Operation) string {
	if op.GetKind() != clientwire.Kind_KIND_SPEND || op.GetState() != clientwire.State_STATE_DONE {
		return ""
	}
	t, err := token.FromWire(op.GetNotes())
	if err != nil {
		panic(fmt.Sprintf("client: notes of operation %d: %v", op.GetId(), err))
	}
	return t.String()
}

// Reclaim begins to take back what a spend handed over, or to turn round a spend
// or withdrawal that is still pending. It returns the operation to wait for.
func (c *Client) Reclaim(ctx context.Context, id uint64) (uint64, error) {
	return c.call(ctx, cancelOf{id})
}

// Reissue begins to exchange own notes of at least amount for fresh ones.
func (c *Client) Reissue(ctx context.Context, amount messages.Amount) (uint64, error) {
	return c.call(ctx, begin{&Operation{Kind: clientwire.Kind_KIND_REISSUE, AmountMsat: uint64(amount)}})
}

// Deposit makes a bitcoin address. The operation is done when the first deposit
// to it has become notes; later ones are found as well.
func (c *Client) Deposit(ctx context.Context) (uint64, error) { return c.call(ctx, depositWanted{}) }

// Withdraw begins to pay sats to a bitcoin address. limitSats bounds the bitcoin
// fee that is paid on top; 0 leaves it to the federation's quote.
func (c *Client) Withdraw(ctx context.Context, address string, sats, limitSats uint64) (uint64, error) {
	return c.call(ctx, begin{&Operation{
		Kind: clientwire.Kind_KIND_WITHDRAW, AmountMsat: sats * uint64(messages.Sat),
		Withdrawal: &clientwire.Withdrawal{Address: address, Sats: sats, LimitSats: limitSats},
	}})
}

// Operation returns a record; it is an error if there is none.
func (c *Client) Operation(id uint64) (*Operation, error) {
	var op *Operation
	if err := c.view(func(r storage.Reader) { op = book.Operation(r, id) }); err != nil {
		return nil, err
	}
	if op == nil {
		return nil, fmt.Errorf("there is no operation %d", id)
	}
	return op, nil
}

// Operations returns all records, the oldest first.
func (c *Client) Operations() ([]*Operation, error) {
	var ops []*Operation
	err := c.view(func(r storage.Reader) { ops = book.Operations(r) })
	return ops, err
}

// Balance is what a client has.
type Balance struct {
	Free messages.Amount
	// Reserved is in operations that are not over.
	Reserved messages.Amount
	// Doubtful was refused as spent; some of it may be.
	Doubtful messages.Amount
	// Notes counts the free ones by tier.
	Notes map[uint32]int
}

// Balance adds up the notes.
func (c *Client) Balance() (Balance, error) {
	b := Balance{Notes: map[uint32]int{}}
	err := c.view(func(r storage.Reader) {
		for _, n := range book.Notes(r) {
			worth := notes.Worth(n.GetTier())
			switch {
			case n.GetOperation() != 0:
				b.Reserved += worth
			case n.GetDoubtful():
				b.Doubtful += worth
			default:
				b.Free += worth
				b.Notes[n.GetTier()]++
			}
		}
	})
	return b, err
}

func (c *Client) view(fn func(storage.Reader)) error {
	snap, err := c.cfg.Store.View()
	if err != nil {
		return err
	}
	defer snap.Release()
	fn(snap)
	return nil
}
