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
	"minimint/cmd/terminal"
	"minimint/messages/bolt11"
	"minimint/messages/federation"
)

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
	var wrong *terminal.UsageError
	var pending *pendingError
	var failed *client.FailedError
	switch {
	case errors.As(err, &wrong):
		return terminal.ExitUsage, wrong.Text
	case errors.Is(err, bolt11.ErrInvoice), errors.Is(err, client.ErrAmountless), errors.Is(err, client.ErrText):
		return terminal.ExitUsage, err.Error()
	case errors.Is(err, client.ErrBalance):
		return terminal.ExitFunds, err.Error()
	case errors.Is(err, client.ErrFee), errors.Is(err, client.ErrGateway), errors.Is(err, client.ErrExpired),
		errors.Is(err, client.ErrOwn), errors.Is(err, client.ErrAmount), errors.Is(err, client.ErrDelay):
		return terminal.ExitRejected, err.Error()
	case errors.Is(err, token.ErrToken), errors.Is(err, keys.ErrWords), errors.Is(err, federation.ErrInvite), errors.Is(err, notes.ErrAmount):
		return terminal.ExitUsage, err.Error()
	case errors.As(err, &pending):
		return terminal.ExitTimeout, pending.Error()
	case errors.As(err, &failed):
		return codeOf(failed.Operation), fmt.Sprintf("operation %d failed: %s", failed.Operation.GetId(), failed.Operation.GetText())
	case errors.Is(err, client.ErrInvite):
		return terminal.ExitTimeout, err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return terminal.ExitTimeout, terminal.Ended(err)
	case errors.Is(err, client.ErrNotJoined):
		return terminal.ExitFailure, "there is no client here yet; \"minimint-cli join INVITE\" makes one, or --dir names another directory"
	default:
		return terminal.ExitFailure, err.Error()
	}
}

func codeOf(op *client.Operation) int {
	switch op.GetCause() {
	case clientwire.Cause_CAUSE_FUNDS, clientwire.Cause_CAUSE_WORTHLESS:
		return terminal.ExitFunds
	case clientwire.Cause_CAUSE_REJECTED, clientwire.Cause_CAUSE_ANSWER, clientwire.Cause_CAUSE_REFUNDED, clientwire.Cause_CAUSE_EXPIRED,
		clientwire.Cause_CAUSE_GATEWAY, clientwire.Cause_CAUSE_INVOICE:
		return terminal.ExitRejected
	default:
		return terminal.ExitFailure
	}
}
