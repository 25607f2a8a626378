package transition

import (
	"errors"
	"fmt"
	"slices"

	"minimint/actors/module/contract"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// checkGroup is how many transactions of a contribution are checked together. A
// group with a bad one costs a search for it, of up to two products of pairings
// for each transaction, so groups are small; with one product for each good group
// they are not too small.
const checkGroup = 32

// part is what one member put into the epoch.
type part struct {
	outcome.Contribution
	faults faults
}

// readParts decodes the contributions; what cannot be decoded is empty. They must
// ascend by member, or members would apply them in different orders.
func readParts(o outcome.Outcome) []*part {
	parts := make([]*part, len(o.Contributions))
	for i, m := range o.Contributions {
		if i > 0 && o.Contributions[i-1].Peer >= m.Peer {
			panic(fmt.Sprintf("transition: epoch %d: contributions of members %d and %d in this order", o.Epoch, o.Contributions[i-1].Peer, m.Peer))
		}
		p := &part{faults: faults{peer: m.Peer}}
		var err error
		if p.Contribution, err = outcome.DecodeContribution(m.Contribution); err != nil {
			p.Contribution = outcome.Contribution{}
			p.faults.add("contribution cannot be decoded: %v", err)
		}
		parts[i] = p
	}
	return parts
}

// application is one call of Apply.
type application struct {
	*Transition
	ov       *storage.Overlay
	env      *environment
	verified func(messages.WitnessID) bool
	// unfit has every signed form that was decided in this epoch, with true if it
	// failed the checks that need no state.
	unfit map[messages.WitnessID]bool
	res   Result
}

// item applies one item or leaves no trace. An item that is refused, like a
// repetition, costs nothing and blames nobody; one that no correct member sends
// is a fault, and item returns false: the rest of the contribution is not looked
// at, so that a faulty member's items cost the others one failing check.
func (a *application) item(from *part, it transaction.Item) bool {
	m := a.Module(it.Kind)
	if m == nil {
		from.faults.add("item for module %s, which does not exist", it.Kind)
		return false
	}
	mark := a.ov.Savepoint()
	err := m.ApplyItem(a.scope(a.ov, m), a.env.of(m.Kind()), from.faults.peer, it.Body)
	if err == nil {
		err = a.env.solvent()
	}
	if err == nil {
		a.ov.Release(mark)
		return true
	}
	a.ov.Rollback(mark)
	a.env.broken = nil
	var wrong *contract.Misbehaviour
	if errors.As(err, &wrong) && wrong != nil {
		from.faults.add("%s: %s", it.Kind, wrong.Text)
		return false
	}
	return true
}

// transactions applies those of one member, group by group. The first group with
// a form that fails the checks without state is its last.
func (a *application) transactions(from *part) {
	for group := range slices.Chunk(from.Transactions, checkGroup) {
		verdicts := a.check(group)
		bad := false
		for i, tx := range group {
			unfit := verdicts[i] != nil || a.unfit[form(tx)]
			if unfit {
				bad = true
				from.faults.add("transaction %s fails checks that need no state", tx.ID())
			}
			a.transaction(tx, verdicts[i])
			a.unfit[form(tx)] = unfit
		}
		if bad {
			return
		}
	}
}

// check returns what speaks against each transaction of a group without looking
// at the state. Which of them need no check (verified before, decided in this
// epoch, accepted ever) changes the work and not the verdicts that count: what is
// bad is never verified, and the rest is the same at every member.
func (a *application) check(group []*transaction.Transaction) []*messages.Rejection {
	verdicts := make([]*messages.Rejection, len(group))
	var unchecked []*transaction.Transaction
	at := map[messages.WitnessID]int{}
	for _, tx := range group {
		id := tx.WitnessID()
		_, decided := a.unfit[form(tx)]
		if _, twice := at[id]; !twice && !decided && !a.verified(id) && !a.accepted(a.ov, tx.ID()) {
			at[id] = len(unchecked)
			unchecked = append(unchecked, tx)
		}
	}
	found := a.Check(unchecked)
	for i, tx := range group {
		if j, ok := at[tx.WitnessID()]; ok {
			verdicts[i] = found[j]
		}
	}
	return verdicts
}

// transaction decides one signed form, against which a rejection speaks unless
// it is nil. Forms that were decided in this epoch, and other forms of what is
// accepted, have no effect.
func (a *application) transaction(tx *transaction.Transaction, rejection *messages.Rejection) {
	if _, decided := a.unfit[form(tx)]; decided || a.accepted(a.ov, tx.ID()) {
		return
	}
	if rejection == nil {
		rejection = a.applyOne(a.ov, a.env, tx)
	}
	if rejection != nil {
		a.res.Rejected = append(a.res.Rejected, Rejected{Witness: tx.WitnessID(), Tx: tx.ID(), Rejection: rejection})
		return
	}
	a.res.Accepted = append(a.res.Accepted, tx.ID())
}

// form is what a verdict in an epoch is about: this very form of a transaction (H25).
func form(tx *transaction.Transaction) messages.WitnessID {
	if mutant.Removed(mutant.VerdictPerForm) {
		return tx.ID()
	}
	return tx.WitnessID()
}
