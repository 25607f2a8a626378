package rbc_test

import (
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/rbc"
	"minimint/messages"
	"minimint/messages/frames"
)

// TestBoardLooksForWhomToAsk: more members lie than are tolerated, and have this one
// exchange its proposal for another. It then looks for somebody to ask for the first one, so
// the board must not count the Echo that names one.
func TestBoardLooksForWhomToAsk(t *testing.T) {
	s := newStage(t, 7)
	cfg, board := s.config(0), rbc.NewBoard(7)
	cfg.Board = board
	s.b = rbc.New(cfg)
	s.b.Open()
	value := func(payload string) frames.Value {
		place := slot
		place.Proposer = 6
		return frames.Value{Proposer: 6, Payload: []byte(payload), Signature: hbbfttest.Signer{Member: 6}.Sign(place.Signed(s.root(payload)))}
	}
	a, b := s.root("a"), s.root("b")
	s.hears("Echo(6, a)", value("a"), 6)
	s.hears("Ready(6, b)", frames.Ready{Proposer: 6, Root: b}, 4, 5, 6)
	s.hears("two-roots by 6", value("b"), 6)
	s.hears("", frames.Ready{Proposer: 6, Root: a}, 1, 2, 3)
	if board.CountEcho(2, 6, &a) {
		t.Error("an Echo was counted although its sender can be asked")
	}
	s.hears("Pull(6, a) to 2", frames.Echo{Proposer: 6, Root: a}, 2)
	if from := messages.PeerID(3); !board.CountEcho(from, 6, &a) || board.CountEcho(from, 6, &a) {
		t.Error("another Echo was not counted, once")
	}
}
