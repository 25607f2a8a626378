// Package gateway is a Lightning gateway's actors: it pays Lightning invoices for
// users of federations against their outgoing contracts, and buys the offers of users
// when Lightning payments for them come in. What it agrees to is in package deal, what it
// remembers in package ledger, what clients ask in package talk.
//
//	LnGateway          takes requests, routes them; answers them when there is an end
//	├─ watcher         sees what the Lightning node holds
//	├─ registrar       keeps users' offers
//	├─ GatewayClient   one for each federation: orders of its client, its listing
//	├─ payer           one for each outgoing contract
//	└─ buyer           one for each offer that is bought
//
// Payments do not wait for each other (H83). Each is one actor with one record: what the
// record says is written before it is acted on, and an actor that begins anew, after a
// crash of its own or of the process, goes on from there. Everything that one actor tells
// another is told again while it matters, so no message is worth more than time.
//
// # In flight is in flight
//
// Once a record says that the node may have been asked to pay, only the node can end
// that: what it calls failed is forfeited, what it calls paid is claimed, and until then
// nobody is told anything but that it is under way (H82, H89). A forfeit is signed and
// written before anybody sees it, and a contract that has one is never paid.
//
// # Calls to the node
//
// The node's methods block; so each actor that needs them has a child that makes the
// calls, one at a time, and whose mailbox is a goroutine of its own. In a simulation they
// return at once; see package caller.
//
//	accepts  Join, Ask, Adjust, Look, timing.Tick
//	sends    Told, Adjusted, Seen; orders of package orders through a [Purse]
package gateway

import (
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/seat"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

type (
	// Config is what a gateway needs.
	Config = seat.Config
	// Join has it work in a federation, with a Purse.
	Join = seat.Join
	// Purse is its client there.
	Purse = seat.Purse
	// Report is how it stands there.
	Report = seat.Report
)

// Ask brings a client's request; the answer is Told, once there is news for it or the
// wait that it names is over. Number is the asker's own.
type Ask struct {
	Number  uint64
	Request *talk.Request
}

// Told answers Ask.
type Told struct {
	Number uint64
	Reply  *talk.Reply
}

// Adjust changes fees and limits in a federation: Change gets the record. The answer
// is Adjusted.
type Adjust struct {
	Number     uint64
	Federation messages.FederationID
	Change     func(*ledgerwire.Federation)
}

// Adjusted answers Adjust. The error says that the gateway does not work there.
type Adjusted struct {
	Number uint64
	Err    error
}

// Look asks how the gateway's federations stand; the answer is Seen.
type Look struct{ Number uint64 }

// Seen answers Look.
type Seen struct {
	Number uint64
	Seats  []Report // in the order in which they were joined
	Held   int      // forwards that the node holds
}

// DefaultSend and DefaultReceive are the fees in a federation until they are set. That
// of sending leaves room for routing, as clients need not know what that costs.
var (
	DefaultSend    = terms.Fee{Base: 2_000, PPM: 5_000}
	DefaultReceive = terms.Fee{Base: 1_000, PPM: 1_000}
)
