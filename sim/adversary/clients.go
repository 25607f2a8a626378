package adversary

import (
	"minimint/messages"
	"minimint/sim/world"
)

// doubleSpending has users spend most coins twice, and claim deposits twice, at
// different nodes.
func doubleSpending(cfg *world.Config, _ ...messages.PeerID) {
	cfg.Load.Habits.Cheats = 0.7
}
