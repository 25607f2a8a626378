package tdec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/frames"
)

func dealt(n int) tenctest.Keys {
	return tenctest.Deal(rand.NewChaCha8([32]byte{1}), tenctest.Config{Threshold: protocol.NewQuorum(n).Some(), Members: n})
}

// TestScheme runs real keys: what one member sealed f+1 shares open, liars are
// found, and shares are the same bytes at every call.
func TestScheme(t *testing.T) {
	keys := dealt(4)
	random := rand.NewChaCha8([32]byte{2})
	ciphertext, err := tdec.Seal(random, keys.Public, slot, []byte("contribution"))
	if err != nil {
		t.Fatal(err)
	}
	open := make([]tdec.Sealed, 4)
	shares := make([][]byte, 4)
	for i := range open {
		scheme := tdec.NewScheme(keys.Public, keys.Secrets[i])
		sealed, ok := scheme.Verify(slot.Label(), ciphertext)
		if !ok {
			t.Fatal("own ciphertext is not valid")
		}
		open[i], shares[i] = sealed, sealed.Share()
		if !bytes.Equal(sealed.Share(), shares[i]) {
			t.Error("share differs from call to call")
		}
	}
	if o := open[0].Open([][]byte{shares[0], nil, nil, nil}); o.Status != tdec.Incomplete {
		t.Errorf("one share: %+v", o)
	}
	if o := open[0].Open([][]byte{nil, nil, shares[2], shares[3]}); o.Status != tdec.Opened || string(o.Plaintext) != "contribution" {
		t.Errorf("two shares: %+v", o)
	}
	// A share of another member in 2's place, and bytes that are none in 1's.
	lies := [][]byte{shares[0], []byte("none"), shares[3], nil}
	if o := open[0].Open(lies); o.Status != tdec.Incomplete || !slices.Equal(o.Liars, []messages.PeerID{1, 2}) {
		t.Errorf("with two liars: %+v", o)
	}
	lies[3] = shares[3]
	if o := open[0].Open(lies); o.Status != tdec.Opened || !slices.Equal(o.Liars, []messages.PeerID{1, 2}) {
		t.Errorf("with two liars and two right ones: %+v", o)
	}
}

// TestSchemeUnopenable: a ciphertext that is publicly valid and made from nothing
// is Unopenable with f+1 right shares, and not with fewer.
func TestSchemeUnopenable(t *testing.T) {
	text, err := os.ReadFile("../../../crypto/tenc/testdata/unopenable.txt")
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	keys, label := dealt(4), messages.Digest(bytes.Repeat([]byte{7}, 32))
	shares := make([][]byte, 4)
	for i := range shares {
		sealed, ok := tdec.NewScheme(keys.Public, keys.Secrets[i]).Verify(label, ciphertext)
		if !ok {
			t.Fatal("not publicly valid")
		}
		shares[i] = sealed.Share()
	}
	sealed, _ := tdec.NewScheme(keys.Public, tenc.SecretShare{}).Verify(label, ciphertext) // anybody can see it
	if o := sealed.Open([][]byte{nil, shares[0], shares[2], nil}); o.Status != tdec.Incomplete || !slices.Equal(o.Liars, []messages.PeerID{1}) {
		t.Errorf("one right share: %+v", o)
	}
	if o := sealed.Open([][]byte{nil, shares[1], shares[2], nil}); o.Status != tdec.Unopenable || o.Plaintext != nil || o.Liars != nil {
		t.Errorf("two right shares: %+v", o)
	}
}

// TestSchemeRemembers: a share that was proven is not looked at again.
func TestSchemeRemembers(t *testing.T) {
	keys := dealt(4)
	ciphertext := sealedBytes(t, keys, 10)
	shares := make([][]byte, 4)
	var sealed tdec.Sealed
	for i := range shares {
		sealed, _ = tdec.NewScheme(keys.Public, keys.Secrets[i]).Verify(slot.Label(), ciphertext)
		shares[i] = sealed.Share()
	}
	if o := sealed.Open([][]byte{nil, shares[0], shares[2], nil}); o.Status != tdec.Incomplete {
		t.Fatalf("%+v", o)
	}
	junk := []byte("not looked at")
	if o := sealed.Open([][]byte{nil, nil, junk, junk}); o.Status != tdec.Opened || o.Liars != nil {
		t.Errorf("a share that was proven and its own: %+v", o)
	}
}

// TestSchemeRefuses: a ciphertext counts in its own slot only, whole and
// unchanged.
func TestSchemeRefuses(t *testing.T) {
	keys := dealt(4)
	scheme := tdec.NewScheme(keys.Public, keys.Secrets[0])
	ciphertext, err := tdec.Seal(rand.NewChaCha8([32]byte{2}), keys.Public, slot, []byte("contribution"))
	if err != nil {
		t.Fatal(err)
	}
	slots := map[string]protocol.Slot{"federation": slot, "era": slot, "epoch": slot, "proposer": slot}
	for name, s := range slots {
		switch name {
		case "federation":
			s.Federation[0]++
		case "era":
			s.Era++
		case "epoch":
			s.Epoch++
		case "proposer":
			s.Proposer++
		}
		if _, ok := scheme.Verify(s.Label(), ciphertext); ok {
			t.Errorf("valid for another %s", name)
		}
	}
	for at := range ciphertext {
		bad := slices.Clone(ciphertext)
		bad[at] ^= 1
		if _, ok := scheme.Verify(slot.Label(), bad); ok {
			t.Errorf("valid with bit %d changed", 8*at)
		}
	}
	for _, b := range [][]byte{nil, ciphertext[:len(ciphertext)-1], append(slices.Clone(ciphertext), 0), make([]byte, 1<<20)} {
		if _, ok := scheme.Verify(slot.Label(), b); ok {
			t.Errorf("%d bytes are valid", len(b))
		}
	}
}

type failing struct{}

var errRandom = errors.New("no randomness")

func (failing) Read([]byte) (int, error) { return 0, errRandom }

func TestSealErrors(t *testing.T) {
	if _, err := tdec.Seal(failing{}, dealt(4).Public, slot, nil); !errors.Is(err, errRandom) {
		t.Errorf("error %v", err)
	}
	ciphertext, err := tdec.Seal(rand.NewChaCha8([32]byte{2}), dealt(4).Public, slot, make([]byte, tdec.MaxContribution))
	if err != nil || len(ciphertext) != frames.MaxPayload {
		t.Errorf("%d bytes, error %v", len(ciphertext), err)
	}
	defer func() {
		if recover() == nil {
			t.Error("too long, no panic")
		}
	}()
	_, _ = tdec.Seal(failing{}, dealt(4).Public, slot, make([]byte, tdec.MaxContribution+1))
}
