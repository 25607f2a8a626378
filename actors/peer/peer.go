// Package peer is the actor of one remote member.
//
//	accepts  link events and what the member sends over the link (package wire),
//	         tohbbft.Send and ResetLink from HBBFT, topeer.Message from the processor
//	sends    tohbbft.PeerFrame to HBBFT, PeerUp to HBBFT and the processor, what
//	         the member tells, asks and serves to the processor, wire messages over
//	         the link
//
// It keeps no queue and remembers nothing of what passes. What is sent while the
// link is down or congested is dropped; when the link is usable again HBBFT and the
// processor are told, and repeat from their own state what the member may lack
// (H46). What is asked for is asked again by whoever lacks it.
//
// Bytes that are not what they should be end nothing: they are counted as faults
// of the member, and logged ever more rarely.
package peer

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/messages/wire"
)

// Route is the name under which a member reaches the actor of its own kind on
// the other side of the link.
const Route = "peer"

// Config is what a peer actor needs; all fields are required.
type Config struct {
	Peer messages.PeerID
	// Remote is the actor of our kind on the member's side.
	Remote    *actor.PID
	HBBFT     *actor.PID
	Consensus *actor.PID
	// Linked is told whether the link is up, for reports.
	Linked func(messages.PeerID, bool)
	// Reset ends the link, which is opened again.
	Reset func()
	// Fault is told of a fault of the member.
	Fault func(messages.PeerID, string)
}

// Peer is the actor.
type Peer struct {
	cfg    Config
	up     bool   // what is sent has a chance to arrive
	link   uint64 // number of the open link, 0 if unknown
	faults uint64 // so far
}

// Receives lists what a member may send over the link.
func Receives() []proto.Message {
	return []proto.Message{
		&wire.PeerFrame{}, &wire.OutcomeShare{}, &wire.Certificate{}, &wire.HeadersRequest{}, &wire.HeadersReply{},
		&wire.OutcomesRequest{}, &wire.OutcomesReply{}, &wire.SnapshotRequest{}, &wire.SnapshotReply{},
	}
}

// New returns the producer of a peer actor.
func New(cfg Config) actor.Producer {
	return func() actor.Actor { return &Peer{cfg: cfg} }
}

// Receive implements actor.Actor.
func (p *Peer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		// After a restart the link may be up without a new event. If it is not,
		// what is sent gets lost, as it may anyway. The frame over which the former
		// incarnation failed is lost too, and its sender does not know.
		p.up = true
		p.resync(ctx, true)
	case link.Event:
		p.event(ctx, m)
	case *spawn.Lost:
		if e, ok := m.Message.(link.Event); ok {
			p.event(ctx, e) // it does not come again
		}
	case tohbbft.Send:
		if p.up {
			ctx.Send(p.cfg.Remote, m.Frame)
		}
	case tohbbft.ResetLink:
		if p.up || p.link != 0 { // one that is congested is open too
			ctx.Logger().Warn("nothing goes on, and nothing is heard of a peer: its link is opened anew", slog.Any("peer", p.cfg.Peer))
			p.cfg.Reset()
		}
	case topeer.Message:
		if p.up {
			ctx.Send(p.cfg.Remote, outbound(m))
		}
	case *wire.PeerFrame:
		p.frame(ctx, m)
	case *frames.Frame: // of a link that takes frames apart itself, as a simulated one may
		ctx.Send(p.cfg.HBBFT, tohbbft.PeerFrame{From: p.cfg.Peer, Frame: *m})
	case proto.Message:
		p.inbound(ctx, m)
	}
}

func (p *Peer) event(ctx actor.Context, e link.Event) {
	switch m := e.(type) {
	case *link.Up:
		p.up, p.link = true, m.Link
		p.cfg.Linked(p.cfg.Peer, true)
		ctx.Logger().Info("peer is connected", slog.Any("peer", p.cfg.Peer))
		p.resync(ctx, false)
	case *link.Down:
		p.down(ctx, m)
	case *link.Congested:
		p.up = false
	case *link.Writable:
		p.up = true
		p.resync(ctx, false)
	}
}

// down takes the end of a link. An attempt to open a second one beside the link
// that is up may end too, which changes nothing.
func (p *Peer) down(ctx actor.Context, m *link.Down) {
	if m.Ours && m.Code >= link.Code_CODE_VERSION && m.Code <= link.Code_CODE_SIZE {
		p.fault(ctx, m.String())
	}
	if p.link != 0 && m.Link != p.link {
		return
	}
	if p.up {
		ctx.Logger().Info("peer is disconnected", slog.Any("peer", p.cfg.Peer), slog.String("why", m.String()))
	}
	p.up, p.link = false, 0
	p.cfg.Linked(p.cfg.Peer, false)
}

// resync has HBBFT and the processor say again what they said of what is open,
// and HBBFT ask for what was missed here.
func (p *Peer) resync(ctx actor.Context, missed bool) {
	ctx.Send(p.cfg.HBBFT, tohbbft.PeerUp{Peer: p.cfg.Peer, Missed: missed})
	ctx.Send(p.cfg.Consensus, toconsensus.PeerUp{Peer: p.cfg.Peer})
}

// frame decodes what the member says and hands it to HBBFT.
func (p *Peer) frame(ctx actor.Context, m *wire.PeerFrame) {
	f, err := frames.Unpack(m.GetFrame())
	if err != nil {
		p.fault(ctx, "frame: "+err.Error())
		return
	}
	ctx.Send(p.cfg.HBBFT, tohbbft.PeerFrame{From: p.cfg.Peer, Frame: f})
}

// inbound decodes what the member tells, asks or serves, and hands it to the
// processor.
func (p *Peer) inbound(ctx actor.Context, m proto.Message) {
	typed, err := decode(p.cfg.Peer, m)
	if err != nil {
		p.fault(ctx, err.Error())
	} else if typed != nil {
		ctx.Send(p.cfg.Consensus, typed)
	}
}

// fault counts a fault of the member. The first is logged, then the second, the
// fourth and so on, so that a flood of faults does not become one of lines.
func (p *Peer) fault(ctx actor.Context, text string) {
	p.cfg.Fault(p.cfg.Peer, text)
	p.faults++
	if p.faults&(p.faults-1) == 0 {
		ctx.Logger().Warn("peer misbehaves", slog.Any("peer", p.cfg.Peer), slog.String("fault", text), slog.Uint64("faults", p.faults))
	}
}
