// Package lightning is the module through which users pay and are paid over
// Lightning. The federation runs no Lightning node: gateways do, who hold e-cash
// like everybody else, and this module keeps their promises and those of users.
// What is agreed between the two, and in which form, is in package terms.
//
// # Outgoing contracts
//
// A user who wants an invoice paid puts money into a contract with a gateway: an
// output with all [terms.Outgoing] terms. It leaves as an input, in one of three
// ways: to the gateway against the preimage, before the agreed height reaches the
// expiry; to the user from then on; to the user at once with the gateway's
// forfeit, which is a signature and part of the input, so giving up needs no
// item of state and cannot be abused (H11).
//
// # Incoming contracts
//
// A user who wants to be paid announces an offer: the preimage of an invoice,
// encrypted to the members under all other terms. Whoever gets a Lightning payment
// for that invoice buys the offer, once; a payer in the same federation, who finds
// it by its payment hash, buys it himself and needs no gateway. Then each member
// proposes its share of the decryption as a consensus item; the first n−f, in the
// order of consensus, reveal the preimage. If it fits the payment hash, the money is
// the user's; if what was encrypted is anything else, or does not open at all, it is
// the buyer's again. All members open with the same shares, hence alike. The buyer need
// not wait for that: members tell him their shares as well; see [Reveal].
//
// # Gateways
//
// A gateway is listed by an output that carries its signed word about itself, for
// a limited number of blocks, in a list that all members have alike (H12).
//
// # What ends
//
// Everything but money ends. Offers and listings end at their expiry; a contract
// whose money has left stays, as proof of payment and so that it cannot be funded
// again, until Retention blocks after its expiry or its end, whichever is later.
// Terms that lie in the past are refused, so nothing that was forgotten can come
// again. The agreed height is the fact that the wallet publishes; without one
// nothing can be funded.
package lightning

import (
	"errors"
	"fmt"

	"minimint/actors/module/contract"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/tenc"
	"minimint/messages"
)

// Kind is the module's kind.
const Kind messages.ModuleKind = "lightning"

// Bounds of what the state keeps, in blocks and in number.
const (
	// MaxLife is how far ahead the expiry of a contract or offer may lie.
	MaxLife = 4032
	// MaxListing is how far ahead the expiry of a listing may lie.
	MaxListing = 1008
	// Retention is how long a contract without money is remembered.
	Retention = 1008
	// MaxOffers bounds the offers that wait to be bought. Further ones are gone at the
	// end of their epoch, unless they were bought in it.
	MaxOffers = 1 << 16
	// MaxGateways bounds listings of gateways that operators have not vetted.
	MaxGateways = 64
	// MaxVetted bounds those that they have; they always find room.
	MaxVetted = 32
)

// Fees are the least that items add to the fee of their transaction.
type Fees struct {
	Contract messages.Amount // an output that funds a contract
	Claim    messages.Amount // an input
	Offer    messages.Amount // an output that announces an offer
	Listing  messages.Amount // an output that lists a gateway
}

// Config is what the module needs.
type Config struct {
	// Seal has the federation's id and the members' keys for preimages; their
	// threshold is n−f.
	Seal terms.Sealer
	Fees Fees
	// Vetted are the keys of gateways that the operators know, ascending.
	Vetted [][32]byte
	// Secret is this member's share of the key, nil in a client or observer.
	Secret *tenc.SecretShare
}

// Module implements the contract. It holds no state, so any number of goroutines
// may use it.
type Module struct{ cfg Config }

var (
	_ contract.Module   = (*Module)(nil)
	_ contract.Screener = (*Module)(nil)
	_ contract.Proposer = (*Module)(nil)
	_ contract.Querier  = (*Module)(nil)
	_ contract.Answerer = (*Module)(nil)
)

// New checks cfg and returns its module.
func New(cfg Config) (*Module, error) {
	if cfg.Seal.Keys == nil {
		return nil, errors.New("lightning: no keys for preimages")
	}
	if err := cfg.CheckTerms(); err != nil {
		return nil, err
	}
	return &Module{cfg: cfg}, nil
}

// CheckTerms checks fees and vetted gateways, which can be agreed on before there
// are keys.
func (cfg Config) CheckTerms() error {
	for _, fee := range []messages.Amount{cfg.Fees.Contract, cfg.Fees.Claim, cfg.Fees.Offer, cfg.Fees.Listing} {
		if fee > messages.MaxAmount {
			return fmt.Errorf("lightning: fee of %s: %w", fee, messages.ErrAmount)
		}
	}
	if len(cfg.Vetted) > MaxVetted {
		return fmt.Errorf("lightning: %d vetted gateways, at most %d are allowed", len(cfg.Vetted), MaxVetted)
	}
	for i := 1; i < len(cfg.Vetted); i++ {
		if string(cfg.Vetted[i-1][:]) >= string(cfg.Vetted[i][:]) {
			return errors.New("lightning: vetted gateways are out of order")
		}
	}
	return nil
}

// Kind implements contract.Module.
func (m *Module) Kind() messages.ModuleKind { return Kind }

// Fees returns what items of this module cost.
func (m *Module) Fees() Fees { return m.cfg.Fees }

// Seal returns whom preimages are encrypted to.
func (m *Module) Seal() terms.Sealer { return m.cfg.Seal }

// Screen implements contract.Screener: form, lengths and ranges, and no contract
// or offer named twice in a transaction on the same side.
func (m *Module) Screen(items contract.Items) contract.Verdict {
	_, _, v := m.screen(items)
	return v
}

// screen is Screen with what it read.
func (m *Module) screen(items contract.Items) ([]terms.Input, []terms.Output, contract.Verdict) {
	refuse := func(code messages.RejectionCode, format string, args ...any) ([]terms.Input, []terms.Output, contract.Verdict) {
		return nil, nil, contract.Verdict{Rejection: messages.Reject(code, format, args...)}
	}
	var v contract.Verdict
	var inputs []terms.Input
	var outputs []terms.Output
	taken, bought := map[terms.ID]bool{}, map[terms.ID]bool{}
	for i, b := range items.Inputs {
		in, err := terms.DecodeInput(b)
		if err != nil {
			return refuse(messages.RejectMalformed, "contract %d: %v", i, err)
		}
		if taken[in.Contract] {
			return refuse(messages.RejectDuplicate, "contract %s is there twice", in.Contract)
		}
		taken[in.Contract] = true
		inputs, v.Keys = append(inputs, in), append(v.Keys, [][32]byte{in.Key})
	}
	for i, b := range items.Outputs {
		out, err := terms.DecodeOutput(b)
		if err != nil {
			return refuse(messages.RejectMalformed, "output %d: %v", i, err)
		}
		if p := out.Purchase; p != nil {
			if bought[p.Offer] {
				return refuse(messages.RejectDuplicate, "offer %s is bought twice", p.Offer)
			}
			bought[p.Offer] = true
		}
		outputs = append(outputs, out)
	}
	return inputs, outputs, v
}

// Check implements contract.Module: what Screen does, then that keys are points
// and that forfeits, listings and ciphertexts belong to what they stand in.
func (m *Module) Check(batch []contract.Items) []contract.Verdict {
	verdicts := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		inputs, outputs, v := m.screen(items)
		if v.Rejection == nil {
			v.Rejection = m.verify(inputs, outputs)
		}
		if v.Rejection != nil {
			v.Keys = nil
		}
		verdicts[i] = v
	}
	return verdicts
}

// verify does the arithmetic of Check.
func (m *Module) verify(inputs []terms.Input, outputs []terms.Output) *messages.Rejection {
	for _, in := range inputs {
		if in.Way != terms.Forfeited {
			continue
		}
		if err := in.Forfeit.Verify(m.cfg.Seal.Federation, in.Contract); err != nil {
			return messages.Reject(messages.RejectForfeit, "forfeit of contract %s: %v", in.Contract, err)
		}
	}
	for i, out := range outputs {
		code, err := messages.RejectMalformed, error(nil)
		switch {
		case out.Outgoing != nil:
			err = out.Outgoing.Verify()
		case out.Offer != nil:
			code = messages.RejectCiphertext
			_, err = out.Offer.Verify(m.cfg.Seal)
		case out.Purchase != nil:
			err = out.Purchase.Verify()
		case out.Listing != nil:
			code = messages.RejectListing
			err = out.Listing.Verify(m.cfg.Seal.Federation)
		}
		if err != nil {
			return messages.Reject(code, "output %d: %v", i, err)
		}
	}
	return nil
}
