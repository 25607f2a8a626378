// Package rbc is reliable broadcast: one member, the proposer, sends a
// proposal, and either no correct member delivers anything or all correct
// members deliver the same proposal, whoever else lies and in whatever order
// messages arrive (n members, f of them faulty, n > 3f).
//
// It is Bracha's protocol (Bracha 1987) on hashes. The proposer sends its
// signed proposal (Value) to all; who holds it says Echo(root) to all; on n−f
// equal echoes or f+1 equal readys a member says Ready(root); on 2f+1 readys it
// delivers, once it holds the proposal. Only holders echo, so a member that
// lacks a proposal which f+1 are ready for can Pull it from any echoer: a
// proposal crosses each link once in the good case, and no erasure code is
// needed.
//
// Unlike the paper
//
//   - a member that has Echo(root) from all n delivers at once: every correct
//     member echoed that root, so no other root can ever be echoed by n−f.
//     It says Ready all the same, since others may not have seen all echoes;
//   - one root per sender and phase counts, and it is the first;
//   - the proposer signs its root, so two roots are evidence that convinces
//     anybody.
//
// A Broadcast never stops answering: having delivered, it still says Ready and
// serves Pull, until its owner drops it.
package rbc

import (
	"bytes"
	"fmt"

	"minimint/actors/hbbft/protocol"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// Step is what every call returns; its one output is the delivered proposal.
type Step = protocol.Step[[]byte]

// maxExamined bounds how many different Values of one proposer are hashed and
// verified: the first is its proposal, the second shows that it lies.
const maxExamined = 4

// A Signer signs with the identity key of this member.
type Signer interface {
	Sign(statement messages.Digest) [64]byte
}

// A Verifier knows the identity keys of all members.
type Verifier interface {
	// Verify reports whether signature is member's on statement.
	Verify(member messages.PeerID, statement messages.Digest, signature [64]byte) bool
}

// Config is fixed for the life of a Broadcast.
type Config struct {
	Quorum   protocol.Quorum
	Self     messages.PeerID
	Slot     protocol.Slot
	Signer   Signer // used only where Self is the proposer
	Verifier Verifier
	// Board is shared by the broadcasts of an epoch; nil: this one has its own.
	Board *Board
	// Reborn says that this member may have asked for the proposal before a
	// restart: answers to that are no fault.
	Reborn bool
}

// Broadcast is the broadcast of one proposer in one epoch.
type Broadcast struct {
	cfg Config

	open      bool // may this member echo?
	held      *frames.Value
	heldRoot  messages.Digest
	echoed    bool
	readied   bool
	delivered bool
	echoes    tally
	readys    tally
	pull      pull

	examined int    // Values of the proposer that were hashed
	exposed  bool   // it was shown to have signed two roots
	answered []bool // by peer: its Pull was answered
}

// New returns a Broadcast that has seen nothing. Until Open it holds a proposal
// without echoing it.
func New(cfg Config) *Broadcast {
	n, p := cfg.Quorum.N, cfg.Slot.Proposer
	if cfg.Board == nil {
		cfg.Board = NewBoard(n)
	}
	return &Broadcast{
		cfg: cfg, pull: newPull(n), answered: make([]bool, n),
		echoes: tally{poll: &cfg.Board.echoes, proposer: p}, readys: tally{poll: &cfg.Board.readys, proposer: p},
	}
}

// Held reports whether a proposal with the proposer's signature is here.
func (b *Broadcast) Held() bool { return b.held != nil }

// Value returns the proposal that is held, with the proposer's signature. It
// panics if there is none: whoever says Echo holds one.
func (b *Broadcast) Value() frames.Value {
	if b.held == nil {
		panic("rbc: value asked for where none is held")
	}
	return *b.held
}

// Propose says Value to everybody. Only the proposer may call it, once: a second
// proposal would be equivocation, so it panics.
func (b *Broadcast) Propose(payload []byte) Step {
	if b.cfg.Self != b.cfg.Slot.Proposer || b.held != nil {
		panic(fmt.Sprintf("rbc: member %d proposes again, or for member %d", b.cfg.Self, b.cfg.Slot.Proposer))
	}
	if len(payload) > frames.MaxPayload {
		panic(fmt.Sprintf("rbc: proposal of %d bytes, at most %d allowed", len(payload), frames.MaxPayload))
	}
	root := b.cfg.Slot.Root(payload)
	v := frames.Value{Proposer: b.cfg.Self, Payload: payload, Signature: b.cfg.Signer.Sign(b.cfg.Slot.Signed(root))}
	b.hold(v, root)
	step := Step{Say: []protocol.Say{protocol.Everybody(v)}}
	join(&step, b.advance(root))
	return step
}

// Open lets this member echo what it holds or will hold.
func (b *Broadcast) Open() Step {
	b.open = true
	return b.advance(b.heldRoot)
}

// Restore takes what this member said to everybody before it restarted, and
// the proposal it held when it echoed, from its journal. It repeats none of
// it, goes on from there, and says nothing that contradicts it.
func (b *Broadcast) Restore(own []frames.Statement) Step {
	for _, s := range own {
		switch s := s.(type) {
		case frames.Value:
			b.hold(s, b.cfg.Slot.Root(s.Payload))
		case frames.Echo:
			b.echoed = true
			b.echoes.add(b.cfg.Self, s.Root)
		case frames.Ready:
			b.readied = true
			b.readys.add(b.cfg.Self, s.Root)
		case frames.Pull, frames.Input, frames.BVal, frames.Aux, frames.Conf, frames.Term, frames.CoinShare, frames.DecryptionShare:
			panic(fmt.Sprintf("rbc: %T in the journal of a broadcast", s))
		}
	}
	return b.advance(b.heldRoot) // of other roots nobody has said anything yet
}

// Handle takes one statement about this slot from another member, known from its
// link. What this member says itself is counted inside. Statements of other
// protocols panic.
func (b *Broadcast) Handle(from messages.PeerID, s frames.Statement) Step {
	if from == b.cfg.Self {
		panic("rbc: statement from ourselves")
	}
	switch s := s.(type) {
	case frames.Value:
		return b.handleValue(from, s)
	case frames.Echo:
		return b.vote(from, &b.echoes, s.Root, protocol.TwoEchoes)
	case frames.Ready:
		return b.vote(from, &b.readys, s.Root, protocol.TwoReadys)
	case frames.Pull:
		return b.handlePull(from, s)
	case frames.Input, frames.BVal, frames.Aux, frames.Conf, frames.Term, frames.CoinShare, frames.DecryptionShare:
		panic(fmt.Sprintf("rbc: %T belongs to another protocol", s))
	}
	panic(fmt.Sprintf("rbc: statement of unknown type %T", s))
}

func (b *Broadcast) handleValue(from messages.PeerID, v frames.Value) Step {
	if len(v.Payload) > frames.MaxPayload {
		return b.blame(from, protocol.Oversize)
	}
	if b.held != nil && v.Signature == b.held.Signature && bytes.Equal(v.Payload, b.held.Payload) {
		return Step{}
	}
	if from == b.cfg.Slot.Proposer {
		if b.exposed || b.examined == maxExamined {
			return Step{}
		}
		b.examined++
	} else if !b.pull.answer(from) {
		if b.cfg.Reborn || b.cfg.Self == b.cfg.Slot.Proposer { // of what we said we are reminded
			return Step{}
		}
		return b.blame(from, protocol.ValueFromNonProposer, v)
	}
	root := b.cfg.Slot.Root(v.Payload)
	if !b.cfg.Verifier.Verify(b.cfg.Slot.Proposer, b.cfg.Slot.Signed(root), v.Signature) {
		return b.blame(from, protocol.BadProposerSignature, v)
	}

	if b.pull.asking && mutant.Removed(mutant.AnswerMatches) {
		root = b.pull.root
	}
	var step Step
	if b.held != nil && root != b.heldRoot && !b.exposed {
		b.exposed = true
		step = b.blame(b.cfg.Slot.Proposer, protocol.TwoRoots, *b.held, v)
	}
	// A held proposal gives way only to the one root that can be delivered.
	if b.held == nil || root != b.heldRoot && b.readys.count(root) >= b.cfg.Quorum.Some() {
		b.hold(v, root)
		join(&step, b.advance(root))
	}
	return step
}

func (b *Broadcast) hold(v frames.Value, root messages.Digest) {
	b.held, b.heldRoot = &v, root
}

// vote counts an Echo or a Ready.
func (b *Broadcast) vote(from messages.PeerID, t *tally, root messages.Digest, second protocol.FaultKind) Step {
	switch first, fresh := t.add(from, root); {
	case fresh:
		return b.advance(root)
	case first != root:
		return b.blame(from, second, b.voteOf(second, first), b.voteOf(second, root))
	}
	return Step{}
}

func (b *Broadcast) voteOf(kind protocol.FaultKind, root messages.Digest) frames.Statement {
	if kind == protocol.TwoEchoes {
		return frames.Echo{Proposer: b.cfg.Slot.Proposer, Root: root}
	}
	return frames.Ready{Proposer: b.cfg.Slot.Proposer, Root: root}
}

// handlePull serves the held proposal, to each peer once per link.
func (b *Broadcast) handlePull(from messages.PeerID, s frames.Pull) Step {
	if b.held == nil || s.Root != b.heldRoot || b.answered[from] {
		return Step{}
	}
	b.answered[from] = true
	return Step{Say: []protocol.Say{protocol.Only(from, *b.held)}}
}

// advance does whatever the votes for root and the held proposal allow now.
func (b *Broadcast) advance(root messages.Digest) Step {
	var step Step
	q, p := b.cfg.Quorum, b.cfg.Slot.Proposer
	holds := b.holds(root)
	if b.open && holds && !b.echoed {
		b.echoed = true
		b.echoes.add(b.cfg.Self, root)
		step.Say = append(step.Say, protocol.Everybody(frames.Echo{Proposer: p, Root: root}))
	}
	echoes, readys := b.echoes.count(root), b.readys.count(root)
	enough, amplify := b.thresholds()
	if !b.readied && (echoes >= enough || readys >= amplify) {
		b.readied = true
		b.readys.add(b.cfg.Self, root)
		readys++
		step.Say = append(step.Say, protocol.Everybody(frames.Ready{Proposer: p, Root: root}))
	}
	if holds && !b.delivered && (readys >= q.Strong() || echoes == q.N) {
		b.delivered = true
		step.Outputs = append(step.Outputs, b.held.Payload)
	}
	if !holds && !b.pull.asking && readys >= q.Some() {
		b.pull.root = root
		step.Say = append(step.Say, b.ask()...)
	}
	b.post()
	return step
}

// thresholds are the numbers of equal Echo and of equal Ready upon which a member
// says Ready.
func (b *Broadcast) thresholds() (echoes, readys int) {
	echoes, readys = b.cfg.Quorum.Live(), b.cfg.Quorum.Some()
	if mutant.Removed(mutant.ReadyAtLive) {
		echoes = b.cfg.Quorum.Some()
	}
	if mutant.Removed(mutant.AmplifyAtSome) {
		readys = 1
	}
	return echoes, readys
}

// blame returns the fault of a peer as a step.
func (b *Broadcast) blame(peer messages.PeerID, kind protocol.FaultKind, evidence ...frames.Statement) Step {
	return Step{Faults: []protocol.Fault{{
		Peer: peer, Kind: kind, Epoch: b.cfg.Slot.Epoch, Proposer: b.cfg.Slot.Proposer, Evidence: evidence,
	}}}
}

// String returns the state on one line.
func (b *Broadcast) String() string {
	return fmt.Sprintf("rbc %d/%d held=%t echoed=%t readied=%t delivered=%t echoes=%d readys=%d",
		b.cfg.Slot.Epoch, b.cfg.Slot.Proposer, b.held != nil, b.echoed, b.readied, b.delivered, b.echoes.total(), b.readys.total())
}

func join(step *Step, more Step) {
	step.Join(more.Say, more.Faults)
	step.Outputs = append(step.Outputs, more.Outputs...)
}
