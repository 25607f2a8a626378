package catchup_test

import (
	"testing"

	"minimint/actors/consensus/catchup"
	"minimint/messages/faulttest"
	"minimint/messages/outcome"
)

// TestEveryFault raises the fault of a peer that serves no row of epochs. It says
// nothing of what it served.
func TestEveryFault(t *testing.T) {
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"served epoch %d after epoch %d": func(t *testing.T) string {
			p := catchup.New(federation, 4, 0)
			for _, epochs := range [][]outcome.Outcome{{truth(0), truth(0)}, {truth(1), truth(0)}} {
				if p.Served(1, epochs) == "" {
					t.Errorf("no fault to serve epochs %d and %d", epochs[0].Epoch, epochs[1].Epoch)
				}
			}
			text := p.Served(1, []outcome.Outcome{truth(0), truth(2)})
			if _, _, believed := p.Believed(); believed || len(p.Ask()) != 0 {
				t.Error("what it served counts")
			}
			return text
		},
	}, "fmt.Sprintf")
}
