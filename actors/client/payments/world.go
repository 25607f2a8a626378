// Package payments is the actors through which a user pays Lightning invoices and is
// paid for his own.
//
//	payer  carries one operation PAY
//	payee  carries one operation INVOICE
//
// Which gateways there are they hear from LnClient (package listings). Neither payer nor payee moves notes: they begin operations FUND and REDEEM for that,
// by references that make beginning them twice harmless (package orders), watch the
// contract in the federation, and talk to a gateway. Their rules are in package bargain.
//
// # Whom they believe
//
// The federation, where f+1 members say the same. A gateway never: a payment is made
// when its preimage is known, by whatever way it came, and the money is on its way
// back when the gateway has signed that it gives it up, when the height has come at
// which it must, or when the federation says that an offer was worthless. Whatever
// else a gateway says, or does not say, costs time only.
//
// # What is written when
//
// All that a contract or an invoice depends on is one commit before anything is sent:
// keys, terms, preimage. Every later step follows from the record and from what the
// federation says, so a crash at any moment costs nothing.
package payments

import (
	"io"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/carrier"
	"minimint/actors/gateway/talk"
	"minimint/messages"
)

// Gateways is the port through which a client reaches gateways. In production that is
// HTTP; in tests and simulation gateways are actors of the same system.
type Gateways interface {
	// Ask sends a request to the gateway at an address, which is that of its listing, and
	// returns at once. Owner is told one Heard with that key, within the time for which
	// the request may wait and a little more.
	Ask(owner *actor.PID, api string, key int, request *talk.Request)
}

// Heard is what came of a request to a gateway: a reply of the right form, or an error.
type Heard struct {
	Key   int
	Reply *talk.Reply
	Err   error
}

// reason is the error as it can be kept in a record: it may quote what the gateway sent.
func (h Heard) reason() string { return messages.Legible(h.Err.Error()) }

// World is what payers and payees of one client share.
type World struct {
	*carrier.World
	Network *chaincfg.Params
	// Gateways is nil if the client cannot reach any.
	Gateways Gateways
	Rand     io.Reader
	// Now is the time of the last tick, zero before the first.
	Now func() time.Time
	Ln  *actor.PID // LnClient, see package listings
}
