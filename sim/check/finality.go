package check

import (
	"fmt"
	"slices"
	"time"

	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/sim/world"
)

type finality struct {
	world.Ignore
	w     *world.World
	known map[messages.WitnessID]int // where in order what was acknowledged is
	order []promise
	// skipped are the epochs of which each node has a snapshot alone, which says what was
	// accepted and not what was refused.
	skipped []map[messages.Epoch]bool
}

type promise struct {
	tx       *transaction.Transaction
	words    []word // of all that acknowledged it
	accepted bool   // by the word of an honest node
}

// word is that of a node at some time.
type word struct {
	node int
	at   time.Duration
}

// Finality checks that promises to users are kept.
func Finality(w *world.World) world.Observer {
	f := &finality{w: w, known: map[messages.WitnessID]int{}}
	for range w.Nodes() {
		f.skipped = append(f.skipped, map[messages.Epoch]bool{})
	}
	return f
}

// Committed implements world.Observer.
func (f *finality) Committed(c world.Commit) {
	for e := c.Epoch - c.Skipped; e < c.Epoch; e++ {
		f.skipped[c.Node][e] = true
	}
}

// Acknowledged implements world.Observer.
func (f *finality) Acknowledged(p world.Promise) {
	if !f.w.Node(p.Node).Honest() {
		return
	}
	i, ok := f.known[p.Tx.WitnessID()]
	if !ok {
		i = len(f.order)
		f.known[p.Tx.WitnessID()] = i
		f.order = append(f.order, promise{tx: p.Tx})
	}
	f.order[i].words = append(f.order[i].words, word{p.Node, f.w.Now()})
}

// Decided implements world.Observer.
func (f *finality) Decided(d world.Decision) {
	if f.w.Node(d.Node).Honest() && d.Accepted {
		f.order = append(f.order, promise{tx: d.Tx, words: []word{{d.Node, f.w.Now()}}, accepted: true})
	}
}

// Quiet implements world.Observer.
func (f *finality) Quiet() {
	verdicts := make([][]verdict, f.w.Nodes())
	for i := range verdicts {
		if f.w.Node(i).Honest() {
			verdicts[i] = f.verdicts(i)
		}
	}
	for i, list := range verdicts {
		for j, v := range list {
			p := f.order[j]
			switch {
			case p.accepted && !v.accepted:
				f.w.Violate("finality", "node %d said that %s is accepted; at node %d it is not", p.words[0].node, p.tx.ID(), i)
			case !v.accepted && !v.refused && slices.ContainsFunc(p.words, f.remembered) && !f.before(i, j, verdicts):
				f.w.Violate("finality", "node %d acknowledged %s; at node %d it is not decided", p.words[0].node, p.tx.ID(), i)
			}
		}
	}
}

// verdict is what a node knows of a promise.
type verdict struct {
	accepted, refused bool
	at                messages.Epoch // of the refusal
}

func (f *finality) verdicts(node int) []verdict {
	snap, err := f.w.Node(node).Store().View()
	if err != nil {
		panic(fmt.Sprintf("check: state of node %d: %v", node, err))
	}
	defer snap.Release()
	list := make([]verdict, len(f.order))
	for i, p := range f.order {
		_, accepted := transition.FindAccepted(snap, p.tx.ID())
		r, refused := refusals.Find(snap, p.tx.WitnessID())
		list[i] = verdict{accepted: accepted, refused: refused, at: r.Epoch}
	}
	return list
}

// before reports whether another node refused what was promised in an epoch that a node
// skipped.
func (f *finality) before(node, promised int, verdicts [][]verdict) bool {
	return slices.ContainsFunc(verdicts, func(list []verdict) bool {
		return list != nil && list[promised].refused && f.skipped[node][list[promised].at]
	})
}

// remembered reports whether who gave a word has not forgotten it: what an operator
// replaced by a backup holds nobody to anything.
func (f *finality) remembered(x word) bool { return !f.w.Node(x.node).Forgot(x.at) }
