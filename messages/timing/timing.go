// Package timing holds what the clock actor and its subscribers say to each
// other. Nobody else in a node reads the wall clock: whoever acts on time
// subscribes and acts on ticks, and the simulator answers the same
// subscriptions from its virtual clock.
package timing

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Subscribe asks the clock to send a Tick to PID every Every. A second
// subscription of the same PID replaces the first; Every ≤ 0 ends it. The
// subscription also ends when the subscriber stops, and outlives its restarts.
type Subscribe struct {
	PID   *actor.PID
	Every time.Duration
}

// Tick tells what time it is. Ticks are not counted: a late one stands for all
// that should have come before it, and their differences are not exact.
type Tick struct {
	Now time.Time
}
