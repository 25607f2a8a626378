package user

import (
	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
)

// Actors are what programs need that have actors of their own give orders to the
// client: the root of its actor system, in which Client.PID is, and what makes actors
// there. Both end with the User.
func (u *User) Actors() (*actor.RootContext, *spawn.System) { return u.rig.system.Root, u.rig.spawn }
