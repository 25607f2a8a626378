package spv

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
)

// block builds a block of n transactions and folds its root level by level,
// another way than the code under test.
func block(n int) *wire.MsgBlock {
	b := &wire.MsgBlock{}
	coinbase := wire.NewMsgTx(1)
	coinbase.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex}, SignatureScript: []byte{1, byte(n)}})
	coinbase.AddTxOut(wire.NewTxOut(50, []byte{0x51}))
	b.AddTransaction(coinbase)
	for i := 1; i < n; i++ {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: chainhash.HashH([]byte{byte(i), byte(n)})}})
		tx.AddTxOut(wire.NewTxOut(int64(i), bytes.Repeat([]byte{0x51}, 10)))
		b.AddTransaction(tx)
	}
	b.Header.MerkleRoot = rootOf(b.Transactions)
	return b
}

func rootOf(txs []*wire.MsgTx) chainhash.Hash {
	if len(txs) == 1 {
		return txs[0].TxHash()
	}
	size := 1
	for size < len(txs) {
		size *= 2
	}
	var node func(from, size int) chainhash.Hash
	node = func(from, size int) chainhash.Hash {
		if size == 1 {
			return txs[from].TxHash()
		}
		left := node(from, size/2)
		right := left
		if from+size/2 < len(txs) {
			right = node(from+size/2, size/2)
		}
		return chainhash.DoubleHashH(append(left[:], right[:]...))
	}
	return node(0, size)
}

func prove(t *testing.T, b *wire.MsgBlock, index int) *walletwire.Inclusion {
	t.Helper()
	p, err := Prove(b, index)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryTransactionOfEveryBlockSize(t *testing.T) {
	for n := 1; n <= 40; n++ {
		b := block(n)
		for i, tx := range b.Transactions {
			p := prove(t, b, i)
			place, err := Verify(p, tx)
			if err != nil || place.Block != b.BlockHash() || place.Coinbase != (i == 0) {
				t.Fatalf("%d of %d: %+v, %v", i, n, place, err)
			}
			for j := range p.GetBranch() {
				refuse(t, p, tx, func(q *walletwire.Inclusion) { q.Branch[j][5] ^= 1 })
				refuse(t, p, tx, func(q *walletwire.Inclusion) { q.CoinbaseBranch[j][5] ^= 1 })
				refuse(t, p, tx, func(q *walletwire.Inclusion) { q.Index ^= 1 << j })
			}
			refuse(t, p, tx, func(q *walletwire.Inclusion) { q.Index |= 1 << 30 })
			refuse(t, p, tx, func(q *walletwire.Inclusion) { q.Header[40] ^= 1 })
			if other := b.Transactions[(i+1)%n]; n > 1 {
				if _, err := Verify(p, other); !errors.Is(err, ErrProof) {
					t.Fatalf("%d of %d shows %d as well", i, n, (i+1)%n)
				}
			}
		}
	}
}

// A header commits to its own transactions in their order, and to no others. (That
// the last ones may be there twice, CVE-2012-2459, adds no other.)
func TestConsistent(t *testing.T) {
	foreign := block(11).Transactions[2]
	for n := 1; n <= 9; n++ {
		if !Consistent(block(n)) {
			t.Errorf("a block of %d transactions", n)
		}
		for name, change := range map[string]func(*wire.MsgBlock){
			"nothing":  func(b *wire.MsgBlock) { b.Transactions = nil },
			"one less": func(b *wire.MsgBlock) { b.Transactions = b.Transactions[:n-1] },
			"one more": func(b *wire.MsgBlock) { b.AddTransaction(foreign) },
			"another":  func(b *wire.MsgBlock) { b.Transactions[n/2] = foreign },
		} {
			b := block(n)
			if change(b); Consistent(b) {
				t.Errorf("%s of %d", name, n)
			}
		}
	}
}

func refuse(t *testing.T, p *walletwire.Inclusion, tx *wire.MsgTx, change func(*walletwire.Inclusion)) {
	t.Helper()
	q := proto.CloneOf(p)
	change(q)
	if _, err := Verify(q, tx); !errors.Is(err, ErrProof) {
		t.Fatalf("a changed proof: error %v", err)
	}
}

func TestMalformedProofs(t *testing.T) {
	b := block(9)
	p, tx := prove(t, b, 5), b.Transactions[5]
	for name, change := range map[string]func(*walletwire.Inclusion){
		"no header":           func(q *walletwire.Inclusion) { q.Header = nil },
		"long header":         func(q *walletwire.Inclusion) { q.Header = append(q.Header, 0) },
		"no coinbase":         func(q *walletwire.Inclusion) { q.Coinbase = nil },
		"another coinbase":    func(q *walletwire.Inclusion) { q.Coinbase = raw(t, tx) },
		"shorter coinbase":    func(q *walletwire.Inclusion) { q.CoinbaseBranch = q.CoinbaseBranch[1:] },
		"shorter both":        func(q *walletwire.Inclusion) { q.CoinbaseBranch, q.Branch = q.CoinbaseBranch[1:], q.Branch[1:] },
		"short hash":          func(q *walletwire.Inclusion) { q.Branch[1] = q.Branch[1][:31] },
		"too deep":            func(q *walletwire.Inclusion) { q.Branch, q.CoinbaseBranch = make([][]byte, 17), make([][]byte, 17) },
		"coinbase with bytes": func(q *walletwire.Inclusion) { q.Coinbase = append(q.Coinbase, 0) },
	} {
		t.Run(name, func(t *testing.T) { refuse(t, p, tx, change) })
	}
	for _, index := range []int{-1, 9} {
		if _, err := Prove(b, index); err == nil {
			t.Errorf("proof of transaction %d of 9", index)
		}
	}
}

// H103: the original's partial trees took an inner node for a transaction. Here it is
// none, and a transaction of 64 bytes is none that could be proven.
func TestH103InnerNodesAndAmbiguousTransactions(t *testing.T) {
	b := block(8)
	p := prove(t, b, 5)
	// A branch one level higher, for whatever hashes to the inner node.
	q := proto.CloneOf(p)
	q.Branch, q.Index = q.Branch[1:], q.Index>>1
	if _, err := Verify(q, b.Transactions[5]); !errors.Is(err, ErrProof) {
		t.Errorf("shorter branch: error %v", err)
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{})
	tx.AddTxOut(wire.NewTxOut(1, []byte{0x51, 0x51, 0x51, 0x51}))
	if tx.SerializeSizeStripped() != 64 {
		t.Fatalf("%d bytes", tx.SerializeSizeStripped())
	}
	b.Transactions[5] = tx
	b.Header.MerkleRoot = rootOf(b.Transactions)
	if _, err := Verify(prove(t, b, 5), tx); !errors.Is(err, ErrProof) {
		t.Errorf("64 bytes in a sound tree: error %v", err)
	}
	if _, err := ParseTx(raw(t, tx)); !errors.Is(err, ErrProof) {
		t.Errorf("64 bytes parsed: error %v", err)
	}
}

// CVE-2012-2459: the last leaf of an odd level is not there a second time.
func TestDuplicatedLeaf(t *testing.T) {
	b := block(7)
	p := prove(t, b, 6)
	q := proto.CloneOf(p)
	q.Index = 7
	if root, err := fold(b.Transactions[6].TxHash(), 6, q.GetBranch()); err != nil || root != b.Header.MerkleRoot {
		t.Fatalf("%s, %v", root, err)
	}
	if _, err := Verify(q, b.Transactions[6]); !errors.Is(err, ErrProof) {
		t.Errorf("error %v", err)
	}
}

func raw(t testing.TB, tx *wire.MsgTx) []byte {
	var out bytes.Buffer
	if err := tx.SerializeNoWitness(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A count that the bytes do not back costs nothing: these claim 100,000 inputs.
func TestParseTxDoesNotAllocateForClaims(t *testing.T) {
	claims := append([]byte{2, 0, 0, 0, 0xfe, 0xa0, 0x86, 0x01, 0}, make([]byte, 100)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		if _, err := ParseTx(claims); !errors.Is(err, ErrProof) {
			t.Fatalf("error %v", err)
		}
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 10<<20 {
		t.Errorf("%d bytes allocated", bytes)
	}
}

// H103, the other way round: the original had no guard against a leaf of 64 bytes,
// which somebody got mined, whose second half is the id of a transaction that nobody did.
func TestH103LeafThatLooksLikeAnInnerNode(t *testing.T) {
	b := block(4)
	forged := wire.NewMsgTx(2)
	forged.AddTxIn(&wire.TxIn{})
	forged.AddTxOut(wire.NewTxOut(1_000_000, bytes.Repeat([]byte{0x51}, 34)))
	half, id := chainhash.Hash{7}, forged.TxHash()
	leaves := []chainhash.Hash{b.Transactions[0].TxHash(), b.Transactions[1].TxHash(), b.Transactions[2].TxHash(), parent(half, id)}
	b.Header.MerkleRoot = parent(parent(leaves[0], leaves[1]), parent(leaves[2], leaves[3]))

	p := prove(t, b, 0) // for the header and the coinbase
	p.CoinbaseBranch, _ = branch(leaves, 0)
	deep, _ := branch(leaves, 3)
	p.Branch = append([][]byte{half[:]}, deep...)
	p.Index = 3<<1 | 1
	var header bytes.Buffer
	if err := b.Header.Serialize(&header); err != nil {
		t.Fatal(err)
	}
	p.Header = header.Bytes()
	if root, err := fold(id, p.GetIndex(), p.GetBranch()); err != nil || root != b.Header.MerkleRoot {
		t.Fatalf("the attack is built wrongly: %v", err)
	}
	if _, err := Verify(p, forged); !errors.Is(err, ErrProof) {
		t.Errorf("error %v", err)
	}
}

func TestFirstTransactionMustBeACoinbase(t *testing.T) {
	b := block(4)
	b.Transactions = b.Transactions[1:]
	b.Header.MerkleRoot = rootOf(b.Transactions)
	if _, err := Verify(prove(t, b, 1), b.Transactions[1]); !errors.Is(err, ErrProof) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseTx(f *testing.F) {
	b := block(3)
	f.Add(raw(f, b.Transactions[0]))
	f.Add(raw(f, b.Transactions[2]))
	f.Add([]byte{2, 0, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		tx, err := ParseTx(in)
		if err == nil && !bytes.Equal(raw(t, tx), in) {
			t.Errorf("%x parses as %x", in, raw(t, tx))
		}
	})
}

func FuzzVerify(f *testing.F) {
	b := block(5)
	for i, tx := range b.Transactions {
		p, err := Prove(b, i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(canonical.Marshal(p), raw(f, tx))
	}
	f.Fuzz(func(t *testing.T, proof, in []byte) {
		p := new(walletwire.Inclusion)
		if canonical.Unmarshal(proof, p, 1<<16) != nil {
			return
		}
		tx, err := ParseTx(in)
		if err != nil {
			return
		}
		if place, err := Verify(p, tx); err == nil && place.Block == b.BlockHash() {
			for _, own := range b.Transactions {
				if own.TxHash() == tx.TxHash() {
					return
				}
			}
			t.Error("a transaction that is not in the block")
		}
	})
}
