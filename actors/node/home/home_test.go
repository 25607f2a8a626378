package home_test

import (
	"os"
	"path/filepath"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/node"
	"minimint/actors/node/home"
)

// How the journal is synced is one of two words, or none.
func TestJournalSync(t *testing.T) {
	for value, valid := range map[string]bool{"": true, home.SyncAlways: true, home.SyncNever: true, "sometimes": false} {
		dir := t.TempDir()
		if err := home.Create(home.Home{Dir: dir, Federation: consensustest.Config(4), Settings: home.Settings{JournalSync: value}}); err != nil {
			t.Fatal(err)
		}
		if h, err := home.Open(dir); (err == nil) != valid || valid && h.Settings.JournalSync != value {
			t.Errorf("%q: %+v, %v", value, h.Settings, err)
		}
	}
}

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
