package ledgertest

import (
	"fmt"

	"minimint/actors/consensus/transition/transitiontest"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/storage"
	"minimint/storage/memory"
)

// A Scene is a federation in the middle of its life.
type Scene struct {
	World *transitiontest.World
	Book  *Book
	Store *memory.Store
	// Past are the outcomes that led here, Next is the epoch that follows.
	Past []outcome.Outcome
	Next messages.Epoch
}

// Open returns a scene in which users have notes, a payment is in a block that is
// not agreed on yet, another waits for signatures, and there is a deposit to be
// claimed: anything can happen next. It is always the same.
func Open(h *transitiontest.House) *Scene {
	s := &Scene{World: h.NewWorld(), Book: New(h), Store: memory.New()}
	for i, sats := range []int64{400_000, 300_000, 150_000, 90_000} {
		s.World.Pay(i, sats)
	}
	s.World.Chain.Mine(transitiontest.Delay + 1)
	s.turn()
	s.turn(s.Scribe(transitiontest.Read(nil)).Opening()...)
	for range 2 {
		s.turn(s.Scribe(transitiontest.Read([]byte{4})).Transaction()) // a peg-out
	}
	s.World.Pay(0, 50_000)
	s.World.Chain.Mine(1)
	return s
}

// Fork returns a scene that goes on from here in its own way. What the members'
// nodes are like is not part of it.
func (s *Scene) Fork() *Scene {
	f := *s
	f.World, f.Book, f.Store = s.World.Fork(), s.Book.Copy(), s.Store.Clone()
	return &f
}

// Scribe returns one that writes what fits the scene.
func (s *Scene) Scribe(c transitiontest.Choices) *transitiontest.Scribe {
	return &transitiontest.Scribe{World: s.World, Book: s.Book, Choices: c}
}

// turn is an epoch in which nothing goes wrong.
func (s *Scene) turn(plans ...*transitiontest.Plan) {
	snap, err := s.Store.View()
	must(err)
	defer snap.Release()
	contributions := s.Scribe(transitiontest.Read(nil)).Contributions(snap, plans, nil)
	o := transitiontest.Outcome(s.Next, contributions)
	next, page := s.Book.Turn(s.Next, contributions)
	if len(page.Accepted) != len(plans) {
		panic(fmt.Sprintf("ledgertest: the scene refuses %q", page.Refused))
	}
	ov := storage.NewOverlay(snap)
	_, err = s.World.House.Rules().Apply(ov, o, func(messages.WitnessID) bool { return false })
	must(err)
	must(s.Store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }))
	s.World.Broadcast(ov)
	s.Book, s.Past, s.Next = next, append(s.Past, o), s.Next+1
}
