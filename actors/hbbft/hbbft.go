// Package hbbft is the actor that runs HoneyBadgerBFT for one member: the shell
// around package honeybadger.
//
//	accepts  tohbbft.Message from the consensus processor and from peer actors; timing.Tick
//	sends    tohbbft.Send to peer actors; toconsensus.WantContribution, Agreed,
//	         PeerAhead and PeerBehind to the consensus processor
//
// All that arrives while the actor is busy is taken in first; then, at a flush
// message that the actor sends itself, the records of all that are appended to
// the journal and made durable at once, and only then anything is sent: one
// frame per peer and epoch. A drain that led to nothing urgent waits some
// milliseconds for company, see linger. So one sync of the disk, and one frame, carry
// all votes of a turn, and nobody ever hears what a crash could make this member
// forget. Only the wish for a contribution, which promises nothing, is told at once.
//
// # Restarts
//
// The actor never continues with empty state. A new incarnation, in the same
// process or the next, reads the journal back and says the same as before; its
// own proposal is in it and is never encrypted again. What peers had said is asked
// for again. If the journal cannot be read the actor panics, and its supervisor
// decides; after a few times it must end the process.
//
// A journal that is missing although epochs were committed was lost; one that holds
// less than f+1 peers heard was restored from a backup, or its end was lost. Then
// this member may have said things that it no longer knows, and stays silent in the
// epochs where that is possible: it follows the outcomes of others until they
// have passed. Peers are asked at every start of the process, before anything new is
// said. If more than f members lose theirs at once, their operators have to find out
// together which of them said nothing; see Config.TrustJournal.
package hbbft

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/tohbbft"
	"minimint/storage/disk"
)

// every is how often the actor looks at the time.
const every = 250 * time.Millisecond

// Config is what the actor needs; all fields from Timer on are optional.
type Config struct {
	// Core says which member this is, in which federation, and how the core's
	// cryptography works; see [Keys.Core]. Core.Silent is the actor's to set.
	Core honeybadger.Config
	// Seal encrypts a contribution for its slot. It is not called in epochs that
	// are not encrypted.
	Seal func(random io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error)
	Rand io.Reader
	// Disk and File say where the journal is.
	Disk disk.Disk
	File string
	// Consensus is the processor, Peers the peer actors by PeerID, nil for this
	// member, Clock whom to ask for ticks.
	Consensus *actor.PID
	Peers     []*actor.PID
	Clock     *actor.PID
	// Timer lets what can wait be said a little later, with more, see linger. Nil:
	// nothing waits.
	Timer spawn.Timer
	// Fault is told of every fault, within the actor's turn.
	Fault func(protocol.Fault)
	// Stalled is told at every tick for which no epoch was committed although there is
	// work, and once with the zero Stall when that is over.
	Stalled func(Stall)
	// Unsynced leaves it to the operating system when the journal reaches the disk:
	// nothing is lost when the process ends, but when the machine loses power this
	// member forgets what it said last. If f+1 others remember, it finds out and
	// listens for two epochs; if more than f members lose power at once, members may
	// contradict themselves and commit different outcomes.
	Unsynced bool
	// TrustJournal is the operator's word that this member said nothing but what the
	// journal holds in any open epoch, even if that is nothing and whatever others
	// remember. It is for federations in which more than f members lost theirs.
	TrustJournal bool
}

// Instance is the actor.
type Instance struct {
	cfg     Config
	told    *told
	recall  *recall
	core    *honeybadger.Core // nil until the position is known
	journal *journal
	pending honeybadger.Step
	marked  bool // the position changed since it was last written
	due     bool // a flush message is on its way
	lingers bool // the timer of what can wait runs
	stall   stall
	log     *slog.Logger
}

// told is what the processor said last. It is committed state of the processor
// and none of ours, so it may outlive an incarnation that failed: what that one
// took in and did not make durable would be lost otherwise, and the processor
// does not repeat itself.
type told struct {
	committed tohbbft.EpochCommitted
	known     bool // committed was said
	work      bool // WorkPending holds
	halted    bool // the processor ended this member's part
}

// flush ends a drain of the mailbox.
type flush struct{}

// waited says that what can wait has waited.
type waited struct{}

// linger is how long what can wait is held back for company: long enough for the
// other members' frames of the same phase in one place, nothing beside the delay of
// links between places. Beyond twenty members it grows with their number, since
// with it grows how long they all take to hear a frame, and how many follow close
// upon each other.
func linger(members int) time.Duration {
	return max(2*time.Millisecond, time.Duration(members-10)*200*time.Microsecond)
}

// New returns the producer of the actor.
func New(cfg Config) actor.Producer {
	if len(cfg.Peers) != cfg.Core.Members || cfg.Seal == nil && cfg.Core.Encryption != 0 {
		panic(fmt.Sprintf("hbbft: %d peer actors for %d members, or no encryption", len(cfg.Peers), cfg.Core.Members))
	}
	var last told
	memory := newRecall(cfg.Core.Members)
	return func() actor.Actor { return &Instance{cfg: cfg, told: &last, recall: memory} }
}

// Receive implements actor.Actor.
func (h *Instance) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		h.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		h.stop()
	case *timing.Tick:
		if h.core != nil {
			h.take(ctx, h.core.Tick(m.Now))
		} else {
			h.tickListening(ctx)
		}
		h.watch()
	case flush:
		if h.core != nil {
			h.flush(ctx)
		}
	case waited:
		h.lingers = false
		if h.core != nil && !h.due {
			h.flush(ctx)
		}
	case *spawn.Lost:
		switch word := m.Message.(type) {
		case tohbbft.EpochCommitted:
			h.accept(ctx, word)
		case tohbbft.WorkPending:
			h.accept(ctx, word)
		case tohbbft.Halt:
			h.accept(ctx, word)
		}
	case tohbbft.Message:
		h.accept(ctx, m)
	}
}

// accept takes what others send. The words of the processor are taken also by the
// incarnation after one that failed over them, since they are not repeated.
func (h *Instance) accept(ctx actor.Context, m tohbbft.Message) {
	h.told.note(m)
	if h.told.halted {
		h.core, h.pending = nil, honeybadger.Step{} // what was not said yet is never said
	} else if h.core != nil {
		h.take(ctx, h.decide(m))
		if f, ok := m.(tohbbft.PeerFrame); ok && (f.Frame.Heard > 0 || h.recall.proven) {
			h.doubt(ctx)
		}
	} else {
		h.listen(ctx, m)
	}
}

// note remembers what the processor says.
func (t *told) note(msg tohbbft.Message) {
	if _, ok := msg.(tohbbft.Halt); ok {
		t.halted = true
	}
	if _, ok := msg.(tohbbft.WorkPending); ok {
		t.work = true
	}
	if m, ok := msg.(tohbbft.EpochCommitted); ok {
		t.work = t.work && m.Next == t.committed.Next
		t.committed, t.known = m, true
	}
}

// decide is one case for each message that others send.
func (h *Instance) decide(msg tohbbft.Message) honeybadger.Step {
	switch m := msg.(type) {
	case tohbbft.WorkPending:
		return h.core.Work()
	case tohbbft.Contribution:
		return h.core.Propose(m.Epoch, h.sealed(m))
	case tohbbft.EpochCommitted:
		h.marked = true
		clear(h.recall.looked)
		return h.core.Committed(m.Next, absences(m)...)
	case tohbbft.PeerFrame:
		h.hear(m)
		return h.core.Handle(m.From, m.Frame)
	case tohbbft.PeerUp:
		step := h.core.Resync(m.Peer)
		if m.Missed {
			step.Join(h.core.Missed(m.Peer))
		}
		return step
	case tohbbft.Halt:
		return honeybadger.Step{}
	default:
		panic(fmt.Sprintf("hbbft: message of unknown type %T", msg))
	}
}

// start reads the journal back. It tells where the actor was; without, the actor
// waits for the processor to tell.
func (h *Instance) start(ctx actor.Context) {
	h.log = ctx.Logger()
	var err error
	if h.journal, err = openJournal(h.cfg); err != nil {
		spawn.Halt(fmt.Errorf("hbbft: %w", err))
	}
	for i, heard := range h.journal.mark.heard {
		h.recall.heard[i] = max(h.recall.heard[i], heard)
	}
	ctx.Send(h.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: every})
	if !h.recall.sure {
		h.ask(ctx)
	}
	h.wake(ctx)
}

func (h *Instance) stop() {
	if h.journal == nil {
		return
	}
	if err := h.journal.close(); err != nil {
		h.log.Warn("closing the journal", slog.Any("error", err))
	}
}

// boot makes the core, from the journal if there is one, and takes it to where
// the processor is.
func (h *Instance) boot(ctx actor.Context) {
	cfg := h.cfg.Core
	cfg.Silent = h.journal.mark.silent
	core, step := honeybadger.New(cfg, h.journal.mark.position, h.journal.restored)
	h.core, h.journal.restored, h.marked = core, nil, true
	if h.told.known {
		step.Join(core.Committed(h.told.committed.Next, absences(h.told.committed)...))
	}
	if h.told.work {
		step.Join(core.Work())
	}
	h.log.Info("hbbft starts", slog.Uint64("epoch", uint64(core.Position().Next)), slog.Uint64("certified", uint64(core.Position().Certified)))
	h.take(ctx, step)
}

// begin marks a journal that holds no mark with where its processor is when it first
// says so, durably and before anything else: the processor may be further when there is
// something to say, and a journal that was empty then would be taken for a lost one.
func (h *Instance) begin() {
	if h.journal.marked {
		return
	}
	h.journal.mark = h.firstMark()
	if err := h.journal.begin(); err != nil {
		spawn.Halt(fmt.Errorf("hbbft: %w", err))
	}
}

// firstMark is where a member without a journal is: where its processor is. If
// that is not the beginning, the journal was lost.
func (h *Instance) firstMark() mark {
	m := h.told.committed
	at := mark{position: honeybadger.Position{Next: m.Next, Certified: m.Next}}
	copy(at.position.Absences[:], absences(m))
	if (m.Next > 0 || m.Lost) && !h.cfg.TrustJournal {
		at.silent = m.Next + 2 // it spoke in no epoch beyond Next+1
		h.log.Error("the journal is lost: this member keeps silent for a while", slog.Uint64("until_epoch", uint64(at.silent)))
	}
	return at
}

// absences is what the processor knows of them, newest first.
func absences(m tohbbft.EpochCommitted) []honeybadger.Absence {
	return []honeybadger.Absence{
		{Known: true, Absent: m.Absent},
		{Known: m.AbsentBefore != nil || m.Next < 3, Absent: m.AbsentBefore},
	}
}

// sealed returns what is proposed for a contribution.
func (h *Instance) sealed(m tohbbft.Contribution) []byte {
	if !h.cfg.Core.Encryption.At(m.Epoch) {
		return m.Payload
	}
	slot := protocol.Slot{Federation: h.cfg.Core.Federation, Era: h.cfg.Core.Era, Epoch: m.Epoch, Proposer: h.cfg.Core.Self}
	b, err := h.cfg.Seal(h.cfg.Rand, slot, m.Payload)
	if err != nil {
		panic(fmt.Sprintf("hbbft: %v", err))
	}
	return b
}

// epochOf shortens log lines.
func epochOf(e messages.Epoch) slog.Attr { return slog.Uint64("epoch", uint64(e)) }
