package wal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"minimint/storage/disk"
)

// salt is what tests draw for a new log.
const salt = 0x0123456789abcdef

func saltBytes() *bytes.Reader { return bytes.NewReader(byteOrder.AppendUint64(nil, salt)) }

func openLog(d disk.Disk) (*Log, error) { return Open(d, "log", saltBytes()) }

func mustOpen(t rapid.TB, d disk.Disk) *Log {
	t.Helper()
	l, err := openLog(d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func must(t rapid.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func records(t rapid.TB, l *Log) []string {
	t.Helper()
	got := []string{}
	for record, err := range l.Records() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(record))
	}
	return got
}

func expect(t rapid.TB, l *Log, want ...string) {
	t.Helper()
	if got := records(t, l); !slices.Equal(got, want) {
		t.Fatalf("records %q, want %q", got, want)
	}
}

func appendAll(t rapid.TB, l *Log, texts ...string) {
	t.Helper()
	var b [][]byte
	for _, text := range texts {
		b = append(b, []byte(text))
	}
	must(t, l.Append(b...))
}

// fileBytes and putFile read and replace the file behind a log.
func fileBytes(t rapid.TB, d disk.Disk) []byte {
	t.Helper()
	f, err := d.Open("log")
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	must(t, readFull(f, b, 0))
	return b
}

func putFile(t rapid.TB, content []byte) *disk.Memory {
	t.Helper()
	d := disk.NewMemory()
	f, err := d.Create("log")
	must(t, err)
	_, err = f.WriteAt(content, 0)
	must(t, err, f.Sync(), d.Sync(), f.Close())
	return d
}

func TestLog(t *testing.T) {
	t.Parallel()
	dir, err := disk.OpenDir(filepath.Join(t.TempDir(), "logs"))
	must(t, err)
	for name, d := range map[string]disk.Disk{"Memory": disk.NewMemory(), "Dir": dir} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := mustOpen(t, d)
			expect(t, l)
			large := strings.Repeat("large", bufferBytes)
			appendAll(t, l, "one", "", large)
			must(t, l.Append())
			expect(t, l, "one", "", large)
			must(t, l.Sync(), l.Sync())
			appendAll(t, l, "three")
			must(t, l.Sync(), l.Close(), l.Close())

			l = mustOpen(t, d)
			expect(t, l, "one", "", large, "three")
			if l.Truncated() != 0 || l.Size() != int64(len(fileBytes(t, d))) {
				t.Errorf("truncated %d, size %d", l.Truncated(), l.Size())
			}
			before := l.Size()
			must(t, l.Rewrite(dropLarge(l)))
			expect(t, l, "one", "", "three")
			if l.Size() >= before {
				t.Errorf("%d bytes, rewritten %d", before, l.Size())
			}
			appendAll(t, l, "four")
			must(t, l.Sync(), l.Close())
			l = mustOpen(t, d)
			expect(t, l, "one", "", "three", "four")
			for range l.Records() {
				break
			}
			must(t, l.Rewrite(Of()))
			expect(t, l)
			must(t, l.Close())
			l = mustOpen(t, d)
			expect(t, l)
			must(t, l.Close())
		})
	}
}

// dropLarge is how an owner drops garbage: it filters what is there.
func dropLarge(l *Log) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for record, err := range l.Records() {
			if err == nil && len(record) > 100 {
				continue
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// TestFormat fixes the bytes of a file: logs outlive the program. The bytes
// come from a second implementation of the format.
func TestFormat(t *testing.T) {
	t.Parallel()
	d := disk.NewMemory()
	l := mustOpen(t, d)
	must(t, l.Rewrite(Of([]byte("kept"))))
	appendAll(t, l, "ab", "")
	want := strings.Join([]string{
		"6d696e746c6f6731", "0123456789abcdef", "0000000000000034", "51fdd91d",
		"00000004", "b467b048", "0000000000000000", "2759e88b", "6b657074",
		"00000002", "e2a22936", "0000000000000034", "6b1c4587", "6162",
		"00000000", "00000000", "0000000000000034", "013ac915",
	}, "")
	if got := hex.EncodeToString(fileBytes(t, d)); got != want {
		t.Errorf("file %s, want %s", got, want)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, disk.NewMemory())
	appendAll(t, l, "one")
	must(t, l.Close())
	for what, err := range map[string]error{
		"Append": l.Append([]byte("x")), "Sync": l.Sync(), "Rewrite": l.Rewrite(Of()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	for _, err := range l.Records() {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Records after Close: %v", err)
		}
	}
}

func TestRecordLimit(t *testing.T) {
	t.Parallel()
	d := disk.NewMemory()
	l := mustOpen(t, d)
	limit := make([]byte, MaxRecord+1)
	func() {
		defer func() {
			if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "wal: ") {
				t.Errorf("a record beyond the limit: panic %v", text)
			}
		}()
		_ = l.Append([]byte("fine"), limit)
	}()
	expect(t, l)
	must(t, l.Append(limit[:MaxRecord]), l.Sync())
	if l.buffer != nil {
		t.Errorf("the log keeps %d bytes", cap(l.buffer))
	}
	must(t, l.Close())
	l = mustOpen(t, d)
	if got := records(t, l); len(got) != 1 || len(got[0]) != MaxRecord {
		t.Errorf("%d records", len(got))
	}
}

func TestFailedRewriteChangesNothing(t *testing.T) {
	t.Parallel()
	errSource := errors.New("source")
	d := disk.NewMemory()
	l := mustOpen(t, d)
	appendAll(t, l, "one", "two")
	err := l.Rewrite(func(yield func([]byte, error) bool) {
		_ = yield([]byte("one"), nil) && yield(nil, errSource)
	})
	if !errors.Is(err, errSource) {
		t.Errorf("Rewrite: %v, want the error of its source", err)
	}
	if _, err := d.Open("log.new"); err == nil {
		t.Error("the unfinished file is still there")
	}
	expect(t, l, "one", "two")
	appendAll(t, l, "three")
	must(t, l.Sync(), l.Close())
	expect(t, mustOpen(t, d), "one", "two", "three")
}

// TestBrokenLogStaysBroken: after a failed flush the data may be gone although
// the next flush succeeds.
func TestBrokenLogStaysBroken(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int{"Append": 1, "Sync": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := disk.NewMemory()
			l := mustOpen(t, d)
			appendAll(t, l, "one")
			must(t, l.Sync())
			d.FailOnce(at)
			if err := errors.Join(l.Append([]byte("two")), l.Sync()); !errors.Is(err, disk.ErrInjected) {
				t.Fatalf("no error: %v", err)
			}
			for what, err := range map[string]error{
				"Append": l.Append([]byte("three")), "Sync": l.Sync(), "Rewrite": l.Rewrite(Of()),
			} {
				if !errors.Is(err, disk.ErrInjected) {
					t.Errorf("%s: %v, want the first error", what, err)
				}
			}
			must(t, l.Close())
			got := records(t, mustOpen(t, d))
			if !slices.Equal(got, []string{"one"}) && !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("reopened: %q", got)
			}
		})
	}
}

// TestOpenMakesDurable: a process dies before Sync, its successor reads from
// the memory of the machine, acts on it, and then the power fails.
func TestOpenMakesDurable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		d := disk.NewMemory()
		l := mustOpen(t, d)
		appendAll(t, l, "one", strings.Repeat("two", 400))
		got := records(t, mustOpen(t, d)) // no crash of the machine, no Close
		d.Crash(seed)
		expect(t, mustOpen(t, d), got...)
	}
}

func BenchmarkAppendSync(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d, err := disk.OpenDir(b.TempDir())
			must(b, err)
			l := mustOpen(b, d)
			defer l.Close()
			batch := slices.Repeat([][]byte{make([]byte, 70)}, n)
			for b.Loop() {
				must(b, l.Append(batch...), l.Sync())
			}
		})
	}
}

// unreadable is a disk that cannot open a file although it is there.
type unreadable struct{ *disk.Memory }

func (unreadable) Open(string) (disk.File, error) { return nil, disk.ErrInjected }

// TestUnreadableIsNotNew: only a log that does not exist may be begun anew.
func TestUnreadableIsNotNew(t *testing.T) {
	t.Parallel()
	d := disk.NewMemory()
	l := mustOpen(t, d)
	appendAll(t, l, "one")
	must(t, l.Sync(), l.Close())
	if _, err := openLog(unreadable{d}); !errors.Is(err, disk.ErrInjected) {
		t.Errorf("Open: %v", err)
	}
	expect(t, mustOpen(t, d), "one")
}

func TestNoRandomness(t *testing.T) {
	t.Parallel()
	d := disk.NewMemory()
	if _, err := Open(d, "log", bytes.NewReader(nil)); err == nil {
		t.Error("a log without salt")
	}
	expect(t, mustOpen(t, d))
}
