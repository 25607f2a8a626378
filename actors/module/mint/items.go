package mint

import (
	"fmt"

	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Sizes of what stands in items, in bytes.
const (
	TweakSize      = 16
	blindNonceSize = 48
	signatureSize  = 48
	maxItem        = 256
)

// An Input spends one note.
type Input struct {
	Tier      uint32
	Nonce     tbs.Nonce
	Signature tbs.Signature
}

// Encode returns the canonical bytes.
func (in Input) Encode() []byte {
	return canonical.Marshal(&mintwire.Input{Tier: in.Tier, Nonce: in.Nonce[:], Signature: in.Signature.Bytes()})
}

// DecodeInput reads an input: form, lengths, and that the signature is a point
// of the right group. Whether it signs the note is for Check.
func DecodeInput(b []byte) (Input, error) {
	w, err := readInput(b)
	if err != nil {
		return Input{}, err
	}
	in := Input{Tier: w.GetTier(), Nonce: tbs.Nonce(w.GetNonce())}
	if in.Signature, err = tbs.DecodeSignature(w.GetSignature()); err != nil {
		return Input{}, err
	}
	return in, nil
}

// readInput reads an input without looking at its point.
func readInput(b []byte) (*mintwire.Input, error) {
	w := new(mintwire.Input)
	if err := canonical.Unmarshal(b, w, maxItem); err != nil {
		return nil, err
	}
	if len(w.GetNonce()) != len(tbs.Nonce{}) || len(w.GetSignature()) != signatureSize || w.GetTier() > MaxTier {
		return nil, fmt.Errorf("nonce of %d bytes, signature of %d, tier 2^%d", len(w.GetNonce()), len(w.GetSignature()), w.GetTier())
	}
	return w, nil
}

// An Output asks for one note.
type Output struct {
	Tier       uint32
	BlindNonce []byte // 48 bytes
	Tweak      [TweakSize]byte
}

// Encode returns the canonical bytes.
func (out Output) Encode() []byte { return canonical.Marshal(out.wire()) }

func (out Output) wire() *mintwire.Output {
	return &mintwire.Output{Tier: out.Tier, BlindNonce: out.BlindNonce, Tweak: out.Tweak[:]}
}

// DecodeOutput reads an output: form and lengths. Whether the blind nonce is a
// point is for Check, and again for whoever signs it.
func DecodeOutput(b []byte) (Output, error) {
	w := new(mintwire.Output)
	if err := canonical.Unmarshal(b, w, maxItem); err != nil {
		return Output{}, err
	}
	return outputOf(w)
}

func outputOf(w *mintwire.Output) (Output, error) {
	if len(w.GetBlindNonce()) != blindNonceSize || len(w.GetTweak()) != TweakSize || w.GetTier() > MaxTier {
		return Output{}, fmt.Errorf("blind nonce of %d bytes, tweak of %d, tier 2^%d", len(w.GetBlindNonce()), len(w.GetTweak()), w.GetTier())
	}
	return Output{Tier: w.GetTier(), BlindNonce: w.GetBlindNonce(), Tweak: [TweakSize]byte(w.GetTweak())}, nil
}

func termsWire(spend, issue messages.Amount) *mintwire.Terms {
	return &mintwire.Terms{SpendFeeMsat: uint64(spend), IssueFeeMsat: uint64(issue)}
}
