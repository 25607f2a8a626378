package hbbft

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/wire"
)

// take adds a step to those that the next flush performs, which comes after all
// that is in the mailbox now, or a little later if all can wait. Only a contribution is
// asked for at once: that promises nobody anything, and what this member echoes when it
// opens an epoch can wait for its own proposal.
func (h *Instance) take(ctx actor.Context, step honeybadger.Step) {
	for _, epoch := range step.Wanted {
		ctx.Send(h.cfg.Consensus, toconsensus.WantContribution{Epoch: epoch})
	}
	step.Wanted = nil
	h.pending.Join(step)
	switch {
	case h.due || !h.marked && step.Empty():
	case h.cfg.Timer == nil || !step.CanWait():
		h.due = true
		ctx.Send(ctx.Self(), flush{})
	case !h.lingers:
		h.lingers = true
		root, self := ctx.ActorSystem().Root, ctx.Self()
		h.cfg.Timer.After(linger(h.cfg.Core.Members), func() { root.Send(self, waited{}) })
	}
}

// flush performs what was taken: durable first, then told.
func (h *Instance) flush(ctx actor.Context) {
	step := h.pending
	h.pending, h.due = honeybadger.Step{}, false
	h.journal.mark.position, h.journal.mark.heard = h.core.Position(), h.recall.heard
	if err := h.journal.write(step.Records, h.marked, h.core.Journal); err != nil {
		spawn.Halt(fmt.Errorf("hbbft: %w", err))
	}
	h.marked = false
	h.send(ctx, step.Sends)
	for _, o := range step.Outcomes {
		ctx.Send(h.cfg.Consensus, toconsensus.Agreed{Outcome: agreed(o)})
	}
	for _, a := range step.Ahead {
		ctx.Send(h.cfg.Consensus, toconsensus.PeerAhead{Peer: a.Peer, Epoch: a.Epoch})
	}
	for _, b := range step.Behind {
		ctx.Send(h.cfg.Consensus, toconsensus.PeerBehind{Peer: b.Peer, Epoch: b.Epoch})
	}
	for _, peer := range step.Resets {
		ctx.Send(h.cfg.Peers[peer], tohbbft.ResetLink{})
	}
	for _, f := range step.Faults {
		h.log.Warn("peer misbehaves", slog.Uint64("peer", uint64(f.Peer)), slog.String("fault", string(f.Kind)),
			epochOf(f.Epoch), slog.Uint64("proposer", uint64(f.Proposer)), slog.Bool("convicts", f.Kind.Transferable()))
		if h.cfg.Fault != nil {
			h.cfg.Fault(f)
		}
	}
}

func agreed(o honeybadger.Outcome) outcome.Outcome {
	out := outcome.Outcome{Epoch: o.Epoch}
	for _, c := range o.Contributions {
		out.Contributions = append(out.Contributions, outcome.Member{Peer: c.Peer, Contribution: c.Payload})
	}
	return out
}

// send merges statements into one frame per peer and epoch. Every frame tells
// where this member is, so what only tells that needs a frame of its own only
// if there is no other. Peers for which nothing is said alone, which is nearly
// always all, get the same frames: they are encoded once.
func (h *Instance) send(ctx actor.Context, sends []honeybadger.Send) {
	alone := make([]bool, len(h.cfg.Peers))
	for _, s := range sends {
		if s.To != nil {
			alone[*s.To] = true
		}
	}
	var common []*wire.PeerFrame
	for i, pid := range h.cfg.Peers {
		if pid == nil {
			continue
		}
		parts := common
		if alone[i] || common == nil {
			parts = h.frames(messages.PeerID(i), sends)
		}
		if !alone[i] {
			common = parts
		}
		for _, part := range parts {
			ctx.Send(pid, tohbbft.Send{Frame: part})
		}
	}
}

// frames returns what a peer is sent, encoded.
func (h *Instance) frames(peer messages.PeerID, sends []honeybadger.Send) []*wire.PeerFrame {
	next := h.core.Position().Next
	var parts []*wire.PeerFrame
	list := merge(peer, sends)
	for k, f := range list {
		f.Era, f.Next, f.Said = h.cfg.Core.Era, next, h.journal.said
		if k == len(list)-1 && greets(peer, sends) {
			f.Heard = h.recall.heard[peer] + 1
		}
		for _, part := range frames.Split(f) {
			parts = append(parts, &wire.PeerFrame{Frame: frames.Encode(part)})
		}
	}
	return parts
}

// greets reports whether a peer is told where this member is because it asked or its
// link came up: then it is told as well what was heard from it.
func greets(peer messages.PeerID, sends []honeybadger.Send) bool {
	return slices.ContainsFunc(sends, func(s honeybadger.Send) bool { return s.Statement == nil && s.To != nil && *s.To == peer })
}

// merge returns the frames for one peer, in the order of their first
// statements.
func merge(peer messages.PeerID, sends []honeybadger.Send) []frames.Frame {
	var out []frames.Frame
	var bare *honeybadger.Send
	again := false
	for i, s := range sends {
		if s.To != nil && *s.To != peer {
			continue
		}
		again = again || s.Again
		if s.Statement == nil && !s.Calls {
			bare = &sends[i]
			continue
		}
		at := 0
		for at < len(out) && out[at].Epoch != s.Epoch {
			at++
		}
		if at == len(out) {
			out = append(out, frames.Frame{Epoch: s.Epoch})
		}
		if s.Calls {
			out[at].Calls = true
			continue
		}
		out[at].Statements = append(out[at].Statements, s.Statement)
	}
	if len(out) == 0 && bare != nil {
		out = append(out, frames.Frame{Epoch: bare.Epoch})
	}
	if again {
		out[0].Again = true
	}
	return out
}
