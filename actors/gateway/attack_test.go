package gateway_test

import (
	"encoding/binary"
	"testing"
	"time"

	"minimint/actors/gateway/ledger"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// Registering costs nothing, so anybody can fill the table. When what fills it has expired
// there is room again, though every registration until then was refused.
func TestFloodOfOffersExpires(t *testing.T) {
	r := newRig(t, 1, 1)
	b := r.bank()
	err := r.store.Update(func(tx storage.Tx) error {
		for i := range uint32(1 << 14) {
			var hash messages.Digest
			binary.BigEndian.PutUint32(hash[:], i)
			ledger.Register(tx, b.id(), terms.Offer{PaymentHash: hash, Amount: 1, Expiry: 150, Ciphertext: make([]byte, 208)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.crash()
	o, _ := r.offer(b, "alice", 300_000, func(o *terms.Offer) { o.Expiry = 180 })
	r.run(time.Minute)
	if f := r.register(b, o).GetRefusal(); f.GetCode() != uint32(messages.RejectBusy) || f.GetFinal() {
		t.Fatalf("refusal %v", f)
	}
	b.height = 150
	r.run(time.Minute)
	if reply := r.register(b, o); reply.GetRegistered() == nil {
		t.Errorf("reply %v", reply)
	}
}
