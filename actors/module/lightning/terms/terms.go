// Package terms holds what users and gateways agree on through a federation, and
// how they say so: outgoing contracts, offers, listings of gateways, forfeits,
// and the inputs, outputs and consensus items that carry them.
//
//	outgoing   o := terms.Outgoing{…}; id := o.ID(federation)
//	           terms.Output{Outgoing: &o}.Encode()                    user pays into it
//	           terms.Input{id, terms.Preimage, gatewayKey, …}         gateway is paid
//	           terms.Input{id, terms.Forfeited, userKey, …}           or the user, at once
//	           terms.Input{id, terms.Expired, userKey}                or the user, later
//	incoming   offer, err := terms.Seal(rand, seal, offer, preimage)  user's invoice
//	           terms.Output{Offer: &offer}.Encode()                   announced by anybody
//	           terms.Output{Purchase: &terms.Purchase{id, key}}       gateway pays
//	           terms.Input{id, terms.Claim, claimKey}                 user is paid
//	           terms.Input{id, terms.Return, key}                     or the gateway, if it was no preimage
//
// A contract's id is the tagged hash of the federation and of every term; those of
// the two directions have different tags (H8). So nobody can fund, squat on or
// change a contract but by making another one.
//
// Decoders check form and lengths and touch no curve; whether keys are points
// and signatures and proofs hold is what the Verify methods tell. All keys
// are x-only keys of BIP 340, all heights agreed heights of the bitcoin chain.
package terms

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
)

// ID names a contract, in either direction, and an offer: an offer that was bought
// is a contract and keeps its id.
type ID = messages.Digest

// Sizes in bytes of what stands in messages.
const (
	PreimageSize   = 32
	keySize        = 32
	signatureSize  = 64
	nodeSize       = 33
	maxInput       = 256
	maxOutput      = 1024
	maxItem        = 256
	maxText        = 200 // names and addresses
	maxMargin      = 4032
	ciphertextSize = PreimageSize + ciphertextOverhead
)

// ErrTerms says that something well-formed does not hold: a key that is no point,
// a signature or proof of other terms.
var ErrTerms = errors.New("terms do not hold")

// Outgoing is a payment that a user wants a gateway to make. The money is the
// gateway's against the preimage before the agreed height reaches Expiry, and the
// user's from then on, or at once with the gateway's [Forfeit].
type Outgoing struct {
	PaymentHash messages.Digest
	// Amount is what the contract holds: the invoice's and the gateway's fee.
	Amount     messages.Amount
	GatewayKey [32]byte
	// UserKey is fresh for each contract: it tells otherwise equal ones apart.
	UserKey [32]byte
	Expiry  uint32
}

// ID is the hash of all terms.
func (o Outgoing) ID(federation messages.FederationID) ID {
	return domain.Hash(domain.ContractID, federation[:], canonical.Marshal(o.Wire()))
}

// Verify checks that both keys can sign, so that the money cannot be locked for
// ever. Errors wrap ErrTerms.
func (o Outgoing) Verify() error { return verifyKeys(o.GatewayKey, o.UserKey) }

// Wire is the message that is hashed and sent.
func (o Outgoing) Wire() *lightningwire.Outgoing {
	return &lightningwire.Outgoing{
		PaymentHash: o.PaymentHash[:], AmountMsat: uint64(o.Amount),
		GatewayKey: o.GatewayKey[:], UserKey: o.UserKey[:], Expiry: o.Expiry,
	}
}

// OutgoingOf reads terms that came in a message.
func OutgoingOf(w *lightningwire.Outgoing) (Outgoing, error) {
	amount, err := amountOf(w.GetAmountMsat())
	if err != nil {
		return Outgoing{}, err
	}
	if err := lengths(field{"payment hash", w.GetPaymentHash(), keySize}, field{"gateway key", w.GetGatewayKey(), keySize}, field{"user key", w.GetUserKey(), keySize}); err != nil {
		return Outgoing{}, err
	}
	return Outgoing{
		PaymentHash: messages.Digest(w.GetPaymentHash()), Amount: amount,
		GatewayKey: [32]byte(w.GetGatewayKey()), UserKey: [32]byte(w.GetUserKey()), Expiry: w.GetExpiry(),
	}, nil
}

func amountOf(msat uint64) (messages.Amount, error) {
	amount, err := messages.NewAmount(msat)
	if err == nil && amount == 0 {
		err = errors.New("amount is zero")
	}
	return amount, err
}

// A field is bytes that must have a length.
type field struct {
	name  string
	bytes []byte
	want  int
}

func lengths(fields ...field) error {
	for _, f := range fields {
		if len(f.bytes) != f.want {
			return fmt.Errorf("%s of %d bytes, want %d", f.name, len(f.bytes), f.want)
		}
	}
	return nil
}

// verifyKeys checks that x-only keys are points.
func verifyKeys(keys ...[32]byte) error {
	for _, k := range keys {
		if _, err := schnorr.ParsePubKey(k[:]); err != nil {
			return fmt.Errorf("%w: key %x is no point of the curve", ErrTerms, k)
		}
	}
	return nil
}

// verifySignature checks a BIP 340 signature.
func verifySignature(key [32]byte, digest [32]byte, signature [64]byte) error {
	public, err := schnorr.ParsePubKey(key[:])
	if err != nil {
		return fmt.Errorf("%w: key %x is no point of the curve", ErrTerms, key)
	}
	parsed, err := schnorr.ParseSignature(signature[:])
	if err != nil || !parsed.Verify(digest[:], public) {
		return fmt.Errorf("%w: not signed by %x", ErrTerms, key)
	}
	return nil
}

// Reveals reports whether preimage, of the right length, is that of the hash.
func Reveals(preimage []byte, hash messages.Digest) bool {
	return len(preimage) == PreimageSize && messages.Digest(sha256.Sum256(preimage)) == hash
}
