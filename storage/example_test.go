package storage_test

import (
	"fmt"

	"minimint/storage"
	"minimint/storage/memory"
)

// An epoch: two transactions over an overlay, the second of which fails, and
// one commit.
func Example() {
	store := memory.New()
	defer store.Close()
	snapshot, err := store.View()
	if err != nil {
		panic(err)
	}
	overlay := storage.NewOverlay(snapshot)
	mint := storage.Scoped(overlay, storage.Replicated("mint"))

	save := overlay.Savepoint()
	mint.Put([]byte("nonce 1"), []byte("spent"))
	overlay.Release(save)

	save = overlay.Savepoint()
	mint.Put([]byte("nonce 2"), []byte("spent"))
	overlay.Rollback(save) // the transaction is not funded

	err = store.Update(func(tx storage.Tx) error {
		overlay.ApplyTo(tx)
		return nil
	})
	snapshot.Release()
	fmt.Println("committed:", err == nil)

	snapshot, err = store.View()
	if err != nil {
		panic(err)
	}
	defer snapshot.Release()
	for key, value := range storage.ScopedReader(snapshot, storage.Replicated("mint")).Scan([]byte("nonce")) {
		fmt.Printf("%s is %s\n", key, value)
	}
	// Output:
	// committed: true
	// nonce 1 is spent
}
