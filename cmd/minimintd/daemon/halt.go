package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"minimint/actors/node"
)

// A HaltError says that the member must not go on, and why. Its text is for the
// operator.
type HaltError struct {
	*node.Halt
	// Report is the file with the whole story, "" if it could not be written.
	Report string
}

// Error says what happened, where the report is, and what to do.
func (e *HaltError) Error() string {
	if e.Report == "" {
		return "the member halts. Its report could not be written; here it is:\n\n" + e.Halt.Report()
	}
	return fmt.Sprintf("the member halts: %v\nThe report is in %s.\n%s", e.Halt, e.Report, e.Advice())
}

// Unwrap returns the node's word.
func (e *HaltError) Unwrap() error { return e.Halt }

// halted turns what ended a node into what the operator is told, and writes the
// report. Other errors stay as they are.
func halted(dir string, err error) error {
	var h *node.Halt
	if !errors.As(err, &h) {
		return err
	}
	e := &HaltError{Halt: h}
	path := filepath.Join(dir, "halt-"+time.Now().UTC().Format("20060102T150405.000Z")+".txt")
	if writeReport(path, h.Report()) == nil {
		e.Report = path
	}
	return e
}

// writeReport makes a new file that survives the machine, which may be in
// trouble.
func writeReport(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(path) // half a report would be believed to be all
		}
	}()
	if _, err = f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
