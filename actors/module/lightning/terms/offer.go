package terms

import (
	"crypto/sha256"
	"fmt"
	"io"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/canonical"
)

const ciphertextOverhead = tenc.Overhead

// An Offer sells the preimage of an invoice for the amount of it. Whoever pays
// for it, once, before Expiry, makes the members decrypt the preimage. If it is
// that of the payment hash, the money is the claim key's; if what the user
// encrypted was anything else, it is the buyer's again. So an offer of somebody who
// does not know the preimage costs its buyer nothing but time and fees.
//
// The ciphertext is bound to all other terms by its label, and the id covers it as
// well: neither can a ciphertext be copied into an offer with other terms, nor
// can other ciphertexts be put under these (H7, H9, V1). The claim key has nothing to do with
// the preimage, which everybody sees as soon as it is revealed (H75).
type Offer struct {
	PaymentHash messages.Digest
	Amount      messages.Amount
	ClaimKey    [32]byte
	Expiry      uint32
	// Ciphertext is the encrypted preimage; see Seal.
	Ciphertext []byte
}

// A Sealer says whom preimages are encrypted to.
type Sealer struct {
	Federation messages.FederationID
	Keys       *tenc.PublicKeys // of the role domain.LightningPreimage
}

// Seal returns offer with preimage as its ciphertext and the payment hash that
// belongs to it. It reads 32 bytes from rand; an error is the reader's.
func Seal(rand io.Reader, to Sealer, offer Offer, preimage [PreimageSize]byte) (Offer, error) {
	offer.PaymentHash = sha256.Sum256(preimage[:])
	c, err := tenc.Encrypt(rand, to.Keys, offer.label(to.Federation), preimage[:])
	if err != nil {
		return Offer{}, fmt.Errorf("terms: sealing a preimage: %w", err)
	}
	offer.Ciphertext = c.Encode()
	return offer, nil
}

// ID is the hash of all terms, with the ciphertext.
func (o Offer) ID(federation messages.FederationID) ID {
	return domain.Hash(domain.OfferID, federation[:], canonical.Marshal(o.Wire()))
}

// label is what the ciphertext is bound to: all terms but itself.
func (o Offer) label(federation messages.FederationID) []byte {
	o.Ciphertext = nil
	label := domain.Hash(domain.Label, federation[:], []byte("lightning offer"), canonical.Marshal(o.Wire()))
	return label[:]
}

// Verify checks that the key can sign, and that whoever made the ciphertext made
// it for these terms and keys. It says nothing about what is in it. Errors wrap
// ErrTerms.
func (o Offer) Verify(to Sealer) (tenc.Verified, error) {
	if err := verifyKeys(o.ClaimKey); err != nil {
		return tenc.Verified{}, err
	}
	c, err := tenc.DecodeCiphertext(o.Ciphertext, PreimageSize)
	if err != nil {
		return tenc.Verified{}, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	v, err := c.Verify(to.Keys, o.label(to.Federation))
	if err != nil {
		return tenc.Verified{}, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	return v, nil
}

// Wire is the message that is hashed and sent.
func (o Offer) Wire() *lightningwire.Offer {
	return &lightningwire.Offer{
		PaymentHash: o.PaymentHash[:], AmountMsat: uint64(o.Amount), ClaimKey: o.ClaimKey[:], Expiry: o.Expiry, Ciphertext: o.Ciphertext,
	}
}

// OfferOf reads an offer that came in a message.
func OfferOf(w *lightningwire.Offer) (Offer, error) {
	amount, err := amountOf(w.GetAmountMsat())
	if err != nil {
		return Offer{}, err
	}
	if err := lengths(
		field{"payment hash", w.GetPaymentHash(), keySize}, field{"claim key", w.GetClaimKey(), keySize},
		field{"ciphertext", w.GetCiphertext(), ciphertextSize},
	); err != nil {
		return Offer{}, err
	}
	return Offer{
		PaymentHash: messages.Digest(w.GetPaymentHash()), Amount: amount, ClaimKey: [32]byte(w.GetClaimKey()),
		Expiry: w.GetExpiry(), Ciphertext: w.GetCiphertext(),
	}, nil
}

// A Purchase pays the amount of an offer.
type Purchase struct {
	Offer ID
	// RefundKey takes the money back if the offer holds no preimage. It should be
	// fresh: it says who bought.
	RefundKey [32]byte
}

// Verify checks that the key can sign. Errors wrap ErrTerms.
func (p Purchase) Verify() error { return verifyKeys(p.RefundKey) }
