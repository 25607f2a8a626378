package history_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

type fatal interface {
	Helper()
	Fatal(...any)
}

func write(t fatal, s *memory.Store, fn func(storage.Tx)) {
	t.Helper()
	if err := s.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func read(t fatal, s *memory.Store, fn func(storage.Reader)) {
	t.Helper()
	snap, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

func TestPosition(t *testing.T) {
	s := memory.New()
	read(t, s, func(r storage.Reader) {
		if p := history.ReadPosition(r); p.Next != 0 || p.State != statehash.Compute(r) {
			t.Errorf("an empty store is at %d", p.Next)
		}
	})
	p := history.Position{Next: 1 << 40, Previous: messages.Digest{5}, Size: 77}
	p.State.Add([]byte("key"), []byte("value"))
	write(t, s, func(tx storage.Tx) { history.WritePosition(tx, p) })
	read(t, s, func(r storage.Reader) {
		if got := history.ReadPosition(r); got != p {
			t.Errorf("read %d", got.Next)
		}
		if statehash.Compute(r) != (statehash.LtHash{}) {
			t.Error("the position is part of the state")
		}
	})
}

// A disk that changed a record is noticed, not believed.
func TestDamagedRecordsPanic(t *testing.T) {
	var p history.Position
	p.State.Add([]byte("key"), []byte("value"))
	intact := memory.New()
	write(t, intact, func(tx storage.Tx) {
		history.WritePosition(tx, p)
		history.WriteEpoch(tx, statement.Statement{Epoch: 3}, outcome.Outcome{Epoch: 3}.Encode())
	})
	for scope, use := range map[string]func(storage.Reader){
		"position":   func(r storage.Reader) { history.ReadPosition(r) },
		"outcomes":   func(r storage.Reader) { history.FindOutcome(r, 3, 4) },
		"statements": func(r storage.Reader) { history.FindStatement(r, 3) },
	} {
		for _, damage := range []func([]byte) []byte{
			func(b []byte) []byte { return append(b, 0xff) },
			func([]byte) []byte { return []byte{} },
			func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		} {
			s := intact.Clone()
			var key, value []byte
			read(t, s, func(r storage.Reader) {
				for k, v := range storage.ScopedReader(r, storage.Local(scope)).Scan(nil) {
					key, value = bytes.Clone(k), bytes.Clone(v)
				}
			})
			value = damage(value)
			write(t, s, func(tx storage.Tx) { storage.Scoped(tx, storage.Local(scope)).Put(key, value) })
			panicked := true
			func() {
				defer func() { panicked = recover() != nil }()
				read(t, s, use)
			}()
			if !panicked && scope == "position" { // the others carry text that nothing vouches for
				t.Errorf("%s: a damaged record was believed", scope)
			}
			if !panicked && len(value) > 0 && value[len(value)-1] == 0xff {
				t.Errorf("%s: a record of wrong form was believed", scope)
			}
		}
	}
}

// Follow keeps the state hash and the length of the state up to date with whatever
// is written, and does not look at what is local.
func TestFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		var p history.Position
		for range rapid.IntRange(1, 5).Draw(t, "commits") {
			write(t, s, func(tx storage.Tx) {
				ov := storage.NewOverlay(tx)
				for range rapid.IntRange(0, 6).Draw(t, "writes") {
					scope := rapid.SampledFrom([]storage.Scope{storage.Replicated("a"), storage.Replicated("bb"), storage.Local("a")}).Draw(t, "scope")
					key := []byte{byte(rapid.IntRange(0, 3).Draw(t, "key"))}
					if rapid.Bool().Draw(t, "delete") {
						storage.Scoped(ov, scope).Delete(key)
					} else {
						storage.Scoped(ov, scope).Put(key, make([]byte, rapid.IntRange(0, 4).Draw(t, "length")))
					}
				}
				p.Follow(ov.Changes())
				ov.ApplyTo(tx)
			})
		}
		read(t, s, func(r storage.Reader) {
			size := uint64(0)
			for k, v := range storage.ScanReplicated(r) {
				size += uint64(8 + len(k) + len(v))
			}
			if p.State != statehash.Compute(r) || p.Size != size {
				t.Fatalf("size %d, want %d; or another hash", p.Size, size)
			}
		})
	})
}

func TestExcerpts(t *testing.T) {
	s := memory.New()
	made := func(e messages.Epoch, size int) outcome.Outcome {
		return outcome.Outcome{Epoch: e, Contributions: []outcome.Member{{Peer: 1, Contribution: make([]byte, size)}}}
	}
	put := func(tx storage.Tx, o outcome.Outcome) {
		history.WriteEpoch(tx, statement.Statement{Epoch: o.Epoch}, o.Encode())
	}
	write(t, s, func(tx storage.Tx) {
		for e := range messages.Epoch(6) {
			put(tx, made(e, 1000))
		}
		put(tx, made(8, 10)) // 6 and 7 are missing
	})
	read(t, s, func(r storage.Reader) {
		if o, ok := history.FindOutcome(r, 4, 2); !ok || o.Epoch != 4 || len(o.Contributions[0].Contribution) != 1000 {
			t.Errorf("epoch 4: %t %+v", ok, o.Epoch)
		}
		if _, ok := history.FindOutcome(r, 7, 2); ok {
			t.Error("epoch 7 was found")
		}
		for _, c := range []struct {
			from        messages.Epoch
			limit, size int
			want        int
		}{
			{0, 100, 1 << 20, 6},
			{0, 2, 1 << 20, 2},
			{0, 100, 2500, 2},
			{5, 100, 2000, 1},
			{6, 100, 1 << 20, 0},
			{8, 100, 1 << 20, 1},
			{9, 100, 1 << 20, 0},
			{^messages.Epoch(0), 100, 1 << 20, 0},
			{0, 0, 1 << 20, 0},
		} {
			got := history.ReadExcerpt(r, c.from, c.limit, 0, c.size)
			if len(got.Outcomes) != c.want || got.Part != nil {
				t.Errorf("%+v: %d outcomes", c, len(got.Outcomes))
			}
			for i, b := range got.Outcomes {
				if o, err := outcome.Decode(b, 2); err != nil || o.Epoch != c.from+messages.Epoch(i) {
					t.Errorf("%+v: outcome %d is of epoch %d: %v", c, i, o.Epoch, err)
				}
			}
		}
		// What is too long for one excerpt comes in parts.
		var whole []byte
		for part := (history.Excerpt{}); !part.Last; {
			part = history.ReadExcerpt(r, 3, 9, uint64(len(whole)), 300)
			if len(part.Outcomes) != 0 || len(part.Part) == 0 || len(part.Part) > 300 || len(whole) > 2000 {
				t.Fatalf("part of %d bytes after %d", len(part.Part), len(whole))
			}
			whole = append(whole, part.Part...)
		}
		if !bytes.Equal(whole, made(3, 1000).Encode()) {
			t.Error("the parts are not the outcome")
		}
		if part := history.ReadExcerpt(r, 3, 9, 1<<60, 300); len(part.Part) != 0 || !part.Last {
			t.Errorf("beyond its end: %+v", part)
		}
	})
}
