package exchange

import (
	mrand "math/rand/v2"
	"testing"

	"minimint/actors/client/keys"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/actors/node/nodetest"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// deal makes a desk, and what the members would answer.
func deal(t *testing.T) (*Desk, func(*Exchange) []*wire.Decided) {
	t.Helper()
	rng := mrand.NewChaCha8([32]byte{1})
	f := nodetest.New(rng, nodetest.Terms{Tiers: []uint32{0, 1, 2, 3, 4, 5, 6}}, "a:1", "b:1", "c:1", "d:1")
	d, err := NewDesk(f.Config, rng)
	if err != nil {
		t.Fatal(err)
	}
	return d, func(x *Exchange) []*wire.Decided {
		all := make([]*wire.Decided, 4)
		for member := range all {
			all[member] = &wire.Decided{}
			for _, item := range x.Transaction.Outputs() {
				out, err := mint.DecodeOutput(item.Body)
				if err != nil {
					t.Fatal(err)
				}
				scalar, err := bls.DecodeScalar(f.Secrets[member].Tiers[out.Tier]) // tier e is number e
				if err != nil {
					t.Fatal(err)
				}
				secret, err := tbs.NewSecretShare(d.mint.Tiers[out.Tier].Keys, uint32(member)+1, scalar)
				if err != nil {
					t.Fatal(err)
				}
				blind, err := tbs.DecodeBlindNonce(out.BlindNonce)
				if err != nil {
					t.Fatal(err)
				}
				all[member].Outputs = append(all[member].Outputs, &wire.OutputAnswer{Share: secret.Sign(blind).Bytes()})
			}
		}
		return all
	}
}

// Notes that an exchange makes are signed, worth what was asked for, and can be
// exchanged again; transactions balance.
func TestExchange(t *testing.T) {
	d, members := deal(t)
	first, err := d.New(nil, []uint32{6, 4})
	if err == nil {
		t.Fatal("a transaction without inputs") // nothing pays for it
	}
	spend := func(given []token.Note, tiers ...uint32) []token.Note {
		t.Helper()
		if first, err = d.New(given, tiers); err != nil {
			t.Fatal(err)
		}
		notes, err := first.Finish(members(first))
		if err != nil {
			t.Fatal(err)
		}
		var batch []tbs.Note
		for i, n := range notes {
			if n.Tier != tiers[i] {
				t.Errorf("note %d is of tier %d", i, n.Tier)
			}
			batch = append(batch, tbs.Note{Keys: d.mint.Tiers[n.Tier].Keys, Nonce: n.Nonce, Signature: n.Signature})
		}
		if ok, err := tbs.VerifyBatch([][]tbs.Note{batch}, d.random); err != nil || !ok[0] {
			t.Errorf("notes are not signed: %v", err)
		}
		return notes
	}
	seedling := token.Note{Tier: 6} // its signature is not looked at here
	seedling.Signature = signature(t)
	_, seedling.Spend, err = d.issuance(6)
	if err != nil {
		t.Fatal(err)
	}
	seedling.Nonce = keys.NonceOf(seedling.Spend)
	small := spend([]token.Note{seedling}, 4, 4, 4, 4)
	spend(small, 6)
	if first.Transaction.Fee() != 0 {
		t.Errorf("fee %s", first.Transaction.Fee())
	}
	in, err := mint.DecodeInput(first.Transaction.Inputs()[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	nonces := [][32]byte{in.Nonce}
	for _, n := range small[1:] {
		nonces = append(nonces, n.Nonce)
	}
	if err := transaction.VerifySignature(first.Transaction, d.federation, nonces); err != nil {
		t.Error(err)
	}
}

func TestExchangeRefuses(t *testing.T) {
	d, _ := deal(t)
	note := token.Note{Tier: 2, Signature: signature(t)}
	var err error
	if _, note.Spend, err = d.issuance(2); err != nil {
		t.Fatal(err)
	}
	note.Nonce = keys.NonceOf(note.Spend)
	for name, tiers := range map[string][]uint32{"more than is given": {1, 1, 0}, "no such tier": {40}} {
		if _, err := d.New([]token.Note{note}, tiers); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	x, err := d.New([]token.Note{note}, []uint32{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Finish([]*wire.Decided{{Outputs: []*wire.OutputAnswer{{Share: []byte("junk")}}}}); err == nil {
		t.Error("junk makes notes")
	}
}

func signature(t *testing.T) tbs.Signature {
	t.Helper()
	s, err := tbs.DecodeSignature(bls.HashToG1("test", []byte("a signature of no meaning")).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
