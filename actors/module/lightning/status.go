package lightning

import (
	"errors"
	"fmt"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
)

// State says where a contract stands; the values are those of lightningwire.
type State = lightningwire.State

// A Status is a contract or offer as the state has it: what the query "contract"
// and the outcome of a funding output tell.
type Status struct {
	ID    terms.ID
	State State
	// Outgoing or Offer are its terms.
	Outgoing *terms.Outgoing
	Offer    *terms.Offer
	// Preimage of the payment hash, nil until it is revealed.
	Preimage *[terms.PreimageSize]byte
	// RefundKey is the buyer's, of an offer that was bought.
	RefundKey [32]byte
	// FundedBy is the output that funded it; zero while it is an offer.
	FundedBy messages.OutPoint
	// ClosedHeight is the agreed height when its money left; zero until then.
	ClosedHeight uint32

	since, bought uint64 // when it came, and when an offer was bought: in order, from 1
}

// ReadStatus reads the status of a contract, and checks that the terms are those
// that its id is the hash of, a preimage that of the payment hash, and that the state
// has what belongs to it, such as a preimage. The rest is as true as whoever was asked.
func ReadStatus(federation messages.FederationID, id terms.ID, b []byte) (Status, error) {
	c := new(lightningwire.Contract)
	if err := canonical.Unmarshal(b, c, maxRecord); err != nil {
		return Status{}, fmt.Errorf("lightning: status: %w", err)
	}
	s, err := statusOf(federation, c)
	if err == nil && s.ID != id {
		err = errors.New("it is of another contract")
	}
	if err != nil {
		return Status{}, fmt.Errorf("lightning: status of contract %s: %w", id, err)
	}
	return s, nil
}

// statusOf checks that the id is that of the terms.
func statusOf(federation messages.FederationID, c *lightningwire.Contract) (Status, error) {
	s := Status{State: c.GetState(), ClosedHeight: c.GetClosedHeight(), since: c.GetSince(), bought: c.GetNumber()}
	var hash messages.Digest
	switch t := c.GetTerms().(type) {
	case *lightningwire.Contract_Outgoing:
		o, err := terms.OutgoingOf(t.Outgoing)
		if err != nil {
			return Status{}, err
		}
		s.Outgoing, s.ID, hash = &o, o.ID(federation), o.PaymentHash
	case *lightningwire.Contract_Offer:
		o, err := terms.OfferOf(t.Offer)
		if err != nil {
			return Status{}, err
		}
		s.Offer, s.ID, hash = &o, o.ID(federation), o.PaymentHash
	default:
		return Status{}, errors.New("no terms")
	}
	if string(c.GetId()) != string(s.ID[:]) {
		return Status{}, fmt.Errorf("terms are those of %s", s.ID)
	}
	if p := c.GetPreimage(); len(p) > 0 {
		if !terms.Reveals(p, hash) {
			return Status{}, errors.New("preimage of another payment hash")
		}
		s.Preimage = (*[terms.PreimageSize]byte)(p)
	}
	if k := c.GetRefundKey(); len(k) == len(s.RefundKey) {
		s.RefundKey = [32]byte(k)
	} else if len(k) > 0 {
		return Status{}, fmt.Errorf("refund key of %d bytes", len(k))
	}
	if raw := c.GetTransaction(); len(raw) > 0 {
		tx, ok := messages.DigestFrom(raw)
		if !ok {
			return Status{}, fmt.Errorf("transaction id of %d bytes", len(raw))
		}
		s.FundedBy = messages.OutPoint{Tx: tx, Index: c.GetIndex()}
	}
	return s, s.fits(len(c.GetTransaction()) > 0, len(c.GetRefundKey()) > 0)
}

// fits checks that a state is one of its direction and has what belongs to it, so that
// whoever looks at the state alone finds the preimage that it promises.
func (s Status) fits(funded, refundable bool) error {
	paid, closed, ok := false, false, false
	switch s.State {
	case lightningwire.State_STATE_OFFERED, lightningwire.State_STATE_DECRYPTING, lightningwire.State_STATE_INVALID:
		ok = s.Offer != nil
	case lightningwire.State_STATE_VALID:
		ok, paid = s.Offer != nil, true
	case lightningwire.State_STATE_FUNDED:
		ok = s.Outgoing != nil
	case lightningwire.State_STATE_FORFEITED:
		ok, closed = s.Outgoing != nil, true
	case lightningwire.State_STATE_CLAIMED:
		ok, closed, paid = true, true, true
	case lightningwire.State_STATE_REFUNDED:
		ok, closed = true, true
	case lightningwire.State_STATE_UNKNOWN:
	}
	offered := s.State == lightningwire.State_STATE_OFFERED
	if !ok || paid != (s.Preimage != nil) || funded == offered || refundable != (s.Offer != nil && !offered) || !closed && s.ClosedHeight != 0 {
		return fmt.Errorf("state %s does not fit what is said with it", s.State)
	}
	return nil
}
