package measure

import (
	"slices"
	"time"

	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/messages"
)

// A Spread says how times are distributed. It is all zero if there are none.
type Spread struct {
	Count             int
	Mean              time.Duration
	Median, P95, P99  time.Duration
	Shortest, Longest time.Duration
}

// Result is what was counted between Begin and End.
type Result struct {
	// Nodes is how many there are, Live how many were honest and up at Begin.
	Nodes, Live int
	// Time is virtual, CPU that of this process, Wall what passed outside.
	Time, CPU, Wall time.Duration
	// Epochs is how many began and were committed by all live nodes. Epoch is their
	// latency at each live node, of which there is none if a node is alone and so
	// says nothing; Gap is the time between two commits of a node.
	Epochs     int
	Epoch, Gap Spread
	// Transaction is the latency of those that were asked for and decided, Accepted
	// how many of them did something.
	Transaction Spread
	Accepted    int
	Traffic     Traffic
	Rounds      Rounds
	// Blames counts the faults that honest nodes found, by kind.
	Blames map[string]int
	// Violations is how many rules did not hold.
	Violations int
}

// Traffic is what went between live members: frames of HBBFT, messages of all
// kinds, their bytes, and bytes on the wire. Delivered are messages to and from
// everybody, users too.
type Traffic struct{ Frames, Messages, Bytes, Wire, Delivered uint64 }

// Rounds says how many rounds agreements took.
type Rounds struct {
	Mean float64
	Most int
}

// End returns what was counted since Begin. The meter goes on counting.
func (m *Meter) End() Result {
	w := m.window
	r := Result{
		Nodes: m.nodes, Time: m.now() - w.from, CPU: cpu() - w.cpu, Wall: time.Since(w.wall),
		Transaction: Of(w.answers), Accepted: w.accepted, Blames: w.blames, Violations: len(m.w.Violations()) - w.violations,
		Traffic: Traffic{Frames: w.frames, Messages: w.messages, Bytes: w.bytes, Wire: w.wire, Delivered: m.w.Net().Stats().Messages - w.delivered},
	}
	var took, gaps []time.Duration
	var spoken []int
	for number := w.first; number < messages.Epoch(len(m.epochs)); number++ {
		e := m.epochs[number]
		if !m.complete(e) {
			continue
		}
		r.Epochs++
		spoken = append(spoken, m.rounds[number]...)
		for i, part := range e.Nodes {
			if !m.live[i] {
				continue
			}
			if e.Began > 0 {
				took = append(took, part.Committed-e.Began)
			}
			if number > w.first {
				if before := m.epochs[number-1].Nodes[i].Committed; before > 0 {
					gaps = append(gaps, part.Committed-before)
				}
			}
		}
	}
	for _, live := range m.live {
		if live {
			r.Live++
		}
	}
	r.Epoch, r.Gap, r.Rounds = Of(took), Of(gaps), roundsOf(spoken)
	return r
}

// complete reports whether an epoch ended at all live nodes.
func (m *Meter) complete(e Epoch) bool {
	for i, part := range e.Nodes {
		if m.live[i] && part.Committed == 0 {
			return false
		}
	}
	return true
}

func roundsOf(list []int) Rounds {
	if len(list) == 0 {
		return Rounds{}
	}
	sum := 0
	for _, n := range list {
		sum += n
	}
	return Rounds{Mean: float64(sum) / float64(len(list)), Most: slices.Max(list)}
}

// Of describes times in any order.
func Of(times []time.Duration) Spread {
	if len(times) == 0 {
		return Spread{}
	}
	values := make([]float64, len(times))
	sum := 0.0
	for i, t := range times {
		values[i] = float64(t)
		sum += float64(t)
	}
	at := func(q float64) time.Duration { return time.Duration(rounds.Quantile(values, q)) }
	return Spread{
		Count: len(times), Mean: time.Duration(sum / float64(len(times))), Median: at(0.5), P95: at(0.95), P99: at(0.99),
		Shortest: slices.Min(times), Longest: slices.Max(times),
	}
}

// FramesPerPeer returns how many frames a member had of each other in an epoch.
func (r Result) FramesPerPeer() float64 {
	return ratio(float64(r.Traffic.Frames), float64(r.Live*(r.Live-1)*r.Epochs))
}

// FramesIn returns how many frames a member had of all others in an epoch.
func (r Result) FramesIn() float64 { return r.per(float64(r.Traffic.Frames)) }

// BytesIn returns how many bytes of messages a member had of the others in an
// epoch.
func (r Result) BytesIn() float64 { return r.per(float64(r.Traffic.Bytes)) }

// WireIn is BytesIn on the wire.
func (r Result) WireIn() float64 { return r.per(float64(r.Traffic.Wire)) }

// CPUPerEpoch returns what an epoch of one live node cost the machine that
// simulated it.
func (r Result) CPUPerEpoch() time.Duration { return time.Duration(r.per(float64(r.CPU))) }

// Throughput returns decided transactions per virtual second.
func (r Result) Throughput() float64 {
	return ratio(float64(r.Transaction.Count), r.Time.Seconds())
}

// per divides by live nodes and epochs.
func (r Result) per(v float64) float64 { return ratio(v, float64(r.Live*r.Epochs)) }

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
