package recovery_test

import (
	"testing"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/crypto/tbs"
	"minimint/storage"
	"minimint/storage/memory"
)

func update(t *testing.T, s *memory.Store, fn func(storage.Tx)) {
	t.Helper()
	if err := s.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s *memory.Store, fn func(storage.Reader)) {
	t.Helper()
	snap, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

func heldNotes(t *testing.T, s *memory.Store) (held []book.Note) {
	t.Helper()
	view(t, s, func(r storage.Reader) { held = book.Notes(r) })
	return held
}

func putOperation(tx storage.Tx, op *clientwire.Operation) { book.Add(tx, op) }

func deleteNote(tx storage.Tx, nonce tbs.Nonce) { book.DeleteNote(tx, nonce) }
