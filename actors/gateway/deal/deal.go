// Package deal decides what a gateway agrees to: which outgoing contract it pays and
// within which limits, which forward it takes by buying which offer, and which offers it
// promises to buy. It is pure: what it is told is what it judges.
//
// # Outgoing contracts
//
// The gateway pays if, and only as far as, the contract then pays it, whatever happens:
//
//   - the contract is funded, names the gateway's key, and its user has signed the request;
//   - contract and invoice have one payment hash (H80), the invoice an amount, the node's
//     network and time left;
//   - what the contract holds covers the invoice, the gateway's fee and the cost of claiming;
//     routing may cost what it holds above the invoice and that cost (H81);
//   - all timelocks of the payment end [Terms.Margin] blocks before the contract does, at
//     the height of the node or the federation, whichever is ahead (H81, V12);
//   - the payment is not to the node itself, and within the operator's limits.
//
// What can never be paid is to be forfeited, so that its user need not wait for its
// expiry. What is not the user's word, or not about a contract of this gateway, is refused.
//
// # Forwards
//
// An offer is bought with what forwards bring: all parts together at least the offer's
// amount and the gateway's fee (H88), each far enough from the height at which the node
// gives it up (H89, V12).
package deal

import (
	"fmt"

	"minimint/actors/client/notes"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// Terms are what the gateway wants in one federation.
type Terms struct {
	Send, Receive terms.Fee
	// Payment bounds one payment, Exposure what is at stake in the federation; 0 is no
	// bound.
	Payment, Exposure messages.Amount
	// Margin is how many blocks before its contract's end a payment's last timelock
	// ends.
	Margin uint32
}

// Margin is what listings say: the time to claim a contract after the worst payment, in
// blocks.
const Margin = 36

// Blocks between a forward's end at the node and the last moment for a decision.
const (
	// Safety is what there must be when an offer is bought: time for a federation that
	// is slow.
	Safety = 8
	// Danger is when a purchase that is still open is turned round.
	Danger = 4
)

// maxDelay is the most that nodes lock money for, in blocks (BOLT #4 leaves it to them; lnd
// takes no more).
const maxDelay = 2016

// padding is what senders add to the last hop's timelock, so that a block which is found
// meanwhile does not make it fail.
const padding = 3

// A Never says that a contract will never be paid, or a forward never taken, with the
// reason that the other side is told.
type Never struct{ Reason string }

// Error implements error.
func (n *Never) Error() string { return n.Reason }

// A Later says that there may be another answer soon.
type Later struct{ Reason string }

// Error implements error.
func (l *Later) Error() string { return l.Reason }

func never(format string, args ...any) error { return &Never{fmt.Sprintf(format, args...)} }
func later(format string, args ...any) error { return &Later{fmt.Sprintf(format, args...)} }

// Costs are the federation's fees for what a gateway does there.
type Costs struct {
	Claim messages.Amount // of taking a contract's money
	Notes notes.Terms     // of the notes that it is paid out in
}

// Claiming is what it costs to turn a contract of an amount into notes: the fees, and what
// no note is worth its fee for. It is what the client that claims will plan, by the same
// rule. The error says that no transaction can claim the contract: it has too few
// millisatoshi, or too many for the notes that fit into one.
func (c Costs) Claiming(amount messages.Amount) (messages.Amount, error) {
	plan, err := c.Notes.Plan(notes.Bill{Income: amount, IncomeFee: c.Claim, Others: 1}, nil)
	return plan.Fee, err
}

// Channels are the short channel ids of block 1, which has no transaction that could
// open one: each federation's is told by the transaction's index (BOLT #7).
const (
	channelBlock  = uint64(1)
	channelOutput = uint64(1)
)

// Channel is the virtual channel of the federation with a number.
func Channel(number uint32) uint64 {
	return channelBlock<<40 | uint64(number)<<16 | channelOutput
}

// Virtual reports whether a short channel id is a virtual one of some gateway. The
// Lightning node must hold what goes there, and nothing else (H87).
func Virtual(channel uint64) bool { return channel>>40 == channelBlock }
