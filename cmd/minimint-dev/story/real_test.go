//go:build real

package story_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"minimint/cmd/minimint-dev/stage"
	"minimint/cmd/minimint-dev/story"
)

// kills and seed of the test: more than the demo has, and always the same.
const (
	kills = 12
	seed  = 1
)

// program is a program that these tests need.
func program(t *testing.T, variable string) string {
	path, err := filepath.Abs(os.Getenv(variable))
	if err != nil || os.Getenv(variable) == "" {
		t.Fatalf("%s names nothing: %v (make test-real sets it)", variable, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s: %v (make test-real sets it)", variable, err)
	}
	return path
}

// TestLightning: the story of Lightning is true, on real programs, a real btcd and two
// real lnd, whatever is killed and when.
func TestLightning(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "minimint-story-")
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.New(stage.Config{
		Dir: dir, Btcd: program(t, "MINIMINT_BTCD"), Lnd: program(t, "MINIMINT_LND"), Programs: program(t, "MINIMINT_PROGRAMS"),
		Members: 4, Names: []string{"ada", "blaise", "charles", "dorothy"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("logs and data are kept in %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}()
	var told bytes.Buffer
	if err := story.TellLightning(ctx, s, &told, kills, seed); err != nil {
		t.Errorf("%v\n%s", err, told.String())
	}
}
