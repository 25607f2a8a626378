package aba_test

import (
	"math/rand/v2"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/crypto/domain"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
)

// H53: the original named its coins by session 0 and an epoch that began at 0 after
// each full restart, so they repeated, and everybody knew them before. Under one and
// the same key, no coin says anything about that of another federation, era, epoch,
// proposer or round.
func TestH53CoinsNeverRepeat(t *testing.T) {
	const rounds = 16
	here := protocol.Slot{Federation: messages.Digest{1}, Era: 2, Epoch: 7, Proposer: 1}
	keys, secrets := tsigtest.Keys(rand.NewChaCha8([32]byte{5}), domain.Coin, []byte("one key"), 1, 1)
	slots := map[string]func(*protocol.Slot){
		"this": func(*protocol.Slot) {}, "federation": func(s *protocol.Slot) { s.Federation[31]++ }, "era": func(s *protocol.Slot) { s.Era++ },
		"epoch": func(s *protocol.Slot) { s.Epoch++ }, "epoch 0": func(s *protocol.Slot) { s.Epoch = 0 }, "proposer": func(s *protocol.Slot) { s.Proposer++ },
	}
	shares, sequences := map[string]string{}, map[[rounds]bool]string{}
	for name, change := range slots {
		slot := here
		change(&slot)
		coin := aba.NewCoin(slot, keys, secrets[0])
		var bits [rounds]bool
		for round := range uint32(rounds) {
			share := coin.Share(round)
			if before, ok := shares[string(share)]; ok {
				t.Errorf("%s, round %d: the share of %s", name, round, before)
			}
			shares[string(share)] = name
			bit, liars, ok := coin.Combine(round, []aba.IndexedShare{{Share: share}})
			if !ok || len(liars) > 0 {
				t.Fatalf("%s, round %d: no coin, liars %v", name, round, liars)
			}
			bits[round] = bit
		}
		if before, ok := sequences[bits]; ok {
			t.Errorf("%s has the coins of %s", name, before)
		}
		sequences[bits] = name
		if name != "this" {
			old := aba.NewCoin(here, keys, secrets[0]).Share(3)
			if _, liars, ok := coin.Combine(3, []aba.IndexedShare{{Share: old}}); ok || len(liars) != 1 {
				t.Errorf("%s takes a share of another slot", name)
			}
		}
	}
}
