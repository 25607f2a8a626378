package hbbft_test

import (
	"fmt"
	"testing"
	"time"

	"minimint/actors/clock"
	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/messages"
)

// BenchmarkFigures measures HoneyBadgerBFT alone: real keys, journals in memory,
// links that carry encoded frames, and nothing that is agreed on means anything.
// In each epoch every member contributes its part of a batch of 100 items of 10
// bytes. It reports user CPU by node and epoch: the median of b.N rounds of 10
// epochs.
func BenchmarkFigures(b *testing.B) {
	const batch, item, epochs = 100, 10, 10
	for _, n := range []int{4, 7, 10} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			f := newFederation(b, n)
			for _, nd := range f.nodes {
				nd.config.Timer = clock.Timer{}
				nd.boot()
			}
			given := 0
			round := func() float64 {
				for range epochs {
					for i, nd := range f.nodes {
						nd.give(fmt.Sprintf("%0*d", batch*item/n, given*n+i))
					}
					given++
				}
				from, before := f.nodes[0].where().Next, user()
				f.reach(from + epochs)
				took, count := user()-before, f.nodes[0].where().Next-from
				return float64(took.Microseconds()) / 1000 / float64(n) / float64(count)
			}
			round() // the first epochs fill pools and tables
			var took []float64
			for b.Loop() {
				took = append(took, round())
			}
			f.rest()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rounds.Quantile(took, 0.5), fmt.Sprintf("epoch_cpu_ms_n%d", n))
		})
	}
}

// reach waits until every node has committed all epochs below next.
func (f *federation) reach(next messages.Epoch) {
	f.t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for _, nd := range f.nodes {
		for nd.where().Next < next {
			select {
			case <-f.outcomes:
			case <-ticker.C:
				f.now = f.now.Add(100 * time.Millisecond)
				for _, nd := range f.nodes {
					nd.tick(f.now)
				}
			case wrong := <-f.fail:
				f.t.Fatal(wrong)
			}
		}
	}
}

// rest takes the remaining work away and waits for the end of the epoch that is
// open.
func (f *federation) rest() {
	f.t.Helper()
	next := messages.Epoch(0)
	for _, nd := range f.nodes {
		nd.mu.Lock()
		nd.work = nil
		nd.mu.Unlock()
		next = max(next, nd.where().Next)
	}
	f.reach(next)
	f.settle()
	f.agree()
}

// user is the CPU time of this process in user mode.
func user() time.Duration {
	u, _ := rounds.CPU()
	return u
}
