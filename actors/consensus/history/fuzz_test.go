package history_test

import (
	"strings"
	"testing"

	"minimint/actors/consensus/history"
	"minimint/messages/outcome"
	"minimint/storage"
	"minimint/storage/memory"
)

// FuzzStored puts any bytes where the records of this package are: whoever reads
// them panics and says who does, or reads what would be written again.
func FuzzStored(f *testing.F) {
	written := func(write func(storage.Tx)) storage.Reader {
		snap, err := memory.New().View()
		if err != nil {
			f.Fatal(err)
		}
		ov := storage.NewOverlay(snap)
		write(ov)
		return ov
	}
	contribution := outcome.Contribution{}.Encode()
	f.Add(written(func(tx storage.Tx) { history.WritePosition(tx, history.Position{Next: 4}) }).Get(storage.Local("position").Key([]byte("now"))))
	f.Add(outcome.Outcome{Epoch: 1, Contributions: []outcome.Member{{Peer: 2, Contribution: contribution}}}.Encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		keys := [][]byte{
			storage.Local("position").Key([]byte("now")), storage.Local("outcomes").Key([]byte{7: 1}),
		}
		for which, key := range keys {
			r := written(func(tx storage.Tx) { tx.Put(key, value) })
			func() {
				defer func() {
					if reason := recover(); reason != nil {
						if text, ok := reason.(string); !ok || !strings.HasPrefix(text, "history: ") {
							panic(reason)
						}
					}
				}()
				switch which {
				case 0:
					at := history.ReadPosition(r)
					again := written(func(tx storage.Tx) { history.WritePosition(tx, at) })
					if history.ReadPosition(again) != at {
						t.Fatal("another position")
					}
				case 1:
					if o, ok := history.FindOutcome(r, 1, 4); !ok || o.Epoch != 1 {
						t.Fatalf("outcome of epoch %d, %t", o.Epoch, ok)
					}
				}
			}()
		}
	})
}
