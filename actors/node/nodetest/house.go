package nodetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/wallet"
	"minimint/actors/node"
	"minimint/actors/remote"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

// A House is a federation in one process: the shipped actors, real links, stores
// and disks whose power can fail, a bitcoin chain of its own, and real wallets.
type House struct {
	*Scene
	Federation Federation
	Chain      *fake.Chain
	Members    []*Member // by PeerID
	wallet     *wallet.Module
}

// A Member is one node of a house: what survives its process, and the process.
type Member struct {
	*node.Node // nil while it is down
	Bitcoin    *fake.Node
	Disk       *disk.Memory
	Store      *memory.Store
	Full       atomic.Bool // the disk has no room
	Past       consensus.Past
	halts      []*node.Halt // of its process
	house      *House
	id         messages.PeerID
	party      *party
	starts     uint64
}

// retain is how many epochs members keep for others: few, so that one that has lost
// its data needs a snapshot.
const retain = 16

// brisk shortens the pauses between attempts to link up, and how long a link must
// hold to count. The deadline of a handshake stays: machines may be slow.
type brisk struct{ spawn.Timer }

const handshake = 10 * time.Second

// After implements spawn.Timer.
func (b brisk) After(d time.Duration, fn func()) (cancel func()) {
	if d != handshake {
		d /= 10
	}
	return b.Timer.After(d, fn)
}

// NewHouse starts a federation of n.
func NewHouse(t testing.TB, n int) *House {
	t.Helper()
	h := &House{Scene: newScene(t), Chain: fake.New(&chaincfg.SimNetParams)}
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = freeAddress(t)
	}
	h.Federation = New(rand.NewChaCha8([32]byte{byte(n)}), Terms{}, addresses...)
	terms, err := wallet.FromFederation(h.Federation.Config)
	if err != nil {
		t.Fatal(err)
	}
	if h.wallet, err = wallet.New(terms); err != nil {
		t.Fatal(err)
	}
	for i := range addresses {
		h.Members = append(h.Members, &Member{
			Bitcoin: h.Chain.Node(), Disk: disk.NewMemory(), Store: memory.New(), Past: consensus.Past{Retain: retain},
			house: h, id: messages.PeerID(i),
		})
		h.Start(i)
	}
	t.Cleanup(func() {
		for i := range h.Members {
			h.Stop(i)
		}
	})
	return h
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Start starts a member's process.
func (h *House) Start(i int) {
	h.Helper()
	if err := h.TryStart(i); err != nil {
		h.Fatalf("node %d: %v", i, err)
	}
}

// TryStart is Start for a member that may not start.
func (h *House) TryStart(i int) error {
	m := h.Members[i]
	m.starts++
	m.halts = nil
	m.party = h.join(fmt.Sprintf("node %d", i), m)
	p := m.party
	n, err := node.Start(node.Config{
		Federation: h.Federation.Config, Self: m.id, Secrets: h.Federation.Secrets[i], DataDir: "in memory",
		Listen: h.Federation.Config.Members[i].Address, Incarnation: m.starts, Bitcoin: m.Bitcoin, Log: h.log(p.name),
		Ports: node.Ports{
			Storage: func(string) (storage.Store, disk.Disk, error) { return m.Store, roomy{m.Disk, &m.Full}, nil },
			Adapt:   p.adapt,
			Transport: func(cfg remote.Config) node.Transport {
				cfg.Timer = brisk{cfg.Timer}
				return remote.New(cfg)
			},
		},
		Past: m.Past,
		Exit: func(reason any) {
			h.event(func() {
				if !p.dead {
					m.halts = append(m.halts, reason.(*node.Halt))
				}
			})
		},
	})
	m.Node = n
	return err
}

// Stop ends a member's process in good order.
func (h *House) Stop(i int) {
	if n := h.Members[i].Node; n != nil {
		h.Members[i].Node = nil
		n.Stop()
	}
}

// Cut takes the power from a member: from now on none of its actors does
// anything, not even clean up, and nothing that was not durable survives.
func (h *House) Cut(i int) {
	m := h.Members[i]
	h.event(func() { m.party.dead = true })
	m.Disk.StopAt(1)
}

// Revive ends what is left of a member's process, and starts it from what was
// durable. seed picks what the disk kept of the rest.
func (h *House) Revive(i int, seed uint64) {
	h.Helper()
	h.Bury(i, seed)
	h.Start(i)
}

// Away runs fn between two processes of a member, the first of which ends without
// losing anything.
func (m *Member) Away(fn func()) {
	h, i := m.house, int(m.id)
	h.Stop(i)
	m.Store = m.Store.Clone()
	fn()
	h.Start(i)
}

// Lose is Bury, after which all data are gone.
func (h *House) Lose(i int) {
	h.Helper()
	h.Bury(i, 1)
	m := h.Members[i]
	m.Disk, m.Store, m.Past.Lost = disk.NewMemory(), memory.New(), true
}

// Bury is Revive without the start.
func (h *House) Bury(i int, seed uint64) {
	h.Helper()
	m := h.Members[i]
	h.event(func() { m.party.dead = true })
	h.Stop(i)
	m.Disk.Crash(seed)
	m.Store = m.Store.Clone()
}

// Halts are the reasons for which a member's process must not go on.
func (h *House) Halts(i int) []*node.Halt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*node.Halt{}, h.Members[i].halts...)
}

// Next returns the first epoch that a member has not committed, and the hash of
// its state.
func (h *House) Next(i int) (messages.Epoch, messages.Digest) {
	h.Helper()
	snap, err := h.Members[i].Store.View()
	if err != nil {
		return 0, messages.Digest{}
	}
	defer snap.Release()
	p := history.ReadPosition(snap)
	return p.Next, p.StateHash()
}

// Height is the newest bitcoin block that a member knows as agreed on.
func (h *House) Height(i int) uint32 {
	h.Helper()
	snap, err := h.Members[i].Store.View()
	if err != nil {
		return 0
	}
	defer snap.Release()
	height, _ := h.wallet.AgreedTip(storage.ScopedReader(snap, transition.ModuleScope(wallet.Kind)))
	return height
}

// Mine adds blocks, and returns the height up to which the federation will agree
// on the chain.
func (h *House) Mine(n int) uint32 {
	h.Chain.Mine(n)
	return h.Chain.Height() - h.wallet.FinalityDelay()
}

// Agree waits until some members, all if none are named, are at the same epoch,
// and checks that they have the same state.
func (h *House) Agree(members ...int) {
	h.Helper()
	if members == nil {
		for i := range h.Members {
			members = append(members, i)
		}
	}
	h.Await("all members at one epoch", func() bool {
		next, state := h.Next(members[0])
		same := true
		for _, i := range members[1:] {
			n, s := h.Next(i)
			if n == next && s != state {
				h.Fatalf("members %d and %d have different states at epoch %d", members[0], i, n)
			}
			same = same && n == next
		}
		return same
	})
}
