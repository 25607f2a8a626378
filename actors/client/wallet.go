package client

import (
	"errors"
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
	"minimint/actors/client/restore"
	"minimint/actors/module/wallet/descriptor"
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

// walletClient is the actor that hands out deposit addresses and watches all of
// them.
//
//	accepts  call{depositWanted}; scanned, tipSeen and ready from its scanner;
//	         recorded from UserClient; Tick
//	sends    deposits to UserClient when it has found some, answer
//
// Any number of deposits to one address are found, each once; an address keeps
// being watched after its first one.
type walletClient struct {
	w       *world
	scanner *actor.PID // nil without Blocks
	busy    bool       // the scanner is not ready, or searches
	waiting *[]waitingCall
}

// A waitingCall waits for the height of the chain. It outlives an incarnation.
type waitingCall struct {
	number uint64
	from   *actor.PID
	served bool // its address was written, perhaps
}

// rescan is how many of the newest blocks are searched again, since they may have been
// replaced.
const rescan = 12

func newWalletClient(w *world) actor.Producer {
	waiting := new([]waitingCall)
	return func() actor.Actor { return &walletClient{w: w, waiting: waiting} }
}

// Receive implements actor.Actor.
func (c *walletClient) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if c.w.blocks != nil {
			c.busy = true
			blocks := c.w.blocks
			c.scanner = ctx.Spawn(c.w.Spawn.Props(spawn.Restart(carrier.RestartPause), func() actor.Actor {
				return &scanner{blocks: blocks, lock: c.w.Lock, log: c.w.Log}
			}))
			ctx.Send(c.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
		}
	case ready:
		c.ready(ctx)
	case *timing.Tick:
		c.scan(ctx)
	case call:
		if c.scanner == nil {
			ctx.Respond(c.deposit(ctx, m.number, c.w.birthday))
			return
		}
		*c.waiting = append(*c.waiting, waitingCall{number: m.number, from: ctx.Sender()})
		ctx.Request(c.scanner, tipWanted{})
	case *spawn.Lost:
		if q, ok := m.Message.(call); ok {
			*c.waiting = slices.DeleteFunc(*c.waiting, func(w waitingCall) bool { return w.number == q.number })
			ctx.Respond(answer{number: q.number, err: ErrInterrupted})
		}
	case tipSeen:
		c.tipSeen(ctx, m)
	case scanned:
		c.scanned(ctx, m)
	case recorded:
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
		ctx.Send((*list)[0].from, answer{number: (*list)[0].number, err: ErrInterrupted})
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
		a := answer{number: q.number, err: m.err}
		if m.err == nil {
			q.served = true
			a = c.deposit(ctx, q.number, max(m.height, rescan)-rescan+1)
		}
		ctx.Send(q.from, a)
	}
}

// deposit makes a fresh address, which cannot be paid to below a height.
func (c *walletClient) deposit(ctx actor.Context, number uint64, from uint32) answer {
	op := &clientwire.Operation{Kind: clientwire.Kind_KIND_DEPOSIT, State: clientwire.State_STATE_PENDING, BeganMs: c.w.nowMs()}
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
	return answer{number: number, id: op.GetId(), err: err}
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
		m.first = min(m.first, c.w.birthday)
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
		ctx.Request(c.w.User, deposits{found: m.found, to: m.to, tip: m.tip, watched: m.watched})
	default:
		c.busy = false
	}
}

// scanner is the worker that waits for the bitcoin node, so that nobody else has
// to. It says when it is ready, at first and after a failure that lost a question;
// it accepts scan and tipWanted and answers each.
type scanner struct {
	blocks Blocks
	lock   *descriptor.Descriptor
	log    *slog.Logger
	tip    chainhash.Hash // of the chain that was searched to its end
	count  int            // addresses that it was searched for
}

// ready is the first message of every incarnation of a scanner.
type ready struct{}

// watched is one address.
type watched struct {
	operation uint64 // 0 if it was handed out in another life, perhaps
	index     uint32
	key       [32]byte
}

// scan asks to search blocks from a height on for payments to addresses, none of
// which can be below first.
type scan struct {
	first, from uint32
	watched     []watched
}

// scanned answers scan: everything up to height to was searched; 0 says that
// there was nothing new.
type scanned struct {
	to      uint32
	tip     bool // that is the tip
	watched int  // how many addresses were looked for
	found   []*clientwire.Operation
	err     error
}

// tipWanted asks for the height of the chain; tipSeen is the answer.
type (
	tipWanted struct{}
	tipSeen   struct {
		height uint32
		err    error
	}
)

// scanStep is how many blocks are searched in one go.
const scanStep = 32

// Receive implements actor.Actor.
func (s *scanner) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(ctx.Parent(), ready{})
	case tipWanted:
		height, err := s.blocks.Tip()
		if err != nil {
			err = fmt.Errorf("ask the bitcoin node for its height: %w", err)
		}
		ctx.Respond(tipSeen{height: height, err: err})
	case scan:
		ctx.Respond(s.scan(m))
	}
}

func (s *scanner) scan(m scan) scanned {
	tip, err := s.blocks.Tip()
	if err != nil {
		return scanned{err: fmt.Errorf("ask the bitcoin node for its height: %w", err)}
	}
	best, err := s.blocks.BlockHash(tip)
	if err != nil {
		return scanned{err: fmt.Errorf("ask the bitcoin node for block %d: %w", tip, err)}
	}
	if best == s.tip && len(m.watched) == s.count {
		return scanned{}
	}
	// The newest blocks may have been replaced.
	from := max(m.first, min(m.from, max(tip, rescan)-rescan+1))
	out := scanned{to: min(tip, from+scanStep-1), watched: len(m.watched)}
	for height := from; height <= out.to; height++ {
		found, err := s.block(height, m.watched)
		if err != nil {
			return scanned{err: fmt.Errorf("search block %d for deposits: %w", height, err)}
		}
		out.found = append(out.found, found...)
	}
	if out.tip = out.to == tip; out.tip {
		s.tip, s.count = best, len(m.watched)
	}
	return out
}

// block proves all deposits of one block.
func (s *scanner) block(height uint32, list []watched) ([]*clientwire.Operation, error) {
	hash, err := s.blocks.BlockHash(height)
	if err != nil {
		return nil, err
	}
	b, err := s.blocks.Block(hash)
	if err != nil {
		return nil, err
	}
	if b.BlockHash() != hash {
		return nil, errors.New("the bitcoin node sent another block")
	}
	var out []*clientwire.Operation
	for _, w := range list {
		places, err := pegin.Find(s.lock, b, w.key)
		if err != nil {
			return nil, err
		}
		for _, at := range places {
			proof, err := pegin.Build(s.lock, b, at, w.key)
			if err != nil { // too large to be proved; the others are worth having
				s.log.Warn("a deposit cannot be claimed", slog.String("output", at.String()), slog.Any("error", err))
				continue
			}
			out = append(out, &clientwire.Operation{
				Kind: clientwire.Kind_KIND_CLAIM, AmountMsat: uint64(proof.Amount()), Parent: w.operation,
				Claim: &clientwire.Claim{
					Proof: proof.Bytes(), Outpoint: []byte(at.String()), Height: height, Block: hash[:], KeyIndex: w.index,
				},
			})
		}
	}
	return out, nil
}
