package hbbft_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"minimint/actors/clock"
	"minimint/messages"
)

// BenchmarkEpoch runs epochs of whole federations with real keys in one
// process, all members proposing, on a disk in memory. It reports user and
// system CPU per node and epoch (the processors' and links' share included),
// frames and bytes per link and epoch.
func BenchmarkEpoch(b *testing.B) {
	for _, n := range []int{4, 7, 10} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			f := newFederation(b, n)
			members := make([]int, n)
			for i, nd := range f.nodes {
				members[i] = i
				nd.config.Timer = clock.Timer{}
				nd.boot()
			}
			f.nodes[0].give("warm up")
			f.await(members, "warm up")
			f.settle()
			f.forget()
			before, epochs := cpu(), f.nodes[0].where().Next
			b.ResetTimer()
			for e := range b.N {
				var what []string
				for i, nd := range f.nodes {
					what = append(what, fmt.Sprintf("work %d of %d: %0200d", e, i, e))
					nd.give(what[i])
				}
				f.await(members, what...)
			}
			b.StopTimer()
			f.settle()
			count := float64(f.nodes[0].where().Next - epochs)
			b.ReportMetric(float64((cpu()-before).Microseconds())/1000/count/float64(n), "cpu-ms/node-epoch")
			frames, size := 0, 0
			for i := range n {
				for _, h := range f.said(messages.PeerID(i)) {
					frames++
					size += len(h.bytes)
				}
			}
			links := float64(n * (n - 1))
			b.ReportMetric(float64(frames)/links/count, "frames/link-epoch")
			b.ReportMetric(float64(size)/float64(n)/count/1000, "kB/node-epoch")
			b.ReportMetric(count/float64(b.N), "epochs/op")
		})
	}
}

// cpu is what this process used.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
