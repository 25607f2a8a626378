package main

import (
	"context"
	"errors"
	"net/http"
	"syscall"

	"minimint/actors/gateway/operator"
	"minimint/cmd/terminal"
)

// explain returns the exit code of an error and what to tell the operator.
func explain(err error) (int, string) {
	var wrong *terminal.UsageError
	var problem *operator.Problem
	switch {
	case errors.As(err, &wrong):
		return terminal.ExitUsage, wrong.Text
	case errors.As(err, &problem):
		if problem.Status == http.StatusBadRequest {
			return terminal.ExitUsage, problem.Text
		}
		return terminal.ExitFailure, problem.Text
	case errors.Is(err, syscall.ECONNREFUSED):
		return terminal.ExitFailure, "no gateway runs here now; \"minimint-gateway run\" starts it"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return terminal.ExitTimeout, terminal.Ended(err)
	default:
		return terminal.ExitFailure, err.Error()
	}
}
