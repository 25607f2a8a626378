package rbc_test

import (
	"fmt"
	"testing"

	"minimint/messages"
)

// TestLacks: at every phase a broadcast names what it waits for and who may bring it.
func TestLacks(t *testing.T) {
	expect := func(s *stage, want string) {
		t.Helper()
		if got := fmt.Sprint(s.b.Lacks()); got != want {
			t.Errorf("lacks %s, want %s", got, want)
		}
	}
	s := newStage(t, 4)
	expect(s, "[proposal of member 3]")
	s.b.Handle(3, s.value("a"))
	expect(s, "[echo of 2 of the members 1, 2 and 3]")
	s.b.Handle(3, s.echo("a"))
	expect(s, "[echo of 1 of the members 1 and 2]")
	s.b.Handle(2, s.ready("a"))
	s.b.Handle(2, s.echo("a"))
	expect(s, "[ready of 1 of the members 1 and 3]")
	s.b.Handle(1, s.ready("a"))
	expect(s, "[]")

	s = newStage(t, 4)
	for _, from := range []messages.PeerID{1, 2} {
		s.b.Handle(from, s.echo("a"))
		s.b.Handle(from, s.ready("a"))
	}
	expect(s, "[proposal of member 1]") // which was asked for it
}
