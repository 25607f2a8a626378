package consensus

import (
	"bytes"
	"errors"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/pool"
)

// FuzzEntry: a record of the pool's file is read as what wrote it, or is no record.
func FuzzEntry(f *testing.F) {
	f.Add(encodeEntry(pool.Entry{Transaction: consensustest.Deposit('d', 1, 2), Since: 7}))
	f.Add(make([]byte, epochSize))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := decodeEntry(record)
		if err != nil {
			if !errors.Is(err, errRecord) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(encodeEntry(e), record) {
			t.Fatal("an entry with another record")
		}
	})
}
