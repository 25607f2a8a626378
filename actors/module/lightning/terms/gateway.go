package terms

import (
	"fmt"
	"math"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
)

// A Fee is what a gateway asks for a payment: a base and millionths of the amount.
type Fee struct {
	Base messages.Amount
	PPM  uint32
}

// Of returns the fee for a payment of amount, rounded up, or ErrAmount.
func (f Fee) Of(amount messages.Amount) (messages.Amount, error) {
	const million = 1_000_000
	product, err := (amount / million).Mul(uint64(f.PPM))
	if err != nil {
		return 0, err
	}
	// Below a million times at most a million: no overflow.
	rest := (amount%million*messages.Amount(f.PPM) + million - 1) / million
	sum, err := product.Add(rest)
	if err != nil {
		return 0, err
	}
	return sum.Add(f.Base)
}

// A Gateway is what a gateway says about itself.
type Gateway struct {
	// Key names it: it signs the listing and stands in its contracts.
	Key [32]byte
	// Node is its Lightning node, a compressed key; Channel the short channel id
	// under which invoices reach this federation through it.
	Node    [33]byte
	Channel uint64
	// API is where clients reach it, Name what they see: printable ASCII.
	API, Name     string
	Send, Receive Fee
	// ExpiryMargin is how many blocks it wants between the last timelock of a
	// payment and the expiry of its contract, at most the longest life of one. So
	// sums with it do not overflow in clients.
	ExpiryMargin uint32
	// Serial tells newer from older. Expiry ends the listing.
	Serial uint64
	Expiry uint32
}

// A Listing is a gateway's signed word about itself.
type Listing struct {
	Gateway
	Signature [64]byte
}

// List signs g with the secret of its key, which it sets.
func List(federation messages.FederationID, g Gateway, secret *btcec.PrivateKey) (Listing, error) {
	g.Key = [32]byte(schnorr.SerializePubKey(secret.PubKey()))
	if _, err := gatewayOf(g.wire()); err != nil {
		return Listing{}, fmt.Errorf("terms: %w", err)
	}
	signature, err := sign(secret, g.digest(federation))
	return Listing{Gateway: g, Signature: signature}, err
}

// Verify checks that the gateway signed the listing, for this federation, and that
// its node's key is one: clients put it into invoices. Errors wrap ErrTerms.
func (l Listing) Verify(federation messages.FederationID) error {
	if _, err := btcec.ParsePubKey(l.Node[:]); err != nil {
		return fmt.Errorf("%w: node %x is no point of the curve", ErrTerms, l.Node)
	}
	return verifySignature(l.Key, l.digest(federation), l.Signature)
}

func (g Gateway) digest(federation messages.FederationID) [32]byte {
	return domain.Hash(domain.GatewayRecord, federation[:], canonical.Marshal(g.wire()))
}

// sign makes a BIP 340 signature, with a nonce that secret and digest determine.
func sign(secret *btcec.PrivateKey, digest [32]byte) ([64]byte, error) {
	s, err := schnorr.Sign(secret, digest[:])
	if err != nil {
		return [64]byte{}, fmt.Errorf("terms: signing: %w", err)
	}
	return [64]byte(s.Serialize()), nil
}

func (g Gateway) wire() *lightningwire.Gateway {
	return &lightningwire.Gateway{
		Key: g.Key[:], Node: g.Node[:], Channel: g.Channel, Api: g.API, Name: g.Name,
		SendBaseMsat: uint64(g.Send.Base), SendPpm: g.Send.PPM, ReceiveBaseMsat: uint64(g.Receive.Base), ReceivePpm: g.Receive.PPM,
		ExpiryMargin: g.ExpiryMargin, Serial: g.Serial, Expiry: g.Expiry,
	}
}

// Wire is the message that is sent and kept.
func (l Listing) Wire() *lightningwire.Listing {
	return &lightningwire.Listing{Gateway: l.wire(), Signature: l.Signature[:]}
}

// ListingOf reads a listing that came in a message.
func ListingOf(w *lightningwire.Listing) (Listing, error) {
	g, err := gatewayOf(w.GetGateway())
	if err != nil {
		return Listing{}, err
	}
	if err := lengths(field{"signature", w.GetSignature(), signatureSize}); err != nil {
		return Listing{}, err
	}
	return Listing{Gateway: g, Signature: [64]byte(w.GetSignature())}, nil
}

func gatewayOf(w *lightningwire.Gateway) (Gateway, error) {
	if err := lengths(field{"key", w.GetKey(), keySize}, field{"node", w.GetNode(), nodeSize}); err != nil {
		return Gateway{}, err
	}
	send, err1 := messages.NewAmount(w.GetSendBaseMsat())
	receive, err2 := messages.NewAmount(w.GetReceiveBaseMsat())
	switch {
	case err1 != nil || err2 != nil || w.GetSendPpm() > 1_000_000 || w.GetReceivePpm() > 1_000_000:
		return Gateway{}, fmt.Errorf("fees of %d msat and %d ppm, %d msat and %d ppm", w.GetSendBaseMsat(), w.GetSendPpm(), w.GetReceiveBaseMsat(), w.GetReceivePpm())
	case receive > math.MaxUint32:
		// Route hints of invoices hold 32 bits (BOLT #11): users would ask for less than the gateway takes.
		return Gateway{}, fmt.Errorf("base fee of %d msat for receiving does not fit into an invoice", receive)
	case w.GetExpiryMargin() > maxMargin:
		return Gateway{}, fmt.Errorf("margin of %d blocks; no contract lives longer than %d", w.GetExpiryMargin(), maxMargin)
	case !printable(w.GetApi()) || !printable(w.GetName()) || w.GetApi() == "":
		return Gateway{}, fmt.Errorf("address %.40q or name %.40q is not of 1 to %d printable ASCII characters", w.GetApi(), w.GetName(), maxText)
	}
	return Gateway{
		Key: [32]byte(w.GetKey()), Node: [33]byte(w.GetNode()), Channel: w.GetChannel(), API: w.GetApi(), Name: w.GetName(),
		Send: Fee{send, w.GetSendPpm()}, Receive: Fee{receive, w.GetReceivePpm()},
		ExpiryMargin: w.GetExpiryMargin(), Serial: w.GetSerial(), Expiry: w.GetExpiry(),
	}, nil
}

func printable(text string) bool {
	if len(text) > maxText {
		return false
	}
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
