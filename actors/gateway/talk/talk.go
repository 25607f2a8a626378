// Package talk is what a federation's clients and its Lightning gateways say to each
// other: a client sends a [Request] to the address in the gateway's listing and gets
// one [Reply].
//
//	Pay       the invoice, for the outgoing contract that the client has funded
//	Register  an offer, whose invoice names the gateway's virtual channel
//	Find      the offer behind an invoice, so that its payer can buy it himself
//
// Nobody needs to believe the way between them. A preimage shows by its hash that
// an invoice was paid, a forfeit bears the signature of the contract's key, an offer
// is checked against its invoice, and a request to pay bears that of the contract's
// user. What is overheard is who pays what, so gateways should be asked over TLS.
//
// Every request can be repeated and is answered alike for ever once its answer is
// final: a reply that was lost costs nothing (H84, H86).
package talk

import (
	"fmt"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/canonical"
)

// Over HTTP a request is the body of a POST to the listing's address and Path, and
// its reply, whatever it says, the body of a 200.
const (
	Path        = "/minimint/v1"
	ContentType = "application/x-minimint"
)

// Limits, in bytes, and how long a reply may wait for news.
const (
	MaxSize = 8 << 10
	MaxWait = 30 * time.Second
)

type (
	// A Request is what a client asks.
	Request = talkwire.Request
	// A Reply is the answer to a Request.
	Reply = talkwire.Reply
)

// ReadRequest decodes a request: form and lengths.
func ReadRequest(b []byte) (*Request, error) {
	m := new(Request)
	if err := canonical.Unmarshal(b, m, MaxSize); err != nil {
		return nil, err
	}
	lengths := len(m.GetFederation()) == len(messages.FederationID{})
	switch r := m.GetRequest().(type) {
	case *talkwire.Request_Pay:
		lengths = lengths && len(r.Pay.GetContract()) == len(terms.ID{}) && len(r.Pay.GetSignature()) == schnorr.SignatureSize &&
			len(r.Pay.GetInvoice()) <= bolt11.MaxLength
	case *talkwire.Request_Register:
		if _, err := terms.OfferOf(r.Register.GetOffer()); err != nil {
			return nil, fmt.Errorf("offer: %w", err)
		}
	case *talkwire.Request_Find:
		lengths = lengths && len(r.Find.GetPaymentHash()) == len(messages.Digest{})
	default:
		lengths = false
	}
	if !lengths {
		return nil, fmt.Errorf("request for a gateway with missing parts, or of the wrong length: %w", canonical.ErrForm)
	}
	return m, nil
}

// ReadReply decodes a reply: form and lengths. Its texts are a stranger's and for
// people: what is not for the eye, such as the escapes of a terminal, is replaced, and
// what is too long is cut. No reply is refused over its text; it may hold a forfeit.
func ReadReply(b []byte) (*Reply, error) {
	m := new(Reply)
	if err := canonical.Unmarshal(b, m, MaxSize); err != nil {
		return nil, err
	}
	tidy(m)
	lengths := true
	switch r := m.GetReply().(type) {
	case *talkwire.Reply_Paid:
		lengths = len(r.Paid.GetPreimage()) == terms.PreimageSize
	case *talkwire.Reply_Forfeit:
		lengths = len(r.Forfeit.GetGateway()) == schnorr.PubKeyBytesLen && len(r.Forfeit.GetSignature()) == schnorr.SignatureSize
	case *talkwire.Reply_Offer:
		if _, err := terms.OfferOf(r.Offer); err != nil {
			return nil, fmt.Errorf("offer: %w", err)
		}
	case *talkwire.Reply_Refusal, *talkwire.Reply_Pending, *talkwire.Reply_Registered:
	default:
		lengths = false
	}
	if !lengths {
		return nil, fmt.Errorf("reply of a gateway with missing parts, or of the wrong length: %w", canonical.ErrForm)
	}
	return m, nil
}

// tidy makes texts legible.
func tidy(m *Reply) {
	switch r := m.GetReply().(type) {
	case *talkwire.Reply_Refusal:
		legible(&r.Refusal.Text)
	case *talkwire.Reply_Pending:
		legible(&r.Pending.Text)
	case *talkwire.Reply_Forfeit:
		legible(&r.Forfeit.Reason)
	}
}

func legible(text *string) { *text = messages.Legible(*text) }

// Encode returns the canonical bytes of a Request or Reply; texts of a Reply become as
// ReadReply has them, so that none makes it longer than MaxSize.
func Encode[M *Request | *Reply](m M) []byte {
	switch m := any(m).(type) {
	case *Request:
		return canonical.Marshal(m)
	case *Reply:
		tidy(m)
		return canonical.Marshal(m)
	}
	panic("talk: unreachable")
}

// Pay returns a request to pay invoice for a contract, signed with its user key. An
// error is that of the signature.
func Pay(federation messages.FederationID, contract terms.ID, invoice string, user *btcec.PrivateKey) (*Request, error) {
	digest := payDigest(federation, contract, invoice)
	signature, err := schnorr.Sign(user, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	return &Request{Federation: federation[:], Request: &talkwire.Request_Pay{Pay: &talkwire.Pay{
		Contract: contract[:], Invoice: invoice, Signature: signature.Serialize(),
	}}}, nil
}

// VerifyPay checks that whoever holds the contract's user key wants this invoice
// paid for it: otherwise anybody who sees the contract on its way could have another
// invoice of the same hash tried, and fail. Errors wrap terms.ErrTerms.
func VerifyPay(federation messages.FederationID, m *talkwire.Pay, user [32]byte) error {
	contract, ok := messages.DigestFrom(m.GetContract())
	key, err1 := schnorr.ParsePubKey(user[:])
	signature, err2 := schnorr.ParseSignature(m.GetSignature())
	digest := payDigest(federation, contract, m.GetInvoice())
	if !ok || err1 != nil || err2 != nil || !signature.Verify(digest[:], key) {
		return fmt.Errorf("request is not signed with the contract's user key: %w", terms.ErrTerms)
	}
	return nil
}

func payDigest(federation messages.FederationID, contract terms.ID, invoice string) [32]byte {
	return domain.Hash(domain.PayRequest, federation[:], contract[:], []byte(invoice))
}

// Refuse is a reply that refuses.
func Refuse(r *messages.Rejection) *Reply {
	return &Reply{Reply: &talkwire.Reply_Refusal{Refusal: &talkwire.Refusal{Code: uint32(r.Code), Text: r.Text, Final: r.Final}}}
}
