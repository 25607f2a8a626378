package node

import (
	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages"
)

// The names of the actors of a node. Addresses are handed to whoever needs them
// before the actors exist, since they know each other in a circle.
const (
	rootName      = "node"
	clockName     = "clock"
	hbbftName     = "hbbft"
	consensusName = "consensus"
	chainName     = "chain"
)

func (n *Node) pid(name string) *actor.PID { return n.system.NewLocalPID(rootName + "/" + name) }

func peerName(id messages.PeerID) string { return "peer-" + id.String() }

func moduleName(kind messages.ModuleKind) string { return "module-" + string(kind) }
