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
package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/chain"
	"minimint/actors/clock"
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
	"minimint/storage/bolt"
	"minimint/storage/disk"
)

// Secrets are what one member holds alone, in the encodings of the key ceremony.
type Secrets struct {
	IdentitySeed  []byte // ed25519, 32 bytes
	Coin          []byte // scalar of BLS12-381, 32 bytes
	Contributions []byte // scalar of ristretto255, 32 bytes
	// Tiers are the shares of the mint's keys, in the order of the tiers.
	Tiers [][]byte
	// Wallet is the member's secp256k1 key, 32 bytes.
	Wallet []byte
}

// Config says which member to run. All fields but Bitcoin, Twist and Log are
// required.
type Config struct {
	Federation *federation.Config
	Self       messages.PeerID
	Secrets    Secrets
	// DataDir holds store, pool and journal; nothing else may use it.
	DataDir string
	// Listen is the socket for peers and clients, "host:port".
	Listen string
	// Incarnation must grow with every start, for instance the time in
	// nanoseconds.
	Incarnation uint64
	// Bitcoin is this member's bitcoin node; without one the member votes for
	// no blocks, and everything else goes on.
	Bitcoin chain.Backend
	// Exit is called when the node must not go on; the process should end.
	Exit func(reason any)
	Log  *slog.Logger
	// Twist changes replies to clients before they are sent. Only nodes that
	// are made to lie on purpose have one.
	Twist func(*wire.ClientReply)
}

// Node is a running member.
type Node struct {
	cfg        Config
	system     *actor.ActorSystem
	spawn      *spawn.System
	hub        *remote.Hub
	store      storage.Store
	disk       disk.Disk
	transition *transition.Transition
	wallet     *wallet.Module
	status     *status
	root       *actor.PID
	sessions   atomic.Uint64
	listener   net.Listener
}

// Start runs a member. On an error nothing is left running.
func Start(cfg Config) (*Node, error) {
	if int(cfg.Self) >= cfg.Federation.Size() || len(cfg.Secrets.IdentitySeed) != 32 {
		return nil, fmt.Errorf("node: member %d of %d, identity seed of %d bytes", cfg.Self, cfg.Federation.Size(), len(cfg.Secrets.IdentitySeed))
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, status: newStatus(cfg.Self, cfg.Federation.Size())}
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.close())
	}
	if err := n.run(); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// open makes everything that can fail before the first actor runs.
func (n *Node) open() error {
	modules, err := n.modules()
	if err != nil {
		return err
	}
	n.transition = transition.New(n.cfg.Federation.ID(), modules)
	if n.disk, err = disk.OpenDir(n.cfg.DataDir); err != nil {
		return fmt.Errorf("node: data directory: %w", err)
	}
	if n.store, err = bolt.Open(filepath.Join(n.cfg.DataDir, "state.db"), bolt.Options{}); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if n.listener, err = net.Listen("tcp", n.cfg.Listen); err != nil {
		return fmt.Errorf("node: listen: %w", err)
	}
	return nil
}

// run makes the actor system, the tree and the links.
func (n *Node) run() error {
	n.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return n.cfg.Log }))
	n.spawn = spawn.New(spawn.Config{
		Timer: clock.Timer{}, Rand: rand.Reader, Log: n.cfg.Log,
		Exit: func(child string, reason any) {
			n.cfg.Log.Error("the node must not go on", slog.String("actor", child), slog.Any("reason", reason))
			n.cfg.Exit(reason)
		},
	})
	own := identity.FromSeed(n.cfg.Secrets.IdentitySeed)
	if !n.cfg.Federation.Members[n.cfg.Self].Identity.Equal(n.public()) {
		return fmt.Errorf("node: the secrets are not those of member %d (%s)", n.cfg.Self, n.cfg.Federation.Members[n.cfg.Self].Name)
	}
	n.hub = remote.New(remote.Config{
		System: n.system, Identity: own, Party: gate.Party{Federation: n.cfg.Federation.ID(), Incarnation: n.cfg.Incarnation},
		Timer: clock.Timer{}, Rand: rand.Reader, Log: n.cfg.Log,
	})
	children, err := n.children()
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	n.root, err = n.system.Root.SpawnNamed(n.spawn.RootProps(nodePolicy, newRoot(children, ready)), rootName)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	<-ready
	n.hub.Federate(int(n.cfg.Self), n.members())
	listener := n.listener
	n.listener = nil // the hub closes it
	if err := n.hub.Listen(listener, remote.DefaultAdmission(n.accept)); err != nil {
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
	if n.hub != nil {
		n.hub.Close()
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
