package swarm_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"minimint/sim/adversary"
	"minimint/sim/sched"
	"minimint/sim/swarm"
)

var (
	seeds = flag.Int("seeds", 20, "how many seeds to run")
	first = flag.Uint64("first", 1, "the first of them")
	seed  = flag.Uint64("seed", 0, "run this seed alone and print its trace to -tracefile")
	trace = flag.String("tracefile", "", "file for the trace of -seed")
	real_ = flag.Bool("real", false, "use the cryptography that ships")
	fair  = flag.Int("market", 6, "how many seeds TestMarketSeeds runs")
)

// Every seed is a federation in trouble that must get over it.
func TestSeeds(t *testing.T) {
	run(t, uint64(*seeds), "sim", swarm.Options{Real: *real_})
}

// Everything that can go wrong is drawn by some of the seeds of `make sim SEEDS=1000`, in
// federations of every size.
func TestEverythingIsDrawn(t *testing.T) {
	const all = 1000
	plans := map[string]string{} // by what is drawn, a plan with it
	wanted := []string{
		"nobody lies", "local network", "…", "exponential", "loss", "resets", "250 kB/s", "kill every", "power every", "write every", "split every",
		"reset every", "bitcoin every", "together", "no trouble", "backups of", "no backups", "epochs kept",
	}
	for n := 1; n <= 10; n++ {
		wanted = append(wanted, fmt.Sprintf("n=%d,", n))
	}
	for _, k := range adversary.All() {
		if k.Name != "crash and restart" { // kill and power
			wanted = append(wanted, k.Name)
		}
	}
	for seed := range uint64(all) {
		text := swarm.Plan(seed+1, swarm.Options{})
		for _, w := range wanted {
			if strings.Contains(text, w) {
				plans[w] = text
			}
		}
	}
	for _, w := range wanted {
		if plans[w] == "" {
			t.Errorf("none of %d seeds draws %q", all, w)
		}
	}
}

// The same with people, gateways and a Lightning network, and what they do with money.
func TestMarketSeeds(t *testing.T) {
	run(t, uint64(*fair), "sim-market", swarm.Options{Real: *real_, Market: true})
}

// run runs seeds, or one alone.
func run(t *testing.T, seeds uint64, target string, o swarm.Options) {
	t.Helper()
	if *seed != 0 {
		one(t, *seed, o)
		return
	}
	began := time.Now()
	var messages, epochs uint64
	for s := *first; s < *first+seeds; s++ {
		r := swarm.Run(s, o)
		messages, epochs = messages+r.Messages, epochs+r.Epochs
		if r.Failed() {
			t.Fatalf("%s\nreplay with: make %s SEED=%d", r, target, s)
		}
		if seeds > 20 && (s-*first+1)%10 == 0 {
			fmt.Fprintf(os.Stderr, "\r%d seeds, %d epochs, %d messages, %v ", s-*first+1, epochs, messages, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d seeds, %d epochs, %d messages in %v", seeds, epochs, messages, time.Since(began).Round(time.Millisecond))
}

func one(t *testing.T, seed uint64, o swarm.Options) {
	t.Helper()
	o.Trace = sched.NewTrace(nil)
	if *trace != "" {
		f, err := os.Create(*trace)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		o.Trace = sched.NewTrace(f)
	}
	r := swarm.Run(seed, o)
	t.Logf("%s\nfingerprint %s", r, r.Fingerprint)
	if r.Failed() {
		t.Fail()
	}
}
