package world

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"time"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
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

// member is one place in the federation, through all its processes.
type member struct {
	number      int
	disk        *disk.Disk
	bitcoin     *fake.Node
	skew        time.Duration
	faulty      *Faulty
	incarnation uint64
	planned     bool // the disk was made to fail in this incarnation
	next        messages.Epoch

	machine *sched.Machine // nil while it is down
	host    *network.Host
	running *node.Node // nil also where a Process runs
}

// Up reports whether a node runs.
func (w *World) Up(node int) bool { return w.members[node].machine != nil }

// Honest reports whether nobody else controls a node.
func (w *World) Honest(node int) bool { return w.members[node].faulty == nil }

// Restart starts a node that does not run.
func (w *World) Restart(node int) {
	m := w.members[node]
	if m.machine != nil {
		return
	}
	m.incarnation++
	m.planned = false
	m.machine = w.loop.Machine(node)
	w.loop.Trace().Line(w.loop.Now(), m.machine.String(), "starts", "")
	if m.faulty != nil && m.faulty.Process != nil {
		w.occupy(m, w.corrupt(m))
		return
	}
	if err := w.launch(m); err != nil {
		w.ended(m, "node", err)
	}
}

func (w *World) corrupt(m *member) *Corrupt {
	crypto := w.crypto(m.number, func() (node.Cryptography, error) {
		return node.Keys(w.federation.Config, messages.PeerID(m.number), w.federation.Secrets[m.number])
	})
	c, err := crypto()
	if err != nil {
		panic(fmt.Sprintf("world: keys of node %d: %v", m.number, err))
	}
	return &Corrupt{
		Self: messages.PeerID(m.number), Federation: w.federation.Config, Secrets: w.federation.Secrets[m.number],
		Crypto: c, Rand: w.loop.Rand(fmt.Sprintf("corrupt/%d/%d", m.number, m.incarnation)), machine: m.machine,
	}
}

// crypto is what a member's HBBFT works with.
func (w *World) crypto(number int, keys func() (node.Cryptography, error)) func() (node.Cryptography, error) {
	if w.cfg.Real {
		return keys
	}
	return func() (node.Cryptography, error) { return w.dealer.Member(messages.PeerID(number)), nil }
}

// launch starts the shipped node.
func (w *World) launch(m *member) error {
	machine := m.machine
	hub := network.HubConfig{Machine: machine, Socket: w.federation.Config.Members[m.number].Address}
	var corrupt *Corrupt
	if m.faulty != nil && m.faulty.Adversary != nil {
		corrupt = w.corrupt(m)
		hub.Distort = distorter{m.faulty.Adversary(corrupt)}
	}
	var err error
	cfg := node.Config{
		Federation: w.federation.Config, Self: messages.PeerID(m.number), Secrets: w.federation.Secrets[m.number],
		Incarnation: m.incarnation, Log: slog.New(slog.DiscardHandler),
		Exit: func(reason any) { w.ended(m, "", reason) },
		Ports: node.Ports{
			System: machine.System, Timer: machine, Dispatcher: sched.Dispatcher(), Mailbox: machine.Mailbox,
			Failed: func(f spawn.Failure) { w.panicked(m, f) },
			Clock:  machine.Clock(m.skew), Rand: machine.Rand("node", m.incarnation), Module: workload.Make,
			Listen:  func(string) (net.Listener, error) { return nil, nil },
			Storage: func(string) (storage.Store, files.Disk, error) { s, d := w.open(m); return s, d, nil },
			Transport: func(r remote.Config) node.Transport {
				h := w.net.NewHub(hub, r)
				m.host = h.Host
				if corrupt != nil {
					corrupt.host = h.Host
				}
				return h
			},
			Cryptography: func(keys func() (node.Cryptography, error)) (node.Cryptography, error) {
				c, err := w.crypto(m.number, keys)()
				if err == nil && w.cfg.Prices != nil {
					c = stub.Priced(c, *w.cfg.Prices, machine.Charge)
				}
				return c, err
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
	if w.cfg.Log != nil {
		cfg.Log = w.cfg.Log(m.number)
	}
	m.running, _, err = node.Launch(cfg)
	return err
}

// open gives a new process its disk.
func (w *World) open(m *member) (storage.Store, files.Disk) {
	machine := m.machine
	store, dir := m.disk.Open(disk.Watch{
		Committed: func(s storage.Store) { w.committed(m, s) },
		Synced:    func() { machine.Wait(w.cfg.Sync) },
		Died:      func() { w.stop(m, true, true) },
	})
	w.committed(m, m.disk.Store()) // perhaps the last process died before it could say so
	return store, dir
}

// committed looks whether a commit ended an epoch, and tells.
func (w *World) committed(m *member, s storage.Store) {
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
	for e := max(m.next, history.Oldest(snap, position.Next)); e < position.Next; e++ {
		w.announce(m, snap, s, e)
	}
	m.next = position.Next
}

// announce tells of an epoch that a commit ended. The totals are those after the
// last one.
func (w *World) announce(m *member, snap storage.Reader, s storage.Store, e messages.Epoch) {
	said, _ := history.FindStatement(snap, e)
	o, ok := history.FindOutcome(snap, e, w.cfg.Nodes)
	if !ok {
		panic(fmt.Sprintf("world: node %d has no outcome of epoch %d", m.number, e))
	}
	c := Commit{Node: m.number, Honest: m.faulty == nil, Epoch: e, State: said.Header.State, Store: s, Contributions: len(o.Contributions)}
	c.Totals, _ = transition.Audit(snap)
	encoded := o.Encode()
	c.Outcome, c.Bytes = sha256.Sum256(encoded), len(encoded)
	w.loop.Trace().Line(w.loop.Now(), fmt.Sprintf("n%d", m.number), "commits", fmt.Sprint(c.Epoch), c.State.String())
	for _, o := range w.observers {
		o.Committed(c)
	}
}

func (w *World) panicked(m *member, f spawn.Failure) {
	for _, o := range w.observers {
		o.Failed(Failure{Node: m.number, Actor: f.Child, Reason: f.Reason, Decision: f.Decision, Planned: m.planned})
	}
}

// ended is the end of a process by itself.
func (w *World) ended(m *member, actor string, reason any) {
	if m.machine == nil {
		return // it died of something else in this very moment
	}
	w.stop(m, false, true)
	for _, o := range w.observers {
		o.Failed(Failure{Node: m.number, Actor: actor, Reason: reason, Decision: spawn.Exited, Exit: true, Planned: m.planned})
	}
}

// stop ends a process. Its host disappears with it, silently if the power failed.
func (w *World) stop(m *member, power, revive bool) {
	if m.machine == nil {
		return
	}
	m.planned = m.planned || power && revive
	m.machine.Kill()
	if m.host != nil {
		m.host.Vanish(!power)
	}
	m.machine, m.host, m.running = nil, nil, nil
	if revive && w.cfg.Revive > 0 {
		incarnation := m.incarnation
		w.loop.After(w.cfg.Revive, func() {
			if m.incarnation == incarnation {
				w.Restart(m.number)
			}
		})
	}
}

// Kill ends the process of a node; its operating system lives on, so that
// everything written is there afterwards and the others learn of it at once.
func (w *World) Kill(node int) { w.stop(w.members[node], false, false) }

// PowerFailure ends a node with what was not synced. The others find out by
// themselves.
func (w *World) PowerFailure(node int) {
	m := w.members[node]
	if m.machine == nil {
		return
	}
	w.stop(m, true, false)
	m.disk.Crash()
}

// FailDiskAt lets the power of a node fail in the n-th change of its disk from now,
// in the middle of what it does; Config.Revive starts it again.
func (w *World) FailDiskAt(node, n int) {
	if m := w.members[node]; m.machine != nil {
		m.planned = true
		m.disk.FailAt(n)
	}
}
