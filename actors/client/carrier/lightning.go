package carrier

import (
	"errors"
	"fmt"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/purse"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/transaction"
)

// Check reports whether an operation that somebody wants to begin can be carried at
// all: its kind is one that makes transactions of its own accord, and what it puts into
// one for the Lightning module is readable and of that amount.
func (w *World) Check(op *clientwire.Operation) error {
	switch op.GetKind() {
	case clientwire.Kind_KIND_FUND:
		_, err := w.outputs(op)
		return err
	case clientwire.Kind_KIND_REDEEM:
		_, err := w.input(op)
		return err
	case clientwire.Kind_KIND_SPEND, clientwire.Kind_KIND_RECEIVE, clientwire.Kind_KIND_REISSUE, clientwire.Kind_KIND_WITHDRAW:
		return nil
	default:
		return fmt.Errorf("an operation of kind %s cannot be ordered", op.GetKind())
	}
}

// ErrNoLightning says that the federation has no contracts.
var ErrNoLightning = errors.New("this federation runs no Lightning module")

// outputs are what a FUND pays for.
func (w *World) outputs(op *clientwire.Operation) ([]purse.Extra, error) {
	if w.Lightning == nil {
		return nil, ErrNoLightning
	}
	var out []purse.Extra
	fees := w.Lightning.Fees
	for i, p := range op.GetFund().GetOutputs() {
		o, err := terms.DecodeOutput(p.GetBody())
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
		e := purse.Extra{Item: transaction.Item{Kind: lightning.Kind, Body: p.GetBody()}}
		switch {
		case o.Outgoing != nil:
			e.Amount, e.Fee = o.Outgoing.Amount, fees.Contract
		case o.Offer != nil:
			e.Fee = fees.Offer
		case o.Purchase != nil: // the amount is a term of the offer, which is elsewhere
			if e.Amount, err = messages.NewAmount(p.GetAmountMsat()); err != nil {
				return nil, fmt.Errorf("output %d: %w", i, err)
			}
			e.Fee = fees.Contract
		case o.Listing != nil:
			e.Fee = fees.Listing
		}
		if e.Amount != messages.Amount(p.GetAmountMsat()) {
			return nil, fmt.Errorf("output %d costs %s and not %d msat", i, e.Amount, p.GetAmountMsat())
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, errors.New("there is nothing to pay for")
	}
	return out, nil
}

// input is what a REDEEM brings in.
func (w *World) input(op *clientwire.Operation) (purse.Extra, error) {
	if w.Lightning == nil {
		return purse.Extra{}, ErrNoLightning
	}
	r := op.GetRedeem()
	in, err := terms.DecodeInput(r.GetInput())
	if err != nil {
		return purse.Extra{}, fmt.Errorf("input: %w", err)
	}
	amount, err := messages.NewAmount(r.GetAmountMsat())
	if err != nil {
		return purse.Extra{}, fmt.Errorf("input: %w", err)
	}
	key := w.Ring.Contract(r.GetKeyIndex())
	if r.GetGateway() {
		key = w.Ring.Gateway()
	}
	if in.Key != keys.XOnly(key) {
		return purse.Extra{}, fmt.Errorf("input: %x is not the key that is to sign for contract %s", in.Key, in.Contract)
	}
	return purse.Extra{
		Item: transaction.Item{Kind: lightning.Kind, Body: r.GetInput()}, Amount: amount, Fee: w.Lightning.Fees.Claim, Key: key,
	}, nil
}

// orderFund pays for outputs of the Lightning module.
func (c *carrier) orderFund() purse.Order {
	outputs, err := c.w.outputs(c.op)
	if err != nil {
		panic(fmt.Sprintf("carrier: operation %d: %v", c.id, err))
	}
	return purse.Order{Fund: true, Outputs: outputs}
}

// orderRedeem brings the money of a contract in. It may not be there yet, or not be
// ours yet: such refusals are for now.
func (c *carrier) orderRedeem() purse.Order {
	input, err := c.w.input(c.op)
	if err != nil {
		panic(fmt.Sprintf("carrier: operation %d: %v", c.id, err))
	}
	return purse.Order{Inputs: []purse.Extra{input}}
}

// reveal opens the offer that a FUND announced and bought, with the shares that members
// have told beside those of its change. What they open to is what consensus will find
// an epoch later. It reports whether that is new.
func (c *carrier) reveal() bool {
	if c.op.GetAttempts()[c.won].GetCancels() || c.op.GetFund().GetPreimage() != nil {
		return false
	}
	var offer *terms.Offer
	for i, p := range c.op.GetFund().GetOutputs() {
		o, err := terms.DecodeOutput(p.GetBody())
		if err != nil {
			panic(fmt.Sprintf("carrier: operation %d: %v", c.id, err))
		}
		if o.Offer != nil {
			offer = o.Offer
		}
		if o.Purchase == nil || offer == nil || offer.ID(c.w.Federation.ID()) != o.Purchase.Offer {
			continue
		}
		shares := make([][]byte, c.w.Group.N)
		for peer, d := range c.cases[c.won].decided {
			if outputs := d.GetOutputs(); i < len(outputs) {
				shares[peer] = outputs[i].GetShare()
			}
		}
		if _, preimage, err := lightning.Reveal(c.w.Lightning.Seal, *offer, shares); err == nil && preimage != nil {
			c.op.Fund.Preimage = preimage[:]
			return true
		}
	}
	return false
}
