package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"minimint/actors/node"
	"minimint/actors/spawn"
)

// A report that cannot be written is told at once, whole.
func TestReportWithoutRoom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	h := &node.Halt{Actor: "node/hbbft", Message: "hbbft.flush", Failures: 1, Reason: spawn.Trouble{Err: fmt.Errorf("hbbft: append: %w", syscall.ENOSPC)}}
	err := halted(dir, fmt.Errorf("node: %w", h))
	var halt *HaltError
	if !errors.As(err, &halt) || halt.Report != "" || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"node/hbbft", "no space left", "could not be written", "Make room"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not told:\n%v", part, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("something was written")
	}
}

// Other errors stay as they are.
func TestOtherErrors(t *testing.T) {
	err := errors.New("cannot start")
	if got := halted(t.TempDir(), err); !errors.Is(got, err) || got.Error() != err.Error() {
		t.Errorf("got %v", got)
	}
}
