package world_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWorld runs a federation under load, with all checks on, and reports
// what a second of processor time buys.
func BenchmarkWorld(b *testing.B) {
	for _, n := range []int{4, 10, 40, 100} {
		for _, sync := range []time.Duration{0, 2 * time.Millisecond} {
			b.Run(fmt.Sprintf("n=%d/sync=%v", n, sync), func(b *testing.B) { benchmark(b, n, sync) })
		}
	}
}

func benchmark(b *testing.B, n int, sync time.Duration) {
	for b.Loop() {
		w := world.New(world.Config{
			Nodes: n, Seed: 1, Watch: check.All(), Sync: sync,
			Load:    world.Load{Users: 10, Habits: workload.Habits{Pause: 500 * time.Millisecond, Filler: 100}},
			Network: network.Config{Delay: network.Uniform(2*time.Millisecond, 6*time.Millisecond)},
		})
		w.RunUntil(time.Minute, func() bool { return w.Node(0).Next() >= 2 })
		before, epochs, steps := w.Net().Stats(), w.Node(0).Next(), w.Loop().Steps()
		began, wall := cpu(), time.Now()
		for cpu()-began < 5*time.Second || w.Node(0).Next() == epochs {
			w.Run(5 * time.Millisecond)
		}
		spent := (cpu() - began).Seconds()
		done := float64(w.Node(0).Next() - epochs)
		b.ReportMetric(float64(w.Net().Stats().Messages-before.Messages)/spent, "messages/cpu-s")
		b.ReportMetric(float64(w.Net().Stats().Messages-before.Messages)/done/float64(n*(n-1)), "messages/epoch/link")
		b.ReportMetric(float64(w.Loop().Steps()-steps)/spent, "steps/cpu-s")
		b.ReportMetric(done/spent, "epochs/cpu-s")
		b.ReportMetric(done/time.Since(wall).Seconds(), "epochs/s")
		for _, v := range w.Violations() {
			b.Error(v)
		}
	}
}
