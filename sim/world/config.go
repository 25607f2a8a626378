package world

import (
	"log/slog"
	"time"

	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/stub"
	"minimint/sim/workload"
)

// Config describes a world. Nodes and Seed are required; the rest of the zero
// value is a perfect network without users.
type Config struct {
	Nodes int
	Seed  uint64
	// Real uses the cryptography that ships, and runs the mint; otherwise HBBFT
	// works with keyed hashes (package stub).
	Real bool
	// Market has the federation run the mint and the Lightning module as well,
	// whatever HBBFT works with. Package market has people for it.
	Market bool
	// Prices are charged to virtual time for each operation of HBBFT's
	// cryptography, real or not; nil charges nothing.
	Prices *stub.Prices
	// Sync is how long a node waits for its disk when it makes something durable.
	// Votes that come meanwhile are answered together, so worlds without it send
	// many more and smaller frames than real nodes do.
	Sync time.Duration
	// Unsynced leaves out the sync of the journals, as the configuration of a member
	// can.
	Unsynced bool
	// Retain is how many certified epochs nodes keep for others, as their configuration
	// says; 0 is what they keep without one.
	Retain  uint64
	Network network.Config
	Load    Load
	// Revive is how long after its end a process that ended itself is started
	// again, as an operating system would; 0 is never.
	Revive time.Duration
	// Skew is the most by which a node's clock is wrong.
	Skew time.Duration
	// Faulty are the nodes that somebody else controls, or that the caller will
	// treat as faulty.
	Faulty []Faulty
	// Watch makes the observers of the run; see package check.
	Watch []func(*World) Observer
	// Trace gets a line for everything that happens; nil costs nothing.
	Trace *sched.Trace
	// Pick chooses among what is ready, in place of the seed.
	Pick sched.Picker
	// Log makes the logger of a node; nil discards.
	Log func(node int) *slog.Logger
}

// Load is what users do.
type Load struct {
	// Users is how many there are who move toy money, Wallets how many run the client
	// that ships, for which the world must be Real, and Habits how they behave.
	Users, Wallets int
	Habits         workload.Habits
	// Blocks is the mean time between two bitcoin blocks; 0 mines none.
	Blocks time.Duration
}
