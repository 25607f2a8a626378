package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/snapshot"
	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

type fatal interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

var keys = consensustest.NewKeys(4)

const epoch messages.Epoch = 50

// source is a state with its certificate, unless the test says otherwise.
type source struct {
	store *memory.Store
	whole []byte
	said  statement.Attested
}

func newSource(t fatal, fill func(storage.Tx)) source {
	t.Helper()
	s := source{store: memory.New()}
	if err := s.store.Update(func(tx storage.Tx) error { fill(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	view(t, s.store, func(r storage.Reader) {
		for k, v := range storage.ScanReplicated(r) {
			s.whole = append(binary.BigEndian.AppendUint32(s.whole, uint32(len(k))), k...)
			s.whole = append(binary.BigEndian.AppendUint32(s.whole, uint32(len(v))), v...)
		}
		hash := statehash.Compute(r)
		s.said = keys.Certify(statement.Statement{Epoch: epoch, Header: statement.Header{State: hash.Sum(), Size: uint64(len(s.whole))}}).Attested()
	})
	return s
}

func view(t fatal, s *memory.Store, fn func(storage.Reader)) {
	t.Helper()
	snap, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

// pairs fills a state.
func pairs(tx storage.Tx, n, size int) {
	scoped := storage.Scoped(tx, storage.Replicated("scope"))
	for i := range n {
		scoped.Put(binary.BigEndian.AppendUint32(nil, uint32(i)), bytes.Repeat([]byte{byte(i)}, size))
	}
	storage.Scoped(tx, storage.Local("scope")).Put([]byte("local"), []byte("not for others"))
}

// reply is what an honest peer says to a question.
func (s source) reply(t fatal, by messages.PeerID, q topeer.AskSnapshot) toconsensus.SnapshotServed {
	t.Helper()
	m := toconsensus.SnapshotServed{Peer: by, Epoch: epoch, Offset: q.Offset}
	if q.First {
		m.Attested = &s.said
	}
	view(t, s.store, func(r storage.Reader) { m.Body = snapshot.Cut(r, q.After, q.Skip, topeer.PieceBytes) })
	return m
}

// Cut gives each byte once, wherever it is cut.
func TestCut(t *testing.T) {
	s := newSource(t, func(tx storage.Tx) { pairs(tx, 5, 40) })
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 200).Draw(t, "size")
		var got, after []byte
		skip := uint64(0)
		for len(got) < len(s.whole) {
			var piece []byte
			view(t, s.store, func(r storage.Reader) { piece = snapshot.Cut(r, after, skip, size) })
			if len(piece) != min(size, len(s.whole)-len(got)) {
				t.Fatalf("piece of %d bytes at %d", len(piece), len(got))
			}
			got = append(got, piece...)
			// Where whoever receives this goes on: behind the last whole pair.
			after, skip = nil, uint64(len(got))
			for rest := got; len(rest) >= 4; {
				key := int(binary.BigEndian.Uint32(rest))
				if len(rest) < 8+key {
					break
				}
				end := 8 + key + int(binary.BigEndian.Uint32(rest[4+key:]))
				if len(rest) < end {
					break
				}
				after, rest = rest[4:4+key], rest[end:]
				skip = uint64(len(rest))
			}
		}
		if !bytes.Equal(got, s.whole) {
			t.Fatal("another snapshot")
		}
	})
	view(t, s.store, func(r storage.Reader) {
		if got := snapshot.Cut(r, []byte("zzz"), 0, 10); len(got) != 0 {
			t.Errorf("%d bytes behind the end", len(got))
		}
		if got := snapshot.Cut(r, nil, 1<<40, 10); len(got) == 0 {
			t.Error("a skip that is too large is that of one pair")
		}
	})
}

// fetched runs a fetch against peers until the state is there.
func fetched(t fatal, f *snapshot.Fetch, from []messages.PeerID, reply func(messages.PeerID, topeer.AskSnapshot) toconsensus.SnapshotServed) (*snapshot.State, []string) {
	t.Helper()
	var faults []string
	var id messages.PeerID
	var q *topeer.AskSnapshot
	for range 10_000 {
		if q == nil {
			if id, q = f.Want(from); q == nil {
				f.Tick()
				continue
			}
		}
		next, state, fault := f.Served(reply(id, *q), 0)
		if fault != "" {
			faults = append(faults, fmt.Sprintf("%d: %s", id, fault))
		}
		if state != nil {
			return state, faults
		}
		q = next
	}
	t.Fatalf("never fetched, faults %v", faults)
	return nil, nil
}

// Whatever there was before, the installed state is the one that was served, and
// what is local is as it was.
func TestInstall(t *testing.T) {
	long := newSource(t, func(tx storage.Tx) {
		pairs(tx, 200, 10_000)
		storage.Scoped(tx, storage.Replicated("large")).Put([]byte("key"), make([]byte, 3*topeer.PieceBytes))
		storage.Scoped(tx, storage.Replicated("small")).Put([]byte("key"), nil)
	})
	for name, before := range map[string]func(storage.Tx){
		"nothing": func(storage.Tx) {},
		"less":    func(tx storage.Tx) { pairs(tx, 100, 10_000) },
		"more": func(tx storage.Tx) {
			pairs(tx, 300, 10_000)
			storage.Scoped(tx, storage.Replicated("zzz")).Put([]byte("key"), []byte("x"))
			storage.Scoped(tx, storage.Replicated("aaa")).Put([]byte("key"), []byte("x"))
		},
		"other": func(tx storage.Tx) { pairs(tx, 200, 10) },
	} {
		s, faults := fetched(t, snapshot.NewFetch(4, 0, keys), []messages.PeerID{1}, func(id messages.PeerID, q topeer.AskSnapshot) toconsensus.SnapshotServed {
			return long.reply(t, id, q)
		})
		if len(faults) != 0 {
			t.Fatal(faults)
		}
		store := newSource(t, before).store
		if err := store.Update(func(tx storage.Tx) error { s.Install(tx); return nil }); err != nil {
			t.Fatal(err)
		}
		view(t, store, func(r storage.Reader) {
			if got := statehash.Compute(r); got != s.Lattice() || got.Sum() != s.Attested().Statement.Header.State {
				t.Errorf("%s: another state", name)
			}
			if name != "nothing" && storage.ScopedReader(r, storage.Local("scope")).Get([]byte("local")) == nil {
				t.Errorf("%s: what is local is gone", name)
			}
		})
	}
}

// A peer that lies costs an attempt, is named, and another one is asked.
func TestLiars(t *testing.T) {
	s := newSource(t, func(tx storage.Tx) { pairs(tx, 300, 10_000) })
	pair := func(key string, value string) []byte {
		full := storage.Replicated("scope").Key([]byte(key))
		b := append(binary.BigEndian.AppendUint32(nil, uint32(len(full))), full...)
		return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
	}
	other := keys.Certify(statement.Statement{Era: 1, Epoch: epoch, Header: s.said.Statement.Header}).Attested()
	// A flipped bit is found at the end, everything else at once.
	for name, lie := range map[string]func(*toconsensus.SnapshotServed){
		"a flipped bit":  func(m *toconsensus.SnapshotServed) { m.Body[len(m.Body)-1] ^= 1 },
		"too long":       func(m *toconsensus.SnapshotServed) { m.Body = append(m.Body, 0) },
		"small pieces":   func(m *toconsensus.SnapshotServed) { m.Body = m.Body[:len(m.Body)-1] },
		"no certificate": func(m *toconsensus.SnapshotServed) { m.Attested = nil },
		"wrong signature": func(m *toconsensus.SnapshotServed) {
			c := *m.Attested
			c.Statement.Header.Size++
			m.Attested = &c
		},
		"one share": func(m *toconsensus.SnapshotServed) {
			m.Attested = &statement.Attested{Statement: m.Attested.Statement, Shares: []statement.Share{keys.Share(1, m.Attested.Statement)}}
		},
		"another era":   func(m *toconsensus.SnapshotServed) { m.Attested = &other },
		"another epoch": func(m *toconsensus.SnapshotServed) { m.Epoch++ },
		"order":         func(m *toconsensus.SnapshotServed) { copy(m.Body, append(pair("b", ""), pair("a", "")...)) },
		"twice":         func(m *toconsensus.SnapshotServed) { copy(m.Body, append(pair("b", "1"), pair("b", "1")...)) },
		"local": func(m *toconsensus.SnapshotServed) {
			key := storage.Local("l").Key([]byte("k"))
			copy(m.Body, append(binary.BigEndian.AppendUint32(nil, uint32(len(key))), key...))
		},
		"long key": func(m *toconsensus.SnapshotServed) { binary.BigEndian.PutUint32(m.Body, storage.MaxKeyBytes+1) },
		"long value": func(m *toconsensus.SnapshotServed) {
			copy(m.Body, append(pair("a", ""), pair("b", "")...))
			copy(m.Body[len(pair("a", ""))-4:], []byte{255, 255, 255, 255})
		},
	} {
		pieces := 0
		_, faults := fetched(t, snapshot.NewFetch(4, 0, keys), []messages.PeerID{1, 2, 3}, func(id messages.PeerID, q topeer.AskSnapshot) toconsensus.SnapshotServed {
			m := s.reply(t, id, q)
			if id == 1 {
				pieces++
			}
			if id == 1 && q.First {
				lie(&m)
			}
			return m
		})
		if len(faults) != 1 || faults[0][0] != '1' || (pieces > 1) != (name == "a flipped bit") {
			t.Errorf("%s: faults %q after %d pieces", name, faults, pieces)
		}
	}
}

// The shares of f+1 members are as good as a certificate.
func TestSharesAttest(t *testing.T) {
	s := newSource(t, func(tx storage.Tx) { pairs(tx, 10, 100) })
	s.said = statement.Attested{Statement: s.said.Statement, Shares: []statement.Share{keys.Share(0, s.said.Statement), keys.Share(3, s.said.Statement)}}
	state, faults := fetched(t, snapshot.NewFetch(4, 0, keys), []messages.PeerID{1}, func(id messages.PeerID, q topeer.AskSnapshot) toconsensus.SnapshotServed {
		return s.reply(t, id, q)
	})
	if _, certified := state.Attested().Certificate(); certified || len(faults) != 0 {
		t.Errorf("certified %t, faults %q", certified, faults)
	}
}

// A peer that has none, or an old one, or that stops in between, is no liar.
func TestOthersAreAsked(t *testing.T) {
	s := newSource(t, func(tx storage.Tx) { pairs(tx, 300, 10_000) })
	for name, reply := range map[string]func(m toconsensus.SnapshotServed, first bool) toconsensus.SnapshotServed{
		"none": func(m toconsensus.SnapshotServed, _ bool) toconsensus.SnapshotServed {
			return toconsensus.SnapshotServed{Peer: m.Peer}
		},
		"stops": func(m toconsensus.SnapshotServed, first bool) toconsensus.SnapshotServed {
			if !first {
				m.Body = nil
			}
			return m
		},
	} {
		_, faults := fetched(t, snapshot.NewFetch(4, 0, keys), []messages.PeerID{1, 2}, func(id messages.PeerID, q topeer.AskSnapshot) toconsensus.SnapshotServed {
			m := s.reply(t, id, q)
			if id == 1 {
				m = reply(m, q.First)
			}
			return m
		})
		if len(faults) != 0 {
			t.Errorf("%s: faults %q", name, faults)
		}
	}
	f := snapshot.NewFetch(4, 0, keys)
	_, q := f.Want([]messages.PeerID{1})
	if next, state, fault := f.Served(s.reply(t, 1, *q), epoch+1); next != nil || state != nil || fault != "" || f.Active() {
		t.Error("a snapshot of the past helps, or is a fault")
	}
}

// Silence ends an attempt, and what was not asked for changes nothing.
func TestPatience(t *testing.T) {
	s := newSource(t, func(tx storage.Tx) { pairs(tx, 300, 10_000) })
	f := snapshot.NewFetch(4, 0, keys)
	if next, state, fault := f.Served(s.reply(t, 1, topeer.AskSnapshot{First: true}), 0); next != nil || state != nil || fault != "" {
		t.Error("nothing was asked")
	}
	_, q := f.Want([]messages.PeerID{1, 2})
	if _, again := f.Want([]messages.PeerID{1, 2}); again != nil {
		t.Error("two at once")
	}
	next, _, _ := f.Served(s.reply(t, 1, *q), 0)
	for _, m := range []toconsensus.SnapshotServed{s.reply(t, 2, *next), s.reply(t, 1, *q)} {
		if more, state, fault := f.Served(m, 0); more != nil || state != nil || fault != "" {
			t.Errorf("piece at %d of %d was taken", m.Offset, m.Peer)
		}
	}
	for range 101 {
		f.Tick()
	}
	if f.Active() {
		t.Fatal("waits for ever")
	}
	if id, q := f.Want([]messages.PeerID{1, 2}); q == nil || !q.First || id != 2 {
		t.Errorf("then %d is asked", id)
	}
	f.Up(2)
	if f.Active() {
		t.Error("the question may be lost")
	}
}

// FuzzPieces: whatever bytes a peer serves under a valid certificate, they are a
// fault, or the state.
func FuzzPieces(f *testing.F) {
	small := newSource(f, func(tx storage.Tx) { pairs(tx, 3, 4) })
	f.Add(small.whole)
	f.Add(append([]byte{0, 0, 0, 3, 'r', 1, 'x'}, small.whole[7:]...))
	f.Add(bytes.Repeat([]byte{255}, len(small.whole)))
	f.Fuzz(func(t *testing.T, body []byte) {
		fetch := snapshot.NewFetch(4, 0, keys)
		fetch.Want([]messages.PeerID{1})
		next, state, fault := fetch.Served(toconsensus.SnapshotServed{Peer: 1, Attested: &small.said, Epoch: epoch, Body: body}, 0)
		if next != nil || (state != nil) != bytes.Equal(body, small.whole) || (fault == "") == (state == nil && len(body) > 0) {
			t.Errorf("state %t, fault %q", state != nil, fault)
		}
	})
}
