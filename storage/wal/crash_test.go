package wal

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"minimint/storage/disk"
)

// groups is a log of three groups, the last of which is not synced. Record
// lengths differ and cross sectors.
var groups = [][]string{
	{"a", "bb", strings.Repeat("c", 600)},
	{"dddd", ""},
	{strings.Repeat("e", 300), "f", strings.Repeat("g", 900), "h"},
}

func writeGroups(t rapid.TB, groups [][]string) (content []byte, ends []int64) {
	t.Helper()
	d := disk.NewMemory()
	l := mustOpen(t, d)
	ends = append(ends, l.Size())
	for i, group := range groups {
		appendAll(t, l, group...)
		ends = append(ends, l.Size())
		if i < len(groups)-1 {
			must(t, l.Sync())
		}
	}
	return fileBytes(t, d), ends
}

// TestCrashAtEveryByte: wherever the file ends after a crash, Open finds the
// whole records before that point, and after it the log goes on.
func TestCrashAtEveryByte(t *testing.T) {
	t.Parallel()
	content, ends := writeGroups(t, groups)
	all := slices.Concat(groups...)
	for cut := range len(content) + 1 {
		d := putFile(t, content[:cut])
		l, err := openLog(d)
		if int64(cut) < ends[0] {
			// No crash leaves this: the name comes after the preamble.
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("cut at %d: %v, want ErrCorrupt", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole, at := 0, ends[0]
		for _, record := range all {
			if at += headerBytes + int64(len(record)); at > int64(cut) {
				at -= headerBytes + int64(len(record))
				break
			}
			whole++
		}
		expect(t, l, all[:whole]...)
		if l.Truncated() != int64(cut)-at {
			t.Fatalf("cut at %d: truncated %d, want %d", cut, l.Truncated(), int64(cut)-at)
		}
		appendAll(t, l, "next")
		must(t, l.Sync(), l.Close())
		l = mustOpen(t, d)
		expect(t, l, append(slices.Clone(all[:whole]), "next")...)
		if l.Truncated() != 0 {
			t.Fatalf("cut at %d: the repaired log is torn", cut)
		}
	}
}

// TestDamageAtEveryByte: damage to what was durable before something later was
// written is corruption; damage to the last group is a torn tail, even where
// whole records follow.
func TestDamageAtEveryByte(t *testing.T) {
	t.Parallel()
	content, ends := writeGroups(t, groups)
	all := slices.Concat(groups...)
	for at := range content {
		damaged := bytes.Clone(content)
		damaged[at] ^= 0x10
		d := putFile(t, damaged)
		l, err := openLog(d)
		if int64(at) < ends[2] {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("damage at %d: %v, want ErrCorrupt", at, err)
			}
			if !bytes.Equal(fileBytes(t, d), damaged) {
				t.Fatalf("damage at %d: Open has changed the evidence", at)
			}
			continue
		}
		if err != nil {
			t.Fatalf("damage at %d: %v", at, err)
		}
		got := records(t, l)
		if len(got) < 5 || len(got) >= len(all) || !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("damage at %d: %q", at, got)
		}
	}
}

// TestRewrittenIsVouchedFor: a rewritten log has no later groups that vouch
// for the earlier ones, nor needs it.
func TestRewrittenIsVouchedFor(t *testing.T) {
	t.Parallel()
	d := disk.NewMemory()
	l := mustOpen(t, d)
	must(t, l.Rewrite(Of([]byte("one"), []byte("two"))))
	rewritten := l.Size()
	appendAll(t, l, "three")
	content := fileBytes(t, d)
	for at := range content {
		damaged := bytes.Clone(content)
		damaged[at] ^= 0x10
		if _, err := openLog(putFile(t, damaged)); errors.Is(err, ErrCorrupt) != (int64(at) < rewritten) {
			t.Fatalf("damage at %d of %d: %v", at, rewritten, err)
		}
	}
	if _, err := openLog(putFile(t, content[:rewritten-1])); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a shortened rewritten log: %v", err)
	}
}

// TestPayloadsDoNotPassForRecords: a client that expects a crash hides headers
// in what it sends, so that the tail which the crash tears looks like
// corruption and the node does not start again. Without the salt it cannot.
func TestPayloadsDoNotPassForRecords(t *testing.T) {
	t.Parallel()
	forged := func(guess uint64) error {
		d := disk.NewMemory()
		l := mustOpen(t, d)
		appendAll(t, l, "durable")
		must(t, l.Sync())
		first := l.Size()
		inside := first + headerBytes // the attacker even knows the position
		payload := appendRecord(nil, header{salt: guess, position: inside, synced: inside}, []byte("x"))
		must(t, l.Append(payload, []byte("whole, behind the gap")))
		content := fileBytes(t, d)
		content[first] ^= 1 // its own header is torn
		_, err := openLog(putFile(t, content))
		return err
	}
	if err := forged(salt + 1); err != nil {
		t.Errorf("forged without the salt: %v", err)
	}
	if err := forged(salt); !errors.Is(err, ErrCorrupt) {
		t.Errorf("forged with the salt: %v; this test does not test", err)
	}
}

// TestEveryStep lets the power fail before every change of the disk, and every
// change fail once, in a run of all that a log does.
func TestEveryStep(t *testing.T) {
	t.Parallel()
	for step := 1; ; step++ {
		reached := false
		for seed := range uint64(20) {
			d := disk.NewMemory()
			if seed == 0 {
				d.FailOnce(step)
			} else {
				d.StopAt(step)
			}
			r := run{disk: d}
			r.script()
			if r.failed == nil {
				break // the run has fewer steps
			}
			reached = true
			d.Crash(seed)
			r.verify(t, step, seed)
		}
		if !reached {
			if step < 15 {
				t.Errorf("the run has only %d steps", step)
			}
			return
		}
	}
}

// run knows what a log may hold.
type run struct {
	disk   *disk.Memory
	log    *Log
	failed error
	// durable must be there; more may follow it in this order. If a Rewrite
	// was cut off, other is the second possibility.
	durable, more []string
	other         []string
	rewriting     bool
}

func (r *run) script() {
	r.open()
	r.append("one", "two")
	r.sync()
	r.append(strings.Repeat("three", 300))
	r.append("four")
	r.sync()
	r.rewrite("two", "four")
	r.append("five")
	r.sync()
	r.append("six")
	r.rewrite("five")
	r.append("seven")
}

func (r *run) do(step func() error) bool {
	if r.failed == nil {
		r.failed = step()
	}
	return r.failed == nil
}

func (r *run) open() {
	r.do(func() (err error) {
		r.log, err = openLog(r.disk)
		return err
	})
}

func (r *run) append(texts ...string) {
	r.do(func() error {
		var records [][]byte
		for _, text := range texts {
			records = append(records, []byte(text))
		}
		r.more = append(r.more, texts...)
		return r.log.Append(records...)
	})
}

func (r *run) sync() {
	if r.do(func() error { return r.log.Sync() }) {
		r.durable, r.more = append(r.durable, r.more...), nil
	}
}

func (r *run) rewrite(texts ...string) {
	if r.failed == nil {
		r.rewriting, r.other = true, texts
	}
	if r.do(func() error {
		var records [][]byte
		for _, text := range texts {
			records = append(records, []byte(text))
		}
		return r.log.Rewrite(Of(records...))
	}) {
		r.durable, r.more, r.rewriting = texts, nil, false
	}
}

func (r *run) verify(t *testing.T, step int, seed uint64) {
	t.Helper()
	l, err := openLog(r.disk)
	if err != nil {
		t.Fatalf("step %d, seed %d: %v", step, seed, err)
	}
	got := records(t, l)
	if r.rewriting && slices.Equal(got, r.other) {
		return
	}
	if len(got) < len(r.durable) || !hasPrefix(slices.Concat(r.durable, r.more), got) {
		t.Fatalf("step %d, seed %d: %q, want %q and perhaps %q", step, seed, got, r.durable, r.more)
	}
}

func hasPrefix(all, prefix []string) bool {
	return len(prefix) <= len(all) && slices.Equal(all[:len(prefix)], prefix)
}

// TestLogAgainstModel is TestEveryStep with drawn runs and crash upon crash.
func TestLogAgainstModel(t *testing.T) {
	t.Parallel()
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.StringN(0, 3, 6).Draw(t, "text"), rapid.SampledFrom([]int{1, 1, 200}).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		d := disk.NewMemory()
		l := mustOpen(t, d)
		var durable, more []string
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				texts := rapid.SliceOfN(text, 1, 4).Draw(t, "records")
				appendAll(t, l, texts...)
				more = append(more, texts...)
			},
			"sync": func(t *rapid.T) {
				must(t, l.Sync())
				durable, more = append(durable, more...), nil
			},
			"rewrite": func(t *rapid.T) {
				all := slices.Concat(durable, more)
				durable, more = all[rapid.IntRange(0, len(all)).Draw(t, "drop"):], nil
				var kept [][]byte
				for _, r := range durable {
					kept = append(kept, []byte(r))
				}
				must(t, l.Rewrite(Of(kept...)))
			},
			"crash": func(t *rapid.T) {
				d.Crash(rapid.Uint64().Draw(t, "seed"))
				l = mustOpen(t, d)
				got := records(t, l)
				if len(got) < len(durable) || !hasPrefix(slices.Concat(durable, more), got) {
					t.Fatalf("%q, want %q and perhaps %q", got, durable, more)
				}
				durable, more = got, nil
			},
			"": func(t *rapid.T) { expect(t, l, slices.Concat(durable, more)...) },
		})
	})
}

// FuzzOpen: no bytes make Open panic; what it accepts, it accepts again as it
// is, and what it refuses, it leaves alone.
func FuzzOpen(f *testing.F) {
	// Small seeds: the fuzzer spends its time on making inputs smaller.
	content, ends := writeGroups(f, [][]string{{"a"}, {"bb", ""}, {"c"}})
	f.Add(content, uint8(0))
	f.Add(content[:len(content)-5], uint8(0))
	f.Add(slices.Concat(content[:ends[1]], content[ends[2]:]), uint8(1))
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, behindPreamble uint8) {
		if behindPreamble > 0 { // let the fuzzer reach the records
			b = append(preamble{salt: salt, base: int64(preambleBytes)}.encode(), b...)
		}
		d := putFile(t, b)
		l, err := openLog(d)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || !bytes.Equal(fileBytes(t, d), b) {
				t.Fatalf("refused with %v, or changed", err)
			}
			return
		}
		got := records(t, l)
		appendAll(t, l, "next")
		must(t, l.Sync(), l.Close())
		l = mustOpen(t, d)
		if l.Truncated() != 0 {
			t.Fatal("torn again")
		}
		expect(t, l, append(got, "next")...)
	})
}
