package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minimint/sim/network"
	"minimint/sim/stub"
)

// A Network is a network with a name, and what the machines in it are like.
type Network struct {
	Name, About string
	// Delay draws how long a packet travels, on average Mean.
	Delay network.Delay
	Mean  time.Duration
	// Bandwidth is in bytes a second, each way, of each host; 0 is no limit.
	Bandwidth int
	// Sync is how long a disk takes to make something durable.
	Sync time.Duration
	// Prices says that cryptography takes time.
	Prices bool
}

// delays says that nothing takes time but messages, which take one unit each.
func unit(d time.Duration) Network {
	return Network{
		Name: "unit", About: "every message takes " + d.String() + " and nothing else takes time: latency counts message delays",
		Delay: network.Uniform(d, d), Mean: d,
	}
}

// Networks are those that have a name. The disks of all but unit and local are
// solid-state ones.
func Networks() []Network {
	return []Network{
		unit(100 * time.Millisecond),
		{Name: "local", About: "0.2…0.5 ms, perfect machines", Delay: network.Uniform(200*time.Microsecond, 500*time.Microsecond), Mean: 350 * time.Microsecond},
		{Name: "lan", About: "0.2…0.5 ms, 1 Gbit/s", Delay: network.Uniform(200*time.Microsecond, 500*time.Microsecond), Mean: 350 * time.Microsecond, Bandwidth: 125_000_000, Sync: time.Millisecond, Prices: true},
		{Name: "continent", About: "10…30 ms, 100 Mbit/s", Delay: network.Uniform(10*time.Millisecond, 30*time.Millisecond), Mean: 20 * time.Millisecond, Bandwidth: 12_500_000, Sync: time.Millisecond, Prices: true},
		{Name: "world", About: "20 ms and an exponential tail, 100 ms on average, 20 Mbit/s", Delay: network.LongTail(20*time.Millisecond, 80*time.Millisecond), Mean: 100 * time.Millisecond, Bandwidth: 2_500_000, Sync: time.Millisecond, Prices: true},
		{Name: "slow", About: "100 ms, 2 Mbit/s", Delay: network.Uniform(100*time.Millisecond, 100*time.Millisecond), Mean: 100 * time.Millisecond, Bandwidth: 250_000, Sync: time.Millisecond, Prices: true},
	}
}

// FindNetwork reads a name of Networks, or a distribution of delays between
// machines as those of lan, without a limit of bandwidth:
//
//	constant:100ms           always the same
//	uniform:20ms-60ms        between two bounds
//	exponential:20ms+80ms    a least delay, and a mean beyond it
func FindNetwork(text string) (Network, error) {
	all := Networks()
	if i := slices.IndexFunc(all, func(n Network) bool { return n.Name == text }); i >= 0 {
		return all[i], nil
	}
	wrong := func() (Network, error) {
		return Network{}, fmt.Errorf("no network is called %q; there are %s, and distributions: constant:100ms, uniform:20ms-60ms, exponential:20ms+80ms", text, strings.Join(names(all), ", "))
	}
	shape, rest, ok := strings.Cut(text, ":")
	if !ok {
		return wrong()
	}
	n := Network{Name: text, About: text, Sync: time.Millisecond, Prices: true}
	separator := map[string]string{"constant": "", "uniform": "-", "exponential": "+"}[shape]
	first, second := rest, rest
	if separator != "" {
		first, second, ok = strings.Cut(rest, separator)
	}
	a, errA := time.ParseDuration(first)
	b, errB := time.ParseDuration(second)
	if !ok || errA != nil || errB != nil || a < 0 || b < 0 {
		return wrong()
	}
	switch {
	case shape == "constant" || shape == "uniform" && a <= b:
		n.Delay, n.Mean = network.Uniform(a, b), (a+b)/2
	case shape == "exponential":
		n.Delay, n.Mean = network.LongTail(a, b), a+b
	default:
		return wrong()
	}
	return n, nil
}

func names(all []Network) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = n.Name
	}
	return out
}

// prices returns what cryptography costs in this network's machines.
func (n Network) prices() *stub.Prices {
	if !n.Prices {
		return nil
	}
	p := stub.Measured()
	return &p
}
