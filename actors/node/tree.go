package node

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/chain"
	"minimint/actors/consensus"
	"minimint/actors/consensus/transition"
	"minimint/actors/hbbft"
	"minimint/actors/module"
	"minimint/actors/module/wallet"
	"minimint/actors/peer"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/session"
	"minimint/messages"
	"minimint/messages/wire"
)

// Files in the data directory beside the store.
const (
	poolFile    = "pool.log"
	journalFile = "journal.log"
)

// How often the chain actor looks at the bitcoin node.
const (
	chainEvery  = time.Second
	feeEvery    = time.Minute
	resendEvery = 30 * time.Second
)

// A child is one actor below the root.
type child struct {
	name  string
	props *actor.Props
}

// root is the node actor: it spawns the children, has the links opened, and
// holds nothing else.
type root struct {
	children []child
	link     func() error
	up       chan<- error
}

// Receive implements actor.Actor.
func (r *root) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); !ok {
		return
	}
	for _, c := range r.children {
		if _, err := ctx.SpawnNamed(c.props, c.name); err != nil {
			panic(fmt.Sprintf("node: spawn %s: %v", c.name, err))
		}
	}
	r.up <- r.link() // has room
}

// children returns the actors in the order in which they start.
func (n *Node) children() ([]child, error) {
	crypto, err := n.cfg.Ports.Cryptography(func() (Cryptography, error) {
		return Keys(n.cfg.Federation, n.cfg.Self, n.cfg.Secrets)
	})
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	peers := make([]*actor.PID, n.cfg.Federation.Size())
	for i := range peers {
		if id := messages.PeerID(i); id != n.cfg.Self {
			peers[i] = n.pid(peerName(id))
		}
	}
	core := crypto.Core
	core.Federation, core.Era, core.Members, core.Self = n.cfg.Federation.ID(), n.cfg.Federation.Era, n.cfg.Federation.Size(), n.cfg.Self
	core.Encryption = 1
	if n.cfg.Federation.PlainContributions {
		core.Encryption = 0
	}
	list := []child{
		{clockName, n.spawn.Props(clockPolicy, n.cfg.Ports.Clock)},
		{hbbftName, n.spawn.Props(hbbftPolicy, hbbft.New(hbbft.Config{
			Core: core, Seal: crypto.Seal, Rand: n.cfg.Ports.Rand, Disk: n.disk, File: journalFile,
			Consensus: n.pid(consensusName), Peers: peers, Clock: n.pid(clockName),
			Timer: n.cfg.Ports.Timer, Unsynced: n.cfg.UnsyncedJournal, TrustJournal: n.cfg.TrustJournal,
			Fault: n.status.found, Stalled: n.status.stalls,
		}))},
		{consensusName, n.spawn.Props(consensusPolicy, consensus.New(consensus.Config{
			Federation: n.cfg.Federation.ID(), Era: n.cfg.Federation.Era, Self: n.cfg.Self, Members: n.cfg.Federation.Size(),
			Key: crypto.Certificates, Transition: n.transition, Store: n.store, Past: n.cfg.Past,
			PoolDisk: n.disk, PoolFile: poolFile, Rand: n.cfg.Ports.Rand, HBBFT: n.pid(hbbftName), Peers: peers, Clock: n.pid(clockName), Fault: n.status.faulty,
		}))},
	}
	for _, m := range n.transition.Modules() {
		list = append(list, child{moduleName(m.Kind()), n.spawn.Props(modulePolicy, module.New(module.Config{
			Module: m, Store: n.store, Consensus: n.pid(consensusName), Clock: n.pid(clockName),
		}))})
	}
	for i, pid := range peers {
		if pid != nil {
			list = append(list, child{peerName(messages.PeerID(i)), n.spawn.Props(peerPolicy, n.peer(messages.PeerID(i)))})
		}
	}
	if n.cfg.Bitcoin != nil && n.wallet != nil {
		list = append(list, child{chainName, n.spawn.Props(chainPolicy, n.chain())})
	}
	return list, nil
}

func (n *Node) peer(id messages.PeerID) actor.Producer {
	return peer.New(peer.Config{
		Peer:   id,
		Remote: actor.NewPID(remote.PeerAddress(int(id)), peer.Route),
		HBBFT:  n.pid(hbbftName), Consensus: n.pid(consensusName),
		Linked: n.status.linked, Fault: n.status.faulty,
		Reset: func() { n.transport.Disconnect(remote.PeerAddress(int(id))) },
	})
}

func (n *Node) chain() actor.Producer {
	return chain.New(chain.Config{
		Wallet: n.wallet, Store: n.store, Scope: transition.ModuleScope(wallet.Kind), Module: n.pid(moduleName(wallet.Kind)),
		Consensus: n.pid(consensusName), Clock: n.pid(clockName), Spawn: n.spawn, Backend: n.cfg.Bitcoin,
		Every: chainEvery, FeeEvery: feeEvery, ResendEvery: resendEvery,
	})
}

// members is the directory of the transport, with what each member may do here.
func (n *Node) members() []remote.Member {
	list := make([]remote.Member, n.cfg.Federation.Size())
	for i, m := range n.cfg.Federation.Members {
		list[i] = remote.Member{Key: identity.PinOf(m.Identity), Socket: m.Address}
		if id := messages.PeerID(i); id != n.cfg.Self {
			pid := n.pid(peerName(id))
			list[i].Policy = gate.Policy{
				Owner: pid.Id, Routes: map[string]string{peer.Route: pid.Id}, Receives: peer.Receives(), Sender: peer.Route,
				Limits: gate.PeerLimits(), Overflow: gate.DropAndTell,
			}
		}
	}
	return list
}

// The names of the two ends of a client's link.
const (
	sessionRoute = "session"
	clientRoute  = "client"
)

// accept spawns a session for a client's link. It runs on goroutines of the
// transport.
func (n *Node) accept(c remote.Client) (gate.Policy, error) {
	hosts := map[messages.ModuleKind]*actor.PID{}
	for _, m := range n.transition.Modules() {
		hosts[m.Kind()] = n.pid(moduleName(m.Kind()))
	}
	props := n.spawn.RootProps(sessionPolicy, session.New(session.Config{
		Federation: n.cfg.Federation, Transition: n.transition, Store: n.store, Consensus: n.pid(consensusName), Modules: hosts,
		Clock: n.pid(clockName), Client: actor.NewPID(c.Address, clientRoute), Report: n.status.report, Twist: n.cfg.Twist,
	}))
	pid, err := n.system.Root.SpawnNamed(props, fmt.Sprintf("session/%d", n.sessions.Add(1)))
	if err != nil {
		return gate.Policy{}, fmt.Errorf("node: session: %w", err)
	}
	n.cfg.Log.Debug("client connects", slog.String("session", pid.Id))
	return gate.Policy{
		Owner: pid.Id, Routes: map[string]string{sessionRoute: pid.Id}, Receives: []proto.Message{&wire.ClientRequest{}}, Sender: clientRoute,
		Limits: clientLimits(), Overflow: gate.CloseLink,
	}, nil
}

// clientLimits leave room for the largest transaction.
func clientLimits() gate.Limits {
	l := gate.ClientLimits()
	l.MaxMessage = 160 << 10
	l.Window = 512 << 10
	return l
}

func (n *Node) public() ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(n.cfg.Secrets.IdentitySeed).Public().(ed25519.PublicKey)
}
