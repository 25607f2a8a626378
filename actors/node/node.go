// Package node puts one member of the federation together: it makes the actors,
// tells them of each other, and supervises them by the table in supervision.go.
// It is the only package that knows all of them.
//
//	node ─┬─ clock
//	      ├─ consensus          the single writer of the store
//	      ├─ hbbft              the journal
//	      ├─ module-mint, module-wallet, …
//	      ├─ chain              if there is a bitcoin node
//	      └─ peer-0 … peer-n    but this member
//	session/k                   one for each client link
//
// Start opens everything and returns; the node then runs until Stop, or until
// an actor that holds consensus state has failed twice, which calls Config.Exit:
// a member that cannot trust its memory must halt, not guess.
//
// The node touches the world through its [Ports] alone, so that a simulator runs
// the same actors, wired by the same code, in a world of its own.
package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/chain"
	"minimint/actors/consensus"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/wallet"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/disk"
)

// Secrets are what one member holds alone, in the encodings of the key ceremony.
type Secrets struct {
	IdentitySeed  []byte // ed25519, 32 bytes
	Coin          []byte // scalar of BLS12-381, 32 bytes
	Certificate   []byte // likewise
	Contributions []byte // scalar of ristretto255, 32 bytes
	Preimages     []byte // likewise; needed where the Lightning module runs
	// Tiers are the shares of the mint's keys, in the order of the tiers.
	Tiers [][]byte
	// Wallet is the member's secp256k1 key, 32 bytes.
	Wallet []byte
}

// Config says which member to run. Federation, Self, Secrets, DataDir, Listen,
// Incarnation and Exit are required.
type Config struct {
	Federation *federation.Config
	Self       messages.PeerID
	Secrets    Secrets
	// DataDir holds store, pool and journal; nothing else may use it.
	DataDir string
	// Past says how much of it to keep for peers, and whether an empty DataDir
	// means that it was lost.
	Past consensus.Past
	// UnsyncedJournal trades safety for speed, see hbbft.Config.Unsynced.
	UnsyncedJournal bool
	// TrustJournal is an operator's word, see hbbft.Config.TrustJournal.
	TrustJournal bool
	// Listen is the socket for peers and clients, "host:port".
	Listen string
	// Incarnation must grow with every start, for instance the time in
	// nanoseconds.
	Incarnation uint64
	// Bitcoin is this member's bitcoin node; without one the member votes for
	// no blocks, and everything else goes on.
	Bitcoin chain.Backend
	// Exit is called with a *Halt when the node must not go on: the process
	// should end. It must not wait for the node.
	Exit func(reason any)
	Log  *slog.Logger
	// Twist changes replies to clients before they are sent. Only nodes that
	// are made to lie on purpose have one.
	Twist func(*wire.ClientReply)
	// Ports are the real world if they are not set.
	Ports Ports
}

// Node is a running member.
type Node struct {
	cfg        Config
	system     *actor.ActorSystem
	spawn      *spawn.System
	transport  Transport
	store      storage.Store
	disk       disk.Disk
	transition *transition.Transition
	wallet     *wallet.Module
	status     *status
	root       *actor.PID
	halted     chan *Halt // the first; has room
	sessions   atomic.Uint64
	listener   net.Listener
}

// Start runs a member and returns when it is reachable. On an error nothing is
// left running.
func Start(cfg Config) (*Node, error) {
	n, up, err := Launch(cfg)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-up:
	case h := <-n.halted:
		err = fmt.Errorf("node: %w", h)
	}
	if err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// Launch is Start for a caller whose own goroutine runs the actors, and who
// cannot wait for them: up gets one value when the actors are there and the node
// is reachable, or the error that kept it from that.
func Launch(cfg Config) (n *Node, up <-chan error, err error) {
	if int(cfg.Self) >= cfg.Federation.Size() || len(cfg.Secrets.IdentitySeed) != 32 {
		return nil, nil, fmt.Errorf("node: member %d of %d, identity seed of %d bytes", cfg.Self, cfg.Federation.Size(), len(cfg.Secrets.IdentitySeed))
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Ports = cfg.Ports.orReal()
	n = &Node{cfg: cfg, status: newStatus(cfg.Self, cfg.Federation.Size(), cfg.Ports), halted: make(chan *Halt, 1)}
	if err := n.open(); err != nil {
		return nil, nil, errors.Join(err, n.close())
	}
	if up, err = n.run(); err != nil {
		n.Stop()
		return nil, nil, err
	}
	return n, up, nil
}

// open makes everything that can fail before the first actor runs.
func (n *Node) open() error {
	modules, err := n.modules()
	if err != nil {
		return err
	}
	n.transition = transition.New(n.cfg.Federation.ID(), modules)
	if n.store, n.disk, err = n.cfg.Ports.Storage(n.cfg.DataDir); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if n.listener, err = n.cfg.Ports.Listen(n.cfg.Listen); err != nil {
		return fmt.Errorf("node: listen: %w", err)
	}
	return nil
}

// supervision makes what runs the actors and what follows when one must not go
// on.
func (n *Node) supervision() *spawn.System {
	p := n.cfg.Ports
	cfg := spawn.Config{
		Timer: p.Timer, Rand: p.Rand, Log: n.cfg.Log, Dispatcher: p.Dispatcher, Mailbox: p.Mailbox, Observe: p.Failed,
		Exit: func(string, any) {}, // Observe knows more
	}
	p.Adapt(&cfg)
	observe := cfg.Observe
	cfg.Observe = func(f spawn.Failure) {
		observe(f)
		if f.Decision == spawn.Exited {
			n.halt(haltOf(f))
		}
	}
	return spawn.New(cfg)
}

// halt tells whoever runs the node that it must not go on.
func (n *Node) halt(h *Halt) {
	n.cfg.Log.Error("the node must not go on", slog.String("actor", h.Actor), slog.Any("reason", h.Reason))
	select {
	case n.halted <- h:
	default: // it halts already
	}
	n.cfg.Exit(h)
}

// run makes the actor system and the tree.
func (n *Node) run() (up <-chan error, err error) {
	p := n.cfg.Ports
	own := identity.FromSeed(n.cfg.Secrets.IdentitySeed)
	if !n.cfg.Federation.Members[n.cfg.Self].Identity.Equal(n.public()) {
		return nil, fmt.Errorf("node: the secrets are not those of member %d (%s)", n.cfg.Self, n.cfg.Federation.Members[n.cfg.Self].Name)
	}
	n.system = p.System(n.cfg.Log)
	n.spawn = n.supervision()
	n.transport = p.Transport(remote.Config{
		System: n.system, Identity: own, Party: gate.Party{Federation: n.cfg.Federation.ID(), Incarnation: n.cfg.Incarnation},
		Timer: p.Timer, Rand: p.Rand, Log: n.cfg.Log,
	})
	children, err := n.children()
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	n.root, err = n.system.Root.SpawnNamed(n.spawn.RootProps(nodePolicy, func() actor.Actor {
		return &root{children: children, link: n.link, up: done}
	}), rootName)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return done, nil
}

// link opens the links. The actors that own them are there.
func (n *Node) link() error {
	n.transport.Federate(int(n.cfg.Self), n.members())
	listener := n.listener
	n.listener = nil // the transport closes it
	if err := n.transport.Listen(listener, remote.DefaultAdmission(n.accept)); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// Stop ends the node in good order; what was acknowledged is durable at any
// moment, so nothing depends on it.
func (n *Node) Stop() {
	if n.root != nil {
		_ = n.system.Root.StopFuture(n.root).Wait()
	}
	if n.transport != nil {
		n.transport.Close()
	}
	if n.system != nil {
		n.system.Shutdown()
	}
	if err := n.close(); err != nil {
		n.cfg.Log.Warn("closing", slog.Any("error", err))
	}
}

func (n *Node) close() error {
	var errs []error
	if n.listener != nil {
		errs = append(errs, n.listener.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if c, ok := n.disk.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
