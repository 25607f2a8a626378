package load

import (
	"context"
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
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// Split exchanges notes for count notes of one tier, worth exactly as much, in one
// transaction.
func (g *Generator) Split(ctx context.Context, given []token.Note, tier uint32, count int) ([]token.Note, error) {
	x, err := g.exchange(given, slices.Repeat([]uint32{tier}, count))
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	decided, err := g.clients[0].carry(ctx, x.transaction)
	if err != nil {
		return nil, fmt.Errorf("load: split notes: %w", err)
	}
	fresh, err := x.finish(decided, g.random)
	if err != nil {
		return nil, fmt.Errorf("load: split notes: %w", err)
	}
	return fresh, nil
}

// Payments makes, for each note, the transaction that exchanges it for so many
// smaller ones, all of one tier. pieces is a power of two.
func (g *Generator) Payments(list []token.Note, pieces int) ([]*transaction.Transaction, error) {
	var out []*transaction.Transaction
	for _, n := range list {
		tier := n.Tier
		for p := pieces; p > 1; p /= 2 {
			tier--
		}
		x, err := g.exchange([]token.Note{n}, slices.Repeat([]uint32{tier}, pieces))
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		out = append(out, x.transaction)
	}
	return out, nil
}

// exchange is a transaction from notes to notes, with what makes the fresh ones
// out of the members' answers.
type exchange struct {
	transaction *transaction.Transaction
	tiers       []uint32
	spends      []*btcec.PrivateKey
	issuances   []*tbs.Issuance
}

// exchange spends given notes and asks for fresh ones of the tiers. Nothing of it
// follows from a seed: these notes are worth nothing.
func (g *Generator) exchange(given []token.Note, tiers []uint32) (*exchange, error) {
	x := &exchange{tiers: tiers}
	var d transaction.Draft
	var signers []*btcec.PrivateKey
	balance := messages.Amount(0)
	for _, n := range given {
		body := mint.Input{Tier: n.Tier, Nonce: n.Nonce, Signature: n.Signature}.Encode()
		d.Inputs = append(d.Inputs, transaction.Item{Kind: mint.Kind, Body: body})
		signers = append(signers, n.Spend)
		balance += mint.Amount(n.Tier)
	}
	var tweak [mint.TweakSize]byte
	if _, err := io.ReadFull(g.random, tweak[:]); err != nil {
		return nil, err
	}
	for _, tier := range tiers {
		issuance, spend, err := g.issuance(tier)
		if err != nil {
			return nil, err
		}
		x.issuances, x.spends = append(x.issuances, issuance), append(x.spends, spend)
		body := mint.Output{Tier: tier, BlindNonce: issuance.BlindNonce().Bytes(), Tweak: tweak}.Encode()
		d.Outputs = append(d.Outputs, transaction.Item{Kind: mint.Kind, Body: body})
		if balance < mint.Amount(tier) {
			return nil, fmt.Errorf("notes of %d tiers are worth more than what is given for them", len(tiers))
		}
		balance -= mint.Amount(tier)
	}
	d.Fee = balance
	signature, err := transaction.Sign(d, g.federation.ID(), signers)
	if err != nil {
		return nil, err
	}
	x.transaction, err = transaction.Build(d, signature)
	return x, err
}

// issuance blinds a fresh nonce.
func (g *Generator) issuance(tier uint32) (*tbs.Issuance, *btcec.PrivateKey, error) {
	at := slices.IndexFunc(g.mint.Tiers, func(t mint.Tier) bool { return t.Exponent == tier })
	if at < 0 {
		return nil, nil, fmt.Errorf("the federation has no notes of 2^%d msat", tier)
	}
	var secret [32]byte
	if _, err := io.ReadFull(g.random, secret[:]); err != nil {
		return nil, nil, err
	}
	spend, _ := btcec.PrivKeyFromBytes(secret[:])
	factor, err := bls.RandomScalar(g.random)
	if err != nil {
		return nil, nil, err
	}
	issuance, err := tbs.NewIssuance(g.mint.Tiers[at].Keys, keys.NonceOf(spend), factor)
	return issuance, spend, err
}

// finish makes the fresh notes.
func (x *exchange) finish(decided []*wire.Decided, random io.Reader) ([]token.Note, error) {
	var answers []tbs.Answer
	for member, d := range decided {
		a := tbs.Answer{Index: uint32(member) + 1}
		for i, o := range d.GetOutputs() {
			share, err := tbs.DecodeBlindShare(o.GetShare())
			if err != nil {
				return nil, fmt.Errorf("member %d, output %d: %w", member, i, err)
			}
			a.Shares = append(a.Shares, share)
		}
		answers = append(answers, a)
	}
	signatures, _, err := tbs.Finalize(x.issuances, answers, random)
	if err != nil {
		return nil, err
	}
	fresh := make([]token.Note, len(signatures))
	for i, s := range signatures {
		fresh[i] = token.Note{Tier: x.tiers[i], Spend: x.spends[i], Nonce: keys.NonceOf(x.spends[i]), Signature: s}
	}
	return fresh, nil
}
