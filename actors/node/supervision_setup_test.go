package node_test

import (
	"strings"
	"testing"

	"minimint/actors/node/nodetest"
	"minimint/actors/spawn"
)

// setup: begins again from its journal, and all members end with one federation.
func TestSupervisionSetup(t *testing.T) {
	t.Parallel()
	const setup, packet = "setup", "*setupwire.Packet"
	one := func(point nodetest.Point, message string, skip int) []nodetest.Trap {
		return []nodetest.Trap{{Party: "member 1", Actor: setup, At: point, Message: message, Skip: skip}}
	}
	for _, r := range []row{
		{name: "at its start", traps: one(nodetest.Handling, started, 0)},
		{name: "a packet of the key generation", traps: one(nodetest.Handling, packet, 9)},
		{name: "after it was kept", traps: one(nodetest.Handled, packet, 14)},
		{name: "between keeping and sending", traps: one(nodetest.Sending, packet, 11)},
		{name: "again and again", traps: []nodetest.Trap{
			{Party: "member 1", Actor: setup, Message: packet, Skip: 6},
			{Party: "member 1", Actor: setup, Message: started, Skip: 1, Times: 12},
		}},
		{name: "everywhere", traps: []nodetest.Trap{{Party: "member *", Actor: setup, Message: packet, Skip: 20, Times: 4, Once: true}}},
	} {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			var traps []*nodetest.Trap
			for i := range r.traps {
				traps = append(traps, &r.traps[i])
			}
			c := nodetest.NewCeremony(t, 4, traps...)
			victims := map[string]int{}
			for _, trap := range traps {
				c.Caught(trap)
				for who, n := range c.Victims(trap) {
					victims[who] += n
				}
			}
			c.Finish()
			for who, l := range c.Census() {
				if l.Stopped || l.Started != 1+victims[who] || len(l.Failures) != victims[who] {
					t.Errorf("%s: %+v", who, l)
				}
				for _, f := range l.Failures {
					if f.Decision != spawn.Restarted {
						t.Errorf("%s: %+v", who, f)
					}
				}
			}
		})
	}
}
