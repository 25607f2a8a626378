package consensus

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/snapshot"
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
// of them asks, right after an epoch, and served from when that epoch is certified.
// The nil offer is none.
type offer struct {
	view        storage.Snapshot
	statement   statement.Statement
	certificate *statement.Certificate
	idle, life  int
}

// certify takes the certificate of an epoch.
func (o *offer) certify(c statement.Certificate) {
	if o != nil && c.Statement == o.statement {
		o.certificate = &c
	}
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
		p.renewOffer()
	}
	o := p.remote.offer
	if o == nil || o.certificate == nil || !m.First && m.Epoch != o.statement.Epoch {
		p.send(ctx, m.Peer, reply)
		return
	}
	o.idle = 0
	reply.Epoch = o.statement.Epoch
	if m.First {
		reply.Certificate, reply.Offset = o.certificate, 0
		m.After, m.Skip = nil, 0
	}
	reply.Body = snapshot.Cut(o.view, m.After, m.Skip, topeer.PieceBytes)
	p.send(ctx, m.Peer, reply)
}

// renewOffer opens a snapshot if there is none, or if the one that waits for its
// certificate will not get it: a later epoch was certified instead.
func (p *Processor) renewOffer() {
	newest := p.notary.collector.Newest()
	if o := p.remote.offer; o != nil {
		if o.certificate != nil || newest == nil || newest.Statement.Epoch <= o.statement.Epoch {
			return
		}
		o.withdraw()
		p.remote.offer = nil
	}
	if p.position.Next == 0 {
		return
	}
	view, err := p.cfg.Store.View()
	if err != nil {
		panic(fmt.Sprintf("consensus: open snapshot: %v", err))
	}
	s, ok := history.FindStatement(view, p.position.Next-1)
	if !ok {
		panic(fmt.Sprintf("consensus: the statement of epoch %d is lost", p.position.Next-1))
	}
	p.remote.offer = &offer{view: view, statement: s}
	if newest != nil {
		p.remote.offer.certify(*newest)
	}
}
