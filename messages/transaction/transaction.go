// Package transaction holds what clients submit: inputs that bring money,
// outputs that take it, a fee and one signature.
//
// [Decode] is the only way bytes become a [Transaction], on the wire, from
// storage and inside contributions. It checks form, sizes and counts; what the
// items mean is their module's to check. The TxID hashes inputs, outputs and
// fee; the WitnessID also the signature.
//
// A transaction has at least one input: somebody pays for what it leaves behind.
// One without inputs would be free, in any number, and kept for ever (H11). It may
// have no output; then all it brings is the fee.
package transaction

import (
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// Limits of one transaction: a peg-in proof is the largest single item.
const (
	MaxSize      = 128 << 10
	MaxItems     = 512
	MaxItemSize  = 64 << 10
	signatureLen = 64
)

// An Item is one input or output: a module's kind and bytes of that module.
type Item struct {
	Kind messages.ModuleKind
	Body []byte
}

// A Transaction moves money inside the federation. It is read-only: build one
// with [Build], read one with [Decode].
type Transaction struct {
	inputs, outputs []Item
	fee             messages.Amount
	signature       []byte
	encoded         []byte
	id              messages.TxID
	witness         messages.WitnessID
}

// Inputs returns what brings money, in order; the caller must not change it.
func (t *Transaction) Inputs() []Item { return t.inputs }

// Outputs returns what takes money, in order; the caller must not change it.
func (t *Transaction) Outputs() []Item { return t.outputs }

// Fee is what inputs bring beyond outputs; it stays with the federation.
func (t *Transaction) Fee() messages.Amount { return t.fee }

// Signature is the BIP 340 signature (64 bytes) of the TxID, nil if there is none.
func (t *Transaction) Signature() []byte { return t.signature }

// Bytes is the canonical encoding; the caller must not change it.
func (t *Transaction) Bytes() []byte { return t.encoded }

// ID is the hash of what the transaction does.
func (t *Transaction) ID() messages.TxID { return t.id }

// WitnessID is the hash of ID and signature.
func (t *Transaction) WitnessID() messages.WitnessID { return t.witness }

// Items returns the inputs and outputs of one module, in order.
func (t *Transaction) Items(kind messages.ModuleKind) (inputs, outputs [][]byte) {
	return bodies(t.inputs, kind), bodies(t.outputs, kind)
}

func bodies(items []Item, kind messages.ModuleKind) [][]byte {
	var out [][]byte
	for _, it := range items {
		if it.Kind == kind {
			out = append(out, it.Body)
		}
	}
	return out
}

// Draft is a transaction that is not signed yet.
type Draft struct {
	Inputs, Outputs []Item
	Fee             messages.Amount
}

// ID returns the hash that the signature of the draft must sign.
func (d Draft) ID() messages.TxID { return idOf(d.wire()) }

func (d Draft) wire() *wire.Transaction {
	return &wire.Transaction{Inputs: wireItems(d.Inputs), Outputs: wireItems(d.Outputs), FeeMsat: uint64(d.Fee)}
}

// Build returns the draft with its signature (64 bytes, or nil if no input
// names a key) as a transaction, or the rejection that any member would answer
// to it.
func Build(d Draft, signature []byte) (*Transaction, error) {
	w := d.wire()
	w.Signature = signature
	return Decode(canonical.Marshal(w))
}

// Fields of the schema that are lists.
const (
	fieldInputs  = 1
	fieldOutputs = 2
)

// Decode reads a transaction. Its error is always a [messages.Rejection].
func Decode(b []byte) (*Transaction, error) {
	if len(b) > MaxSize {
		return nil, messages.Reject(messages.RejectTooLarge, "transaction of %d bytes; at most %d are allowed", len(b), MaxSize)
	}
	if n := canonical.Count(b, fieldInputs) + canonical.Count(b, fieldOutputs); n > MaxItems {
		return nil, messages.Reject(messages.RejectTooLarge, "transaction with %d inputs and outputs; at most %d are allowed", n, MaxItems)
	}
	w := new(wire.Transaction)
	if err := canonical.Unmarshal(b, w, MaxSize); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "transaction: %v", err)
	}
	if len(w.GetInputs()) == 0 {
		return nil, messages.Reject(messages.RejectMalformed, "transaction without inputs: nobody pays for it")
	}
	if n := len(w.GetSignature()); n != 0 && n != signatureLen {
		return nil, messages.Reject(messages.RejectMalformed, "transaction signature of %d bytes; want %d or none", n, signatureLen)
	}
	fee, err := messages.NewAmount(w.GetFeeMsat())
	if err != nil {
		return nil, messages.Reject(messages.RejectAmountOverflow, "transaction fee: %v", err)
	}
	t := &Transaction{fee: fee, signature: w.GetSignature(), encoded: append([]byte(nil), b...), id: idOf(w)}
	for _, side := range []struct {
		from []*wire.ModuleItem
		to   *[]Item
	}{{w.GetInputs(), &t.inputs}, {w.GetOutputs(), &t.outputs}} {
		if *side.to, err = DecodeItems(side.from, MaxItems); err != nil {
			return nil, err
		}
	}
	t.witness = domain.Hash(domain.WitnessID, t.id[:], t.signature)
	return t, nil
}

// DecodeItems reads at most limit module items. Its error is a rejection.
func DecodeItems(from []*wire.ModuleItem, limit int) ([]Item, error) {
	if len(from) > limit {
		return nil, messages.Reject(messages.RejectTooLarge, "%d items; at most %d are allowed", len(from), limit)
	}
	items := make([]Item, 0, len(from))
	for _, m := range from {
		kind := messages.ModuleKind(m.GetKind())
		if !kind.Valid() {
			return nil, messages.Reject(messages.RejectMalformed, "module kind %.40q: 1 to %d lower-case letters, digits, hyphens", kind, messages.MaxModuleKind)
		}
		if len(m.GetBody()) > MaxItemSize {
			return nil, messages.Reject(messages.RejectTooLarge, "item of %d bytes for module %s; at most %d are allowed", len(m.GetBody()), kind, MaxItemSize)
		}
		items = append(items, Item{Kind: kind, Body: m.GetBody()})
	}
	return items, nil
}

func wireItems(items []Item) []*wire.ModuleItem {
	out := make([]*wire.ModuleItem, len(items))
	for i, it := range items {
		out[i] = &wire.ModuleItem{Kind: string(it.Kind), Body: it.Body}
	}
	return out
}

// idOf hashes everything but the signature.
func idOf(w *wire.Transaction) messages.TxID {
	body := &wire.Transaction{Inputs: w.GetInputs(), Outputs: w.GetOutputs(), FeeMsat: w.GetFeeMsat()}
	return domain.Hash(domain.TransactionID, canonical.Marshal(body))
}
