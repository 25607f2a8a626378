package table

import (
	"fmt"
	"strconv"

	"minimint/cmd/minimint-sim/options"
	"minimint/sim/measure"
	"minimint/sim/scenario"
)

// A Row is one world that was measured.
type Row struct {
	World
	Latency
	Cost
}

// World says which one.
type World struct {
	Nodes   int    `json:"nodes"`
	Crashed int    `json:"crashed"`
	Batch   int    `json:"batch"`
	Network string `json:"network"`
	Crypto  string `json:"crypto"`
	Seed    uint64 `json:"seed"`
}

// Latency is in virtual time.
type Latency struct {
	Epochs      int     `json:"epochs"`
	EpochP50    float64 `json:"epoch_p50_ms"`
	EpochP95    float64 `json:"epoch_p95_ms"`
	EpochP99    float64 `json:"epoch_p99_ms"`
	EpochDelays float64 `json:"epoch_p50_delays"`
	TxP50       float64 `json:"tx_p50_ms"`
	TxP95       float64 `json:"tx_p95_ms"`
	TxP99       float64 `json:"tx_p99_ms"`
	TxDelays    float64 `json:"tx_p50_delays"`
	PerSecond   float64 `json:"tx_per_second"`
}

// Cost is by live node and epoch.
type Cost struct {
	FramesPerPeer float64 `json:"frames_per_peer"`
	FramesIn      float64 `json:"frames_in"`
	BytesIn       float64 `json:"bytes_in"`
	WireIn        float64 `json:"wire_in"`
	CPU           float64 `json:"cpu_ms"`
	Rounds        float64 `json:"rounds_mean"`
	MostRounds    int     `json:"rounds_max"`
}

// RowOf makes the row of a scenario from what was measured.
func RowOf(s scenario.Scenario, r measure.Result) (Row, error) {
	n, err := scenario.FindNetwork(s.Network)
	if err != nil {
		return Row{}, err
	}
	delay := max(options.Milliseconds(n.Mean), 1e-6)
	e, tx := options.SpreadOf(r.Epoch), options.SpreadOf(r.Transaction)
	return Row{
		World{s.Nodes, len(s.Faulty), s.Users, n.Name, options.Kind(s.Real), s.Seed},
		Latency{
			Epochs: r.Epochs, EpochP50: e.P50, EpochP95: e.P95, EpochP99: e.P99, EpochDelays: e.P50 / delay,
			TxP50: tx.P50, TxP95: tx.P95, TxP99: tx.P99, TxDelays: tx.P50 / delay, PerSecond: r.Throughput(),
		},
		Cost{
			FramesPerPeer: r.FramesPerPeer(), FramesIn: r.FramesIn(), BytesIn: r.BytesIn(), WireIn: r.WireIn(),
			CPU: options.Milliseconds(r.CPUPerEpoch()), Rounds: r.Rounds.Mean, MostRounds: r.Rounds.Most,
		},
	}, nil
}

// A column is how rows are shown: key is its name in CSV, and that of the field in
// JSON; name and unit head it for people. Values are strings, whole numbers, or
// float64; those in text are divided by scale unless that is 0.
type column struct {
	key, name, unit, about string
	value                  func(Row) any
	scale                  float64
}

// columns is the table from left to right.
var columns = []column{
	{"nodes", "n", "", "nodes", func(r Row) any { return r.Nodes }, 0},
	{"crashed", "crashed", "", "how many of them have crashed", func(r Row) any { return r.Crashed }, 0},
	{"batch", "batch", "tx", "transactions under way at any time", func(r Row) any { return r.Batch }, 0},
	{"network", "network", "", "", func(r Row) any { return r.Network }, 0},
	{"crypto", "crypto", "", "", func(r Row) any { return r.Crypto }, 0},
	{"seed", "seed", "", "", func(r Row) any { return r.Seed }, 0},
	{"epochs", "epochs", "", "how many were measured", func(r Row) any { return r.Epochs }, 0},
	{"epoch_p50_ms", "epoch p50", "ms", "from the first proposal to the commit at a node, in virtual time", func(r Row) any { return r.EpochP50 }, 0},
	{"epoch_p95_ms", "p95", "ms", "", func(r Row) any { return r.EpochP95 }, 0},
	{"epoch_p99_ms", "p99", "ms", "", func(r Row) any { return r.EpochP99 }, 0},
	{"epoch_p50_delays", "p50", "delays", "a delay is the mean time that a packet travels", func(r Row) any { return r.EpochDelays }, 0},
	{"tx_p50_ms", "tx p50", "ms", "from the user's request to the answer that it is decided", func(r Row) any { return r.TxP50 }, 0},
	{"tx_p95_ms", "p95", "ms", "", func(r Row) any { return r.TxP95 }, 0},
	{"tx_p99_ms", "p99", "ms", "", func(r Row) any { return r.TxP99 }, 0},
	{"tx_p50_delays", "p50", "delays", "", func(r Row) any { return r.TxDelays }, 0},
	{"tx_per_second", "rate", "tx/s", "decided, by virtual second", func(r Row) any { return r.PerSecond }, 0},
	{"frames_per_peer", "frames", "/peer", "frames that a node had of each other, by epoch", func(r Row) any { return r.FramesPerPeer }, 0},
	{"frames_in", "frames", "/node", "the same of all others", func(r Row) any { return r.FramesIn }, 0},
	{"bytes_in", "bytes in", "kB/node", "of all messages that a node had of others, by epoch", func(r Row) any { return r.BytesIn }, 1000},
	{"wire_in", "wire in", "kB/node", "the same with headers, encryption and acknowledgements", func(r Row) any { return r.WireIn }, 1000},
	{"cpu_ms", "CPU", "ms/node", "of this machine, to simulate an epoch of a node with all rules on", func(r Row) any { return r.CPU }, 0},
	{"rounds_mean", "rounds", "mean", "of binary agreement in which anybody spoke, by slot", func(r Row) any { return r.Rounds }, 0},
	{"rounds_max", "rounds", "max", "", func(r Row) any { return r.MostRounds }, 0},
}

// text is a column of a row for people: three digits that matter, or all of a
// larger number.
func (c column) text(r Row) string {
	v, ok := c.value(r).(float64)
	if !ok {
		return fmt.Sprint(c.value(r))
	}
	if c.scale != 0 {
		v /= c.scale
	}
	decimals := 2
	switch {
	case v >= 100:
		decimals = 0
	case v >= 10:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// exact is a column of a row for programs.
func (c column) exact(r Row) string {
	if v, ok := c.value(r).(float64); ok {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return fmt.Sprint(c.value(r))
}

// title says which world it is, for progress and errors.
func title(s scenario.Scenario) string {
	return fmt.Sprintf("n=%d, %d crashed, batch %d, %s", s.Nodes, len(s.Faulty), s.Users, s.Network)
}
