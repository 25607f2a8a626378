// Package exchange makes transactions that exchange notes for notes, and the notes
// out of the members' answers, for programs that stand beside a federation and
// watch it: no wallet, no records, no seed. Who loses an Exchange before its end
// has lost the money in it, so it is for play money only.
//
//	d, err := exchange.NewDesk(federation, rand.Reader)
//	x, err := d.New(notes, []uint32{10, 10})       // two notes of 2^10 msat
//	…submit x.Transaction, ask members what became of it…
//	fresh, err := x.Finish(decided)
package exchange

import (
	"fmt"
	"io"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/client/keys"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// A Desk makes exchanges with one federation. It may be used by as many goroutines
// as its randomness.
type Desk struct {
	federation messages.FederationID
	mint       mint.Config
	random     io.Reader
}

// NewDesk returns the desk of a federation. random must be unpredictable: it makes
// the secrets of notes.
func NewDesk(f *federation.Config, random io.Reader) (*Desk, error) {
	m, err := mint.FromFederation(f)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return &Desk{federation: f.ID(), mint: m, random: random}, nil
}

// An Exchange is a transaction from notes to notes, with what makes the fresh ones
// out of the members' answers.
type Exchange struct {
	Transaction *transaction.Transaction
	tiers       []uint32
	spends      []*btcec.PrivateKey
	issuances   []*tbs.Issuance
	random      io.Reader
}

// New spends given notes and asks for fresh ones of the tiers; what they are worth
// less becomes the fee. It is an error to ask for more than is given.
func (d *Desk) New(given []token.Note, tiers []uint32) (*Exchange, error) {
	x := &Exchange{tiers: tiers, random: d.random}
	var draft transaction.Draft
	var signers []*btcec.PrivateKey
	balance := messages.Amount(0)
	for _, n := range given {
		body := mint.Input{Tier: n.Tier, Nonce: n.Nonce, Signature: n.Signature}.Encode()
		draft.Inputs = append(draft.Inputs, transaction.Item{Kind: mint.Kind, Body: body})
		signers = append(signers, n.Spend)
		balance += mint.Amount(n.Tier)
	}
	var tweak [mint.TweakSize]byte
	if _, err := io.ReadFull(d.random, tweak[:]); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	for _, tier := range tiers {
		issuance, spend, err := d.issuance(tier)
		if err != nil {
			return nil, fmt.Errorf("exchange: %w", err)
		}
		x.issuances, x.spends = append(x.issuances, issuance), append(x.spends, spend)
		body := mint.Output{Tier: tier, BlindNonce: issuance.BlindNonce().Bytes(), Tweak: tweak}.Encode()
		draft.Outputs = append(draft.Outputs, transaction.Item{Kind: mint.Kind, Body: body})
		if balance < mint.Amount(tier) {
			return nil, fmt.Errorf("exchange: notes of %d tiers are worth more than what is given for them", len(tiers))
		}
		balance -= mint.Amount(tier)
	}
	draft.Fee = balance
	signature, err := transaction.Sign(draft, d.federation, signers)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	if x.Transaction, err = transaction.Build(draft, signature); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return x, nil
}

// issuance blinds a fresh nonce.
func (d *Desk) issuance(tier uint32) (*tbs.Issuance, *btcec.PrivateKey, error) {
	at := slices.IndexFunc(d.mint.Tiers, func(t mint.Tier) bool { return t.Exponent == tier })
	if at < 0 {
		return nil, nil, fmt.Errorf("the federation has no notes of 2^%d msat", tier)
	}
	var secret [32]byte
	if _, err := io.ReadFull(d.random, secret[:]); err != nil {
		return nil, nil, err
	}
	spend, _ := btcec.PrivKeyFromBytes(secret[:])
	factor, err := bls.RandomScalar(d.random)
	if err != nil {
		return nil, nil, err
	}
	issuance, err := tbs.NewIssuance(d.mint.Tiers[at].Keys, keys.NonceOf(spend), factor)
	return issuance, spend, err
}

// Finish makes the fresh notes out of what members say of the accepted
// transaction, by member; nil from those who have not said. n−f must have.
func (x *Exchange) Finish(decided []*wire.Decided) ([]token.Note, error) {
	var answers []tbs.Answer
	for member, d := range decided {
		if d == nil {
			continue
		}
		a := tbs.Answer{Index: uint32(member) + 1}
		for i, o := range d.GetOutputs() {
			share, err := tbs.DecodeBlindShare(o.GetShare())
			if err != nil {
				return nil, fmt.Errorf("exchange: member %d, output %d: %w", member, i, err)
			}
			a.Shares = append(a.Shares, share)
		}
		answers = append(answers, a)
	}
	signatures, wrong, err := tbs.Finalize(x.issuances, answers, x.random)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("exchange: member %d gave wrong shares", wrong[0]-1)
	}
	fresh := make([]token.Note, len(signatures))
	for i, s := range signatures {
		fresh[i] = token.Note{Tier: x.tiers[i], Spend: x.spends[i], Nonce: keys.NonceOf(x.spends[i]), Signature: s}
	}
	return fresh, nil
}
