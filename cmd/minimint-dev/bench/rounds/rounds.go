// Package rounds measures the CPU time of things against each other, for
// benchmarks whose figures must mean something on a machine that is busy with
// other work.
//
// Contestants run in turn, round after round, in one process, so that whatever
// slows the machine down slows all of them. What counts is the CPU time that the
// kernel charges to the process (getrusage(2), user and system), and of all rounds
// the median.
//
//	r := rounds.Run(b.N, rounds.Contestant{Times: 10, Run: ours}, rounds.Contestant{Times: 10, Run: theirs})
//	b.ReportMetric(r.Median(func(t []float64) float64 { return t[0] / t[1] }), "our_ratio")
package rounds

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A Contestant is one thing to measure. Run does it Times times over, in a loop of
// its own or all at once; Times at least 1. Each turn should take some
// milliseconds at least, since the kernel's account is no finer than that.
type Contestant struct {
	Times int
	Run   func()
}

// Rounds holds, by round and contestant, milliseconds of CPU for doing the thing
// once.
type Rounds [][]float64

// Run measures n rounds. Garbage of one contestant is collected before the next
// one begins and charged to nobody.
func Run(n int, contestants ...Contestant) Rounds {
	if n < 1 || len(contestants) == 0 {
		panic(fmt.Sprintf("rounds: %d rounds of %d contestants", n, len(contestants)))
	}
	return run(n, contestants, func() time.Duration {
		u, s := CPU()
		return u + s
	})
}

func run(n int, contestants []Contestant, cpu func() time.Duration) Rounds {
	all := make(Rounds, n)
	for i := range all {
		for _, c := range contestants {
			runtime.GC()
			before := cpu()
			c.Run()
			all[i] = append(all[i], float64(cpu()-before)/float64(time.Millisecond)/float64(c.Times))
		}
	}
	return all
}

// Median returns the median over the rounds of what figure makes of one, which it
// is given by contestant.
func (r Rounds) Median(figure func(ms []float64) float64) float64 {
	values := make([]float64, len(r))
	for i, ms := range r {
		values[i] = figure(ms)
	}
	return Quantile(values, 0.5)
}

// Quantile returns the value below which the share q (0 … 1) of the values lies,
// between two of them if need be; 0 if there are none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// CPU returns what this process has used so far, in user mode and in the kernel.
func CPU() (user, system time.Duration) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(fmt.Sprintf("rounds: getrusage: %v", err)) // it knows no failure of this call
	}
	return time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
}
