package stub_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
	"minimint/sim/stub"
)

func dealer(n int) *stub.Dealer { return stub.New(rand.NewChaCha8([32]byte{1}), n) }

func TestSignatures(t *testing.T) {
	d := dealer(4)
	a, b := d.Member(0).Core, d.Member(1).Core
	signature := a.Signer.Sign(messages.Digest{7})
	if !b.Verifier.Verify(0, messages.Digest{7}, signature) {
		t.Error("a signature is refused")
	}
	if b.Verifier.Verify(0, messages.Digest{8}, signature) || b.Verifier.Verify(1, messages.Digest{7}, signature) {
		t.Error("a signature of something else, or of somebody else, is taken")
	}
}

func TestCoin(t *testing.T) {
	d := dealer(7)
	slot := protocol.Slot{Epoch: 3, Proposer: 2}
	var shares []aba.IndexedShare
	for i := range 7 {
		shares = append(shares, aba.IndexedShare{Peer: messages.PeerID(i), Share: d.Member(messages.PeerID(i)).Core.Coin(slot).Share(1)})
	}
	c := d.Member(0).Core.Coin(slot)
	bit, liars, ok := c.Combine(1, shares[:3])
	if !ok || liars != nil || !c.WellFormed(shares[0].Share) || c.WellFormed(nil) {
		t.Fatal("f+1 shares make no coin")
	}
	if other, _, ok := d.Member(5).Core.Coin(slot).Combine(1, shares[3:6]); !ok || other != bit {
		t.Error("another coin from other shares")
	}
	if _, _, ok := c.Combine(1, shares[:2]); ok {
		t.Error("f shares make a coin")
	}
	shares[1].Share = shares[2].Share
	if _, liars, ok := c.Combine(1, shares[:3]); ok || !slices.Equal(liars, []messages.PeerID{1}) {
		t.Errorf("a borrowed share: %v %v", liars, ok)
	}
	heads := 0
	for round := range uint32(200) {
		var some []aba.IndexedShare
		for i := range 3 {
			some = append(some, aba.IndexedShare{Peer: messages.PeerID(i), Share: d.Member(messages.PeerID(i)).Core.Coin(slot).Share(round)})
		}
		if bit, _, _ := c.Combine(round, some); bit {
			heads++
		}
	}
	if heads < 60 || heads > 140 {
		t.Errorf("%d of 200 coins are heads", heads)
	}
}

func TestEncryption(t *testing.T) {
	d := dealer(4)
	slot := protocol.Slot{Epoch: 3, Proposer: 2}
	text, err := d.Member(2).Seal(nil, slot, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Member(0).Core.Scheme.Verify(protocol.Slot{Epoch: 4}.Label(), text); ok {
		t.Error("a ciphertext of another slot is valid")
	}
	open := func(text []byte, from ...messages.PeerID) tdec.Opening {
		sealed, ok := d.Member(0).Core.Scheme.Verify(slot.Label(), text)
		if !ok {
			t.Fatal("a ciphertext is not valid")
		}
		shares := make([][]byte, 4)
		for _, i := range from {
			mine, _ := d.Member(i).Core.Scheme.Verify(slot.Label(), text)
			shares[i] = mine.Share()
		}
		return sealed.Open(shares)
	}
	if o := open(text, 1, 3); o.Status != tdec.Opened || !bytes.Equal(o.Plaintext, []byte("secret")) {
		t.Errorf("%+v", o)
	}
	if o := open(text, 1); o.Status != tdec.Incomplete {
		t.Errorf("%+v", o)
	}
	if o := open(stub.SealBroken(slot.Label()), 1, 3); o.Status != tdec.Unopenable {
		t.Errorf("%+v", o)
	}
	sealed, _ := d.Member(0).Core.Scheme.Verify(slot.Label(), text)
	if o := sealed.Open([][]byte{nil, make([]byte, 96), nil, nil}); o.Status != tdec.Incomplete || !slices.Equal(o.Liars, []messages.PeerID{1}) {
		t.Errorf("%+v", o)
	}
}

func TestPrices(t *testing.T) {
	var spent time.Duration
	p := stub.Measured()
	c := stub.Priced(dealer(4).Member(0), p, func(d time.Duration) { spent += d })
	slot := protocol.Slot{}
	text, _ := c.Seal(nil, slot, nil)
	sealed, _ := c.Core.Scheme.Verify(slot.Label(), text)
	share := sealed.Share()
	sealed.Open([][]byte{share, nil, nil, nil})
	coin := c.Core.Coin(slot)
	coin.Combine(0, []aba.IndexedShare{{Share: coin.Share(0)}})
	c.Core.Verifier.Verify(0, messages.Digest{}, c.Core.Signer.Sign(messages.Digest{}))
	want := p.Seal + p.CheckSealed + p.OpenShare + p.Open + p.PerShare + p.CoinShare + p.CoinCombine + p.CoinPerShare + p.Sign + p.Verify
	if spent != want {
		t.Errorf("spent %v, want %v", spent, want)
	}
}
