package home_test

import (
	"os"
	"path/filepath"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/node"
	"minimint/actors/node/home"
)

// A member that is new has lost nothing; one whose data is gone after it has begun
// has.
func TestLost(t *testing.T) {
	dir := t.TempDir()
	h := home.Home{Dir: dir, Federation: consensustest.Config(4), Settings: home.Settings{KeepEpochs: 7}}
	if err := home.Create(h); err != nil {
		t.Fatal(err)
	}
	opened, err := home.Open(dir)
	if err != nil || opened.Settings.KeepEpochs != 7 {
		t.Fatalf("settings %+v: %v", opened.Settings, err)
	}
	expect := func(what string, want bool) {
		t.Helper()
		if lost, err := h.Lost(); err != nil || lost != want {
			t.Errorf("%s: %t, %v", what, lost, err)
		}
	}
	store := filepath.Join(h.DataDir(), node.StoreFile)
	expect("new", false)
	if err := os.WriteFile(store, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect("before the first start is over", false)
	for range 2 {
		if err := h.Started(); err != nil {
			t.Fatal(err)
		}
	}
	expect("started", false)
	if err := os.Remove(store); err != nil {
		t.Fatal(err)
	}
	expect("store gone", true)
	if err := os.RemoveAll(h.DataDir()); err != nil {
		t.Fatal(err)
	}
	expect("all gone", true)
}
