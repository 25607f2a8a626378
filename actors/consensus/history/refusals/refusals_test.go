package refusals_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"minimint/actors/consensus/history/refusals"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/memory"
)

func write(t *testing.T, s *memory.Store, fn func(storage.Tx)) {
	t.Helper()
	if err := s.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *memory.Store, fn func(storage.Reader)) {
	t.Helper()
	snap, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

func refusal(e messages.Epoch, text string, final bool) refusals.Refusal {
	return refusals.Refusal{
		Epoch: e, Tx: messages.Digest{byte(e), 1},
		Rejection: &messages.Rejection{Code: messages.RejectNoteSpent, Final: final, Text: text},
	}
}

func TestRefusals(t *testing.T) {
	s := memory.New()
	witness := messages.Digest{5}
	for i, c := range []struct{ text, want string }{
		{"plain", "plain"}, {"", ""}, {"cut within \xc3", "cut within \uFFFD"}, {"\xff\xfe", "\uFFFD"}, {"no\x00text", "no\x00text"},
	} {
		write(t, s, func(tx storage.Tx) {
			list := refusals.Read(tx)
			list.Write(tx, witness, refusal(messages.Epoch(i), c.text, i%2 == 0))
		})
		read(t, s, func(r storage.Reader) {
			got, ok := refusals.Find(r, witness)
			want := refusal(messages.Epoch(i), c.want, i%2 == 0)
			if !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %t %+v %+v", c.text, ok, got, got.Rejection)
			}
			if _, ok := refusals.Find(r, messages.Digest{6}); ok {
				t.Error("another form was refused too")
			}
		})
	}
}

// NewestAreRemembered: of any sequence of refusals, also repeated ones, exactly
// the newest are known, each with its newest reason, and the order survives
// restarts.
func TestNewestRefusalsAreRemembered(t *testing.T) {
	s := memory.New()
	const total = refusals.Max + 2500
	witness := func(i int) messages.WitnessID { return messages.Digest{byte(i >> 16), byte(i >> 8), byte(i)} }
	next := 0
	for next < total {
		write(t, s, func(tx storage.Tx) {
			list := refusals.Read(tx)
			for range 2500 {
				list.Write(tx, witness(next), refusal(messages.Epoch(next), "first", true))
				if next%5 == 0 { // one that is refused again and again stays
					list.Write(tx, witness(0), refusal(messages.Epoch(next), "again", true))
				}
				next++
			}
		})
	}
	read(t, s, func(r storage.Reader) {
		count := 0
		for range storage.ScopedReader(r, storage.Local("rejected")).Scan(nil) {
			count++
		}
		if count > refusals.Max || count < refusals.Max*4/5 {
			t.Errorf("%d are remembered", count)
		}
		if got, ok := refusals.Find(r, witness(0)); !ok || got.Rejection.Text != "again" || got.Epoch != total-5 {
			t.Errorf("the repeated one: %t %+v", ok, got)
		}
		if _, ok := refusals.Find(r, witness(1)); ok {
			t.Error("the oldest is remembered")
		}
		for i := total - 1000; i < total; i++ {
			if got, ok := refusals.Find(r, witness(i)); !ok || got.Epoch != messages.Epoch(i) {
				t.Fatalf("refusal %d of %d is forgotten", i, total)
			}
		}
	})
}

// Exactly Max are remembered when none repeats.
func TestRefusalsAreBounded(t *testing.T) {
	s := memory.New()
	write(t, s, func(tx storage.Tx) {
		var list refusals.List
		for i := range refusals.Max + 3 {
			list.Write(tx, messages.Digest{byte(i >> 8), byte(i)}, refusal(1, "x", true))
		}
	})
	read(t, s, func(r storage.Reader) {
		for scope := range map[string]bool{"rejected": true, "rejected-order": true} {
			count := 0
			for range storage.ScopedReader(r, storage.Local(scope)).Scan(nil) {
				count++
			}
			if count != refusals.Max {
				t.Errorf("%s: %d entries", scope, count)
			}
		}
		for i, want := range []bool{false, false, false, true} {
			if _, ok := refusals.Find(r, messages.Digest{0, byte(i)}); ok != want {
				t.Errorf("refusal %d: known %t", i, ok)
			}
		}
	})
}

// A record of wrong form is noticed, not believed.
func TestDamagedRecordsPanic(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"longer":    func(b []byte) []byte { return append(b, 0xff) },
		"nothing":   func([]byte) []byte { return []byte{} },
		"no order":  func(b []byte) []byte { return b[:7] },
		"no record": func(b []byte) []byte { return b[:8] },
	} {
		s := memory.New()
		write(t, s, func(tx storage.Tx) {
			new(refusals.List).Write(tx, messages.Digest{1}, refusal(1, "text", true))
			scoped := storage.Scoped(tx, storage.Local("rejected"))
			scoped.Put(key(1), damage(bytes.Clone(scoped.Get(key(1)))))
		})
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "refusals: stored") {
					t.Errorf("%s: %q", name, text)
				}
			}()
			read(t, s, func(r storage.Reader) { refusals.Find(r, messages.Digest{1}) })
		}()
	}
}

// key is that of a form whose identity begins so.
func key(first byte) []byte {
	witness := messages.Digest{first}
	return witness[:]
}

// FuzzStored puts any bytes where a refusal is: whoever reads it panics and says who
// does, or has a refusal.
func FuzzStored(f *testing.F) {
	s := memory.New()
	if err := s.Update(func(tx storage.Tx) error {
		new(refusals.List).Write(tx, messages.Digest{1}, refusal(3, "spent", true))
		f.Add(bytes.Clone(storage.Scoped(tx, storage.Local("rejected")).Get(key(1))))
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{7: 1})
	f.Fuzz(func(t *testing.T, value []byte) {
		s := memory.New()
		write(t, s, func(tx storage.Tx) { storage.Scoped(tx, storage.Local("rejected")).Put(key(1), value) })
		defer func() {
			if reason := recover(); reason != nil {
				if text, ok := reason.(string); !ok || !strings.HasPrefix(text, "refusals: ") {
					panic(reason)
				}
			}
		}()
		read(t, s, func(r storage.Reader) {
			if got, ok := refusals.Find(r, messages.Digest{1}); !ok || got.Rejection == nil {
				t.Errorf("refusal %+v, %t", got, ok)
			}
		})
	})
}
