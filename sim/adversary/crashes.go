package adversary

import (
	"time"

	"minimint/messages"
	"minimint/sim/world"
)

// How often power fails at a node that crashes, and how long it is without.
const (
	crashes    = 12
	crashEvery = 300 * time.Millisecond
	crashFor   = 100 * time.Millisecond
)

// crashing lets power fail at members again and again, in the middle of whatever
// they do. They are honest: what they said before, they must not contradict after.
func crashing(cfg *world.Config, members ...messages.PeerID) {
	cfg.Watch = append(cfg.Watch, func(w *world.World) world.Observer {
		random := w.Rand("crashes")
		for _, id := range members {
			at := time.Duration(0)
			for range crashes {
				at += time.Duration(random.ExpFloat64() * float64(crashEvery))
				w.After(at, func() {
					w.Node(int(id)).PowerFailure()
					w.After(crashFor, w.Node(int(id)).Restart)
				})
			}
		}
		return world.Ignore{}
	})
}
