package lightning_test

// Holes of the original and of its successor in Lightning contracts, through the
// real transition with the real mint and wallet.

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// exactly expects that of these, in one epoch, just one is accepted, and the others
// are refused for good.
func (h *house) exactly(what string, txs ...*transaction.Transaction) {
	h.Helper()
	res := h.Run(banktest.Of(txs...))
	if len(res.Accepted) != 1 {
		h.Errorf("%s: %d accepted, refused for %v", what, len(res.Accepted), banktest.Codes(res))
	}
	for _, r := range res.Rejected {
		if !r.Rejection.Final {
			h.Errorf("%s: not refused for good: %v", what, r.Rejection)
		}
	}
}

// In the original nobody checked the ciphertext of a contract, only that of the offer, and an invalid one ended every member in a loop of crashes.
func TestH7CiphertextsAreChecked(t *testing.T) {
	h := open(t)
	good := h.offer(10, preimage)
	noise := good
	noise.Ciphertext = bytes.Repeat([]byte{7}, len(good.Ciphertext))
	bent := good
	bent.Ciphertext = bytes.Clone(good.Ciphertext)
	bent.Ciphertext[len(bent.Ciphertext)-1] ^= 1
	for _, o := range []terms.Offer{noise, bent} {
		h.refused("a ciphertext that is none", messages.RejectCiphertext, h.announce(o))
	}
	// A purchase names its offer and the buyer's key, and brings no ciphertext of its own.
	id, key := good.ID(banktest.Federation), xonly(gateway)
	body := canonical.Marshal(&lightningwire.Purchase{Offer: id[:], RefundKey: key[:]})
	wrap := func(body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), body)
	}
	if _, err := terms.DecodeOutput(wrap(body)); err != nil {
		t.Fatal(err)
	}
	for number := protowire.Number(1); number < 8; number++ {
		more := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(body), number, protowire.BytesType), noise.Ciphertext)
		if _, err := terms.DecodeOutput(wrap(more)); err == nil {
			t.Errorf("a purchase with a ciphertext of its own in field %d", number)
		}
	}
	// Whatever is in a valid one, members open it and go on.
	lie := reseal(h, good, [32]byte{0xff})
	h.Accepted(h.announce(lie), h.buy(lie))
	h.rest()
	h.state(lie.ID(banktest.Federation), lightningwire.State_STATE_INVALID)
}

// In the original an incoming contract had the bare payment hash for its id, and others a hash without tag: whoever saw a contract coming funded "the same" id with terms of his own.
func TestH8NobodyTakesAnothersContract(t *testing.T) {
	h := open(t)
	o := h.outgoing(10)
	id := o.ID(banktest.Federation)
	// The attacker sees the user's contract coming, and is first.
	mine := o
	mine.UserKey = xonly(stranger)
	hashed := h.offer(10, preimage)
	hashed.PaymentHash = id
	hashed = reseal(h, hashed, preimage)
	h.Accepted(h.fund(mine), h.announce(hashed), h.buy(hashed))
	h.Accepted(h.fund(o))
	if s := h.status(id); s.Outgoing == nil || *s.Outgoing != o {
		t.Errorf("terms became %+v", s)
	}
	h.rest()
	// With the very terms of the user he pays the user's bill.
	second := h.outgoing(11)
	h.Accepted(h.fund(second))
	h.refused("the same terms again", messages.RejectContractExists, h.fund(second))
	for _, way := range []terms.Way{terms.Expired, terms.Return, terms.Claim, terms.Preimage} {
		h.refused("the attacker takes it", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: way, Preimage: preimage}, o.Amount, stranger))
	}
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}, o.Amount, gateway))
	if s := h.status(mine.ID(banktest.Federation)); s.State != lightningwire.State_STATE_FUNDED {
		t.Errorf("contracts share money: %+v", s)
	}
}

// In the original an offer replaced another of the same payment hash, also a paid one; the second purchase paid the seller and told the gateway nothing.
func TestH9OffersAreBoughtOnce(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id := o.ID(banktest.Federation)
	h.Accepted(h.announce(o))
	cheap := o
	cheap.Amount = 30_000
	cheap = reseal(h, cheap, preimage)
	broken := o
	broken = reseal(h, broken, [32]byte{1})
	h.Accepted(h.announce(cheap), h.announce(broken)) // of others: they stand beside it
	h.Accepted(h.announce(o))                         // changes nothing
	if s := h.status(id); s.Offer == nil || s.Offer.Amount != o.Amount || !bytes.Equal(s.Offer.Ciphertext, o.Ciphertext) {
		t.Errorf("offer became %+v", s)
	}
	h.exactly("three purchases in an epoch", h.buy(o), h.buy(o), h.buy(o))
	h.refused("another purchase", messages.RejectContractExists, h.buy(o))
	h.rest()
	h.refused("a purchase of what is revealed", messages.RejectContractExists, h.buy(o))
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
	h.refused("a paid offer again", messages.RejectContractExists, h.announce(o))
	h.refused("a purchase of what was paid", messages.RejectContractExists, h.buy(o))
	for p := range h.Members {
		h.Restart(messages.PeerID(p))
	}
	h.refused("after a restart", messages.RejectContractExists, h.announce(o), h.buy(o))
	h.until(o.Expiry)
	h.refused("after its expiry", messages.RejectContractExists, h.announce(o), h.buy(o)) // still remembered
	h.replay()
}

// In the original whoever bought an offer also set how its decryption ended, and members proposed their shares of it for ever.
func TestH10NobodyChoosesTheOutcome(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id := o.ID(banktest.Federation)
	// There is no place for an outcome in an output: every further field is refused.
	body := purchase(id).Encode()
	for number := protowire.Number(1); number < 16; number++ {
		if number == 3 {
			continue
		}
		extra := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(body), number, protowire.BytesType), preimage[:])
		if _, err := terms.DecodeOutput(extra); err == nil {
			t.Errorf("an output with a field %d", number)
		}
	}
	h.Accepted(h.announce(o), h.buy(o))
	h.rest() // fails if members propose for ever
	h.state(id, lightningwire.State_STATE_VALID)
	for p := range h.Members {
		if items := h.shares(messages.PeerID(p)); items != nil {
			t.Errorf("member %d proposes %d items when all is done", p, len(items))
		}
	}
	// What was decided stays, whoever sends shares again.
	late := shareOf(t, 3, o, 4)
	h.round(map[messages.PeerID]edit{3: func([][]byte) [][]byte { return [][]byte{late} }})
	h.state(id, lightningwire.State_STATE_VALID)
}

// In the original anybody could announce offers without end, for nothing, and they were kept for ever.
func TestH11OffersCostAndEnd(t *testing.T) {
	h := open(t)
	o := h.offer(3, preimage)
	h.refused("an offer for nothing", messages.RejectFeeTooLow, h.tx(deal{outputs: []terms.Output{{Offer: &o}}, fee: 1}))
	h.Accepted(h.announce(o))
	if n := h.lightning().GetOpenOffers(); n != 1 {
		t.Errorf("%d offers wait", n)
	}
	h.until(o.Expiry)
	if n := h.lightning().GetOpenOffers(); n != 0 {
		t.Errorf("%d offers wait after they expired", n)
	}
	h.refused("bought too late", messages.RejectContractUnknown, h.buy(o))
	h.refused("an offer of the past", messages.RejectExpiry, h.announce(o))
	// A forfeit needs no item of its own: it is part of the input that it serves.
	if _, err := terms.DecodeOutput(bytes.Repeat([]byte{0}, 96)); err == nil {
		t.Error("an output that is a forfeit")
	}
}

// In the original the list of gateways was each member's own; anybody wrote into it, also over others, and clients took the first for ever.
func TestH12GatewaysSpeakForThemselves(t *testing.T) {
	h := open(t)
	list := func(l terms.Listing) *transaction.Transaction {
		return h.tx(deal{outputs: []terms.Output{{Listing: &l}}})
	}
	h.Accepted(list(h.listing(gateway, 5, 10)))
	forged := h.listing(stranger, 6, 10)
	forged.Key = xonly(gateway)
	h.refused("signed by another", messages.RejectListing, list(forged))
	changed := h.listing(gateway, 6, 10)
	changed.API = "https://thief.example"
	h.refused("changed after it was signed", messages.RejectListing, list(changed))
	elsewhere, err := terms.List(messages.FederationID{9}, h.listing(gateway, 6, 10).Gateway, gateway)
	if err != nil {
		t.Fatal(err)
	}
	h.refused("of another federation", messages.RejectListing, list(elsewhere))
	h.refused("older", messages.RejectListing, list(h.listing(gateway, 4, 10)), list(h.listing(gateway, 5, 11)))
	h.refused("for too long", messages.RejectExpiry, list(h.listing(gateway, 6, lightning.MaxListing+1)))
	newer := h.listing(gateway, 6, 4)
	h.Accepted(list(newer), list(h.listing(stranger, 1, 20)))
	want := [][32]byte{xonly(gateway), xonly(stranger)}
	slices.SortFunc(want, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	if got := h.gateways(); !slices.Equal(got, want) {
		t.Errorf("listed are %x, want %x", got, want)
	}
	// The newer word ends first. The older one does not come back.
	h.until(newer.Expiry)
	if got := h.gateways(); !slices.Equal(got, [][32]byte{xonly(stranger)}) {
		t.Errorf("listed are %x", got)
	}
	h.refused("an older word that has not expired", messages.RejectListing, list(h.listing(gateway, 5, 4)))
	h.replay()
}
