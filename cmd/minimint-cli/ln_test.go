package main

import (
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/urfave/cli/v2"

	"minimint/actors/client"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// Where nobody can be asked, a gateway takes no more than 1 %, or 10 sat, unless the user
// has said otherwise.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		amount, fee, limit, want messages.Amount
		internal, refused        bool
	}{
		"small":                 {amount: 100 * messages.Sat, fee: 10 * messages.Sat, want: 10 * messages.Sat},
		"small, and too dear":   {amount: 100 * messages.Sat, fee: 10*messages.Sat + 1, refused: true},
		"large":                 {amount: 50_000 * messages.Sat, fee: 500 * messages.Sat, want: 500 * messages.Sat},
		"large, and too dear":   {amount: 50_000 * messages.Sat, fee: 500*messages.Sat + 1, refused: true},
		"the user's own limit":  {amount: 100 * messages.Sat, fee: 40 * messages.Sat, limit: 50 * messages.Sat, want: 50 * messages.Sat},
		"within the federation": {amount: 100 * messages.Sat, fee: 40 * messages.Sat, internal: true, want: 10 * messages.Sat},
	} {
		app := newApp()
		app.Writer, app.ErrWriter = io.Discard, io.Discard
		flags := flag.NewFlagSet("pay", flag.ContinueOnError)
		flags.Bool("yes", true, "")
		q := client.PayQuote{Invoice: bolt11.Invoice{Amount: c.amount}, Fee: c.fee, Internal: c.internal}
		got, err := agree(cli.NewContext(app, flags, nil), q, c.limit)
		if got != c.want || errors.Is(err, client.ErrFee) != c.refused {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
