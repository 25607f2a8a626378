package mint_test

import (
	"errors"
	"testing"

	"minimint/actors/module/contract"
)

// TestItemsAreMisbehaviour: the mint has no consensus items, so each is one that
// no correct member sends.
func TestItemsAreMisbehaviour(t *testing.T) {
	for _, body := range [][]byte{nil, {}, {1}, make([]byte, 1000)} {
		var wrong *contract.Misbehaviour
		if err := newHouse(1, 1).member(0).ApplyItem(nil, nil, 2, body); !errors.As(err, &wrong) || wrong.Text != "the mint has no consensus items" {
			t.Errorf("%x: %v", body, err)
		}
	}
}
