// Package station is a whole gateway in one process: a directory, a Lightning node,
// an actor system with the gateway's actors, a client for each federation, and the two
// HTTP servers, one for clients and one for whoever runs it.
//
//	s, err := station.Open(station.Config{Dir: dir, Node: node, Network: params, Listen: "127.0.0.1:8080", …})
//	defer s.Close()
//	f, err := s.Connect(ctx, operator.Connect{Invite: code})
//
// A [Station] is an operator.Operator. The directory belongs to one process at a time;
// each federation's client has a directory of its own in it.
package station

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/clock"
	"minimint/actors/gateway"
	"minimint/actors/gateway/door"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/operator"
	"minimint/actors/spawn"
	"minimint/storage/bolt"
)

// Names in the directory.
const (
	storeFile      = "gateway.db"
	federationsDir = "federations"
)

// Config says what to run. Dir, Node, Network, Listen and Log are required.
type Config struct {
	// Dir is created if it is missing, readable by its owner alone.
	Dir string
	// Node is the Lightning node. It stays open when the Station is closed. Its adapter
	// must hold forwards for which deal.Virtual is true, and no others.
	Node    lnnode.Node
	Network *chaincfg.Params
	// Listen is host:port for clients, API the URL under which they reach it, as it
	// stands in listings; http:// and the listener's address if it is empty. Name is
	// what users see.
	Listen, API, Name string
	// Operator is host:port for the operator's requests, which show Token; nobody
	// listens if either is empty.
	Operator, Token string
	Log             *slog.Logger
	// Rand defaults to the operating system's randomness.
	Rand io.Reader
	// Blocks gives a view of the bitcoin chain, to find deposits. Optional.
	Blocks func(*chaincfg.Params) (client.Blocks, error)
	// Now is the time of records until the clock's first tick. Optional.
	Now time.Time
	// Version is what Info tells.
	Version string
	// Adapt changes what the actors run on. Optional.
	Adapt func(*spawn.Config)
}

// A Station is a gateway that runs. Its methods may be called from any goroutine.
type Station struct {
	cfg      Config
	store    *bolt.Store
	system   *actor.ActorSystem
	clock    *actor.PID
	top, ear *actor.PID
	servers  []*http.Server
	clients  net.Listener
	operator net.Listener // nil: nobody listens
	serving  sync.WaitGroup

	connect sync.Mutex // held while a federation is being joined
	mu      sync.Mutex // guards what follows
	members []*member
	number  uint64
	calls   map[uint64]chan any
	closed  bool
}

var (
	_ operator.Operator = (*Station)(nil)
	_ door.Desk         = (*Station)(nil)
)

// ErrClosed says that the Station was closed.
var ErrClosed = errors.New("the gateway is closed")

// Open starts the gateway of a directory and goes on with its payments.
func Open(cfg Config) (*Station, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, federationsDir), 0o700); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	s := &Station{cfg: cfg, calls: map[uint64]chan any{}}
	if err := s.listen(); err != nil {
		return nil, err
	}
	store, err := bolt.Open(filepath.Join(cfg.Dir, storeFile), bolt.Options{})
	if err != nil {
		s.deafen()
		return nil, err
	}
	s.store = store
	s.start()
	if err := s.resume(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.serve(s.clients, door.Handler(door.Config{Desk: s, Log: cfg.Log}))
	if s.operator != nil {
		s.serve(s.operator, door.Contain(cfg.Log, operator.Handler(s, cfg.Token)))
	}
	return s, nil
}

// listen opens the listeners, so that the address is known that clients are told.
func (s *Station) listen() error {
	var err error
	if s.clients, err = net.Listen("tcp", s.cfg.Listen); err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	if s.cfg.API == "" {
		s.cfg.API = "http://" + s.clients.Addr().String()
	}
	if s.cfg.Operator == "" || s.cfg.Token == "" {
		return nil
	}
	if s.operator, err = net.Listen("tcp", s.cfg.Operator); err != nil {
		s.deafen()
		return fmt.Errorf("listen for the operator: %w", err)
	}
	return nil
}

func (s *Station) deafen() {
	_ = s.clients.Close()
	if s.operator != nil {
		_ = s.operator.Close()
	}
}

// start makes the actors. A store that fails ends the process (see package gateway), as
// it does a client's.
func (s *Station) start() {
	s.system = actor.NewActorSystem(spawn.Logger(s.cfg.Log))
	run := spawn.Config{
		Timer: clock.Timer{}, Rand: s.cfg.Rand, Log: s.cfg.Log,
		Exit: func(child string, reason any) { panic(fmt.Sprintf("station: actor %s: %v", child, reason)) },
	}
	if s.cfg.Adapt != nil {
		s.cfg.Adapt(&run)
	}
	make := spawn.New(run)
	forever := spawn.Restart(spawn.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second})
	root := s.system.Root
	s.clock = root.Spawn(make.RootProps(forever, clock.Producer()))
	s.ear = root.Spawn(make.RootProps(forever, func() actor.Actor { return (*ear)(s) }))
	s.top = root.Spawn(make.RootProps(forever, gateway.New(gateway.Config{
		Spawn: make, Clock: s.clock, Timer: run.Timer, Store: s.store, Node: s.cfg.Node, Network: s.cfg.Network,
		API: s.cfg.API, Name: s.cfg.Name, Log: s.cfg.Log, Now: s.cfg.Now,
	})))
}

// serve answers on a listener until Close, on a goroutine of its own.
func (s *Station) serve(l net.Listener, h http.Handler) {
	server := door.Server(h)
	s.servers = append(s.servers, server)
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.cfg.Log.Error("no more requests are taken", slog.String("address", l.Addr().String()), slog.Any("error", err))
		}
	}()
}

// Addr is where clients are listened to, as host:port; OperatorAddr where the operator
// is, empty if nowhere.
func (s *Station) Addr() string { return s.clients.Addr().String() }

// OperatorAddr is explained at Addr.
func (s *Station) OperatorAddr() string {
	if s.operator == nil {
		return ""
	}
	return s.operator.Addr().String()
}

// farewell is how long requests that are being served may take when the gateway closes:
// those that wait for a payment have been told to come back.
const farewell = 2 * time.Second

// Close stops everything and waits for that. Payments go on when it is opened again.
func (s *Station) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	for n, ch := range s.calls {
		close(ch)
		delete(s.calls, n)
	}
	members := s.members
	s.mu.Unlock()
	if again {
		return nil
	}
	// First nobody is let in, then those inside are served, then the actors end; the
	// clients last, so that nothing is ordered of one that is closed.
	s.deafen()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	s.serving.Wait()
	s.cfg.Node.Watch(func() {}) // it outlives the actors that it would wake
	for _, pid := range []*actor.PID{s.top, s.ear, s.clock} {
		_ = s.system.Root.StopFuture(pid).Wait() // it says only that it took long
	}
	var err error
	for _, m := range members {
		err = errors.Join(err, m.user.Close())
	}
	s.system.Shutdown()
	return errors.Join(err, s.store.Close())
}
