package check

import (
	"fmt"

	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/sim/world"
)

type totality struct {
	world.Ignore
	w    *world.World
	most messages.Epoch // committed by an honest node, plus one
	who  int
}

// Totality checks that what one honest node delivers all do.
func Totality(w *world.World) world.Observer { return &totality{w: w} }

// Committed implements world.Observer.
func (t *totality) Committed(c world.Commit) {
	if c.Honest && c.Epoch >= t.most {
		t.most, t.who = c.Epoch+1, c.Node
	}
}

// Quiet implements world.Observer.
func (t *totality) Quiet() {
	for i := range t.w.Nodes() {
		if x := t.w.Node(i); x.Honest() && x.Next() < t.most {
			t.w.Violate("totality", "node %d committed epoch %d, node %d has committed the epochs before %d", t.who, t.most-1, i, x.Next())
		}
	}
}

type waiting struct {
	world.Ignore
	w *world.World
}

// Waiting checks that when all is quiet nobody waits.
func Waiting(w *world.World) world.Observer { return &waiting{w: w} }

// Quiet implements world.Observer.
func (q *waiting) Quiet() {
	for i := range q.w.Nodes() {
		x := q.w.Node(i)
		if s := x.Stall(); x.Honest() && s.For > 0 {
			q.w.Violate("waiting", "node %d: %s", i, s.Text)
		}
		if x.Honest() && x.Next() > 0 {
			if e, ok := certified(x); !ok || e+1 < x.Next() {
				q.w.Violate("waiting", "node %d has committed the epochs before %d, and the newest certificate is of %d (%t)", i, x.Next(), e, ok)
			}
		}
	}
}

// certified returns the epoch of a node's newest certificate.
func certified(x *world.Node) (messages.Epoch, bool) {
	snap, err := x.Store().View()
	if err != nil {
		panic(fmt.Sprintf("check: state: %v", err))
	}
	defer snap.Release()
	c := history.NewestCertificate(snap)
	if c == nil {
		return 0, false
	}
	return c.Statement.Epoch, true
}
