package consensus_test

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/peer"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/link"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/storage"
)

// house is a federation of real processors and real peer actors, whose HBBFT is
// the test. Links between them can be cut, and what goes over them changed.
type house struct {
	testing.TB
	stage  *consensustest.Stage
	nodes  []*node
	peers  [][]*actor.PID // [of][about]
	cut    []bool         // by member: its links
	tamper func(from, to int, m proto.Message) proto.Message
	id     uint64
	// agreed is what all correct members agreed on.
	agreed []outcome.Outcome
	bytes  int // that went over links
}

func newHouse(t *testing.T, members int, prepare func(*node)) *house {
	t.Helper()
	return newHouseOf(t, members, prepare)
}

func newHouseOf(t testing.TB, members int, prepare func(*node)) *house {
	t.Helper()
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	h := &house{TB: t, stage: stage, cut: make([]bool, members), peers: make([][]*actor.PID, members)}
	for i := range members {
		n := newNode(t, stage, members)
		n.self = messages.PeerID(i)
		n.addresses = make([]*actor.PID, members)
		for j := range members {
			if j != i {
				n.addresses[j] = stage.System.NewLocalPID(fmt.Sprintf("peer-%d-%d", i, j))
			}
		}
		if prepare != nil {
			prepare(n)
		}
		h.nodes = append(h.nodes, n)
	}
	for i, n := range h.nodes {
		n.start()
		h.peers[i] = n.addresses
		for j := range members {
			if j != i {
				h.connect(i, j)
			}
		}
	}
	return h
}

// connect spawns member i's actor for member j, and the wire from it.
func (h *house) connect(i, j int) {
	wire := h.stage.Spawn(spawn.StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			m, ok := ctx.Message().(proto.Message)
			if !ok || h.cut[i] || h.cut[j] {
				return
			}
			h.bytes += proto.Size(m)
			if h.tamper != nil {
				m = h.tamper(i, j, proto.Clone(m))
			}
			if m != nil {
				ctx.Send(h.nodes[j].addresses[i], m)
			}
		})
	})
	n := h.nodes[i]
	h.stage.SpawnNamed(fmt.Sprintf("peer-%d-%d", i, j), consensustest.Policy, peer.New(peer.Config{
		Peer: messages.PeerID(j), Remote: wire, HBBFT: n.hbbft.PID,
		// The processor may be another one after a restart.
		Consensus: h.stage.Spawn(spawn.StopOnly(), func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if m, ok := ctx.Message().(toconsensus.Message); ok {
					ctx.RequestWithCustomSender(n.pid, m, ctx.Sender())
				}
			})
		}),
		Linked: func(messages.PeerID, bool) {}, Reset: func() {}, Fault: func(id messages.PeerID, text string) { n.faults = append(n.faults, id); h.Log(i, id, text) },
	}))
}

// link cuts a member off, or brings it back.
func (h *house) link(member int, up bool) {
	h.cut[member] = !up
	for j := range h.nodes {
		if j == member {
			continue
		}
		var e any = &link.Down{}
		if up {
			e = &link.Up{}
		}
		h.nodes[j].stage.System.Root.Send(h.nodes[j].addresses[member], e)
		h.nodes[j].stage.System.Root.Send(h.nodes[member].addresses[j], e)
	}
}

func (h *house) tick(times int) {
	for range times {
		for _, n := range h.nodes {
			n.tick(1)
		}
	}
}

// small is an outcome with one small transaction.
func (h *house) small() outcome.Outcome {
	h.id++
	return made(messages.Epoch(len(h.agreed)), txs(consensustest.Deposit('d', h.id, 1)))
}

// agree lets members agree on an outcome.
func (h *house) agree(o outcome.Outcome, members ...int) {
	h.agreed = append(h.agreed, o)
	for _, i := range members {
		h.nodes[i].tell(toconsensus.Agreed{Outcome: o})
	}
}

// first returns the numbers below n.
func first(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// same fails the test unless members are at the epoch that was agreed on last, in
// one state.
func (h *house) same(members ...int) {
	h.Helper()
	for _, i := range members {
		at, want := h.nodes[i].position(), h.nodes[members[0]].position()
		if at != want || int(at.Next) != len(h.agreed) {
			h.Errorf("member %d is at epoch %d, member %d at %d, agreed are %d; or their states differ", i, at.Next, members[0], want.Next, len(h.agreed))
		}
	}
}

// certified returns the first epoch without a certificate in a member's store, and
// checks the newest one.
func (n *node) certified() (next messages.Epoch) {
	n.Helper()
	n.read(func(r storage.Reader) {
		c := history.NewestCertificate(r)
		if c == nil {
			return
		}
		if !n.keys.Valid(*c) {
			n.Errorf("the certificate of epoch %d is not valid", c.Statement.Epoch)
		}
		next = c.Statement.Epoch + 1
	})
	return next
}

// alarm returns the alarm in a member's store.
func (n *node) alarm() (a history.Alarm, rings bool) {
	n.Helper()
	n.read(func(r storage.Reader) { a, rings = history.ReadAlarm(r) })
	return a, rings
}

func (n *node) evidence() (list []statement.Contradiction) {
	n.Helper()
	n.read(func(r storage.Reader) { list = history.ReadEvidence(r) })
	return list
}
