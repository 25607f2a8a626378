package torture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// tail reads a file that grows, line by line.
type tail struct {
	path    string
	offset  int64
	partial []byte // of a line that has no end yet
}

// lines returns what was added since the last call, without a line that is not
// complete.
func (t *tail) lines() ([]string, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer func() { _ = f.Close() }()
	added, err := io.ReadAll(io.NewSectionReader(f, t.offset, 1<<30))
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	t.offset += int64(len(added))
	t.partial = append(t.partial, added...)
	var out []string
	for {
		line, rest, ok := bytes.Cut(t.partial, []byte{'\n'})
		if !ok {
			return out, nil
		}
		out = append(out, string(line))
		t.partial = bytes.Clone(rest)
	}
}
