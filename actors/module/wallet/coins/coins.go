// Package coins says what the federation's bitcoin transactions weigh and cost,
// and which coins they spend: the same at every member, from nothing but its
// arguments.
package coins

import (
	"iter"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet/descriptor"
	"minimint/messages"
)

// A FeeRate counts satoshi per 1000 virtual bytes (BIP 141), so that rates
// below 1 sat/vB and between whole ones can be said.
type FeeRate uint64

// Fee returns what vbytes virtual bytes cost in satoshi, rounded up.
func (r FeeRate) Fee(vbytes int) uint64 {
	return (uint64(r)*uint64(vbytes) + 999) / 1000
}

// scale is how much more a byte outside the witness weighs than one in it.
const scale = 4

// VBytes is a weight in virtual bytes, rounded up. Weight itself is four times
// as large: mixing them up made the original's fees fourfold (H62).
func VBytes(weight int) int { return (weight + scale - 1) / scale }

// DustLimit is the least value of an output that nodes relay: three times what
// it costs to make and to spend it at 1 sat/vB, as btcd and Bitcoin Core count.
func DustLimit(pkScript []byte) uint64 {
	const spendInput, signature, factor = 41, 107, 3
	size := wire.NewTxOut(0, pkScript).SerializeSize() + spendInput
	if txscript.IsWitnessProgram(pkScript) {
		return uint64(factor * (size + signature/scale))
	}
	return uint64(factor * (size + signature))
}

// A Coin is an output that the federation can spend.
type Coin struct {
	At       wire.OutPoint
	Contract descriptor.Contract
	Sats     uint64
}

// A Payment is what a bitcoin transaction must do.
type Payment struct {
	// Script is the recipient's, Sats what it gets.
	Script []byte
	Sats   uint64
	// MaxFee is the most that miners may get, Rate what they ask.
	MaxFee uint64
	Rate   FeeRate
	// Change is the script of what comes back.
	Change []byte
	// InputWeight is what spending one coin weighs.
	InputWeight int
}

// Weight of the payment with so many inputs, in the units of BIP 141.
func (p Payment) weight(inputs int, change bool) int {
	const version, lockTime, segwitMarker = 4, 4, 2
	outputs := wire.NewTxOut(0, p.Script).SerializeSize()
	if change {
		outputs += wire.NewTxOut(0, p.Change).SerializeSize()
	}
	counts := wire.VarIntSerializeSize(uint64(inputs)) + wire.VarIntSerializeSize(2)
	return (version+counts+outputs+lockTime)*scale + segwitMarker + inputs*p.InputWeight
}

// MaxInputs bounds one transaction: 128 inputs of 16 members take 49 kvB, half
// of what nodes relay.
const MaxInputs = 128

// A Plan is a transaction that makes a payment.
type Plan struct {
	Coins []Coin
	// Fee is what the miners get. It is above the rate when what was left over
	// is too little for a change output.
	Fee uint64
	// Change is 0 if there is no such output.
	Change uint64
	VBytes int
}

// Total is what the coins are worth.
func (p *Plan) Total() uint64 {
	sum := uint64(0)
	for _, c := range p.Coins {
		sum += c.Sats
	}
	return sum
}

// Select takes coins in their order (the largest first keeps transactions
// small) until they cover amount and fee with change above dust, or without
// change if what is left over still fits the maximum fee. So the federation
// never pays more to miners than the user did. Its error is a rejection.
func Select(available iter.Seq[Coin], pay Payment) (*Plan, error) {
	p, total, cheapest := new(Plan), uint64(0), uint64(0)
	dust := DustLimit(pay.Change)
	for c := range available {
		if len(p.Coins) == MaxInputs {
			break
		}
		p.Coins, total = append(p.Coins, c), total+c.Sats
		bare, full := VBytes(pay.weight(len(p.Coins), false)), VBytes(pay.weight(len(p.Coins), true))
		switch {
		case total >= pay.Sats+pay.Rate.Fee(full)+dust:
			p.Fee, p.VBytes = pay.Rate.Fee(full), full
			p.Change = total - pay.Sats - p.Fee
		case total >= pay.Sats+pay.Rate.Fee(bare):
			p.Fee, p.VBytes, p.Change = total-pay.Sats, bare, 0
		default:
			continue
		}
		if p.Fee <= pay.MaxFee {
			return p, nil
		}
		if cheapest == 0 || p.Fee < cheapest {
			cheapest = p.Fee
		}
	}
	if cheapest != 0 {
		return nil, messages.RejectForNow(messages.RejectPegOutFee,
			"the bitcoin transaction costs %d sat now, more than the declared maximum of %d sat: ask for a new quote", cheapest, pay.MaxFee)
	}
	return nil, messages.RejectForNow(messages.RejectNoFunds,
		"%d sat in %d spendable coins do not cover %d sat and the fee; change of earlier peg-outs returns when they are buried",
		total, len(p.Coins), pay.Sats)
}
