package hbbft

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/storage/disk"
)

func journalConfig(d disk.Disk, members int) Config {
	return Config{Core: honeybadger.Config{Members: members}, Disk: d, File: "journal", Rand: rand.Reader}
}

func drawMark(t *rapid.T, members int) mark {
	m := mark{silent: messages.Epoch(rapid.Uint64().Draw(t, "silent")), said: rapid.Uint64().Draw(t, "said")}
	m.heard = rapid.SliceOfN(rapid.Uint64(), members, members).Draw(t, "heard")
	m.position.Next = messages.Epoch(rapid.Uint64().Draw(t, "next"))
	m.position.Certified = messages.Epoch(rapid.Uint64Range(0, uint64(m.position.Next)).Draw(t, "certified"))
	for i := range m.position.Absences {
		a := &m.position.Absences[i]
		if a.Known = rapid.Bool().Draw(t, "known"); a.Known && rapid.Bool().Draw(t, "some") {
			a.Absent = rapid.SliceOfN(rapid.Bool(), members, members).Draw(t, "absent")
		}
	}
	return m
}

// TestMarkRoundTrip: a mark is read back as it was written, and nothing shorter
// or longer is a mark.
func TestMarkRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.IntRange(1, 20).Draw(t, "members")
		m := drawMark(t, members)
		b := encodeMark(m, members)[1:]
		got, ok := decodeMark(b, members)
		if !ok || fmt.Sprint(got) != fmt.Sprint(m) {
			t.Fatalf("%+v, %t, want %+v", got, ok, m)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, ok := decodeMark(b[:cut], members); ok {
			t.Fatalf("%d of %d bytes are a mark", cut, len(b))
		}
		if _, ok := decodeMark(append(slices.Clone(b), 0), members); ok {
			t.Fatal("a mark and one byte are a mark")
		}
	})
}

// TestJournalRewrites: whatever is written, the journal holds what is live, in
// order, and stays within twice that and a constant.
func TestJournalRewrites(t *testing.T) {
	d := disk.NewMemory()
	j, err := openJournal(journalConfig(d, 4))
	if err != nil {
		t.Fatal(err)
	}
	var live []honeybadger.Record
	for i := range 100 {
		r := honeybadger.Record{Epoch: messages.Epoch(i), Statement: frames.Value{Proposer: 1, Payload: make([]byte, frames.MaxPayload)}}
		live = append(live, r)
		if len(live) > 3 {
			live = live[1:]
		}
		j.mark.position.Next = messages.Epoch(i)
		if err := j.write([]honeybadger.Record{r}, true, func() []honeybadger.Record { return live }); err != nil {
			t.Fatal(err)
		}
		if size := j.log.Size(); size > rewriteBytes+frames.MaxPayload+1024 {
			t.Fatalf("%d bytes after %d records", size, i+1)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	d.Crash(1)
	back, err := openJournal(journalConfig(d, 4))
	if err != nil {
		t.Fatal(err)
	}
	if !back.marked || back.mark.position.Next != 99 {
		t.Errorf("mark %+v", back.mark)
	}
	if n := len(back.restored); n < 3 || back.restored[n-1].Epoch != 99 {
		t.Errorf("%d records", n)
	}
	if err := back.close(); err != nil {
		t.Error(err)
	}
}

// TestOtherErasAreForgotten: records of another era mean nothing in this one.
func TestOtherErasAreForgotten(t *testing.T) {
	d := disk.NewMemory()
	for era, want := range []int{0, 0, 0} {
		cfg := journalConfig(d, 4)
		cfg.Core.Era = messages.Era(era)
		j, err := openJournal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if len(j.restored) != want {
			t.Errorf("era %d restores %d records", era, len(j.restored))
		}
		if err := errors.Join(j.write([]honeybadger.Record{{Statement: frames.Term{}}}, false, nil), j.close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignJournal: records that this member cannot have written are an error.
func TestForeignJournal(t *testing.T) {
	statement := func(f frames.Frame) []byte { return append([]byte{kindStatement}, frames.Encode(f)...) }
	for name, record := range map[string][]byte{
		"empty":            {},
		"unknown kind":     {9},
		"short mark":       {kindMark, 0},
		"junk":             {kindStatement, 0xff},
		"no statement":     statement(frames.Frame{Epoch: 1}),
		"unknown proposer": statement(frames.Frame{Statements: []frames.Statement{frames.Term{Proposer: 4}}}),
		"two statements":   statement(frames.Frame{Statements: []frames.Statement{frames.Term{}, frames.Term{Proposer: 1}}}),
	} {
		j, err := openJournal(journalConfig(disk.NewMemory(), 4))
		if err != nil {
			t.Fatal(err)
		}
		if err := j.read(record); !errors.Is(err, errRecord) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := j.close(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzMark(f *testing.F) {
	f.Add(encodeMark(mark{}, 4)[1:])
	f.Add(encodeMark(mark{position: honeybadger.Position{Next: 9, Certified: 8, Absences: [honeybadger.MaxOpen]honeybadger.Absence{
		{Known: true}, {Known: true, Absent: make([]bool, 4)},
	}}}, 4)[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := decodeMark(b, 4)
		if !ok {
			return
		}
		if again, ok := decodeMark(encodeMark(m, 4)[1:], 4); !ok || fmt.Sprint(again) != fmt.Sprint(m) {
			t.Fatalf("%+v becomes %+v", m, again)
		}
	})
}
