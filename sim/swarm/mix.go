package swarm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"minimint/messages"
	"minimint/sim/adversary"
	"minimint/sim/world"
)

// mix is what goes wrong in the first half of a run: how long after each other
// things of a kind happen; 0 is never.
type mix struct {
	kill, power, write, split, reset, bitcoin time.Duration
	together                                  bool // more than f nodes may be down at once
}

func drawMix(random *rand.Rand) mix {
	draw := func() time.Duration {
		if random.IntN(2) == 0 {
			return 0
		}
		return time.Duration(1+random.IntN(8)) * time.Second
	}
	return mix{kill: draw(), power: draw(), write: draw(), split: draw(), reset: draw(), bitcoin: draw(), together: random.IntN(3) == 0}
}

func (m mix) String() string {
	var out []string
	for _, x := range []struct {
		name  string
		every time.Duration
	}{{"kill", m.kill}, {"power", m.power}, {"write", m.write}, {"split", m.split}, {"reset", m.reset}, {"bitcoin", m.bitcoin}} {
		if x.every > 0 {
			out = append(out, fmt.Sprintf("%s every %v", x.name, x.every))
		}
	}
	if m.together {
		out = append(out, "together")
	}
	if len(out) == 0 {
		return "no trouble"
	}
	return strings.Join(out, ", ")
}

// drawAdversaries has up to f members, and sometimes users, misbehave: each in its own
// way, or all of them together in one.
func drawAdversaries(random *rand.Rand, cfg *world.Config) string {
	var kinds, alone []adversary.Kind
	for _, k := range adversary.All() {
		switch {
		case k.Name == "crash and restart": // the mix has crashes of its own
		case k.Members:
			kinds = append(kinds, k)
		default:
			alone = append(alone, k)
		}
	}
	var names []string
	if random.IntN(4) == 0 && len(alone) > 0 {
		k := alone[random.IntN(len(alone))]
		k.Join(cfg)
		names = append(names, k.Name)
	}
	var members []messages.PeerID
	for _, id := range random.Perm(cfg.Nodes)[:random.IntN((cfg.Nodes-1)/3+1)] {
		members = append(members, messages.PeerID(id))
	}
	each := 1
	if len(members) > 0 && random.IntN(2) == 0 {
		each = len(members)
	}
	for group := range slices.Chunk(members, each) {
		k := kinds[random.IntN(len(kinds))]
		k.Join(cfg, group...)
		names = append(names, fmt.Sprintf("%s %v", k.Name, group))
	}
	if len(names) == 0 {
		return "nobody lies"
	}
	return strings.Join(names, ", ")
}

// unleash plans the trouble of the first half.
func (m mix) unleash(w *world.World, random *rand.Rand) {
	most := (w.Nodes() - 1) / 3
	if m.together {
		most = w.Nodes()
	}
	often := func(every time.Duration, do func()) {
		if every == 0 {
			return
		}
		var again func()
		again = func() {
			if w.Now() < trouble {
				do()
				w.After(time.Duration(random.ExpFloat64()*float64(every)), again)
			}
		}
		w.After(time.Duration(random.ExpFloat64()*float64(every)), again)
	}
	down := func(stop func(*world.Node)) func() {
		return func() {
			x := w.Node(random.IntN(w.Nodes()))
			if x.Up() && m.room(w, most) {
				stop(x)
				w.After(time.Duration(random.ExpFloat64()*float64(2*time.Second)), x.Restart)
			}
		}
	}
	often(m.kill, down((*world.Node).Kill))
	often(m.power, down((*world.Node).PowerFailure))
	often(m.write, func() {
		if m.room(w, most) {
			w.Node(random.IntN(w.Nodes())).FailDiskAt(1 + random.IntN(60))
		}
	})
	if list := w.Wallets(); len(list) > 0 {
		often(m.kill, func() {
			x := list[random.IntN(len(list))]
			x.Kill()
			w.After(time.Duration(random.ExpFloat64()*float64(time.Second)), x.Start)
		})
	}
	often(m.split, func() {
		w.Net().Heal()
		order := random.Perm(w.Nodes())
		if at := random.IntN(w.Nodes()); at > 0 {
			w.Net().Partition(order[:at], order[at:])
		}
		w.After(time.Duration(random.ExpFloat64()*float64(3*time.Second)), w.Net().Heal)
	})
	often(m.bitcoin, func() { m.disturb(w, random) })
	often(m.reset, func() { w.Net().Reset(random.IntN(w.Nodes()), random.IntN(w.Nodes())) })
}

// disturb has one bitcoin node lag behind, or be dead, for a while, or replaces
// blocks that nobody has agreed on yet.
func (m mix) disturb(w *world.World, random *rand.Rand) {
	b := w.Node(random.IntN(w.Nodes())).Bitcoin()
	switch {
	case b == nil:
		return
	case random.IntN(3) == 0:
		depth := 1 + random.IntN(2)
		w.Chain().Reorg(depth, depth+1)
		return
	case random.IntN(2) == 0:
		b.SetLag(uint32(1 + random.IntN(4)))
	default:
		b.SetDown(true)
	}
	w.After(time.Duration(random.ExpFloat64()*float64(3*time.Second)), func() {
		b.SetLag(0)
		b.SetDown(false)
	})
}

// room reports whether one more node may be down.
func (m mix) room(w *world.World, most int) bool {
	down := 0
	for i := range w.Nodes() {
		if !w.Node(i).Up() {
			down++
		}
	}
	return down < most
}
