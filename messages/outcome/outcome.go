// Package outcome holds what members put into an epoch and what the epoch
// agreed on.
//
// A [Contribution] is one member's list: transactions from its pool and items
// of its modules. An [Outcome] is the agreed list of contributions, ascending by
// member; its order is the order in which everything is applied.
package outcome

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// Limits of one contribution. An outcome holds at most one per member.
const (
	MaxContribution = 192 << 10
	MaxTransactions = 4096
	MaxModuleItems  = 1024
)

// A Contribution is one member's list for one epoch.
type Contribution struct {
	Transactions []*transaction.Transaction
	Items        []transaction.Item
}

// Encode returns the canonical bytes of a contribution. The caller keeps to the
// limits; [Builder] helps with that.
func (c Contribution) Encode() []byte {
	w := &wire.Contribution{}
	for _, t := range c.Transactions {
		w.Transactions = append(w.Transactions, t.Bytes())
	}
	for _, it := range c.Items {
		w.Items = append(w.Items, &wire.ModuleItem{Kind: string(it.Kind), Body: it.Body})
	}
	return canonical.Marshal(w)
}

// DecodeContribution reads a contribution. Correct members send nothing that
// fails here, so a failure is a fault of the member and its contribution counts
// as empty, at every member alike.
func DecodeContribution(b []byte) (Contribution, error) {
	w := new(wire.Contribution)
	if n := canonical.Count(b, fieldTransactions); n > MaxTransactions {
		return Contribution{}, fmt.Errorf("contribution with %d transactions, at most %d allowed", n, MaxTransactions)
	}
	if n := canonical.Count(b, fieldItems); n > MaxModuleItems {
		return Contribution{}, fmt.Errorf("contribution with %d items, at most %d allowed", n, MaxModuleItems)
	}
	if err := canonical.Unmarshal(b, w, MaxContribution); err != nil {
		return Contribution{}, err
	}
	items, err := transaction.DecodeItems(w.GetItems(), MaxModuleItems)
	if err != nil {
		return Contribution{}, err
	}
	c := Contribution{Items: items}
	for i, raw := range w.GetTransactions() {
		t, err := transaction.Decode(raw)
		if err != nil {
			return Contribution{}, fmt.Errorf("transaction %d: %w", i, err)
		}
		c.Transactions = append(c.Transactions, t)
	}
	return c, nil
}

// A Builder fills a contribution up to its limits. What it built, everybody can
// decode.
type Builder struct {
	c    Contribution
	size int
}

// Transaction adds t and reports whether there was room.
func (b *Builder) Transaction(t *transaction.Transaction) bool {
	if len(b.c.Transactions) >= MaxTransactions || !b.grow(len(t.Bytes())) {
		return false
	}
	b.c.Transactions = append(b.c.Transactions, t)
	return true
}

// Item adds it and reports whether there was room. An item of an invalid kind
// or of more than [transaction.MaxItemSize] bytes would make the whole
// contribution count as empty, so it panics.
func (b *Builder) Item(it transaction.Item) bool {
	if !it.Kind.Valid() || len(it.Body) > transaction.MaxItemSize {
		panic(fmt.Sprintf("outcome: item of %d bytes for module %q", len(it.Body), it.Kind))
	}
	if len(b.c.Items) >= MaxModuleItems || !b.grow(len(it.Body)+len(it.Kind)+8) {
		return false
	}
	b.c.Items = append(b.c.Items, it)
	return true
}

// grow accounts for n bytes and the field header around them.
func (b *Builder) grow(n int) bool {
	const header = 8
	if b.size+n+header > MaxContribution {
		return false
	}
	b.size += n + header
	return true
}

// Contribution returns what was added.
func (b *Builder) Contribution() Contribution { return b.c }

// An Outcome is what one epoch agreed on.
type Outcome struct {
	Epoch messages.Epoch
	// Contributions of the members that made it, ascending by member.
	Contributions []Member
}

// Member is one member's part of an outcome: the bytes of its contribution,
// empty if its proposal could not be opened.
type Member struct {
	Peer         messages.PeerID
	Contribution []byte
}

// Encode returns the canonical bytes. A contribution beyond MaxContribution, which
// a liar can bring about because HoneyBadgerBFT's own limit is higher, counts as
// empty and is written so; else members would store and serve what [Decode] refuses.
func (o Outcome) Encode() []byte {
	w := &wire.Outcome{Epoch: uint64(o.Epoch)}
	for _, m := range o.Contributions {
		c := &wire.MemberContribution{Member: uint32(m.Peer)}
		if len(m.Contribution) <= MaxContribution {
			c.Contribution = m.Contribution
		}
		w.Contributions = append(w.Contributions, c)
	}
	return canonical.Marshal(w)
}

// Digest is the tagged hash of the canonical bytes under a federation's id.
func (o Outcome) Digest(federation messages.FederationID) messages.Digest {
	return domain.Hash(domain.Outcome, federation[:], o.Encode())
}

// ErrOutcome says that bytes are no outcome.
var ErrOutcome = errors.New("no outcome")

// MaxSize bounds the encoding of an outcome of a federation with n members.
func MaxSize(n int) int { return n*(MaxContribution+64) + 64 }

// Decode reads an outcome of a federation with n members. Its error wraps
// ErrOutcome.
func Decode(b []byte, n int) (Outcome, error) {
	w := new(wire.Outcome)
	if entries := canonical.Count(b, fieldContributions); entries > n {
		return Outcome{}, fmt.Errorf("%w: contributions of %d members out of %d", ErrOutcome, entries, n)
	}
	if err := canonical.Unmarshal(b, w, MaxSize(n)); err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", ErrOutcome, err)
	}
	o := Outcome{Epoch: messages.Epoch(w.GetEpoch())}
	next := uint32(0)
	for _, m := range w.GetContributions() {
		if m.GetMember() < next || int64(m.GetMember()) >= int64(n) || len(m.GetContribution()) > MaxContribution {
			return Outcome{}, fmt.Errorf("%w: member %d out of order, out of range or too long", ErrOutcome, m.GetMember())
		}
		next = m.GetMember() + 1
		o.Contributions = append(o.Contributions, Member{Peer: messages.PeerID(m.GetMember()), Contribution: m.GetContribution()})
	}
	return o, nil
}

// Fields of the schemas that are lists.
const (
	fieldTransactions  protowire.Number = 1 // of a Contribution
	fieldItems         protowire.Number = 2
	fieldContributions protowire.Number = 2 // of an Outcome
)
