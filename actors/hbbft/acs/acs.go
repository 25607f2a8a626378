// Package acs is asynchronous common subset: every member proposes, and all
// correct members end with the same set of at least n−f proposals.
//
// It is the construction of Ben-Or, Kelmer and Rabin (PODC 1994) that
// HoneyBadgerBFT uses: one reliable broadcast and one binary agreement per
// proposer. A member inputs 1 to the agreement on a proposer whose proposal was
// delivered; once n−f agreements accepted, it inputs 0 to all others. A proposal
// is in the set if its agreement says 1; it is then delivered everywhere, since
// some correct member had it delivered before it put in 1.
//
// A [Subset] outputs each accepted proposal as soon as it is here, and last
// [Done] with the exact set. It goes on answering afterwards, since other
// members may still need its votes and proposals, until its owner drops it.
package acs

import (
	"fmt"
	"iter"
	"strings"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/rbc"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// Step is what every call returns.
type Step = protocol.Step[Output]

// An Output is an [Accepted] or the one [Done].
//
//sumtype:decl
type Output interface{ output() }

// Accepted is a proposal of the set. They come in any order.
type Accepted struct {
	Proposer messages.PeerID
	Payload  []byte
}

// Done is the whole set, ascending; each of it was Accepted before.
type Done struct{ Proposers []messages.PeerID }

func (Accepted) output() {}
func (Done) output()     {}

// Config is fixed for the life of a Subset.
type Config struct {
	Quorum protocol.Quorum
	Self   messages.PeerID
	// Epoch is the slot of member 0; the other members' differ in Proposer.
	Epoch    protocol.Slot
	Signer   rbc.Signer
	Verifier rbc.Verifier
	// Coin returns the common coin of one slot.
	Coin func(protocol.Slot) aba.Coin
	// Absent, by proposer: was it absent from the outcomes that the federation
	// agreed on? See [aba.Config]. Nil: nobody was.
	Absent []bool
	// Distrusted says whose coin shares are not used, see [aba.Config].
	Distrusted func(messages.PeerID) bool
	// Reborn says that this member may have run the epoch before a restart.
	Reborn bool
}

// Subset is the common subset of one epoch.
type Subset struct {
	cfg   Config
	slots []slot // by proposer
	roots *rbc.Board
	votes *aba.Board
	// rejecting is set once n−f proposals are accepted.
	rejecting bool
	done      bool
	missing   bool // some agreement waits for what it ignored
}

// A slot is what concerns one proposer.
type slot struct {
	broadcast *rbc.Broadcast
	agreement *aba.Agreement
	delivered bool
	payload   []byte
	decided   bool
	accepted  bool
	output    bool // Accepted was output
}

// New returns a Subset that has seen nothing. Until Open it echoes nothing.
func New(cfg Config) *Subset {
	n := cfg.Quorum.N
	s := &Subset{cfg: cfg, slots: make([]slot, n), roots: rbc.NewBoard(n), votes: aba.NewBoard(n)}
	for i := range s.slots {
		place := cfg.Epoch
		place.Proposer = messages.PeerID(i)
		s.slots[i].broadcast = rbc.New(rbc.Config{
			Quorum: cfg.Quorum, Self: cfg.Self, Slot: place, Signer: cfg.Signer, Verifier: cfg.Verifier,
			Board: s.roots, Reborn: cfg.Reborn,
		})
		s.slots[i].agreement = aba.New(aba.Config{
			Quorum: cfg.Quorum, Self: cfg.Self, Epoch: place.Epoch, Proposer: place.Proposer,
			Coin: cfg.Coin(place), Board: s.votes, Absent: cfg.Absent != nil && cfg.Absent[i], Distrusted: cfg.Distrusted,
		})
	}
	return s
}

// Propose starts the broadcast of this member's proposal. A second one panics.
func (s *Subset) Propose(payload []byte) Step {
	return s.fromBroadcast(s.cfg.Self, s.slots[s.cfg.Self].broadcast.Propose(payload))
}

// Proposed reports whether this member's proposal is known, perhaps from others: a
// member that lost its journal learns so what it has said.
func (s *Subset) Proposed() bool { return s.slots[s.cfg.Self].broadcast.Held() }

// Open lets this member echo proposals, those that it holds already at once.
func (s *Subset) Open() Step { return s.all((*rbc.Broadcast).Open) }

// Tick moves pulls of missing proposals on to the next member.
func (s *Subset) Tick() Step { return s.all((*rbc.Broadcast).Tick) }

// LinkUp says that a peer may have lost what was said to it alone.
func (s *Subset) LinkUp(peer messages.PeerID) Step {
	return s.all(func(b *rbc.Broadcast) rbc.Step { return b.LinkUp(peer) })
}

func (s *Subset) all(call func(*rbc.Broadcast) rbc.Step) Step {
	var step Step
	for i := range s.slots {
		join(&step, s.fromBroadcast(messages.PeerID(i), call(s.slots[i].broadcast)))
	}
	return step
}

// Restore tells a fresh Subset what this member said before it restarted, in
// order, and the proposals that it held when it echoed them. It says none of it
// again and nothing that contradicts it.
func (s *Subset) Restore(own []frames.Statement) Step {
	broadcast := make([][]frames.Statement, len(s.slots))
	agreement := make([][]frames.Statement, len(s.slots))
	for _, st := range own {
		if ofBroadcast(st) {
			broadcast[st.Slot()] = append(broadcast[st.Slot()], st)
		} else {
			agreement[st.Slot()] = append(agreement[st.Slot()], st)
		}
	}
	// Every agreement knows its past before any is told of something new.
	votes := make([]protocol.Step[bool], len(s.slots))
	for i := range s.slots {
		votes[i] = s.slots[i].agreement.Restore(agreement[i])
	}
	var step Step
	for i := range s.slots {
		join(&step, s.fromAgreement(messages.PeerID(i), votes[i]))
		join(&step, s.fromBroadcast(messages.PeerID(i), s.slots[i].broadcast.Restore(broadcast[i])))
	}
	return step
}

// Handle takes one statement of another member, known from its link. Decryption
// shares are not for here and panic.
func (s *Subset) Handle(from messages.PeerID, st frames.Statement) Step {
	j := st.Slot()
	if int(j) >= len(s.slots) && !mutant.Removed(mutant.KnownProposer) {
		return Step{Faults: []protocol.Fault{{
			Peer: from, Kind: protocol.UnknownProposer, Epoch: s.cfg.Epoch.Epoch, Proposer: j,
			Evidence: []frames.Statement{st},
		}}}
	}
	if ofBroadcast(st) {
		return s.fromBroadcast(j, s.slots[j].broadcast.Handle(from, st))
	}
	return s.fromAgreement(j, s.slots[j].agreement.Handle(from, st))
}

// ofBroadcast tells the statements of reliable broadcast from those of binary
// agreement.
func ofBroadcast(st frames.Statement) bool {
	switch st.(type) {
	case frames.Value, frames.Echo, frames.Ready, frames.Pull:
		return true
	case frames.Input, frames.BVal, frames.Aux, frames.Conf, frames.Term, frames.CoinShare:
		return false
	case frames.DecryptionShare:
		panic("acs: decryption share")
	}
	panic(fmt.Sprintf("acs: statement of unknown type %T", st))
}

// HandleEchoes takes statements that came together as [Subset.Handle] would take them one
// by one; so do HandleReadys and HandleVotes. Most of them only count: they are counted
// where they lie. Of the others the steps are handed out that are not empty, each
// before the next statement is taken, so that the caller sees to it first as after Handle:
// a member whose share of a coin was wrong in one slot is distrusted in the next.
func (s *Subset) HandleEchoes(from messages.PeerID, list []frames.Echo) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		for i := range list {
			e := &list[i]
			if int(e.Proposer) < len(s.slots) && s.roots.CountEcho(from, e.Proposer, &e.Root) {
				continue
			}
			if step := s.Handle(from, *e); !step.Empty() && !yield(step) {
				return
			}
		}
	}
}

// HandleReadys is said at HandleEchoes.
func (s *Subset) HandleReadys(from messages.PeerID, list []frames.Ready) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		for i := range list {
			r := &list[i]
			if int(r.Proposer) < len(s.slots) && s.roots.CountReady(from, r.Proposer, &r.Root) {
				continue
			}
			if step := s.Handle(from, *r); !step.Empty() && !yield(step) {
				return
			}
		}
	}
}

// HandleVotes is said at HandleEchoes.
func (s *Subset) HandleVotes(from messages.PeerID, v *frames.Votes) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		for j := range v.Slots.All {
			if int(j) < len(s.slots) && s.votes.Count(from, j, v) {
				continue
			}
			if step := s.Handle(from, v.About(j)); !step.Empty() && !yield(step) {
				return
			}
		}
	}
}

func (s *Subset) fromBroadcast(j messages.PeerID, child rbc.Step) Step {
	var step Step
	step.Join(child.Say, child.Faults)
	for _, payload := range child.Outputs {
		s.slots[j].delivered, s.slots[j].payload = true, payload
		join(&step, s.fromAgreement(j, s.slots[j].agreement.Input(true)))
		join(&step, s.complete(j))
	}
	return step
}

func (s *Subset) fromAgreement(j messages.PeerID, child protocol.Step[bool]) Step {
	s.missing = s.missing || s.slots[j].agreement.Waits()
	var step Step
	step.Join(child.Say, child.Faults)
	for _, bit := range child.Outputs {
		s.slots[j].decided, s.slots[j].accepted = true, bit
		join(&step, s.reject())
		join(&step, s.complete(j))
	}
	return step
}

// reject inputs 0 wherever this member has put in nothing yet, once n−f
// proposals are accepted.
func (s *Subset) reject() Step {
	if s.rejecting || len(s.set()) < s.cfg.Quorum.Live() || mutant.Removed(mutant.RejectMissing) {
		return Step{}
	}
	s.rejecting = true
	var step Step
	for i := range s.slots {
		join(&step, s.fromAgreement(messages.PeerID(i), s.slots[i].agreement.Input(false)))
	}
	return step
}

// complete outputs an accepted proposal that is here, and Done after the last.
func (s *Subset) complete(j messages.PeerID) Step {
	var step Step
	if p := &s.slots[j]; p.accepted && p.delivered && !p.output {
		p.output = true
		step.Outputs = append(step.Outputs, Accepted{Proposer: j, Payload: p.payload})
	}
	for i := range s.slots {
		if p := &s.slots[i]; !p.decided || p.accepted && !p.output {
			return step
		}
	}
	if !s.done {
		s.done = true
		step.Outputs = append(step.Outputs, Done{Proposers: s.set()})
	}
	return step
}

func (s *Subset) set() []messages.PeerID {
	var set []messages.PeerID
	for i := range s.slots {
		if s.slots[i].accepted {
			set = append(set, messages.PeerID(i))
		}
	}
	return set
}

// Held counts the proposers whose signed proposal is here.
func (s *Subset) Held() int {
	n := 0
	for i := range s.slots {
		if s.slots[i].broadcast.Held() {
			n++
		}
	}
	return n
}

// Put counts the proposers on whom this member has put in its bit.
func (s *Subset) Put() int {
	n := 0
	for i := range s.slots {
		if s.slots[i].delivered || s.rejecting {
			n++
		}
	}
	return n
}

// Holds reports whether the proposer's signed proposal is here.
func (s *Subset) Holds(proposer messages.PeerID) bool { return s.slots[proposer].broadcast.Held() }

// Value returns a proposal that is here, see [rbc.Broadcast.Value].
func (s *Subset) Value(proposer messages.PeerID) frames.Value {
	return s.slots[proposer].broadcast.Value()
}

// Missed returns, once each, peers that should say again what they said, see
// [aba.Agreement.Missed].
func (s *Subset) Missed() []messages.PeerID {
	if !s.missing {
		return nil
	}
	s.missing = false
	var peers []messages.PeerID
	for i := range s.slots {
		peers = append(peers, s.slots[i].agreement.Missed()...)
		s.missing = s.missing || s.slots[i].agreement.Waits()
	}
	return peers
}

// String returns one line per proposer.
func (s *Subset) String() string {
	var b strings.Builder
	for i := range s.slots {
		fmt.Fprintf(&b, "%s; %s\n", s.slots[i].broadcast, s.slots[i].agreement)
	}
	return b.String()
}

func join(step *Step, more Step) {
	step.Join(more.Say, more.Faults)
	step.Outputs = append(step.Outputs, more.Outputs...)
}
