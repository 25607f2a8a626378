// Package contract is what a module is: a part of the federation that gives
// transactions new kinds of inputs and outputs, and members new things to agree
// on. The core knows modules only through it, so a module can be written
// outside this repository and touches no core file.
//
// A [Module] holds rules, not state: all state lives in the module's own scope
// of the replicated store, which every method receives. The Apply methods run
// on every member with the same arguments in the same order, so what they do
// may depend on nothing but their arguments: no clock, no randomness, no chain,
// no iteration over Go maps. An error from them means "no effect": the caller
// rolls the scope back. A refusal is a [messages.Rejection].
//
// What a module may do beyond that it says by implementing the optional
// interfaces: [Screener], [Proposer], [Querier], [Answerer].
package contract

import (
	"minimint/messages"
	"minimint/storage"
)

// A Module is the part of a module that runs inside consensus.
type Module interface {
	// Kind names the module; it is the module's scope in storage and its tag
	// on the wire.
	Kind() messages.ModuleKind
	// Check verifies what needs no state: decoding, points on curves, note
	// signatures, proofs against their own headers. It gets the module's items
	// of several transactions at once, so that expensive checks are batched,
	// and returns one verdict each, which depends on that transaction's items and
	// on nothing else of the batch. It is pure and may run on any goroutine.
	// No Apply method is ever called for an item that Check refused.
	Check(batch []Items) []Verdict
	// ApplyInput takes what body refers to away from where it was, and says
	// what it is worth. The keys that Check declared for it have signed.
	ApplyInput(tx storage.Tx, env Env, body []byte) (Worth, error)
	// ApplyOutput creates what body asks for, and says what it costs.
	ApplyOutput(tx storage.Tx, env Env, at messages.OutPoint, body []byte) (Worth, error)
	// ApplyItem takes one item that a member got into the epoch. An item that
	// changes nothing is refused with RejectItemWithoutValue; an item that no
	// correct member sends is refused with a [Misbehaviour].
	ApplyItem(tx storage.Tx, env Env, from messages.PeerID, body []byte) error
	// EndEpoch does what follows from all transactions of the epoch together.
	// An error stops the member before anything of the epoch is committed.
	EndEpoch(tx storage.Tx, env Env) error
}

// Items are the inputs and outputs of one transaction that belong to one module.
type Items struct {
	Inputs, Outputs [][]byte
}

// A Verdict is what Check found about one transaction's items.
type Verdict struct {
	// Keys are the x-only public keys (BIP 340) whose aggregate must sign the
	// transaction, for each input in order. An input that names no key needs none.
	Keys [][][32]byte
	// Rejection is nil if nothing is wrong.
	Rejection *messages.Rejection
}

// Worth is what one input brings or one output costs.
type Worth struct {
	Amount messages.Amount
	// Fee is the least that this item adds to the fee of its transaction.
	Fee messages.Amount
}

// Env is what the core lends to a module while it applies one epoch.
type Env interface {
	// Epoch being applied.
	Epoch() messages.Epoch
	// Fact returns what a module published under name, nil if nothing. It sees
	// what was published earlier in the same epoch.
	Fact(name string) []byte
	// Publish sets a fact that other modules may read. Only one module, by
	// convention the one that name starts with, publishes a name.
	Publish(name string, value []byte)
	// Ledger books what the federation holds and owes.
	Ledger() Ledger
}

// A Ledger keeps running totals for the audit. They are part of the replicated
// state, rolled back with the transaction that booked them, and checked after
// every transaction: assets never fall below liabilities (H60, H64).
type Ledger interface {
	// Asset changes what the federation holds by delta millisatoshi. line names
	// the total within the module, such as "utxo" or "tier/10".
	Asset(line string, delta int64)
	// Liability changes what the federation owes to its users by delta.
	Liability(line string, delta int64)
}

// Screener is implemented by modules whose Check does expensive arithmetic.
type Screener interface {
	// Screen is the cheap part of Check, for one transaction: form, lengths,
	// ranges, the same thing twice, and whose keys must sign. It touches no curve.
	// The core asks it first and verifies the transaction's signature before it
	// asks Check, so that noise is refused at little cost. What Screen refuses,
	// Check refuses; what Check passes has the Keys that Screen named.
	Screen(items Items) Verdict
}

// Proposer is implemented by modules whose members must agree on facts.
type Proposer interface {
	// Propose returns the items that this member wants in its next contribution.
	// It is asked after every commit and after every observation, and must
	// return nothing once the state has them: an idle federation proposes
	// nothing. seen is the newest report of the module's own service, nil if none.
	Propose(r storage.Reader, seen []byte) [][]byte
}

// Querier is implemented by modules that answer clients from committed state.
type Querier interface {
	// Query answers one request. It is read-only, bounded in time and size, and
	// refuses with a [messages.Rejection].
	Query(r storage.Reader, method string, body []byte) ([]byte, error)
}

// Answerer is implemented by modules whose outputs have something to tell.
type Answerer interface {
	// Outcome returns what all members say alike about an output, such as a
	// bitcoin txid; nil if there is nothing (yet).
	Outcome(r storage.Reader, at messages.OutPoint) []byte
	// Share returns what only this member can say about an output, such as its
	// blind signature share; nil if there is nothing.
	Share(r storage.Reader, at messages.OutPoint) []byte
}

// Misbehaviour is the error of an item that no correct member sends. It has no
// effect, is counted against the member, and carries no punishment by itself.
type Misbehaviour struct{ Text string }

// Error implements error.
func (m *Misbehaviour) Error() string { return "misbehaviour: " + m.Text }

// FactHeight is the fact that the wallet module publishes: the agreed height of
// the bitcoin chain, 4 bytes big-endian.
const FactHeight = "wallet/height"
