// Package lnnode is what a gateway needs of its Lightning node: it pays invoices,
// and hands over the forwards that go through channels which only the gateway has,
// the virtual ones that its users' invoices name. Package lnd has lnd for it, package
// fake one for tests and simulation that fails on demand.
//
// Nothing here blocks for longer than its context, and nothing waits for a payment to
// end: whoever wants to know asks, at best when Watch says that something is new. So an
// answer that was lost costs nothing, on either side of a crash.
//
// # In flight is in flight
//
// A payment hash is tried once. From the call of Pay on, only what Payment says
// counts: Failed is final, and so is Succeeded. An error of Pay or Payment says nothing
// about the payment, unless it wraps [ErrRefused].
package lnnode

import (
	"context"
	"errors"
	"time"

	"minimint/messages"
)

// ErrRefused says that the node will not begin this payment, and has not: the invoice
// is expired, of another network, to itself or not readable.
var ErrRefused = errors.New("the Lightning node refuses the payment")

// ErrOffline says that the node cannot be asked now.
var ErrOffline = errors.New("the Lightning node cannot be reached")

// A Preimage is what the SHA-256 in an invoice hides (BOLT #2), 32 bytes.
type Preimage [32]byte

// Node is a Lightning node. Its methods may be called from any goroutine.
type Node interface {
	// Info tells what the node is and has.
	Info(ctx context.Context) (Info, error)
	// Pay begins a payment, and returns when the node has it on its disk or refuses
	// it. A hash that was tried before, however that ended, is not tried again and is
	// no error.
	Pay(ctx context.Context, order Order) error
	// Payment tells how the payment of a hash stands.
	Payment(ctx context.Context, hash messages.Digest) (Payment, error)
	// Forwards lists what waits for an answer; after the node was restarted, what it
	// offers anew.
	Forwards(ctx context.Context) ([]Forward, error)
	// Answer ends a forward: with a preimage the node takes what came in, without it
	// the payer is told that there is no way. It is not known when the node has
	// written that down: what Forwards lists again wants the same answer again. An
	// answer for what is not listed is none.
	Answer(ctx context.Context, forward Circuit, preimage *Preimage) error
	// Watch has fn called, on any goroutine, whenever an answer of Payment or Forwards
	// may have changed. It must not block. A second call replaces the first.
	Watch(fn func())
}

// Info is about the node itself.
type Info struct {
	// Key is the node's identity, a compressed point of secp256k1.
	Key [33]byte
	// Network is the bitcoin network by its usual name: mainnet, testnet, signet,
	// regtest or simnet.
	Network string
	// Height is that of the newest block that the node knows; Synced whether it
	// believes that there is no other.
	Height uint32
	Synced bool
	// Local is what the node's open channels can send at most, Remote what they can
	// receive, in msat.
	Local, Remote messages.Amount
}

// An Order is a payment to begin.
type Order struct {
	// Invoice is a BOLT #11 invoice with an amount; Hash is its payment hash.
	Invoice string
	Hash    messages.Digest
	// MaxFee is what routing may cost, in msat.
	MaxFee messages.Amount
	// MaxDelay is in how many blocks the first hop's HTLC may time out at the latest:
	// until then the payment can be in flight.
	MaxDelay uint32
	// Patience is for how long routes are tried.
	Patience time.Duration
}

// A State of a payment.
type State int

// The states. Unknown: the node has never heard of it.
const (
	Unknown State = iota
	InFlight
	Succeeded
	Failed
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"unknown", "in flight", "succeeded", "failed"}[s]
}

// A Payment is how the payment of a hash stands.
type Payment struct {
	State State
	// Preimage and Fee, in msat, are known if it succeeded, Reason if it failed.
	Preimage Preimage
	Fee      messages.Amount
	Reason   string
}

// A Circuit names a forward at the node that holds it.
type Circuit struct {
	Channel uint64 // short channel id of the incoming channel
	HTLC    uint64
}

// A Forward is an HTLC that came in and is to go out by a virtual channel.
type Forward struct {
	Circuit
	Hash    messages.Digest
	Virtual uint64 // short channel id that the payer's onion names
	// In is what the node gets, Out what the onion says that the next node is to
	// get, in msat. Neither is checked by anybody: a payer may lie in its onion.
	In, Out messages.Amount
	// Expiry is the height at which the incoming HTLC times out; at AutoFail the node
	// gives the forward up by itself, so that the channel stays open.
	Expiry, AutoFail uint32
}
