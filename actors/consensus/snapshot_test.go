package consensus_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

// oldest returns the first epoch whose outcome a member has.
func (n *node) oldest() (e messages.Epoch) {
	n.Helper()
	n.read(func(r storage.Reader) { e = history.Oldest(r, history.ReadPosition(r).Next) })
	return e
}

// long is a federation of four that keeps few epochs; the last member has missed
// so many that no outcomes bring it back.
func long(t *testing.T, epochs int, prepare func(*node)) *house {
	t.Helper()
	h := newHouse(t, 4, func(n *node) {
		n.past.Retain = 10
		if prepare != nil {
			prepare(n)
		}
	})
	h.tick(1)
	h.link(3, false)
	for range epochs {
		h.agree(h.small(), 0, 1, 2)
		h.tick(1)
	}
	h.tick(3)
	return h
}

// Nothing is forgotten before it is certified, and then all but what the operator
// wants to keep.
func TestPruning(t *testing.T) {
	h := newHouse(t, 4, func(n *node) { n.past.Retain = 5 })
	h.link(3, false)
	h.link(2, false)
	for range 20 {
		h.agree(h.small(), 0, 1)
		h.tick(1)
	}
	for _, n := range h.nodes[:2] {
		if n.oldest() != 0 {
			t.Errorf("member %d has forgotten what is not certified: oldest %d", n.self, n.oldest())
		}
	}
	h.link(2, true)
	h.tick(60)
	for range 12 {
		h.agree(h.small(), 0, 1, 2)
		h.tick(1)
	}
	for _, n := range h.nodes[:3] {
		if got := n.oldest(); got < 20 || got > 32-5 {
			t.Errorf("member %d: oldest %d of 32", n.self, got)
		}
		n.restart(1)
		n.alive()
	}
	h.tick(2)
	h.agree(h.small(), 0, 1, 2)
	h.same(0, 1, 2)
}

// A member behind the horizon of the others takes a snapshot and is a member again,
// with an empty store as well as with an old one.
func TestSnapshotBringsAMemberBack(t *testing.T) {
	for _, empty := range []bool{false, true} {
		h := long(t, 60, nil)
		late := h.nodes[3]
		if empty {
			late.stage.Stop(late.pid)
			late.store, late.disk, late.past.Lost = memory.New(), disk.NewMemory(), true
			late.start()
		}
		late.accepted(consensustest.Deposit('d', 9999, 1))
		late.tell(toconsensus.Subscribe{})
		late.hbbft.Take()
		h.link(3, true)
		h.tick(60)
		h.same(first(4)...)
		if late.oldest() < 40 || late.certified() != 60 {
			t.Errorf("empty %t: oldest %d, certified %d", empty, late.oldest(), late.certified())
		}
		told := consensustest.Of[tohbbft.EpochCommitted](late.hbbft.Take())
		if len(told) == 0 || told[len(told)-1].Next != 60 || told[len(told)-1].AbsentBefore == nil {
			t.Fatalf("empty %t: HBBFT was told %+v", empty, told)
		}
		if empty && told[0].Next != 60 {
			t.Errorf("HBBFT began at %d", told[0].Next)
		}
		if got := late.user.Take(); len(got) == 0 {
			t.Error("the subscriber was not told")
		}
		if len(late.pooled()) != 1 {
			t.Error("an acknowledged transaction was lost")
		}
		for range 3 {
			h.agree(h.small(), first(4)...)
			h.tick(3)
		}
		h.same(first(4)...)
		for i, n := range h.nodes {
			if len(n.faults) != 0 || n.certified() != 63 {
				t.Errorf("member %d: faults of %v, certified %d", i, n.faults, n.certified())
			}
			n.alive()
		}
		late.restart(1)
		late.tick(1)
		h.same(first(4)...)
	}
}

// One member votes and tells nobody what it signs, so while another is away no epoch gets a
// certificate. That one has lost its data and needs a snapshot, of the newest state,
// which f+1 members attest; and its own share, when it has that state, is the one that
// was lacking.
func TestSnapshotWithoutCertificate(t *testing.T) {
	h := newHouse(t, 4, func(n *node) { n.past.Retain = 10 })
	h.tick(1)
	run := func(epochs int, members ...int) {
		for range epochs {
			h.agree(h.small(), members...)
			h.tick(1)
		}
	}
	run(40, first(4)...)
	h.tick(3)
	silent := 2
	h.tamper = func(from, _ int, m proto.Message) proto.Message {
		if from == silent {
			return nil
		}
		return m
	}
	h.link(3, false)
	run(5, 0, 1, 2)
	late := h.nodes[3]
	late.stage.Stop(late.pid)
	late.store, late.disk, late.past.Lost = memory.New(), disk.NewMemory(), true
	late.start()
	if certified := h.nodes[0].certified(); certified != 40 || h.nodes[0].oldest() == 0 {
		t.Fatalf("certified %d, oldest %d", certified, h.nodes[0].oldest())
	}
	h.link(3, true)
	h.tick(60)
	h.same(first(4)...)
	h.tick(60)
	for i, n := range h.nodes {
		if i != silent && n.certified() != 45 || len(n.faults) != 0 {
			t.Errorf("member %d: certified %d, faults of %v", i, n.certified(), n.faults)
		}
	}
	late.restart(1)
	run(3, first(4)...)
	h.tick(3)
	h.same(first(4)...)
	late.alive()
}

// While epochs come faster than shares of them, a snapshot is still attested.
func TestOfferWaitsForShares(t *testing.T) {
	n := started(t, 4)
	ask := func() *statement.Attested {
		n.tell(toconsensus.SnapshotWanted{Peer: 1, First: true})
		n.tick(1)
		for _, m := range consensustest.Of[topeer.ServeSnapshot](n.peers[1].Take()) {
			if m.Attested != nil {
				return m.Attested
			}
		}
		return nil
	}
	for id := range uint64(8) {
		n.agree(txs(consensustest.Deposit('d', id+1, 1)))
	}
	if ask() != nil {
		t.Fatal("nobody attests it")
	}
	for id := range uint64(3) {
		n.agree(txs(consensustest.Deposit('d', id+100, 1)))
	}
	n.tell(toconsensus.ShareTold{Peer: 2, Share: n.keys.Share(2, n.statement(7))})
	n.tick(1)
	for id := range uint64(20) {
		n.agree(txs(consensustest.Deposit('d', id+200, 1)))
	}
	if a := ask(); a == nil || a.Statement.Epoch != 7 || !a.Valid(n.keys, 2) {
		t.Errorf("attested %v", a)
	}
	n.stage.Stop(n.pid)
	if err := n.store.Close(); err != nil {
		t.Error(err)
	}
}

// A snapshot from a liar is not installed, and another peer's is.
func TestLyingSnapshots(t *testing.T) {
	h := long(t, 60, nil)
	liars := map[int]bool{}
	h.tamper = func(from, _ int, m proto.Message) proto.Message {
		if s, ok := m.(*wire.SnapshotReply); ok && len(liars) < 2 && len(s.Body) > 0 {
			s.Body[len(s.Body)-3] ^= 1
			liars[from] = true
		}
		return m
	}
	h.link(3, true)
	h.tick(150)
	h.same(first(4)...)
	slices.Sort(h.nodes[3].faults)
	if len(liars) != 2 || len(h.nodes[3].faults) != 2 || !liars[int(h.nodes[3].faults[0])] || !liars[int(h.nodes[3].faults[1])] {
		t.Errorf("liars %v, faults of %v", liars, h.nodes[3].faults)
	}
}

// Whatever write of the installation fails, and whether a commit that failed
// survives or not: a restart finds the old state or the new one, and the member
// gets there.
func TestInstallationIsAtomic(t *testing.T) {
	before := past(1)
	by := func() *node {
		n := started(t, 4)
		n.past.Retain = 4
		n.restart(1)
		for _, o := range append(before, past(16)[1:]...) {
			n.tell(toconsensus.Agreed{Outcome: o})
			for id := 1; id < 3; id++ {
				s := n.statement(o.Epoch)
				n.tell(toconsensus.ShareTold{Peer: messages.PeerID(id), Share: n.keys.Share(id, s)})
			}
			n.tick(1)
		}
		n.tick(3)
		n.drain()
		return n
	}()
	if by.oldest() == 0 || by.certified() != 16 {
		t.Fatalf("the teacher: oldest %d, certified %d", by.oldest(), by.certified())
	}
	old := started(t, 4)
	old.tell(toconsensus.Agreed{Outcome: before[0]})
	writes := 0
	for at := 1; writes == 0 || at <= writes; at++ {
		for name, plan := range map[string]func(*memory.Store){
			"refused": func(s *memory.Store) { s.FailWrite(at) },
			"lost":    func(s *memory.Store) { s.LoseCommit(1) },
			"kept":    func(s *memory.Store) { s.KeepCommit(1) },
		} {
			if name != "refused" && at > 1 {
				continue
			}
			n := started(t, 4)
			n.tell(toconsensus.Agreed{Outcome: before[0]})
			n.tick(3)
			n.peersUp()
			n.drain()
			was := n.position()
			n.ahead(16, 1, 2)
			planned := false
			for range 20 {
				for id, q := range n.questions() {
					if _, ok := q.(topeer.AskSnapshot); ok && !planned {
						planned = true
						plan(n.store)
					}
					n.answer(by, id, q, nil)
				}
			}
			n.stage.Pass(time.Second)
			n.stage.Pass(time.Second)
			if name == "refused" && len(n.stage.Exits) == 0 {
				writes = at // so many writes are there not
				break
			}
			n.stage.Exits = nil
			if got := n.position(); got != was && got != by.position() {
				t.Fatalf("%s at write %d: at epoch %d", name, at, got.Next)
			}
			n.store = n.store.Clone()
			n.restart(1)
			n.tick(1)
			n.peersUp()
			n.drain()
			n.ahead(16, 1, 2)
			n.learn(by, 1, 2, 3)
			n.tick(60)
			n.learn(by, 1, 2, 3)
			n.expectState(by)
			n.alive()
		}
	}
	if writes < 30 {
		t.Errorf("only %d writes were tried", writes)
	}
}

// statement returns what a member says about an epoch.
func (n *node) statement(e messages.Epoch) (s statement.Statement) {
	n.Helper()
	n.read(func(r storage.Reader) { s, _ = history.FindStatement(r, e) })
	return s
}

// What is on offer is kept for those that copy it: neither it nor what comes after
// it is forgotten meanwhile. When nobody asks any more it goes.
func TestOfferIsKept(t *testing.T) {
	n := started(t, 1)
	n.members = 1
	n.past.Retain = 2
	n.restart(1)
	step := func(id uint64) {
		n.agree(txs(consensustest.Deposit('d', id, 1)))
		n.tick(3)
	}
	for id := range uint64(5) {
		step(id + 1)
	}
	ask := func() {
		n.tell(toconsensus.SnapshotWanted{Peer: 0, First: true})
		n.tick(1)
	}
	ask()
	for id := range uint64(30) {
		step(id + 100)
	}
	if got := n.oldest(); got != 5 {
		t.Errorf("oldest %d, on offer is the state after epoch 4", got)
	}
	n.tick(700)
	for id := range uint64(3) {
		step(id + 200)
	}
	if got := n.oldest(); got < 20 {
		t.Errorf("oldest %d", got)
	}
	n.stage.Stop(n.pid)
	if err := n.store.Close(); err != nil {
		t.Error(err)
	}
}

// A member that has lost its data says nothing to HBBFT before it knows where the
// others are; one that begins with its federation needs nobody.
func TestLostDataDirectory(t *testing.T) {
	outcomes := past(30)
	by := teacher(t, 4, outcomes, all)
	for _, lost := range []bool{false, true} {
		n := started(t, 4)
		n.stage.Stop(n.pid)
		n.hbbft.Take()
		n.past.Lost = lost
		n.start()
		if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); (len(told) == 0) != lost {
			t.Errorf("lost %t: HBBFT was told %v", lost, told)
		}
		if !lost {
			continue
		}
		n.tick(1)
		n.peersUp()
		n.tick(12)
		n.learn(by, 1, 2)
		n.tick(60)
		n.learn(by, 1, 2)
		if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(told) != 0 || n.position().Next != 30 {
			t.Errorf("two of three have answered, at epoch %d HBBFT was told %v", n.position().Next, told)
		}
		n.tell(toconsensus.Agreed{Outcome: made(30, items("panic"))})
		n.stage.Pass(time.Second)
		n.tick(1)
		if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(told) != 0 {
			t.Errorf("another incarnation forgot that data were lost: HBBFT was told %v", told)
		}
		n.tick(40)
		n.learn(by, 1, 2, 3)
		n.tick(60)
		told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take())
		if len(told) != 1 || told[0].Next != 30 || !told[0].Lost {
			t.Errorf("HBBFT was told %v", told)
		}
		n.alive()
	}
}

// A member whose HBBFT has lost a part of its journal tells it nothing more before it
// knows where the others are.
func TestOutdatedJournal(t *testing.T) {
	by := teacher(t, 4, past(30), all)
	n := started(t, 4)
	n.hbbft.Take()
	n.tell(toconsensus.JournalOutdated{})
	n.learn(by, 1, 2)
	n.tick(60)
	n.learn(by, 1, 2)
	n.tell(toconsensus.JournalOutdated{})
	if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(told) != 0 {
		t.Errorf("two of three have answered, at epoch %d HBBFT was told %v", n.position().Next, told)
	}
	for range 3 {
		n.tick(40)
		n.learn(by, 1, 2, 3)
	}
	told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take())
	if len(told) == 0 || told[0].Next != 30 || !told[0].Lost {
		t.Errorf("HBBFT was told %v", told)
	}
	n.tell(toconsensus.JournalOutdated{}) // by another incarnation
	if again := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(again) != 1 || !again[0].Lost {
		t.Errorf("when asked again HBBFT was told %v", again)
	}
	n.alive()
}

// A member that lost its data together with a young federation, in which nobody has
// an epoch, begins with it.
func TestLostAtTheBeginning(t *testing.T) {
	h := newHouse(t, 4, func(n *node) { n.past.Lost = true })
	for _, n := range h.nodes {
		n.hbbft.Take()
	}
	h.tick(30)
	for i, n := range h.nodes {
		if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(told) != 1 || told[0].Next != 0 || !told[0].Lost {
			t.Errorf("member %d told HBBFT %v", i, told)
		}
	}
	h.agree(made(0, outcome.Contribution{}), first(4)...)
	h.same(first(4)...)
}
