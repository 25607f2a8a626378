package descriptor

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/messages"
)

// Sizes of a spend, in bytes.
const (
	inputSize = 32 + 4 + 1 + 4 // outpoint, empty script, sequence
	// signatureSize is reserved for a DER signature with its hash type. With
	// low s it is 72 at most; the usual estimate keeps one more.
	signatureSize = 73
	weightPerByte = 4 // of everything outside the witness, BIP 141
)

// InputWeight is the most that spending one coin adds to the weight of a
// transaction, in weight units (BIP 141).
func (d *Descriptor) InputWeight() int { return inputSize*weightPerByte + d.witnessWeight }

func witnessWeight(threshold, script int) int {
	const count, empty, length = 1, 1, 1
	return count + empty + threshold*(length+signatureSize) + wire.VarIntSerializeSize(uint64(script)) + script
}

// SignatureSize is the length of a member's signature in bytes.
const SignatureSize = 64

// A Signature is an ECDSA signature, r ‖ s with s in the lower half (BIP 62).
type Signature [SignatureSize]byte

// Digests returns what the members sign, for each input of tx in order (BIP
// 143, SIGHASH_ALL). locks and sats belong to the spent coins.
func Digests(tx *wire.MsgTx, locks []*Lock, sats []uint64) ([][]byte, error) {
	if len(locks) != len(tx.TxIn) || len(sats) != len(tx.TxIn) {
		panic(fmt.Sprintf("descriptor: %d locks and %d amounts for %d inputs", len(locks), len(sats), len(tx.TxIn)))
	}
	if len(locks) == 0 {
		return nil, nil
	}
	// The fetcher only tells segwit version 0 from taproot here.
	hashes := txscript.NewTxSigHashes(tx, txscript.NewCannedPrevOutputFetcher(locks[0].PkScript, 0))
	out := make([][]byte, len(locks))
	for i, l := range locks {
		digest, err := txscript.CalcWitnessSigHash(l.WitnessScript, hashes, txscript.SigHashAll, tx, i, int64(sats[i]))
		if err != nil {
			return nil, fmt.Errorf("digest of input %d: %w", i, err)
		}
		out[i] = digest
	}
	return out, nil
}

// Sign signs a digest with a tweaked secret; nonces follow RFC 6979.
func Sign(secret *btcec.PrivateKey, digest []byte) Signature {
	compact := ecdsa.SignCompact(secret, digest, true)
	return Signature(compact[1:]) // after the recovery code come r and s
}

// Verify reports whether sig is the member's signature of digest in its one
// valid form: a second form could be swapped in to change the witness.
func (l *Lock) Verify(member messages.PeerID, digest []byte, sig Signature) bool {
	parsed, ok := sig.parse()
	return ok && parsed.Verify(digest, l.keys[member])
}

func (sig Signature) parse() (*ecdsa.Signature, bool) {
	var r, s btcec.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) || r.IsZero() || s.IsZero() || s.IsOverHalfOrder() {
		return nil, false
	}
	return ecdsa.NewSignature(&r, &s), true
}

// Witness returns the witness of one input from verified signatures by PeerID,
// nil where there is none; exactly threshold of them are given.
func (l *Lock) Witness(signatures []*Signature) wire.TxWitness {
	witness := wire.TxWitness{nil} // OP_CHECKMULTISIG takes one element too many
	for _, p := range l.order {
		if signatures[p] == nil {
			continue
		}
		sig, ok := signatures[p].parse()
		if !ok {
			panic(fmt.Sprintf("descriptor: signature of member %d was not verified", p))
		}
		witness = append(witness, append(sig.Serialize(), byte(txscript.SigHashAll)))
	}
	if len(witness) != 1+l.threshold {
		panic(fmt.Sprintf("descriptor: %d signatures, want %d", len(witness)-1, l.threshold))
	}
	return append(witness, l.WitnessScript)
}
