package swarm

import (
	"math/rand/v2"
	"time"

	"minimint/sim/market"
	"minimint/sim/market/gateways"
	"minimint/sim/market/process"
	"minimint/sim/world"
)

// drawMarket draws who is at the market, and makes the world one that has room for it.
func drawMarket(random *rand.Rand, cfg *world.Config, o Options) market.Config {
	if o.Nodes == 0 {
		cfg.Nodes = []int{1, 4, 4, 4, 4, 4, 4, 7}[random.IntN(8)]
	}
	cfg.Market = true
	cfg.Load.Users, cfg.Load.Blocks = 0, 0
	c := market.Config{
		People: 2 + random.IntN(2), Gateways: []int{0, 1, 1, 1, 2}[random.IntN(5)], Blocks: time.Duration(1+random.IntN(3)) * time.Second,
		Habits: market.Habits{
			Pause: time.Duration(500+random.IntN(1500)) * time.Millisecond, Deposits: 1 + random.IntN(2),
			Sats: int64(20_000 + random.IntN(100_000)), Regrets: float64(random.IntN(3)) / 10, Lightning: 0.6, Swindles: float64(random.IntN(4)) / 10,
		},
	}
	if random.IntN(3) > 0 {
		c.NodeTrouble, c.Loss = float64(random.IntN(30))/100, float64(random.IntN(30))/100
	}
	for range c.Gateways {
		var twist gateways.Twist
		if list := gateways.Twists(); random.IntN(3) == 0 {
			twist = list[random.IntN(len(list))]
		}
		c.Twists = append(c.Twists, twist)
	}
	return c
}

// molest plans what goes wrong at the market in the first half.
func molest(m *market.Market, w *world.World, random *rand.Rand) {
	often := func(do func(*process.Process)) {
		every := time.Duration(1+random.IntN(10)) * time.Second
		if random.IntN(3) == 0 {
			return
		}
		var again func()
		again = func() {
			if w.Now() < trouble+growth {
				list := m.Processes()
				do(list[random.IntN(len(list))])
				w.After(time.Duration(random.ExpFloat64()*float64(every)), again)
			}
		}
		w.After(time.Duration(random.ExpFloat64()*float64(every)), again)
	}
	pause := func() time.Duration { return time.Duration(random.ExpFloat64() * float64(time.Second)) }
	often(func(p *process.Process) {
		p.Kill()
		w.After(pause(), p.Start)
	})
	often(func(p *process.Process) {
		p.PowerFailure()
		w.After(pause(), p.Start)
	})
	often(func(p *process.Process) { p.FailDiskAt(1 + random.IntN(8)) })
	if nodes := m.Nodes(); len(nodes) > 0 {
		often(func(*process.Process) {
			node := nodes[random.IntN(len(nodes))]
			node.Stop()
			w.After(pause(), node.Start)
		})
	}
	often(func(p *process.Process) { w.Net().Reset(p.Number, random.IntN(w.Nodes())) })
	often(func(p *process.Process) {
		for i := range w.Nodes() {
			w.Net().Cut(p.Number, i, random.IntN(2) == 0)
		}
		w.After(pause(), func() {
			for i := range w.Nodes() {
				w.Net().Cut(p.Number, i, false)
			}
		})
	})
}
