package node_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus"
	"minimint/actors/consensus/history"
	"minimint/actors/node"
	"minimint/actors/node/nodetest"
	"minimint/messages"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/bolt"
	"minimint/storage/statehash"
)

// patience bounds every wait; it is long because nothing depends on it.
const patience = 60 * time.Second

// house is a federation in one process: real actors, links and disks, keys of a
// dealer, and a bitcoin chain of our own.
type house struct {
	t          *testing.T
	federation nodetest.Federation
	chain      *fake.Chain
	nodes      []*node.Node
	dirs       []string
	past       []consensus.Past
	starts     uint64
}

func newHouse(t *testing.T, n int) *house {
	t.Helper()
	return newHouseOf(t, n, nodetest.Terms{})
}

func newHouseOf(t *testing.T, n int, terms nodetest.Terms) *house {
	t.Helper()
	h := &house{t: t, chain: fake.New(&chaincfg.SimNetParams), nodes: make([]*node.Node, n), past: make([]consensus.Past, n)}
	var addresses []string
	for range n {
		addresses = append(addresses, freeAddress(t))
		h.dirs = append(h.dirs, t.TempDir())
	}
	terms.Tiers = []uint32{0, 10, 20}
	h.federation = nodetest.New(mrand.NewChaCha8([32]byte{byte(n)}), terms, addresses...)
	for i := range n {
		h.start(i)
	}
	t.Cleanup(func() {
		for i := range h.nodes {
			h.stop(i)
		}
	})
	return h
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (h *house) start(i int) {
	h.t.Helper()
	h.starts++
	n, err := node.Start(node.Config{
		Federation: h.federation.Config, Self: messages.PeerID(i), Secrets: h.federation.Secrets[i], DataDir: h.dirs[i], Past: h.past[i],
		Listen: h.federation.Config.Members[i].Address, Incarnation: h.starts, Bitcoin: h.chain.Node(),
		Exit: func(reason any) { h.t.Errorf("node %d must not go on: %v", i, reason) },
		Log:  logger(h.t, i),
	})
	if err != nil {
		h.t.Fatalf("node %d: %v", i, err)
	}
	h.nodes[i] = n
}

func (h *house) stop(i int) {
	if h.nodes[i] != nil {
		h.nodes[i].Stop()
		h.nodes[i] = nil
	}
}

// logger shows what nodes say when the test runs with -v.
func logger(t *testing.T, i int) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), nil)).With("node", i)
}

// connect opens a link to one node.
func (h *house) connect(i int) *nodetest.Caller {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	h.t.Cleanup(cancel)
	return nodetest.Dial(ctx, h.t, h.federation.Config, i)
}

// awaitEpoch asks until the node has committed epochs up to next.
func awaitEpoch(c *nodetest.Caller, next uint64) *wire.Info {
	c.Helper()
	deadline := time.Now().Add(patience)
	for {
		info := c.Info()
		if info.GetNextEpoch() >= next {
			return info
		}
		if time.Now().After(deadline) {
			c.Fatalf("node %d is at epoch %d, want %d", info.GetMember(), info.GetNextEpoch(), next)
		}
	}
}

// H49: the original could not run with one member, and panicked when no peer was
// left. A federation of any size agrees on what its members see of the chain, and
// all have the same state.
func TestH49FederationsOfEverySizeAgree(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			h := newHouse(t, n)
			var clients []*nodetest.Caller
			for i := range n {
				clients = append(clients, h.connect(i))
			}
			h.chain.Mine(5)
			h.sameState(clients, 1)
		})
	}
}

// sameState waits until all nodes have the same state, at epoch next or later.
func (h *house) sameState(clients []*nodetest.Caller, next uint64) uint64 {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		infos := make([]*wire.Info, len(clients))
		same := true
		for i, c := range clients {
			infos[i] = awaitEpoch(c, next)
			same = same && infos[i].GetNextEpoch() == infos[0].GetNextEpoch()
		}
		if same {
			for i := range infos {
				if !bytes.Equal(infos[i].GetStateHash(), infos[0].GetStateHash()) {
					h.t.Fatalf("node %d has state %x at epoch %d, node 0 has %x", i, infos[i].GetStateHash(), infos[i].GetNextEpoch(), infos[0].GetStateHash())
				}
			}
			return infos[0].GetNextEpoch()
		}
		if time.Now().After(deadline) {
			h.t.Fatal("the nodes do not come to the same epoch")
		}
	}
}

func TestNodeReturnsAndCatchesUp(t *testing.T) {
	h := newHouse(t, 4)
	clients := []*nodetest.Caller{h.connect(0), h.connect(1), h.connect(2)}
	h.chain.Mine(4)
	first := h.sameState(clients, 1)
	h.stop(3)
	h.chain.Mine(10)
	away := h.sameState(clients, first+1)
	h.start(3)
	h.sameState(append(clients, h.connect(3)), away)
	h.chain.Mine(10)
	h.sameState(append(clients, h.connect(3)), away+1)
}

// rounds makes the federation agree on something so many times.
func (h *house) rounds(clients []*nodetest.Caller, n int) uint64 {
	h.t.Helper()
	next := h.sameState(clients, 0)
	for range n {
		h.chain.Mine(3)
		next = h.sameState(clients, next+1)
	}
	return next
}

// A member that has lost its data, and whose peers have forgotten what it missed,
// comes back with nothing but its keys: at first it listens, and then the others
// need it.
func TestMemberWithoutDataComesBack(t *testing.T) {
	h := newHouse(t, 4)
	for i := range h.nodes {
		h.stop(i)
		h.past[i].Retain = 3
		h.start(i)
	}
	clients := []*nodetest.Caller{h.connect(0), h.connect(1), h.connect(2)}
	h.rounds(append(clients, h.connect(3)), 2)
	h.stop(3)
	away := h.rounds(clients, 6)
	h.dirs[3], h.past[3].Lost = t.TempDir(), true
	h.start(3)
	clients = append(clients, h.connect(3))
	if h.sameState(clients, away); clients[3].Info().GetOldestEpoch() == 0 {
		t.Error("it got outcomes that the others have forgotten")
	}
	h.rounds(clients, 3)
	h.stop(2)
	last := h.rounds([]*nodetest.Caller{clients[0], clients[1], clients[3]}, 2)
	deadline := time.Now().Add(patience)
	for clients[3].Info().GetCertifiedEpochs() < last {
		if time.Now().After(deadline) {
			t.Fatalf("certified are %d of %d epochs", clients[3].Info().GetCertifiedEpochs(), last)
		}
	}
}

// A member whose state was changed behind its back says so and takes no part any
// more; the others do not need it.
func TestDivergedMemberIsSeen(t *testing.T) {
	h := newHouse(t, 4)
	clients := []*nodetest.Caller{h.connect(0), h.connect(1), h.connect(2)}
	h.rounds(append(clients, h.connect(3)), 2)
	h.stop(3)
	twist(t, filepath.Join(h.dirs[3], node.StoreFile))
	h.start(3)
	bad := h.connect(3)
	deadline := time.Now().Add(patience)
	for bad.Info().GetAlarm() == "" {
		h.rounds(clients, 1)
		if time.Now().After(deadline) {
			t.Fatal("no alarm")
		}
	}
	stopped := bad.Info().GetNextEpoch()
	h.rounds(clients, 2)
	if got := bad.Info(); got.GetNextEpoch() != stopped {
		t.Errorf("it went on from epoch %d to %d", stopped, got.GetNextEpoch())
	}
	for _, c := range clients {
		if got := c.Info().GetAlarm(); got != "" {
			t.Errorf("another member: %s", got)
		}
	}
}

// twist adds a pair to the replicated state, and to what the member computed from it.
func twist(t *testing.T, path string) {
	t.Helper()
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(func(tx storage.Tx) error {
		storage.Scoped(tx, storage.Replicated("twist")).Put([]byte("key"), nil)
		p := history.ReadPosition(tx)
		p.State = statehash.Compute(tx)
		history.WritePosition(tx, p)
		return nil
	})
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
