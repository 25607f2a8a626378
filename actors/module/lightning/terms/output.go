package terms

import (
	"errors"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/crypto/tenc"
	"minimint/messages/canonical"
)

// An Output is the one of these that is set.
type Output struct {
	// Outgoing funds a contract and costs its amount.
	Outgoing *Outgoing
	// Offer announces one; it costs a fee, which anybody may pay.
	Offer *Offer
	// Purchase pays the amount of an offer that was announced, by an earlier
	// output or transaction.
	Purchase *Purchase
	// Listing puts a gateway on the list; it costs a fee.
	Listing *Listing
}

// Encode returns the canonical bytes, the body of an output. Nothing or more than
// one set panics.
func (out Output) Encode() []byte {
	w, set := new(lightningwire.Output), 0
	if o := out.Outgoing; o != nil {
		w.Kind, set = &lightningwire.Output_Outgoing{Outgoing: o.Wire()}, set+1
	}
	if o := out.Offer; o != nil {
		w.Kind, set = &lightningwire.Output_Offer{Offer: o.Wire()}, set+1
	}
	if p := out.Purchase; p != nil {
		w.Kind, set = &lightningwire.Output_Purchase{Purchase: &lightningwire.Purchase{Offer: p.Offer[:], RefundKey: p.RefundKey[:]}}, set+1
	}
	if l := out.Listing; l != nil {
		w.Kind, set = &lightningwire.Output_Listing{Listing: l.Wire()}, set+1
	}
	if set != 1 {
		panic("terms: an output is one thing")
	}
	return canonical.Marshal(w)
}

// DecodeOutput reads an output: form, lengths and ranges.
func DecodeOutput(b []byte) (Output, error) {
	w := new(lightningwire.Output)
	if err := canonical.Unmarshal(b, w, maxOutput); err != nil {
		return Output{}, err
	}
	switch kind := w.GetKind().(type) {
	case *lightningwire.Output_Outgoing:
		o, err := OutgoingOf(kind.Outgoing)
		return Output{Outgoing: &o}, err
	case *lightningwire.Output_Offer:
		o, err := OfferOf(kind.Offer)
		return Output{Offer: &o}, err
	case *lightningwire.Output_Purchase:
		offer, refund := kind.Purchase.GetOffer(), kind.Purchase.GetRefundKey()
		if err := lengths(field{"offer", offer, len(ID{})}, field{"refund key", refund, keySize}); err != nil {
			return Output{}, err
		}
		return Output{Purchase: &Purchase{Offer: ID(offer), RefundKey: [32]byte(refund)}}, nil
	case *lightningwire.Output_Listing:
		l, err := ListingOf(kind.Listing)
		return Output{Listing: &l}, err
	default:
		return Output{}, errors.New("empty output")
	}
}

// A Share is one member's share of the decryption of a bought offer.
type Share struct {
	Contract ID
	Bytes    [tenc.ShareSize]byte
}

// Encode returns the canonical bytes, the body of a consensus item.
func (s Share) Encode() []byte {
	return canonical.Marshal(&lightningwire.Item{Kind: &lightningwire.Item_Share{
		Share: &lightningwire.Share{Contract: s.Contract[:], Share: s.Bytes[:]},
	}})
}

// DecodeShare reads a consensus item: form and lengths.
func DecodeShare(b []byte) (Share, error) {
	w := new(lightningwire.Item)
	if err := canonical.Unmarshal(b, w, maxItem); err != nil {
		return Share{}, err
	}
	if err := lengths(field{"contract", w.GetShare().GetContract(), len(ID{})}, field{"share", w.GetShare().GetShare(), tenc.ShareSize}); err != nil {
		return Share{}, err
	}
	return Share{Contract: ID(w.GetShare().GetContract()), Bytes: [tenc.ShareSize]byte(w.GetShare().GetShare())}, nil
}
