package consensus

import (
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/catchup"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
	"minimint/storage"
)

// serveBytes bounds the outcomes of one answer to a peer that is behind.
const serveBytes = 512 << 10

// maxLines bounds how much one epoch writes to the log about what members and
// clients did wrong.
const maxLines = 8

// agreed takes what HBBFT says that an epoch agreed on. It may say so again
// after a restart of either; only the next epoch is applied.
func (p *Processor) agreed(ctx actor.Context, o outcome.Outcome) {
	if o.Epoch == p.position.Next {
		p.apply(ctx, o)
		p.catchUp(ctx)
	}
	p.proceed(ctx)
}

// served takes outcomes that a peer gave and applies what f+1 peers agree on.
func (p *Processor) served(ctx actor.Context, m toconsensus.OutcomesServed) {
	if text := p.peers.Served(m.Peer, m.Outcomes); text != "" {
		p.log.Warn("peer misbehaves", slog.Uint64("peer", uint64(m.Peer)), slog.String("fault", text))
		p.fault(m.Peer, text)
	}
	if p.catchUp(ctx) {
		p.proceed(ctx)
	} else {
		p.ask(ctx, p.peers.Ask())
	}
}

// catchUp applies what is believed and reports whether that was anything.
func (p *Processor) catchUp(ctx actor.Context) bool {
	before := p.position.Next
	for {
		o, liars, ok := p.peers.Believed()
		if !ok {
			return p.position.Next > before
		}
		for _, liar := range liars {
			p.log.Warn("peer served a wrong outcome", slog.Uint64("peer", uint64(liar)), slog.Uint64("epoch", uint64(o.Epoch)))
			p.fault(liar, fmt.Sprintf("served a wrong outcome of epoch %d", o.Epoch))
		}
		p.apply(ctx, o)
	}
}

// proceed tells HBBFT where this member is, and goes on from there.
func (p *Processor) proceed(ctx actor.Context) {
	p.tellHBBFT(ctx)
	p.workPending(ctx)
	p.ask(ctx, p.peers.Ask())
}

func (p *Processor) tellHBBFT(ctx actor.Context) { ctx.Send(p.cfg.HBBFT, p.presence.message()) }

func (p *Processor) ask(ctx actor.Context, peers []messages.PeerID) {
	for _, id := range peers {
		if pid := p.cfg.Peers[id]; pid != nil {
			ctx.Send(pid, topeer.AskOutcomes{From: p.position.Next})
		}
	}
}

// apply makes one commit of an outcome and tells who waits for it.
func (p *Processor) apply(ctx actor.Context, o outcome.Outcome) {
	res, err := p.commit(o)
	if err != nil {
		panic(fmt.Sprintf("consensus: epoch %d: %v", o.Epoch, err))
	}
	p.presence.add(o)
	p.peers.Advance(p.position.Next)
	p.agenda.clear()
	p.intake.drop(res, p.log)
	p.report(o, res)
	for _, s := range p.subscribers.list {
		ctx.Send(s, toconsensus.EpochCommitted{Epoch: o.Epoch})
	}
}

// commit applies o to an overlay and writes overlay, outcome, refusals and
// position in one transaction of the store. Memory changes only after that.
func (p *Processor) commit(o outcome.Outcome) (transition.Result, error) {
	snap, err := p.cfg.Store.View()
	if err != nil {
		return transition.Result{}, fmt.Errorf("open snapshot: %w", err)
	}
	defer snap.Release()
	ov := storage.NewOverlay(snap)
	res, err := p.cfg.Transition.Apply(ov, o, p.intake.verified.has)
	if err != nil {
		return transition.Result{}, err
	}
	// The state hash costs one hash per changed key, not one per key.
	next := history.Position{Next: p.position.Next + 1, State: p.position.State}
	next.State.Apply(ov.Changes())
	refusals := p.refusals
	for _, r := range res.Rejected {
		refusals.Write(ov, r.Witness, history.Refusal{Epoch: o.Epoch, Tx: r.Tx, Rejection: r.Rejection})
	}
	history.WriteOutcome(ov, o)
	history.WritePosition(ov, next)
	if err := p.cfg.Store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
		return transition.Result{}, fmt.Errorf("commit: %w", err)
	}
	p.position, p.refusals = next, refusals
	return res, nil
}

// report logs what an epoch did, and tells the faults of its members.
func (p *Processor) report(o outcome.Outcome, res transition.Result) {
	epoch := slog.Uint64("epoch", uint64(o.Epoch))
	for i, f := range res.Faults {
		if i < maxLines {
			p.log.Warn("fault in a contribution", slog.Uint64("peer", uint64(f.Peer)), epoch, slog.String("fault", f.Text))
		}
		p.fault(f.Peer, f.Text)
	}
	for i, r := range res.Rejected {
		if i < maxLines {
			p.log.Info("transaction rejected", slog.String("txid", r.Tx.String()), epoch, slog.Any("code", r.Rejection.Code), slog.String("reason", r.Rejection.Text))
		}
	}
	p.log.Info("epoch committed", epoch, slog.Int("contributions", len(o.Contributions)), slog.Int("accepted", len(res.Accepted)),
		slog.Int("rejected", len(res.Rejected)), slog.Int("faults", len(res.Faults)), slog.String("state", p.position.StateHash().String()))
}

// serve answers a peer that is behind.
func (p *Processor) serve(ctx actor.Context, q catchup.Request) {
	pid := p.cfg.Peers[q.Peer]
	if pid == nil || q.From >= p.position.Next {
		return
	}
	snap, err := p.cfg.Store.View()
	if err != nil {
		p.log.Error("cannot serve outcomes", slog.Any("error", err))
		return
	}
	defer snap.Release()
	ctx.Send(pid, topeer.ServeOutcomes{Outcomes: history.EncodedOutcomes(snap, q.From, topeer.MaxOutcomes, serveBytes)})
}
