// Package transition is the pure heart of the federation: how an agreed outcome
// changes the replicated state.
//
// An outcome is applied in one fixed order: the items of all members (ascending
// by member, then in the member's own order), then the transactions one after
// another, then each module's end of epoch. Everything sees what was done
// before it, also within the epoch; what fails leaves no trace. There is no
// filter that looks for conflicts beforehand: of two transactions that spend
// the same note the first is accepted and the second finds it spent (H3, H4).
//
// Correct members propose only transactions that pass the checks which need no
// state, so failing them is a fault of whoever proposed it, and the contribution
// ends there: what a member can make all others compute in vain is bounded.
//
// All state is in the overlay that the caller passes, in scopes of their own:
// each module's, "accepted" (TxID → record), "facts" and "audit". The same
// outcome on the same state gives the same writes on every member.
package transition

import (
	"cmp"
	"fmt"
	"slices"

	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// A Transition applies outcomes. It holds rules and no state.
type Transition struct {
	federation messages.FederationID
	modules    []contract.Module
}

// core is the kind under which the federation itself books; no module has it.
const core messages.ModuleKind = "core"

// New returns the transition of a federation that runs these modules, in any
// order. Two modules of one kind are a mistake of ours and panic.
func New(federation messages.FederationID, modules []contract.Module) *Transition {
	sorted := slices.Clone(modules)
	slices.SortFunc(sorted, func(a, b contract.Module) int { return cmp.Compare(a.Kind(), b.Kind()) })
	for i, m := range sorted {
		if !m.Kind().Valid() || m.Kind() == core || i > 0 && sorted[i-1].Kind() == m.Kind() {
			panic(fmt.Sprintf("transition: module kind %q is invalid or there twice", m.Kind()))
		}
	}
	return &Transition{federation: federation, modules: sorted}
}

// Modules returns the modules, ascending by kind; the caller must not change it.
func (t *Transition) Modules() []contract.Module { return t.modules }

// Module returns the module of a kind, nil if there is none.
func (t *Transition) Module(kind messages.ModuleKind) contract.Module {
	i, ok := slices.BinarySearchFunc(t.modules, kind, func(m contract.Module, k messages.ModuleKind) int { return cmp.Compare(m.Kind(), k) })
	if !ok {
		return nil
	}
	return t.modules[i]
}

// Result is what an outcome did, beside its writes.
type Result struct {
	Accepted []messages.TxID
	Rejected []Rejected
	Faults   []Fault
	Totals   Totals
}

// Rejected is one signed form of a transaction that was refused.
type Rejected struct {
	Witness   messages.WitnessID
	Tx        messages.TxID
	Rejection *messages.Rejection
}

// A Fault is something in a member's contribution that no correct member sends.
type Fault struct {
	Peer messages.PeerID
	Text string
}

// Apply applies o to the overlay. verified tells which signed forms passed
// Check before; the others are checked here, in groups, so that cached verdicts
// save work and never change a result. An error means that the epoch must not be
// committed: an invariant of ours broke (H64).
func (t *Transition) Apply(ov *storage.Overlay, o outcome.Outcome, verified func(messages.WitnessID) bool) (Result, error) {
	a := &application{Transition: t, ov: ov, env: newEnvironment(o.Epoch, ov), verified: verified, unfit: map[messages.WitnessID]bool{}}
	parts := readParts(o)
	for _, p := range parts {
		for _, it := range p.Items {
			if !a.item(p, it) {
				break
			}
		}
	}
	for _, p := range parts {
		a.transactions(p)
	}
	for _, m := range t.modules {
		if err := m.EndEpoch(t.scope(ov, m), a.env.of(m.Kind())); err != nil {
			return Result{}, fmt.Errorf("end of epoch %d, module %s: %w", o.Epoch, m.Kind(), err)
		}
	}
	if err := a.env.solvent(); err != nil {
		return Result{}, fmt.Errorf("end of epoch %d: %w", o.Epoch, err)
	}
	for _, p := range parts {
		a.res.Faults = append(a.res.Faults, p.faults.all()...)
	}
	a.res.Totals = a.env.total()
	return a.res, nil
}

// Try applies one transaction, whose stateless checks passed, to state that
// the caller throws away: what a member answers to a submission. It returns nil
// if the transaction would be accepted now or was accepted before.
func (t *Transition) Try(state storage.Reader, next messages.Epoch, tx *transaction.Transaction) *messages.Rejection {
	ov := storage.NewOverlay(state)
	if t.accepted(ov, tx.ID()) {
		return nil
	}
	return t.applyOne(ov, newEnvironment(next, ov), tx)
}

// applyOne applies one transaction or leaves no trace.
func (t *Transition) applyOne(ov *storage.Overlay, env *environment, tx *transaction.Transaction) *messages.Rejection {
	mark := ov.Savepoint()
	err := t.applyItems(ov, env, tx)
	if err == nil {
		if err = env.solvent(); err != nil {
			// Not for ever: what the federation holds may grow again.
			err = messages.RejectForNow(messages.RejectInsolvent, "%v", err)
		}
	}
	if err == nil {
		ov.Release(mark)
		return nil
	}
	ov.Rollback(mark)
	env.broken = nil
	return rejectionOf(err)
}

func (t *Transition) applyItems(ov *storage.Overlay, env *environment, tx *transaction.Transaction) error {
	var in, out balance
	for i, it := range tx.Inputs() {
		m := t.Module(it.Kind)
		if m == nil {
			return messages.Reject(messages.RejectUnknownModule, "input %d is for module %s, which this federation does not run", i, it.Kind)
		}
		worth, err := m.ApplyInput(t.scope(ov, m), env.of(it.Kind), it.Body)
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		in.add(worth)
	}
	for i, it := range tx.Outputs() {
		m := t.Module(it.Kind)
		if m == nil {
			return messages.Reject(messages.RejectUnknownModule, "output %d is for module %s, which this federation does not run", i, it.Kind)
		}
		at := messages.OutPoint{Tx: tx.ID(), Index: uint32(i)}
		worth, err := m.ApplyOutput(t.scope(ov, m), env.of(it.Kind), at, it.Body)
		if err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		out.add(worth)
	}
	if err := fund(in, out, tx.Fee()); err != nil {
		return err
	}
	// The fee is the members' own: booked as owed to them, so that what the
	// federation holds equals what it owes at every moment.
	env.of(core).Ledger().Liability("fees", int64(tx.Fee()))
	t.accept(ov, env.epoch, tx)
	return nil
}

// balance sums one side of a transaction; overflow sticks.
type balance struct {
	amount, fee messages.Amount
	overflow    bool
}

func (b *balance) add(w contract.Worth) {
	amount, err1 := b.amount.Add(w.Amount)
	fee, err2 := b.fee.Add(w.Fee)
	b.overflow = b.overflow || err1 != nil || err2 != nil
	b.amount, b.fee = amount, fee
}

// fund checks inputs = outputs + fee, exactly and without wrapping (H2), and
// that the fee covers what the items ask for; it may be more, so that sums that
// no tiers represent are never stuck (H15, H63).
func fund(in, out balance, fee messages.Amount) error {
	need, err1 := out.amount.Add(fee)
	least, err2 := in.fee.Add(out.fee)
	switch {
	case in.overflow || out.overflow || err1 != nil || err2 != nil:
		return messages.Reject(messages.RejectAmountOverflow, "the amounts of this transaction exceed 21 million bitcoin")
	case in.amount != need:
		return messages.Reject(messages.RejectUnbalanced, "inputs bring %s, outputs take %s and the fee %s: inputs must equal outputs plus fee", in.amount, out.amount, fee)
	case fee < least:
		// Not for ever: what modules ask for follows fee rates and terms.
		return messages.RejectForNow(messages.RejectFeeTooLow, "fee is %s; the inputs and outputs of this transaction need at least %s", fee, least)
	}
	return nil
}

func (t *Transition) scope(ov *storage.Overlay, m contract.Module) storage.Tx {
	return storage.Scoped(ov, ModuleScope(m.Kind()))
}
