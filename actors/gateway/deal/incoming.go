package deal

import (
	"minimint/actors/gateway/lnnode"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// Sale is an offer that could be bought with forwards.
type Sale struct {
	Offer    terms.Offer
	Forwards []lnnode.Forward // all that the node holds for it
	Terms    Terms
	Height   uint32 // of the node
	Agreed   uint32 // of the federation
}

// Incoming decides whether to buy: nil says yes, a *Later that parts are missing, a
// *Never that all forwards are to be given back.
func Incoming(s Sale) error {
	fee, err := s.Terms.Receive.Of(s.Offer.Amount)
	if err != nil {
		return never("the offer's amount is out of range")
	}
	if s.Terms.Payment > 0 && s.Offer.Amount > s.Terms.Payment {
		return never("the gateway takes at most %s at once", s.Terms.Payment)
	}
	if s.Offer.Expiry <= max(s.Agreed, s.Height)+1 {
		return never("the offer expires at height %d", s.Offer.Expiry)
	}
	// A node that lags gives up later than it should, when the other side of the channel may
	// have gone to the chain.
	height := max(s.Height, s.Agreed)
	var in, out messages.Amount
	for _, f := range s.Forwards {
		if f.Hash != s.Offer.PaymentHash {
			panic("deal: a forward of another payment hash")
		}
		if end := min(f.AutoFail, f.Expiry); uint64(end) < uint64(height)+Safety {
			return never("a forward ends at height %d, and it is %d", end, height)
		}
		var err1, err2 error
		in, err1 = in.Add(f.In)
		out, err2 = out.Add(f.Out)
		if err1 != nil || err2 != nil {
			return never("amounts out of range")
		}
	}
	price := s.Offer.Amount + fee // each was checked against the range of amounts
	switch {
	case out > 2*s.Offer.Amount:
		// BOLT #4: a recipient refuses what is more than twice too much.
		return never("%s is more than twice the offer's %s", out, s.Offer.Amount)
	case out < s.Offer.Amount:
		return later("%s of %s have come", out, s.Offer.Amount)
	case in < price:
		return never("%s have come; the offer of %s and the fee cost %s", in, s.Offer.Amount, price)
	}
	return nil
}

// Urgent reports whether a purchase for a forward must be turned round: the node will give
// it up soon.
func Urgent(failHeight, height uint32) bool { return uint64(failHeight) < uint64(height)+Danger }

// Registration is an offer that a user wants bought when a payment for it comes.
type Registration struct {
	Offer  terms.Offer
	Seal   terms.Sealer
	Terms  Terms
	Claim  messages.Amount // the federation's fee for taking what a contract holds
	Agreed uint32
	// Stored is the offer that is registered under its payment hash, nil if none is;
	// Count how many are in all.
	Stored *terms.Offer
	Count  int
}

// Bounds of offers that are registered.
const (
	maxOffers = 1 << 14 // in one federation
	maxLife   = 4032    // blocks; the federation takes nothing that lives longer
)

// life is for how many blocks an offer may last when so many are registered. To register
// costs nothing, so whoever fills the table with offers that last keeps others out for as
// long: half of it is for those of two days, a quarter for invoices of an hour alone.
func life(count int) uint32 {
	switch {
	case count < maxOffers/2:
		return maxLife
	case count < maxOffers*3/4:
		return 288
	default:
		return 72
	}
}

// Register decides over an offer; nil takes it. The first for a payment hash stands, and
// the same one again is as good as the first time. A refusal is final if nothing can make the
// same offer pass: limits and fees may change, heights rise, and what is registered expires.
func Register(r Registration) *messages.Rejection {
	id := r.Offer.ID(r.Seal.Federation)
	if r.Stored != nil && r.Stored.ID(r.Seal.Federation) == id {
		return nil
	}
	switch {
	case r.Stored != nil:
		return messages.RejectForNow(messages.RejectContractExists, "another offer is registered for payment hash %s", r.Offer.PaymentHash)
	case r.Terms.Payment > 0 && r.Offer.Amount > r.Terms.Payment:
		return messages.RejectForNow(messages.RejectContractAmount, "the gateway takes at most %s at once", r.Terms.Payment)
	case r.Offer.Amount <= r.Claim:
		// The federation would refuse the purchase, for now, with notes and forwards waiting.
		return messages.RejectForNow(messages.RejectContractAmount, "an offer of %s does not exceed the federation's fee of %s for taking it", r.Offer.Amount, r.Claim)
	case r.Agreed == 0:
		return messages.RejectForNow(messages.RejectBusy, "the gateway does not know the federation's height yet")
	case r.Offer.Expiry <= r.Agreed+1:
		return messages.Reject(messages.RejectExpiry, "the offer expires at height %d, and it is %d", r.Offer.Expiry, r.Agreed)
	case r.Offer.Expiry > r.Agreed+maxLife:
		return messages.RejectForNow(messages.RejectExpiry, "an offer has to expire within %d blocks from height %d, not at %d", maxLife, r.Agreed, r.Offer.Expiry)
	case r.Count >= maxOffers:
		return messages.RejectForNow(messages.RejectBusy, "%d offers are registered; try again when some have expired", maxOffers)
	case r.Offer.Expiry > r.Agreed+life(r.Count):
		return messages.RejectForNow(messages.RejectBusy, "%d offers are registered: one more has to expire within %d blocks", r.Count, life(r.Count))
	}
	if _, err := r.Offer.Verify(r.Seal); err != nil {
		return messages.Reject(messages.RejectCiphertext, "offer: %v", err)
	}
	return nil
}
