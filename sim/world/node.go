package world

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/hbbft"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/node"
	"minimint/actors/remote"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/sim/disk"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/stub"
	"minimint/sim/workload"
	"minimint/storage"
	files "minimint/storage/disk"
)

// Node is one place in the federation, through all its processes.
type Node struct {
	world       *World
	number      int
	disk        *disk.Disk
	bitcoin     *fake.Node
	skew        time.Duration
	faulty      *Faulty
	incarnation uint64
	planned     bool // the disk was made to fail and has failed, in this incarnation
	progress
	stall  hbbft.Stall
	sealed map[messages.Epoch][]messages.Digest // what it wanted to contribute
	gaps   []gap                                // of which it knows nothing any more

	machine *sched.Machine // nil while it is down
	host    *network.Host
}

// progress is how far a node is.
type progress struct {
	next    messages.Epoch // it has committed those before
	reached messages.Epoch // the highest next, also before a backup was restored
	skipped messages.Epoch // how many right before next it has no commit of
}

// Up reports whether it runs.
func (m *Node) Up() bool { return m.machine != nil }

// Honest reports whether nobody else controls it.
func (m *Node) Honest() bool { return m.faulty == nil }

// Store returns what it has committed, whether it runs or not.
func (m *Node) Store() storage.Store { return m.disk.Store() }

// Next returns the first epoch that it has not committed.
func (m *Node) Next() messages.Epoch { return m.next }

// Stall returns what it says of why it does not go on; the zero value if it does.
func (m *Node) Stall() hbbft.Stall { return m.stall }

// Restart starts it, unless it runs.
func (m *Node) Restart() {
	if m.machine != nil {
		return
	}
	m.incarnation++
	m.planned, m.stall = false, hbbft.Stall{}
	m.machine = m.world.loop.Machine(m.number)
	m.trace("starts")
	if m.faulty != nil && m.faulty.Process != nil {
		m.occupy(m.corrupt())
		return
	}
	if err := m.launch(); err != nil {
		m.ended("node", err)
	}
}

// Bitcoin returns its bitcoin node, nil if the federation has no wallet.
func (m *Node) Bitcoin() *fake.Node { return m.bitcoin }

func (m *Node) trace(what ...string) {
	m.world.loop.Trace().Line(m.world.loop.Now(), "n"+strconv.Itoa(m.number), "node", what...)
}

// corrupt is what who controls it holds.
func (m *Node) corrupt() *Corrupt {
	f := m.world.federation
	c, err := m.crypto(func() (node.Cryptography, error) {
		return node.Keys(f.Config, messages.PeerID(m.number), f.Secrets[m.number])
	})
	if err != nil {
		panic(fmt.Sprintf("world: keys of node %d: %v", m.number, err))
	}
	return &Corrupt{
		Self: messages.PeerID(m.number), Federation: f.Config, Secrets: f.Secrets[m.number],
		Crypto: c, Rand: m.world.loop.Rand(fmt.Sprintf("corrupt/%d/%d", m.number, m.incarnation)), machine: m.machine,
	}
}

// crypto is what its HBBFT works with.
func (m *Node) crypto(keys func() (node.Cryptography, error)) (node.Cryptography, error) {
	if m.world.cfg.Real {
		return keys()
	}
	return m.world.dealer.Member(messages.PeerID(m.number)), nil
}

// launch starts the shipped node.
func (m *Node) launch() error {
	w, machine := m.world, m.machine
	hub := network.HubConfig{Machine: machine, Socket: w.federation.Config.Members[m.number].Address}
	var corrupt *Corrupt
	if m.faulty != nil && m.faulty.Adversary != nil {
		corrupt = m.corrupt()
		hub.Distort = distorter{m.faulty.Adversary(corrupt)}
	}
	public := honeybadger.Config{Federation: w.federation.Config.ID(), Era: w.federation.Config.Era, Members: w.cfg.Nodes, Encryption: 1}
	cfg := node.Config{
		Federation: w.federation.Config, Self: messages.PeerID(m.number), Secrets: w.federation.Secrets[m.number],
		Incarnation: m.incarnation, Log: slog.New(slog.DiscardHandler), UnsyncedJournal: w.cfg.Unsynced,
		Past: consensus.Past{Retain: w.cfg.Retain, Lost: len(m.gaps) > 0 && m.disk.Blank()},
		Exit: func(reason any) { m.ended("", reason) },
		Ports: node.Ports{
			System: machine.System, Timer: machine, Dispatcher: sched.Dispatcher(), Mailbox: machine.Mailbox,
			Failed: m.panicked,
			Clock:  machine.Clock(m.skew), Rand: machine.Rand("node", m.incarnation), Module: workload.Make,
			Listen:  func(string) (net.Listener, error) { return nil, nil },
			Storage: func(string) (storage.Store, files.Disk, error) { s, d := m.open(); return s, d, nil },
			Transport: func(r remote.Config) node.Transport {
				h := w.net.NewHub(hub, r)
				m.host = h.Host
				if corrupt != nil {
					corrupt.host = h.Host
				}
				return h
			},
			Cryptography: func(keys func() (node.Cryptography, error)) (node.Cryptography, error) {
				c, err := m.crypto(keys)
				public.Verifier, public.Scheme = c.Core.Verifier, c.Core.Scheme
				if err == nil && w.cfg.Prices != nil {
					c = stub.Priced(c, *w.cfg.Prices, machine.Charge)
				}
				c.Seal = m.noting(c.Seal)
				if m.faulty != nil && m.faulty.Propose != nil {
					c.Seal = func(_ io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error) {
						return m.faulty.Propose(slot.Epoch, contribution), nil
					}
				}
				return c, err
			},
			Stalled: func(s hbbft.Stall) { m.stall = s },
			Convicting: func(f protocol.Fault) {
				if m.Honest() && !honeybadger.Convicts(public, f) {
					w.Violate("evidence", "node %d blames node %d for %s with evidence that convinces nobody else", m.number, f.Peer, f.Kind)
				}
			},
			Fault: func(p messages.PeerID, kind string) {
				for _, o := range w.observers {
					o.Blamed(Blame{Node: m.number, Peer: int(p), Kind: kind})
				}
			},
		},
	}
	if m.bitcoin != nil {
		cfg.Bitcoin = m.bitcoin
	}
	if m.faulty != nil {
		cfg.Twist = m.faulty.Twist
	}
	if w.cfg.Log != nil {
		cfg.Log = w.cfg.Log(m.number)
	}
	_, _, err := node.Launch(cfg) // links are opened when its root actor has its turn
	return err
}

// noting remembers what the node wants to contribute.
func (m *Node) noting(seal sealer) sealer {
	return func(random io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error) {
		m.sealed[slot.Epoch] = append(m.sealed[slot.Epoch], sha256.Sum256(contribution))
		return seal(random, slot, contribution)
	}
}

// sealer is node.Cryptography.Seal.
type sealer = func(io.Reader, protocol.Slot, []byte) ([]byte, error)

// Contributed reports whether the shipped node wanted to contribute this to an
// epoch, in whatever incarnation.
func (m *Node) Contributed(e messages.Epoch, contribution []byte) bool {
	return slices.Contains(m.sealed[e], sha256.Sum256(contribution))
}

// Backlog returns the most messages that ever waited for one of its actors in this
// incarnation, and which.
func (m *Node) Backlog() (actor string, messages int) {
	if m.machine == nil {
		return "", 0
	}
	return m.machine.Backlog()
}

// open gives a new process its disk.
func (m *Node) open() (storage.Store, files.Disk) {
	machine := m.machine
	store, dir := m.disk.Open(disk.Watch{
		Committed: m.committed,
		Synced:    func() { machine.Wait(m.world.cfg.Sync) },
		Died:      func() { m.stop(true, true) },
	})
	m.committed(m.disk.Store()) // perhaps the last process died before it could say so
	return store, dir
}

// committed looks whether a commit ended an epoch, and tells.
func (m *Node) committed(s storage.Store) {
	snap, err := s.View()
	if err != nil {
		panic(fmt.Sprintf("world: look at the store of node %d: %v", m.number, err))
	}
	defer snap.Release()
	position := history.ReadPosition(snap)
	if position.Next == m.next {
		return
	}
	// Epochs that came from others may be many in one commit, and those before a
	// snapshot never are here.
	first := max(m.next, history.Oldest(snap, position.Next))
	m.skipped += first - min(first, m.next)
	for e := first; e < position.Next; e++ {
		m.announce(snap, s, e)
		m.skipped = 0
	}
	m.next = position.Next
	m.reached = max(m.reached, m.next)
}

// announce tells of an epoch that a commit ended. The totals are those after the
// last one.
func (m *Node) announce(snap storage.Reader, s storage.Store, e messages.Epoch) {
	said, _ := history.FindStatement(snap, e)
	o, ok := history.FindOutcome(snap, e, m.world.cfg.Nodes)
	if !ok {
		panic(fmt.Sprintf("world: node %d has no outcome of epoch %d", m.number, e))
	}
	c := Commit{Node: m.number, Honest: m.faulty == nil, Epoch: e, State: said.Header.State, Store: s, Contributions: len(o.Contributions), Again: e < m.reached, Skipped: m.skipped}
	c.Totals, _ = transition.Audit(snap)
	encoded := o.Encode()
	c.Outcome, c.Bytes = sha256.Sum256(encoded), len(encoded)
	m.trace("commits", fmt.Sprint(c.Epoch), c.State.String())
	for _, o := range m.world.observers {
		o.Committed(c)
	}
}

func (m *Node) panicked(f spawn.Failure) {
	for _, o := range m.world.observers {
		o.Failed(Failure{Node: m.number, Actor: f.Child, Reason: f.Reason, Decision: f.Decision, Planned: m.planned})
	}
}

// ended is the end of a process by itself.
func (m *Node) ended(actor string, reason any) {
	if m.machine == nil {
		return // it died of something else in this very moment
	}
	m.stop(false, true)
	for _, o := range m.world.observers {
		o.Failed(Failure{Node: m.number, Actor: actor, Reason: reason, Decision: spawn.Exited, Exit: true, Planned: m.planned})
	}
}

// stop ends a process. Its host disappears with it, silently if the power failed.
func (m *Node) stop(power, revive bool) {
	if m.machine == nil {
		return
	}
	m.planned = m.planned || power && revive
	m.machine.Kill()
	if m.host != nil {
		m.host.Vanish(!power)
	}
	m.machine, m.host = nil, nil
	if after := m.world.cfg.Revive; revive && after > 0 {
		incarnation := m.incarnation
		m.world.loop.After(after, func() {
			if m.incarnation == incarnation {
				m.Restart()
			}
		})
	}
}

// Kill ends its process; the operating system lives on, so that everything written
// is there afterwards and the others learn of it at once.
func (m *Node) Kill() { m.stop(false, false) }

// PowerFailure ends it with what was not synced. The others find out by
// themselves.
func (m *Node) PowerFailure() {
	if m.Up() {
		m.stop(true, false)
		m.disk.Crash()
	}
}

// FailDiskAt lets the power fail in the n-th change of its disk from now, n ≥ 1, in
// the middle of what it does; Config.Revive starts it again.
func (m *Node) FailDiskAt(n int) {
	if m.Up() {
		m.disk.FailAt(n)
	}
}
