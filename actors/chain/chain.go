// Package chain is the actor that looks after a node's bitcoin node for the
// wallet module.
//
//	accepts  *timing.Tick, toconsensus.EpochCommitted, tochain.Message
//	sends    tomodule.Observed with a chainview.Observation to the wallet's host,
//	         tochain.Status to who asked
//
// It never blocks: every question to the bitcoin node is a survey that its
// worker, a child actor, carries out and answers. One survey is under way at a
// time, however slow the node is; the next is made of the newest committed
// state. What the state wants on the chain is offered again after every new
// block and after a while, because a bitcoin node forgets its mempool when it
// restarts. Agreed blocks are searched for the federation's transactions, and
// what is found is reported until the state has it.
//
// Nothing here decides anything: if the bitcoin node is dead, late or lying, this
// member votes for nothing, or wrongly, and the others outvote it. What the others
// would blame it for (hashes of no block, blocks that do not hold the transactions
// that come with them, proofs that no item can hold) is never reported, and a node
// whose answers never stay the same makes it look again no sooner than the tick.
package chain

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/chainview"
	"minimint/messages/timing"
	"minimint/messages/tochain"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/storage"
)

// Config is what the actor needs; all fields are required.
type Config struct {
	Wallet *wallet.Module
	// Store holds the committed state, in Scope that of the wallet module.
	Store storage.Store
	Scope storage.Scope
	// Module hosts the wallet module.
	Module    *actor.PID
	Consensus *actor.PID
	Clock     *actor.PID
	Spawn     *spawn.System
	Backend   Backend
	// Every is how often to look, FeeEvery how often to ask for a fee rate
	// when there is no new block, ResendEvery how often to repeat broadcasts
	// and reports.
	Every, FeeEvery, ResendEvery time.Duration
}

// maxScan bounds the blocks searched in one survey.
const maxScan = 8

// maxSend bounds the transactions offered in one survey: each may cost the node
// its whole deadline.
const maxSend = 8

// Chain is the actor.
type Chain struct {
	cfg    Config
	worker *actor.PID
	now    time.Time
	epoch  messages.Epoch // newest that was announced

	busy     bool // the worker is not ready or has a survey
	again    bool // look again when it has none
	followed bool // the newest answer had a new tip

	last     finding // newest answer of the node
	rate     timedRate
	cursor   uint32 // agreed blocks up to this height were searched
	asked    survey
	found    []chainview.Burial
	delivery delivery
}

// timedRate is the newest fee estimate and what it belongs to.
type timedRate struct {
	rate uint64
	tip  uint32 // the highest that was seen: a new block is above it
	at   time.Time
}

// delivery is what was handed on already.
type delivery struct {
	report     []byte
	reportedAt time.Time
	sent       []chainhash.Hash // offered since the newest block and the last resend
	sentTip    uint32
	sentAt     time.Time
}

// New returns the producer of the actor.
func New(cfg Config) actor.Producer {
	return func() actor.Actor { return &Chain{cfg: cfg} }
}

// Receive implements actor.Actor.
func (c *Chain) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.busy = true
		c.worker = ctx.Spawn(c.cfg.Spawn.Props(spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Minute}), newWorker(c.cfg.Backend)))
		ctx.Send(c.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: c.cfg.Every})
		ctx.Request(c.cfg.Consensus, toconsensus.Subscribe{})
	case *timing.Tick:
		c.now = m.Now
		ctx.Request(c.cfg.Consensus, toconsensus.Subscribe{}) // it may have restarted
		if !c.busy {
			c.look(ctx)
		}
	case toconsensus.EpochCommitted:
		if m.Epoch != c.epoch {
			c.epoch = m.Epoch
			c.look(ctx)
		}
	case ready, finding:
		// The worker of an earlier incarnation may still answer what that asked.
		if c.worker.Equal(ctx.Sender()) {
			c.returned(ctx, m)
		}
	case tochain.Message:
		c.decide(ctx, m)
	}
}

func (c *Chain) decide(ctx actor.Context, msg tochain.Message) {
	switch m := msg.(type) {
	case tochain.Look:
		c.look(ctx)
	case tochain.WantStatus:
		ctx.Respond(c.status(m.Request))
	default:
		panic(fmt.Sprintf("chain: message of unknown type %T", msg))
	}
}

// returned gives the worker the next survey if there is a reason.
func (c *Chain) returned(ctx actor.Context, msg any) {
	c.busy = false
	look := true
	if f, ok := msg.(finding); ok {
		look = c.answered(ctx, f)
	}
	if look || c.again {
		c.look(ctx)
	}
}

// look sends the worker out, now or when it is back.
func (c *Chain) look(ctx actor.Context) {
	if c.busy {
		c.again = true
		return
	}
	snapshot, err := c.cfg.Store.View()
	if err != nil {
		ctx.Logger().Error("chain cannot read the state", slog.Any("error", err))
		return
	}
	defer snapshot.Release()
	c.asked = c.plan(storage.ScopedReader(snapshot, c.cfg.Scope))
	c.busy, c.again = true, false
	ctx.Request(c.worker, c.asked)
}

// plan makes the next survey from committed state.
func (c *Chain) plan(r storage.Reader) survey {
	s := survey{delay: c.cfg.Wallet.FinalityDelay(), wanted: wallet.WantedBurials(r)}
	s.base, s.agreed = c.cfg.Wallet.AgreedTip(r)
	s.fee = c.rate.at.IsZero() || c.last.view.Tip > c.rate.tip || c.now.Sub(c.rate.at) >= c.cfg.FeeEvery
	c.found = slices.DeleteFunc(c.found, func(b chainview.Burial) bool { return !isWanted(s.wanted, b.TxID) })

	c.rewind(s.base, s.wanted)
	for height := c.cursor + 1; height <= s.base && len(s.scan) < maxScan; height++ {
		hash, ok := wallet.BlockAt(r, height)
		if !ok {
			break // below the birthday
		}
		s.scan = append(s.scan, hash)
	}
	s.send = c.unsent(wallet.PendingBroadcasts(r))
	return s
}

// rewind makes sure that agreed blocks are searched for each transaction from
// the height on at which its payment was accepted.
func (c *Chain) rewind(base uint32, wanted []wallet.Wanted) {
	low := base
	for _, w := range wanted {
		for _, id := range w.TxIDs {
			if !isWanted(c.asked.wanted, id) {
				low = min(low, w.Since)
			}
		}
	}
	if len(wanted) == 0 || len(c.asked.wanted) == 0 {
		c.cursor = low
	}
	c.cursor = min(c.cursor, low)
}

// unsent returns what the node was not offered since the newest block, or for
// too long.
func (c *Chain) unsent(raw [][]byte) []*wire.MsgTx {
	d := &c.delivery
	if c.last.view.Tip > d.sentTip || c.now.Sub(d.sentAt) >= c.cfg.ResendEvery {
		d.sent, d.sentTip, d.sentAt = nil, c.last.view.Tip, c.now
	}
	var out []*wire.MsgTx
	for _, b := range raw {
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(b)); err != nil {
			panic(fmt.Sprintf("chain: stored transaction: %v", err))
		}
		if !slices.Contains(d.sent, tx.TxHash()) && len(out) < maxSend {
			out = append(out, tx)
		}
	}
	return out
}

// answered takes what the worker found out, reports it, and tells whether to
// look again at once.
func (c *Chain) answered(ctx actor.Context, f finding) bool {
	if f.problem != nil && (c.last.problem == nil || c.last.problem.Error() != f.problem.Error()) {
		ctx.Logger().Warn("bitcoin node", slog.Any("error", f.problem))
	}
	if !f.seen {
		c.last.problem = f.problem
		return false
	}
	// A new block is a reason to repeat broadcasts, and to do it now; a tip that
	// is new each time is not, or a lying node would keep its member spinning.
	newBlock := f.view.Tip != c.last.view.Tip
	follow := newBlock && !c.followed
	c.followed = newBlock
	if f.fee {
		c.rate = timedRate{rate: f.view.FeeRate, tip: max(c.rate.tip, c.last.view.Tip, f.view.Tip), at: c.now}
	}
	c.last = f
	c.cursor += uint32(f.scanned)
	for _, b := range f.found {
		if !slices.ContainsFunc(c.found, func(o chainview.Burial) bool { return o.TxID == b.TxID }) {
			c.found = append(c.found, b)
		}
	}
	c.delivery.sent = append(c.delivery.sent, f.offered...)
	c.report(ctx)
	return f.scanned == maxScan || follow // older blocks to search, broadcasts to repeat
}

// report hands the view to the wallet module if it is new, and now and then
// again, since the module's host may have restarted.
func (c *Chain) report(ctx actor.Context) {
	view := c.last.view
	view.FeeRate = c.rate.rate
	view.Burials = c.found[:min(len(c.found), chainview.MaxBurials)]
	body := view.Encode()
	d := &c.delivery
	if bytes.Equal(body, d.report) && c.now.Sub(d.reportedAt) < c.cfg.ResendEvery {
		return
	}
	d.report, d.reportedAt = body, c.now
	ctx.Send(c.cfg.Module, tomodule.Observed{Body: body})
}

func (c *Chain) status(request uint64) tochain.Status {
	view := c.last.view
	out := tochain.Status{
		Request: request, Tip: view.Tip, BaseHeight: view.BaseHeight, FeeRate: c.rate.rate, Broadcasts: len(c.asked.wanted),
		Orphaned: view.BaseHeight == c.asked.base && view.BaseHash != chainhash.Hash{} && view.BaseHash != c.asked.agreed,
	}
	if c.last.problem != nil {
		out.Problem = c.last.problem.Error()
	}
	return out
}
