package disk_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"minimint/sim/disk"
	"minimint/storage"
	files "minimint/storage/disk"
	"minimint/storage/storagetest"
	"minimint/storage/wal"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

func TestContract(t *testing.T) {
	open := func(*testing.T) storage.Store {
		s, _ := disk.New(random(1)).Open(disk.Watch{})
		return s
	}
	storagetest.Run(t, open)
}

func put(s storage.Store, key, value string) error {
	return s.Update(func(tx storage.Tx) error { tx.Put([]byte(key), []byte(value)); return nil })
}

func get(t rapid.TB, s storage.Store, key string) string {
	snap, err := s.View()
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	defer snap.Release()
	return string(snap.Get([]byte(key)))
}

func TestWatch(t *testing.T) {
	d := disk.New(random(1))
	commits, waits := 0, 0
	s, dir := d.Open(disk.Watch{Committed: func(storage.Store) { commits++ }, Synced: func() { waits++ }})
	if err := put(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := s.Update(func(storage.Tx) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	log, err := wal.Open(dir, "log", zeros{})
	if err != nil {
		t.Fatal(err)
	}
	before := waits
	if err := errors.Join(log.Append([]byte("x")), log.Sync()); err != nil {
		t.Fatal(err)
	}
	if commits != 1 || waits != before+1 {
		t.Errorf("%d commits, %d waits after %d", commits, waits, before)
	}
}

// Durability: whenever and however the power fails, a log holds all that was
// synced and the store all that was committed, and nothing is invented.
func TestDurability(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := disk.New(random(rapid.Uint64().Draw(t, "seed")))
		synced, written, committed, tried := 0, 0, 0, 0
		for range rapid.IntRange(1, 5).Draw(t, "lives") {
			died := false
			s, dir := d.Open(disk.Watch{Died: func() { died = true }})
			read := records(t, dir)
			if n := read; n < synced || n > written {
				t.Fatalf("%d records, synced were %d, written %d", n, synced, written)
			}
			synced, written = read, read
			at := get(t, s, "k")
			if at != fmt.Sprint(committed) && at != fmt.Sprint(tried) && !(at == "" && committed == 0) {
				t.Fatalf("store at %q, committed %d, tried %d", at, committed, tried)
			}
			fmt.Sscan(at, &committed)
			log, err := wal.Open(dir, "log", zeros{})
			if err != nil {
				t.Fatal(err)
			}
			d.FailAt(rapid.IntRange(1, 30).Draw(t, "fail at"))
			for !died {
				written++
				if log.Append([]byte(fmt.Sprint(written-1))) != nil {
					break
				}
				if rapid.Bool().Draw(t, "sync") {
					if log.Sync() != nil {
						break
					}
					synced = written
				}
				tried = committed + 1
				if put(s, "k", fmt.Sprint(tried)) != nil {
					break
				}
				committed = tried
			}
			if !died {
				t.Fatal("an error without a failure")
			}
			if put(s, "k", "ghost") == nil || log.Append([]byte("ghost")) == nil && log.Sync() == nil {
				t.Fatal("the dead write")
			}
		}
	})
}

// records reads the log and checks that it has the right ones.
func records(t rapid.TB, dir files.Disk) int {
	log, err := wal.Open(dir, "log", zeros{})
	if err != nil {
		t.Fatalf("open log: %v", err)
	}
	defer log.Close()
	n := 0
	for r, err := range log.Records() {
		if err != nil || string(r) != fmt.Sprint(n) {
			t.Fatalf("record %d is %q: %v", n, r, err)
		}
		n++
	}
	return n
}

func TestKilledProcessKeepsWhatItWrote(t *testing.T) {
	d := disk.New(random(1))
	s, dir := d.Open(disk.Watch{})
	log, err := wal.Open(dir, "log", zeros{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.Append([]byte("0"), []byte("1")), put(s, "k", "v")); err != nil {
		t.Fatal(err)
	}
	after, dir2 := d.Open(disk.Watch{})
	if n := records(t, dir2); n != 2 || get(t, after, "k") != "v" {
		t.Errorf("%d records, %q", n, get(t, after, "k"))
	}
	if put(s, "k", "late") == nil {
		t.Error("a process that is gone commits")
	}
	if err := log.Append([]byte("late")); !errors.Is(err, files.ErrCrashed) {
		t.Errorf("a process that is gone writes: %v", err)
	}
}

func TestPowerFailureLosesWhatWasNotSynced(t *testing.T) {
	lost := false
	for seed := range uint64(20) {
		d := disk.New(random(seed))
		_, dir := d.Open(disk.Watch{})
		log, err := wal.Open(dir, "log", zeros{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(log.Append([]byte("0")), log.Sync(), log.Append([]byte("1"))); err != nil {
			t.Fatal(err)
		}
		d.Crash()
		_, dir = d.Open(disk.Watch{})
		switch n := records(t, dir); n {
		case 1:
			lost = true
		case 2:
		default:
			t.Errorf("%d records", n)
		}
	}
	if !lost {
		t.Error("nothing was ever lost")
	}
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// An image comes back as a whole, or one file of it alone; what an earlier process holds is
// dead, and a file that the image has not is gone.
func TestImages(t *testing.T) {
	d := disk.New(random(1))
	blank := d.Image()
	if !d.Blank() {
		t.Error("a new disk is not blank")
	}
	s, dir := d.Open(disk.Watch{})
	write := func(name, value string) {
		t.Helper()
		f, err := dir.Create(name)
		if err == nil {
			_, err = f.WriteAt([]byte(value), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		f, err := dir.Open(name)
		if err != nil {
			return ""
		}
		content := make([]byte, 5)
		n, _ := f.ReadAt(content, 0)
		return string(content[:n])
	}
	state := func(value string) {
		t.Helper()
		if err := put(s, "state", value); err != nil {
			t.Fatal(err)
		}
	}
	is := func(journal, pool, value string) {
		t.Helper()
		s, dir = d.Open(disk.Watch{})
		if read("journal") != journal || read("pool") != pool || get(t, s, "state") != value || d.Blank() != (value == "") {
			t.Errorf("journal %q, pool %q, state %q", read("journal"), read("pool"), get(t, s, "state"))
		}
	}
	write("journal", "older")
	write("pool", "a")
	state("1")
	before := d.Image()
	write("journal", "new")
	write("pool", "b")
	state("2")

	old := s
	d.RestoreFile(before, "journal")
	if err := put(old, "state", "3"); err == nil {
		t.Error("an earlier process goes on")
	}
	is("older", "b", "2")
	d.RestoreFile(blank, "journal")
	is("", "b", "2")
	d.Restore(before)
	is("older", "a", "1")
	d.Crash() // a backup is all there
	is("older", "a", "1")
	d.Restore(blank)
	is("", "", "")
}
