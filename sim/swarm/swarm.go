// Package swarm draws worlds from seeds and runs them: a seed decides how many
// nodes there are, what the network is like, and what goes wrong.
//
// A run has two halves. In the first everything goes wrong that the seed has
// drawn: processes die, power fails in the middle of a write, disks are replaced
// by older copies, the network splits and breaks links. Then all is healed, load
// ends, and the federation must come to rest with every promise kept. Up to f
// members, drawn by the seed with what they do (package adversary), misbehave from
// the beginning to the end.
package swarm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"minimint/sim/check"
	"minimint/sim/market"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// Options are what a caller may want of a run beyond its seed.
type Options struct {
	// Trace gets a line for everything that happens. Optional.
	Trace *sched.Trace
	// Real uses the cryptography that ships, and has users with the client that
	// ships. It costs ten times as much.
	Real bool
	// Market has people with the client that ships, and everything that they can do
	// with a federation, over cheap consensus unless Real. See package market.
	Market bool
	// Nodes overrides the number that the seed draws, unless 0.
	Nodes int
}

// Result is what came of a run.
type Result struct {
	Seed        uint64
	Plan        string // what the seed drew
	Violations  []world.Violation
	Epochs      uint64
	Messages    uint64
	Time        time.Duration // virtual
	Done        string        // what came of people's wishes, at a market
	Fingerprint string        // of the trace
}

// Failed reports whether a rule did not hold.
func (r Result) Failed() bool { return len(r.Violations) > 0 }

// String is one line about the run, and one for each of the first violations.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s: %d epochs, %d messages in %v", r.Seed, r.Plan, r.Epochs, r.Messages, r.Time.Round(time.Millisecond))
	if r.Done != "" {
		fmt.Fprintf(&b, "; %s", r.Done)
	}
	for i, v := range r.Violations {
		if i == 10 {
			fmt.Fprintf(&b, "\n  and %d more", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s", v)
	}
	return b.String()
}

// The length of a run: trouble, and the time to get over it.
const (
	trouble  = 12 * time.Second
	growth   = 10 * time.Second // trouble lasts longer at a market, which has to begin
	recovery = 3 * time.Minute
)

// plan is what a seed draws.
type plan struct {
	random  *rand.Rand // goes on with when each thing happens
	world   world.Config
	healed  network.Config // what the network is in the end, without who schedules it
	crowd   market.Config
	trouble mix
	copies  *backups
	text    string
}

// Plan says what a seed draws.
func Plan(seed uint64, o Options) string { return draw(seed, o).text }

func draw(seed uint64, o Options) plan {
	random := rand.New(rand.NewPCG(seed, 0x5eed))
	cfg := world.Config{
		Nodes: []int{1, 2, 3, 4, 4, 4, 4, 5, 6, 7, 7, 8, 9, 10}[random.IntN(14)], Seed: seed, Real: o.Real, Trace: o.Trace,
		Revive: time.Second, Watch: check.All(), Skew: time.Second, Load: world.Load{
			Users: 1 + random.IntN(8), Blocks: time.Duration(1+random.IntN(10)) * time.Second, Habits: workload.Habits{
				Pause: time.Duration(50+random.IntN(1000)) * time.Millisecond, Copies: 1 + random.IntN(2),
				Filler: random.IntN(2000), Cheats: float64(random.IntN(3)) / 10,
			},
		},
	}
	if o.Nodes > 0 {
		cfg.Nodes = o.Nodes
	}
	var crowd market.Config
	switch {
	case o.Market:
		crowd = drawMarket(random, &cfg, o)
	case o.Real:
		cfg.Load.Wallets, cfg.Load.Blocks = 1+random.IntN(3), time.Second
	}
	net, text := drawNetwork(random)
	cfg.Network = net
	lies := drawAdversaries(random, &cfg)
	text = fmt.Sprintf("n=%d, %d users, %d wallets, %s", cfg.Nodes, cfg.Load.Users, cfg.Load.Wallets, text+", "+lies)
	if o.Market {
		text += ", " + crowd.String()
	}
	copies, trouble := drawBackups(seed, &cfg), drawMix(random)
	net.Reset, net.Loss = 0, 0
	return plan{
		random: random, world: cfg, healed: net, crowd: crowd, trouble: trouble, copies: copies,
		text: text + ", " + trouble.String() + ", " + copies.String(),
	}
}

// Run runs one seed. A panic of the simulator itself is a violation of "panic".
func Run(seed uint64, o Options) (r Result) {
	p := draw(seed, o)
	r = Result{Seed: seed, Plan: p.text}
	w := world.New(p.world)
	defer func() {
		if reason := recover(); reason != nil {
			w.Violate("panic", "%v", reason)
		}
		r.Violations, r.Time, r.Messages = w.Violations(), w.Now(), w.Net().Stats().Messages
		r.Fingerprint = w.Loop().Trace().Hash()
		for i := range w.Nodes() {
			r.Epochs = max(r.Epochs, uint64(w.Node(i).Next()))
		}
	}()
	p.trouble.unleash(w, p.random)
	p.copies.unleash()
	length := trouble
	if o.Market {
		m := market.New(w, p.crowd)
		length += growth
		molest(m, w, p.random)
		defer func() { r.Done = m.Tally() }()
	}
	w.Run(length)
	w.Net().Change(p.healed)
	w.Heal()
	p.copies.returned()
	w.Settle(recovery)
	return r
}

func drawNetwork(random *rand.Rand) (network.Config, string) {
	var c network.Config
	var text string
	switch random.IntN(3) {
	case 0:
		text = "local network"
	case 1:
		low := time.Duration(5+random.IntN(50)) * time.Millisecond
		c.Delay, text = network.Uniform(low, 3*low), fmt.Sprintf("%v…%v", low, 3*low)
	case 2:
		mean := time.Duration(5+random.IntN(100)) * time.Millisecond
		c.Delay, text = network.LongTail(time.Millisecond, mean), fmt.Sprintf("exponential %v", mean)
	}
	if random.IntN(3) == 0 {
		c.Loss = 0.02
		text += ", loss 2%"
	}
	if random.IntN(3) == 0 {
		c.Reset = time.Duration(20+random.IntN(60)) * time.Second
		text += fmt.Sprintf(", resets %v", c.Reset)
	}
	if random.IntN(4) == 0 {
		c.Bandwidth = 250_000
		text += ", 250 kB/s"
	}
	return c, text
}
