package node_test

import (
	"errors"
	"time"

	"minimint/actors/node"
	"minimint/actors/node/nodetest"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/wire"
)

// at makes a trap for one actor of one member.
func at(actor string, point nodetest.Point, message string) nodetest.Trap {
	return nodetest.Trap{Party: "node 1", Actor: actor, At: point, Message: message}
}

// everywhere makes a trap for an actor of every member, each once.
func everywhere(actor string, point nodetest.Point, message string) nodetest.Trap {
	return nodetest.Trap{Party: "node *", Actor: actor, At: point, Message: message, Times: 4, Once: true}
}

// somewhere makes a trap for one actor of any member, for messages that do not
// come to all.
func somewhere(actor string, point nodetest.Point, message string) nodetest.Trap {
	return nodetest.Trap{Party: "node *", Actor: actor, At: point, Message: message}
}

// again makes traps that catch an actor at a message and then, often, when it
// starts again: more often in a row than the library's default allows.
func again(actor, message string) []nodetest.Trap {
	first, then := at(actor, nodetest.Handling, message), at(actor, nodetest.Handling, "*actor.Started")
	then.Times = 12
	return []nodetest.Trap{first, then}
}

const started = "*actor.Started"

// clock: begins again, with its subscriptions.
func clockRows() []row {
	const clock = "node/clock"
	return []row{
		{name: "one tick", held: true, traps: []nodetest.Trap{at(clock, nodetest.Handling, "clock.due")}},
		{name: "after a tick", traps: []nodetest.Trap{at(clock, nodetest.Sending, "*timing.Tick")}},
		{name: "a subscription", traps: []nodetest.Trap{at(clock, nodetest.Handling, "*timing.Subscribe")}, during: subscribe},
		{name: "a subscription, later", traps: []nodetest.Trap{at(clock, nodetest.Handled, "*timing.Subscribe")}, during: subscribe},
		{name: "again and again", traps: again(clock, "clock.due")},
		{name: "everywhere", traps: []nodetest.Trap{everywhere(clock, nodetest.Handling, "clock.due")}},
	}
}

// subscribe opens a session whose subscription runs into the trap, and checks
// that it hears the time all the same.
func subscribe(s *stage) {
	c := s.Dial(1)
	c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Await{Await: &wire.Await{Txid: make([]byte, 32), WitnessId: make([]byte, 32), WaitMs: 1}}})
}

// peer: begins again, and what either side lacks is told again.
func peerRows() []row {
	const peer = "node/peer-2"
	return []row{
		{name: "an incoming frame", held: true, traps: []nodetest.Trap{at(peer, nodetest.Handling, "*wire.PeerFrame")}},
		{name: "an incoming frame, later", traps: []nodetest.Trap{at(peer, nodetest.Handled, "*wire.PeerFrame")}},
		{name: "between link and HBBFT", traps: []nodetest.Trap{at(peer, nodetest.Sending, "tohbbft.PeerFrame")}},
		{name: "an outgoing frame", held: true, traps: []nodetest.Trap{at(peer, nodetest.Handling, "tohbbft.Send")}},
		{name: "an incoming frame that everybody needs", traps: []nodetest.Trap{at(peer, nodetest.Handling, "*wire.PeerFrame")}, during: away, promise: back},
		{name: "again and again", traps: again(peer, "*wire.PeerFrame")},
		{name: "everywhere", traps: []nodetest.Trap{{Party: "node *", Actor: "node/peer-*", Message: "*wire.PeerFrame", Times: 12, Once: true}}},
		{name: "everywhere, outgoing", traps: []nodetest.Trap{{Party: "node *", Actor: "node/peer-*", Message: "tohbbft.Send", Times: 12, Once: true}}},
	}
}

// away lets as many members be away as a federation can do without, so that
// every word of the others counts.
func away(s *stage) { s.Bury(3, 1) }

// back brings them back.
func back(s *stage, traps []*nodetest.Trap) {
	beginAgain(s, traps)
	s.Start(3)
	s.watchers[3] = s.Dial(3)
	s.replaced["node 3"] = true
}

// hbbft: reloads from its journal; twice in a row ends the process.
func hbbftRows() []row {
	const hbbft = "node/hbbft"
	once := func(name string, point nodetest.Point, message string) row {
		return row{name: name, traps: []nodetest.Trap{somewhere(hbbft, point, message)}}
	}
	twice := at(hbbft, nodetest.Handling, "hbbft.flush")
	twice.Times = 2
	return []row{
		{name: "a frame", held: true, traps: []nodetest.Trap{at(hbbft, nodetest.Handling, "tohbbft.PeerFrame")}},
		once("a frame, later", nodetest.Handled, "tohbbft.PeerFrame"),
		once("before the journal", nodetest.Handling, "hbbft.flush"),
		once("between journal and peers", nodetest.Sending, "tohbbft.Send"),
		once("between journal and processor", nodetest.Sending, "toconsensus.Agreed"),
		once("with an outcome", nodetest.Handled, "hbbft.flush"),
		once("a commit", nodetest.Handling, "tohbbft.EpochCommitted"),
		once("a contribution", nodetest.Handling, "tohbbft.Contribution"),
		once("work", nodetest.Handling, "tohbbft.WorkPending"),
		once("a tick", nodetest.Handling, "*timing.Tick"),
		once("what can wait", nodetest.Handling, "hbbft.waited"),
		{name: "everywhere", traps: []nodetest.Trap{everywhere(hbbft, nodetest.Handling, "tohbbft.PeerFrame")}},
		{name: "everywhere, with an outcome", traps: []nodetest.Trap{everywhere(hbbft, nodetest.Sending, "toconsensus.Agreed")}},
		{name: "everywhere, a commit", traps: []nodetest.Trap{everywhere(hbbft, nodetest.Handling, "tohbbft.EpochCommitted")}},
		{name: "twice in a row", traps: []nodetest.Trap{twice}, promise: ends(hbbft, "hbbft.flush", 2)},
		{
			name: "at the next start", traps: []nodetest.Trap{at(hbbft, nodetest.Handling, "tohbbft.PeerFrame"), at(hbbft, nodetest.Handling, started)},
			promise: ends(hbbft, started, 2),
		},
	}
}

// consensus: reloads from its store; twice in a row ends the process.
func consensusRows() []row {
	const consensus = "node/consensus"
	once := func(name string, point nodetest.Point, message string) row {
		return row{name: name, traps: []nodetest.Trap{somewhere(consensus, point, message)}}
	}
	twice := at(consensus, nodetest.Handling, "toconsensus.Agreed")
	twice.Times = 2
	return []row{
		{name: "a submission", held: true, traps: []nodetest.Trap{at(consensus, nodetest.Handling, "toconsensus.Submit")}},
		once("a submission, later", nodetest.Handled, "toconsensus.Submit"),
		once("before the pool is durable", nodetest.Handling, "consensus.flush"),
		once("before acknowledging", nodetest.Sending, "toconsensus.Submitted"),
		once("after acknowledging", nodetest.Handled, "consensus.flush"),
		once("before the commit", nodetest.Handling, "toconsensus.Agreed"),
		once("after the commit", nodetest.Sending, "toconsensus.EpochCommitted"),
		once("before telling HBBFT", nodetest.Sending, "tohbbft.EpochCommitted"),
		once("all done", nodetest.Handled, "toconsensus.Agreed"),
		once("a contribution", nodetest.Handling, "toconsensus.WantContribution"),
		once("items", nodetest.Handling, "toconsensus.ModuleItems"),
		once("a tick", nodetest.Handling, "*timing.Tick"),
		{name: "everywhere, before acknowledging", traps: []nodetest.Trap{everywhere(consensus, nodetest.Handling, "consensus.flush")}},
		{name: "everywhere, before the commit", traps: []nodetest.Trap{everywhere(consensus, nodetest.Handling, "toconsensus.Agreed")}},
		{name: "everywhere, after the commit", traps: []nodetest.Trap{everywhere(consensus, nodetest.Sending, "tohbbft.EpochCommitted")}},
		{name: "twice in a row", traps: []nodetest.Trap{twice}, promise: ends(consensus, "toconsensus.Agreed", 2)},
		{
			name: "at the next start", traps: []nodetest.Trap{at(consensus, nodetest.Handling, "consensus.flush"), at(consensus, nodetest.Handling, started)},
			promise: ends(consensus, started, 2),
		},
	}
}

// module: begins again from a snapshot; whoever asked is told so.
func moduleRows() []row {
	const mint, wallet = "node/module-mint", "node/module-wallet"
	return []row{
		{name: "a question", held: true, traps: []nodetest.Trap{at(mint, nodetest.Handling, "tomodule.Describe")}},
		{name: "the answer", traps: []nodetest.Trap{at(mint, nodetest.Sending, "tomodule.Described")}},
		{name: "a commit", traps: []nodetest.Trap{at(mint, nodetest.Handling, "toconsensus.EpochCommitted")}},
		{name: "a tick", traps: []nodetest.Trap{at(mint, nodetest.Handling, "*timing.Tick")}},
		{name: "again and again", traps: again(mint, "*timing.Tick")},
		{name: "everywhere", traps: []nodetest.Trap{everywhere(mint, nodetest.Handling, "tomodule.Describe")}},
		{name: "a query", traps: []nodetest.Trap{at(wallet, nodetest.Handling, "tomodule.Query")}, during: query},
		{name: "a report of the chain", traps: []nodetest.Trap{at(wallet, nodetest.Handling, "tomodule.Observed")}, during: mine, promise: chainGoesOn},
		{
			name: "a report of the chain, everywhere", during: mine, promise: chainGoesOn,
			traps: []nodetest.Trap{everywhere(wallet, nodetest.Handling, "tomodule.Observed")},
		},
		{name: "items", traps: []nodetest.Trap{at(wallet, nodetest.Sending, "toconsensus.ModuleItems")}, during: mine, promise: chainGoesOn},
	}
}

// query puts a question that runs into the trap; its answer is a refusal for now.
func query(s *stage) {
	request := func() *wire.ClientRequest {
		return &wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: &wire.Query{Module: "wallet", Method: "summary"}}}
	}
	if r := s.watchers[1].Ask(request()).GetRefusal(); messages.RejectionCode(r.GetCode()) != messages.RejectBusy || r.GetFinal() {
		s.Errorf("the lost question is answered with %v", r)
	}
	if a := s.watchers[1].Ask(request()).GetAnswer(); a == nil {
		s.Error("no answer of the next incarnation")
	}
}

func mine(s *stage) { s.Mine(1) }

// chainGoesOn checks that the next block is agreed on by the members as before.
func chainGoesOn(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	beginAgain(s, traps)
	want := s.Mine(1)
	s.Await("a new block is agreed on", func() bool {
		for i := range s.Members {
			if s.Height(i) != want {
				return false
			}
		}
		return true
	})
}

// chain: begins again with a growing delay; consensus goes on without it.
func chainRows() []row {
	const chain = "node/chain"
	return []row{
		{name: "a tick", held: true, traps: []nodetest.Trap{at(chain, nodetest.Handling, "*timing.Tick")}, promise: chainGoesOn},
		{name: "what its worker found", traps: []nodetest.Trap{at(chain, nodetest.Handling, "chain.finding")}, promise: chainGoesOn},
		{name: "its worker", traps: []nodetest.Trap{at("chain.worker", nodetest.Handling, "chain.survey")}, promise: chainGoesOn},
		{name: "its worker, when it is done", traps: []nodetest.Trap{at("chain.worker", nodetest.Sending, "chain.finding")}, promise: chainGoesOn},
		{name: "again and again", traps: again(chain, "*timing.Tick"), promise: patiently},
		{name: "everywhere", held: true, during: mine, traps: []nodetest.Trap{everywhere(chain, nodetest.Handling, "*timing.Tick")}, promise: chainGoesOn},
	}
}

// patiently checks that delays have grown beyond those of other actors.
func patiently(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	for who := range s.victims(traps) {
		l := s.life(who)
		for _, f := range l.Failures {
			full := min(500*time.Millisecond<<(f.Failures-1), 30*time.Second)
			if f.Delay > full || f.Delay < full/2 {
				s.Errorf("%s begins again %v after failure %d in a row", who, f.Delay, f.Failures)
			}
		}
	}
	chainGoesOn(s, traps)
}

// session: only that session ends.
func sessionRows() []row {
	submits := func(m any) bool { return m.(*wire.ClientRequest).GetSubmit() != nil }
	acknowledges := func(m any) bool { return m.(*wire.ClientReply).GetSubmitted() != nil }
	begins := func(m any) bool { return m.(*wire.ClientRequest).GetQuery().GetModule() == "a trap" }
	all := nodetest.Trap{Party: "node *", Actor: "session/*", Message: "*wire.ClientRequest", If: submits, Times: 4, Once: true}
	return []row{
		{
			name: "a request", promise: endsAlone,
			traps: []nodetest.Trap{{Party: "node 1", Actor: "session/*", Message: "*wire.ClientRequest", If: begins}},
			during: func(s *stage) {
				c := s.Dial(1)
				c.Send(&wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: &wire.Query{Module: "a trap"}}})
				s.Closed(c)
				s.Dial(1).Info()
			},
		},
		{name: "a submission", traps: []nodetest.Trap{{Party: "node 1", Actor: "session/*", Message: "*wire.ClientRequest", If: submits}}, promise: endsAlone},
		{
			name: "between pool and client", promise: endsAlone,
			traps: []nodetest.Trap{{Party: "node 1", Actor: "session/*", At: nodetest.Sending, Message: "*wire.ClientReply", If: acknowledges}},
		},
		{name: "at its start", traps: []nodetest.Trap{{Party: "node 1", Actor: "session/*", Message: started}}, promise: endsAlone},
		{name: "everywhere", traps: []nodetest.Trap{all}, promise: endsAlone},
	}
}

// endsAlone checks that victims have stopped at their first failure, and that
// their links are closed.
func endsAlone(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	for who := range s.victims(traps) {
		s.Await(who+" stops", func() bool {
			l := s.life(who)
			if l.Started != 1 || len(l.Failures) > 1 || len(l.Failures) == 1 && l.Failures[0].Decision != spawn.Stopped {
				s.Fatalf("%s: %+v", who, l)
			}
			return l.Stopped
		})
	}
}

// node: the process ends.
func nodeRows() []row {
	return []row{
		{name: "a message", traps: []nodetest.Trap{at("node", nodetest.Handling, "string")}, during: func(s *stage) { s.Tell(1, "node", "a trap") }, promise: ends("node", "string", 1)},
		{
			name: "at its start", traps: []nodetest.Trap{at("node", nodetest.Handling, started)},
			during: func(s *stage) {
				s.Bury(1, 1)
				var h *node.Halt
				if err := s.TryStart(1); !errors.As(err, &h) || h.Actor != "node" || h.Message != started {
					s.Fatalf("the node starts, or cannot because of %v", err)
				}
			},
			promise: func(s *stage, _ []*nodetest.Trap) {
				s.Revive(1, 1)
				s.watchers[1] = s.Dial(1)
				s.replaced["node 1"] = true
			},
		},
	}
}

// links: a panic in one ends it, and members link up again; no actor is
// disturbed.
func linkRows() []row {
	const peer = "node/peer-2"
	return []row{
		{name: "a frame", traps: []nodetest.Trap{at(peer, nodetest.Posting, "*wire.PeerFrame")}, promise: linksAgain},
		{
			name: "coming up", promise: linksAgain,
			traps: []nodetest.Trap{ // another link, since the pauses between attempts grow
				{Party: "node 0", Actor: "node/peer-3", At: nodetest.Posting, Message: "*wire.PeerFrame"},
				{Party: "node 0", Actor: "node/peer-3", At: nodetest.Posting, Message: "*link.Up"},
			},
		},
		{
			name: "a client's, coming up", promise: func(*stage, []*nodetest.Trap) {},
			traps: []nodetest.Trap{{Party: "node 1", Actor: "session/*", At: nodetest.Posting, Message: "*link.Up"}},
		},
		{name: "everywhere", traps: []nodetest.Trap{{Party: "node *", Actor: "node/peer-*", At: nodetest.Posting, Message: "*wire.PeerFrame", Times: 4, Once: true}}, promise: linksAgain},
	}
}

// linksAgain waits until the links of the victims are up, and checks that the
// actors that own them have not failed.
func linksAgain(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	for who := range s.victims(traps) {
		s.Await(who+" is linked", func() bool { l := s.life(who); return l.Link != 0 && l.Links > s.before[who].Links })
		if l := s.life(who); len(l.Failures) != 0 || l.Started != 1 {
			s.Errorf("%s: %+v", who, l)
		}
	}
}
