// Package tochain is what the chain actor accepts, besides ticks and
// EpochCommitted. Answers go to the sender.
package tochain

// A Message is what the chain actor accepts from other actors of its node.
//
//sumtype:decl
type Message interface{ toChain() }

// Look makes the actor look at the chain now instead of at the next tick.
type Look struct{}

// WantStatus asks how the bitcoin node is doing; the answer is one Status.
type WantStatus struct{ Request uint64 }

// Status answers a WantStatus. It is this node's own view, nothing agreed.
type Status struct {
	Request uint64
	// Tip is the height of the node's best chain when it last answered.
	Tip uint32
	// BaseHeight is the agreed height that was looked at, Orphaned whether the
	// node has another block there: operators must then find out which chain
	// is right.
	BaseHeight uint32
	Orphaned   bool
	// FeeRate is the newest estimate in satoshi per 1000 virtual bytes, 0 for none.
	FeeRate uint64
	// Broadcasts counts the transactions that wait to be buried.
	Broadcasts int
	// Problem says what failed when the actor last looked, empty if nothing.
	Problem string
}

func (Look) toChain()       {}
func (WantStatus) toChain() {}
