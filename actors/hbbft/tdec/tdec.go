// Package tdec is threshold decryption of one accepted proposal: after
// agreement every member gives a share, and f+1 shares open it. A proposal
// stays secret until the set of accepted proposals is final, so nobody can
// choose its own after reading the others'.
//
// Every correct member ends with the same contribution, whatever the proposer
// and f others do (the property that was missing where one proposal that is no
// ciphertext stopped an epoch for ever):
//
//   - a proposal that is not publicly valid for its slot is empty; validity is
//     a function of public bytes, so all see the same, and no share is given;
//   - a valid one that f+1 proven shares do not open is empty; the scheme
//     promises that then no shares open it anywhere, and that whatever does open
//     gives one plaintext only;
//   - otherwise it opens as soon as f+1 shares are right, and n−f members are
//     correct. A member that is short of shares waits; it never concludes.
//
// Shares are combined before they are checked. Only if that fails are they
// checked one by one, and each at most once.
package tdec

import (
	"bytes"
	"fmt"
	"slices"

	"minimint/actors/hbbft/protocol"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// Step is what every call returns; its one output is the contribution, of
// length 0 if the proposal turned out empty.
type Step = protocol.Step[[]byte]

// A Scheme is labelled threshold encryption under the federation's key, with
// this member's secret.
type Scheme interface {
	// Verify reports whether ciphertext is publicly valid under label, which
	// every member finds alike.
	Verify(label messages.Digest, ciphertext []byte) (Sealed, bool)
}

// Sealed is one publicly valid ciphertext.
type Sealed interface {
	// Share returns this member's share: the same bytes at every call, also
	// after a restart.
	Share() []byte
	// Open tries to open with the shares at hand, indexed by member, nil where
	// there is none. What it remembers between calls only saves work.
	Open(shares [][]byte) Opening
}

// An Opening is the result of Open.
type Opening struct {
	Status    Status
	Plaintext []byte
	// Liars are the members whose share was shown not to be theirs.
	Liars []messages.PeerID
}

// Status says what became of an attempt to open. Opened and Unopenable are the
// same at every member, Incomplete asks for more shares.
type Status int

// The statuses.
const (
	Incomplete Status = iota
	Opened
	Unopenable
)

// Config is fixed for the life of a Decryption.
type Config struct {
	Quorum protocol.Quorum
	Self   messages.PeerID
	Slot   protocol.Slot
	Scheme Scheme
	// Board is shared by the decryptions of an epoch; nil: this one has its own.
	Board *Board
	// Distrusted says whose shares are not used, because the member gave wrong
	// ones elsewhere; nil: nobody's are. It may say so at any time, of faulty
	// members only.
	Distrusted func(messages.PeerID) bool
}

// Decryption is the decryption of one proposer's proposal in one epoch.
type Decryption struct {
	cfg    Config
	sealed Sealed   // nil until accepted, and if publicly invalid
	shares [][]byte // by sender: its first share
	count  int      // of them, those that are no use included
	liar   []bool   // by sender: its share was shown wrong
	phase  phase

	accepted bool
	said     bool // own share was given
}

type phase int

const (
	waiting  phase = iota // for the final set: shares of others are kept, not judged
	opening               // released, waiting for shares
	finished              // the contribution is known
	excluded              // the proposal was not accepted: nobody may give a share
)

// New returns a Decryption that has seen nothing.
func New(cfg Config) *Decryption {
	n := cfg.Quorum.N
	if cfg.Board == nil {
		cfg.Board = NewBoard(n)
	}
	return &Decryption{cfg: cfg, shares: make([][]byte, n), liar: make([]bool, n)}
}

// Restore says that this member gave its share before it restarted; it does not
// give it to everybody again.
func (d *Decryption) Restore(own frames.DecryptionShare) {
	d.said = true
	d.keep(d.cfg.Self, own.Share)
}

// Accept takes the accepted proposal, once, and does all work on it that needs no
// other member. Nothing is said: the set of which it is one is not final yet.
func (d *Decryption) Accept(ciphertext []byte) {
	if d.phase != waiting || d.accepted {
		panic("tdec: accepted twice, or excluded before")
	}
	d.accepted = true
	sealed, ok := d.cfg.Scheme.Verify(d.cfg.Slot.Label(), ciphertext)
	if !ok {
		return
	}
	d.sealed = sealed
	if !d.said {
		d.keep(d.cfg.Self, sealed.Share())
	}
}

// Release gives this member's share of the accepted proposal. The caller
// promises that the set of accepted proposals is final.
func (d *Decryption) Release() Step {
	if d.phase != waiting || !d.accepted {
		panic("tdec: released twice, or not accepted")
	}
	if d.sealed == nil {
		if mutant.Removed(mutant.EmptyIfInvalid) {
			return Step{}
		}
		return d.finish(nil, protocol.BadCiphertext)
	}
	d.phase = opening
	var step Step
	if !d.said {
		d.said = true
		step.Say = append(step.Say, protocol.Everybody(frames.DecryptionShare{
			Proposer: d.cfg.Slot.Proposer, Share: d.shares[d.cfg.Self],
		}))
	}
	more := d.open()
	step.Join(more.Say, more.Faults)
	step.Outputs = more.Outputs
	return step
}

// Exclude says that the set of accepted proposals is final without this one.
// Whoever gave a share for it did not wait for that.
func (d *Decryption) Exclude() Step {
	if d.phase != waiting || d.accepted {
		panic("tdec: excluded after it was accepted")
	}
	d.phase = excluded
	var step Step
	for peer, share := range d.shares {
		if share != nil {
			step.Faults = append(step.Faults, d.fault(messages.PeerID(peer), protocol.UnexpectedShare, share))
		}
	}
	return step
}

// Handle takes the share of another member, known from its link.
func (d *Decryption) Handle(from messages.PeerID, s frames.DecryptionShare) Step {
	if len(s.Share) > frames.MaxShare {
		return Step{Faults: []protocol.Fault{d.fault(from, protocol.Oversize)}}
	}
	switch first := d.shares[from]; {
	case bytes.Equal(first, s.Share) && first != nil:
		return Step{}
	case first != nil:
		return Step{Faults: []protocol.Fault{d.fault(from, protocol.TwoDecryptionShares, first, s.Share)}}
	case d.phase == excluded:
		d.keep(from, s.Share)
		return Step{Faults: []protocol.Fault{d.fault(from, protocol.UnexpectedShare, s.Share)}}
	case d.phase == finished:
		return Step{}
	}
	d.keep(from, s.Share)
	return d.open()
}

// keep holds on to a share, of which the caller may use the bytes again: they may
// be a part of a whole frame.
func (d *Decryption) keep(from messages.PeerID, share []byte) {
	d.shares[from] = append(make([]byte, 0, len(share)), share...) // not nil: an empty share is a share, if a wrong one
	d.count++
	d.cfg.Board.held[from].Add(d.cfg.Slot.Proposer)
}

// open tries to open once f+1 members gave a share that is not known wrong.
func (d *Decryption) open() Step {
	if d.phase != opening || d.count < d.cfg.Quorum.Some() {
		return Step{}
	}
	usable, count := d.usable()
	if count < d.cfg.Quorum.Some() || count < d.cfg.Quorum.N && mutant.Removed(mutant.OpenAtSome) {
		return Step{}
	}
	o := d.sealed.Open(usable)
	var faults []protocol.Fault
	for _, peer := range o.Liars {
		d.liar[peer] = true
		faults = append(faults, d.fault(peer, protocol.BadDecryptionShare, d.shares[peer]))
	}
	var step Step
	switch o.Status {
	case Opened:
		step = d.finish(o.Plaintext, "")
	case Unopenable:
		if mutant.Removed(mutant.EmptyIfUnopenable) {
			break
		}
		for _, peer := range o.Liars {
			usable[peer] = nil
		}
		step = d.finish(nil, protocol.BadCiphertext, usable...)
	case Incomplete:
		if mutant.Removed(mutant.EmptyIfProven) {
			step = d.finish(nil, protocol.BadCiphertext, usable...)
		}
	}
	step.Faults = append(faults, step.Faults...)
	return step
}

// usable returns the shares that may be combined, and how many they are.
func (d *Decryption) usable() (shares [][]byte, count int) {
	shares = slices.Clone(d.shares)
	for peer, share := range shares {
		if share == nil {
			continue
		}
		if d.liar[peer] || d.distrusted(messages.PeerID(peer)) {
			shares[peer] = nil
			continue
		}
		count++
	}
	return shares, count
}

func (d *Decryption) distrusted(peer messages.PeerID) bool {
	return d.cfg.Distrusted != nil && d.cfg.Distrusted(peer)
}

// finish outputs the contribution, and blames the proposer for an empty one.
// Beside the proposal, which the caller has with its signature, the evidence is
// nothing if the proposal is publicly invalid, and otherwise one share for every
// member, of length 0 where there is none, which do not open it.
func (d *Decryption) finish(contribution []byte, kind protocol.FaultKind, shares ...[]byte) Step {
	d.phase, d.sealed = finished, nil
	d.cfg.Board.finished.Add(d.cfg.Slot.Proposer)
	step := Step{Outputs: [][]byte{contribution}}
	if kind != "" {
		step.Faults = append(step.Faults, d.fault(d.cfg.Slot.Proposer, kind, shares...))
	}
	return step
}

func (d *Decryption) fault(peer messages.PeerID, kind protocol.FaultKind, shares ...[]byte) protocol.Fault {
	f := protocol.Fault{Peer: peer, Kind: kind, Epoch: d.cfg.Slot.Epoch, Proposer: d.cfg.Slot.Proposer}
	for _, share := range shares {
		f.Evidence = append(f.Evidence, frames.DecryptionShare{Proposer: d.cfg.Slot.Proposer, Share: share})
	}
	return f
}

// String returns the state on one line.
func (d *Decryption) String() string {
	names := [...]string{"waiting", "opening", "finished", "excluded"}
	return fmt.Sprintf("tdec %d/%d %s shares=%d", d.cfg.Slot.Epoch, d.cfg.Slot.Proposer, names[d.phase], d.count)
}
