package measure_test

import (
	"runtime/debug"
	"testing"
	"time"

	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/sim/check"
	"minimint/sim/measure"
	"minimint/sim/network"
	"minimint/sim/scenario"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// BenchmarkFigures measures the figures of consensus that a simulation can tell.
//
// Delays, frames and bytes are those of ten members that all have work, where
// every message takes one unit and nothing else takes time. Under a light load some
// members begin an epoch only when they hear of it, a unit later; in another network
// there are more frames, since less arrives together. They depend on nothing but
// the code. Speed is that of the simulator with keyed hashes for cryptography and
// all rules on: messages delivered by second of CPU at n = 4, epochs by second at
// n = 100, which depends on what else the machine does; the median of b.N rounds.
func BenchmarkFigures(b *testing.B) {
	b.Run("unit", func(b *testing.B) {
		delay := func(r measure.Result) float64 { return float64(r.Epoch.Median) / float64(100*time.Millisecond) }
		for b.Loop() {
			live := run(b, scenario.Scenario{Nodes: 10, Network: "unit", Users: 100, Seed: 1})
			crashed := run(b, scenario.Scenario{Nodes: 10, Network: "unit", Users: 100, Seed: 1, Faulty: scenario.Repeat(scenario.Crash, 3)})
			light := run(b, scenario.Scenario{Nodes: 10, Network: "unit", Users: 10, Seed: 1})
			lightCrashed := run(b, scenario.Scenario{Nodes: 10, Network: "unit", Users: 10, Seed: 1, Faulty: scenario.Repeat(scenario.Crash, 3)})
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(delay(live), "epoch_delays_live")
			b.ReportMetric(delay(crashed), "epoch_delays_f_crashed")
			b.ReportMetric(delay(light), "epoch_delays_live_light")
			b.ReportMetric(delay(lightCrashed), "epoch_delays_f_crashed_light")
			b.ReportMetric(live.FramesPerPeer(), "frames_per_peer_epoch_n10")
			b.ReportMetric(live.BytesIn(), "bytes_in_per_epoch_n10")
			b.ReportMetric(live.WireIn(), "wire_bytes_in_per_epoch_n10")
		}
	})
	b.Run("continent", func(b *testing.B) {
		for b.Loop() {
			r := run(b, scenario.Scenario{Nodes: 10, Network: "continent", Users: 100, Seed: 1})
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(r.FramesPerPeer(), "frames_per_peer_epoch_n10_continent")
		}
	})
	b.Run("n=4", func(b *testing.B) {
		speed(b, "sim_messages_per_cpu_second", 4, 3000, func(r measure.Result) float64 { return float64(r.Traffic.Delivered) / r.CPU.Seconds() })
	})
	b.Run("n=100", func(b *testing.B) {
		speed(b, "sim_epochs_per_second_n100", 100, 1, func(r measure.Result) float64 { return 1 / r.Wall.Seconds() })
	})
}

func run(b *testing.B, s scenario.Scenario) measure.Result {
	r, err := s.Measure(b.Context(), scenario.Extent{Warm: 5, Epochs: 50})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// speed measures a federation under a light load in a local network, from its
// second epoch on. Disks take time, as in every real one. Garbage is collected as
// rarely as in minimint-sim.
func speed(b *testing.B, name string, n, epochs int, figure func(measure.Result) float64) {
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(2 << 30))
	var values []float64
	for b.Loop() {
		cfg := world.Config{
			Nodes: n, Seed: 1, Watch: check.All(), Sync: time.Millisecond,
			Load:    world.Load{Users: 10, Habits: workload.Habits{Pause: 500 * time.Millisecond, Filler: 100}},
			Network: network.Config{Delay: network.Uniform(2*time.Millisecond, 6*time.Millisecond)},
		}
		m := measure.Attach(&cfg)
		w := world.New(cfg)
		advance := func(epochs int) {
			until := int(w.Node(0).Next()) + epochs
			for int(w.Node(0).Next()) < until {
				if w.Run(time.Millisecond); w.Now() > time.Hour {
					b.Fatal("no epochs")
				}
			}
		}
		advance(1)
		m.Begin()
		advance(epochs)
		values = append(values, figure(m.End()))
		for _, v := range w.Violations() {
			b.Error(v)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rounds.Quantile(values, 0.5), name)
}
