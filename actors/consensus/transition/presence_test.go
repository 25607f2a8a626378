package transition_test

import (
	"reflect"
	"testing"

	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/storage"
	"minimint/storage/memory"
)

// The state knows who contributed to the last three outcomes, the newest first.
func TestPresence(t *testing.T) {
	s := memory.New()
	var all [][]messages.PeerID
	for e, who := range [][]messages.PeerID{{0, 1, 2}, nil, {3, 254}, {1}, {0, 1, 2, 3}, nil, nil, nil, {7}} {
		o := outcome.Outcome{Epoch: messages.Epoch(e)}
		for _, id := range who {
			o.Contributions = append(o.Contributions, outcome.Member{Peer: id})
		}
		err := s.Update(func(tx storage.Tx) error {
			ov := storage.NewOverlay(tx)
			transition.NotePresence(ov, o)
			ov.ApplyTo(tx)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append([][]messages.PeerID{who}, all...)
		snap, err := s.View()
		if err != nil {
			t.Fatal(err)
		}
		if got := transition.Contributors(snap); !reflect.DeepEqual(got, all[:min(len(all), transition.Remembered)]) {
			t.Errorf("epoch %d: %v, want %v", e, got, all)
		}
		snap.Release()
	}
	snap, err := memory.New().View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	if got := transition.Contributors(snap); got != nil {
		t.Errorf("before the first: %v", got)
	}
}
