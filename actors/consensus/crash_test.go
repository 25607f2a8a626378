package consensus_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
	"minimint/storage/wal"
)

// NothingAcknowledgedIsLost: whatever is submitted and agreed in whatever order,
// and wherever the power fails, every acknowledged transaction is pooled or
// decided afterwards; epochs are applied once, in order, and the state is that of
// a member that never failed.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stage := consensustest.NewStage()
		defer stage.Close()
		w := &witness{node: newNode(t, stage, 1), t: t, acknowledged: map[messages.WitnessID]promise{}}
		w.user = stage.Probe(w.hear)
		w.start()
		t.Repeat(map[string]func(*rapid.T){
			"submit":  w.submitSome,
			"agree":   w.agreeSome,
			"plan":    w.plan,
			"restart": func(t *rapid.T) { w.reboot(rapid.Uint64().Draw(t, "seed")) },
			"again":   func(*rapid.T) { w.tellAgain() },
			"":        func(*rapid.T) {},
		})
		w.reboot(rapid.Uint64().Draw(t, "last seed"))
		w.verify()
	})
}

// witness watches one member from outside.
type witness struct {
	*node
	t            *rapid.T
	submitted    []*transaction.Transaction
	acknowledged map[messages.WitnessID]promise
	agreed       []outcome.Outcome
}

// promise is an acknowledgement: epochs from that one on can decide.
type promise struct {
	tx   messages.TxID
	from messages.Epoch
}

func (w *witness) hear(m any) {
	if s, ok := m.(toconsensus.Submitted); ok && s.Rejection == nil {
		tx := w.submitted[s.Request]
		w.acknowledged[tx.WitnessID()] = promise{tx: tx.ID(), from: s.From}
	}
}

func draw(t *rapid.T) *transaction.Transaction {
	letter := rapid.SampledFrom([]byte{'d', 'd', 'g'}).Draw(t, "letter")
	id := rapid.Uint64Range(1, 12).Draw(t, "id")
	amount := rapid.Uint64Range(1, 2).Draw(t, "amount")
	size := rapid.SampledFrom([]int{0, 0, 600, 2_000}).Draw(t, "size")
	return consensustest.Build([][]byte{consensustest.Input(letter, id, amount)}, consensustest.Output(id, amount, make([]byte, size)...))
}

func (w *witness) submitSome(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "submissions") {
		tx := draw(t)
		w.submitted = append(w.submitted, tx)
		w.stage.Send(w.user, w.pid, toconsensus.Submit{Request: uint64(len(w.submitted) - 1), Transaction: tx})
	}
	w.revive(t)
}

// agreeSome hands over the next outcome: some of what is pooled, something that
// others proposed, now and then the item that opens the gate.
func (w *witness) agreeSome(t *rapid.T) {
	part := txs()
	for _, tx := range w.submitted {
		if rapid.IntRange(0, 3).Draw(t, "proposed") == 0 {
			part.Transactions = append(part.Transactions, tx)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "foreign") == 0 {
		part.Transactions = append(part.Transactions, draw(t))
	}
	if rapid.IntRange(0, 7).Draw(t, "opens") == 0 {
		part.Items = items("open").Items
	}
	// Agreement is durable at the other members before this one hears of it.
	w.agreed = append(w.agreed, made(messages.Epoch(len(w.agreed)), part))
	w.tellAgain()
	w.revive(t)
}

// tellAgain hands over what this member lacks, and an outcome that it has.
func (w *witness) tellAgain() {
	for i, o := range w.agreed {
		if next := int(w.position().Next); i == next || i == next-1 {
			w.tell(toconsensus.Agreed{Outcome: o})
		}
	}
}

// plan lets something fail soon.
func (w *witness) plan(t *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(t, "after")
	switch rapid.IntRange(0, 4).Draw(t, "failure") {
	case 0:
		w.store.LoseCommit(n)
	case 1:
		w.store.KeepCommit(n)
	case 2:
		w.store.FailWrite(n)
	case 3:
		w.disk.FailOnce(n)
	default:
		w.disk.StopAt(n)
	}
}

// revive lets a processor that failed try again, and starts another process if
// it gave up.
func (w *witness) revive(t *rapid.T) {
	w.stage.Pass(time.Second)
	if len(w.stage.Exits) > 0 {
		w.stage.Exits = nil
		w.reboot(rapid.Uint64().Draw(t, "seed after the exit"))
	}
	w.tellAgain()
	if len(w.stage.Exits) > 0 {
		w.stage.Exits = nil
		w.reboot(rapid.Uint64().Draw(t, "second seed after the exit"))
		w.tellAgain()
	}
}

func (w *witness) reboot(seed uint64) {
	w.restart(seed)
	if len(w.stage.Exits) > 0 {
		w.t.Fatalf("it does not start: %v", w.stage.Exits)
	}
	w.stage.Pass(time.Minute) // failures are forgotten
	w.verify()
}

// verify is called after a restart.
func (w *witness) verify() {
	pooled := map[messages.WitnessID]bool{}
	next := w.position().Next
	w.tick(20)
	w.hbbft.Take()
	w.tell(toconsensus.WantContribution{Epoch: next})
	for _, m := range consensustest.Of[tohbbft.Contribution](w.hbbft.Take()) {
		c, err := outcome.DecodeContribution(m.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, tx := range c.Transactions {
			pooled[tx.WitnessID()] = true
		}
	}
	w.read(func(r storage.Reader) {
		for id, p := range w.acknowledged {
			_, accepted := transition.FindAccepted(r, p.tx)
			refusal, refused := refusals.Find(r, id)
			decided := accepted || refused && refusal.Epoch >= p.from
			if decided == pooled[id] {
				w.t.Fatalf("an acknowledged transaction is decided: %t, pooled: %t", decided, pooled[id])
			}
		}
		if p := history.ReadPosition(r); p.State != statehash.Compute(r) || p.State != w.reference(p.Next) {
			w.t.Fatalf("state at %d is not what the outcomes lead to", p.Next)
		}
	})
}

// reference is the state of a member that applied the outcomes and never failed.
func (w *witness) reference(next messages.Epoch) statehash.LtHash {
	store := memory.New()
	for _, o := range w.agreed[:next] {
		err := store.Update(func(tx storage.Tx) error {
			ov := storage.NewOverlay(tx)
			_, err := w.rules.Apply(ov, o, func(messages.WitnessID) bool { return false })
			transition.NotePresence(ov, o)
			ov.ApplyTo(tx)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	snap, err := store.View()
	if err != nil {
		w.t.Fatal(err)
	}
	defer snap.Release()
	return statehash.Compute(snap)
}

// A commit that failed ends the process after one futile retry, and the next
// process finds out whether the commit survived (H45).
func TestFailedCommitEndsTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		plan func(*memory.Store)
		next messages.Epoch
	}{
		"lost":    {func(s *memory.Store) { s.LoseCommit(1) }, 0},
		"kept":    {func(s *memory.Store) { s.KeepCommit(1) }, 1},
		"refused": {func(s *memory.Store) { s.FailWrite(3) }, 0},
	} {
		n := started(t, 4)
		n.tell(toconsensus.Subscribe{})
		n.accepted(consensustest.Deposit('d', 5, 1))
		c.plan(n.store)
		o := made(0, txs(consensustest.Deposit('d', 1, 1)))
		n.hbbft.Take()
		n.tell(toconsensus.Agreed{Outcome: o})
		n.stage.Pass(time.Second)
		n.stage.Pass(time.Second)
		if len(n.stage.Exits) != 1 {
			t.Fatalf("%s: exits %v", name, n.stage.Exits)
		}
		if got := append(n.user.Take(), n.hbbft.Take()...); len(got) != 0 {
			t.Errorf("%s: an epoch that may not be there was announced: %+v", name, got)
		}
		n.stage.Exits = nil
		n.restart(1)
		if n.position().Next != c.next {
			t.Errorf("%s: next %d, want %d", name, n.position().Next, c.next)
		}
		n.tell(toconsensus.Agreed{Outcome: o})
		if n.position().Next != 1 || !n.pooled()[consensustest.Deposit('d', 5, 1).WitnessID()] {
			t.Errorf("%s: next %d, or the pool is lost", name, n.position().Next)
		}
		n.alive()
	}
}

// H64: the original audited after the commit, and then only panicked. Here an epoch
// that must not be committed stops the member before that, with a report, and at every
// start again.
func TestH64BrokenInvariantStopsBeforeTheCommit(t *testing.T) {
	for _, what := range []string{"halt", "panic"} {
		n := started(t, 4)
		n.agree(items("open"))
		for range 2 {
			n.agree(items(what))
			n.stage.Pass(time.Second)
			n.agree(items(what)) // HBBFT hands it over again
			if len(n.stage.Exits) != 1 || !strings.Contains(n.stage.Exits[0], "told to") {
				t.Fatalf("%s: exits %v", what, n.stage.Exits)
			}
			if n.position().Next != 1 {
				t.Errorf("%s: next %d", what, n.position().Next)
			}
			n.stage.Exits = nil
			n.restart(1)
		}
	}
}

// The pool's file shrinks when most of it is garbage, and it may fail to.
func TestPoolFileShrinks(t *testing.T) {
	n := started(t, 1)
	filler := make([]byte, 60<<10)
	size := func() int64 {
		f, err := n.disk.Open("pool")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	keep := consensustest.Deposit('d', 1000, 1)
	n.accepted(keep)
	for i := range uint64(100) {
		tx := consensustest.Build([][]byte{consensustest.Input('d', i, 1)}, consensustest.Output(i, 1, filler...))
		n.accepted(tx)
		if i%7 == 0 {
			n.disk.FailOnce(int(i % 3)) // only a rewrite changes the disk now
		}
		n.agree(txs(tx))
		n.disk.FailOnce(0)
		if s := size(); s > 5<<19 {
			t.Fatalf("%d bytes for one small transaction", s)
		}
	}
	n.alive()
	n.restart(7)
	if got := n.pooled(); len(got) != 1 || !got[keep.WitnessID()] {
		t.Errorf("pooled %d", len(got))
	}
}

// A file that was not written by a pool is a reason to stop, not to forget.
func TestForeignPoolFile(t *testing.T) {
	for _, record := range [][]byte{nil, []byte("short"), []byte("12345678no transaction")} {
		n := started(t, 1)
		n.stage.Stop(n.pid)
		log, err := wal.Open(n.disk, "pool", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(log.Append(record), log.Sync(), log.Close()); err != nil {
			t.Fatal(err)
		}
		n.start()
		n.stage.Pass(time.Second)
		if len(n.stage.Exits) != 1 || !strings.Contains(n.stage.Exits[0], "pool") {
			t.Errorf("%q: exits %v", record, n.stage.Exits)
		}
	}
}
