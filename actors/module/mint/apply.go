package mint

import (
	"fmt"

	"minimint/actors/module/contract"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// ApplyInput implements contract.Module.
func (m *Module) ApplyInput(tx storage.Tx, env contract.Env, body []byte) (contract.Worth, error) {
	in, err := readInput(body)
	if err != nil {
		return contract.Worth{}, messages.Reject(messages.RejectMalformed, "note: %v", err)
	}
	key := spentKey(in.GetNonce())
	if tx.Get(key) != nil {
		return contract.Worth{}, messages.Reject(messages.RejectNoteSpent, "this note of 2^%d msat is spent already", in.GetTier())
	}
	tx.Put(key, []byte{})
	amount := Amount(in.GetTier())
	env.Ledger().Liability(tierLine(in.GetTier()), -int64(amount))
	appendEntry(tx, &mintwire.Entry{Spent: in.GetNonce()})
	return contract.Worth{Amount: amount, Fee: m.cfg.SpendFee}, nil
}

// ApplyOutput implements contract.Module.
func (m *Module) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, body []byte) (contract.Worth, error) {
	out, err := DecodeOutput(body)
	if err != nil {
		return contract.Worth{}, messages.Reject(messages.RejectMalformed, "output: %v", err)
	}
	key := blindKey(out)
	if tx.Get(key) != nil {
		return contract.Worth{}, messages.Reject(messages.RejectBlindNonceUsed, "this blind nonce was signed before; ask again with a fresh one")
	}
	tx.Put(key, []byte{})
	tx.Put(issuedKey(at), body)
	amount := Amount(out.Tier)
	env.Ledger().Liability(tierLine(out.Tier), int64(amount))
	appendEntry(tx, &mintwire.Entry{Issued: &mintwire.Issued{Output: out.wire(), Txid: at.Tx[:], Index: at.Index}})
	return contract.Worth{Amount: amount, Fee: m.cfg.IssueFee}, nil
}

// ApplyItem implements contract.Module: the mint agrees on nothing but
// transactions.
func (m *Module) ApplyItem(storage.Tx, contract.Env, messages.PeerID, []byte) error {
	return &contract.Misbehaviour{Text: "the mint has no consensus items"}
}

// EndEpoch implements contract.Module.
func (m *Module) EndEpoch(storage.Tx, contract.Env) error { return nil }

// Outcome implements contract.Answerer: that the note is issued says all.
func (m *Module) Outcome(storage.Reader, messages.OutPoint) []byte { return nil }

// Share implements contract.Answerer: this member's blind share (48 bytes) for
// an issued output. The point is decoded anew, since signing an unchecked point
// would give away part of the secret.
func (m *Module) Share(r storage.Reader, at messages.OutPoint) []byte {
	body := r.Get(issuedKey(at))
	if body == nil {
		return nil
	}
	out, err := DecodeOutput(body)
	if err != nil {
		panic(fmt.Sprintf("mint: stored output %s: %v", at, err))
	}
	tier, ok := m.Tier(out.Tier)
	if !ok || tier.Secret == nil {
		return nil
	}
	blind, err := tbs.DecodeBlindNonce(out.BlindNonce)
	if err != nil {
		panic(fmt.Sprintf("mint: stored output %s: %v", at, err))
	}
	return tier.Secret.Sign(blind).Bytes()
}

func tierLine(exponent uint32) string { return fmt.Sprintf("tier/%02d", exponent) }

// The module's keys: a letter and what it is about.
func spentKey(nonce []byte) []byte { return append([]byte{'s'}, nonce...) }

func blindKey(out Output) []byte { return append([]byte{'b', byte(out.Tier)}, out.BlindNonce...) }

func issuedKey(at messages.OutPoint) []byte {
	k := append([]byte{'o'}, at.Tx[:]...)
	return append(k, byte(at.Index>>24), byte(at.Index>>16), byte(at.Index>>8), byte(at.Index))
}

func mustRead(b []byte, w *mintwire.Entry) {
	if err := canonical.Unmarshal(b, w, maxItem*2); err != nil {
		panic(fmt.Sprintf("mint: stored entry of the recovery log: %v", err))
	}
}
