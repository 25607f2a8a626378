// Package operator is what a gateway and whoever runs it say to each other: the
// interface [Operator], which the gateway itself has, and the same over HTTP, as
// [Handler] and [Remote].
//
// Over HTTP everything is JSON under [Prefix], with a bearer token. Amounts are in
// msat, heights agreed heights of the federation, times Unix milliseconds, ids and
// keys hex.
//
//	GET  info                   Info
//	GET  payments?limit=&after= []Payment, the newest first
//	POST connect                Connect → Federation
//	POST settings               Settings → Federation
//	POST deposit                Deposit → Deposited
//	POST withdraw               Withdraw → Withdrawn
//
// An error is a Problem with a status that is not 200.
package operator

import (
	"context"

	"minimint/messages"
)

// An Operator is somebody who may run a gateway.
type Operator interface {
	// Info tells how the gateway and its node stand, and each federation.
	Info(ctx context.Context) (Info, error)
	// Payments lists payments in both directions, the newest first.
	Payments(ctx context.Context, page Page) ([]Payment, error)
	// Connect joins a federation, or makes sure that it was joined. Its seed words are
	// made by the gateway unless they are given.
	Connect(ctx context.Context, c Connect) (Federation, error)
	// Set changes fees and limits in one federation.
	Set(ctx context.Context, s Settings) (Federation, error)
	// Deposit makes a bitcoin address whose deposits become e-cash.
	Deposit(ctx context.Context, d Deposit) (Deposited, error)
	// Withdraw begins to pay e-cash out as bitcoin, and returns when that is on disk.
	Withdraw(ctx context.Context, w Withdraw) (Withdrawn, error)
}

// Info is about the gateway.
type Info struct {
	Network     string       `json:"network"`
	Node        *Node        `json:"node,omitempty"`       // nil: it cannot be asked
	Problem     string       `json:"problem,omitempty"`    // why
	API         string       `json:"api"`                  // where clients reach the gateway
	Federations []Federation `json:"federations"`          // in the order in which they were connected
	Open        int          `json:"open_payments"`        // in both directions
	Held        int          `json:"held_forwards"`        // that wait at the node
	Version     string       `json:"version,omitempty"`    // of the program
	StartedMs   int64        `json:"started_ms,omitempty"` // Unix time
}

// Node is about the Lightning node.
type Node struct {
	Key        string          `json:"key"`
	Height     uint32          `json:"height"`
	Synced     bool            `json:"synced"`
	LocalMsat  messages.Amount `json:"local_msat"`  // what it can send
	RemoteMsat messages.Amount `json:"remote_msat"` // what it can receive
}

// Federation is how the gateway stands with one federation.
type Federation struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Key names the gateway there; Channel is the short channel id that invoices name.
	Key     string `json:"key"`
	Channel uint64 `json:"channel"`
	Height  uint32 `json:"height"` // 0: it cannot be asked
	// Balance in e-cash: free, and reserved by what is under way.
	FreeMsat     messages.Amount `json:"free_msat"`
	ReservedMsat messages.Amount `json:"reserved_msat"`
	// ExposureMsat is what would be lost with the federation: e-cash, contracts to be
	// paid or claimed, and offers bought.
	ExposureMsat  messages.Amount `json:"exposure_msat"`
	Send          Fee             `json:"send"`
	Receive       Fee             `json:"receive"`
	Limits        Limits          `json:"limits"`
	ListedUntil   uint32          `json:"listed_until"` // height; 0: not listed
	ListedProblem string          `json:"listed_problem,omitempty"`
	Offers        int             `json:"offers"` // registered and not expired
	Totals        Totals          `json:"totals"`
}

// Fee is a base and millionths of the amount.
type Fee struct {
	BaseMsat messages.Amount `json:"base_msat"`
	PPM      uint32          `json:"ppm"`
}

// Limits bound what the gateway does in a federation. 0 is no bound.
type Limits struct {
	PaymentMsat  messages.Amount `json:"payment_msat"`  // one payment
	ExposureMsat messages.Amount `json:"exposure_msat"` // see Federation
}

// Totals add up what was finished.
type Totals struct {
	Sent         uint64          `json:"sent"`
	SentMsat     messages.Amount `json:"sent_msat"`
	Received     uint64          `json:"received"`
	ReceivedMsat messages.Amount `json:"received_msat"`
	Forfeited    uint64          `json:"forfeited"`
	// FeesMsat is what payers paid above the amounts, RoutingMsat what of that went to
	// other Lightning nodes.
	FeesMsat    messages.Amount `json:"fees_msat"`
	RoutingMsat messages.Amount `json:"routing_msat"`
	LostMsat    messages.Amount `json:"lost_msat"` // paid and not claimed
}

// Page says which payments.
type Page struct {
	Limit int    // 0: a hundred
	After uint64 // older than the payment of this number; 0: from the newest on
}

// Payment is one payment.
type Payment struct {
	Number     uint64          `json:"number"`
	Direction  string          `json:"direction"` // "send" or "receive"
	Internal   bool            `json:"internal"`  // did not touch Lightning
	Federation string          `json:"federation"`
	Hash       string          `json:"payment_hash"`
	Contract   string          `json:"contract"`
	AmountMsat messages.Amount `json:"amount_msat"`
	FeeMsat    messages.Amount `json:"fee_msat"`
	RouteMsat  messages.Amount `json:"routing_msat"`
	State      string          `json:"state"`
	Reason     string          `json:"reason,omitempty"`
	BeganMs    int64           `json:"began_ms"`
	EndedMs    int64           `json:"ended_ms,omitempty"`
}

// Connect asks to join a federation.
type Connect struct {
	Invite string `json:"invite"`
	Words  string `json:"words,omitempty"` // to recover; empty: new ones
}

// Settings change what is set of it; nil leaves things as they are.
type Settings struct {
	Federation string  `json:"federation"`
	Send       *Fee    `json:"send,omitempty"`
	Receive    *Fee    `json:"receive,omitempty"`
	Limits     *Limits `json:"limits,omitempty"`
}

// Deposit names a federation by its id or the beginning of it; empty if there is one.
type Deposit struct {
	Federation string `json:"federation,omitempty"`
}

// Deposited is an address, and the operation that waits for its first deposit.
type Deposited struct {
	Address   string `json:"address"`
	Operation uint64 `json:"operation"`
}

// Withdraw asks for bitcoin.
type Withdraw struct {
	Federation string `json:"federation,omitempty"`
	Address    string `json:"address"`
	Sats       uint64 `json:"sats"`
	LimitSats  uint64 `json:"limit_sats,omitempty"` // of the bitcoin fee; 0: the federation's quote
}

// Withdrawn names the operation.
type Withdrawn struct {
	Operation uint64 `json:"operation"`
}

// Problem is an error over HTTP.
type Problem struct {
	Status int    `json:"status"`
	Text   string `json:"text"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Text }
