// Package mint is the module that issues and redeems notes: private e-cash
// under threshold blind signatures (package tbs).
//
// A tier is a power of two in millisatoshi and has a key of its own. A note is
// a nonce, which is a BIP 340 key that must sign the spend, and a signature
// under its tier's key. An input spends one note; an output asks for one, by a
// blind nonce that nobody can link to the nonce later.
//
// Two rules keep money from appearing: a nonce is spent at most once, and a
// blind nonce is signed at most once per tier (else a client that is made to
// use it twice loses money, V6). Both are consensus rules over one permanent
// set each. Members' blind shares are not agreed on: each member derives its
// own from committed state and serves it beside the outcome.
//
// Every issued and spent note is appended to a recovery log in slices of
// SliceSize, each with a hash that all members have alike: a wallet that has
// nothing but its seed downloads whole slices, and tells nobody which of the
// entries are its own.
package mint

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"minimint/actors/module/contract"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Kind is the module's kind.
const Kind messages.ModuleKind = "mint"

// MaxTier is the largest exponent of a tier: 2^41 msat is about 22 bitcoin.
const MaxTier = 41

// A Tier is one denomination.
type Tier struct {
	// Exponent e makes notes of this tier worth 2^e msat.
	Exponent uint32
	Keys     *tbs.TierKeys
	// Secret is this member's share, nil in a client or observer.
	Secret *tbs.SecretShare
}

// Amount is what a note of tier exponent is worth.
func Amount(exponent uint32) messages.Amount { return messages.Amount(1) << exponent }

// Config is what the module needs.
type Config struct {
	Tiers []Tier // ascending by exponent
	// SpendFee and IssueFee are the least fee of one input and one output.
	SpendFee, IssueFee messages.Amount
	// Rand gives the coefficients of batch verification; it must be
	// unpredictable to whoever makes transactions, and safe for concurrent use
	// where Check is. Verdicts do not depend on it.
	Rand io.Reader
}

// Module implements the contract.
type Module struct{ cfg Config }

var (
	_ contract.Module   = (*Module)(nil)
	_ contract.Screener = (*Module)(nil)
	_ contract.Querier  = (*Module)(nil)
	_ contract.Answerer = (*Module)(nil)
)

// New returns the module, or an error if the tiers are out of order or range, or
// two of them have one key, under which a cheap note would be a dear one.
func New(cfg Config) (*Module, error) {
	if len(cfg.Tiers) == 0 || cfg.Rand == nil {
		return nil, errors.New("mint: no tiers or no source of randomness")
	}
	for i, t := range cfg.Tiers {
		if t.Keys == nil || t.Exponent > MaxTier || i > 0 && cfg.Tiers[i-1].Exponent >= t.Exponent {
			return nil, fmt.Errorf("mint: tier 2^%d is out of order, out of range or has no key", t.Exponent)
		}
	}
	groups := map[string]uint32{}
	for _, t := range cfg.Tiers {
		group := string(t.Keys.Group().Bytes())
		if other, taken := groups[group]; taken {
			return nil, fmt.Errorf("mint: tiers 2^%d and 2^%d have the same key", other, t.Exponent)
		}
		groups[group] = t.Exponent
	}
	cfg.Tiers = slices.Clone(cfg.Tiers)
	return &Module{cfg: cfg}, nil
}

// Kind implements contract.Module.
func (m *Module) Kind() messages.ModuleKind { return Kind }

// Tiers returns the denominations, ascending; the caller must not change it.
func (m *Module) Tiers() []Tier { return m.cfg.Tiers }

// Fees are what one input and one output add to a transaction's fee at least.
func (m *Module) Fees() (spend, issue messages.Amount) { return m.cfg.SpendFee, m.cfg.IssueFee }

// Tier returns the denomination 2^exponent, and false if there is none.
func (m *Module) Tier(exponent uint32) (Tier, bool) {
	for _, t := range m.cfg.Tiers {
		if t.Exponent == exponent {
			return t, true
		}
	}
	return Tier{}, false
}

// Screen implements contract.Screener: form, lengths, tiers, and no note or blind
// nonce named twice in a transaction (H3). The nonces are the keys that must sign.
func (m *Module) Screen(items contract.Items) contract.Verdict {
	_, _, v := m.screen(items)
	return v
}

// screen is Screen with what it read; nothing of that on a rejection.
func (m *Module) screen(items contract.Items) ([]*mintwire.Input, []Output, contract.Verdict) {
	refuse := func(code messages.RejectionCode, format string, args ...any) ([]*mintwire.Input, []Output, contract.Verdict) {
		return nil, nil, contract.Verdict{Rejection: messages.Reject(code, format, args...)}
	}
	var v contract.Verdict
	var inputs []*mintwire.Input
	var outputs []Output
	nonces, blinds := map[tbs.Nonce]bool{}, map[string]bool{}
	for i, b := range items.Inputs {
		in, err := readInput(b)
		if err != nil {
			return refuse(messages.RejectMalformed, "note %d: %v", i, err)
		}
		if _, ok := m.Tier(in.GetTier()); !ok {
			return refuse(messages.RejectTier, "note %d: this federation has no tier of 2^%d msat", i, in.GetTier())
		}
		nonce := tbs.Nonce(in.GetNonce())
		if nonces[nonce] {
			return refuse(messages.RejectDuplicate, "note %d is there twice", i)
		}
		nonces[nonce] = true
		inputs, v.Keys = append(inputs, in), append(v.Keys, [][32]byte{nonce})
	}
	for i, b := range items.Outputs {
		out, err := DecodeOutput(b)
		if err != nil {
			return refuse(messages.RejectMalformed, "output %d: %v", i, err)
		}
		if _, ok := m.Tier(out.Tier); !ok {
			return refuse(messages.RejectTier, "output %d: this federation has no tier of 2^%d msat", i, out.Tier)
		}
		if blinds[string(out.BlindNonce)] {
			return refuse(messages.RejectDuplicate, "output %d: its blind nonce is there twice", i)
		}
		blinds[string(out.BlindNonce)] = true
		outputs = append(outputs, out)
	}
	return inputs, outputs, v
}

// Check implements contract.Module: what Screen does, then that signatures and
// blind nonces are points, and the notes of all transactions in one batch.
func (m *Module) Check(batch []contract.Items) []contract.Verdict {
	verdicts := make([]contract.Verdict, len(batch))
	notes := make([][]tbs.Note, len(batch))
	for i, items := range batch {
		notes[i], verdicts[i] = m.decode(items)
	}
	valid, err := tbs.VerifyBatch(notes, m.cfg.Rand)
	if err != nil {
		panic(fmt.Sprintf("mint: randomness for batch verification: %v", err))
	}
	for i := range verdicts {
		if verdicts[i].Rejection == nil && !valid[i] {
			verdicts[i] = contract.Verdict{Rejection: messages.Reject(messages.RejectNoteInvalid, "at least one note of this transaction is not signed by the federation")}
		}
	}
	return verdicts
}

// decode reads the items of one transaction; on a rejection there are no notes.
func (m *Module) decode(items contract.Items) ([]tbs.Note, contract.Verdict) {
	inputs, outputs, v := m.screen(items)
	if v.Rejection != nil {
		return nil, v
	}
	notes := make([]tbs.Note, len(inputs))
	for i, in := range inputs {
		signature, err := tbs.DecodeSignature(in.GetSignature())
		if err != nil {
			return nil, contract.Verdict{Rejection: messages.Reject(messages.RejectMalformed, "note %d: %v", i, err)}
		}
		tier, _ := m.Tier(in.GetTier())
		notes[i] = tbs.Note{Keys: tier.Keys, Nonce: tbs.Nonce(in.GetNonce()), Signature: signature}
	}
	for i, out := range outputs {
		if _, err := tbs.DecodeBlindNonce(out.BlindNonce); err != nil {
			return nil, contract.Verdict{Rejection: messages.Reject(messages.RejectMalformed, "output %d: %v", i, err)}
		}
	}
	return notes, v
}

// Terms encodes the fees for the federation's configuration.
func Terms(spend, issue messages.Amount) []byte {
	return canonical.Marshal(termsWire(spend, issue))
}
