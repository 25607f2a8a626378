package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"minimint/actors/node/nodetest"
	"minimint/actors/spawn"
	"minimint/messages"
)

// stage is a federation of four with money in a wallet, and a session at every
// member that nothing may disturb.
type stage struct {
	*nodetest.House
	user     *nodetest.User
	worth    messages.Amount
	watchers []*nodetest.Caller
	armed    []*nodetest.Trap         // of this row
	before   map[string]nodetest.Life // the census before this row
	replaced map[string]bool          // parties whose process has ended in this row
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{House: nodetest.NewHouse(t, 4)}
	s.user = s.User()
	s.user.Fund(65_800) // few notes after the fee
	s.worth = s.user.Worth()
	for i := range s.Members {
		s.watchers = append(s.watchers, s.Dial(i))
	}
	return s
}

// A row is one line of the supervision table and one way to fail.
type row struct {
	name  string
	traps []nodetest.Trap
	// held keeps the victims down until the load is done.
	held bool
	// during runs beside the load, and may be what runs into the traps.
	during func(*stage)
	// promise checks what the table says of the victims; nil is "begin again".
	promise func(*stage, []*nodetest.Trap)
}

// load is how many operations run beside a failure.
const load = 2

func (r row) run(s *stage) {
	s.Helper()
	s.begin()
	var traps []*nodetest.Trap
	if r.held {
		s.Hold()
	}
	for _, t := range r.traps {
		traps = append(traps, s.Set(&t))
	}
	s.armed = traps
	if r.during != nil {
		r.during(s)
	}
	s.pay(load)
	for _, t := range traps {
		for !s.Sprung(t) && !s.over(t) { // not every message comes with every payment
			s.pay(1)
		}
	}
	s.Resume()
	s.Lift()
	if r.promise == nil {
		r.promise = beginAgain
	}
	r.promise(s, traps)
	s.unharmed(traps)
	s.Forgive()
}

// over reports whether somebody who was caught has stopped, and will not come to
// the trap again.
func (s *stage) over(t *nodetest.Trap) bool {
	for who := range s.victims(s.armed) {
		if s.life(who).Stopped && !t.Once {
			return true
		}
	}
	return false
}

// begin takes the census before a row.
func (s *stage) begin() {
	s.before = s.Census()
	s.replaced = map[string]bool{}
}

// pay runs operations at once, and waits for their ends.
func (s *stage) pay(n int) {
	s.Helper()
	var ids []uint64
	for range n {
		id, err := s.user.Reissue(s.Context(), 1000)
		if err != nil {
			s.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		s.user.Done(id, nil)
	}
}

// unharmed checks that nothing was lost, that all members have the same state,
// and that nobody was disturbed but the victims.
func (s *stage) unharmed(traps []*nodetest.Trap) {
	s.Helper()
	s.Agree()
	s.Kept()
	if got := s.user.Worth(); got != s.worth {
		s.Errorf("the wallet holds %s, want %s", got, s.worth)
	}
	for i, w := range s.watchers {
		if info := w.Info(); info.GetMember() != uint32(i) {
			s.Errorf("session at member %d: %v", i, info)
		}
	}
	harmed := func(who string) bool {
		for party := range s.replaced {
			if strings.HasPrefix(who, party+" ") {
				return true
			}
		}
		for _, t := range traps {
			for victim := range s.Victims(t) {
				if who == victim || strings.HasPrefix(who, victim+"/") {
					return true
				}
			}
		}
		return false
	}
	for who, now := range s.Census() {
		then := s.before[who]
		if then.Started == 0 {
			then.Started = 1
		}
		switch {
		case harmed(who), interrupted(then, now):
		case now.Started != then.Started || len(now.Failures) != len(then.Failures):
			s.Errorf("%s (%s) was started %d times, before %d; failures %+v", who, now.Kind, now.Started, then.Started, now.Failures)
		case now.Stopped && !then.Stopped && !strings.HasPrefix(who, "user ") && !(now.Kind == "session.Session" && now.Link == 0):
			s.Errorf("%s (%s) has stopped", who, now.Kind)
		}
	}
}

// interrupted reports whether an operation began again once, because the actor
// that holds the notes failed over its request.
func interrupted(then, now nodetest.Life) bool {
	return len(now.Failures) == len(then.Failures)+1 && now.Failures[len(then.Failures)].Message == "carrier.Lost"
}

// victims lists who was caught, as party and id.
func (s *stage) victims(traps []*nodetest.Trap) map[string]int {
	all := map[string]int{}
	for _, t := range traps {
		for who, times := range s.Victims(t) {
			all[who] += times
		}
	}
	return all
}

// life is what happened to somebody that is named as victims are.
func (s *stage) life(who string) nodetest.Life { return s.Census()[who] }

// soon is the longest that anybody but the chain actor waits before it begins
// again.
const soon = 5 * time.Second

// beginAgain waits until every victim has been started once more for each of
// its failures.
func beginAgain(s *stage, traps []*nodetest.Trap) {
	s.Helper()
	for who := range s.victims(traps) {
		s.Await(who+" begins again", func() bool {
			l := s.life(who)
			for _, f := range l.Failures {
				if l.Stopped || f.Decision != spawn.Restarted || f.Delay > soon && l.Kind != "chain.Chain" {
					s.Fatalf("%s: %+v", who, l)
				}
			}
			return len(l.Failures) > 0 && l.Started == 1+len(l.Failures)
		})
	}
}

// ends waits until a victim's process must not go on, after n failures, ends it and
// starts the next one from its disk.
func ends(actor, message string, n int) func(*stage, []*nodetest.Trap) {
	return func(s *stage, traps []*nodetest.Trap) {
		s.Helper()
		for i := range s.Members {
			who := fmt.Sprintf("node %d %s", i, actor)
			if s.victims(traps)[who] == 0 {
				continue
			}
			s.Await(who+" ends its process", func() bool {
				for _, f := range s.life(who).Failures {
					if (f.Failures == n) != (f.Decision == spawn.Exited) {
						s.Fatalf("%s: %+v", who, f)
					}
				}
				return len(s.Halts(i)) > 0
			})
			h := s.Halts(i)[0]
			if h.Actor != actor || h.Message != message || h.World() != nil || h.Stack == "" || len(s.Halts(i)) != 1 {
				s.Errorf("halts with %+v", h)
			}
			s.Revive(i, 1)
			s.watchers[i] = s.Dial(i)
			s.replaced[fmt.Sprintf("node %d", i)] = true
		}
	}
}

// A theatre plays parts of the table on one stage, as long as nothing fails.
type theatre struct {
	whole *testing.T
	stage *stage
}

// part is the rows of one actor.
func (th *theatre) part(actor string, table []row) {
	th.whole.Run(strings.ReplaceAll(actor, " ", "-"), func(t *testing.T) {
		for _, r := range table {
			t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) { th.play(t, r) })
		}
	})
}

func (th *theatre) play(t *testing.T, r row) {
	if th.stage == nil {
		th.stage = newStage(th.whole)
	}
	defer th.stage.In(t)()
	defer func() {
		if t.Failed() {
			th.stage = nil // whatever is left of it
		}
	}()
	r.run(th.stage)
}

// TestSupervision makes every actor of a node fail in a running federation, at
// every message that matters, and checks what supervision.go promises of it: how
// it begins again or ends, that nothing is lost that was acknowledged, that all
// members have the same state afterwards, and that nobody else is disturbed.
func TestSupervision(t *testing.T) {
	t.Parallel()
	th := &theatre{whole: t}
	th.part("clock", clockRows())
	th.part("peer", peerRows())
	th.part("hbbft", hbbftRows())
	th.part("consensus", consensusRows())
	th.part("proofs", proofRows())
	th.part("module", moduleRows())
	th.part("chain", chainRows())
	th.part("session", sessionRows())
	th.part("node", nodeRows())
}

// TestSupervisionOfReturns does the same while a member comes back.
func TestSupervisionOfReturns(t *testing.T) {
	t.Parallel()
	th := &theatre{whole: t}
	th.part("catching up", catchUpRows())
}

// TestSupervisionOfClients does the same with the actors of a wallet, and with
// links.
func TestSupervisionOfClients(t *testing.T) {
	t.Parallel()
	th := &theatre{whole: t}
	th.part("operation", operationRows())
	th.part("client", clientRows())
	th.part("line", lineRows())
	th.part("link", linkRows())
}
