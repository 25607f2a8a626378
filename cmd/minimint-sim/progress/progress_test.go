package progress_test

import (
	"bytes"
	"testing"

	"minimint/cmd/minimint-sim/progress"
)

// What is over in a moment says nothing, wherever it is written, and no line is no
// trouble.
func TestShortCommandsAreSilent(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		l := progress.New(&out, terminal)
		l.Show(1, 10, "something")
		l.Clear()
		if out.Len() > 0 {
			t.Errorf("terminal %v: %q", terminal, out.String())
		}
	}
	var none *progress.Line
	none.Show(1, 2, "nothing")
	none.Clear()
}
