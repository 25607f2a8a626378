package descriptor

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"minimint/crypto/domain"
	"minimint/messages"
)

func secret(seed byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{seed}, 32))
	return k
}

func federation(t testing.TB, n, threshold int) *Descriptor {
	c := Config{Federation: messages.FederationID{7}, Network: &chaincfg.SimNetParams, Threshold: threshold}
	for i := range n {
		c.Keys = append(c.Keys, secret(byte(1+i)).PubKey())
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Frozen: if this address changes, every deposit on its way is lost. It was
// computed by an independent script (Python's hashlib and hmac, schoolbook
// curve arithmetic) from the definition in the package comment.
func TestAddressIsFrozen(t *testing.T) {
	d := federation(t, 4, 3)
	address, err := d.Address(d.Deposit([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	const frozen = "sb1qnmw79n7462cszeydj38rzhysad38wll594hyqu8n2d4j8ldrx70swrz2tg"
	if address.EncodeAddress() != frozen {
		t.Errorf("address %s, frozen as %s", address.EncodeAddress(), frozen)
	}
	if !strings.HasPrefix(address.EncodeAddress(), "sb1q") {
		t.Error("not a version 0 address of simnet")
	}
}

// Every size of federation: any threshold of members spends, bitcoin's own
// rules agree, and the witness is not heavier than was reckoned.
func TestThresholdSpends(t *testing.T) {
	for _, size := range []struct{ n, threshold int }{{1, 1}, {4, 3}, {7, 5}, {16, 11}, {20, 14}} {
		d := federation(t, size.n, size.threshold)
		c := d.Deposit([32]byte{byte(size.n)})
		lock, err := d.Lock(c)
		if err != nil {
			t.Fatal(err)
		}
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 3}, Sequence: 0xfffffffd})
		tx.AddTxOut(wire.NewTxOut(900, lock.PkScript))
		digests, err := Digests(tx, []*Lock{lock}, []uint64{1000})
		if err != nil {
			t.Fatal(err)
		}
		signatures := make([]*Signature, size.n)
		for i := size.n - size.threshold; i < size.n; i++ {
			tweaked, err := TweakSecret(secret(byte(1+i)), c)
			if err != nil {
				t.Fatal(err)
			}
			s := Sign(tweaked, digests[0])
			if !lock.Verify(messages.PeerID(i), digests[0], s) {
				t.Fatalf("%d of %d: signature of member %d", size.threshold, size.n, i)
			}
			if other := (i + 1) % size.n; size.n > 1 && lock.Verify(messages.PeerID(other), digests[0], s) {
				t.Fatal("signature passes for another member's")
			}
			signatures[i] = &s
		}
		tx.TxIn[0].Witness = lock.Witness(signatures)
		prev := txscript.NewCannedPrevOutputFetcher(lock.PkScript, 1000)
		engine, err := txscript.NewEngine(lock.PkScript, tx, 0, txscript.StandardVerifyFlags, nil, txscript.NewTxSigHashes(tx, prev), 1000, prev)
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.Execute(); err != nil {
			t.Errorf("%d of %d: %v", size.threshold, size.n, err)
		}
		real, reckoned := inputSize*weightPerByte+tx.TxIn[0].Witness.SerializeSize(), d.InputWeight()
		if real > reckoned || reckoned-real > 3*size.threshold {
			t.Errorf("%d of %d: weight %d, reckoned %d", size.threshold, size.n, real, reckoned)
		}
	}
}

// The second form of an ECDSA signature, (r, n−s), is refused, and so is what
// is no signature at all.
func TestSignaturesHaveOneForm(t *testing.T) {
	d := federation(t, 4, 3)
	lock, _ := d.Lock(Contract{1})
	digest := sha256.Sum256([]byte("x"))
	tweaked, _ := TweakSecret(secret(1), Contract{1})
	s := Sign(tweaked, digest[:])
	if !lock.Verify(0, digest[:], s) {
		t.Fatal("signature refused")
	}
	var high btcec.ModNScalar
	high.SetByteSlice(s[32:])
	high.Negate()
	other := s
	high.PutBytesUnchecked(other[32:])
	order, _ := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	overflow, zeroR, zeroS := s, s, s
	copy(overflow[:32], order)
	clear(zeroR[:32])
	clear(zeroS[32:])
	for name, bad := range map[string]Signature{"high s": other, "r = n": overflow, "r = 0": zeroR, "s = 0": zeroS, "zero": {}} {
		if lock.Verify(0, digest[:], bad) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Both ways to a tweaked key give the same one, and it is the one that the
// package comment defines.
func TestTweakCommutes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k, _ := btcec.PrivKeyFromBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "secret"))
		if k.Key.IsZero() {
			return
		}
		c := Contract(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "contract"))
		a, err := TweakSecret(k, c)
		if err != nil {
			r.Fatal(err)
		}
		b, err := tweakPublic(k.PubKey(), c)
		if err != nil || !a.PubKey().IsEqual(b) {
			r.Fatalf("%x and %x, %v", a.PubKey().SerializeCompressed(), b.SerializeCompressed(), err)
		}
		mac := hmac.New(sha256.New, k.PubKey().SerializeCompressed())
		mac.Write(c[:])
		var want btcec.ModNScalar
		want.SetByteSlice(mac.Sum(nil))
		want.Add(&k.Key)
		if !want.Equals(&a.Key) {
			r.Fatal("tweak is not the one that is defined")
		}
	})
}

func TestContractsAreDistinct(t *testing.T) {
	d := federation(t, 4, 3)
	at := messages.OutPoint{Tx: messages.TxID{1}}
	seen := map[Contract]string{}
	for name, c := range map[string]Contract{
		"deposit 1": d.Deposit([32]byte{1}), "deposit 2": d.Deposit([32]byte{2}),
		"change 0": d.Change(at), "change 1": d.Change(messages.OutPoint{Tx: at.Tx, Index: 1}),
		"change of another": d.Change(messages.OutPoint{Tx: messages.TxID{2}}),
	} {
		if other, taken := seen[c]; taken {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[c] = name
	}
}

func TestConfigIsChecked(t *testing.T) {
	keys := []*btcec.PublicKey{secret(1).PubKey(), secret(2).PubKey()}
	for name, c := range map[string]Config{
		"no network":   {Keys: keys, Threshold: 1},
		"no keys":      {Network: &chaincfg.SimNetParams, Threshold: 1},
		"no threshold": {Network: &chaincfg.SimNetParams, Keys: keys},
		"too high":     {Network: &chaincfg.SimNetParams, Keys: keys, Threshold: 3},
		"same key":     {Network: &chaincfg.SimNetParams, Keys: append(keys, keys[0]), Threshold: 1},
		"too many":     {Network: &chaincfg.SimNetParams, Keys: make([]*btcec.PublicKey, 21), Threshold: 1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// H102: the original had one bitcoin key per member for everything, and no room for
// another. Here every contract has keys of its own, which show neither the members'
// keys nor each other, and a signature under one is none under another; federation and
// version of the lock are in every contract.
func TestH102EveryContractHasKeysOfItsOwn(t *testing.T) {
	d := federation(t, 4, 3)
	contracts := []Contract{d.Deposit([32]byte{1}), d.Deposit([32]byte{2}), d.Change(messages.OutPoint{Index: 1}), d.Change(messages.OutPoint{Index: 2})}
	digest := sha256.Sum256([]byte("one digest"))
	known := map[string]bool{} // keys and differences of keys between members
	difference := func(a, b *btcec.PublicKey) string {
		var p, q, sum btcec.JacobianPoint
		a.AsJacobian(&p)
		b.AsJacobian(&q)
		q.Y.Negate(1).Normalize()
		btcec.AddNonConst(&p, &q, &sum)
		sum.ToAffine()
		return "difference " + sum.X.String()
	}
	note := func(what string) {
		t.Helper()
		if known[what] {
			t.Errorf("%s occurs twice", what)
		}
		known[what] = true
	}
	for i := range 4 {
		note(hex.EncodeToString(secret(byte(1 + i)).PubKey().SerializeCompressed()))
	}
	note(difference(secret(1).PubKey(), secret(2).PubKey()))
	for n, c := range contracts {
		lock, err := d.Lock(c)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range lock.keys {
			note(hex.EncodeToString(key.SerializeCompressed()))
			own, err := TweakSecret(secret(byte(1+i)), c)
			if err != nil {
				t.Fatal(err)
			}
			other, err := TweakSecret(secret(byte(1+i)), contracts[(n+1)%len(contracts)])
			if err != nil {
				t.Fatal(err)
			}
			if p := messages.PeerID(i); !lock.Verify(p, digest[:], Sign(own, digest[:])) || lock.Verify(p, digest[:], Sign(other, digest[:])) || lock.Verify(p, digest[:], Sign(secret(byte(1+i)), digest[:])) {
				t.Errorf("contract %d, member %d: a signature counts that should not, or the other way round", n, i)
			}
		}
		note(difference(lock.keys[0], lock.keys[1]))
	}
	elsewhere := Config{Federation: messages.FederationID{8}, Network: d.cfg.Network, Keys: d.cfg.Keys, Threshold: 3}
	e, err := New(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if e.Deposit([32]byte{1}) == contracts[0] {
		t.Error("two federations of the same members share a contract")
	}
	if want := domain.Hash(domain.PegInTweak, d.cfg.Federation[:], []byte{Version}, []byte("deposit"), append([]byte{1}, make([]byte, 31)...)); Contract(want) != contracts[0] {
		t.Error("the version is not in the contract")
	}
}
