package consensus

import (
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/catchup"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/snapshot"
	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/storage"
)

// A commit of epochs that came from others holds at most so many of them, and so
// many bytes of outcomes.
const (
	batchEpochs = 256
	batchBytes  = 4 << 20
)

// idleTicks is how long an epoch may take that others have signed, before they are
// asked for it, and how often that is looked at.
const idleTicks = 10

// proceed is what the processor sends to itself between two such commits, so that
// others have their turn.
type proceed struct{}

// remote is what is asked of peers, and what they ask.
type remote struct {
	peers    *catchup.Peers
	requests *catchup.Requests[toconsensus.Message]
	fetch    *snapshot.Fetch
	offer    *offer // nil if no snapshot is on offer
	looked   bool   // all peers were asked where they are
	*memory
	busy bool // a proceed message is on its way
	idle int  // ticks since the last commit
}

// memory is what a member knows of the data that it lost. It outlives an incarnation:
// the store is not empty any more after a snapshot, and others may be further still.
type memory struct{ known, lost, wasLost bool } // lost until HBBFT is told where to begin

func newRemote(cfg Config, at history.Position, m *memory) remote {
	if !m.known {
		m.known, m.lost, m.wasLost = true, cfg.Past.Lost && at.Next == 0, cfg.Past.Lost && at.Next == 0
	}
	return remote{
		memory: m,
		peers: catchup.New(catchup.Config{
			Federation: cfg.Federation, Era: cfg.Era, Self: cfg.Self, Members: cfg.Members, Key: cfg.Key,
		}, at.Next, at.Previous),
		requests: catchup.NewRequests[toconsensus.Message](cfg.Members),
		fetch:    snapshot.NewFetch(cfg.Members, cfg.Era, cfg.Key),
	}
}

// settle goes on from where this member is now.
func (p *Processor) settle(ctx actor.Context) {
	if p.notary.alarm != nil {
		return
	}
	p.remote.idle = 0
	p.workPending(ctx)
	p.more(ctx)
}

// tellHBBFT tells where this member is, unless it has lost its data and does not
// know yet where it was.
func (p *Processor) tellHBBFT(ctx actor.Context) {
	if p.remote.lost {
		return
	}
	snap, err := p.cfg.Store.View()
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: open snapshot: %w", err))
	}
	defer snap.Release()
	m := tohbbft.EpochCommitted{Next: p.position.Next, Lost: p.remote.wasLost}
	m.Absent, m.AbsentBefore = transition.Absences(snap, p.cfg.Members)
	ctx.Send(p.cfg.HBBFT, m)
}

// locate is for a member whose HBBFT has lost a part of its journal, perhaps together
// with the newest epochs of the store: it is told nothing more before it is known
// where the others are, who were asked since this process began.
func (p *Processor) locate(ctx actor.Context) {
	if p.remote.wasLost {
		p.tellHBBFT(ctx) // if that is known
		return
	}
	p.remote.lost, p.remote.wasLost = true, true
}

// tickRemote lets time pass for everything between this member and others.
func (p *Processor) tickRemote(ctx actor.Context) {
	r := &p.remote
	if r.idle++; r.idle%idleTicks == 0 { // what others signed may come at any time
		for _, id := range p.notary.collector.Beyond() {
			r.peers.Ahead(id, p.position.Next+1)
		}
	}
	p.ask(ctx, r.peers.Tick())
	if !r.looked || r.lost && r.peers.ProbeDue() {
		// HBBFT says only once that a peer is ahead, perhaps to an incarnation
		// of this actor that is gone. Whoever is not linked yet does not hear
		// this, but tells where it is when it is.
		r.looked = true
		p.ask(ctx, r.peers.Probe())
	}
	if r.lost && r.peers.Located() {
		p.log.Info("this member knows where the others are, and begins", slog.Uint64("epoch", uint64(p.position.Next)))
		r.lost = false
		p.tellHBBFT(ctx)
	}
	r.fetch.Tick()
	p.wantSnapshot(ctx)
	r.offer = r.offer.age()
	p.attestOffer(ctx)
	for _, m := range r.requests.Tick() {
		p.answer(ctx, m)
	}
}

// up says again to a peer what it may have missed, and asks it again.
func (p *Processor) up(ctx actor.Context, id messages.PeerID) {
	p.repeat(ctx, id)
	p.remote.peers.Up(id)
	p.remote.fetch.Up(id)
	p.ask(ctx, p.remote.peers.Ask())
	p.wantSnapshot(ctx)
}

func (p *Processor) ask(ctx actor.Context, asks []catchup.Ask) {
	for _, a := range asks {
		if a.Count == 0 {
			p.send(ctx, a.Peer, topeer.AskHeaders{From: a.From})
		} else {
			p.send(ctx, a.Peer, topeer.AskOutcomes{From: a.From, Count: a.Count, Offset: a.Offset})
		}
	}
}

// headers takes headers that a peer served.
func (p *Processor) headers(ctx actor.Context, m toconsensus.HeadersServed) {
	faults, against := p.remote.peers.Headers(m)
	p.blame(faults)
	if against != nil {
		p.contradicted(ctx, *against)
		return
	}
	p.wantSnapshot(ctx)
	p.more(ctx)
}

// contradicted is for a certificate that builds on another epoch than the newest
// that this member has.
func (p *Processor) contradicted(ctx actor.Context, by statement.Certificate) {
	snap, err := p.cfg.Store.View()
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: open snapshot: %w", err))
	}
	own, _ := history.FindStatement(snap, p.position.Next-1)
	snap.Release()
	p.halt(ctx, history.Alarm{
		Epoch: own.Epoch, Text: fmt.Sprintf("what n−f members signed up to epoch %d does not follow %s, which this member has", by.Statement.Epoch, own),
		Own: own, Certified: &by,
	})
}

func (p *Processor) blame(faults []catchup.Fault) {
	for _, f := range faults {
		p.fault(f.Peer, f.Text)
	}
}

// outcomes takes outcomes that a peer served.
func (p *Processor) outcomes(ctx actor.Context, m toconsensus.OutcomesServed) {
	p.blame(p.remote.peers.Outcomes(m))
	p.more(ctx)
}

// more asks for what is lacking, and goes on if there is something to apply.
func (p *Processor) more(ctx actor.Context) {
	p.ask(ctx, p.remote.peers.Ask())
	if !p.remote.busy && len(p.remote.peers.Ready(1, 0)) > 0 {
		p.remote.busy = true
		ctx.Send(ctx.Self(), proceed{})
	}
}

// proceed applies some of the epochs that came from others.
func (p *Processor) proceed(ctx actor.Context) {
	p.remote.busy = false
	if p.notary.alarm != nil {
		return
	}
	ready := p.remote.peers.Ready(batchEpochs, batchBytes)
	if len(ready) == 0 {
		return
	}
	epochs := make([]epoch, len(ready))
	for i, b := range ready {
		o, err := outcome.Decode(b.Outcome, p.cfg.Members)
		if err != nil || o.Epoch != b.Statement.Epoch {
			panic(fmt.Sprintf("consensus: outcome that correct members signed for epoch %d: %v", b.Statement.Epoch, err))
		}
		epochs[i] = epoch{outcome: o, encoded: b.Outcome, expected: &ready[i].Statement, proven: b.Proven, certificate: b.Certificate}
	}
	p.apply(ctx, epochs...)
	p.settle(ctx)
}

// serve answers a peer now or, if it asks too much, later.
func (p *Processor) serve(ctx actor.Context, from messages.PeerID, m toconsensus.Message) {
	if p.remote.requests.Admit(from, m) {
		p.answer(ctx, m)
	}
}

func (p *Processor) answer(ctx actor.Context, msg toconsensus.Message) {
	snap, err := p.cfg.Store.View()
	if err != nil {
		p.log.Error("cannot serve peers", slog.Any("error", err))
		return
	}
	defer snap.Release()
	switch m := any(msg).(type) { // only requests come here
	case toconsensus.HeadersWanted:
		p.send(ctx, m.Peer, topeer.ServeHeaders{
			Proof: history.ReadProof(snap, m.From, topeer.MaxHeaders), Oldest: history.Oldest(snap, p.position.Next), Next: p.position.Next,
		})
	case toconsensus.OutcomesWanted:
		found := history.ReadExcerpt(snap, m.From, min(m.Count, topeer.MaxOutcomes), m.Offset, topeer.PieceBytes)
		p.send(ctx, m.Peer, topeer.ServeOutcomes{
			From: m.From, Oldest: history.Oldest(snap, p.position.Next), Outcomes: found.Outcomes, Part: found.Part, Offset: m.Offset, Last: found.Last,
		})
	case toconsensus.SnapshotWanted:
		p.serveSnapshot(ctx, m)
	default:
		panic(fmt.Sprintf("consensus: request of unknown type %T", msg))
	}
}

// wantSnapshot asks for a whole state if others have forgotten what is lacking.
func (p *Processor) wantSnapshot(ctx actor.Context) {
	from, needed := p.remote.peers.Pruned()
	if !needed {
		p.remote.fetch.Stop()
		return
	}
	if id, question := p.remote.fetch.Want(from); question != nil {
		p.log.Info("this member is too far behind for outcomes and asks for a snapshot", slog.Uint64("epoch", uint64(p.position.Next)), slog.Uint64("peer", uint64(id)))
		p.send(ctx, id, *question)
	}
}

// snapshot takes a piece of a snapshot, and installs it if it was the last.
func (p *Processor) snapshot(ctx actor.Context, m toconsensus.SnapshotServed) {
	question, state, fault := p.remote.fetch.Served(m, p.position.Next)
	switch {
	case fault != "":
		p.fault(m.Peer, fault)
		p.wantSnapshot(ctx)
	case question != nil:
		p.send(ctx, m.Peer, *question)
	case state != nil:
		p.install(ctx, state)
	}
}

// install replaces the state in one commit.
func (p *Processor) install(ctx actor.Context, s *snapshot.State) {
	said := s.Attested().Statement
	next := history.Position{Next: said.Epoch + 1, Previous: said.Link(p.cfg.Federation), State: s.Lattice(), Size: said.Header.Size}
	err := p.cfg.Store.Update(func(tx storage.Tx) error {
		s.Install(tx)
		history.Begin(tx, s.Attested())
		history.WritePosition(tx, next)
		return nil
	})
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: install the snapshot after epoch %d: %w", said.Epoch, err))
	}
	p.log.Info("snapshot installed", slog.Uint64("epoch", uint64(next.Next)), slog.String("state", next.StateHash().String()))
	p.remote.offer.withdraw()
	p.remote.offer = nil
	p.remote.peers.Advance(next.Next, next.Previous)
	p.intake.close()
	if err := p.load(); err != nil {
		spawn.Halt(fmt.Errorf("consensus: %w", err))
	}
	p.agenda.clear()
	for _, id := range p.subscribers.list {
		ctx.Send(id, toconsensus.EpochCommitted{Epoch: next.Next - 1})
	}
	p.tellHBBFT(ctx)
	p.settle(ctx)
}
