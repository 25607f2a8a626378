package node_test

import (
	"errors"

	"minimint/actors/client"
	"minimint/actors/node/nodetest"
	"minimint/actors/spawn"
)

// of makes a trap for an actor of the client, by its type.
func of(kind string, point nodetest.Point, message string) nodetest.Trap {
	return nodetest.Trap{Party: "user", Actor: kind, At: point, Message: message}
}

// goOn checks that victims were started again at each failure. They may have
// come to their end since.
func goOn(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	for who := range s.victims(traps) {
		s.Await(who+" begins again", func() bool {
			l := s.life(who)
			for _, f := range l.Failures {
				if f.Decision != spawn.Restarted && f.Failures > 0 { // 0: it was at its end
					s.Fatalf("%s: %+v", who, f)
				}
			}
			return l.Stopped || l.Started == 1+len(l.Failures)
		})
	}
}

// ofAgain makes traps that catch an actor of the client more often in a row than
// the library's default allows.
func ofAgain(kind, message string) []nodetest.Trap {
	then := of(kind, nodetest.Handling, started)
	then.Times = 12
	return []nodetest.Trap{of(kind, nodetest.Handling, message), then}
}

// An operation begins again from its record, and is parked after some failures
// in a row; the others go on.
func operationRows() []row {
	const carrier = "carrier.carrier"
	once := func(name string, point nodetest.Point, message string) row {
		return row{name: name, traps: []nodetest.Trap{of(carrier, point, message)}, promise: goOn}
	}
	often := of(carrier, nodetest.Handling, started)
	often.Times = 4
	all := of(carrier, nodetest.Handling, "carrier.Prepared")
	all.Times, all.Once = load, true
	return []row{
		once("at its start", nodetest.Handling, started),
		once("before it asks for a transaction", nodetest.Sending, "carrier.Prepare"),
		once("after it asked for a transaction", nodetest.Handled, "carrier.Loaded"),
		once("a transaction", nodetest.Handling, "carrier.Prepared"),
		once("between submissions", nodetest.Sending, "lines.Ask"),
		once("an answer", nodetest.Handling, "lines.Heard"),
		once("an answer, later", nodetest.Handled, "lines.Heard"),
		once("before it asks for its end", nodetest.Sending, "carrier.Settle"),
		once("its end", nodetest.Handling, "carrier.Settled"),
		{name: "everywhere", traps: []nodetest.Trap{all}, promise: goOn},
		{name: "again and again", traps: []nodetest.Trap{often}, during: parks, promise: parked},
	}
}

// parks begins an operation that runs into the trap.
func parks(s *stage) {
	id, err := s.user.Reissue(s.Context(), 1000)
	if err != nil {
		s.Fatal(err)
	}
	s.Caught(s.armed[0])
	if _, err := s.user.Await(s.Context(), id, nil); !errors.Is(err, client.ErrParked) {
		s.Fatalf("the operation is not parked: %v", err)
	}
}

// parked checks that the operation goes on with the next start of the program.
func parked(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	for who := range s.victims(traps) {
		if l := s.life(who); !l.Stopped || len(l.Failures) != 4 || l.Failures[3].Decision != spawn.Stopped {
			s.Errorf("%s: %+v", who, l)
		}
	}
	s.user.Reopen()
	s.replaced["user"] = true
	ops, err := s.user.Operations()
	if err != nil {
		s.Fatal(err)
	}
	for _, op := range ops {
		s.user.Done(op.GetId(), nil)
	}
}

// The actors that operations work with begin again, and no operation waits for
// what was lost.
func clientRows() []row {
	const mint, top, wallet, scanner, door = "client.mintClient", "client.userClient", "deposits.walletClient", "deposits.scanner", "client.door"
	once := func(name, kind string, point nodetest.Point, message string) row {
		return row{name: name, traps: []nodetest.Trap{of(kind, point, message)}, promise: goOn}
	}
	deposit := func(name, kind string, point nodetest.Point, message string) row {
		r := once(name, kind, point, message)
		r.during = fund
		return r
	}
	return []row{
		once("notes: before an attempt", mint, nodetest.Handling, "carrier.Prepare"),
		once("notes: between record and answer", mint, nodetest.Sending, "carrier.Prepared"),
		once("notes: after an attempt", mint, nodetest.Handled, "carrier.Prepare"),
		once("notes: before an end", mint, nodetest.Handling, "carrier.Settle"),
		once("notes: between end and answer", mint, nodetest.Sending, "carrier.Settled"),
		once("notes: after an end", mint, nodetest.Handled, "carrier.Settle"),
		once("notes: grinding", mint, nodetest.Handling, "client.grind"),
		{name: "notes: again and again", traps: ofAgain(mint, "carrier.Load"), promise: goOn},
		{name: "top: again and again", traps: ofAgain(top, "*timing.Tick"), promise: goOn},
		{name: "door: again and again", traps: ofAgain(door, "carrier.Changed"), promise: goOn},
		{name: "wallet: again and again", traps: ofAgain(wallet, "*timing.Tick"), during: fund, promise: goOn},
		{name: "scanner: again and again", traps: ofAgain(scanner, "deposits.scan"), during: fund, promise: goOn},
		once("top: news", top, nodetest.Handling, "carrier.Changed"),
		once("top: a tick", top, nodetest.Handling, "*timing.Tick"),
		once("top: the end of an operation", top, nodetest.Handling, "*actor.Terminated"),
		once("top: after a call", top, nodetest.Handled, "client.call"),
		{name: "top: a call", traps: []nodetest.Trap{of(top, nodetest.Handling, "client.call")}, during: callInterrupted, promise: goOn},
		{name: "top: between record and answer", traps: []nodetest.Trap{of(top, nodetest.Sending, "client.answer")}, during: callInterrupted, promise: goOn},
		once("door: an answer", door, nodetest.Handling, "client.answer"),
		once("door: news", door, nodetest.Handling, "carrier.Changed"),
		deposit("wallet: what was found", wallet, nodetest.Handling, "deposits.scanned"),
		deposit("wallet: sending its scanner out", wallet, nodetest.Sending, "deposits.scan"),
		deposit("wallet: the height", wallet, nodetest.Handling, "deposits.tipSeen"),
		deposit("scanner: the height", scanner, nodetest.Handling, "deposits.tipWanted"),
		{name: "wallet: between address and answer", traps: []nodetest.Trap{of(wallet, nodetest.Sending, "deposits.Made")}, during: depositInterrupted, promise: goOn},
		{name: "wallet: a call", traps: []nodetest.Trap{of(wallet, nodetest.Handling, "deposits.Wanted")}, during: depositInterrupted, promise: goOn},
	}
}

// fund makes a deposit that runs into the trap.
func fund(s *stage) {
	s.user.Fund(16_648) // few notes after the fee
	s.funded()
}

func (s *stage) funded() {
	s.Helper()
	if got := s.user.Worth(); got <= s.worth {
		s.Errorf("the deposit has not arrived: %s", got)
	}
	s.worth = s.user.Worth()
}

// callInterrupted makes a call that runs into the trap: it returns, and what it may
// have begun goes on.
func callInterrupted(s *stage) {
	if id, err := s.user.Reissue(s.Context(), 1000); !errors.Is(err, client.ErrInterrupted) {
		s.Fatalf("the call returns %d, %v", id, err)
	}
	ops, err := s.user.Operations()
	if err != nil {
		s.Fatal(err)
	}
	for _, op := range ops {
		s.user.Done(op.GetId(), nil)
	}
}

func depositInterrupted(s *stage) {
	if id, err := s.user.Deposit(s.Context()); !errors.Is(err, client.ErrInterrupted) {
		s.Fatalf("the call returns %d, %v", id, err)
	}
	fund(s)
}

// Lines begin again, and what they had asked is asked again.
func lineRows() []row {
	const line = "lines.line"
	all := func(point nodetest.Point, message string) []nodetest.Trap {
		t := of(line, point, message)
		t.Times, t.Once = 4*load, true
		return []nodetest.Trap{t}
	}
	return []row{
		{name: "an answer", traps: []nodetest.Trap{of(line, nodetest.Handling, "*wire.ClientReply")}, promise: goOn},
		{name: "a question", traps: []nodetest.Trap{of(line, nodetest.Handling, "lines.Ask")}, promise: goOn},
		{name: "its link", traps: []nodetest.Trap{of(line, nodetest.Handling, "*link.Up")}, promise: goOn},
		{name: "again and again", traps: ofAgain(line, "lines.Ask"), promise: goOn},
		{name: "everywhere, answers", traps: all(nodetest.Handling, "*wire.ClientReply"), promise: goOn},
		{name: "everywhere, questions", traps: all(nodetest.Handling, "lines.Ask"), promise: goOn},
		{name: "everywhere, links", traps: all(nodetest.Handling, "*link.Up"), promise: goOn},
	}
}
