package hbbft

import (
	"bytes"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/wire"
)

// A recall is what this member has heard from each peer, and what each has heard
// from it. A journal that was restored from a backup, or lost its end on a disk
// that does not keep what it syncs, looks whole: only the others can tell that more
// was said than it holds.
//
// So a process says nothing of its own before n−f members, itself included, have
// told what they heard from it (without n−f there is no progress anyway), and it
// listens if f+1 of them heard more: one of those is correct. A single one may lie,
// and could keep members that restart silent with it until the federation stands
// still. That f+1 correct ones heard what was said is certain whenever all correct
// members did and at most f are faulty, this one included. What fewer heard shows only
// if they hold this member's proposal: it is signed, so one of them is enough.
type recall struct {
	heard  []uint64 // by PeerID: the highest Said that came from it
	claims []uint64 // by PeerID: the highest Heard that it told this process
	// sure says that the journal was found to be the newest, or that what follows from it
	// if it is not is known: silent and adopted are what the mark must say at least.
	sure    bool
	silent  messages.Epoch
	adopted uint64
	// proven says that a peer holds a proposal of this member that the journal lacks;
	// looked, by PeerID, how many such were examined since the last commit.
	proven bool
	looked []int
	// reported says that the processor was told, and has not answered yet.
	reported bool
	waited   int // ticks since peers were asked
	// asks, by PeerID, is how often a peer may ask and be answered at once; owed says
	// that it asked more often and is answered at a tick.
	asks []int
	owed []bool
}

func newRecall(members int) *recall {
	return &recall{
		heard: make([]uint64, members), claims: make([]uint64, members), looked: make([]int, members),
		asks: slices.Repeat([]int{honeybadger.Burst}, members), owed: make([]bool, members),
	}
}

// note takes in a frame of a peer.
func (r *recall) note(from messages.PeerID, f frames.Frame) {
	r.heard[from] = max(r.heard[from], f.Said)
	r.claims[from] = max(r.claims[from], f.Heard)
}

// answers counts the peers that have told what they heard.
func (r *recall) answers() int {
	n := 0
	for _, c := range r.claims {
		if c > 0 {
			n++
		}
	}
	return n
}

// said returns the most that some peers, f+1, say they heard from this member.
func (r *recall) said(some int) uint64 {
	sorted := slices.Clone(r.claims)
	slices.Sort(sorted)
	if some >= len(sorted) {
		return 0
	}
	return max(sorted[len(sorted)-some], 1) - 1
}

// patience is for how many ticks more peers than necessary are waited for.
const patience = 2

// maxLooked bounds the proposals of its own that a peer can make this member verify
// between two commits.
const maxLooked = 4

// askAgain is after how many ticks peers that have not told are asked again.
const askAgain = 4

// listen is what a member without a core does: it tells peers where it is and what
// it heard from them, and learns what they heard from it. Everything else that they
// say is asked for again later.
func (h *Instance) listen(ctx actor.Context, msg tohbbft.Message) {
	switch m := msg.(type) {
	case tohbbft.PeerFrame:
		h.hear(m)
		h.recall.owed[m.From] = h.recall.owed[m.From] || m.Frame.Again
		h.answer(ctx)
	case tohbbft.PeerUp:
		h.greet(ctx, m.Peer, h.recall.claims[m.Peer] == 0)
	case tohbbft.EpochCommitted:
		h.recall.reported = h.recall.reported && m.Lost
		clear(h.recall.looked)
	case tohbbft.WorkPending, tohbbft.Contribution, tohbbft.Halt:
	}
	h.wake(ctx)
}

// hear notes what a frame tells of its sender's memory. A peer that alone claims to
// have heard more than the journal holds is wrong, or the only one that knows.
func (h *Instance) hear(m tohbbft.PeerFrame) {
	if m.From == h.cfg.Core.Self || int(m.From) >= len(h.recall.heard) || m.Frame.Era != h.cfg.Core.Era {
		return
	}
	if m.Frame.Heard > h.journal.said+1 && h.recall.claims[m.From] <= h.journal.said+1 {
		h.log.Warn("a peer says that it heard more from this member than its journal holds",
			slog.Uint64("peer", uint64(m.From)), slog.Uint64("heard", m.Frame.Heard-1), slog.Uint64("journal", h.journal.said))
	}
	h.recall.note(m.From, m.Frame)
	for _, s := range m.Frame.Statements {
		if v, ok := s.(frames.Value); ok && v.Proposer == h.cfg.Core.Self && h.recall.looked[m.From] < maxLooked && h.forgot(m.Frame.Epoch, v) {
			h.recall.looked[m.From]++
			h.recall.proven = h.recall.proven || h.signed(m.Frame.Epoch, v)
		}
	}
}

// forgot reports whether a proposal would be news to this member, in an epoch in which
// it would speak.
func (h *Instance) forgot(epoch messages.Epoch, v frames.Value) bool {
	if epoch < max(h.journal.mark.silent, h.journal.mark.position.Certified) {
		return false
	}
	var own frames.Value
	if h.core != nil {
		if epoch < h.core.Position().Certified {
			return false
		}
		own, _ = h.core.Proposal(epoch)
	}
	for _, r := range h.journal.restored {
		if s, ok := r.Statement.(frames.Value); ok && r.Epoch == epoch && s.Proposer == v.Proposer {
			own = s
		}
	}
	return own.Signature != v.Signature || !bytes.Equal(own.Payload, v.Payload)
}

// signed reports whether this member signed a proposal.
func (h *Instance) signed(epoch messages.Epoch, v frames.Value) bool {
	c := h.cfg.Core
	slot := protocol.Slot{Federation: c.Federation, Era: c.Era, Epoch: epoch, Proposer: c.Self}
	return len(v.Payload) <= frames.MaxPayload && c.Verifier.Verify(c.Self, slot.Signed(slot.Root(v.Payload)), v.Signature)
}

// greet tells a peer where this member is and what it heard; again asks it for the
// same. What the peer proposed goes first, as far as the journal holds it: this member
// counts what it heard by its last mark, and may know better.
func (h *Instance) greet(ctx actor.Context, peer messages.PeerID, again bool) {
	pid := h.cfg.Peers[peer]
	if pid == nil || h.told.halted {
		return
	}
	next := h.journal.mark.position.Next
	if h.told.known {
		next = h.told.committed.Next
	}
	for _, r := range h.journal.restored {
		if v, ok := r.Statement.(frames.Value); ok && v.Proposer == peer && r.Epoch+honeybadger.MaxOpen > next {
			h.tell(ctx, pid, frames.Frame{Epoch: r.Epoch, Next: next, Statements: []frames.Statement{v}})
		}
	}
	h.tell(ctx, pid, frames.Frame{Epoch: next, Next: next, Again: again, Heard: h.recall.heard[peer] + 1})
}

// tell sends a frame without a core.
func (h *Instance) tell(ctx actor.Context, to *actor.PID, f frames.Frame) {
	f.Era, f.Said = h.cfg.Core.Era, h.journal.said
	ctx.Send(to, tohbbft.Send{Frame: &wire.PeerFrame{Frame: frames.Encode(f)}})
}

// answer greets the peers that asked for it, a few times at once and then once a
// second: else one that asks at every answer would keep both busy.
func (h *Instance) answer(ctx actor.Context) {
	r := h.recall
	for i, owed := range r.owed {
		if owed && r.asks[i] > 0 {
			r.owed[i] = false
			r.asks[i]--
			h.greet(ctx, messages.PeerID(i), false)
		}
	}
}

// ask greets the peers that have not told what they heard.
func (h *Instance) ask(ctx actor.Context) {
	for i, c := range h.recall.claims {
		if c == 0 {
			h.greet(ctx, messages.PeerID(i), true)
		}
	}
}

// stalled says what a member without a core waits for, nil if it has not waited long or
// for nothing.
func (r *recall) stalled(next messages.Epoch, self messages.PeerID) *honeybadger.Stall {
	s := &honeybadger.Stall{Epoch: next, For: time.Duration(r.waited) * every}
	from := protocol.Missing(len(r.claims), func(p messages.PeerID) bool { return p == self || r.claims[p] > 0 })
	switch need := protocol.NewQuorum(len(r.claims)).Live() - (len(r.claims) - len(from)); {
	case s.For < honeybadger.StallAfter:
		return nil
	case r.reported:
		s.Lacks = []protocol.Lack{{Of: protocol.Whereabouts}}
	case need > 0:
		s.Lacks = []protocol.Lack{{Of: protocol.Recollection, Need: need, From: from}}
	}
	return s
}

// tickListening lets time pass without a core.
func (h *Instance) tickListening(ctx actor.Context) {
	if h.told.halted {
		return
	}
	if h.recall.waited++; h.recall.waited%askAgain == 0 {
		for i, left := range h.recall.asks {
			h.recall.asks[i] = min(left+1, honeybadger.Burst)
		}
		h.answer(ctx)
		if !h.recall.sure {
			h.ask(ctx)
		}
	}
	h.wake(ctx)
}

// wake makes the core if it is known where this member is and what it said.
func (h *Instance) wake(ctx actor.Context) {
	if h.core != nil || h.told.halted || !h.journal.marked && !h.told.known {
		return
	}
	h.begin()
	if h.remembers(ctx) {
		h.boot(ctx)
	}
}

// remembers reports whether the journal holds all that this member said, or whether
// it is known from where on it has certainly said nothing: when its processor has
// found out where the others are, see [tohbbft.EpochCommitted.Lost].
func (h *Instance) remembers(ctx actor.Context) bool {
	r, quorum := h.recall, protocol.NewQuorum(h.cfg.Core.Members)
	if r.sure {
		h.resolve()
		return true
	}
	if all := r.answers()+1 == quorum.N; !all && (r.answers()+1 < quorum.Live() || r.waited < patience) {
		return false
	}
	if said := r.said(quorum.Some()); h.outdated(said) {
		if !h.cfg.TrustJournal && !(h.told.known && h.told.committed.Lost) {
			h.report(ctx, said)
			return false
		}
		r.silent, r.adopted, r.proven = h.told.committed.Next+2, said, false
	}
	r.sure, r.reported = true, false
	h.resolve()
	return true
}

// outdated reports whether the journal lacks something of what peers heard.
func (h *Instance) outdated(said uint64) bool {
	return (said > h.journal.said || h.recall.proven) && !mutant.Removed(mutant.PeersRemember)
}

// resolve gives the journal's mark what is known from others. A later incarnation does
// so again, since this one may fail before it has written the mark.
func (h *Instance) resolve() {
	h.journal.said = max(h.journal.said, h.recall.adopted)
	h.journal.mark.silent = max(h.journal.mark.silent, h.recall.silent)
	if h.cfg.TrustJournal {
		h.journal.mark.silent = 0
	}
}

// report tells the processor that the journal is not the newest.
func (h *Instance) report(ctx actor.Context, said uint64) {
	if h.recall.reported {
		return
	}
	h.recall.reported = true
	h.log.Error("the journal does not hold all that this member said: it was lost, restored from a backup, or not kept by the disk; this member listens until it cannot contradict itself",
		slog.Uint64("journal", h.journal.said), slog.Uint64("heard", said))
	ctx.Send(h.cfg.Consensus, toconsensus.JournalOutdated{})
}

// doubt takes the core away if enough peers turn out to have heard more than the
// journal holds, of whom some could not tell before.
func (h *Instance) doubt(ctx actor.Context) {
	said := h.recall.said(protocol.NewQuorum(h.cfg.Core.Members).Some())
	if !h.outdated(said) {
		return
	}
	if h.cfg.TrustJournal {
		h.journal.said, h.recall.proven = max(said, h.journal.said), false
		return
	}
	h.core, h.pending, h.due, h.recall.waited = nil, honeybadger.Step{}, false, 0
	h.recall.sure = false
	h.wake(ctx)
}
