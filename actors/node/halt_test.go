package node_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"minimint/actors/node"
	"minimint/actors/spawn"
	"minimint/storage"
	"minimint/storage/wal"
)

// Whatever ends a node, its operator is told what to do about it.
func TestAdvice(t *testing.T) {
	wrap := func(err error) any { return spawn.Trouble{Err: fmt.Errorf("consensus: %w", err)} }
	for _, c := range []struct {
		reason any
		world  bool
		says   string
	}{
		{"consensus: outcome of epoch 7 is lost", false, "bug"},
		{errors.New("runtime error"), false, "bug"},
		{wrap(&fs.PathError{Op: "write", Path: "pool.log", Err: syscall.ENOSPC}), true, "Make room"},
		{wrap(syscall.EDQUOT), true, "Make room"},
		{wrap(syscall.EROFS), true, "mounted for reading only"},
		{wrap(&fs.PathError{Op: "open", Path: "pool.log", Err: syscall.EACCES}), true, "belongs to another user"},
		{wrap(syscall.EIO), true, "start the machine anew"},
		{wrap(storage.ErrBroken), true, "start the machine anew"},
		{wrap(wal.ErrCorrupt), true, "put the file aside"},
	} {
		h := &node.Halt{Actor: "node/consensus", Message: "consensus.flush", Reason: c.reason, Stack: "where", Failures: 2}
		if (h.World() != nil) != c.world || !strings.Contains(h.Advice(), c.says) {
			t.Errorf("%v: world %v, advice %q", c.reason, h.World(), h.Advice())
		}
		for _, part := range []string{"node/consensus", "consensus.flush", "2 in a row", "where", fmt.Sprint(c.reason), h.Advice()} {
			if !strings.Contains(h.Report(), part) {
				t.Errorf("the report does not hold %q:\n%s", part, h.Report())
			}
		}
	}
}
