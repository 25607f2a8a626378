package hbbft_test

import (
	"slices"
	"testing"
)

// TestNothingSaidIsNothingLost: a member lost power before it had said anything, and its
// processor went on with the outcomes of others. Its journal is empty and none was lost,
// so it takes part at once. Kept silent, it stopped federations in which f others were
// away.
func TestNothingSaidIsNothingLost(t *testing.T) {
	f := newFederation(t, 4)
	last := f.nodes[3]
	last.boot() // alone
	f.settle()
	last.halt()
	last.disk.Crash(1)
	for _, nd := range f.nodes[:3] {
		nd.boot()
	}
	f.nodes[0].give("without it")
	f.await([]int{0, 1, 2}, "without it")
	last.catchUp(f.nodes[0])
	next := last.where().Next
	f.settle()
	f.forget()
	last.boot()
	last.give("its own")
	for _, what := range []string{"a", "b", "c"} {
		f.nodes[0].give(what)
		f.await(all, what)
	}
	f.await(all, "its own")
	if !slices.ContainsFunc(f.said(3), func(h heard) bool { return len(h.frame.Statements) > 0 && h.frame.Epoch < next+2 }) {
		t.Errorf("it keeps silent from epoch %d on", next)
	}
}
