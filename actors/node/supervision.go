package node

import (
	"time"

	"minimint/actors/spawn"
)

// The supervision table: what happens when an actor panics. A panic means that
// we are wrong; trouble of the world and misbehaviour of others never get here.
//
//	actor        what it owns                     on a panic
//	node         the tree                         the process ends
//	clock        wall clock                       begin again
//	peer/n       state of one link                begin again; HBBFT rebuilds what it lacks
//	hbbft        open epochs, journal             reload from the journal; twice in a row: the process ends
//	consensus    state, pool                      reload from the store; twice in a row: the process ends
//	module/kind  a cache of shares                begin again from a snapshot
//	chain        connection to the bitcoin node   begin again with a growing delay; consensus goes on
//	session/n    one client's requests            that session ends
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
