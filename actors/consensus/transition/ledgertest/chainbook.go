package ledgertest

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module/wallet"
	"minimint/messages"
)

// The half of a book that is about bitcoin.

const sat = int64(messages.Sat)

const maxPayments, maxInputs = 32, 128

// Ordered reports whether a note was asked for.
func (b *Book) Ordered(note int) bool { return b.ordered[note] }

// Spent reports whether a note was spent.
func (b *Book) Spent(note int) bool { return b.spent[note] }

// Claimed reports whether nobody may claim a bitcoin output any more.
func (b *Book) Claimed(at wire.OutPoint) bool { return b.claimed[at] }

// Height is the newest that was agreed on.
func (b *Book) Height() uint32 { return transitiontest.Birthday - 1 + uint32(len(b.blocks)) }

// BlockAt returns the agreed block at a height, false if there is none.
func (b *Book) BlockAt(height uint32) (chainhash.Hash, bool) {
	if height < transitiontest.Birthday || height > b.Height() {
		return chainhash.Hash{}, false
	}
	return b.blocks[height-transitiontest.Birthday], true
}

func (b *Book) agreed(block chainhash.Hash) (uint32, bool) {
	i := slices.Index(b.blocks, block)
	return transitiontest.Birthday + uint32(i), i >= 0
}

// vbytes is the size of a payment with so many inputs, as bitcoin counts it, with
// signatures of the greatest length.
func (b *Book) vbytes(script []byte, inputs int, change []byte) int64 {
	const signature = 73
	lock := 1 + transitiontest.Members*34 + 1 + 1
	tx := wire.NewMsgTx(2)
	for range inputs {
		witness := wire.TxWitness{nil}
		for range transitiontest.Threshold {
			witness = append(witness, make([]byte, signature))
		}
		tx.AddTxIn(&wire.TxIn{Witness: append(witness, make([]byte, lock))})
	}
	tx.AddTxOut(wire.NewTxOut(0, script))
	if change != nil {
		tx.AddTxOut(wire.NewTxOut(0, change))
	}
	return int64(3*tx.SerializeSizeStripped()+tx.SerializeSize()+3) / 4
}

func (b *Book) cost(vbytes int64) int64 { return (int64(b.rate)*vbytes + 999) / 1000 }

// DepositFee is the least fee of claiming a deposit, in msat: what its input will
// cost.
func (b *Book) DepositFee() int64 {
	one, two := b.vbytes(nil, 1, nil), b.vbytes(nil, 2, nil)
	// An input alone is not a whole number of virtual bytes; the difference of
	// two sizes is one too much or too little at most.
	weight := int64(41*4 + 1 + 1 + transitiontest.Threshold*74 + 1 + 1 + transitiontest.Members*34 + 2)
	if alone := (weight + 3) / 4; alone-(two-one) > 1 || alone-(two-one) < 0 {
		panic("ledgertest: the weight of an input is wrong")
	}
	return max(b.cost((weight+3)/4)*sat, transitiontest.PegInFee)
}

func (b *Book) claim(i transitiontest.In) (worth, fee int64, refusal *messages.Rejection) {
	_, known := b.agreed(i.Block)
	worth, fee = i.Claim.Sats*sat, b.DepositFee()
	switch {
	case b.frozen:
		return 0, 0, messages.RejectForNow(messages.RejectDepositsFrozen, "by the book")
	case !known:
		return 0, 0, messages.RejectForNow(messages.RejectBlockUnknown, "by the book")
	case b.claimed[i.Claim.At]:
		return 0, 0, messages.Reject(messages.RejectPegInClaimed, "by the book")
	case worth <= fee:
		return 0, 0, messages.RejectForNow(messages.RejectPegInTooSmall, "by the book")
	}
	b.claimed[i.Claim.At] = true
	b.coins[i.Claim.At] = i.Claim.Sats
	return worth, fee, nil
}

// largest returns the coins, the largest first, then in the order of outpoints.
func (b *Book) largest() []wire.OutPoint {
	var list []wire.OutPoint
	for at := range b.coins {
		list = append(list, at)
	}
	slices.SortFunc(list, func(x, y wire.OutPoint) int {
		return cmp.Or(cmp.Compare(b.coins[y], b.coins[x]), bytes.Compare(x.Hash[:], y.Hash[:]), cmp.Compare(x.Index, y.Index))
	})
	return list
}

// pay takes the fewest of the largest coins that pay, and makes the transaction.
func (b *Book) pay(o *wallet.PegOut, at messages.OutPoint) (worth, fee int64, refusal *messages.Rejection) {
	if len(b.payments) >= maxPayments {
		return 0, 0, messages.RejectForNow(messages.RejectPegOutLimit, "by the book")
	}
	script, change := scriptTo(b.house, o.Address), b.changeScript(at)
	coins, total, tooDear := b.largest(), int64(0), false
	for n, coin := range coins[:min(len(coins), maxInputs)] {
		total += b.coins[coin]
		left := total - int64(o.Sats)
		p := &payment{at: at, sats: int64(o.Sats), maximum: int64(o.MaxFeeSats), since: b.Height(), signers: map[messages.PeerID]bool{}}
		if with := b.cost(b.vbytes(script, n+1, change)); left >= with+transitiontest.DustOfScript {
			p.fee, p.change = with, left-with
		} else if left >= b.cost(b.vbytes(script, n+1, nil)) {
			p.fee = left // what is too little for an output goes to the miners
		} else {
			continue
		}
		if p.fee > p.maximum {
			tooDear = true
			continue
		}
		b.open(p, coins[:n+1], script, change)
		return (p.sats + p.maximum) * sat, transitiontest.PegOutFee, nil
	}
	if tooDear {
		return 0, 0, messages.RejectForNow(messages.RejectPegOutFee, "by the book")
	}
	return 0, 0, messages.RejectForNow(messages.RejectNoFunds, "by the book")
}

func (b *Book) open(p *payment, coins []wire.OutPoint, script, change []byte) {
	tx := wire.NewMsgTx(2)
	for _, at := range coins {
		delete(b.coins, at)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: at, Sequence: wire.MaxTxInSequenceNum - 2})
	}
	tx.AddTxOut(wire.NewTxOut(p.sats, script))
	if p.change > 0 {
		tx.AddTxOut(wire.NewTxOut(p.change, change))
	}
	p.txid = tx.TxHash()
	if p.change > 0 {
		b.claimed[wire.OutPoint{Hash: p.txid, Index: 1}] = true
	}
	b.payments = append(b.payments, p)
	b.ever[p.txid] = p.at
	b.reserve += (p.maximum - p.fee) * sat
}

func scriptTo(h *transitiontest.House, address string) []byte {
	a, err := btcutil.DecodeAddress(address, h.Descriptor().Network())
	must(err)
	script, err := txscript.PayToAddrScript(a)
	must(err)
	return script
}

func (b *Book) changeScript(at messages.OutPoint) []byte {
	lock := b.house.Descriptor()
	made, err := lock.Lock(lock.Change(at))
	must(err)
	return made.PkScript
}

// item returns whether an item of a member changes anything, and whether it is a
// fault.
func (b *Book) item(from messages.PeerID, it transitiontest.Item) (effect, fault bool) {
	switch {
	case it.Sight != nil:
		return b.sighted(from, *it.Sight)
	case it.Sign != nil:
		return b.signed(from, it.Sign)
	case it.Bury != nil:
		return b.bury(it.Bury)
	}
	return false, true
}

func (b *Book) find(txid chainhash.Hash) (p *payment, ever bool) {
	for _, p := range b.payments {
		if p.txid == txid {
			return p, true
		}
	}
	_, ever = b.ever[txid]
	return nil, ever
}

func (b *Book) signed(from messages.PeerID, s *transitiontest.Signed) (effect, fault bool) {
	p, ever := b.find(s.Payment)
	switch {
	case !ever:
		return false, true
	case p == nil || p.complete || p.signers[from]:
		return false, false
	case !s.Good:
		return false, true
	}
	p.signers[from] = true
	p.complete = len(p.signers) == transitiontest.Threshold
	return true, false
}

func (b *Book) bury(w *transitiontest.Buried) (effect, fault bool) {
	p, ever := b.find(w.Payment)
	height, agreed := b.agreed(w.Block)
	switch {
	case !ever:
		return false, true
	case p == nil:
		return false, false
	case !w.Good || !agreed:
		return false, true
	case b.frozen:
		return false, false
	}
	b.reserve -= (p.maximum - p.fee) * sat
	b.surplus += (p.maximum - p.fee) * sat
	if p.change > 0 {
		b.coins[wire.OutPoint{Hash: p.txid, Index: 1}] = p.change
	}
	b.buriedAt[p.txid] = height
	b.payments = slices.DeleteFunc(b.payments, func(q *payment) bool { return q == p })
	return true, false
}

// Pending counts the payments that are not buried.
func (b *Book) Pending() int { return len(b.payments) }
