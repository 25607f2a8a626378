package nodetest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/clock"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/setup"
	"minimint/actors/setup/agreement"
	"minimint/actors/setup/attempt"
	"minimint/actors/setup/keystore"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/storage/disk"
)

// A Ceremony is members that set a federation up, each with an actor system of
// its own, over real links. Its parties are "member 0" and so on.
type Ceremony struct {
	*Scene
	outcomes []*attempt.Outcome // by PeerID
	settled  []bool
}

// setupName is the name of the ceremony's actor, clockName that of its clock.
const (
	setupName = "setup"
	clockName = "clock"
)

// NewCeremony begins a ceremony of n members with traps laid.
func NewCeremony(t testing.TB, n int, traps ...*Trap) *Ceremony {
	t.Helper()
	c := &Ceremony{Scene: newScene(t), outcomes: make([]*attempt.Outcome, n), settled: make([]bool, n)}
	for _, trap := range traps {
		c.Set(trap)
	}
	terms := agreement.Terms{
		Name: "test", Mint: agreement.MintTerms{Tiers: []uint32{3}},
		Wallet: agreement.WalletTerms{Network: "simnet", Birthday: 1, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 9000},
	}
	secrets, listeners, members := make([]*keystore.Secrets, n), make([]net.Listener, n), make([]remote.Member, n)
	for i := range n {
		var err error
		if secrets[i], err = keystore.New(rand.Reader); err != nil {
			t.Fatal(err)
		}
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		public := ed25519.NewKeyFromSeed(secrets[i].Identity.Bytes()).Public().(ed25519.PublicKey)
		terms.Members = append(terms.Members, public)
		members[i] = remote.Member{
			Key: identity.PinOf(public), Socket: listeners[i].Addr().String(),
			Policy: gate.Policy{
				Owner: setupName, Routes: map[string]string{setup.Route: setupName}, Receives: setup.Receives(), Sender: setup.Route,
				Limits: gate.PeerLimits(), Overflow: gate.DropAndTell,
			},
		}
	}
	for i := range n {
		c.begin(i, secrets[i], terms, listeners[i], members)
	}
	return c
}

// begin starts one member.
func (c *Ceremony) begin(i int, secrets *keystore.Secrets, terms agreement.Terms, l net.Listener, members []remote.Member) {
	log := c.log(fmt.Sprintf("member %d", i))
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	cfg := spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Log: log, Exit: func(child string, reason any) { c.Errorf("%s ends its process: %v", child, reason) }}
	c.join(fmt.Sprintf("member %d", i), nil).adapt(&cfg)
	spawner := spawn.New(cfg)
	ticks, err := system.Root.SpawnNamed(spawner.RootProps(spawn.Restart(spawn.Backoff{}), clock.Producer()), clockName)
	if err != nil {
		c.Fatal(err)
	}
	peers := make([]*actor.PID, len(members))
	for j := range members {
		if j != i {
			peers[j] = actor.NewPID(remote.PeerAddress(j), setup.Route)
		}
	}
	produce, err := setup.New(setup.Config{
		Terms: terms, Name: fmt.Sprintf("member %d", i), Address: l.Addr().String(), Secrets: secrets, Peers: peers,
		Disk: disk.NewMemory(), Journal: "journal", Rand: rand.Reader, Clock: ticks, Report: func(e setup.Event) { c.report(i, e) },
	})
	if err != nil {
		c.Fatal(err)
	}
	pid, err := system.Root.SpawnNamed(spawner.RootProps(setup.Policy(), produce), setupName)
	if err != nil {
		c.Fatal(err)
	}
	hub := remote.New(remote.Config{
		System: system, Identity: identity.FromSeed(secrets.Identity.Bytes()), Party: gate.Party{Incarnation: 1},
		Timer: clock.Timer{}, Rand: rand.Reader, Log: log,
	})
	hub.Federate(i, members)
	if err := hub.Listen(l, remote.DefaultAdmission(nil)); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		for _, p := range []*actor.PID{pid, ticks} {
			_ = system.Root.StopFuture(p).Wait() // it says only that it took long
		}
		hub.Close()
		system.Shutdown()
	})
}

func (c *Ceremony) report(i int, e setup.Event) {
	c.event(func() {
		switch m := e.(type) {
		case setup.Finished:
			c.outcomes[i] = &m.Outcome
		case setup.Settled:
			c.settled[i] = true
		default: // progress
		}
	})
}

// Finish waits until all members have finished and know it of each other, and
// checks that they have made one federation.
func (c *Ceremony) Finish() {
	c.Helper()
	c.Await("all members are done", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.settled {
			if !c.settled[i] || c.outcomes[i] == nil {
				return false
			}
		}
		return true
	})
	for i, o := range c.outcomes {
		if !bytes.Equal(o.Config.Bytes(), c.outcomes[0].Config.Bytes()) {
			c.Errorf("member %d has another configuration than member 0", i)
		}
		if err := agreement.VerifyTranscript(o.Config, o.Transcript); err != nil {
			c.Error(err)
		}
		if err := agreement.Check(o.Config, messages.PeerID(i), o.Secrets); err != nil {
			c.Error(err)
		}
	}
}

// Outcome is what a member has at the end.
func (c *Ceremony) Outcome(i int) *attempt.Outcome { return c.outcomes[i] }
