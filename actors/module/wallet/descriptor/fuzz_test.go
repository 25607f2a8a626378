package descriptor

import (
	"bytes"
	"testing"
)

// FuzzVerify: of all bytes that a member may send as its signature, one form of
// what it really signed passes.
func FuzzVerify(f *testing.F) {
	d := federation(f, 4, 3)
	c := d.Deposit([32]byte{9})
	lock, err := d.Lock(c)
	if err != nil {
		f.Fatal(err)
	}
	own, err := TweakSecret(secret(1), c)
	if err != nil {
		f.Fatal(err)
	}
	digest := bytes.Repeat([]byte{3}, 32)
	good := Sign(own, digest)
	f.Add(good[:])
	f.Add(make([]byte, SignatureSize))
	f.Add(bytes.Repeat([]byte{0xff}, SignatureSize))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) != SignatureSize {
			return
		}
		sig := Signature(raw)
		if lock.Verify(0, digest, sig) && sig != good {
			t.Fatal("another form of a signature, or a forged one")
		}
		if lock.Verify(1, digest, sig) {
			t.Fatal("the signature of another member")
		}
	})
}
