package hunt

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/sim/swarm"
	"minimint/sim/world"
)

// The first seed that breaks a rule ends the hunt, and is reported with the command
// that runs it again with the same options.
func TestHuntStopsAtTheFirst(t *testing.T) {
	var ran []uint64
	cfg := config{seeds: 10, first: 5, program: "minimint-sim", options: swarm.Options{Nodes: 7, Real: true}, run: func(seed uint64, o swarm.Options) swarm.Result {
		ran = append(ran, seed)
		r := swarm.Result{Seed: seed, Plan: "a plan", Epochs: 3, Messages: 40, Fingerprint: "f"}
		if seed >= 7 {
			for range 12 {
				r.Violations = append(r.Violations, world.Violation{At: time.Second, Rule: "agreement", Text: "it is gone"})
			}
		}
		return r
	}}
	c := cli.NewContext(cli.NewApp(), nil, nil)
	c.Context = t.Context()
	shown := 0
	r, err := cfg.hunt(c, func(Report) { shown++ })
	if !errors.Is(err, ErrViolation) || len(ran) != 3 || shown != 2 {
		t.Fatalf("%v after %v, shown %d times", err, ran, shown)
	}
	if r.Seeds != 3 || r.First != 5 || r.Epochs != 9 || r.Messages != 120 || r.Failed == nil || r.Failed.Seed != 7 || len(r.Failed.Violations) != 12 {
		t.Errorf("%+v", r)
	}
	text := r.String()
	for _, want := range []string{
		"seed 7 broke a rule: a plan", "1s agreement: it is gone", "and 2 more",
		"\n  minimint-sim swarm --seeds 1 --first 7 --n 7 --crypto real --trace seed-7.txt",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
