// Package orders is what actors outside a client ask of it: a gateway works with
// its e-cash this way. All of it goes to UserClient; answers go to the sender. (People
// and programs have the façade of package client.)
//
// Whoever asks may forget, crash and ask again: Begin with the same reference begins
// nothing twice, and Follow tells the end of an operation also when that is long
// past.
package orders

import (
	"errors"

	"minimint/actors/client/clientwire"
	"minimint/messages"
)

// MaxReference bounds a reference in bytes. Those that begin with Own are given by the
// client itself, to operations with a parent.
const (
	MaxReference = 200
	Own          = "op/"
)

// ErrInterrupted says that a bug has interrupted what was asked for. It may have begun
// all the same: the operations tell.
var ErrInterrupted = errors.New("the client was interrupted by a bug; look at the operations before trying again")

// Begin begins an operation. Its reference names it to whoever begins it and must
// not be empty; if there is an operation with this reference already, that is the
// answer and nothing is begun. The answer is Begun; its error says that the operation
// makes no sense here, or that the store failed.
type Begin struct{ Op *clientwire.Operation }

// Begun answers Begin: the operation is on disk.
type Begun struct {
	Reference string
	ID        uint64
	Err       error
}

// Follow asks to be told the end of an operation; the answer is Ended, at once if
// it is over.
type Follow struct{ ID uint64 }

// Ended answers Follow: with the record of an operation that is done or has failed,
// or with Parked set if it has stopped because of a bug or a broken store, and
// will only go on after a restart.
type Ended struct {
	ID     uint64
	Op     *clientwire.Operation
	Parked bool
}

// Recall asks to turn an operation round that holds notes and is not accepted yet.
// There is no answer but its end, see Follow: it may be accepted all the same.
type Recall struct{ ID uint64 }

// Ask puts a question to a module of the federation; the answer is Answer, once f+1
// members have given it alike. Key is the asker's own.
type Ask struct {
	Key    string
	Module messages.ModuleKind
	Method string
	Body   []byte
	// Known, if Keep is set, is an answer that the asker has: it wants the next
	// certified one that differs, however long that takes. A later Ask with the
	// same key from the same asker replaces this one.
	Known Answer
	Keep  bool
}

// Answer answers Ask. Code is that of a refusal, 0 if it is none.
type Answer struct {
	Key  string
	Body string
	Code messages.RejectionCode
	Text string
}

// Forget withdraws an Ask that has no answer yet.
type Forget struct{ Key string }
