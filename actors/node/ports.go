package node

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/clock"
	"minimint/actors/hbbft"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/module/contract"
	"minimint/actors/remote"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/statement"
	"minimint/storage"
	"minimint/storage/bolt"
	"minimint/storage/disk"
)

// Ports are a node's doors to the world. The zero value is the real world: the
// wall clock, the operating system's randomness, bbolt and files, TCP. The
// simulator opens others, and what is behind them (the actors, their wiring,
// their supervision) is the same. Each port may be set alone.
type Ports struct {
	// System makes the actor system.
	System func(*slog.Logger) *actor.ActorSystem
	// Timer, Dispatcher, Mailbox and Failed are those of spawn.Config; Failed is
	// its Observe.
	Timer      spawn.Timer
	Dispatcher actor.Dispatcher
	Mailbox    actor.MailboxProducer
	Failed     func(spawn.Failure)
	// Adapt changes what actors run on, last of all: a rig that makes them fail
	// puts its middleware in. Optional.
	Adapt func(*spawn.Config)
	// Clock produces the actor that answers timing.Subscribe.
	Clock actor.Producer
	// Rand must be unpredictable and safe for many goroutines.
	Rand io.Reader
	// Storage opens what lasts; on an error nothing is left open. A Disk that is
	// an io.Closer is closed in the end.
	Storage func(dir string) (storage.Store, disk.Disk, error)
	// Listen opens the socket for peers and clients, Transport the links to them.
	// What Listen returns is handed to Transport.Listen and closed there.
	Listen    func(address string) (net.Listener, error)
	Transport func(remote.Config) Transport
	// Module makes modules of kinds that this program does not have.
	Module func(federation.Module) (contract.Module, error)
	// Cryptography decides what HBBFT and the processor work with; keys makes what the
	// federation's keys give.
	Cryptography func(keys func() (Cryptography, error)) (Cryptography, error)
	// Fault is told of every fault of a member that this node finds, on the
	// goroutine of the actor that found it. Optional.
	Fault func(messages.PeerID, string)
	// Convicting is told, after Fault, of those whose evidence convinces anybody else too,
	// see honeybadger.Convicts. Optional.
	Convicting func(protocol.Fault)
	// Stalled is hbbft.Config.Stalled. Optional.
	Stalled func(hbbft.Stall)
}

// A Transport carries messages between actor systems. *remote.Hub is the real
// one; its documentation is the contract.
type Transport interface {
	Federate(self int, members []remote.Member)
	Listen(net.Listener, remote.Admission) error
	Disconnect(address string)
	Close()
}

// Cryptography is what HBBFT signs, tosses coins and encrypts with: the fields
// Signer, Verifier, Coin and Scheme of Core, and Seal of hbbft.Config; and what the
// processor signs epochs with.
type Cryptography struct {
	Core         honeybadger.Config
	Seal         func(random io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error)
	Certificates statement.Signer
}

// orReal fills in the ports that were left to the real world.
func (p Ports) orReal() Ports {
	if p.System == nil {
		p.System = func(log *slog.Logger) *actor.ActorSystem {
			return actor.NewActorSystem(spawn.Logger(log))
		}
	}
	if p.Timer == nil {
		p.Timer = clock.Timer{}
	}
	if p.Clock == nil {
		p.Clock = clock.Producer()
	}
	if p.Rand == nil {
		p.Rand = rand.Reader
	}
	p.Rand = random{p.Rand}
	if p.Storage == nil {
		p.Storage = openStorage
	}
	if p.Listen == nil {
		p.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	if p.Transport == nil {
		p.Transport = func(cfg remote.Config) Transport { return remote.New(cfg) }
	}
	if p.Module == nil {
		p.Module = func(m federation.Module) (contract.Module, error) {
			return nil, fmt.Errorf("this program has no module %s", m.Kind)
		}
	}
	if p.Cryptography == nil {
		p.Cryptography = func(keys func() (Cryptography, error)) (Cryptography, error) { return keys() }
	}
	if p.Failed == nil {
		p.Failed = func(spawn.Failure) {}
	}
	if p.Adapt == nil {
		p.Adapt = func(*spawn.Config) {}
	}
	if p.Fault == nil {
		p.Fault = func(messages.PeerID, string) {}
	}
	if p.Convicting == nil {
		p.Convicting = func(protocol.Fault) {}
	}
	if p.Stalled == nil {
		p.Stalled = func(hbbft.Stall) {}
	}
	return p
}

// StoreFile is the store in the data directory.
const StoreFile = "state.db"

// openStorage opens the store and the directory of pool and journal.
func openStorage(dir string) (storage.Store, disk.Disk, error) {
	files, err := disk.OpenDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("data directory: %w", err)
	}
	store, err := bolt.Open(filepath.Join(dir, StoreFile), bolt.Options{})
	if err != nil {
		return nil, nil, err
	}
	return store, files, nil
}
