// Package tomodule is what the actor that hosts a module accepts, and its
// answers. Answers go to the sender.
package tomodule

import "minimint/messages"

// A Message is what a module actor accepts, besides ticks and EpochCommitted.
//
//sumtype:decl
type Message interface{ toModule() }

// Query asks the module a client's question; the answer is one Answered.
type Query struct {
	Request uint64
	Method  string
	Body    []byte
}

// Answered answers a Query.
type Answered struct {
	Request   uint64
	Body      []byte
	Rejection *messages.Rejection
}

// Describe asks what is known of outputs of accepted transactions; the answer is
// one Described.
type Describe struct {
	Request uint64
	At      []messages.OutPoint
}

// Described answers a Describe, in the order of the question. Outputs is nil if
// the node cannot tell now.
type Described struct {
	Request uint64
	Outputs []Output
}

// An Output is what is known of one output. Outcome is equal at all members,
// Share is this member's own; both are empty if there is nothing to tell.
type Output struct{ Outcome, Share []byte }

// Observed brings the newest report of the module's own service.
type Observed struct{ Body []byte }

func (Query) toModule()    {}
func (Describe) toModule() {}
func (Observed) toModule() {}
