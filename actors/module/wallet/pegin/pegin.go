// Package pegin is the proof of a deposit: what a depositor builds from a block,
// and what a member checks before it looks at any state.
package pegin

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/spv"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// MaxSize bounds a proof in bytes; it fits what one item of a transaction
// may take. Deposits made by larger bitcoin transactions cannot be claimed.
const MaxSize = 64 << 10

// A Proof shows a deposit. It exists only after everything that needs no
// state was checked (H6): that the transaction is in the block of its header,
// that the output pays to the federation under the tweak key, and its value.
type Proof struct {
	encoded  []byte
	place    spv.Place
	at       wire.OutPoint
	amount   messages.Amount
	key      [32]byte
	contract descriptor.Contract
}

// Address returns where to pay deposits that the owner of an x-only tweak
// key may claim. Any number of them may be paid to one address, though a fresh
// key for each keeps them unlinked.
func Address(d *descriptor.Descriptor, tweakKey [32]byte) (btcutil.Address, error) {
	return d.Address(d.Deposit(tweakKey))
}

// Find returns the outputs of a block that are deposits under tweakKey, in
// order. It fails for one key in 2^127.
func Find(d *descriptor.Descriptor, block *wire.MsgBlock, tweakKey [32]byte) ([]wire.OutPoint, error) {
	lock, err := d.Lock(d.Deposit(tweakKey))
	if err != nil {
		return nil, err
	}
	var found []wire.OutPoint
	for _, tx := range block.Transactions {
		for i, out := range tx.TxOut {
			if bytes.Equal(out.PkScript, lock.PkScript) {
				found = append(found, wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)})
			}
		}
	}
	return found, nil
}

// Build proves that the output at of a transaction in a whole block is a
// deposit under tweakKey, and checks it as members will. Its error is a
// [messages.Rejection] or says that the block has no such transaction.
func Build(d *descriptor.Descriptor, block *wire.MsgBlock, at wire.OutPoint, tweakKey [32]byte) (*Proof, error) {
	index := 0
	for index < len(block.Transactions) && block.Transactions[index].TxHash() != at.Hash {
		index++
	}
	inclusion, err := spv.Prove(block, index)
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if err := block.Transactions[index].SerializeNoWitness(&raw); err != nil {
		return nil, fmt.Errorf("serialize deposit: %w", err)
	}
	return Decode(d, canonical.Marshal(&walletwire.PegInProof{
		LockVersion: descriptor.Version, Inclusion: inclusion,
		Transaction: raw.Bytes(), Output: at.Index, TweakKey: tweakKey[:],
	}))
}

// Decode reads a proof and checks all of it. Its error is a
// [messages.Rejection].
func Decode(d *descriptor.Descriptor, b []byte) (*Proof, error) {
	p, rejection := Check(d, b)
	if rejection != nil {
		return nil, rejection
	}
	return p, nil
}

// Check is Decode with its error typed.
func Check(d *descriptor.Descriptor, b []byte) (*Proof, *messages.Rejection) {
	if len(b) > MaxSize {
		return nil, messages.Reject(messages.RejectTooLarge, "peg-in proof of %d bytes; at most %d are allowed", len(b), MaxSize)
	}
	w := new(walletwire.PegInProof)
	if err := canonical.Unmarshal(b, w, MaxSize); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "peg-in proof: %v", err)
	}
	if w.GetLockVersion() != descriptor.Version {
		return nil, messages.Reject(messages.RejectPegInProof, "descriptor version %d; this federation has %d", w.GetLockVersion(), descriptor.Version)
	}
	tweakKey, err := schnorr.ParsePubKey(w.GetTweakKey())
	if err != nil {
		return nil, messages.Reject(messages.RejectPegInProof, "tweak key is no x-only public key")
	}
	tx, err := spv.ParseTx(w.GetTransaction())
	if err != nil {
		return nil, messages.Reject(messages.RejectPegInProof, "deposit: %v", err)
	}
	place, err := spv.Verify(w.GetInclusion(), tx)
	if err != nil {
		return nil, messages.Reject(messages.RejectPegInProof, "deposit: %v", err)
	}
	if w.GetOutput() >= uint32(len(tx.TxOut)) {
		return nil, messages.Reject(messages.RejectPegInProof, "deposit has %d outputs, none at %d", len(tx.TxOut), w.GetOutput())
	}
	p := &Proof{
		encoded: bytes.Clone(b), place: place, at: wire.OutPoint{Hash: tx.TxHash(), Index: w.GetOutput()},
		key: [32]byte(schnorr.SerializePubKey(tweakKey)),
	}
	if rejection := p.checkOutput(d, tx.TxOut[w.GetOutput()]); rejection != nil {
		return nil, rejection
	}
	return p, nil
}

// checkOutput checks that out pays to the federation under the proof's key.
func (p *Proof) checkOutput(d *descriptor.Descriptor, out *wire.TxOut) *messages.Rejection {
	p.contract = d.Deposit(p.key)
	lock, err := d.Lock(p.contract)
	if err != nil || !bytes.Equal(out.PkScript, lock.PkScript) {
		return messages.Reject(messages.RejectPegInProof, "output %s does not pay to this federation under the tweak key", p.at)
	}
	if out.Value <= 0 {
		return messages.Reject(messages.RejectPegInProof, "output %s has a value of %d sat", p.at, out.Value)
	}
	if p.amount, err = messages.FromSat(uint64(out.Value)); err != nil {
		return messages.Reject(messages.RejectPegInProof, "output %s: %v", p.at, err)
	}
	return nil
}

// Bytes is the canonical encoding, the body of an input; the caller must not
// change it.
func (p *Proof) Bytes() []byte { return p.encoded }

// Block is the hash of the block that holds the deposit.
func (p *Proof) Block() chainhash.Hash { return p.place.Block }

// OutPoint is the bitcoin output that is claimed.
func (p *Proof) OutPoint() wire.OutPoint { return p.at }

// Amount is what the deposit brings before fees.
func (p *Proof) Amount() messages.Amount { return p.amount }

// Key is the x-only tweak key that must sign the claim.
func (p *Proof) Key() [32]byte { return p.key }

// Contract is what locks the deposit.
func (p *Proof) Contract() descriptor.Contract { return p.contract }

// Coinbase reports whether the deposit is a block reward, which bitcoin lets
// be spent only 100 blocks later.
func (p *Proof) Coinbase() bool { return p.place.Coinbase }
