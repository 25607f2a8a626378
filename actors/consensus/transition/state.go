package transition

import (
	"fmt"
	"math"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// Scopes of the replicated state that are no module's.
var (
	acceptedScope = storage.Replicated("core/accepted")
	factScope     = storage.Replicated("core/facts")
	auditScope    = storage.Replicated("core/audit")
	presenceScope = storage.Replicated("core/presence")
)

// ModuleScope is where a module keeps its replicated state.
func ModuleScope(kind messages.ModuleKind) storage.Scope {
	return storage.Replicated("module/" + string(kind))
}

// Accepted is the record of an accepted transaction.
type Accepted struct {
	Epoch messages.Epoch
	// Outputs are the kinds of its outputs, in order.
	Outputs []messages.ModuleKind
}

// FindAccepted returns the record of a transaction, and false if none was
// accepted under that id.
func FindAccepted(state storage.Reader, id messages.TxID) (Accepted, bool) {
	b := storage.ScopedReader(state, acceptedScope).Get(id[:])
	if b == nil {
		return Accepted{}, false
	}
	w := new(wire.Accepted)
	if err := canonical.Unmarshal(b, w, math.MaxInt32); err != nil {
		panic(fmt.Sprintf("transition: record of transaction %s: %v", id, err))
	}
	a := Accepted{Epoch: messages.Epoch(w.GetEpoch())}
	for _, k := range w.GetOutputKinds() {
		a.Outputs = append(a.Outputs, messages.ModuleKind(k))
	}
	return a, true
}

// Fact returns what a module published, nil if nothing.
func Fact(state storage.Reader, name string) []byte {
	return storage.ScopedReader(state, factScope).Get([]byte(name))
}

func (t *Transition) accepted(ov *storage.Overlay, id messages.TxID) bool {
	return storage.Scoped(ov, acceptedScope).Get(id[:]) != nil
}

func (t *Transition) accept(ov *storage.Overlay, epoch messages.Epoch, tx *transaction.Transaction) {
	w := &wire.Accepted{Epoch: uint64(epoch)}
	for _, it := range tx.Outputs() {
		w.OutputKinds = append(w.OutputKinds, string(it.Kind))
	}
	id := tx.ID()
	storage.Scoped(ov, acceptedScope).Put(id[:], canonical.Marshal(w))
}
