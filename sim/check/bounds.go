package check

import (
	"strings"
	"time"

	"minimint/messages"
	"minimint/sim/world"
)

// What nothing that others do may exceed at an honest node.
const (
	// MaxBacklog, times the number of members, is how many messages may wait for one
	// actor: as many as arrive at once, in one packet of each link.
	MaxBacklog = 512
	// MaxFaults is of how many faults of one member HBBFT may tell between two
	// commits of a node.
	MaxFaults = 128
	// MaxPerEpoch and MaxPerSecond, times the number of members, are how many
	// messages a node may send to one member in an epoch, and each second beside
	// that.
	MaxPerEpoch  = 6
	MaxPerSecond = 20
)

// limits are those constants, smaller in tests.
type limits struct{ backlog, faults, perEpoch, perSecond int }

type bounds struct {
	world.Ignore
	limits
	w      *world.World
	blames [][]int // by node and member, since the node's last commit
	sent   [][]uint64
	newest messages.Epoch   // committed by anybody
	looked messages.Epoch   // that was at the last look
	own    []messages.Epoch // by node: epochs that it committed since then
	told   map[string]bool
}

// Bounds checks that what an honest node keeps, tells and sends has bounds.
func Bounds(w *world.World) world.Observer {
	return newBounds(w, limits{backlog: MaxBacklog, faults: MaxFaults, perEpoch: MaxPerEpoch, perSecond: MaxPerSecond})
}

func newBounds(w *world.World, l limits) world.Observer {
	b := &bounds{limits: l, w: w, told: map[string]bool{}, own: make([]messages.Epoch, w.Nodes())}
	for range w.Nodes() {
		b.blames, b.sent = append(b.blames, make([]int, w.Nodes())), append(b.sent, make([]uint64, w.Nodes()))
	}
	w.After(time.Second, b.look)
	return b
}

// Committed implements world.Observer.
func (b *bounds) Committed(c world.Commit) {
	clear(b.blames[c.Node])
	b.newest = max(b.newest, c.Epoch+1)
	b.own[c.Node]++
}

// Blamed implements world.Observer. The kinds of faults that HBBFT tells of are one
// word; others are sentences, which their actors count and do not keep.
func (b *bounds) Blamed(x world.Blame) {
	if !b.w.Node(x.Node).Honest() || strings.Contains(x.Kind, " ") {
		return
	}
	if b.blames[x.Node][x.Peer]++; b.blames[x.Node][x.Peer] == b.faults+1 {
		b.w.Violate("bounds", "node %d tells of more than %d faults of node %d in one epoch", x.Node, b.faults, x.Peer)
	}
}

// look counts once a second. A node that was cut off may go through more epochs than
// there are new ones, in the frames that waited for it.
func (b *bounds) look() {
	n, fresh := b.w.Nodes(), b.newest-b.looked
	b.looked = b.newest
	for i := range n {
		most := uint64(n) * (uint64(b.perSecond) + uint64(b.perEpoch)*uint64(max(fresh, b.own[i])))
		b.own[i] = 0
		for j := range n {
			total := b.w.Net().Sent(i, j)
			if more := total - b.sent[i][j]; b.w.Node(i).Honest() && more > most {
				b.once("node %d sends %d messages a second to node %d, more than %d", i, more, j, most)
			}
			b.sent[i][j] = total
		}
		if actor, waiting := b.w.Node(i).Backlog(); b.w.Node(i).Honest() && waiting > n*b.backlog {
			b.once("node %d has %d messages waiting for %s, more than %d", i, waiting, actor, n*b.backlog)
		}
	}
	b.w.After(time.Second, b.look)
}

// once says the same only once.
func (b *bounds) once(format string, args ...any) {
	if !b.told[format] {
		b.told[format] = true
		b.w.Violate("bounds", format, args...)
	}
}
