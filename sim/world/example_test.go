package world_test

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// lateEcho holds back the echoes of a faulty node for a second.
type lateEcho struct{ *world.Corrupt }

func (a lateEcho) Outgoing(to messages.PeerID, m proto.Message) []proto.Message {
	f, ok := world.Frame(m)
	if !ok {
		return []proto.Message{m}
	}
	var now, later []frames.Statement
	for _, s := range f.Statements {
		if _, echo := s.(frames.Echo); echo {
			later = append(later, s)
		} else {
			now = append(now, s)
		}
	}
	if len(later) > 0 {
		delayed := f
		delayed.Statements = later
		a.After(time.Second, func() { a.Say(to, world.Message(delayed)) })
	}
	f.Statements = now
	return []proto.Message{world.Message(f)}
}

func (a lateEcho) Incoming(_ messages.PeerID, m proto.Message) []proto.Message {
	return []proto.Message{m}
}

func Example_adversary() {
	w := world.New(world.Config{
		Nodes: 4, Seed: 42, Load: world.Load{Users: 8, Habits: workload.Habits{Pause: 100 * time.Millisecond}},
		Network: network.Config{Delay: network.Uniform(20*time.Millisecond, 60*time.Millisecond)}, Watch: check.All(),
		Faulty: []world.Faulty{{Peer: 3, Adversary: func(c *world.Corrupt) world.Adversary { return lateEcho{c} }}},
	})
	w.Run(5 * time.Second)
	before := w.Node(0).Next()
	w.Node(2).Kill() // now nobody can do without the echoes of member 3
	w.Run(5 * time.Second)
	fmt.Println("much slower:", w.Node(0).Next()-before < before/3)
	w.Heal()
	w.Settle(time.Minute)
	fmt.Println("violations:", w.Violations())
	// Output:
	// much slower: true
	// violations: []
}

func Example() {
	w := world.New(world.Config{
		Nodes: 4, Seed: 42, Load: world.Load{Users: 8, Habits: workload.Habits{Pause: 100 * time.Millisecond}},
		Network: network.Config{Delay: network.Uniform(20*time.Millisecond, 60*time.Millisecond)}, Watch: check.All(),
	})
	w.Run(10 * time.Second)
	w.Node(2).PowerFailure()
	w.Net().Partition([]int{0}, []int{1, 3})
	w.Run(5 * time.Second)
	w.Heal()              // joins the network and starts what is down
	w.Settle(time.Minute) // ends the load; "liveness" is violated if it takes longer
	fmt.Println(w.Violations())
	// Output:
	// []
}
