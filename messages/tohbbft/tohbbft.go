// Package tohbbft is what the HBBFT instance accepts and what it sends to peer
// actors. What it sends to the consensus processor is in package toconsensus.
package tohbbft

import (
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/wire"
)

// A Message is what the HBBFT instance accepts, besides ticks.
//
//sumtype:decl
type Message interface{ toHBBFT() }

// WorkPending says that the processor has something to propose. It holds until
// the next EpochCommitted with a higher Next; if something is pending then, it is
// said again.
type WorkPending struct{}

// Contribution answers toconsensus.WantContribution: the plaintext that this
// member puts into the epoch.
type Contribution struct {
	Epoch   messages.Epoch
	Payload []byte
}

// EpochCommitted says that Epoch and everything before it is durable in the
// processor's store. It also comes when the processor (re)starts and when it
// caught up by outcomes of peers; the instance then goes on after Epoch, and
// hands over again what it knows to be agreed beyond it.
type EpochCommitted struct {
	// Next is the epoch that comes after what is committed, 0 at the beginning.
	Next messages.Epoch
	// Absent says, by PeerID, which members' contributions are in neither of
	// the last two committed outcomes, Next−1 and Next−2; nil before there are
	// two.
	Absent []bool
	// AbsentBefore is what Absent was one epoch earlier: in neither of Next−2
	// and Next−3; nil before there are three. It is needed when Next grew by more
	// than one, or at a start: without it the instance takes no part in epoch
	// Next, since members with different schedules of coins could disagree.
	AbsentBefore []bool
	// Lost says that the processor knows where n−f others are and has followed them,
	// because its data, or a part of the journal, was lost: without a journal this
	// member may have spoken in Next, and in the epoch after it, even if that is
	// the beginning.
	Lost bool
}

// PeerFrame is a frame that a peer sent, see [frames.Unpack].
type PeerFrame struct {
	From  messages.PeerID
	Frame frames.Frame
}

// PeerUp says that the link to a peer came up or became writable again: the
// instance answers with everything that it said in the open epochs.
type PeerUp struct {
	Peer messages.PeerID
	// Missed says that something that the peer said may have been lost on this
	// side, without the peer knowing: it is asked to say everything again.
	Missed bool
}

// Halt ends this member's part in consensus for good: the processor found out that
// its state is not what the others agreed on. Nothing is said from then on.
type Halt struct{}

// Send asks a peer actor to pass a frame on, which may be lost if the link is down. The
// same message goes to many peer actors, and nobody changes it.
type Send struct{ Frame *wire.PeerFrame }

// ResetLink asks a peer actor to end its link, which is then opened anew.
type ResetLink struct{}

func (WorkPending) toHBBFT()    {}
func (Contribution) toHBBFT()   {}
func (EpochCommitted) toHBBFT() {}
func (PeerFrame) toHBBFT()      {}
func (PeerUp) toHBBFT()         {}
func (Halt) toHBBFT()           {}
