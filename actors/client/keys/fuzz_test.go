package keys

import (
	"errors"
	"strings"
	"testing"
)

// FuzzWords: what a person types is a seed in its one usual spelling, or an error
// that says what to look at.
func FuzzWords(f *testing.F) {
	seed := strings.Repeat("abandon ", 11) + "about"
	for _, text := range []string{"", seed, "  " + strings.ToUpper(seed) + "\n", strings.Repeat("abandon ", 12), seed + " " + seed, strings.Replace(seed, "about", "abouT", 1)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := CleanWords(text)
		if err != nil {
			if !errors.Is(err, ErrWords) {
				t.Fatal(err)
			}
			return
		}
		if again, err := CleanWords(words); err != nil || again != words {
			t.Fatalf("%q is %q, which is %q: %v", text, words, again, err)
		}
	})
}
