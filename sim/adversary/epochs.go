package adversary

import (
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// epochs remembers the newest epochs in which something happened.
type epochs struct{ newest map[messages.Epoch]bool }

func newEpochs() *epochs { return &epochs{map[messages.Epoch]bool{}} }

// first reports whether a frame is the first of its epoch.
func (e *epochs) first(f frames.Frame) bool {
	if e.newest[f.Epoch] {
		return false
	}
	e.newest[f.Epoch] = true
	delete(e.newest, f.Epoch-16)
	return true
}

func (e *epochs) seen(epoch messages.Epoch) bool { return e.newest[epoch] }

// everybody is told a frame.
func everybody(c *world.Corrupt, n int, f frames.Frame) {
	for to := range messages.PeerID(n) {
		if to != c.Self {
			c.Say(to, world.Message(f))
		}
	}
}
