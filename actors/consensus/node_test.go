package consensus_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus"
	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

type fatal interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
	Fatal(...any)
}

// node is one member: its store and disk survive its processor.
type node struct {
	fatal
	stage   *consensustest.Stage
	rules   *transition.Transition
	store   *memory.Store
	real    storage.Store // instead of store, if not nil
	commits int           // of the store
	disk    *disk.Memory
	syncs   int // of the pool's file
	members int
	self    messages.PeerID
	pid     *actor.PID
	keys    consensustest.Keys
	past    consensus.Past

	hbbft, clock, user *consensustest.Probe
	peers              []*consensustest.Probe
	addresses          []*actor.PID // instead of those of peers
	faults             []messages.PeerID
	texts              []string // of the faults
}

// newNode makes a member without starting it.
func newNode(t fatal, stage *consensustest.Stage, members int) *node {
	n := &node{
		fatal: t, stage: stage, rules: transition.New(consensustest.Federation, []contract.Module{&consensustest.Vault{}}),
		store: memory.New(), disk: disk.NewMemory(), members: members, keys: consensustest.NewKeys(members),
		hbbft: stage.Probe(nil), clock: stage.Probe(nil), user: stage.Probe(nil), peers: make([]*consensustest.Probe, members),
	}
	for i := 1; i < members; i++ {
		n.peers[i] = stage.Probe(nil)
	}
	return n
}

func started(t *testing.T, members int) *node {
	t.Helper()
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	n := newNode(t, stage, members)
	n.start()
	n.tick(1) // it looks around once
	n.peersUp()
	n.drain()
	return n
}

func (n *node) start() {
	peers := n.addresses
	if peers == nil {
		peers = make([]*actor.PID, n.members)
		for i, p := range n.peers {
			if p != nil {
				peers[i] = p.PID
			}
		}
	}
	var store storage.Store = countedStore{n.store, &n.commits}
	if n.real != nil {
		store = n.real
	}
	n.pid = n.stage.Spawn(consensustest.Policy, consensus.New(consensus.Config{
		Federation: consensustest.Federation, Self: n.self, Members: n.members, Transition: n.rules, Past: n.past,
		Key:   n.keys.Members[n.self],
		Store: store, PoolDisk: countedDisk{n.disk, &n.syncs}, PoolFile: "pool", Rand: rand.Reader,
		HBBFT: n.hbbft.PID, Peers: peers, Clock: n.clock.PID,
		Fault: func(peer messages.PeerID, text string) {
			n.faults, n.texts = append(n.faults, peer), append(n.texts, text)
		},
	}))
}

// restart is a kill of the process, perhaps with the machine.
func (n *node) restart(seed uint64) {
	n.stage.Stop(n.pid)
	n.store = n.store.Clone()
	n.disk.Crash(seed)
	n.start()
}

type countedStore struct {
	*memory.Store
	commits *int
}

func (s countedStore) Update(fn func(storage.Tx) error) error {
	*s.commits++
	return s.Store.Update(fn)
}

type countedDisk struct {
	disk.Disk
	syncs *int
}

func (d countedDisk) Open(name string) (disk.File, error) {
	f, err := d.Disk.Open(name)
	return countedFile{f, d.syncs}, err
}

func (d countedDisk) Create(name string) (disk.File, error) {
	f, err := d.Disk.Create(name)
	return countedFile{f, d.syncs}, err
}

type countedFile struct {
	disk.File
	syncs *int
}

func (f countedFile) Sync() error {
	*f.syncs++
	return f.File.Sync()
}

// tell sends from the user.
func (n *node) tell(m any) { n.stage.Send(n.user, n.pid, m) }

func (n *node) tick(times int) {
	for range times {
		n.tell(&timing.Tick{Now: time.Unix(0, 0)})
	}
}

// submit returns the answers that came.
func (n *node) submit(tx *transaction.Transaction) []toconsensus.Submitted {
	n.user.Take()
	n.tell(toconsensus.Submit{Request: 9, Transaction: tx})
	return consensustest.Of[toconsensus.Submitted](n.user.Take())
}

// accepted submits and expects an acknowledgement.
func (n *node) accepted(tx *transaction.Transaction) {
	n.Helper()
	if got := n.submit(tx); len(got) != 1 || got[0].Request != 9 || got[0].Rejection != nil || got[0].From != n.position().Next {
		n.Fatalf("answers %+v", got)
	}
}

// refused submits and returns the rejection.
func (n *node) refused(tx *transaction.Transaction) *messages.Rejection {
	n.Helper()
	got := n.submit(tx)
	if len(got) != 1 || got[0].Rejection == nil {
		n.Fatalf("answers %+v", got)
	}
	return got[0].Rejection
}

// agree hands over the next outcome, in which member i contributed parts[i].
func (n *node) agree(parts ...outcome.Contribution) {
	n.tell(toconsensus.Agreed{Outcome: made(n.position().Next, parts...)})
}

func made(epoch messages.Epoch, parts ...outcome.Contribution) outcome.Outcome {
	o := outcome.Outcome{Epoch: epoch}
	for i, c := range parts {
		o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: c.Encode()})
	}
	return o
}

func txs(list ...*transaction.Transaction) outcome.Contribution {
	return outcome.Contribution{Transactions: list}
}

func items(bodies ...string) outcome.Contribution {
	var c outcome.Contribution
	for _, b := range bodies {
		c.Items = append(c.Items, transaction.Item{Kind: consensustest.Kind, Body: []byte(b)})
	}
	return c
}

func (n *node) read(fn func(storage.Reader)) {
	n.Helper()
	snap, err := n.store.Clone().View()
	if err != nil {
		n.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

func (n *node) position() (p history.Position) {
	n.Helper()
	n.read(func(r storage.Reader) { p = history.ReadPosition(r) })
	return p
}

// contribution asks for the contribution to the next epoch.
func (n *node) contribution() outcome.Contribution {
	n.Helper()
	n.hbbft.Take()
	n.tell(toconsensus.WantContribution{Epoch: n.position().Next})
	got := consensustest.Of[tohbbft.Contribution](n.hbbft.Take())
	if len(got) != 1 || got[0].Epoch != n.position().Next {
		n.Fatalf("contributions %+v", got)
	}
	c, err := outcome.DecodeContribution(got[0].Payload)
	if err != nil {
		n.Fatal(err)
	}
	return c
}

// pooled lets everything come due and returns what would be proposed.
func (n *node) pooled() map[messages.WitnessID]bool {
	n.tick(20)
	set := map[messages.WitnessID]bool{}
	for _, tx := range n.contribution().Transactions {
		set[tx.WitnessID()] = true
	}
	return set
}

// wakes reports whether HBBFT was told of work since the last look.
func (n *node) wakes() bool { return len(consensustest.Of[tohbbft.WorkPending](n.hbbft.Take())) > 0 }

// alive fails the test if the supervisor gave up.
func (n *node) alive() {
	n.Helper()
	if len(n.stage.Exits) > 0 {
		n.Fatalf("the process ended: %v", n.stage.Exits)
	}
}
