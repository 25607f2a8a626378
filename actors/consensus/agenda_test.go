package consensus_test

import (
	"strings"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/transaction"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

func TestItemsAreProposedUntilTheNextCommit(t *testing.T) {
	n := started(t, 4)
	say := func(kind messages.ModuleKind, bodies ...string) {
		m := toconsensus.ModuleItems{Kind: kind}
		for _, b := range bodies {
			m.Items = append(m.Items, []byte(b))
		}
		n.tell(m)
	}
	proposed := func() string {
		var all []string
		for _, it := range n.contribution().Items {
			all = append(all, string(it.Kind)+":"+string(it.Body))
		}
		return strings.Join(all, " ")
	}
	n.hbbft.Take()
	say("wallet")
	if n.wakes() {
		t.Error("nothing to propose is no work")
	}
	say("wallet", "block", "fee")
	if !n.wakes() {
		t.Error("items are work")
	}
	say("mint", "x")
	say("vault", "open")
	say("wallet", "block")
	if got := proposed(); got != "mint:x vault:open wallet:block" {
		t.Errorf("proposed %s", got)
	}
	n.tell(&timing.Tick{})
	if !n.wakes() {
		t.Error("a tick says again what HBBFT may have lost")
	}
	n.agree()
	if got := proposed(); got != "" || n.wakes() {
		t.Errorf("after the commit: proposed %q", got)
	}
	say("vault", "open")
	if got := proposed(); got != "vault:open" {
		t.Errorf("proposed anew: %q", got)
	}
	// Items that no contribution can hold are left out; they must not spoil it.
	say("wallet", "a", strings.Repeat("b", transaction.MaxItemSize+1), "c")
	say("NO KIND", "d")
	if got := proposed(); got != "vault:open wallet:a wallet:c" {
		t.Errorf("proposed %q", got)
	}
	n.alive()
}

func TestContributionKeepsToItsLimit(t *testing.T) {
	n := started(t, 1)
	filler := make([]byte, 60<<10)
	for i := range uint64(5) {
		n.accepted(consensustest.Build([][]byte{consensustest.Input('d', i, 1)}, consensustest.Output(i, 1, filler...)))
	}
	for round, want := range []int{3, 2, 0} {
		c := n.contribution()
		if len(c.Transactions) != want {
			t.Fatalf("epoch %d: %d transactions, want %d", round, len(c.Transactions), want)
		}
		n.hbbft.Take()
		n.agree(c)
		if n.wakes() != (round < 1) {
			t.Errorf("epoch %d: transactions that remain are work, nothing is none", round)
		}
	}
}

func TestContributionForAnotherEpochIsNotGiven(t *testing.T) {
	n := started(t, 4)
	n.hbbft.Take()
	n.tell(toconsensus.WantContribution{Epoch: 1})
	if got := n.hbbft.Take(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// H52: the original forgot at a restart that there was work, and its pool waited
// until the next submission. What is pooled starts an epoch by itself.
func TestH52PoolStartsAnEpochAfterRestart(t *testing.T) {
	n := started(t, 1)
	if n.wakes() {
		t.Error("an empty pool is no work")
	}
	n.accepted(consensustest.Deposit('d', 1, 100))
	if !n.wakes() {
		t.Error("a submission is work")
	}
	n.restart(3)
	if !n.wakes() {
		t.Error("no work after the restart")
	}
}

// What others should propose first does not start epochs that carry nothing,
// but everything is proposed in the end.
func TestOnlyWhatIsDueWakes(t *testing.T) {
	stage := consensustest.NewStage()
	defer stage.Close()
	n := newNode(t, stage, 7)
	tx := consensustest.Deposit('d', 1, 100)
	first := messages.PeerID(0)
	for ; ; first++ { // the member that ranks last
		n.self = first
		n.start()
		n.hbbft.Take()
		n.accepted(tx)
		if !n.wakes() {
			break
		}
		n.stage.Stop(n.pid)
		n.store, n.disk = memory.New(), disk.NewMemory()
	}
	if len(n.contribution().Transactions) != 0 {
		t.Error("proposed, but not due")
	}
	n.hbbft.Take()
	n.tick(15)
	if !n.wakes() || len(n.contribution().Transactions) != 1 {
		t.Error("a transaction that nobody else proposed is never proposed")
	}
}
