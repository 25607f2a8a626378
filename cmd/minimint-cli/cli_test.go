package main

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"minimint/cmd/terminal/terminaltest"
	"minimint/messages"
	"minimint/messages/federation"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minimint-cli": main})
}

// Scripts that need no federation.
func TestScripts(t *testing.T) {
	terminaltest.Scripts(t, testscript.Params{
		Dir: "testdata/alone",
		Setup: func(e *testscript.Env) error {
			nobody := federation.Invite{Federation: messages.FederationID{1}, Members: []federation.Member{{
				Address: "127.0.0.1:1", Identity: make([]byte, ed25519.PublicKeySize),
			}}}
			e.Setenv("INVITE", nobody.String())
			return nil
		},
	})
}

// Stories on real nodes: the command against four of them and a gateway, on this
// machine, with notes that a client in this process has made from bitcoin of a chain
// of ours. Each story has notes and invoices of its own.
func TestStories(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	h := terminaltest.New(t)
	h.Open(ctx)
	t.Run("scripts", func(t *testing.T) { // they run beside each other; the house stands until all have ended
		terminaltest.Scripts(t, testscript.Params{
			Dir: "testdata/federation", Cmds: map[string]func(*testscript.TestScript, bool, []string){"shop-pays": h.Sends},
			Setup: func(e *testscript.Env) error {
				e.Setenv("INVITE", h.Invite)
				e.Setenv("NOTES", h.Notes(ctx, 40_000*messages.Sat))
				e.Setenv("BILL", h.Bill(100*messages.Sat))
				e.Setenv("SECOND", h.Bill(200*messages.Sat))
				e.Setenv("HUGE", h.Bill(900_000*messages.Sat))
				e.Setenv("AMOUNTLESS", h.Bill(0))
				return nil
			},
		})
	})
}
