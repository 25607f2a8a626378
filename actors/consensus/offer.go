package consensus

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/certificate"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/snapshot"
	"minimint/actors/spawn"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
	"minimint/storage"
)

// How long a snapshot stays on offer, in ticks: without being asked for, and at
// all, since it keeps the store from using again what it has freed.
const (
	offerIdle = 600
	offerLife = 36_000
)

// offer is a snapshot of the store that peers may copy. It is opened when the first
// of them asks, right after an epoch, and served from when that epoch is attested.
// The nil offer is none.
type offer struct {
	view       storage.Snapshot
	statement  statement.Statement
	attested   *statement.Attested
	idle, life int
}

// age returns what is still on offer after another tick.
func (o *offer) age() *offer {
	if o == nil {
		return nil
	}
	o.idle++
	o.life++
	if o.idle < offerIdle && o.life < offerLife {
		return o
	}
	o.withdraw()
	return nil
}

func (o *offer) withdraw() {
	if o != nil {
		o.view.Release()
	}
}

// serveSnapshot answers a peer with a piece of a snapshot, or with nothing.
func (p *Processor) serveSnapshot(ctx actor.Context, m toconsensus.SnapshotWanted) {
	reply := topeer.ServeSnapshot{Epoch: m.Epoch, Offset: m.Offset}
	if m.First {
		p.renewOffer(ctx)
	}
	o := p.remote.offer
	if o == nil || o.attested == nil || !m.First && m.Epoch != o.statement.Epoch {
		p.send(ctx, m.Peer, reply)
		return
	}
	o.idle = 0
	reply.Epoch = o.statement.Epoch
	if m.First {
		reply.Attested, reply.Offset = o.attested, 0
		m.After, m.Skip = nil, 0
	}
	reply.Body = snapshot.Cut(o.view, m.After, m.Skip, topeer.PieceBytes)
	p.send(ctx, m.Peer, reply)
}

// renewOffer opens a snapshot if there is none that is attested, or still can be.
func (p *Processor) renewOffer(ctx actor.Context) {
	p.attestOffer(ctx)
	if o := p.remote.offer; o != nil && o.attested == nil && o.statement.Epoch+certificate.Window < p.position.Next {
		o.withdraw()
		p.remote.offer = nil
	}
	if p.remote.offer != nil || p.position.Next == 0 {
		return
	}
	view, err := p.cfg.Store.View()
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: open snapshot: %w", err))
	}
	s, ok := history.FindStatement(view, p.position.Next-1)
	if !ok {
		panic(fmt.Sprintf("consensus: the statement of epoch %d is lost", p.position.Next-1))
	}
	p.remote.offer = &offer{view: view, statement: s}
	p.attestOffer(ctx)
}

// attestOffer looks whether what is on offer is attested by now.
func (p *Processor) attestOffer(ctx actor.Context) {
	if o := p.remote.offer; o != nil && o.attested == nil {
		attested, step := p.notary.collector.Attest(o.statement.Epoch)
		o.attested = attested
		p.perform(ctx, p.cfg.Self, step)
	}
}
