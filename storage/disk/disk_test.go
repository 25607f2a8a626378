package disk_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/storage/disk"
)

func write(t rapid.TB, d disk.Disk, name, content string) disk.File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t rapid.TB, d disk.Disk, name string) string {
	t.Helper()
	f, err := d.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return content(t, f)
}

func content(t rapid.TB, f disk.File) string {
	t.Helper()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) {
		t.Fatalf("read %d bytes of %d: %v", n, len(b), err)
	}
	return string(b)
}

func must(t rapid.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestContract: both implementations keep the promises of the interfaces.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) disk.Disk{
		"Memory": func(*testing.T) disk.Disk { return disk.NewMemory() },
		"Dir": func(t *testing.T) disk.Disk {
			d, err := disk.OpenDir(filepath.Join(t.TempDir(), "new"))
			must(t, err)
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			for what, err := range map[string]error{
				"Open":   second(d.Open("absent")),
				"Remove": d.Remove("absent"),
				"Rename": d.Rename("absent", "other"),
			} {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s of an absent file: %v", what, err)
				}
			}
			f := write(t, d, "a", "hello")
			_, err := f.WriteAt([]byte("world"), 7)
			must(t, err, f.Sync())
			if got := content(t, f); got != "hello\x00\x00world" {
				t.Errorf("got %q", got)
			}
			if n, err := f.ReadAt(make([]byte, 4), 10); n != 2 || !errors.Is(err, io.EOF) {
				t.Errorf("read across the end: %d bytes, %v", n, err)
			}
			if n, err := f.ReadAt(make([]byte, 4), 12); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("read at the end: %d bytes, %v", n, err)
			}
			must(t, f.Truncate(4), f.Truncate(6))
			if got := content(t, f); got != "hell\x00\x00" {
				t.Errorf("truncated to %q", got)
			}
			g := write(t, d, "b", "replaced")
			must(t, d.Rename("a", "b"), d.Sync())
			if got := read(t, d, "b"); got != "hell\x00\x00" {
				t.Errorf("renamed file holds %q", got)
			}
			if got := content(t, g); got != "replaced" {
				t.Errorf("the file that was replaced under its user holds %q", got)
			}
			must(t, g.Close(), f.Close(), write(t, d, "b", "").Close())
			if got := read(t, d, "b"); got != "" {
				t.Errorf("created again, it holds %q", got)
			}
			must(t, d.Remove("b"), d.Sync())
			if err := second(d.Open("b")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("removed file: %v", err)
			}
			if err := second(f.WriteAt([]byte("x"), 0)); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("write to a closed file: %v", err)
			}
			for _, name := range []string{"", ".", "..", "a/b", "/a", "../a"} {
				expectPanic(t, name, func() { _, _ = d.Create(name) })
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func expectPanic(t *testing.T, what string, fn func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%q: no panic", what)
		}
	}()
	fn()
}

func TestDirIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new")
	d, err := disk.OpenDir(path)
	must(t, err, write(t, d, "file", "").Close())
	for name, want := range map[string]os.FileMode{path: 0o700, filepath.Join(path, "file"): 0o600} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
	again, err := disk.OpenDir(path)
	must(t, err)
	if got := read(t, again, "file"); got != "" {
		t.Errorf("got %q", got)
	}
	if _, err := disk.OpenDir(filepath.Join(path, "file")); err == nil {
		t.Error("opens a file as a directory")
	}
	if _, err := disk.OpenDir(filepath.Join(path, "missing", "deep")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory in a missing one: %v", err)
	}
}

// TestSyncedSurvives: whatever a crash takes, it is nothing that was synced;
// and whatever it leaves was there before.
func TestSyncedSurvives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := disk.NewMemory()
		f := write(t, d, "log", "")
		must(t, f.Sync(), d.Sync())
		piece := rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 700)
		var synced, all []byte
		for range rapid.IntRange(1, 6).Draw(t, "appends") {
			p := piece.Draw(t, "piece")
			_, err := f.WriteAt(p, int64(len(all)))
			must(t, err)
			all = append(all, p...)
			if rapid.Bool().Draw(t, "sync") {
				must(t, f.Sync())
				synced = all
			}
		}
		d.Crash(rapid.Uint64().Draw(t, "seed"))
		if err := f.Sync(); !errors.Is(err, disk.ErrCrashed) {
			t.Fatalf("a file from before the crash: %v", err)
		}
		got := []byte(read(t, d, "log"))
		if !bytes.HasPrefix(got, synced) || len(got) > len(all) {
			t.Fatalf("%d bytes left of %d, %d of them synced", len(got), len(all), len(synced))
		}
		d.Crash(0)
		if again := []byte(read(t, d, "log")); !bytes.Equal(again, got) {
			t.Fatal("a second crash changes what the first one left")
		}
	})
}

// TestCrashesDiffer: seeds reach every kind of outcome, and a seed always the
// same one.
func TestCrashesDiffer(t *testing.T) {
	t.Parallel()
	old := string(bytes.Repeat([]byte("o"), 600))
	tail := string(bytes.Repeat([]byte("n"), 2000))
	outcome := func(seed uint64) (kind, left string) {
		d := disk.NewMemory()
		f := write(t, d, "f", old)
		must(t, f.Sync(), d.Sync())
		_, err := f.WriteAt([]byte(tail), int64(len(old)))
		must(t, err)
		d.Crash(seed)
		left = read(t, d, "f")
		switch rest := left[len(old):]; {
		case rest == "":
			return "lost", left
		case rest == tail:
			return "kept", left
		case rest == tail[:len(rest)]:
			return "cut", left
		default:
			return "gaps", left
		}
	}
	seen := map[string]int{}
	for seed := range uint64(200) {
		kind, left := outcome(seed)
		seen[kind]++
		if _, again := outcome(seed); again != left {
			t.Fatalf("seed %d: two outcomes", seed)
		}
	}
	for _, kind := range []string{"lost", "kept", "cut", "gaps"} {
		if seen[kind] < 10 {
			t.Errorf("%q happens %d times in 200", kind, seen[kind])
		}
	}
}

// TestNamesNeedSync: names that were not synced may be lost, in order.
func TestNamesNeedSync(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for seed := range uint64(100) {
		d := disk.NewMemory()
		must(t, write(t, d, "old", "").Sync(), d.Sync())
		must(t, write(t, d, "new", "x").Sync(), d.Rename("new", "old"), d.Remove("old"))
		d.Crash(seed)
		state := ""
		for _, name := range []string{"old", "new"} {
			if f, err := d.Open(name); err == nil {
				state += name + "=" + content(t, f) + " "
			}
		}
		seen[state] = true
	}
	for _, want := range []string{"old= ", "old= new=x ", "old=x ", ""} {
		if !seen[want] {
			t.Errorf("a crash never leaves %q", want)
		}
	}
	if len(seen) != 4 {
		t.Errorf("crashes leave %v", seen)
	}
}

// TestOverwrittenComesBack: a durable part that was cut or overwritten is old
// or new, nothing else, and new only after Sync.
func TestOverwrittenComesBack(t *testing.T) {
	t.Parallel()
	overwrite := func(f disk.File) error { return second(f.WriteAt([]byte("D"), 0)) }
	for _, c := range []struct {
		name    string
		do      func(f disk.File) error
		outcome []string
	}{
		{"overwritten", overwrite, []string{"Durable", "durable"}},
		{"cut", func(f disk.File) error { return f.Truncate(5) }, []string{"durab", "durabl", "durable"}},
		{
			"cut and overwritten",
			func(f disk.File) error { return errors.Join(f.Truncate(6), overwrite(f)) },
			[]string{"Durabl", "Durable", "durabl", "durable"},
		},
		{
			"overwritten and synced",
			func(f disk.File) error { return errors.Join(overwrite(f), f.Sync()) },
			[]string{"Durable"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for seed := range uint64(200) {
				d := disk.NewMemory()
				f := write(t, d, "f", "durable")
				must(t, f.Sync(), d.Sync(), c.do(f))
				d.Crash(seed)
				seen[read(t, d, "f")] = true
			}
			if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, c.outcome) {
				t.Errorf("crashes leave %q, want %q", got, c.outcome)
			}
		})
	}
}

func TestPlannedFaults(t *testing.T) {
	t.Parallel()
	d := disk.NewMemory()
	f := write(t, d, "f", "1")
	d.FailOnce(2)
	must(t, f.Sync())
	if err := f.Sync(); !errors.Is(err, disk.ErrInjected) {
		t.Errorf("second change: %v", err)
	}
	must(t, f.Sync(), d.Sync())
	d.StopAt(2)
	_, err := f.WriteAt([]byte("22"), 0)
	must(t, err)
	for range 2 {
		for what, err := range map[string]error{
			"sync": f.Sync(), "read": second(f.ReadAt(make([]byte, 1), 0)), "size": second(f.Size()),
			"open": second(d.Open("f")), "create": second(d.Create("g")), "remove": d.Remove("f"),
			"rename": d.Rename("f", "g"), "sync names": d.Sync(), "close": f.Close(),
		} {
			if !errors.Is(err, disk.ErrCrashed) {
				t.Errorf("%s without power: %v", what, err)
			}
		}
	}
	d.Crash(1)
	if got := read(t, d, "f"); got != "1" && got != "2" && got != "22" {
		t.Errorf("left: %q", got)
	}
}

// TestReplaceIsAtomic: wherever the power fails there is the old file or the new one,
// and the new one once Replace has returned.
func TestReplaceIsAtomic(t *testing.T) {
	t.Parallel()
	for stop := 1; ; stop++ {
		var replaced error
		for seed := range uint64(20) {
			d := disk.NewMemory()
			must(t, disk.Replace(d, "f", []byte("old")))
			write(t, d, "f.new", "leftover, and longer")
			d.StopAt(stop)
			replaced = disk.Replace(d, "f", []byte("new"))
			d.Crash(seed)
			if got := read(t, d, "f"); got != "new" && (got != "old" || replaced == nil) {
				t.Fatalf("stopped at change %d: %q, although Replace returned %v", stop, got, replaced)
			}
		}
		if replaced == nil {
			return
		}
	}
}
