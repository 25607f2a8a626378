// Package check holds the rules of a federation as observers from outside: they
// see what nodes made durable and what they told users, and need nobody's help.
//
//	agreement     all honest nodes commit the same outcome and state for an epoch,
//	              and epochs in their order
//	validity      n−f members have a part in every outcome, and what is an honest one's
//	              part is what that one wanted to contribute
//	totality      when all is quiet, every honest node has committed every epoch that
//	              any honest node has
//	blameless     no honest node is ever found at fault by an honest one
//	conservation  what the federation holds is what it owes, after every epoch
//	backing       the blocks that members agree on are bitcoin's, and hold every deposit
//	              that was accepted
//	double spend  nothing is an input of two transactions that were accepted
//	finality      what an honest node acknowledged is decided in the end, unless its
//	              disk was replaced by an older copy, and what one said to be accepted is
//	              accepted at all; of refusals in epochs that it skipped with a snapshot
//	              a node knows nothing
//	wallets       when all is quiet, the notes that wallets hold are all that the
//	              mint owes
//	bounds        what waits at an honest node, what it sends and what it tells of
//	              others stays below constants
//	waiting       when all is quiet, no honest node waits for anything: none has
//	              stalled, and the newest epoch is certified
//	health        no actor of an honest node panics and no process ends by itself,
//	              unless its disk was made to fail
//
// Liveness is the world's own rule, see world.World.Settle, and so is evidence: what
// convinces third parties, as honest nodes say, does.
package check

import (
	"fmt"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/sim/world"
)

// All are all the rules.
func All() []func(*world.World) world.Observer {
	return []func(*world.World) world.Observer{
		Agreement, Validity, Totality, Blameless, Conservation, Backing, DoubleSpend, Finality, Wallets, Bounds, Waiting, Health,
	}
}

type agreement struct {
	world.Ignore
	w *world.World
	// epochs holds what the first honest node committed, next what is due at each.
	epochs []world.Commit
	next   []messages.Epoch
}

// Agreement checks that honest nodes commit the same.
func Agreement(w *world.World) world.Observer {
	return &agreement{w: w, next: make([]messages.Epoch, w.Nodes())}
}

// Committed implements world.Observer.
func (a *agreement) Committed(c world.Commit) {
	if !c.Honest {
		return
	}
	if !c.Again && c.Epoch != a.next[c.Node] && !a.snapshot(c) {
		a.w.Violate("agreement", "node %d commits epoch %d, due is %d", c.Node, c.Epoch, a.next[c.Node])
	}
	a.next[c.Node] = max(a.next[c.Node], c.Epoch+1)
	if int(c.Epoch) >= len(a.epochs) {
		c.Store = nil // it would keep the whole state alive
		a.epochs = append(a.epochs, c)
		return
	}
	first := a.epochs[c.Epoch]
	if c.Outcome != first.Outcome || c.State != first.State {
		a.w.Violate("agreement", "epoch %d: node %d has outcome %s and state %s, node %d has %s and %s",
			c.Epoch, c.Node, c.Outcome, c.State, first.Node, first.Outcome, first.State)
	}
}

// snapshot reports whether the epoch is the first behind one that was certified, and
// so the node begins with a state that others signed.
func (a *agreement) snapshot(c world.Commit) bool {
	if c.Epoch < a.next[c.Node] {
		return false
	}
	snap, err := c.Store.View()
	if err != nil {
		return false
	}
	defer snap.Release()
	return history.Oldest(snap, c.Epoch+1) == c.Epoch
}

type blameless struct {
	world.Ignore
	w *world.World
}

// Blameless checks that no honest node blames another.
func Blameless(w *world.World) world.Observer { return &blameless{w: w} }

// Blamed implements world.Observer.
func (b *blameless) Blamed(x world.Blame) {
	if b.w.Node(x.Node).Honest() && b.w.Node(x.Peer).Honest() {
		b.w.Violate("blameless", "node %d blames node %d: %s", x.Node, x.Peer, x.Kind)
	}
}

type conservation struct {
	world.Ignore
	w *world.World
}

// Conservation checks that money neither appears nor vanishes.
func Conservation(w *world.World) world.Observer { return &conservation{w: w} }

// Committed implements world.Observer.
func (r *conservation) Committed(c world.Commit) {
	if c.Honest && c.Totals.Assets != c.Totals.Liabilities {
		r.w.Violate("conservation", "epoch %d at node %d: assets of %d msat, liabilities of %d", c.Epoch, c.Node, c.Totals.Assets, c.Totals.Liabilities)
	}
}

type wallets struct {
	world.Ignore
	w *world.World
}

// Wallets checks that no user has lost money, and none has made some.
func Wallets(w *world.World) world.Observer { return &wallets{w: w} }

// Quiet implements world.Observer.
func (c *wallets) Quiet() {
	if len(c.w.Wallets()) == 0 {
		return
	}
	var sure, doubtful int64
	for _, x := range c.w.Wallets() {
		s, d := x.Holdings()
		sure, doubtful = sure+int64(s), doubtful+int64(d)
	}
	for i := range c.w.Nodes() {
		if owed := c.owed(i); c.w.Node(i).Honest() && (owed < sure || owed > sure+doubtful) {
			c.w.Violate("wallets", "the mint of node %d owes %d msat; wallets hold %d, and %d that may be spent", i, owed, sure, doubtful)
		}
	}
}

func (c *wallets) owed(node int) int64 {
	snap, err := c.w.Node(node).Store().View()
	if err != nil {
		panic(fmt.Sprintf("check: state of node %d: %v", node, err))
	}
	defer snap.Release()
	sum := int64(0)
	_, lines := transition.Audit(snap)
	for _, l := range lines {
		if l.Module == mint.Kind {
			sum += l.Totals.Liabilities
		}
	}
	return sum
}

type health struct {
	world.Ignore
	w *world.World
}

// Health checks that honest nodes do not fail by themselves.
func Health(w *world.World) world.Observer { return &health{w: w} }

// Failed implements world.Observer.
func (h *health) Failed(x world.Failure) {
	if (x.Node < 0 || h.w.Node(x.Node).Honest()) && !x.Planned {
		h.w.Violate("health", "node %d, actor %s: %v (%s)", x.Node, x.Actor, x.Reason, x.Decision)
	}
}
