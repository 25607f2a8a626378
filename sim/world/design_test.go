package world_test

import (
	"os"
	"strings"
	"testing"
)

// The code that DESIGN.md shows is that of the examples, which run.
func TestDesignShowsTheExamples(t *testing.T) {
	var texts [2]string
	for i, path := range []string{"../DESIGN.md", "example_test.go"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(b)
	}
	blocks := strings.Split(texts[0], "```go\n")[1:]
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of code", len(blocks))
	}
	for _, b := range blocks {
		code, _, _ := strings.Cut(b, "```")
		if !strings.Contains(texts[1], code) {
			t.Errorf("no example has\n%s", code)
		}
	}
}
