package wallet

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// A signing is a bitcoin transaction with what its signatures need.
type signing struct {
	tx      *wire.MsgTx
	locks   []*descriptor.Lock
	digests [][]byte
}

func (m *Module) signing(s spend, tx *wire.MsgTx) signing {
	out := signing{tx: tx}
	sats := make([]uint64, len(s.record.GetCoins()))
	for i, c := range s.record.GetCoins() {
		lock, err := m.lock.Lock(descriptor.Contract(c.GetContract()))
		if err != nil {
			panic(fmt.Sprintf("wallet: stored coin: %v", err))
		}
		out.locks, sats[i] = append(out.locks, lock), c.GetSats()
	}
	digests, err := descriptor.Digests(tx, out.locks, sats)
	if err != nil {
		panic(fmt.Sprintf("wallet: stored transaction: %v", err))
	}
	out.digests = digests
	return out
}

// sign returns this member's item for a version.
func (m *Module) sign(s spend, tx *wire.MsgTx) *walletwire.Signatures {
	txid := tx.TxHash()
	out := &walletwire.Signatures{Txid: txid[:]}
	for i, digest := range m.signing(s, tx).digests {
		secret, err := descriptor.TweakSecret(m.cfg.Secret, descriptor.Contract(s.record.GetCoins()[i].GetContract()))
		if err != nil {
			panic(fmt.Sprintf("wallet: stored coin: %v", err))
		}
		sig := descriptor.Sign(secret, digest)
		out.Signatures = append(out.Signatures, sig[:])
	}
	return out
}

// applySignatures takes one member's signatures of one transaction. They are
// verified here and now, so that no bad one can spoil the witness, and it is
// plain who sent it.
func (m *Module) applySignatures(tx storage.Tx, from messages.PeerID, w *walletwire.Signatures) error {
	s, known, open := lookup(tx, w.GetTxid())
	if !known {
		return misbehaviour("signatures of a transaction that does not exist")
	}
	if !open {
		return withoutValue("transaction is buried")
	}
	version, unsigned := s.version(w.GetTxid())
	if version.GetSigned() {
		return withoutValue("transaction has enough signatures")
	}
	if tx.Get(signatureKey(w.GetTxid(), from)) != nil {
		return withoutValue("member has signed")
	}
	// What digests and keys cost is paid for in bytes: a flood of small items
	// would otherwise stop every member for minutes.
	if got, want := len(w.GetSignatures()), len(s.record.GetCoins()); got != want {
		return misbehaviour("%d signatures for %d inputs", got, want)
	}
	for i, raw := range w.GetSignatures() {
		if len(raw) != descriptor.SignatureSize {
			return misbehaviour("signature of %d bytes of input %d", len(raw), i)
		}
	}
	task := m.signing(s, unsigned)
	for i, raw := range w.GetSignatures() {
		if !task.locks[i].Verify(from, task.digests[i], descriptor.Signature(raw)) {
			return misbehaviour("bad signature of input %d", i)
		}
	}
	tx.Put(signatureKey(w.GetTxid(), from), canonical.Marshal(w))
	m.finish(tx, s, version, task)
	return nil
}

// finish completes a transaction when n−f members have signed it. It is called
// after each, so exactly n−f signatures are there when it does, and all members
// use the same ones.
func (m *Module) finish(tx storage.Tx, s spend, version *walletwire.Version, task signing) {
	txid := task.tx.TxHash()
	inputs := make([][]*descriptor.Signature, len(task.locks))
	for i := range inputs {
		inputs[i] = make([]*descriptor.Signature, len(m.cfg.Keys))
	}
	signers := 0
	var stored [][]byte
	for k, v := range tx.Scan(key(keySignature, txid[:])) {
		signers++
		stored = append(stored, bytes.Clone(k))
		member := readUint(k[1+len(txid):])
		for i, raw := range read(v, new(walletwire.Signatures)).GetSignatures() {
			sig := descriptor.Signature(raw)
			inputs[i][member] = &sig
		}
	}
	if signers < m.cfg.Threshold {
		return
	}
	for i, lock := range task.locks {
		task.tx.TxIn[i].Witness = lock.Witness(inputs[i])
	}
	for _, k := range stored {
		tx.Delete(k)
	}
	tx.Put(key(keyBroadcast, txid[:]), coins.Serialize(task.tx, true))
	version.Signed = true
	s.put(tx)
	setStatus(tx, s, &walletwire.PegOutStatus{Txid: txid[:], State: walletwire.PegOutState_PEG_OUT_STATE_BROADCAST})
}
