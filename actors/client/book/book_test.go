package book_test

import (
	"slices"
	"testing"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/storage"
	"minimint/storage/memory"
)

// in runs fn inside one committed change.
func in(t *testing.T, s *memory.Store, fn func(storage.Tx)) {
	t.Helper()
	if err := s.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestOperationsAreNumberedAndPendingOnesIndexed(t *testing.T) {
	s := memory.New()
	in(t, s, func(tx storage.Tx) {
		for want := uint64(1); want <= 3; want++ {
			op := &clientwire.Operation{State: clientwire.State_STATE_PENDING}
			if book.Add(tx, op); op.GetId() != want {
				t.Errorf("operation %d, want %d", op.GetId(), want)
			}
		}
	})
	in(t, s, func(tx storage.Tx) {
		op := book.Operation(tx, 2)
		op.State = clientwire.State_STATE_DONE
		book.Put(tx, op)
		if got := book.Pending(tx); !slices.Equal(got, []uint64{1, 3}) {
			t.Errorf("pending %v", got)
		}
		if len(book.Operations(tx)) != 3 || book.Operation(tx, 4) != nil || book.Operation(tx, 0) != nil {
			t.Error("operations that are not there, or not all that are")
		}
	})
}

func TestTweaksAreTakenOnce(t *testing.T) {
	s := memory.New()
	in(t, s, func(tx storage.Tx) {
		book.AddTweak(tx, keys.Tweak{1})
		book.AddTweak(tx, keys.Tweak{2})
		first, ok1 := book.TakeTweak(tx)
		second, ok2 := book.TakeTweak(tx)
		if _, ok := book.TakeTweak(tx); !ok1 || !ok2 || ok || first == second || book.Tweaks(tx) != 0 {
			t.Errorf("%x, %x, %d left", first, second, book.Tweaks(tx))
		}
	})
}

func TestDepositKeysAndClaims(t *testing.T) {
	s := memory.New()
	in(t, s, func(tx storage.Tx) {
		for want := range uint32(3) {
			if got := book.TakeDepositIndex(tx); got != want {
				t.Errorf("deposit key %d, want %d", got, want)
			}
		}
		book.PutClaim(tx, []byte("a:0"), 7)
		if book.ClaimOf(tx, []byte("a:0")) != 7 || book.ClaimOf(tx, []byte("a:1")) != 0 {
			t.Error("claims are mixed up")
		}
		book.PutScanned(tx, 9)
		if book.Scanned(tx) != 9 || book.Membership(tx) != nil {
			t.Error("scanned height or membership")
		}
	})
}

func TestForeignBytesInTheStorePanic(t *testing.T) {
	s := memory.New()
	in(t, s, func(tx storage.Tx) {
		storage.Scoped(tx, storage.Local("client-operations")).Put(make([]byte, 8), []byte{0xff})
	})
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	in(t, s, func(tx storage.Tx) { book.Operations(tx) })
}
