package agreement

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/messages/canonical"
)

func TestHello(t *testing.T) {
	h := goodHello(t, 3, 1)
	again, err := DecodeHello(h.Bytes())
	if err != nil || !again.Same(h) || !again.Wants(goodTerms(t, 3)) || again.Name != "name" || again.Address != "host1:1" || again.Attempt != 1 {
		t.Fatal(again, err)
	}
	if i, ok := again.Terms.Index(again.Identity); !ok || i != 1 {
		t.Fatal(i)
	}
	if goodHello(t, 3, 2).Same(h) {
		t.Fatal("hellos of two members are the same")
	}
	g := h.Greeting
	for name, spoil := range map[string]func(*Greeting){
		"no attempt":   func(g *Greeting) { g.Attempt = 0 },
		"no address":   func(g *Greeting) { g.Address = "" },
		"long address": func(g *Greeting) { g.Address = strings.Repeat("x", 256) },
		"long name":    func(g *Greeting) { g.Name = strings.Repeat("x", 256) },
		"no UTF-8":     func(g *Greeting) { g.Name = "\xff" },
		"no port":      func(g *Greeting) { g.Address = "host" },
	} {
		bad := g
		spoil(&bad)
		if _, err := bad.Sign(secretsOf(t, 1), stream("x")); err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := g.Sign(secretsOf(t, 1), bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	broken := secretsOf(t, 1)
	broken.Wallet, _ = keystore.NewSecret(make([]byte, 32))
	if _, err := g.Sign(broken, stream("x")); err == nil {
		t.Error("a wallet key of zero was used")
	}
}

// Nothing in a hello can be changed by others, and the wallet key goes with
// this identity only.
func TestHelloIsBound(t *testing.T) {
	outer, inner := new(setupwire.SignedHello), new(setupwire.Hello)
	if err := canonical.Unmarshal(goodHello(t, 3, 1).Bytes(), outer, maxHello); err != nil {
		t.Fatal(err)
	}
	if err := canonical.Unmarshal(outer.GetHello(), inner, maxHello); err != nil {
		t.Fatal(err)
	}
	pack := func(body, signature []byte) []byte {
		return canonical.Marshal(&setupwire.SignedHello{Hello: body, Signature: signature})
	}
	for i := range outer.GetHello() {
		changed := bytes.Clone(outer.GetHello())
		changed[i] ^= 1
		if _, err := DecodeHello(pack(changed, outer.GetSignature())); !errors.Is(err, ErrHello) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	// Signed again by member 2, with the other's wallet key and its proof.
	thief := identityOf(t, 2)
	inner.Identity = thief.Public().(ed25519.PublicKey)
	body := canonical.Marshal(inner)
	if _, err := DecodeHello(pack(body, ed25519.Sign(thief, helloDigest(body)))); err == nil || !strings.Contains(err.Error(), "wallet key") {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*setupwire.Hello){
		"version":      func(w *setupwire.Hello) { w.Version = 2 },
		"contribution": func(w *setupwire.Hello) { w.Contribution = nil },
		"wallet":       func(w *setupwire.Hello) { w.WalletKey = schnorr.SerializePubKey(goodHello(t, 3, 1).Wallet) },
		"no point":     func(w *setupwire.Hello) { w.WalletKey = bytes.Repeat([]byte{2}, 33); w.WalletKey[1] = 0xff },
		"address":      func(w *setupwire.Hello) { w.Address = "host:0" },
		"name":         func(w *setupwire.Hello) { w.Name = strings.Repeat("x", 256) },
		"attempt":      func(w *setupwire.Hello) { w.Attempt = 0 },
		"no proof":     func(w *setupwire.Hello) { w.WalletPossession = nil },
	} {
		w := new(setupwire.Hello)
		if err := canonical.Unmarshal(outer.GetHello(), w, maxHello); err != nil {
			t.Fatal(err)
		}
		spoil(w)
		body := canonical.Marshal(w)
		if _, err := DecodeHello(pack(body, ed25519.Sign(identityOf(t, 1), helloDigest(body)))); !errors.Is(err, ErrHello) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeHello(f *testing.F) {
	b := goodHello(f, 2, 1).Bytes()
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := DecodeHello(b)
		if err == nil && !bytes.Equal(h.Bytes(), b) {
			t.Fatal("two encodings of one hello")
		}
	})
}

// FuzzHelloBody reads anything that a member signs.
func FuzzHelloBody(f *testing.F) {
	outer := new(setupwire.SignedHello)
	if err := canonical.Unmarshal(goodHello(f, 2, 1).Bytes(), outer, maxHello); err != nil {
		f.Fatal(err)
	}
	f.Add(outer.GetHello())
	key := identityOf(f, 1)
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := DecodeHello(canonical.Marshal(&setupwire.SignedHello{Hello: body, Signature: ed25519.Sign(key, helloDigest(body))}))
		if err != nil {
			return
		}
		// Whatever terms it brings can be compared and judged.
		_ = Differences(goodTerms(t, 2), h.Terms)
		_ = h.Wants(goodTerms(t, 2))
		_ = h.Terms.Check()
	})
}
