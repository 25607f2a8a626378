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
)

// Every seed is a federation in trouble that must get over it.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		one(t, *seed)
		return
	}
	began := time.Now()
	var messages, epochs uint64
	for s := *first; s < *first+uint64(*seeds); s++ {
		r := swarm.Run(s, swarm.Options{Real: *real_})
		messages, epochs = messages+r.Messages, epochs+r.Epochs
		if r.Failed() {
			t.Fatalf("%s\nreplay with: make sim SEED=%d", r, s)
		}
		if *seeds > 20 && (s-*first+1)%10 == 0 {
			fmt.Fprintf(os.Stderr, "\r%d seeds, %d epochs, %d messages, %v ", s-*first+1, epochs, messages, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d seeds, %d epochs, %d messages in %v", *seeds, epochs, messages, time.Since(began).Round(time.Millisecond))
}

func one(t *testing.T, seed uint64) {
	o := swarm.Options{Real: *real_, Trace: sched.NewTrace(nil)}
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
