package node_test

import (
	"minimint/actors/consensus/history"
	"minimint/actors/node/nodetest"
	"minimint/messages"
)

// proofRows are the processor again, where it signs what it has committed: every
// epoch gets its certificate all the same.
func proofRows() []row {
	const consensus = "node/consensus"
	once := func(name, actor string, point nodetest.Point, message string) row {
		return row{name: name, traps: []nodetest.Trap{somewhere(actor, point, message)}, promise: certified}
	}
	return []row{
		once("a share", consensus, nodetest.Handling, "toconsensus.ShareTold"),
		once("a share, later", consensus, nodetest.Handled, "toconsensus.ShareTold"),
		once("between commit and share", consensus, nodetest.Sending, "topeer.Share"),
		once("a share on its way out", "node/peer-2", nodetest.Handling, "topeer.Share"),
		once("a share on its way in", "node/peer-2", nodetest.Handling, "*wire.OutcomeShare"),
		{name: "everywhere, a share", traps: []nodetest.Trap{everywhere(consensus, nodetest.Handling, "toconsensus.ShareTold")}, promise: certified},
		{name: "everywhere, between commit and share", traps: []nodetest.Trap{everywhere(consensus, nodetest.Sending, "topeer.Share")}, promise: certified},
	}
}

// certified waits until every member has the proof of all that is committed.
func certified(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	beginAgain(s, traps)
	s.Await("all epochs are certified", func() bool {
		for i := range s.Members {
			if next, _ := s.Next(i); proven(s, i) != next {
				return false
			}
		}
		return true
	})
}

// proven returns the first epoch that a member has no certificate of.
func proven(s *stage, i int) messages.Epoch {
	snap, err := s.Members[i].Store.View()
	if err != nil {
		return 0
	}
	defer snap.Release()
	if c := history.NewestCertificate(snap); c != nil {
		return c.Statement.Epoch + 1
	}
	return 0
}

// catchUpRows are the processor and the peers where a member comes back that missed
// epochs, or everything: it arrives where the others are.
func catchUpRows() []row {
	const consensus, peers = "node/consensus", "node/peer-*"
	away := func(name, party, actor string, point nodetest.Point, message string) row {
		return row{name: name, during: missed, traps: []nodetest.Trap{{Party: party, Actor: actor, At: point, Message: message}}}
	}
	bare := func(name, party, actor string, point nodetest.Point, message string) row {
		r := away(name, party, actor, point, message)
		r.during = emptied
		return r
	}
	return []row{
		away("headers are asked for", "node [012]", consensus, nodetest.Handling, "toconsensus.HeadersWanted"),
		away("headers", "node 3", consensus, nodetest.Handling, "toconsensus.HeadersServed"),
		away("headers on their way in", "node 3", peers, nodetest.Handling, "*wire.HeadersReply"),
		away("outcomes are asked for", "node [012]", consensus, nodetest.Handling, "toconsensus.OutcomesWanted"),
		away("outcomes", "node 3", consensus, nodetest.Handling, "toconsensus.OutcomesServed"),
		away("outcomes, later", "node 3", consensus, nodetest.Handled, "toconsensus.OutcomesServed"),
		away("outcomes on their way in", "node 3", peers, nodetest.Handling, "*wire.OutcomesReply"),
		away("outcomes on their way out", "node [012]", "node/peer-3", nodetest.Handling, "topeer.ServeOutcomes"),
		bare("a snapshot is asked for", "node [012]", consensus, nodetest.Handling, "toconsensus.SnapshotWanted"),
		bare("a snapshot", "node 3", consensus, nodetest.Handling, "toconsensus.SnapshotServed"),
		bare("a snapshot, later", "node 3", consensus, nodetest.Handled, "toconsensus.SnapshotServed"),
		bare("a snapshot on its way in", "node 3", peers, nodetest.Handling, "*wire.SnapshotReply"),
	}
}

// missed lets member 3 be away for a few epochs.
func missed(s *stage) {
	s.Bury(3, 1)
	s.pay(1)
	s.comesBack()
}

// emptied lets member 3 lose its data, when the others have forgotten the beginning.
func emptied(s *stage) {
	for next, _ := s.Next(0); next < 40; next, _ = s.Next(0) {
		s.pay(load)
	}
	s.Lose(3)
	s.comesBack()
}

func (s *stage) comesBack() {
	s.Start(3)
	s.watchers[3] = s.Dial(3)
	s.replaced["node 3"] = true
}
