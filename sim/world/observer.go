package world

import (
	"fmt"
	"time"

	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// An Observer is told what happens, without help from the nodes: it sees what
// they made durable and what they said to users. Embed [Ignore] to implement
// only some of it. It reports with [World.Violate].
type Observer interface {
	// Committed is called after every commit of every node, faulty ones too.
	Committed(Commit)
	// Blamed is called when a node finds a fault of a member.
	Blamed(Blame)
	// Failed is called when an actor panics, and when a process ends.
	Failed(Failure)
	// Acknowledged is called when a node tells a user that a transaction will
	// survive its crash.
	Acknowledged(Promise)
	// Decided is called when a node tells a user what became of a transaction.
	Decided(Decision)
	// Quiet is called when the run is over and nothing more is under way.
	Quiet()
}

// Ignore implements Observer and does nothing.
type Ignore struct{}

// Committed implements Observer.
func (Ignore) Committed(Commit) {}

// Blamed implements Observer.
func (Ignore) Blamed(Blame) {}

// Failed implements Observer.
func (Ignore) Failed(Failure) {}

// Acknowledged implements Observer.
func (Ignore) Acknowledged(Promise) {}

// Decided implements Observer.
func (Ignore) Decided(Decision) {}

// Quiet implements Observer.
func (Ignore) Quiet() {}

// Commit is one epoch of one node.
type Commit struct {
	Node    int
	Honest  bool
	Epoch   messages.Epoch
	Outcome messages.Digest // of its canonical bytes
	State   messages.Digest
	Totals  transition.Totals
	// Contributions is how many members contributed, Bytes the outcome's size.
	Contributions, Bytes int
	// Again says that the node had it before it was restored from a backup.
	Again bool
	// Skipped is how many epochs before this one the node has no commit of: a snapshot took
	// their place.
	Skipped messages.Epoch
	// Store holds the state right after the commit, until the call returns.
	Store storage.Store
}

// Blame is a fault that Node found of Peer.
type Blame struct {
	Node, Peer int
	Kind       string
}

// Failure is a panic of an actor of a node, or the end of its process by itself.
type Failure struct {
	Node int // -1: a wallet
	// Actor is what panicked, with what; Exit says that the process ended over it.
	Actor    string
	Reason   any
	Decision spawn.Decision
	Exit     bool
	// Planned says that the node's disk was made to fail.
	Planned bool
}

// Promise is a transaction that Node acknowledged.
type Promise struct {
	Node int
	Tx   *transaction.Transaction
}

// Decision is what Node told a user about a transaction.
type Decision struct {
	Promise
	Accepted bool
}

// Violation is a rule that did not hold.
type Violation struct {
	At   time.Duration
	Rule string
	Text string
}

// String gives one line.
func (v Violation) String() string { return fmt.Sprintf("%v %s: %s", v.At, v.Rule, v.Text) }

// Violate records that a rule did not hold.
func (w *World) Violate(rule, format string, args ...any) {
	v := Violation{At: w.loop.Now(), Rule: rule, Text: fmt.Sprintf(format, args...)}
	w.violations = append(w.violations, v)
	w.loop.Trace().Line(v.At, "world", "violation", v.Rule, v.Text)
}

// Violations returns what was recorded so far.
func (w *World) Violations() []Violation { return w.violations }
