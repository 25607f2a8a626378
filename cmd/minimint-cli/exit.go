package main

import (
	"context"
	"errors"
	"fmt"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/client/token"
	"minimint/messages/federation"
)

// Exit codes. Scripts rely on them.
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2
	exitRejected = 3
	exitFunds    = 4
	exitTimeout  = 5
)

// usageError says that the command was not understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// pendingError says that an operation had no end in time.
type pendingError struct {
	op  *client.Operation
	why error
}

func (e *pendingError) Error() string {
	text := fmt.Sprintf("operation %d has not ended; it goes on with any later command, and \"minimint-cli await %d\" waits for it", e.op.GetId(), e.op.GetId())
	if e.op.GetText() != "" {
		text += "\nit waits because " + e.op.GetText()
	}
	return text
}

func (e *pendingError) Unwrap() error { return e.why }

// explain returns the exit code of an error and what to tell the user.
func explain(err error) (int, string) {
	var wrong *usageError
	var pending *pendingError
	var failed *client.FailedError
	switch {
	case errors.As(err, &wrong):
		return exitUsage, wrong.text
	case errors.Is(err, token.ErrToken), errors.Is(err, keys.ErrWords), errors.Is(err, federation.ErrInvite), errors.Is(err, notes.ErrAmount):
		return exitUsage, err.Error()
	case errors.As(err, &pending):
		return exitTimeout, pending.Error()
	case errors.As(err, &failed):
		return codeOf(failed.Operation), fmt.Sprintf("operation %d failed: %s", failed.Operation.GetId(), failed.Operation.GetText())
	case errors.Is(err, client.ErrInvite), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return exitTimeout, err.Error()
	case errors.Is(err, client.ErrNotJoined):
		return exitFailure, "there is no client here yet; \"minimint-cli join INVITE\" makes one, or --dir names another directory"
	default:
		return exitFailure, err.Error()
	}
}

func codeOf(op *client.Operation) int {
	switch op.GetCause() {
	case clientwire.Cause_CAUSE_FUNDS, clientwire.Cause_CAUSE_WORTHLESS:
		return exitFunds
	case clientwire.Cause_CAUSE_REJECTED, clientwire.Cause_CAUSE_ANSWER:
		return exitRejected
	default:
		return exitFailure
	}
}
