package lightning

import (
	"bytes"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// maxQuery bounds a request in bytes.
const maxQuery = 64

// Query implements contract.Querier. Requests and answers are canonical messages
// of package lightningwire:
//
//	"contract"  ContractRequest → Contract   a contract or offer; RejectContractUnknown for now if there is none
//	"offers"    OffersRequest → Contracts    at most 16 of a payment hash that can be bought, the oldest first
//	"key"       KeyRequest → Contracts       at most 16 in which a user or buyer has this key, the oldest first
//	"gateways"  (empty) → Gateways           who is listed now, at most MaxGateways and MaxVetted
//	"summary"   (empty) → Summary            agreed height, fees, limits
func (m *Module) Query(r storage.Reader, method string, body []byte) ([]byte, error) {
	var answer proto.Message
	var err error
	switch method {
	case "contract":
		answer, err = contractOf(r, body)
	case "offers":
		answer, err = offersOf(r, body)
	case "key":
		answer, err = contractsOf(r, body)
	case "gateways":
		answer = m.gateways(r)
	case "summary":
		answer = m.summary(r)
	default:
		err = messages.Reject(messages.RejectUnknownQuery, "the Lightning module answers contract, offers, key, gateways and summary, not %.40q", method)
	}
	if err != nil {
		return nil, err
	}
	return canonical.Marshal(answer), nil
}

func contractOf(r storage.Reader, body []byte) (*lightningwire.Contract, error) {
	w := new(lightningwire.ContractRequest)
	if err := canonical.Unmarshal(body, w, maxQuery); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "contract: %v", err)
	}
	id, ok := messages.DigestFrom(w.GetId())
	if !ok {
		return nil, messages.Reject(messages.RejectMalformed, "contract: an id has 32 bytes, not %d", len(w.GetId()))
	}
	c := stored(r, id)
	if c == nil {
		return nil, messages.RejectForNow(messages.RejectContractUnknown, "there is no contract or offer %s", id)
	}
	return c, nil
}

// PageSize bounds the contracts of one answer. An offer that was announced before
// its invoice was shown is among the oldest of its payment hash. A fresh key has few
// contracts, unless others put it into theirs; those are younger, or beyond them there
// are more.
const PageSize = 16

func offersOf(r storage.Reader, body []byte) (*lightningwire.Contracts, error) {
	w := new(lightningwire.OffersRequest)
	if err := canonical.Unmarshal(body, w, maxQuery); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "offers: %v", err)
	}
	if n := len(w.GetPaymentHash()); n != len(messages.Digest{}) {
		return nil, messages.Reject(messages.RejectMalformed, "offers: a payment hash has 32 bytes, not %d", n)
	}
	out, height := new(lightningwire.Contracts), heightOf(r)
	for _, id := range r.Scan(key(keyByHash, w.GetPaymentHash())) {
		if len(out.Contracts) == PageSize {
			break
		}
		if c := stored(r, terms.ID(id)); c.GetOffer().GetExpiry() > height {
			out.Contracts = append(out.Contracts, c)
		}
	}
	return out, nil
}

func contractsOf(r storage.Reader, body []byte) (*lightningwire.Contracts, error) {
	w := new(lightningwire.KeyRequest)
	if err := canonical.Unmarshal(body, w, maxQuery); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "key: %v", err)
	}
	if n := len(w.GetKey()); n != len([32]byte{}) {
		return nil, messages.Reject(messages.RejectMalformed, "key: it has 32 bytes, not %d", n)
	}
	prefix := key(keyParty, w.GetKey())
	out := new(lightningwire.Contracts)
	if w.GetAfter() == math.MaxUint64 {
		return out, nil
	}
	for _, id := range r.ScanFrom(prefix, slices.Concat(prefix, be64(w.GetAfter()+1))) {
		if len(out.Contracts) == PageSize {
			break
		}
		out.Contracts = append(out.Contracts, stored(r, terms.ID(id)))
	}
	return out, nil
}

// gateways is who is listed. Where the operators have struck keys off their list there
// can be more strangers than there is room for; the answer has no more than a client
// reads.
func (m *Module) gateways(r storage.Reader) *lightningwire.Gateways {
	out, strangers := &lightningwire.Gateways{Height: heightOf(r)}, 0
	for k, raw := range r.Scan(key(keyGateway)) {
		l, vetted := read(raw, new(lightningwire.Listed)).GetListing(), m.vetted([32]byte(k[1:]))
		if l.GetGateway().GetExpiry() <= out.GetHeight() || !vetted && strangers == MaxGateways {
			continue
		}
		if !vetted {
			strangers++
		}
		out.Gateways = append(out.Gateways, &lightningwire.GatewayEntry{Listing: l, Vetted: vetted})
	}
	return out
}

func (m *Module) summary(r storage.Reader) *lightningwire.Summary {
	fees := m.cfg.Fees
	return &lightningwire.Summary{
		Height: heightOf(r), ContractFeeMsat: uint64(fees.Contract), ClaimFeeMsat: uint64(fees.Claim),
		OfferFeeMsat: uint64(fees.Offer), ListingFeeMsat: uint64(fees.Listing), OpenOffers: openOffers(r),
		Gateways: uint32(len(m.gateways(r).GetGateways())), MaxLife: MaxLife, MaxListing: MaxListing,
	}
}

// heightOf is the height agreed on at the end of the last epoch, 0 before the first.
func heightOf(r storage.Reader) uint32 { return uint32(readUint(r.Get(key(keyHeight)))) }

// Outcome implements contract.Answerer: of an output that funded a contract, the
// Contract as it is now. With it a gateway learns the preimage that it bought.
func (m *Module) Outcome(r storage.Reader, at messages.OutPoint) []byte {
	id := r.Get(fundingKey(at))
	if id == nil {
		return nil
	}
	return bytes.Clone(r.Get(key(keyContract, id)))
}
