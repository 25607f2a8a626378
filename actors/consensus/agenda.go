package consensus

import (
	"iter"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/transaction"
)

// agenda is what this member's modules want to propose, ascending by kind. It is
// emptied by every commit: modules then propose anew, on what is committed.
type agenda []toconsensus.ModuleItems

// set replaces the items of one module and returns how many no contribution can
// hold; those are left out.
func (a *agenda) set(m toconsensus.ModuleItems) (refused int) {
	given := len(m.Items)
	m.Items = slices.DeleteFunc(slices.Clone(m.Items), func(body []byte) bool {
		return !m.Kind.Valid() || len(body) > transaction.MaxItemSize
	})
	at, found := slices.BinarySearchFunc(*a, m, func(x, y toconsensus.ModuleItems) int {
		return strings.Compare(string(x.Kind), string(y.Kind))
	})
	if found {
		(*a)[at] = m
	} else {
		*a = slices.Insert(*a, at, m)
	}
	return given - len(m.Items)
}

func (a *agenda) clear() { *a = nil }

func (a agenda) empty() bool {
	return !slices.ContainsFunc(a, func(m toconsensus.ModuleItems) bool { return len(m.Items) > 0 })
}

// contribution returns the items, and as many of the transactions as there is
// room for.
func (a agenda) contribution(txs iter.Seq[*transaction.Transaction]) outcome.Contribution {
	var b outcome.Builder
	for _, m := range a {
		for _, body := range m.Items {
			if !b.Item(transaction.Item{Kind: m.Kind, Body: body}) {
				break
			}
		}
	}
	for tx := range txs {
		if !b.Transaction(tx) {
			break
		}
	}
	return b.Contribution()
}

// subscribers are told of every commit, in the order in which they came.
type subscribers struct {
	list  []*actor.PID
	known map[subscriber]bool
}

// subscriber is a PID as a key.
type subscriber struct{ address, id string }

// add reports whether who is new.
func (s *subscribers) add(who *actor.PID) bool {
	key := subscriber{who.GetAddress(), who.GetId()}
	if who == nil || s.known[key] {
		return false
	}
	if s.known == nil {
		s.known = map[subscriber]bool{}
	}
	s.known[key] = true
	s.list = append(s.list, who)
	return true
}

func (s *subscribers) remove(who *actor.PID) {
	key := subscriber{who.GetAddress(), who.GetId()}
	if !s.known[key] {
		return
	}
	delete(s.known, key)
	s.list = slices.DeleteFunc(s.list, func(x *actor.PID) bool { return x.Equal(who) })
}
