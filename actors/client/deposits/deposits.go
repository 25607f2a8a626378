// Package deposits is the actors that hand out a client's deposit addresses and watch
// the bitcoin chain for payments to them.
//
//	WalletClient  owns the addresses; it decides what is searched, and when
//	└─ scanner    waits for the bitcoin node, reads blocks, proves deposits
//
// Every address is watched for ever, and so are those that the same seed may have handed
// out before this store was made (package restore). Any number of deposits to an address
// are found, each once.
//
// WalletClient writes the operations of addresses. It writes no claims: it tells what was
// found to UserClient, whose business operations are, and UserClient calls [Found.Record]
// in one commit with whatever else it writes.
package deposits

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/lines"
	"minimint/actors/client/orders"
	"minimint/actors/client/restore"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/spawn"
	"minimint/messages/timing"
	"minimint/storage"
)

// Blocks is the client's own view of the bitcoin chain, which it needs to find
// its deposits and to prove them. Calls may wait, but not for ever.
type Blocks interface {
	// Tip is the height of the best chain; it may shrink.
	Tip() (uint32, error)
	BlockHash(height uint32) (chainhash.Hash, error)
	Block(hash chainhash.Hash) (*wire.MsgBlock, error)
}

// Config is what WalletClient needs. All fields are required unless they say otherwise.
type Config struct {
	// World has a Lock: the federation holds bitcoin.
	World *carrier.World
	// Blocks is nil without a bitcoin node: then there are addresses, but no claims.
	Blocks Blocks
	// Birthday is the first bitcoin height that the federation knows.
	Birthday uint32
	// NowMs is the time of the last tick, for records.
	NowMs func() int64
}

// Wanted asks WalletClient for a new address; the answer is Made with the same key.
type Wanted struct{ Key uint64 }

// Made brings the operation of a new address. Err says why there is none;
// orders.ErrInterrupted that there may be one all the same.
type Made struct {
	Key uint64
	ID  uint64
	Err error
}

// Found tells UserClient all deposits that there are to so many watched addresses up to
// a height of the chain; the answer is Recorded, when that is written.
type Found struct {
	Claims  []*clientwire.Operation // to be begun; without an id yet
	To      uint32
	Tip     bool // that is the tip
	Watched int
}

// Recorded answers Found.
type Recorded struct{}

// walletClient is the actor that hands out deposit addresses and watches all of
// them.
//
//	accepts  Wanted and Recorded from UserClient; scanned, tipSeen and ready from its
//	         scanner; Tick
//	sends    Made and, when it has searched, Found to UserClient; carrier.Changed
//
// Any number of deposits to one address are found, each once; an address keeps
// being watched after its first one.
type walletClient struct {
	cfg     Config
	w       *carrier.World
	scanner *actor.PID // nil without Blocks
	busy    bool       // the scanner is not ready, or searches
	waiting *[]waiter
}

// A waiter waits for the height of the chain. It outlives an incarnation.
type waiter struct {
	key    uint64
	from   *actor.PID
	served bool // its address was written, perhaps
}

// New returns the producer of WalletClient.
func New(cfg Config) actor.Producer {
	waiting := new([]waiter)
	return func() actor.Actor { return &walletClient{cfg: cfg, w: cfg.World, waiting: waiting} }
}

// Receive implements actor.Actor.
func (c *walletClient) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if c.cfg.Blocks != nil {
			c.busy = true
			c.scanner = ctx.Spawn(c.w.Spawn.Props(spawn.Restart(carrier.RestartPause), func() actor.Actor {
				return &scanner{blocks: c.cfg.Blocks, lock: c.w.Lock, log: c.w.Log}
			}))
			ctx.Send(c.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
		}
	case ready:
		c.ready(ctx)
	case *timing.Tick:
		c.scan(ctx)
	case Wanted:
		if c.scanner == nil {
			ctx.Respond(c.deposit(ctx, m.Key, c.cfg.Birthday))
			return
		}
		*c.waiting = append(*c.waiting, waiter{key: m.Key, from: ctx.Sender()})
		ctx.Request(c.scanner, tipWanted{})
	case *spawn.Lost:
		if q, ok := m.Message.(Wanted); ok {
			*c.waiting = slices.DeleteFunc(*c.waiting, func(w waiter) bool { return w.key == q.Key })
			ctx.Respond(Made{Key: q.Key, Err: orders.ErrInterrupted})
		}
	case tipSeen:
		c.tipSeen(ctx, m)
	case scanned:
		c.scanned(ctx, m)
	case Recorded:
		c.busy = false
		c.scan(ctx)
	}
}

// ready asks the scanner for what its former incarnation, or that of this actor,
// has not answered.
func (c *walletClient) ready(ctx actor.Context) {
	c.busy = false
	c.scan(ctx)
	for list := c.waiting; len(*list) > 0 && (*list)[0].served; *list = (*list)[1:] {
		ctx.Send((*list)[0].from, Made{Key: (*list)[0].key, Err: orders.ErrInterrupted})
	}
	if len(*c.waiting) > 0 {
		ctx.Request(c.scanner, tipWanted{})
	}
}

// tipSeen makes the addresses that wait for the height of the chain. The newest blocks
// may be replaced before an address is paid to, so a payment can come to stand below
// what is the tip now.
func (c *walletClient) tipSeen(ctx actor.Context, m tipSeen) {
	for ; len(*c.waiting) > 0; *c.waiting = (*c.waiting)[1:] {
		q := &(*c.waiting)[0]
		a := Made{Key: q.key, Err: m.err}
		if m.err == nil {
			q.served = true
			a = c.deposit(ctx, q.key, max(m.height, rescan)-rescan+1)
		}
		ctx.Send(q.from, a)
	}
}

// deposit makes a fresh address, which cannot be paid to below a height.
func (c *walletClient) deposit(ctx actor.Context, key uint64, from uint32) Made {
	op := &clientwire.Operation{Kind: clientwire.Kind_KIND_DEPOSIT, State: clientwire.State_STATE_PENDING, BeganMs: c.cfg.NowMs()}
	err := c.w.Store.Update(func(tx storage.Tx) error {
		index := book.TakeDepositIndex(tx)
		address, err := pegin.Address(c.w.Lock, c.key(index))
		if err != nil {
			return fmt.Errorf("deposit address: %w", err)
		}
		op.Deposit = &clientwire.Deposit{Address: address.EncodeAddress(), Index: index, FromHeight: from}
		book.Add(tx, op)
		book.PutScanned(tx, min(book.Scanned(tx), from-1))
		return nil
	})
	ctx.Send(c.w.User, carrier.Changed{ID: op.GetId()})
	return Made{Key: key, ID: op.GetId(), Err: err}
}

func (c *walletClient) key(index uint32) [32]byte {
	return [32]byte(schnorr.SerializePubKey(c.w.Ring.Deposit(index).PubKey()))
}

// scan has the scanner look for deposits in what was not searched yet.
func (c *walletClient) scan(ctx actor.Context) {
	if c.busy {
		return
	}
	snap, err := c.w.Store.View()
	if err != nil { // calls must be answered all the same
		c.w.Log.Warn("cannot look for deposits", slog.Any("error", err))
		return
	}
	m := scan{first: ^uint32(0)}
	for _, op := range addresses(snap) {
		d := op.GetDeposit()
		m.watched = append(m.watched, watched{operation: op.GetId(), index: d.GetIndex(), key: c.key(d.GetIndex())})
		m.first = min(m.first, d.GetFromHeight())
	}
	for _, index := range restore.Addresses(snap) {
		m.watched = append(m.watched, watched{index: index, key: c.key(index)})
		m.first = min(m.first, c.cfg.Birthday)
	}
	m.from = max(m.first, book.Scanned(snap)+1)
	snap.Release()
	if len(m.watched) > 0 {
		c.busy = true
		ctx.Request(c.scanner, m)
	}
}

// addresses are the operations that made the addresses, which are watched for ever.
func addresses(r storage.Reader) []*clientwire.Operation {
	return slices.DeleteFunc(book.Operations(r), func(op *clientwire.Operation) bool { return op.GetDeposit() == nil })
}

// scanned takes what was found; each deposit becomes an operation of its own. How far
// the chain was searched is written together with them: otherwise a crash in between
// would lose deposits (H71).
func (c *walletClient) scanned(ctx actor.Context, m scanned) {
	switch {
	case m.err != nil:
		c.busy = false
		c.w.Log.Warn("cannot look for deposits", slog.Any("error", m.err))
	case m.to > 0:
		ctx.Request(c.w.User, Found{Claims: m.found, To: m.to, Tip: m.tip, Watched: m.watched})
	default:
		c.busy = false
	}
}

// Record begins to claim what is not claimed yet, and writes how far the chain was
// searched. It returns the operations that it has added, without their beginning.
func (m Found) Record(tx storage.Tx, nowMs int64) []*clientwire.Operation {
	var fresh []*clientwire.Operation
	for _, op := range m.Claims {
		c := op.GetClaim()
		if claimed := book.Operation(tx, book.ClaimOf(tx, c.GetOutpoint())); claimed != nil && !moved(claimed, c) {
			continue
		}
		op.State, op.BeganMs = clientwire.State_STATE_PENDING, nowMs
		book.Add(tx, op)
		book.PutClaim(tx, c.GetOutpoint(), op.GetId())
		restore.Paid(tx, c.GetKeyIndex())
		fresh = append(fresh, op)
	}
	if len(addresses(tx))+len(restore.Addresses(tx)) == m.Watched { // otherwise there is one that was not looked for
		book.PutScanned(tx, m.To)
		restore.Searched(tx, m.Tip)
	}
	return fresh
}

// moved reports whether a deposit stands in another block now than in a claim that
// has not succeeded, which then never will.
func moved(old *clientwire.Operation, now *clientwire.Claim) bool {
	return old.GetState() != clientwire.State_STATE_DONE && !bytes.Equal(old.GetClaim().GetBlock(), now.GetBlock())
}
