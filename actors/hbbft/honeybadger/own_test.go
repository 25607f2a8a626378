package honeybadger_test

import (
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// A member whose journal was lost, and whose operator said that it had proposed
// nothing, learns from others what it did propose. It must not stop, nor make a
// second proposal.
func TestOwnProposalComesBack(t *testing.T) {
	w := newWorld(t, 4)
	core, _ := honeybadger.New(w.config(0), honeybadger.Position{}, nil)
	if step := core.Work(); len(step.Wanted) != 1 {
		t.Fatalf("wanted %v", step.Wanted)
	}
	slot := w.slot(0, 0)
	payload := hbbfttest.Seal(slot.Label(), []byte("what was forgotten"))
	root := slot.Root(payload)
	var asked []messages.PeerID
	for from := messages.PeerID(1); from < 4; from++ {
		step := core.Handle(from, frames.Frame{Statements: []frames.Statement{
			frames.Echo{Proposer: 0, Root: root}, frames.Ready{Proposer: 0, Root: root},
		}})
		for _, s := range step.Sends {
			if _, ok := s.Statement.(frames.Pull); ok && s.To != nil {
				asked = append(asked, *s.To)
			}
		}
	}
	if len(asked) == 0 {
		t.Fatal("nobody was asked for the proposal")
	}
	value := frames.Value{Proposer: 0, Payload: payload, Signature: hbbfttest.Signer{Member: 0}.Sign(slot.Signed(root))}
	core.Handle(asked[0], frames.Frame{Statements: []frames.Statement{value}})
	step := core.Propose(0, hbbfttest.Seal(slot.Label(), []byte("something else")))
	if len(step.Sends)+len(step.Records)+len(step.Faults) != 0 {
		t.Errorf("says %v", step)
	}
}
