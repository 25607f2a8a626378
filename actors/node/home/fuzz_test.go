package home_test

import (
	"os"
	"path/filepath"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/node/home"
)

// FuzzOpen: the files of a member's directory, whatever is in them, are a member's
// or an error.
func FuzzOpen(f *testing.F) {
	config := consensustest.Config(4)
	f.Add([]byte(`{"member": 1, "listen": "127.0.0.1:9000"}`), config.Bytes())
	f.Add([]byte(`{"member": 4, "bitcoin": {"address": "x"}}`), config.Bytes())
	f.Add([]byte(`{"member": -1}`), []byte{})
	f.Add([]byte(`[]`), config.Bytes()[1:])
	f.Fuzz(func(t *testing.T, settings, federation []byte) {
		dir := t.TempDir()
		for name, body := range map[string][]byte{"node.json": settings, "federation.bin": federation} {
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h, err := home.Open(dir)
		if err == nil && (h.Federation == nil || int(h.Settings.Member) >= h.Federation.Size()) {
			t.Fatalf("member %d of %v", h.Settings.Member, h.Federation)
		}
	})
}
