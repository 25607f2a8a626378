package adversary

import (
	"time"

	"minimint/messages"
	"minimint/sim/world"
)

// How often power fails, at least so many epochs after each other, and for how long.
const (
	crashes     = 8
	crashEpochs = 3
	crashFor    = time.Second
)

// crashing lets power fail at all its members at once, at the worst moment: when the
// first of anybody has committed an epoch, and the others have only their word. They
// are honest: what they said before, they must not contradict after.
func crashing(cfg *world.Config, members ...messages.PeerID) {
	cfg.Watch = append(cfg.Watch, func(w *world.World) world.Observer { return &crasher{w: w, members: members} })
}

type crasher struct {
	world.Ignore
	w       *world.World
	members []messages.PeerID
	last    messages.Epoch
	times   int
}

// Committed implements world.Observer.
func (c *crasher) Committed(x world.Commit) {
	if x.Epoch < c.last+crashEpochs || c.times == crashes {
		return
	}
	c.last = x.Epoch
	c.times++
	c.w.After(0, func() {
		for _, id := range c.members {
			c.w.Node(int(id)).PowerFailure()
		}
		c.w.After(crashFor, func() {
			for _, id := range c.members {
				c.w.Node(int(id)).Restart()
			}
		})
	})
}
