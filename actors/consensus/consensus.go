// Package consensus is the consensus processor: the single writer of a
// member's state.
//
//	accepts  toconsensus.Message from sessions, modules, HBBFT and peers; timing.Tick
//	sends    toconsensus.Submitted and EpochCommitted to whoever asked,
//	         tohbbft.WorkPending, Contribution and EpochCommitted to HBBFT,
//	         topeer.AskOutcomes and ServeOutcomes to peers
//
// Each agreed outcome becomes one storage commit: the writes of all its
// transactions, the outcome, the number of the next epoch and the state hash.
// What is announced after that carries only the epoch. A submission is answered
// when the transaction stands in the pool's file; many submissions share one
// sync. On a restart everything is read back from store and file, and whoever
// works with the processor says again what it lost.
//
// A commit that failed leaves the store unusable until it is opened again, so a
// panic that follows from one repeats itself at the restart: the supervisor must
// end the process at the second failure in a row, and the next process finds out
// whether the commit survived.
package consensus

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/catchup"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/storage"
	"minimint/storage/disk"
)

// every is how often the pool ages and missing outcomes are asked for again.
const every = 100 * time.Millisecond

// Config is what a processor needs; all fields but Fault are required.
type Config struct {
	Federation messages.FederationID
	Self       messages.PeerID
	Members    int
	Transition *transition.Transition
	Store      storage.Store
	// PoolDisk and PoolFile say where the pool's file is; Rand salts a new one.
	PoolDisk disk.Disk
	PoolFile string
	Rand     io.Reader
	// HBBFT must exist before the processor starts: it waits for its first word.
	HBBFT *actor.PID
	Peers []*actor.PID // by PeerID; nil for this member
	Clock *actor.PID
	// Fault is told of every fault of a member, within the actor's turn.
	Fault func(messages.PeerID, string)
}

// Processor is the actor.
type Processor struct {
	cfg         Config
	position    history.Position
	refusals    history.Refusals
	presence    presence
	intake      *intake
	unsynced    []acknowledgement
	agenda      agenda
	subscribers subscribers
	peers       *catchup.Peers
	requests    *catchup.Requests
	looked      bool // all peers were asked whether they are ahead
	log         *slog.Logger
}

// New returns the producer of a processor.
func New(cfg Config) actor.Producer {
	if len(cfg.Peers) != cfg.Members || int(cfg.Self) >= cfg.Members || cfg.Rand == nil {
		panic(fmt.Sprintf("consensus: member %d of %d with %d peer actors, or no randomness", cfg.Self, cfg.Members, len(cfg.Peers)))
	}
	return func() actor.Actor { return &Processor{cfg: cfg} }
}

// Receive implements actor.Actor.
func (p *Processor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		if p.intake != nil {
			p.intake.close()
		}
	case *timing.Tick:
		p.tick(ctx)
	case flush:
		p.flush(ctx)
	case toconsensus.Message:
		p.decide(ctx, m)
	}
}

// decide is one case for each message that others send.
func (p *Processor) decide(ctx actor.Context, msg toconsensus.Message) {
	switch m := msg.(type) {
	case toconsensus.Submit:
		p.submit(ctx, m)
	case toconsensus.ModuleItems:
		p.setItems(ctx, m)
	case toconsensus.Subscribe:
		p.subscribe(ctx)
	case toconsensus.Unsubscribe:
		p.subscribers.remove(ctx.Sender())
	case toconsensus.WantContribution:
		p.contribute(ctx, m)
	case toconsensus.Agreed:
		p.agreed(ctx, m.Outcome)
	case toconsensus.PeerAhead:
		p.peers.Ahead(m.Peer, m.Epoch)
		p.ask(ctx, p.peers.Ask())
	case toconsensus.OutcomesWanted:
		if q := (catchup.Request{Peer: m.Peer, From: m.From}); p.requests.Admit(q) {
			p.serve(ctx, q)
		}
	case toconsensus.OutcomesServed:
		p.served(ctx, m)
	default:
		panic(fmt.Sprintf("consensus: message of unknown type %T", msg))
	}
}

// start reads everything back. A failure here panics: the supervisor tries
// once more and then ends the process, since a member must not guess its state.
func (p *Processor) start(ctx actor.Context) {
	p.log = ctx.Logger()
	if err := p.load(); err != nil {
		panic(fmt.Sprintf("consensus: %v", err))
	}
	p.peers = catchup.New(p.cfg.Federation, p.cfg.Members, p.position.Next)
	p.requests = catchup.NewRequests(p.cfg.Members)
	ctx.Send(p.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: every})
	p.log.Info("consensus starts", slog.Uint64("epoch", uint64(p.position.Next)), slog.Int("pooled", p.intake.pool.Len()))
	p.tellHBBFT(ctx)
	p.workPending(ctx)
}

// load reads position, refusals, presence and pool back.
func (p *Processor) load() error {
	snap, err := p.cfg.Store.View()
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer snap.Release()
	p.position, p.refusals = history.ReadPosition(snap), history.ReadRefusals(snap)
	p.presence = readPresence(snap, p.position.Next, p.cfg.Members)
	p.intake, err = openIntake(p.cfg, snap)
	return err
}

// tick lets the pool age and, if outcomes are missing here or at peers, asks and
// serves again.
func (p *Processor) tick(ctx actor.Context) {
	p.intake.pool.Tick()
	p.workPending(ctx)
	p.ask(ctx, p.peers.Tick())
	if !p.looked {
		// HBBFT says only once that a peer is ahead, perhaps to an incarnation
		// of this actor that is gone. Whoever is not linked yet does not hear
		// this, but tells where it is when it is.
		p.looked = true
		p.ask(ctx, p.peers.All())
	}
	for _, q := range p.requests.Tick() {
		p.serve(ctx, q)
	}
}

// workPending wakes HBBFT if there is something that this member should propose
// now (H52). What others should propose first is no reason: it would only start
// epochs that carry nothing.
func (p *Processor) workPending(ctx actor.Context) {
	if !p.agenda.empty() || p.intake.pool.HasDue(p.cfg.Self, p.cfg.Members) {
		ctx.Send(p.cfg.HBBFT, tohbbft.WorkPending{})
	}
}

// contribute answers HBBFT's question for this member's contribution.
func (p *Processor) contribute(ctx actor.Context, m toconsensus.WantContribution) {
	if m.Epoch != p.position.Next {
		return // HBBFT learns where we are from EpochCommitted and asks again
	}
	c := p.agenda.contribution(p.intake.pool.Due(p.cfg.Self, p.cfg.Members))
	ctx.Send(p.cfg.HBBFT, tohbbft.Contribution{Epoch: m.Epoch, Payload: c.Encode()})
}

// setItems replaces what one module wants to propose.
func (p *Processor) setItems(ctx actor.Context, m toconsensus.ModuleItems) {
	if refused := p.agenda.set(m); refused > 0 {
		p.log.Error("module proposes items that no contribution can hold", slog.String("module", string(m.Kind)), slog.Int("items", refused))
	}
	p.workPending(ctx)
}

func (p *Processor) subscribe(ctx actor.Context) {
	if p.subscribers.add(ctx.Sender()) && p.position.Next > 0 {
		ctx.Respond(toconsensus.EpochCommitted{Epoch: p.position.Next - 1})
	}
}

// fault reports what no correct member does.
func (p *Processor) fault(peer messages.PeerID, text string) {
	if p.cfg.Fault != nil {
		p.cfg.Fault(peer, text)
	}
}
