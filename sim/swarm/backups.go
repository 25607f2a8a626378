package swarm

import (
	"fmt"
	"math/rand/v2"
	"time"

	"minimint/sim/world"
)

// backups is what happens to disks: copies of them are made, and later put in the place
// of what is there, as operators do who restore one: journal and state together, the
// journal alone, or nothing instead of either.
type backups struct {
	retain        uint64 // epochs that members keep for others; 0 is all of a run
	copy, restore time.Duration
	members       []int // whose, no more than may be faulty beside those that are
	random        *rand.Rand
	taken         map[int][]world.Backup
}

// most is how many copies of a disk are kept: the first, from before it was used, and the
// latest.
const most = 4

// drawBackups leaves every other draw of the seed as it is.
func drawBackups(seed uint64, cfg *world.Config) *backups {
	b := &backups{random: rand.New(rand.NewPCG(seed, 0xbac0)), taken: map[int][]world.Backup{}}
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
func (b *backups) unleash(w *world.World) {
	for _, i := range b.members {
		b.take(w, i)
		b.often(w, b.copy, func() { b.take(w, i) })
		b.often(w, b.restore, func() { b.put(w, i) })
	}
}

func (b *backups) often(w *world.World, every time.Duration, do func()) {
	var again func()
	again = func() {
		if w.Now() < trouble {
			do()
			w.After(time.Duration(b.random.ExpFloat64()*float64(every)), again)
		}
	}
	w.After(time.Duration(b.random.ExpFloat64()*float64(every)), again)
}

// take copies a disk.
func (b *backups) take(w *world.World, i int) {
	list := append(b.taken[i], w.Node(i).Backup())
	if len(list) > most {
		list = append(list[:1], list[2:]...)
	}
	b.taken[i] = list
}

// put restores one of the copies.
func (b *backups) put(w *world.World, i int) {
	x, list := w.Node(i), b.taken[i]
	copied := list[b.random.IntN(len(list))]
	if b.random.IntN(2) == 0 {
		x.RestoreBackup(copied)
	} else {
		x.RestoreJournal(copied)
	}
	w.After(time.Duration(b.random.ExpFloat64()*float64(time.Second)), x.Restart)
}
