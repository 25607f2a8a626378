package setup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/storage/disk"
)

func stream(parts ...any) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, parts...)))
}

// rig is n members in one actor system, each on a disk of its own.
type rig struct {
	t       *testing.T
	as      *actor.ActorSystem
	spawn   *spawn.System
	terms   agreement.Terms
	secrets []*keystore.Secrets
	disks   []*disk.Memory
	peers   []*actor.PID
	events  []chan Event
	clock   *actor.PID
	// failures counts actors that failed and were started again.
	failures atomic.Int32
	// lose says which packets a member does not get.
	lose atomic.Pointer[func(to int, p *setupwire.Packet) bool]
}

func newRig(t *testing.T, n int) *rig {
	quiet := slog.New(slog.DiscardHandler)
	r := &rig{
		t: t, as: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet })),
		terms: agreement.Terms{
			Name: "test", Mint: agreement.MintTerms{Tiers: []uint32{3}},
			Wallet: agreement.WalletTerms{Network: "simnet", Birthday: 1, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 9000},
		},
	}
	r.spawn = spawn.New(spawn.Config{
		Timer: power{r}, Rand: stream("spawn"), Log: quiet, Exit: func(child string, reason any) { panic(fmt.Sprint(child, reason)) },
		Middleware: []actor.ReceiverMiddleware{r.ear},
	})
	t.Cleanup(r.as.Shutdown)
	for i := range n {
		s, err := keystore.New(stream("secrets", i))
		if err != nil {
			t.Fatal(err)
		}
		r.secrets = append(r.secrets, s)
		r.terms.Members = append(r.terms.Members, ed25519.NewKeyFromSeed(s.Identity.Bytes()).Public().(ed25519.PublicKey))
		r.disks = append(r.disks, disk.NewMemory())
		r.peers = append(r.peers, actor.NewPID(r.as.Address(), name(i)))
		r.events = append(r.events, make(chan Event, 10_000))
	}
	return r
}

func name(i int) string { return fmt.Sprint("setup-", i) }

// power brings it back on every disk before a failed actor starts again.
type power struct{ r *rig }

func (p power) After(d time.Duration, fn func()) func() {
	if d > time.Nanosecond {
		return func() {} // to forget failures
	}
	p.r.failures.Add(1)
	go func() {
		for _, d := range p.r.disks {
			d.Crash(1)
		}
		fn()
	}()
	return func() {}
}

// ear loses packets.
func (r *rig) ear(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		if p, packet := env.Message.(*setupwire.Packet); packet {
			for i, pid := range r.peers {
				if lose := r.lose.Load(); pid.Id == ctx.Self().Id && lose != nil && (*lose)(i, p) {
					return
				}
			}
		}
		next(ctx, env)
	}
}

// deaf makes one member lose everything.
func (r *rig) deaf(who int) {
	lose := func(to int, _ *setupwire.Packet) bool { return to == who }
	r.lose.Store(&lose)
}

func (r *rig) config(i int) Config {
	return Config{
		Terms: r.terms, Name: fmt.Sprint("member ", i), Address: fmt.Sprintf("host%d:1", i), Secrets: r.secrets[i], Peers: r.peers,
		Disk: r.disks[i], Journal: "journal", Rand: stream("rand", i, rand.Uint64()), Clock: r.clock, Report: func(e Event) { r.events[i] <- e },
	}
}

func (r *rig) start(i int) {
	r.t.Helper()
	produce, err := New(r.config(i))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.as.Root.SpawnNamed(r.spawn.RootProps(spawn.Restart(spawn.Backoff{Min: 1, Max: 1}), produce), name(i)); err != nil {
		r.t.Fatal(err)
	}
}

// kill stops a member's actor; what was not durable is lost.
func (r *rig) kill(i int) {
	if err := r.as.Root.StopFuture(r.peers[i]).Wait(); err != nil {
		r.t.Fatal(err)
	}
	r.disks[i].Crash(uint64(i))
}

// await skips events of a member until one is of type E.
func await[E Event](r *rig, i int) E {
	for e := range r.events[i] {
		if want, ok := e.(E); ok {
			return want
		}
	}
	panic("unreachable")
}

// finish waits until all members have finished and settled, and checks what
// they have. Who was dead or deaf meanwhile needs a tick to learn that others
// have finished.
func (r *rig) finish(ticks int) []Finished {
	r.t.Helper()
	var all []Finished
	for i := range r.peers {
		f := await[Finished](r, i)
		all = append(all, f)
		if !bytes.Equal(f.Config.Bytes(), all[0].Config.Bytes()) {
			r.t.Fatalf("member %d has another configuration", i)
		}
		if err := agreement.VerifyTranscript(f.Config, f.Transcript); err != nil {
			r.t.Fatal(err)
		}
		if err := agreement.Check(f.Config, messages.PeerID(i), f.Secrets); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, pid := range r.peers {
		for range ticks {
			r.as.Root.Send(pid, &timing.Tick{})
		}
	}
	for i := range r.peers {
		await[Settled](r, i)
	}
	return all
}
