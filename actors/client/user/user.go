// Package user is a whole client in one process: a directory, an actor system, a
// clock, links over the network, and in the middle package client. Command line,
// gateway and programs use it:
//
//	u, err := user.Open(user.Config{Dir: dir, Log: log, Now: time.Now()})
//	defer u.Close()
//	id, err := u.Receive(ctx, text)
//	op, err := u.Await(ctx, id, nil)
//
// The directory belongs to one process at a time.
package user

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/clock"
	"minimint/actors/spawn"
	"minimint/messages/federation"
	"minimint/storage/bolt"
)

// storeFile is the client's store within its directory.
const storeFile = "client.db"

// Config says what to open.
type Config struct {
	// Dir is created if it is missing, readable by its owner alone.
	Dir string
	Log *slog.Logger
	// Rand defaults to the operating system's randomness.
	Rand io.Reader
	// Blocks gives a view of the bitcoin chain, to find deposits. Optional.
	Blocks func(*chaincfg.Params) (client.Blocks, error)
	// Restore has Join begin a search for the notes and deposits of its words, which
	// goes on when the client is opened. Optional.
	Restore bool
	// Now is the time of records until the clock's first tick. Optional.
	Now time.Time
	// Adapt changes what the client's actors run on: simulation and tests put
	// timers and middleware underneath. Optional.
	Adapt func(*spawn.Config)
}

// A User is an open client. Its methods may be called from any goroutine.
type User struct {
	*client.Client
	rig *rig
}

// Join makes the client of a directory: it fetches the federation's configuration
// and writes it and the seed words. See client.Join.
func Join(ctx context.Context, cfg Config, invite federation.Invite, words string) (client.Joined, error) {
	r, err := newRig(&cfg, true)
	if err != nil {
		return client.Joined{}, err
	}
	j, err := client.Join(ctx, r.config(cfg), invite, words)
	return j, errors.Join(err, r.close())
}

// Open starts the client of a directory and resumes its operations. It returns
// client.ErrNotJoined if there is none.
func Open(cfg Config) (*User, error) {
	r, err := newRig(&cfg, false)
	if err != nil {
		return nil, err
	}
	c, err := client.Open(r.config(cfg))
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return &User{Client: c, rig: r}, nil
}

// Close stops the client. Operations that are not over go on when it is opened
// again.
func (u *User) Close() error {
	u.Client.Close()
	return u.rig.close()
}

// rig is what stands around a client.
type rig struct {
	store  *bolt.Store
	system *actor.ActorSystem
	spawn  *spawn.System
	clock  *actor.PID
	links  *links
	ln     *gateways
}

func newRig(cfg *Config, create bool) (*rig, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	path := filepath.Join(cfg.Dir, storeFile)
	if create {
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
	} else if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, client.ErrNotJoined
	}
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return nil, err
	}
	r := &rig{store: store}
	r.system = actor.NewActorSystem(spawn.Logger(cfg.Log))
	run := spawn.Config{
		Timer: clock.Timer{}, Rand: cfg.Rand, Log: cfg.Log,
		Exit: func(child string, reason any) { panic(fmt.Sprintf("user: actor %s: %v", child, reason)) },
	}
	if cfg.Adapt != nil {
		cfg.Adapt(&run)
	}
	r.spawn = spawn.New(run)
	forever := spawn.Restart(spawn.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second})
	r.clock = r.system.Root.Spawn(r.spawn.RootProps(forever, clock.Producer()))
	r.links = &links{system: r.system, rand: cfg.Rand, log: cfg.Log}
	r.ln = newGateways(r.system)
	return r, nil
}

func (r *rig) config(cfg Config) client.Config {
	return client.Config{
		System: r.system, Spawn: r.spawn, Clock: r.clock, Store: r.store, Connector: r.links,
		Blocks: cfg.Blocks, Gateways: r.ln, Rand: cfg.Rand, Log: cfg.Log, Now: cfg.Now, Restore: cfg.Restore,
	}
}

func (r *rig) close() error {
	r.links.close()
	r.ln.close()
	_ = r.system.Root.StopFuture(r.clock).Wait() // it says only that it took long
	r.system.Shutdown()
	return r.store.Close()
}
