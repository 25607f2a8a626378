// Package story is what the demo tells: one federation, two users, a liar, a
// crash, and a withdrawal, each step verified against the nodes and the bitcoin
// node.
package story

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"minimint/cmd/minimint-dev/stage"
)

// A step is one scene. It returns what it saw, in a line or a few, or why the
// story is not true.
type step struct {
	title string
	play  func(context.Context) ([]string, error)
}

// Story tells on one stage.
type Story struct {
	stage *stage.Stage
	alice *stage.User
	bob   *stage.User
	// token is what alice paid bob with, epoch what was reached when a member was
	// killed.
	token string
	epoch uint64
}

// patience ends a step that hangs. Nothing else depends on it.
const patience = 3 * time.Minute

// Tell plays all steps and prints them as it goes; it stops at the first that
// fails. The caller stops the stage.
func Tell(ctx context.Context, s *stage.Stage, out io.Writer) error {
	t := &Story{stage: s, alice: s.User("alice"), bob: s.User("bob")}
	return play(ctx, out, t.steps())
}

// play plays steps one after the other, up to the first that fails.
func play(ctx context.Context, out io.Writer, steps []step) error {
	begin := time.Now()
	for i, st := range steps {
		fmt.Fprintf(out, "\n%2d of %d  %s\n", i+1, len(steps), st.title)
		stepCtx, cancel := context.WithTimeout(ctx, patience)
		start := time.Now()
		lines, err := st.play(stepCtx)
		cancel()
		for _, l := range lines {
			fmt.Fprintf(out, "          %s\n", l)
		}
		if err != nil {
			fmt.Fprintf(out, "          FAILED: %v\n", err)
			return fmt.Errorf("step %d of %d (%s): %w", i+1, len(steps), st.title, err)
		}
		fmt.Fprintf(out, "          done in %s\n", round(time.Since(start)))
	}
	fmt.Fprintf(out, "\n%d of %d steps verified in %s\n", len(steps), len(steps), round(time.Since(begin)))
	return nil
}

func (t *Story) steps() []step {
	return []step{
		{"A bitcoin node starts: btcd on the simulation network", t.bitcoin},
		{"Four members make their keys together; nobody ever holds a whole key", t.ceremony},
		{"Four nodes start, each a process of its own", t.start},
		{"Alice and Bob join with the invite code", t.join},
		{"Alice deposits bitcoin and gets notes", t.deposit},
		{"Member 2 begins to lie to clients: wrong answers, bad signature shares", t.startLying},
		{"Alice pays Bob while member 2 lies; it is found out and named", t.payBesideLiar},
		{"Member 2 behaves again", t.stopLying},
		{"The same notes are spent a second time, and refused", t.doubleSpend},
		{"Member 3 is killed with -9; payments go on", t.kill},
		{"Member 3 returns, catches up and takes part again", t.comeBack},
		{"Bob withdraws to a bitcoin address, and the transaction confirms", t.withdraw},
		{"Every member's audit: assets equal liabilities, and all have the same state", t.audit},
	}
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// sat shows millisatoshi as satoshi.
func sat(msat int64) string {
	if msat%1000 == 0 {
		return fmt.Sprintf("%d sat", msat/1000)
	}
	return fmt.Sprintf("%d.%03d sat", msat/1000, msat%1000)
}

func clip(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
