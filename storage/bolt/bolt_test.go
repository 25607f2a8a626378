package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"minimint/storage"
	"minimint/storage/storagetest"
)

func mustOpen(t testing.TB, path string, options Options) *Store {
	t.Helper()
	s, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openNoSync(t *testing.T) storage.Store {
	return mustOpen(t, filepath.Join(t.TempDir(), "store"), Options{NoSync: true})
}

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, openNoSync)
}

func TestContractReopen(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) storage.Store {
		return mustOpen(t, filepath.Join(t.TempDir(), "store"), Options{})
	}
	storagetest.RunReopen(t, open, func(t *testing.T, old storage.Store) storage.Store {
		if err := old.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		return mustOpen(t, old.(*Store).path, Options{})
	})
}

func put(s *Store, key string, value []byte) error {
	return s.Update(func(tx storage.Tx) error { tx.Put([]byte(key), value); return nil })
}

func get(t *testing.T, s *Store, key string) []byte {
	t.Helper()
	snapshot, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Release()
	return bytes.Clone(snapshot.Get([]byte(key)))
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, filepath.Join(t.TempDir(), "store"), Options{})
	defer s.Close()
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if info.Size() > 2<<20 {
		t.Errorf("an empty store takes %d bytes: the reserve is on disk", info.Size())
	}
}

func TestOpenErrorsAdvise(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("garbage "), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	holder := mustOpen(t, locked, Options{})
	defer holder.Close()
	for _, c := range []struct{ name, path, want string }{
		{"locked", locked, "another process holds the lock"},
		{"garbage", garbage, "damaged or not a store"},
		{"no directory", filepath.Join(dir, "missing", "store"), "no such file"},
		{"a directory", dir, "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(c.path, Options{LockTimeout: time.Millisecond})
			if err == nil {
				s.Close()
				t.Fatal("opens")
			}
			for _, want := range []string{"open store " + c.path, c.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
		})
	}
}

// TestFailedCommitBreaksTheStore makes the file hit a size limit.
func TestFailedCommitBreaksTheStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store")
	config := *bbolt.DefaultOptions
	config.MaxSize = 4 << 20
	s, err := open(path, &config)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(s, "small", []byte("fits")); err != nil {
		t.Fatal(err)
	}
	err = put(s, "large", make([]byte, 5<<20))
	if err == nil || errors.Is(err, storage.ErrBroken) || !strings.Contains(err.Error(), "commit to store "+path) {
		t.Fatalf("commit beyond the limit: %v", err)
	}
	if err := put(s, "small", []byte("again")); !errors.Is(err, storage.ErrBroken) {
		t.Errorf("Update after a failed commit: %v, want ErrBroken", err)
	}
	if _, err := s.View(); !errors.Is(err, storage.ErrBroken) {
		t.Errorf("View after a failed commit: %v, want ErrBroken", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path, Options{})
	defer s.Close()
	if got := get(t, s, "small"); string(got) != "fits" {
		t.Errorf("after reopening: %q, want what was committed", got)
	}
	if got := get(t, s, "large"); got != nil {
		t.Errorf("after reopening: %d bytes of the failed commit", len(got))
	}
}

// TestSnapshotDoesNotBlockGrowth holds a snapshot while the file outgrows
// every mapping that bbolt would have chosen for it. Without the reserve the
// commit would wait for the snapshot, which waits for the commit.
func TestSnapshotDoesNotBlockGrowth(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, filepath.Join(t.TempDir(), "store"), Options{NoSync: true})
	defer s.Close()
	snapshot, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Release()
	value := make([]byte, 1<<20)
	for i := range 8 {
		if err := put(s, fmt.Sprint(i), value); err != nil {
			t.Fatal(err)
		}
	}
	if snapshot.Get([]byte("0")) != nil {
		t.Error("the snapshot has changed")
	}
}

// TestKill ends a process in the middle of its work, with no chance to clean
// up, and opens what it leaves behind. The child is this test again.
func TestKill(t *testing.T) {
	if path := os.Getenv("BOLT_TEST_CHILD"); path != "" {
		s, err := Open(path, Options{})
		for i := 0; err == nil; i++ {
			err = put(s, "counter", fmt.Append(nil, i))
			fmt.Println(i)
		}
		fmt.Println(err)
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store")
	child := exec.Command(os.Args[0], "-test.run=^TestKill$")
	child.Env = append(os.Environ(), "BOLT_TEST_CHILD="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := -1
	for said < 20 {
		if _, err := fmt.Fscanln(out, &said); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for { // what it said before it died
		if _, err := fmt.Fscanln(out, &said); err != nil {
			break
		}
	}
	_ = child.Wait() // always "killed"

	s := mustOpen(t, path, Options{})
	defer s.Close()
	var kept int
	if _, err := fmt.Sscan(string(get(t, s, "counter")), &kept); err != nil {
		t.Fatal(err)
	}
	if kept != said && kept != said+1 {
		t.Errorf("the process reported commit %d, the file holds %d", said, kept)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := mustOpen(b, filepath.Join(b.TempDir(), "store"), Options{})
			defer s.Close()
			value := make([]byte, 100)
			for i := 0; b.Loop(); i++ {
				err := s.Update(func(tx storage.Tx) error {
					for j := range n {
						tx.Put(fmt.Appendf(nil, "%08x", uint32(i*n+j)*2654435761), value)
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
