package hbbft_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"minimint/actors/hbbft"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/spawn"
	"minimint/crypto/domain"
	"minimint/crypto/tenc/tenctest"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/messages/timing"
	"minimint/messages/tohbbft"
	"minimint/storage/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var federationID = messages.Digest{7}

// deal makes the keys of n members from one hand.
func deal(n int) []hbbft.Keys {
	some := protocol.NewQuorum(n).Some()
	coin, coinSecrets := tsigtest.Keys(rand.Reader, domain.Coin, federationID[:], some, n)
	enc := tenctest.Deal(rand.Reader, tenctest.Config{Threshold: some, Members: n})
	keys := make([]hbbft.Keys, n)
	var public []ed25519.PublicKey
	for i := range keys {
		pub, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		public = append(public, pub)
		keys[i] = hbbft.Keys{
			Identity: private, Coin: coin, CoinSecret: coinSecrets[i],
			Encryption: enc.Public, EncryptionSecret: enc.Secrets[i],
		}
	}
	for i := range keys {
		keys[i].Identities = public
	}
	return keys
}

// A federation is n nodes in one actor system: the real actor, a processor that
// commits at once, and links that carry encoded frames.
type federation struct {
	t     testing.TB
	as    *actor.ActorSystem
	spawn *spawn.System
	nodes []*node
	now   time.Time
	// outcomes receives what a processor committed.
	outcomes chan committed
	// fail receives what must not happen.
	fail chan string
	// exits receives who gave up.
	exits chan string
}

type committed struct {
	member  messages.PeerID
	outcome outcome.Outcome
}

// A node survives its actors.
type node struct {
	*federation
	self   messages.PeerID
	disk   *disk.Memory
	keys   hbbft.Keys
	actor  *actor.PID
	config hbbft.Config

	mu    sync.Mutex
	store []outcome.Outcome // what is committed
	work  []string
	lost  bool   // what the processor says of its data
	links []bool // by peer: up
	heard []heard
}

// heard is a frame that came over a link.
type heard struct {
	from  messages.PeerID
	frame frames.Frame
	bytes []byte
}

// backoff is the delay of every restart.
var backoff = spawn.Backoff{Min: 1, Max: 1}

// soon is a timer that restarts at once and never forgets a failure.
type soon struct{}

func (soon) After(d time.Duration, fn func()) func() {
	if d <= backoff.Max {
		go fn()
	}
	return func() {}
}

func newFederation(t testing.TB, n int) *federation {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	f := &federation{
		t: t, now: time.Unix(1_000_000, 0),
		as:       actor.NewActorSystem(actor.WithLoggerFactory(quiet), actor.WithDeadLetterThrottleInterval(time.Millisecond)),
		outcomes: make(chan committed, 10_000), fail: make(chan string, 100), exits: make(chan string, 100),
	}
	f.spawn = spawn.New(spawn.Config{
		Timer: soon{}, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Exit: func(child string, reason any) {
			if err, ok := reason.(error); !ok || !errors.Is(err, disk.ErrCrashed) && !errors.Is(err, disk.ErrInjected) { // without a disk it should
				f.fail <- fmt.Sprint(child, " gives up: ", reason)
			}
			f.exits <- child
		},
		Middleware: []actor.ReceiverMiddleware{passFence},
	})
	for i, keys := range deal(n) {
		nd := &node{federation: f, self: messages.PeerID(i), disk: disk.NewMemory(), keys: keys, links: make([]bool, n)}
		for p := range nd.links {
			nd.links[p] = p != i
		}
		f.nodes = append(f.nodes, nd)
	}
	clock := f.spawnNamed("clock", func(actor.Context) {})
	for _, nd := range f.nodes {
		nd.config = hbbft.Config{
			Core: nd.keys.Core(federationID, nd.self), Seal: nd.keys.Seal, Rand: rand.Reader, Disk: nd.disk, File: "journal",
			Consensus: f.spawnNamed(fmt.Sprintf("consensus-%d", nd.self), nd.processor), Peers: make([]*actor.PID, n), Clock: clock,
			Fault: func(fault protocol.Fault) { f.fail <- fmt.Sprintf("member %d: %s", nd.self, fault) },
		}
		for _, peer := range f.nodes {
			if peer != nd {
				nd.config.Peers[peer.self] = f.spawnNamed(fmt.Sprintf("peer-%d-%d", nd.self, peer.self), nd.link(peer))
			}
		}
	}
	t.Cleanup(f.as.Shutdown)
	return f
}

// newFederationThatRan returns four members that have committed an epoch, and rest.
func newFederationThatRan(t testing.TB) *federation {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[0].give("before")
	f.await(all, "before")
	f.settle()
	return f
}

func (f *federation) spawnNamed(name string, receive actor.ReceiveFunc) *actor.PID {
	pid, err := f.as.Root.SpawnNamed(f.spawn.RootProps(spawn.StopOnly(), func() actor.Actor { return receive }), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return pid
}

// boot starts a node's instance, tells it where its processor is, and brings
// its links up.
func (nd *node) boot() {
	name := fmt.Sprintf("hbbft-%d", nd.self)
	props := nd.spawn.RootProps(spawn.ExitAfter(40, backoff), hbbft.New(nd.config))
	pid, err := nd.as.Root.SpawnNamed(props, name)
	if err != nil {
		nd.t.Fatal(err)
	}
	nd.mu.Lock()
	nd.actor = pid
	nd.mu.Unlock()
	nd.tell(nd.where())
	nd.pending()
	for _, peer := range nd.nodes {
		if peer == nd {
			continue
		}
		nd.setLink(peer.self, true)
		peer.setLink(nd.self, true)
		nd.tell(tohbbft.PeerUp{Peer: peer.self})
		peer.tell(tohbbft.PeerUp{Peer: nd.self})
	}
}

// halt stops a node's instance and takes its links down.
func (nd *node) halt() {
	for _, peer := range nd.nodes {
		nd.setLink(peer.self, false)
		peer.setLink(nd.self, false)
	}
	nd.mu.Lock()
	pid := nd.actor
	nd.actor = nil
	nd.mu.Unlock()
	if err := nd.as.Root.StopFuture(pid).Wait(); err != nil {
		nd.t.Fatal(err)
	}
}

func (nd *node) setLink(peer messages.PeerID, up bool) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	nd.links[peer] = up
}

func (nd *node) tell(m tohbbft.Message) {
	nd.mu.Lock()
	pid := nd.actor
	nd.mu.Unlock()
	if pid != nil {
		nd.as.Root.Send(pid, m)
	}
}

func (nd *node) tick(now time.Time) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	if nd.actor != nil {
		nd.as.Root.Send(nd.actor, &timing.Tick{Now: now})
	}
}

func (nd *node) give(what string) {
	nd.mu.Lock()
	nd.work = append(nd.work, what)
	nd.mu.Unlock()
	nd.pending()
}

// await waits until every running node committed an outcome with what.
func (f *federation) await(members []int, what ...string) {
	f.t.Helper()
	missing := map[string]bool{}
	for _, m := range members {
		for _, w := range what {
			if !f.nodes[m].has(w) {
				missing[fmt.Sprint(m, w)] = true
			}
		}
	}
	ticker := time.NewTicker(2 * time.Millisecond) // a clock that runs fast
	defer ticker.Stop()
	for len(missing) > 0 {
		select {
		case <-ticker.C:
			f.now = f.now.Add(time.Second / 4)
			for _, nd := range f.nodes {
				nd.tick(f.now)
			}
		case c := <-f.outcomes:
			for _, part := range c.outcome.Contributions {
				delete(missing, fmt.Sprint(c.member, string(part.Contribution)))
			}
		case wrong := <-f.fail:
			f.t.Fatal(wrong)
		}
	}
	f.agree()
}

func (nd *node) has(what string) bool {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	for _, o := range nd.store {
		for _, c := range o.Contributions {
			if string(c.Contribution) == what {
				return true
			}
		}
	}
	return false
}

// settle waits until no message is on its way between the actors: each instance
// and each link has answered everything, and nothing new came of it.
func (f *federation) settle() {
	for quiet := 0; quiet < 3; {
		before := f.traffic()
		for _, nd := range f.nodes {
			for range 4 { // instance, link, processor, and a flush
				nd.fence()
			}
		}
		if quiet++; f.traffic() != before {
			quiet = 0
		}
	}
}

func (f *federation) traffic() int {
	n := 0
	for _, nd := range f.nodes {
		n += len(f.said(nd.self))
		n += int(nd.where().Next)
	}
	return n
}

// A fence is a message that closes itself when it has its turn, before any
// actor sees it.
type fence chan struct{}

// A halt is a message that keeps an actor in its turn until it is closed, so that what is
// sent meanwhile lies in the mailbox.
type halt chan struct{}

func passFence(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		switch m := env.Message.(type) {
		case fence:
			close(m)
		case halt:
			<-m
		default:
			next(ctx, env)
		}
	}
}

// fence waits until the node's actors have handled what they have.
func (nd *node) fence() {
	nd.pass(nd.actor, nd.config.Consensus)
	nd.pass(nd.config.Peers...)
}

// pass waits until actors have handled what they have.
func (f *federation) pass(pids ...*actor.PID) {
	for _, pid := range pids {
		if pid == nil {
			continue
		}
		done := make(fence)
		f.as.Root.Send(pid, done)
		<-done
	}
}

// forget empties what was heard.
func (f *federation) forget() {
	for _, nd := range f.nodes {
		nd.mu.Lock()
		nd.heard = nil
		nd.mu.Unlock()
	}
}

// said returns what a node was heard to say.
func (f *federation) said(by messages.PeerID) []heard {
	var all []heard
	for _, nd := range f.nodes {
		nd.mu.Lock()
		for _, h := range nd.heard {
			if h.from == by {
				all = append(all, h)
			}
		}
		nd.mu.Unlock()
	}
	return all
}

// agree compares the histories of all nodes.
func (f *federation) agree() {
	f.t.Helper()
	var longest []outcome.Outcome
	for _, nd := range f.nodes {
		nd.mu.Lock()
		for e := range min(len(nd.store), len(longest)) {
			if a, b := nd.store[e].Digest(federationID), longest[e].Digest(federationID); a != b {
				f.t.Errorf("member %d has another outcome of epoch %d", nd.self, e)
			}
		}
		if len(nd.store) > len(longest) {
			longest = nd.store
		}
		nd.mu.Unlock()
	}
	select {
	case wrong := <-f.fail:
		f.t.Fatal(wrong)
	default:
	}
}
