package talk_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"google.golang.org/protobuf/proto"

	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/messages"
	"minimint/messages/bolt11"
)

var (
	federation = messages.FederationID{0xfe}
	contract   = messages.Digest{0xc0}
	user, _    = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{'u'}, 32))
	other, _   = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{'o'}, 32))
)

func xonly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secret.PubKey()))
}

func pay(t testing.TB) *talk.Request {
	t.Helper()
	r, err := talk.Pay(federation, contract, "an invoice", user)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// offer has the form of one.
func offer(ciphertext int) *lightningwire.Offer {
	return &lightningwire.Offer{
		PaymentHash: make([]byte, 32), AmountMsat: 5, ClaimKey: make([]byte, 32), Expiry: 7, Ciphertext: make([]byte, ciphertext),
	}
}

// sealed is the size of an offer's ciphertext: the only one that is read.
func sealed(t testing.TB) int {
	t.Helper()
	for n := range 1024 {
		r := &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: offer(n)}}
		if _, err := talk.ReadReply(talk.Encode(r)); err == nil {
			return n
		}
	}
	t.Fatal("no offer is read")
	return 0
}

func requests(t testing.TB) []*talk.Request {
	return []*talk.Request{
		pay(t),
		{Federation: federation[:], WaitMs: 30_000, Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: offer(sealed(t))}}},
		{Federation: federation[:], Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: contract[:]}}},
	}
}

func replies(t testing.TB) []*talk.Reply {
	return []*talk.Reply{
		talk.Refuse(messages.RejectForNow(messages.RejectBusy, "later")),
		{Reply: &talkwire.Reply_Pending{Pending: &talkwire.Pending{Text: "under way"}}},
		{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: make([]byte, 32)}}},
		{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: make([]byte, 32), Signature: make([]byte, 64), Reason: "no route"}}},
		{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}},
		{Reply: &talkwire.Reply_Offer{Offer: offer(sealed(t))}},
	}
}

// RoundTrip: what is said is heard.
func TestRoundTrip(t *testing.T) {
	for _, m := range requests(t) {
		if got, err := talk.ReadRequest(talk.Encode(m)); err != nil || !proto.Equal(got, m) {
			t.Errorf("%v became %v, %v", m, got, err)
		}
	}
	for _, m := range replies(t) {
		if got, err := talk.ReadReply(talk.Encode(m)); err != nil || !proto.Equal(got, m) {
			t.Errorf("%v became %v, %v", m, got, err)
		}
	}
}

// Nobody gets a field of another length than it has, or a message without its parts.
func TestMissingPartsAreRefused(t *testing.T) {
	for what, m := range map[string]*talk.Request{
		"nothing":             {Federation: federation[:]},
		"no federation":       {Request: requests(t)[2].Request},
		"an empty pay":        {Federation: federation[:], Request: &talkwire.Request_Pay{Pay: &talkwire.Pay{}}},
		"an empty register":   {Federation: federation[:], Request: &talkwire.Request_Register{Register: &talkwire.Register{}}},
		"a long ciphertext":   {Federation: federation[:], Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: offer(sealed(t) + 1)}}},
		"half a payment hash": {Federation: federation[:], Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: contract[:16]}}},
		"a long invoice": {Federation: federation[:], Request: &talkwire.Request_Pay{Pay: &talkwire.Pay{
			Contract: contract[:], Signature: make([]byte, 64), Invoice: strings.Repeat("x", bolt11.MaxLength+1),
		}}},
	} {
		if _, err := talk.ReadRequest(talk.Encode(m)); err == nil {
			t.Errorf("%s is read", what)
		}
	}
	for what, m := range map[string]*talk.Reply{
		"nothing":           {},
		"half a preimage":   {Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: make([]byte, 16)}}},
		"an empty forfeit":  {Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{}}},
		"an unsigned one":   {Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: make([]byte, 32)}}},
		"an offer for free": {Reply: &talkwire.Reply_Offer{Offer: &lightningwire.Offer{}}},
	} {
		if _, err := talk.ReadReply(talk.Encode(m)); err == nil {
			t.Errorf("%s is read", what)
		}
	}
}

// A request to pay holds for one contract, one invoice, one federation and the key
// that stands in the contract.
func TestPayIsTheUsers(t *testing.T) {
	good := func() *talkwire.Pay { return pay(t).GetPay() }
	if err := talk.VerifyPay(federation, good(), xonly(user)); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(m *talkwire.Pay) (messages.FederationID, [32]byte){
		"another federation": func(*talkwire.Pay) (messages.FederationID, [32]byte) { return messages.FederationID{1}, xonly(user) },
		"another user":       func(*talkwire.Pay) (messages.FederationID, [32]byte) { return federation, xonly(other) },
		"no key":             func(*talkwire.Pay) (messages.FederationID, [32]byte) { return federation, [32]byte{31: 5} },
		"another contract": func(m *talkwire.Pay) (messages.FederationID, [32]byte) {
			m.Contract[0]++
			return federation, xonly(user)
		},
		"no contract": func(m *talkwire.Pay) (messages.FederationID, [32]byte) {
			m.Contract = nil
			return federation, xonly(user)
		},
		"another invoice": func(m *talkwire.Pay) (messages.FederationID, [32]byte) {
			m.Invoice += " "
			return federation, xonly(user)
		},
		"no signature": func(m *talkwire.Pay) (messages.FederationID, [32]byte) {
			m.Signature = nil
			return federation, xonly(user)
		},
		"a signature of nothing": func(m *talkwire.Pay) (messages.FederationID, [32]byte) {
			m.Signature = make([]byte, 64)
			return federation, xonly(user)
		},
	} {
		m := good()
		of, key := change(m)
		if talk.VerifyPay(of, m, key) == nil {
			t.Errorf("%s is believed", what)
		}
	}
}

// A gateway's texts cannot move the cursor of a terminal, turn the direction of writing
// or fill a screen; and a forfeit with such a text is one.
func TestTextsAreLegible(t *testing.T) {
	for what, text := range map[string]string{
		"escapes": "\x1b[2J\x1b]0;paid\x07", "lines": "failed\nstate: paid\r", "another direction": "\u202edrawkcab", "long": strings.Repeat("é", 2000),
	} {
		r := &talk.Reply{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: make([]byte, 32), Signature: make([]byte, 64), Reason: text}}}
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(r) // as a gateway does that is not ours
		if err != nil {
			t.Fatal(err)
		}
		got, err := talk.ReadReply(raw)
		if err != nil || got.GetForfeit() == nil || len(got.GetForfeit().GetReason()) == 0 {
			t.Fatalf("%s: %v", what, err)
		}
		checkText(t, got.GetForfeit().GetReason())
		if len(talk.Encode(r)) > talk.MaxSize {
			t.Errorf("%s: encoded beyond the limit", what)
		}
	}
	long := &talk.Reply{Reply: &talkwire.Reply_Pending{Pending: &talkwire.Pending{Text: strings.Repeat("x", talk.MaxSize)}}}
	if _, err := talk.ReadReply(talk.Encode(long)); err != nil {
		t.Errorf("a long text of ours: %v", err)
	}
}

func checkText(t *testing.T, text string) {
	t.Helper()
	if len(text) > messages.MaxRejectionText || !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		t.Errorf("text %q", text)
	}
}

// FuzzRead: bytes are an error, or a message with all its parts that is encoded as it
// came, but for its texts.
func FuzzRead(f *testing.F) {
	for _, m := range requests(f) {
		f.Add(talk.Encode(m))
	}
	for _, m := range replies(f) {
		f.Add(talk.Encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := talk.ReadRequest(b); err == nil {
			if !bytes.Equal(talk.Encode(m), b) {
				t.Fatalf("%x is read and written as %x", b, talk.Encode(m))
			}
			if p := m.GetPay(); p != nil && talk.VerifyPay(federation, p, xonly(user)) == nil && (string(p.GetContract()) != string(contract[:]) || p.GetInvoice() != "an invoice") {
				t.Fatalf("%v is believed", m)
			}
		}
		if m, err := talk.ReadReply(b); err == nil {
			for _, text := range []string{m.GetRefusal().GetText(), m.GetPending().GetText(), m.GetForfeit().GetReason()} {
				checkText(t, text)
			}
			again, err := talk.ReadReply(talk.Encode(m))
			if err != nil || !proto.Equal(again, m) {
				t.Fatalf("%v became %v, %v", m, again, err)
			}
		}
	})
}

// Forfeits and requests to pay are signed under tags of their own: neither is taken
// for the other by whoever hashes the same parts.
func TestRequestsAreNoBareHashes(t *testing.T) {
	m := pay(t).GetPay()
	digest := sha256.Sum256(bytes.Join([][]byte{federation[:], contract[:], []byte(m.GetInvoice())}, nil))
	signature, err := schnorr.Sign(user, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	m.Signature = signature.Serialize()
	if err := talk.VerifyPay(federation, m, xonly(user)); err == nil || errors.Unwrap(err) == nil {
		t.Errorf("a bare hash: %v", err)
	}
}
