package setup

import (
	"fmt"

	"minimint/actors/setup/attempt"
	"minimint/messages"
)

// A Message is what the operator may tell the actor.
//
//sumtype:decl
type Message interface{ toSetup() }

// Restart begins another attempt, with fresh keys. All operators must do it.
// After this member has confirmed, others may already use the keys of the
// attempt that it leaves; so it is then refused unless Force is set.
type Restart struct{ Force bool }

// GiveUp ends the attempt because of the members that it waits for, and tells
// the others.
type GiveUp struct{}

func (Restart) toSetup() {}
func (GiveUp) toSetup()  {}

// An Event is what the actor reports. After a restart of the actor Progress,
// Failed, Finished and Settled come again as far as they hold.
//
//sumtype:decl
type Event interface{ fromSetup() }

// Progress says what is waited for. Phase is "hello" or a round of the ceremony.
type Progress struct {
	Attempt uint32
	Phase   string
	Waiting []messages.PeerID
}

// TermsDiffer says that a member was given other terms. It is waited for until
// its operator, or this one, has corrected them.
type TermsDiffer struct {
	Peer        messages.PeerID
	Differences []string
}

// Failed says that the attempt is over without keys. Restart begins another.
type Failed struct{ attempt.Failure }

// Refused says that the operator's wish was not followed, and why.
type Refused struct{ Text string }

// Finished says that there is a federation. Save what it holds before anything
// else.
type Finished struct{ attempt.Outcome }

// Settled says that all other members have finished too: the actor may stop.
type Settled struct{}

func (Progress) fromSetup()    {}
func (TermsDiffer) fromSetup() {}
func (Failed) fromSetup()      {}
func (Refused) fromSetup()     {}
func (Finished) fromSetup()    {}
func (Settled) fromSetup()     {}

// String gives one stable line.
func (e Progress) String() string {
	return fmt.Sprintf("attempt %d, %s: waiting for %v", e.Attempt, e.Phase, e.Waiting)
}
