package node_test

import (
	"strings"
	"testing"

	"minimint/actors/node/nodetest"
	"minimint/messages/wire"
)

// TestAcknowledgedSurvivesPowerFailure takes the power from all members at once,
// in the moment in which one of them has acknowledged a transaction, or is about
// to, and does not let the client say it again: what it was told is enough.
func TestAcknowledgedSurvivesPowerFailure(t *testing.T) {
	t.Parallel()
	const consensus, hbbft = "node/consensus", "node/hbbft"
	acknowledges := func(m any) bool { return m.(*wire.ClientReply).GetSubmitted() != nil }
	var s *stage
	for seed, c := range []struct {
		name string
		trap nodetest.Trap
	}{
		{"when the pool is durable", nodetest.Trap{Actor: consensus, At: nodetest.Sending, Message: "toconsensus.Submitted"}},
		{"when the client is told", nodetest.Trap{Actor: "session/*", At: nodetest.Handled, Message: "toconsensus.Submitted"}},
		{"when HBBFT wants it", nodetest.Trap{Actor: consensus, Message: "toconsensus.WantContribution"}},
		{"after the journal is durable", nodetest.Trap{Actor: hbbft, At: nodetest.Sending, Message: "tohbbft.Send", Skip: 20}},
		{"before the commit", nodetest.Trap{Actor: consensus, Message: "toconsensus.Agreed"}},
		{"after the commit", nodetest.Trap{Actor: consensus, At: nodetest.Sending, Message: "tohbbft.EpochCommitted"}},
		{"when the client hears the end", nodetest.Trap{
			Actor: "session/*", At: nodetest.Sending, Message: "*wire.ClientReply", If: func(m any) bool { return !acknowledges(m) },
		}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t2 *testing.T) {
			if s == nil {
				s = newStage(t)
			}
			defer s.In(t2)()
			s.begin()
			told := s.Acknowledgements()
			c.trap.Party = "node *"
			c.trap.Do = func() {
				for i := range s.Members {
					s.Cut(i)
				}
			}
			trap := s.Set(&c.trap)
			id, err := s.user.Reissue(t2.Context(), 1000)
			if err != nil {
				s.Fatal(err)
			}
			s.Caught(trap)
			s.user.Quit()
			for i := range s.Members {
				s.Bury(i, uint64(seed*10+i))
			}
			for i := range s.Members {
				s.Start(i)
				s.watchers[i] = s.Dial(i)
			}
			t2.Logf("%d acknowledgements", s.Acknowledgements()-told)
			s.Kept()
			s.user.Open()
			s.user.Done(id, nil)
			s.replaced = map[string]bool{"node 0": true, "node 1": true, "node 2": true, "node 3": true, "user": true}
			s.unharmed(nil)
		})
	}
}
