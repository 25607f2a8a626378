package swarm_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

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
