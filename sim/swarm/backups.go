package swarm

import (
	"fmt"
	"math/rand/v2"
	"time"

	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/sim/world"
)

// backups is what happens to disks: copies of them are made, and later put in the place
// of what is there, as operators do who restore one: journal and state together, the
// journal alone, or nothing instead of either.
type backups struct {
	world.Ignore
	w             *world.World
	retain        uint64 // epochs that members keep for others; 0 is all of a run
	copy, restore time.Duration
	members       []int // whose, no more than may be faulty beside those that are
	random        *rand.Rand
	taken         map[int][]world.Backup
	newest        messages.Epoch         // that anybody has committed
	silent        map[int]messages.Epoch // before which a member whose disk was replaced may have spoken
}

// most is how many copies of a disk are kept: the first, from before it was used, and the
// latest.
const most = 4

// drawBackups leaves every other draw of the seed as it is.
func drawBackups(seed uint64, cfg *world.Config) *backups {
	b := &backups{random: rand.New(rand.NewPCG(seed, 0xbac0)), taken: map[int][]world.Backup{}, silent: map[int]messages.Epoch{}}
	cfg.Watch = append(cfg.Watch, func(w *world.World) world.Observer {
		b.w = w
		return b
	})
	if b.random.IntN(3) == 0 {
		cfg.Retain = uint64(1 + b.random.IntN(20))
	}
	b.retain = cfg.Retain
	var honest []int
	for _, i := range b.random.Perm(cfg.Nodes) {
		faulty := false
		for _, f := range cfg.Faulty {
			faulty = faulty || int(f.Peer) == i
		}
		if !faulty {
			honest = append(honest, i)
		}
	}
	room := (cfg.Nodes-1)/3 - len(cfg.Faulty)
	if cfg.Network.Bandwidth > 0 {
		room = 0 // where the load fills the links, who has fallen behind may stay so
	}
	if room <= 0 || b.random.IntN(3) == 0 {
		return b
	}
	b.members = honest[:1+b.random.IntN(room)]
	b.copy = time.Duration(100+b.random.IntN(2000)) * time.Millisecond
	b.restore = time.Duration(1+b.random.IntN(4)) * time.Second
	return b
}

func (b *backups) String() string {
	text := "no backups"
	if len(b.members) > 0 {
		text = fmt.Sprintf("backups of %v every %v restored every %v", b.members, b.copy, b.restore)
	}
	if b.retain > 0 {
		text += fmt.Sprintf(", %d epochs kept", b.retain)
	}
	return text
}

// unleash plans it for the first half.
func (b *backups) unleash() {
	for _, i := range b.members {
		b.take(i)
		b.often(b.copy, func() { b.take(i) })
		b.often(b.restore, func() { b.put(i) })
	}
}

func (b *backups) often(every time.Duration, do func()) {
	var again func()
	again = func() {
		if b.w.Now() < trouble {
			do()
			b.w.After(time.Duration(b.random.ExpFloat64()*float64(every)), again)
		}
	}
	b.w.After(time.Duration(b.random.ExpFloat64()*float64(every)), again)
}

// Committed implements world.Observer: a member has returned when the others take its
// contribution to an epoch in which it cannot have spoken before.
func (b *backups) Committed(c world.Commit) {
	b.newest = max(b.newest, c.Epoch)
	if !c.Honest || len(b.silent) == 0 {
		return
	}
	snap, err := c.Store.View()
	if err != nil {
		panic(fmt.Sprintf("swarm: state of node %d: %v", c.Node, err))
	}
	defer snap.Release()
	o, _ := history.FindOutcome(snap, c.Epoch, b.w.Nodes())
	for _, m := range o.Contributions {
		if before, ok := b.silent[int(m.Peer)]; ok && c.Epoch >= before {
			delete(b.silent, int(m.Peer))
		}
	}
}

// ahead is how many epochs a member may have spoken in beyond the newest one that is
// committed anywhere.
const ahead = 3

// comeback is how long a member whose disk was replaced may take to have a part in an
// outcome again, when all else is well.
const comeback = time.Minute

// returned waits until all members are what they were.
func (b *backups) returned() {
	if !b.w.RunUntil(comeback, func() bool { return len(b.silent) == 0 }) {
		for _, i := range b.members {
			if before, ok := b.silent[i]; ok {
				b.w.Violate("return", "node %d, whose disk was replaced, has no part in outcomes from epoch %d on, of %d%s", i, before, b.newest, b.w.Node(i).Stall().Text)
			}
		}
	}
}

// take copies a disk.
func (b *backups) take(i int) {
	list := append(b.taken[i], b.w.Node(i).Backup())
	if len(list) > most {
		list = append(list[:1], list[2:]...)
	}
	b.taken[i] = list
}

// put restores one of the copies.
func (b *backups) put(i int) {
	x, list := b.w.Node(i), b.taken[i]
	copied := list[b.random.IntN(len(list))]
	b.silent[i] = b.newest + ahead
	if b.random.IntN(2) == 0 {
		x.RestoreBackup(copied)
	} else {
		x.RestoreJournal(copied)
	}
	b.w.After(time.Duration(b.random.ExpFloat64()*float64(time.Second)), x.Restart)
}
