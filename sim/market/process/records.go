package process

import (
	"fmt"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/messages"
	"minimint/sim/disk"
	"minimint/storage"
)

// Records are what a client has on its disk, whether it runs or not, and what was paid
// to it from outside.
type Records struct {
	// Name is that of the process.
	Name string
	// Paid are the satoshi that were paid to deposits' addresses, by operation.
	Paid map[uint64]int64

	disk *disk.Disk
	// ops are the operations when the disk had changed seen times, byName those with a
	// reference.
	seen   uint64
	ops    []*client.Operation
	byName map[string]*client.Operation
}

// Write changes what is on the disk of a process that does not run.
func (r *Records) Write(fn func(storage.Tx)) {
	store, _ := r.disk.Open(disk.Watch{})
	if err := store.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		panic(fmt.Sprintf("process: store of %s: %v", r.Name, err))
	}
}

// view reads what is on its disk, whether it runs or not.
func (r *Records) view(fn func(storage.Reader)) {
	snap, err := r.disk.Store().View()
	if err != nil {
		panic(fmt.Sprintf("process: store of %s: %v", r.Name, err))
	}
	defer snap.Release()
	fn(snap)
}

// Operations are all that its client ever did, the oldest first. Nobody may change
// them.
func (r *Records) Operations() []*client.Operation {
	r.read()
	return r.ops
}

// Named is an operation by its reference, nil if there is none.
func (r *Records) Named(reference string) *client.Operation {
	r.read()
	return r.byName[reference]
}

// read reads the operations, if the disk has changed since.
func (r *Records) read() {
	if r.byName != nil && r.seen == r.disk.Changes() {
		return
	}
	r.seen, r.byName = r.disk.Changes(), map[string]*client.Operation{}
	r.view(func(s storage.Reader) { r.ops = book.Operations(s) })
	for _, op := range r.ops {
		r.byName[op.GetReference()] = op
	}
}

// Unfinished lists the operations that have no end yet, and deposits that have not come.
func (r *Records) Unfinished() (list []string) {
	claimed := map[uint64]bool{}
	for _, op := range r.Operations() {
		switch {
		case op.GetKind() == clientwire.Kind_KIND_CLAIM && op.GetState() == clientwire.State_STATE_DONE:
			claimed[op.GetParent()] = true
		case op.GetKind() != clientwire.Kind_KIND_DEPOSIT && op.GetState() == clientwire.State_STATE_PENDING:
			list = append(list, fmt.Sprintf("%s: %s %d: %s", r.Name, op.GetKind(), op.GetId(), op.GetText()))
		}
	}
	for _, op := range r.Operations() {
		if r.Paid[op.GetId()] > 0 && !claimed[op.GetId()] {
			list = append(list, fmt.Sprintf("%s: deposit %d", r.Name, op.GetId()))
		}
	}
	return list
}

// Holdings are what the notes of a process are worth, and how much more there is
// that may be spent or is reserved.
func (r *Records) Holdings() (sure, doubtful int64) {
	r.view(func(s storage.Reader) {
		for _, n := range book.Notes(s) {
			if n.GetDoubtful() || n.GetOperation() != 0 {
				doubtful += 1 << n.GetTier()
			} else {
				sure += 1 << n.GetTier()
			}
		}
	})
	return sure, doubtful
}

// Worth is what a client has by its records, in msat.
func (r *Records) Worth() (sum int64) {
	for _, op := range r.Operations() {
		sum += Change(op)
	}
	return sum
}

// Change is what an operation did to a client's money. One that failed can have
// cost a fee, if its notes came back by a transaction.
func Change(op *client.Operation) int64 {
	amount, fee := int64(op.GetAmountMsat()), int64(op.GetFeeMsat())
	if op.GetKind() == clientwire.Kind_KIND_PAY || op.GetKind() == clientwire.Kind_KIND_INVOICE {
		return 0 // its parts count
	}
	if op.GetState() != clientwire.State_STATE_DONE {
		return -fee
	}
	switch op.GetKind() {
	case clientwire.Kind_KIND_CLAIM, clientwire.Kind_KIND_RECEIVE, clientwire.Kind_KIND_RECLAIM:
		return amount - fee
	case clientwire.Kind_KIND_REDEEM:
		return int64(op.GetRedeem().GetAmountMsat()) - fee
	case clientwire.Kind_KIND_FUND:
		for _, p := range op.GetFund().GetOutputs() {
			fee += int64(p.GetAmountMsat())
		}
		return -fee
	case clientwire.Kind_KIND_SPEND:
		return -amount - fee
	case clientwire.Kind_KIND_WITHDRAW:
		w := op.GetWithdrawal()
		return -int64(w.GetSats()+w.GetMaxFeeSats())*int64(messages.Sat) - fee
	default:
		return -fee
	}
}

// String lists what a client did, for a person who looks for a mistake.
func (r *Records) String() (text string) {
	for _, op := range r.Operations() {
		text += fmt.Sprintf("  %d %s %s: %d msat, fee %d, changes %d %s\n", op.GetId(), op.GetKind(), op.GetState(), op.GetAmountMsat(), op.GetFeeMsat(), Change(op), op.GetText())
	}
	return text
}
