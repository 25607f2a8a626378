package consensus

import (
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/certificate"
	"minimint/actors/consensus/history"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/storage"
)

// notary makes certificates, keeps what it learns until it is written, and stops
// the member when it is wrong.
type notary struct {
	collector *certificate.Collector
	pending   pending
	alarm     *history.Alarm // nil while all is well
	faults    []uint64       // by PeerID, so far
}

// pending is to be written with the next commit, or at the next tick. It is not
// lost for good in a crash: others have the certificates, and liars lie again.
type pending struct {
	certificates []statement.Certificate
	evidence     []statement.Contradiction
	aged         bool // a tick has passed
}

func (w pending) empty() bool { return len(w.certificates)+len(w.evidence) == 0 }

func (w pending) write(tx storage.Tx) {
	for _, c := range w.certificates {
		history.WriteCertificate(tx, c)
	}
	for _, c := range w.evidence {
		history.WriteEvidence(tx, c)
	}
}

// hearShare takes a peer's share.
func (p *Processor) hearShare(ctx actor.Context, m toconsensus.ShareTold) {
	if e := m.Share.Statement.Epoch; e > p.position.Next {
		p.remote.peers.Ahead(m.Peer, e+1) // out of HBBFT's reach
		p.ask(ctx, p.remote.peers.Ask())
	}
	p.perform(ctx, m.Peer, p.notary.collector.Heard(m.Peer, m.Share))
	if !m.Again || p.notary.alarm != nil {
		return
	}
	share, cert := p.notary.collector.Answer(m.Peer, m.Share.Statement.Epoch)
	if share != nil {
		p.send(ctx, m.Peer, topeer.Share{Share: *share})
	}
	if cert != nil {
		p.send(ctx, m.Peer, topeer.Certificate{Certificate: *cert})
	}
}

// hearCertificate takes a certificate of a peer.
func (p *Processor) hearCertificate(ctx actor.Context, m toconsensus.CertificateTold) {
	if e := m.Certificate.Statement.Epoch; e >= p.position.Next {
		p.remote.peers.Ahead(m.Peer, e+1)
	}
	p.perform(ctx, m.Peer, p.notary.collector.HeardCertificate(m.Peer, m.Certificate))
}

// perform does what the collector asks for, after it heard from a member.
func (p *Processor) perform(ctx actor.Context, from messages.PeerID, step certificate.Step) {
	for _, f := range step.Faults {
		p.fault(f.Peer, f.String())
	}
	for _, c := range step.Evidence {
		p.log.Error("a member signed two statements about one epoch; the proof is in the store", slog.Uint64("peer", uint64(c.Member)),
			slog.String("one", c.One.Statement.String()), slog.String("other", c.Other.Statement.String()))
		p.notary.pending.evidence = append(p.notary.pending.evidence, c)
	}
	if d := step.Divergence; d != nil {
		text := fmt.Sprintf("%d members signed something else than %s, which this member has", len(d.Shares), d.Own)
		if d.Certified != nil {
			text = fmt.Sprintf("n−f members signed %s, this member has %s", d.Certified.Statement, d.Own)
		}
		p.halt(ctx, history.Alarm{Epoch: d.Own.Epoch, Text: text, Own: d.Own, Certified: d.Certified, Shares: d.Shares})
		return
	}
	if step.Certificate != nil {
		p.keepCertificate(*step.Certificate)
	}
	if step.Share != nil {
		for id := range p.cfg.Peers {
			p.send(ctx, messages.PeerID(id), topeer.Share{Share: *step.Share, Again: step.Again})
		}
	}
	if step.Proven > 0 {
		p.remote.peers.Proven(from, step.Proven)
		p.ask(ctx, p.remote.peers.Ask())
	}
}

// keepCertificate has a certificate of a committed epoch written soon.
func (p *Processor) keepCertificate(c statement.Certificate) {
	p.notary.pending.certificates = append(p.notary.pending.certificates, c)
	p.log.Debug("epoch certified", slog.Uint64("epoch", uint64(c.Statement.Epoch)))
}

// send tells a peer something; nobody is there for this member itself.
func (p *Processor) send(ctx actor.Context, to messages.PeerID, m topeer.Message) {
	if pid := p.cfg.Peers[to]; pid != nil {
		ctx.Send(pid, m)
	}
}

// repeat tells a peer again what it may have missed, which also shows it where this
// member is.
func (p *Processor) repeat(ctx actor.Context, to messages.PeerID) {
	shares, newest := p.notary.collector.Repeat()
	for _, s := range shares {
		p.send(ctx, to, topeer.Share{Share: s})
	}
	if newest != nil {
		p.send(ctx, to, topeer.Certificate{Certificate: *newest})
	}
}

// keepProofs lets time pass for the collector, and writes what waited for a commit
// that did not come.
func (p *Processor) keepProofs(ctx actor.Context) {
	p.perform(ctx, p.cfg.Self, p.notary.collector.Tick())
	if w := &p.notary.pending; p.notary.alarm != nil || w.empty() {
		return
	} else if !w.aged {
		w.aged = true
		return
	}
	err := p.cfg.Store.Update(func(tx storage.Tx) error { p.notary.pending.write(tx); return nil })
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: write certificates: %w", err))
	}
	p.notary.pending = pending{}
}

// halt stops this member for good: its state is not what correct members agreed
// on, so whatever it said from now on would be wrong. The evidence stays in the
// store, and so does the alarm: a restart changes nothing. An operator has to find
// out why, and then starts the member without its data.
func (p *Processor) halt(ctx actor.Context, a history.Alarm) {
	err := p.cfg.Store.Update(func(tx storage.Tx) error {
		p.notary.pending.write(tx)
		history.WriteAlarm(tx, a)
		return nil
	})
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: write the alarm %q: %w", a.Text, err))
	}
	p.notary.alarm, p.notary.pending = &a, pending{}
	p.alarm(ctx)
}

// alarm says to whom it concerns that this member has stopped.
func (p *Processor) alarm(ctx actor.Context) {
	p.log.Error("ALARM: this member has diverged from the federation and takes no part any more; keep its data for examination and start it with an empty data directory",
		slog.Uint64("epoch", uint64(p.notary.alarm.Epoch)), slog.String("why", p.notary.alarm.Text))
	ctx.Send(p.cfg.HBBFT, tohbbft.Halt{})
	p.remote.offer.withdraw()
	p.remote.offer = nil
}

// decline is decide for a member that has stopped.
func (p *Processor) decline(ctx actor.Context, msg toconsensus.Message) {
	switch m := msg.(type) {
	case toconsensus.Submit:
		ctx.Respond(toconsensus.Submitted{Request: m.Request, From: p.position.Next, Rejection: messages.RejectForNow(messages.RejectBusy,
			"this member has stopped, since its state is not what the others agreed on; ask another")})
	case toconsensus.Subscribe:
		p.subscribe(ctx)
	case toconsensus.Unsubscribe:
		p.subscribers.remove(ctx.Sender())
	case toconsensus.ModuleItems, toconsensus.WantContribution, toconsensus.Agreed, toconsensus.PeerAhead, toconsensus.PeerBehind, toconsensus.PeerUp, toconsensus.JournalOutdated,
		toconsensus.ShareTold, toconsensus.CertificateTold, toconsensus.HeadersWanted, toconsensus.OutcomesWanted, toconsensus.SnapshotWanted,
		toconsensus.HeadersServed, toconsensus.OutcomesServed, toconsensus.SnapshotServed:
	}
}
