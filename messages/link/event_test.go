package link

import (
	"errors"
	"fmt"
	"testing"
)

// Scripts and traces compare these lines.
func TestEventLines(t *testing.T) {
	for _, c := range []struct {
		event Event
		want  string
	}{
		{&Up{Address: "peer/2", Link: 9, Incarnation: 7}, "up peer/2 incarnation=7"},
		{&Down{Address: "peer/2", Code: Code_CODE_SEQUENCE, Ours: true, Lost: 3}, "down peer/2 CODE_SEQUENCE ours lost=3"},
		{&Down{Address: "peer/2"}, "down peer/2 CODE_UNSPECIFIED theirs lost=0"},
		{&Congested{Address: "client/ab"}, "congested client/ab"},
		{&Writable{Address: "client/ab", Dropped: 4}, "writable client/ab dropped=4"},
	} {
		if got := fmt.Sprint(c.event); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestRefusalIsAnError(t *testing.T) {
	err := fmt.Errorf("open link: %w", &Refusal{Code: Code_CODE_FEDERATION, Text: "another federation"})
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.GetCode() != Code_CODE_FEDERATION {
		t.Fatalf("refusal not found in %v", err)
	}
}
