package transition

import (
	"fmt"

	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/transaction"
)

// Check verifies all that needs no state of several transactions at once, so
// that signatures of notes are verified in batches, and returns one rejection
// or nil for each. It is pure and may run on any goroutine. A verdict holds for
// the WitnessID, that is for these exact bytes (H25), and does not depend on what
// else is in the batch.
//
// What costs little comes first, so that noise is refused for little: items of
// modules that exist, each module's own cheap checks ([contract.Screener]), the
// signature of the transaction, and only then curves and pairings. A transaction
// is refused for the first thing found in this order.
func (t *Transition) Check(txs []*transaction.Transaction) []*messages.Rejection {
	c := &checking{txs: txs, verdicts: make([]*messages.Rejection, len(txs)), keys: make([][][][32]byte, len(txs))}
	for i, tx := range txs {
		c.verdicts[i] = t.known(tx)
		c.keys[i] = make([][][32]byte, len(tx.Inputs()))
	}
	for _, m := range t.modules {
		if s, ok := m.(contract.Screener); ok {
			c.screen(m.Kind(), s)
		}
	}
	for _, m := range t.modules {
		if _, ok := m.(contract.Screener); !ok {
			c.check(m, true)
		}
	}
	c.signatures(t.federation)
	for _, m := range t.modules {
		if _, ok := m.(contract.Screener); ok {
			c.check(m, false)
		}
	}
	return c.verdicts
}

// known refuses items of modules that do not exist.
func (t *Transition) known(tx *transaction.Transaction) *messages.Rejection {
	for _, side := range [][]transaction.Item{tx.Inputs(), tx.Outputs()} {
		for _, it := range side {
			if t.Module(it.Kind) == nil {
				return messages.Reject(messages.RejectUnknownModule, "this federation runs no module %s", it.Kind)
			}
		}
	}
	return nil
}

// checking is one call of Check.
type checking struct {
	txs      []*transaction.Transaction
	verdicts []*messages.Rejection
	keys     [][][][32]byte // that must sign, by transaction and input
}

// screen asks one module for the cheap part of its check.
func (c *checking) screen(kind messages.ModuleKind, s contract.Screener) {
	for i := range c.txs {
		if items, ok := c.items(i, kind); ok {
			c.learn(i, kind, s.Screen(items), true)
		}
	}
}

// check has one module check its items of all transactions that nothing speaks
// against so far.
func (c *checking) check(m contract.Module, keys bool) {
	var batch []contract.Items
	var of []int
	for i := range c.txs {
		if items, ok := c.items(i, m.Kind()); ok {
			batch, of = append(batch, items), append(of, i)
		}
	}
	if len(batch) == 0 {
		return
	}
	found := m.Check(batch)
	if len(found) != len(batch) {
		panic(fmt.Sprintf("transition: module %s gave %d verdicts on %d transactions", m.Kind(), len(found), len(batch)))
	}
	for j, v := range found {
		c.learn(of[j], m.Kind(), v, keys)
	}
}

// items returns what of transaction i is a module's, and false if that is
// nothing or the transaction is refused already.
func (c *checking) items(i int, kind messages.ModuleKind) (contract.Items, bool) {
	if c.verdicts[i] != nil {
		return contract.Items{}, false
	}
	in, out := c.txs[i].Items(kind)
	return contract.Items{Inputs: in, Outputs: out}, len(in)+len(out) > 0
}

// learn takes a module's verdict on transaction i, and the keys if they are new.
func (c *checking) learn(i int, kind messages.ModuleKind, v contract.Verdict, keys bool) {
	if v.Rejection != nil {
		c.verdicts[i] = bounded(v.Rejection)
		return
	}
	if !keys {
		return
	}
	next := 0
	for at, it := range c.txs[i].Inputs() {
		if it.Kind != kind {
			continue
		}
		if next < len(v.Keys) {
			c.keys[i][at] = v.Keys[next]
		}
		next++
	}
	if next != len(v.Keys) {
		panic(fmt.Sprintf("transition: module %s named the keys of %d inputs out of %d", kind, len(v.Keys), next))
	}
}

// signatures verifies the signature of each transaction that nothing speaks
// against, under the keys of all its inputs in their order.
func (c *checking) signatures(federation messages.FederationID) {
	for i, tx := range c.txs {
		if c.verdicts[i] != nil {
			continue
		}
		var keys [][32]byte
		for _, of := range c.keys[i] {
			keys = append(keys, of...)
		}
		if err := transaction.VerifySignature(tx, federation, keys); err != nil {
			c.verdicts[i] = rejectionOf(err)
		}
	}
}
