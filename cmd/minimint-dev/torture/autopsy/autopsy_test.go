package autopsy

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/bolt"
	"minimint/storage/disk"
	"minimint/storage/statehash"
	"minimint/storage/wal"
)

func tx(n uint64) *transaction.Transaction {
	body := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	t, err := transaction.Build(transaction.Draft{
		Inputs:  []transaction.Item{{Kind: "mint", Body: body(n)}},
		Outputs: []transaction.Item{{Kind: "mint", Body: body(n + 1000)}},
	}, nil)
	if err != nil {
		panic(err)
	}
	return t
}

// leave writes a member's files: three epochs; transaction 1 accepted, 2 refused, 3
// and 4 in the pool.
func leave(t *testing.T, change func(storage.Tx)) Config {
	t.Helper()
	dir := t.TempDir()
	store, err := bolt.Open(filepath.Join(dir, stateFile), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(func(s storage.Tx) error {
		for e := range messages.Epoch(3) {
			history.WriteEpoch(s, statement.Statement{Epoch: e}, outcome.Outcome{Epoch: e}.Encode())
		}
		id := tx(1).ID()
		storage.Scoped(s, storage.Replicated("core/accepted")).Put(id[:], canonical.Marshal(&wire.Accepted{Epoch: 2}))
		list := refusals.Read(s)
		list.Write(s, tx(2).WitnessID(), refusals.Refusal{Epoch: 2, Tx: tx(2).ID(), Rejection: messages.Reject(messages.RejectNoteSpent, "spent")})
		history.WritePosition(s, history.Position{Next: 3, State: statehash.Compute(s)})
		change(s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(d, poolFile, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*transaction.Transaction{tx(3), tx(4)} {
		if err := log.Append(append(make([]byte, 8), x.Bytes()...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return Config{DataDir: dir, Members: 4, Whole: true, Acknowledged: []*transaction.Transaction{tx(1), tx(2), tx(3), tx(4)}}
}

func TestExamine(t *testing.T) {
	cfg := leave(t, func(storage.Tx) {})
	before := files(t, cfg.DataDir)
	r, err := Examine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Next != 3 || r.State != r.Whole || len(r.Lost) != 0 || len(r.Outcomes) != 3 || r.Outcomes[1] != (outcome.Outcome{Epoch: 1}).Digest(cfg.Federation) {
		t.Errorf("%+v", r)
	}
	if !slices.Equal(files(t, cfg.DataDir), before) {
		t.Error("the files are not as they were left")
	}
	cfg.From, cfg.Acknowledged = 2, append(cfg.Acknowledged, tx(5))
	if r, err = Examine(cfg); err != nil || len(r.Outcomes) != 1 || !slices.Equal(r.Lost, []messages.TxID{tx(5).ID()}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func files(t *testing.T, dir string) (content []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, e.Name(), string(b))
	}
	return content
}

func TestExamineFindsDamage(t *testing.T) {
	for name, change := range map[string]func(Config) Config{
		"a state that is not the hash's": func(Config) Config {
			return leave(t, func(s storage.Tx) { storage.Scoped(s, storage.Replicated("module/mint")).Put([]byte("k"), []byte("v")) })
		},
		"an outcome is missing": func(Config) Config {
			return leave(t, func(s storage.Tx) {
				storage.Scoped(s, storage.Local("outcomes")).Delete(binary.BigEndian.AppendUint64(nil, 1))
			})
		},
		"an outcome is another epoch's": func(Config) Config {
			return leave(t, func(s storage.Tx) {
				storage.Scoped(s, storage.Local("outcomes")).Put(binary.BigEndian.AppendUint64(nil, 1), outcome.Outcome{Epoch: 2}.Encode())
			})
		},
		"no store": func(c Config) Config {
			_ = os.Remove(filepath.Join(c.DataDir, stateFile))
			return c
		},
		"a store that is none": func(c Config) Config {
			_ = os.WriteFile(filepath.Join(c.DataDir, stateFile), make([]byte, 1<<16), 0o600)
			return c
		},
		"a pool file that is none": func(c Config) Config {
			_ = os.WriteFile(filepath.Join(c.DataDir, poolFile), make([]byte, 1<<16), 0o600)
			return c
		},
		"no pool file": func(c Config) Config {
			_ = os.Remove(filepath.Join(c.DataDir, poolFile))
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Examine(change(leave(t, func(storage.Tx) {})))
			if err == nil && r.State == r.Whole && len(r.Lost) == 0 {
				t.Errorf("nothing was found: %+v", r)
			}
		})
	}
}
