// Package load is many clients of one federation in one process, which submit
// transactions in parallel as fast as they are accepted.
//
// It is lighter than as many wallets would be, so that a machine that runs the
// whole federation as well spends its time on the nodes: transactions are made
// before anything is measured, and nobody makes notes of what the members sign. To
// the members there is no difference. Every client has an identity and a network
// address of its own and a link to each member, submits each transaction to all of
// them, and waits until all have accepted it and handed out their shares; only then
// it submits the next one.
//
//	g, err := load.New(ctx, load.Config{Federation: f, Clients: 64})
//	defer g.Close()
//	notes, err := g.Split(ctx, money, 10, 256)       // 256 notes of 2^10 msat
//	payments, err := g.Payments(notes, 4)            // each of one into four
//	result, err := g.Run(ctx, payments)
package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/clock"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/cmd/minimint-dev/exchange"
	"minimint/messages/federation"
	"minimint/messages/transaction"
)

// Config says who submits where.
type Config struct {
	Federation *federation.Config
	// Clients is how many submit at once, at least 1. A node admits 256.
	Clients int
}

// Generator is the clients. Its methods are for one goroutine at a time.
type Generator struct {
	federation *federation.Config
	desk       *exchange.Desk
	random     io.Reader
	system     *actor.ActorSystem
	hub        *remote.Hub
	spawner    *spawn.System
	clients    []*submitter
}

// A Result is what a run achieved.
type Result struct {
	// Took is the time from the first submission to the last acceptance.
	Took time.Duration
	// Accepted tells when each transaction was accepted by all members, from the
	// first submission on, ascending.
	Accepted []time.Duration
}

// Rate is the number of transactions accepted per second, without the first and
// the last tenth of them: then not all clients are busy.
func (r Result) Rate() float64 {
	n := len(r.Accepted)
	first, last := n/10, n-1-n/10
	if n < 3 || r.Accepted[last] <= r.Accepted[first] {
		return 0
	}
	return float64(last-first) / (r.Accepted[last] - r.Accepted[first]).Seconds()
}

// sources is how many loopback addresses the links come from: a node admits only
// so many from one.
const sources = 32

// New connects all clients with all members.
func New(ctx context.Context, cfg Config) (*Generator, error) {
	g := &Generator{federation: cfg.Federation, random: rand.Reader}
	var err error
	if g.desk, err = exchange.NewDesk(cfg.Federation, g.random); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	own, err := identity.Generate(g.random)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler)
	g.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	g.spawner = spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: g.random, Exit: func(string, any) {}, Log: quiet})
	var dialled atomic.Uint32
	g.hub = remote.New(remote.Config{
		System: g.system, Identity: own, Party: gate.Party{Federation: cfg.Federation.ID(), Incarnation: 1},
		Timer: clock.Timer{}, Rand: g.random, Log: quiet,
		Connect: func(ctx context.Context, socket string) (net.Conn, error) {
			from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(dialled.Add(1)%sources))}
			return (&net.Dialer{LocalAddr: from}).DialContext(ctx, "tcp", socket)
		},
	})
	for i := range cfg.Clients {
		c, err := g.join(ctx, i)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("load: client %d: %w", i, err)
		}
		g.clients = append(g.clients, c)
	}
	return g, nil
}

// Close ends all links.
func (g *Generator) Close() {
	g.hub.Close()
	g.system.Shutdown()
}

// Run has the clients submit all transactions, each its next as soon as its last
// is accepted, and returns when all are. It is an error if one is refused, or a
// link ends.
func (g *Generator) Run(ctx context.Context, list []*transaction.Transaction) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		next    atomic.Int64
		clients sync.WaitGroup
		mu      sync.Mutex
		result  Result
		errs    []error
	)
	begin := time.Now()
	for _, c := range g.clients {
		clients.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return
				}
				_, err := c.carry(ctx, list[i])
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					cancel()
				} else {
					result.Accepted = append(result.Accepted, time.Since(begin))
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	result.Took = time.Since(begin)
	if len(errs) > 0 {
		return result, fmt.Errorf("load: %w", errs[0]) // the others followed from it
	}
	if len(result.Accepted) < len(list) {
		return result, errors.Join(errors.New("load: interrupted"), ctx.Err())
	}
	slices.Sort(result.Accepted)
	return result, nil
}
