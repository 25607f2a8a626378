// Package consensus is the consensus processor: the single writer of a
// member's state.
//
//	accepts  toconsensus.Message from sessions, modules, HBBFT and peers; timing.Tick
//	sends    toconsensus.Submitted and EpochCommitted to whoever asked,
//	         tohbbft.WorkPending, Contribution, EpochCommitted and Halt to HBBFT,
//	         topeer.Message to peers
//
// Each agreed outcome becomes one storage commit: the writes of all its
// transactions, the outcome, the number of the next epoch, the state hash, and the
// statement about all this that the member signs when the commit is durable. What
// is announced after that carries only the epoch. A submission is answered
// when the transaction stands in the pool's file; many submissions share one
// sync. On a restart everything is read back from store and file, whoever
// works with the processor says again what it lost, and whoever waits for an
// acknowledgement gets it, by what the file holds.
//
// Shares of statements become certificates (package certificate), which are
// written with the next commit, or at a tick if there is none. A member that is
// behind gets epochs from others (package catchup), many in one commit, and if
// they have forgotten them a whole state (package snapshot). A member that finds
// out that n−f others signed something else than it has stops for good: see halt.
//
// A disk that fails is no reason to try again: nobody knows what it has kept.
// The processor ends its process (spawn.Halt), and the next one finds out.
package consensus

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/certificate"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/storage"
	"minimint/storage/disk"
)

// every is how often the pool ages and missing outcomes are asked for again.
const every = 100 * time.Millisecond

// DefaultRetain is how many certified epochs are kept for peers, unless the
// operator says otherwise.
const DefaultRetain = 10_000

// Config is what a processor needs; all fields but Past and Fault are required.
type Config struct {
	Federation messages.FederationID
	Era        messages.Era
	Self       messages.PeerID
	Members    int
	Key        statement.Signer // of certificates, with this member's share of the secret
	Transition *transition.Transition
	Store      storage.Store
	Past       Past
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

// Past says what to do about the past.
type Past struct {
	// Retain is how many certified epochs are kept for peers that lack them;
	// DefaultRetain if 0.
	Retain uint64
	// Lost says that an empty store is not the beginning: this member may have
	// spoken in epochs that it does not know. It then lets HBBFT begin only when
	// n−f others have said where they are and it has followed them.
	Lost bool
}

// Processor is the actor.
type Processor struct {
	cfg         Config
	position    history.Position
	refusals    refusals.List
	intake      *intake
	unsynced    *acknowledgements
	memory      *memory
	agenda      agenda
	subscribers subscribers
	notary      notary
	remote      remote
	log         *slog.Logger
}

// New returns the producer of a processor.
func New(cfg Config) actor.Producer {
	if len(cfg.Peers) != cfg.Members || int(cfg.Self) >= cfg.Members || cfg.Rand == nil || cfg.Key == nil {
		panic(fmt.Sprintf("consensus: member %d of %d with %d peer actors, or without randomness or key", cfg.Self, cfg.Members, len(cfg.Peers)))
	}
	if cfg.Past.Retain == 0 {
		cfg.Past.Retain = DefaultRetain
	}
	unsynced, past := new(acknowledgements), new(memory)
	return func() actor.Actor { return &Processor{cfg: cfg, unsynced: unsynced, memory: past} }
}

// Receive implements actor.Actor.
func (p *Processor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		p.close()
	case *timing.Tick:
		p.tick(ctx)
	case flush:
		p.flush(ctx)
	case proceed:
		p.proceed(ctx)
	case toconsensus.Message:
		if p.notary.alarm != nil {
			p.decline(ctx, m)
		} else {
			p.decide(ctx, m)
		}
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
		p.remote.peers.Ahead(m.Peer, m.Epoch)
		p.ask(ctx, p.remote.peers.Ask())
	case toconsensus.PeerBehind:
		p.repeat(ctx, m.Peer)
	case toconsensus.PeerUp:
		p.up(ctx, m.Peer)
	case toconsensus.JournalOutdated:
		p.locate(ctx)
	case toconsensus.ShareTold:
		p.hearShare(ctx, m)
	case toconsensus.CertificateTold:
		p.hearCertificate(ctx, m)
	case toconsensus.HeadersWanted:
		p.serve(ctx, m.Peer, m)
	case toconsensus.OutcomesWanted:
		p.serve(ctx, m.Peer, m)
	case toconsensus.SnapshotWanted:
		p.serve(ctx, m.Peer, m)
	case toconsensus.HeadersServed:
		p.headers(ctx, m)
	case toconsensus.OutcomesServed:
		p.outcomes(ctx, m)
	case toconsensus.SnapshotServed:
		p.snapshot(ctx, m)
	default:
		panic(fmt.Sprintf("consensus: message of unknown type %T", msg))
	}
}

// start reads everything back, and ends the process if it cannot: a member must
// not guess its state.
func (p *Processor) start(ctx actor.Context) {
	p.log = ctx.Logger()
	if err := p.load(); err != nil {
		spawn.Halt(fmt.Errorf("consensus: %w", err))
	}
	p.remote = newRemote(p.cfg, p.position, p.memory)
	ctx.Send(p.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: every})
	p.log.Info("consensus starts", slog.Uint64("epoch", uint64(p.position.Next)), slog.Int("pooled", p.intake.pool.Len()))
	if p.notary.alarm != nil {
		p.alarm(ctx)
		return
	}
	p.tellHBBFT(ctx)
	p.answerForFormer(ctx)
	p.workPending(ctx)
}

// load reads position, refusals, what was signed, and pool back.
func (p *Processor) load() error {
	snap, err := p.cfg.Store.View()
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer snap.Release()
	p.position, p.refusals = history.ReadPosition(snap), refusals.Read(snap)
	p.notary = notary{faults: make([]uint64, p.cfg.Members), collector: certificate.New(certificate.Config{
		Era: p.cfg.Era, Self: p.cfg.Self, Members: p.cfg.Members, Key: p.cfg.Key,
	}, p.position.Next, history.RecentStatements(snap, p.position.Next, certificate.Window), history.NewestCertificate(snap))}
	if alarm, ok := history.ReadAlarm(snap); ok {
		p.notary.alarm = &alarm
	}
	p.intake, err = openIntake(p.cfg, snap)
	return err
}

// close lets go of what a next incarnation needs.
func (p *Processor) close() {
	p.remote.offer.withdraw()
	if p.intake != nil {
		p.intake.close()
	}
}

// tick lets the pool age and, if something is missing here or at peers, asks and
// serves again.
func (p *Processor) tick(ctx actor.Context) {
	if p.notary.alarm != nil {
		ctx.Send(p.cfg.HBBFT, tohbbft.Halt{}) // it may have restarted
		return
	}
	p.intake.pool.Tick()
	p.workPending(ctx)
	p.keepProofs(ctx)
	p.tickRemote(ctx)
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

// fault reports what no correct member does. The first of a member is logged, then
// the second, the fourth and so on: a flood of faults does not become one of lines.
func (p *Processor) fault(peer messages.PeerID, text string) {
	p.notary.faults[peer]++
	if n := p.notary.faults[peer]; n&(n-1) == 0 {
		p.log.Warn("peer misbehaves", slog.Uint64("peer", uint64(peer)), slog.String("fault", text), slog.Uint64("faults", n))
	}
	p.note(peer, text)
}

// note counts a fault without a line in the log.
func (p *Processor) note(peer messages.PeerID, text string) {
	if p.cfg.Fault != nil {
		p.cfg.Fault(peer, text)
	}
}

// chain is what the next statement continues.
func (p *Processor) chain() statement.Chain {
	return statement.Chain{Federation: p.cfg.Federation, Era: p.cfg.Era, Next: p.position.Next, Previous: p.position.Previous}
}
