// Package purse makes transactions out of notes, and notes out of the answers to
// transactions. It works inside the caller's store transaction: what it takes
// and the record that says what for are one commit, made before anything is sent
// (H71).
//
// A note is free, reserved by one operation, or gone. An operation may need
// several attempts: the price has risen, a blind nonce was copied, the user wants
// the money back. All attempts of an operation spend the notes that the first
// one spent, so at most one of them is ever accepted.
package purse

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// Config is what a purse needs; all fields are required.
type Config struct {
	Federation messages.FederationID
	Mint       mint.Config // of the federation; Rand and Secrets are not used
	Ring       *keys.Ring
	// Random grinds tweaks and gives coefficients of checks. It must be
	// unpredictable.
	Random io.Reader
}

// A Purse applies the rules. It holds no notes: they are in the store.
type Purse struct {
	cfg   Config
	terms notes.Terms
}

// New returns the purse of a federation.
func New(cfg Config) *Purse {
	return &Purse{cfg: cfg, terms: Terms(cfg.Mint)}
}

// Terms are a mint's denominations and fees, by which notes are planned.
func Terms(cfg mint.Config) notes.Terms {
	t := notes.Terms{Spend: cfg.SpendFee, Issue: cfg.IssueFee}
	for _, tier := range cfg.Tiers {
		t.Tiers = append(t.Tiers, tier.Exponent)
	}
	return t
}

// Terms returns denominations and fees.
func (p *Purse) Terms() notes.Terms { return p.terms }

// Tiers returns the denominations with their keys; the caller must not change them.
func (p *Purse) Tiers() []mint.Tier { return p.cfg.Mint.Tiers }

// An Extra is an input or output that is no note.
type Extra struct {
	Item        transaction.Item
	Amount, Fee messages.Amount
	// Key signs for an input that names one.
	Key *btcec.PrivateKey
}

// An Order says what a transaction shall do. Notes that the operation has
// reserved before are spent in any case.
type Order struct {
	Given []token.Note // somebody's notes, to be cashed
	// Gather spends free notes that bring at least so much after fees.
	Gather messages.Amount
	// Exact issues notes of exactly this amount.
	Exact           messages.Amount
	Inputs, Outputs []Extra
	// Fund adds free notes if the rest does not pay for everything.
	Fund bool
	// Cancels says that the transaction only takes reserved notes back.
	Cancels bool
}

// input is one note that is about to be spent.
type input struct {
	tier      uint32
	spend     *btcec.PrivateKey
	nonce     tbs.Nonce
	signature tbs.Signature
	own       bool
}

// Prepare appends an attempt to op that does what o says, reserves its notes and
// writes the record. Its errors are those of package notes, or say that a stock
// of randomness or a limit of transactions is used up; nothing is to be
// committed then.
func (p *Purse) Prepare(tx storage.Tx, op *clientwire.Operation, o Order) error {
	ins, plan, err := p.plan(tx, op.GetId(), o)
	if err != nil {
		return err
	}
	tweak, err := p.tweak(tx)
	if err != nil {
		return err
	}
	signed, err := p.build(ins, plan, tweak, o)
	if err != nil {
		return err
	}
	attempt := &clientwire.Attempt{Transaction: signed.Bytes(), Tweak: tweak[:], Cancels: o.Cancels}
	for _, in := range ins {
		if !in.own {
			continue
		}
		attempt.Inputs = append(attempt.Inputs, bytes.Clone(in.nonce[:]))
		n, _ := book.FindNote(tx, in.nonce)
		n.Operation = op.GetId()
		book.PutNote(tx, n)
	}
	op.Attempts = append(op.Attempts, attempt)
	book.Put(tx, op)
	return nil
}

// plan picks the notes to spend and those to ask for.
func (p *Purse) plan(r storage.Reader, id uint64, o Order) ([]input, notes.Plan, error) {
	ins, free := p.own(r, id)
	for _, n := range o.Given {
		ins = append(ins, input{tier: n.Tier, spend: n.Spend, nonce: n.Nonce, signature: n.Signature})
	}
	if o.Gather > 0 && len(ins) == 0 {
		picked, err := p.terms.SelectCovering(tiersOf(free), o.Gather)
		if err != nil {
			return nil, notes.Plan{}, err
		}
		for _, i := range picked {
			ins = append(ins, p.unlock(free[i]))
		}
		free = nil
	}
	bill := notes.Bill{Others: len(o.Inputs) + len(o.Outputs), Buys: len(o.Outputs) > 0}
	for _, in := range ins {
		bill.Given = append(bill.Given, in.tier)
	}
	var err error
	if bill.Exact, err = p.terms.Exact(o.Exact); err != nil {
		return nil, notes.Plan{}, err
	}
	if bill.Income, bill.IncomeFee, err = total(o.Inputs); err != nil {
		return nil, notes.Plan{}, err
	}
	if bill.Outlay, bill.OutlayFee, err = total(o.Outputs); err != nil {
		return nil, notes.Plan{}, err
	}
	if !o.Fund {
		free = nil
	}
	plan, err := p.terms.Plan(bill, tiersOf(free))
	if err != nil {
		return nil, notes.Plan{}, err
	}
	for _, i := range plan.Inputs {
		ins = append(ins, p.unlock(free[i]))
	}
	slices.SortFunc(ins, func(a, b input) int {
		return cmp.Or(cmp.Compare(a.tier, b.tier), bytes.Compare(a.nonce[:], b.nonce[:]))
	})
	return ins, plan, nil
}

func total(extras []Extra) (amount, fee messages.Amount, err error) {
	for _, e := range extras {
		a, err1 := amount.Add(e.Amount)
		f, err2 := fee.Add(e.Fee)
		if err := cmp.Or(err1, err2); err != nil {
			return 0, 0, err
		}
		amount, fee = a, f
	}
	return amount, fee, nil
}

// own returns the notes that an operation has reserved, and the free ones.
func (p *Purse) own(r storage.Reader, id uint64) (reserved []input, free []book.Note) {
	for _, n := range book.Notes(r) {
		switch {
		case n.GetOperation() == id:
			reserved = append(reserved, p.unlock(n))
		case n.GetOperation() == 0 && !n.GetDoubtful():
			free = append(free, n)
		}
	}
	return reserved, free
}

func tiersOf(list []book.Note) []uint32 {
	out := make([]uint32, len(list))
	for i, n := range list {
		out[i] = n.GetTier()
	}
	return out
}

// unlock derives the secret of a stored note.
func (p *Purse) unlock(n book.Note) input {
	signature, err := tbs.DecodeSignature(n.GetSignature())
	if err != nil {
		panic(fmt.Sprintf("purse: stored note: %v", err))
	}
	s := p.cfg.Ring.Note(keys.Tweak(n.GetTweak()), n.GetTier(), n.GetPosition())
	if s.Nonce != n.Nonce {
		panic("purse: stored note has another nonce than its seed gives")
	}
	return input{tier: n.GetTier(), spend: s.Spend, nonce: n.Nonce, signature: signature, own: true}
}

// grindLimit is so high that not finding a tweak means that the randomness is
// broken.
const grindLimit = 1 << 22

// tweak takes one from stock, or grinds one on the spot.
func (p *Purse) tweak(tx storage.Tx) (keys.Tweak, error) {
	if t, ok := book.TakeTweak(tx); ok {
		return t, nil
	}
	t, ok, err := p.cfg.Ring.Grind(p.cfg.Random, grindLimit)
	if err == nil && !ok {
		err = errors.New("no tweak found; the source of randomness is broken")
	}
	return t, err
}

// build makes the signed transaction of a plan. Extra inputs and outputs come
// first; the position of a note among the outputs goes into its secrets.
func (p *Purse) build(ins []input, plan notes.Plan, tweak keys.Tweak, o Order) (*transaction.Transaction, error) {
	d := transaction.Draft{Fee: plan.Fee}
	var signers []*btcec.PrivateKey
	for _, e := range o.Inputs {
		d.Inputs = append(d.Inputs, e.Item)
		if e.Key != nil {
			signers = append(signers, e.Key)
		}
	}
	for _, in := range ins {
		body := mint.Input{Tier: in.tier, Nonce: in.nonce, Signature: in.signature}.Encode()
		d.Inputs = append(d.Inputs, transaction.Item{Kind: mint.Kind, Body: body})
		signers = append(signers, in.spend)
	}
	for _, e := range o.Outputs {
		d.Outputs = append(d.Outputs, e.Item)
	}
	for _, tier := range plan.Outputs {
		issuance, err := p.issuance(tweak, tier, uint32(len(d.Outputs)))
		if err != nil {
			return nil, err
		}
		out := mint.Output{Tier: tier, BlindNonce: issuance.BlindNonce().Bytes(), Tweak: tweak}
		d.Outputs = append(d.Outputs, transaction.Item{Kind: mint.Kind, Body: out.Encode()})
	}
	signature, err := transaction.Sign(d, p.cfg.Federation, signers)
	if err != nil {
		return nil, err
	}
	return transaction.Build(d, signature)
}

// issuance derives what makes the note at a position.
func (p *Purse) issuance(tweak keys.Tweak, tier, position uint32) (*tbs.Issuance, error) {
	for _, t := range p.cfg.Mint.Tiers {
		if t.Exponent == tier {
			s := p.cfg.Ring.Note(tweak, tier, position)
			return tbs.NewIssuance(t.Keys, s.Nonce, s.Blinding)
		}
	}
	return nil, fmt.Errorf("the federation has no tier of 2^%d msat", tier)
}

// Check verifies somebody's notes in one batch, before anything is sent (H78).
// It returns an error that a person can act on.
func (p *Purse) Check(t token.Token) error {
	if !t.Of(p.cfg.Federation) {
		return fmt.Errorf("%w: they are of another federation", token.ErrToken)
	}
	list := make([]tbs.Note, len(t.Notes))
	for i, n := range t.Notes {
		at := slices.IndexFunc(p.cfg.Mint.Tiers, func(tier mint.Tier) bool { return tier.Exponent == n.Tier })
		if at < 0 {
			return fmt.Errorf("%w: the federation has no notes of 2^%d msat", token.ErrToken, n.Tier)
		}
		list[i] = tbs.Note{Keys: p.cfg.Mint.Tiers[at].Keys, Nonce: n.Nonce, Signature: n.Signature}
	}
	valid, err := tbs.VerifyBatch([][]tbs.Note{list}, p.cfg.Random)
	if err != nil {
		return err
	}
	if !valid[0] {
		return fmt.Errorf("%w: the federation has not signed all of them, so they are forged or damaged", token.ErrToken)
	}
	return nil
}
