package node

import (
	"time"

	"minimint/actors/spawn"
)

// The supervision table: what happens when an actor panics. A panic means that
// we are wrong; misbehaviour of others never gets here, and a disk that fails ends
// the process whatever the table says (spawn.Halt).
//
//	actor        what it owns                     on a panic
//	node         the tree                         the process ends
//	clock        wall clock                       begin again, with all subscriptions
//	peer/n       state of one link                begin again; what either side lacks is said again
//	hbbft        open epochs, journal             reload from the journal; twice in a row: the process ends
//	consensus    state, pool                      reload from the store; twice in a row: the process ends
//	module/kind  a cache of shares                begin again from a snapshot; who asked is told to ask another
//	chain        connection to the bitcoin node   begin again with a growing delay; consensus goes on
//	session/n    one client's requests            that session ends, and its link
//
// Beside the nodes: a link (actors/remote) ends, and members link up again; the
// ceremony (actors/setup) begins again from its journal; an operation of a wallet
// (actors/client) begins again from its record and is parked after four failures
// in a row, and the wallet's other actors begin again.
//
// TestSupervision shows every row of it in a running federation; DESIGN.md says
// which test fails without it.
//
// The library's own default, up to ten restarts with empty state, is wrong for
// whatever holds consensus state: a member that forgot what it said can
// contradict itself.
var (
	nodePolicy      = spawn.ExitAfter(1, quick)
	clockPolicy     = spawn.Restart(quick)
	peerPolicy      = spawn.Restart(quick)
	hbbftPolicy     = spawn.ExitAfter(2, quick)
	consensusPolicy = spawn.ExitAfter(2, quick)
	modulePolicy    = spawn.Restart(quick)
	chainPolicy     = spawn.Restart(patient)
	sessionPolicy   = spawn.StopOnly()
)

var (
	quick   = spawn.Backoff{Min: 10 * time.Millisecond, Max: 5 * time.Second}
	patient = spawn.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}
)
