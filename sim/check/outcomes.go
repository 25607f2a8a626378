package check

import (
	"encoding/hex"
	"fmt"

	"minimint/actors/consensus/history"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/sim/workload"
	"minimint/sim/world"
)

type validity struct {
	world.Ignore
	w    *world.World
	next messages.Epoch
}

// Validity checks that outcomes hold what members contributed.
func Validity(w *world.World) world.Observer { return &validity{w: w} }

// Committed implements world.Observer.
func (v *validity) Committed(c world.Commit) {
	if !c.Honest || c.Epoch < v.next {
		return
	}
	v.next = c.Epoch + 1
	o, ok := outcomeOf(c, v.w.Nodes())
	if !ok {
		return
	}
	if n := v.w.Nodes(); len(o.Contributions) < n-(n-1)/3 {
		v.w.Violate("validity", "epoch %d has %d contributions of %d members", c.Epoch, len(o.Contributions), n)
	}
	for _, m := range o.Contributions {
		if x := v.w.Node(int(m.Peer)); x.Honest() && !x.Contributed(c.Epoch, m.Contribution) {
			v.w.Violate("validity", "epoch %d has %d bytes of node %d, which that one did not contribute", c.Epoch, len(m.Contribution), m.Peer)
		}
	}
}

// outcomeOf reads what was committed; false if a snapshot took its place.
func outcomeOf(c world.Commit, n int) (outcome.Outcome, bool) {
	snap, err := c.Store.View()
	if err != nil {
		panic(fmt.Sprintf("check: state of node %d: %v", c.Node, err))
	}
	defer snap.Release()
	return history.FindOutcome(snap, c.Epoch, n)
}

type doubleSpend struct {
	world.Ignore
	w     *world.World
	next  messages.Epoch
	spent map[string]messages.TxID // by what was spent
}

// DoubleSpend checks that nothing is spent twice, as it follows from outcomes and
// not from what modules remember.
func DoubleSpend(w *world.World) world.Observer {
	return &doubleSpend{w: w, spent: map[string]messages.TxID{}}
}

// Committed implements world.Observer.
func (d *doubleSpend) Committed(c world.Commit) {
	if !c.Honest || c.Epoch < d.next {
		return
	}
	d.next = c.Epoch + 1
	snap, err := c.Store.View()
	if err != nil {
		panic(fmt.Sprintf("check: state of node %d: %v", c.Node, err))
	}
	defer snap.Release()
	for _, tx := range acceptedIn(snap, c.Epoch, d.w.Nodes()) {
		d.accept(tx)
	}
}

func (d *doubleSpend) accept(tx *transaction.Transaction) {
	for _, in := range tx.Inputs() {
		what := string(in.Kind) + " " + hex.EncodeToString(identity(in))
		if other, ok := d.spent[what]; ok && other != tx.ID() {
			d.w.Violate("double spend", "%s is an input of %s and of %s", what, other, tx.ID())
		}
		d.spent[what] = tx.ID()
	}
}

// identity is what may be spent once: the place of a coin, the id of a deposit, the
// nonce of a note, or a whole input.
func identity(in transaction.Item) []byte {
	if in.Kind == workload.Kind {
		return workload.Spent(in.Body)
	}
	if in.Kind == mint.Kind {
		if note, err := mint.DecodeInput(in.Body); err == nil {
			return note.Nonce[:]
		}
	}
	return in.Body
}
