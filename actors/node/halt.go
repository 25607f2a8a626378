package node

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"minimint"
	"minimint/actors/spawn"
	"minimint/storage/wal"
)

// A Halt is why a node must not go on; Config.Exit gets a *Halt. It names types
// and places in the program, never what a message contained, so that it can be
// shown to others.
type Halt struct {
	// Actor is the actor that failed, Message the type of what it was handling.
	Actor, Message string
	// Reason is what it panicked with, or the error of the world.
	Reason any
	// Stack is where it panicked, "" if the world failed.
	Stack string
	// Failures is how often it had failed in a row.
	Failures int
}

// haltOf describes the last failure of an actor.
func haltOf(f spawn.Failure) *Halt {
	return &Halt{Actor: f.Child, Message: f.Message, Reason: f.Reason, Stack: f.Stack, Failures: f.Failures}
}

// Error says in one line what happened.
func (h *Halt) Error() string {
	if h.World() != nil {
		return fmt.Sprintf("%s: %v", h.Actor, h.Reason)
	}
	return fmt.Sprintf("%s failed over %s: %v", h.Actor, h.Message, h.Reason)
}

// Unwrap returns what World returns.
func (h *Halt) Unwrap() error { return h.World() }

// World returns the error of the world that the node could not go on with, nil
// if the node stopped because of a bug.
func (h *Halt) World() error {
	var trouble spawn.Trouble
	if err, ok := h.Reason.(error); ok && errors.As(err, &trouble) {
		return trouble.Err
	}
	return nil
}

// Advice says what the operator should do, in sentences.
func (h *Halt) Advice() string {
	const kept = "Everything that this member has acknowledged is on its disk, and it goes on from there."
	err := h.World()
	switch {
	case err == nil:
		return "This is a bug in Minimint. Send the report to its developers; it holds no secrets. Start the member once more. " +
			"If it halts again in the same place, leave it stopped: the federation goes on as long as no more members than it tolerates are away. " + kept
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "There is no room on the disk that holds the member's directory. Make room, then start the member again. " + kept
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "The member may not write to its directory: it belongs to another user, or the disk was mounted for reading only, as systems do when it has errors. " +
			"Find out why, then start the member again. " + kept
	case errors.Is(err, wal.ErrCorrupt):
		return "The file that the error names is damaged. Check the disk, put the file aside (do not delete it), and start the member again. Without its journal " +
			"a member keeps silent until nothing that it may have said matters any more; without its pool it forgets transactions that wait, which their owners gave to the other members too."
	default:
		return "The disk that holds the member's directory does not work. Look into the system's log, check the disk, and start the machine anew before the member: " +
			"a program cannot tell what a disk has kept after an error. " + kept
	}
}

// Report is Error, the stack and the advice, for a file.
func (h *Halt) Report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "minimint %s: a member halted\n\nactor     %s\nmessage   %s\nfailures  %d in a row\nreason    %v\n", minimint.Version, h.Actor, h.Message, h.Failures, h.Reason)
	if h.Stack != "" {
		fmt.Fprintf(&b, "\n%s", h.Stack)
	}
	fmt.Fprintf(&b, "\n%s\n", h.Advice())
	return b.String()
}
