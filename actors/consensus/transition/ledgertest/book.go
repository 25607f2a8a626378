// Package ledgertest is the second model of a federation: what must become of plans
// and items (package transitiontest), in plain maps and sums. It is written from
// what the modules promise, and shares no rule with them.
package ledgertest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/messages"
)

// A Book is the state of the second model. It knows no bytes, no storage, no savepoints and no
// batches: to undo something it goes on with the copy that it made before.
type Book struct {
	house *transitiontest.House
	epoch messages.Epoch

	// Accepted are the transactions, with the epoch.
	Accepted map[messages.TxID]messages.Epoch
	fees     int64

	spent, ordered map[int]bool // notes of the house
	owed           map[uint32]int64

	blocks  []chainhash.Hash // agreed, from the transitiontest.Birthday on
	seen    map[messages.PeerID]transitiontest.Sighting
	spoke   map[messages.PeerID]messages.Epoch
	rate    uint64
	frozen  bool
	claimed map[wire.OutPoint]bool
	coins   map[wire.OutPoint]int64
	// payments that are not buried, oldest first, and all there ever were.
	payments         []*payment
	ever             map[chainhash.Hash]messages.OutPoint
	buriedAt         map[chainhash.Hash]uint32
	reserve, surplus int64
}

// A payment is a peg-out that is not buried.
type payment struct {
	at       messages.OutPoint
	txid     chainhash.Hash
	sats     int64
	maximum  int64 // fee
	fee      int64
	change   int64
	since    uint32
	signers  map[messages.PeerID]bool
	complete bool
}

// New returns the book of a federation that has done nothing yet.
func New(h *transitiontest.House) *Book {
	return &Book{
		house: h, Accepted: map[messages.TxID]messages.Epoch{}, spent: map[int]bool{}, ordered: map[int]bool{}, owed: map[uint32]int64{},
		seen: map[messages.PeerID]transitiontest.Sighting{}, spoke: map[messages.PeerID]messages.Epoch{}, rate: transitiontest.DefaultRate,
		claimed: map[wire.OutPoint]bool{}, coins: map[wire.OutPoint]int64{}, ever: map[chainhash.Hash]messages.OutPoint{},
		buriedAt: map[chainhash.Hash]uint32{},
	}
}

// Copy returns a book of its own that says the same.
func (b *Book) Copy() *Book {
	c := *b
	c.Accepted, c.spent, c.ordered, c.owed = maps.Clone(b.Accepted), maps.Clone(b.spent), maps.Clone(b.ordered), maps.Clone(b.owed)
	c.seen, c.spoke, c.claimed, c.coins = maps.Clone(b.seen), maps.Clone(b.spoke), maps.Clone(b.claimed), maps.Clone(b.coins)
	c.ever, c.buriedAt, c.blocks = maps.Clone(b.ever), maps.Clone(b.buriedAt), slices.Clone(b.blocks)
	c.payments = nil
	for _, p := range b.payments {
		q := *p
		q.signers = maps.Clone(p.signers)
		c.payments = append(c.payments, &q)
	}
	return &c
}

// A Page is what an epoch must lead to.
type Page struct {
	// Accepted and Refused have a line for each decision, in order: see Verdict.
	Accepted, Refused []string
	// Blamed are the members with a fault.
	Blamed map[messages.PeerID]bool
	// Effect is the outcome without all that must leave no trace.
	Effect []transitiontest.Contribution
}

// Verdict is the line of a decision: that a transaction was accepted, or that one
// signed form of it was refused.
func Verdict(tx messages.TxID, form messages.WitnessID, refusal *messages.Rejection) string {
	if refusal == nil {
		return fmt.Sprintf("%.8s accepted", tx)
	}
	return fmt.Sprintf("%.8s refused in form %.8s: %d, final %t", tx, form, refusal.Code, refusal.Final)
}

// Turn returns the book after an epoch, and what the epoch must lead to.
func (b *Book) Turn(epoch messages.Epoch, contributions []transitiontest.Contribution) (*Book, Page) {
	next := b.Copy()
	next.epoch = epoch
	page := Page{Blamed: map[messages.PeerID]bool{}}
	for _, c := range contributions {
		kept := transitiontest.Contribution{Peer: c.Peer}
		page.Blamed[c.Peer] = c.Void
		for _, it := range c.Items {
			effect, fault := next.item(c.Peer, it)
			if effect {
				kept.Items = append(kept.Items, it)
			}
			if fault {
				page.Blamed[c.Peer] = true
				break
			}
		}
		page.Effect = append(page.Effect, kept)
	}
	// Forms that were decided in this epoch; true: they fail by themselves.
	decided := map[messages.WitnessID]bool{}
	for i, c := range contributions {
		for group := range slices.Chunk(c.Plans, 32) {
			bad := false
			known := maps.Clone(next.Accepted)
			for _, p := range group {
				var refusal *messages.Rejection
				unfit, twice := decided[p.Tx.WitnessID()]
				_, accepted := known[p.Tx.ID()]
				if code := Check(p); code != 0 && !twice && !accepted {
					refusal, unfit = &messages.Rejection{Code: code, Final: true}, true
				}
				bad = bad || unfit
				decided[p.Tx.WitnessID()] = unfit
				if _, accepted := next.Accepted[p.Tx.ID()]; accepted || twice {
					continue
				}
				if refusal == nil {
					next, refusal = next.transaction(p)
				}
				text := Verdict(p.Tx.ID(), p.Tx.WitnessID(), refusal)
				if refusal != nil {
					page.Refused = append(page.Refused, text)
					continue
				}
				page.Accepted = append(page.Accepted, text)
				page.Effect[i].Plans = append(page.Effect[i].Plans, p)
			}
			if bad {
				page.Blamed[c.Peer] = true
				break
			}
		}
	}
	for i := range page.Effect {
		page.Effect[i] = page.Effect[i].Encode()
	}
	return next, page
}

// Try is what a transaction that passes [Check] would meet now.
func (b *Book) Try(p *transitiontest.Plan) *messages.Rejection {
	if _, accepted := b.Accepted[p.Tx.ID()]; accepted {
		return nil
	}
	_, refusal := b.transaction(p)
	return refusal
}

// transaction returns the book with p in it, or as it was and the reason.
func (b *Book) transaction(p *transitiontest.Plan) (*Book, *messages.Rejection) {
	after := b.Copy()
	if refusal := after.apply(p); refusal != nil {
		return b, refusal
	}
	return after, nil
}

func (b *Book) apply(p *transitiontest.Plan) *messages.Rejection {
	refuse := func(code messages.RejectionCode) *messages.Rejection { return messages.Reject(code, "by the book") }
	var in, out, least int64
	counterfeit := false
	for _, i := range p.Ins {
		worth, fee, refusal := b.take(i)
		if refusal != nil {
			return refusal
		}
		in, least = in+worth, least+fee
		counterfeit = counterfeit || i.Claim == nil && b.owed[b.house.Notes[i.Note].Tier] < 0
	}
	for i, o := range p.Outs {
		worth, fee, refusal := b.give(o, messages.OutPoint{Tx: p.Tx.ID(), Index: uint32(i)})
		if refusal != nil {
			return refusal
		}
		out, least = out+worth, least+fee
	}
	fee := int64(p.Tx.Fee())
	b.fees += fee
	switch {
	case in != out+fee:
		return refuse(messages.RejectUnbalanced)
	case fee < least:
		return messages.RejectForNow(messages.RejectFeeTooLow, "by the book")
	case counterfeit || b.Assets() < b.Liabilities():
		return messages.RejectForNow(messages.RejectInsolvent, "by the book")
	}
	b.Accepted[p.Tx.ID()] = b.epoch
	return nil
}

// take does what an input asks for, give what an output asks for. They return
// what it is worth and the least fee, in msat.
func (b *Book) take(i transitiontest.In) (worth, fee int64, refusal *messages.Rejection) {
	if i.Claim != nil {
		return b.claim(i)
	}
	if b.spent[i.Note] {
		return 0, 0, messages.Reject(messages.RejectNoteSpent, "by the book")
	}
	tier := b.house.Notes[i.Note].Tier
	b.spent[i.Note] = true
	b.owed[tier] -= 1 << tier
	return 1 << tier, transitiontest.SpendFee, nil
}

func (b *Book) give(o transitiontest.Out, at messages.OutPoint) (worth, fee int64, refusal *messages.Rejection) {
	if o.Pay != nil {
		return b.pay(o.Pay, at)
	}
	if b.ordered[o.Note] {
		return 0, 0, messages.Reject(messages.RejectBlindNonceUsed, "by the book")
	}
	tier := b.house.Notes[o.Note].Tier
	b.ordered[o.Note] = true
	b.owed[tier] += 1 << tier
	return 1 << tier, transitiontest.IssueFee, nil
}

// Check is what must be found wrong with a plan without looking at any state, 0 if
// nothing. What costs little is found first.
func Check(p *transitiontest.Plan) messages.RejectionCode {
	for _, in := range p.Ins {
		if in.Kind != mint.Kind && in.Kind != wallet.Kind {
			return messages.RejectUnknownModule
		}
	}
	for _, out := range p.Outs {
		if out.Kind != mint.Kind && out.Kind != wallet.Kind {
			return messages.RejectUnknownModule
		}
	}
	for _, kind := range []messages.ModuleKind{mint.Kind, wallet.Kind} {
		if code := form(p, kind); code != 0 {
			return code
		}
	}
	if !p.Signed {
		return messages.RejectSignature
	}
	worst := messages.RejectionCode(0)
	for _, in := range p.Ins {
		if in.Deep != 0 && worst != messages.RejectMalformed {
			worst = in.Deep
		}
	}
	return worst
}

// form looks at the items of one module: for flaws, and for notes and orders that
// are there twice.
func form(p *transitiontest.Plan, kind messages.ModuleKind) messages.RejectionCode {
	spends, orders := map[string]bool{}, map[string]bool{}
	for _, in := range p.Ins {
		name := fmt.Sprint(in.Note)
		switch {
		case in.Kind != kind:
		case in.Flaw != 0:
			return in.Flaw
		case in.Claim == nil && spends[name]:
			return messages.RejectDuplicate
		case in.Claim == nil:
			spends[name] = true
		}
	}
	for _, out := range p.Outs {
		name := fmt.Sprint(out.Note)
		switch {
		case out.Kind != kind:
		case out.Flaw != 0:
			return out.Flaw
		case out.Pay == nil && orders[name]:
			return messages.RejectDuplicate
		case out.Pay == nil:
			orders[name] = true
		}
	}
	return 0
}
