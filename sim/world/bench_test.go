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
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				w := world.New(world.Config{
					Nodes: n, Seed: 1, Users: 10, Watch: check.All(),
					Habits:  workload.Habits{Pause: 100 * time.Millisecond, Filler: 100},
					Network: network.Config{Delay: network.Uniform(20*time.Millisecond, 60*time.Millisecond)},
				})
				w.Run(2 * time.Second)
				messages, epochs, began, wall := w.Net().Stats().Messages, w.Next(0), cpu(), time.Now()
				steps := w.Loop().Steps()
				for time.Since(wall) < 5*time.Second {
					w.Run(100 * time.Millisecond)
				}
				spent := (cpu() - began).Seconds()
				b.ReportMetric(float64(w.Net().Stats().Messages-messages)/spent, "messages/cpu-s")
				b.ReportMetric(float64(w.Loop().Steps()-steps)/spent, "steps/cpu-s")
				b.ReportMetric(float64(w.Next(0)-epochs)/spent, "epochs/cpu-s")
				b.ReportMetric(float64(w.Next(0)-epochs)/time.Since(wall).Seconds(), "epochs/s")
				for _, v := range w.Violations() {
					b.Error(v)
				}
			}
		})
	}
}
