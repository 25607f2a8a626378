package lightning_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

const now = 1000 // height at which these stories begin

func outgoingUntil(expiry uint32) terms.Outgoing {
	return terms.Outgoing{PaymentHash: hashOf(preimage), Amount: 50_000, GatewayKey: xonly(gateway), UserKey: xonly(user), Expiry: expiry}
}

// Before members have agreed on a block nothing is possible that has an expiry,
// and nothing is lost: the same bytes pass later.
func TestNothingWithoutHeight(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	o := outgoingUntil(now)
	err := d.output(terms.Output{Outgoing: &o})
	wantCode(t, "without a height", err, messages.RejectBlockUnknown)
	var r *messages.Rejection
	if !errors.As(err, &r) || r.Final {
		t.Errorf("refused for good: %v", err)
	}
	if err := d.EndEpoch(d.scope(), d.env); err != nil || d.records() != 0 {
		t.Errorf("an epoch without a height: %v", err)
	}
	d.at(now - 10)
	wantCode(t, "with one", d.output(terms.Output{Outgoing: &o}), 0)
}

// What is over is forgotten, and cannot come again; what holds money is not.
func TestOnlyMoneyStays(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	empty := d.records() // the height
	paid, refunded, open := outgoingUntil(now+100), outgoingUntil(now+101), outgoingUntil(now+102)
	for _, o := range []terms.Outgoing{paid, refunded, open} {
		wantCode(t, "funding", d.output(terms.Output{Outgoing: &o}), 0)
	}
	_, err := d.input(terms.Input{Contract: paid.ID(banktest.Federation), Way: terms.Preimage, Key: xonly(gateway), Preimage: preimage})
	wantCode(t, "claim", err, 0)
	bought, wasted := sealedFor(now+50, d.Seal(), 1), sealedFor(now+50, d.Seal(), 2)
	boughtID := bought.ID(banktest.Federation)
	for _, out := range []terms.Output{{Offer: &bought}, {Offer: &wasted}, purchase(boughtID)} {
		wantCode(t, "offers", d.output(out), 0)
	}
	for p := range 3 {
		wantCode(t, "share", d.item(messages.PeerID(p), shareOf(t, p, bought, 4)), 0)
	}
	_, err = d.input(terms.Input{Contract: boughtID, Way: terms.Claim, Key: xonly(user)})
	wantCode(t, "claim of the user", err, 0)

	known := func(height uint32, what string, id terms.ID, want bool) {
		t.Helper()
		if _, got := d.find(id); got != want {
			t.Errorf("height %d: %s is known: %v", height, what, got)
		}
	}
	d.at(now + 50)
	known(now+50, "the offer that nobody bought", wasted.ID(banktest.Federation), false)
	known(now+50, "the offer that was bought", boughtID, true)
	late := uint32(now + 101 + 500)
	d.at(late)
	_, err = d.input(terms.Input{Contract: refunded.ID(banktest.Federation), Way: terms.Expired, Key: xonly(user)})
	wantCode(t, "refund", err, 0)
	d.at(now + 50 + lightning.Retention - 1)
	known(now+50+lightning.Retention-1, "the bought offer", boughtID, true)
	d.at(now + 50 + lightning.Retention)
	known(now+50+lightning.Retention, "the bought offer", boughtID, false)
	known(now+50+lightning.Retention, "the paid contract", paid.ID(banktest.Federation), true)
	d.at(now + 100 + lightning.Retention)
	known(now+100+lightning.Retention, "the paid contract", paid.ID(banktest.Federation), false)
	d.at(late + lightning.Retention - 1)
	known(late+lightning.Retention-1, "the refunded contract", refunded.ID(banktest.Federation), true)
	d.at(late + lightning.Retention)
	known(late+lightning.Retention, "the refunded contract", refunded.ID(banktest.Federation), false)
	for _, o := range []terms.Outgoing{paid, refunded} {
		wantCode(t, "forgotten terms", d.output(terms.Output{Outgoing: &o}), messages.RejectExpiry)
	}
	wantCode(t, "a forgotten offer", d.output(terms.Output{Offer: &bought}), messages.RejectExpiry)

	openID := open.ID(banktest.Federation)
	d.at(now + 1_000_000)
	known(now+1_000_000, "the open contract", openID, true)
	if _, err := d.input(terms.Input{Contract: openID, Way: terms.Expired, Key: xonly(user)}); err != nil {
		t.Errorf("a late refund: %v", err)
	}
	d.at(now + 1_000_000 + lightning.Retention)
	if got := d.records(); got != empty+2 { // the counters of tasks and of offers
		t.Errorf("%d records are left", got)
	}
	for _, line := range []string{"liability/outgoing", "liability/incoming"} {
		if sum := d.env.Total(line); sum != 0 {
			t.Errorf("%s is %d", line, sum)
		}
	}
}

// One epoch forgets so much and no more; the rest follows.
func TestForgettingIsSpread(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	const many = 300
	for i := range uint64(many) {
		o := outgoingUntil(now + 10)
		o.Amount += messages.Amount(i)
		wantCode(t, "funding", d.output(terms.Output{Outgoing: &o}), 0)
		_, err := d.input(terms.Input{Contract: o.ID(banktest.Federation), Way: terms.Preimage, Key: xonly(gateway), Preimage: preimage})
		wantCode(t, "claim", err, 0)
	}
	before := d.records()
	d.at(now + 10 + lightning.Retention)
	first := before - d.records()
	if first == 0 || first >= 4*many {
		t.Errorf("one epoch deleted %d of %d records", first, 4*many)
	}
	d.at(now + 10 + lightning.Retention)
	if got := before - d.records(); got != 4*many {
		t.Errorf("two epochs deleted %d of %d records", got, 4*many)
	}
}

// An offer too many waits only until the end of the epoch; and since most are bought as
// they are announced, offers that wait keep nobody from being paid.
func TestOffersAreBounded(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	full := func(n uint64) { d.scope().Put([]byte{'a'}, binary.BigEndian.AppendUint64(nil, n)) }
	full(lightning.MaxOffers)
	before := d.records()
	excess, bought, last := sealedFor(now+5, d.Seal(), 1), sealedFor(now+5, d.Seal(), 2), sealedFor(now+5, d.Seal(), 3)
	wantCode(t, "one too many", d.output(terms.Output{Offer: &excess}), 0)
	if _, found := d.find(excess.ID(banktest.Federation)); !found {
		t.Error("it cannot be bought in its epoch")
	}
	d.at(now)
	if _, found := d.find(excess.ID(banktest.Federation)); found || d.summary().GetOpenOffers() != lightning.MaxOffers {
		t.Errorf("it waits with %d others", d.summary().GetOpenOffers())
	}
	if got := d.records() - before; got != 1 { // the counter of offers
		t.Errorf("%d records are left", got)
	}
	wantCode(t, "announcing", d.output(terms.Output{Offer: &bought}), 0)
	wantCode(t, "and buying at once", d.output(purchase(bought.ID(banktest.Federation))), 0)
	full(lightning.MaxOffers - 1)
	wantCode(t, "the last", d.output(terms.Output{Offer: &last}), 0)
	d.at(now)
	for _, o := range []terms.Offer{bought, last} {
		if _, found := d.find(o.ID(banktest.Federation)); !found {
			t.Error("the last, or what was bought, is gone")
		}
	}
	d.at(now + 5)
	if n := d.summary().GetOpenOffers(); n != lightning.MaxOffers-1 {
		t.Errorf("%d offers wait", n)
	}
}

// The list is short. Those that operators vetted find room, and strangers cannot
// push anybody off it.
func TestGatewaysAreBounded(t *testing.T) {
	cfg := config(-1, 4)
	cfg.Vetted = [][32]byte{xonly(gateway)}
	d := newDesk(t, cfg)
	d.at(now)
	squatter := func(i uint32) *btcec.PrivateKey {
		key, _ := btcec.PrivKeyFromBytes(binary.BigEndian.AppendUint32(bytes.Repeat([]byte{1}, 28), i))
		return key
	}
	for i := range uint32(lightning.MaxGateways) {
		wantCode(t, "squatting", d.output(listingOf(t, squatter(i), 1, now+10)), 0)
	}
	wantCode(t, "one too many", d.output(listingOf(t, stranger, 1, now+10)), messages.RejectBusy)
	wantCode(t, "one that is there", d.output(listingOf(t, squatter(3), 2, now+20)), 0)
	wantCode(t, "one that is vetted", d.output(listingOf(t, gateway, 1, now+10)), 0)
	list := asked(d, "gateways", new(lightningwire.Gateways)).GetGateways()
	for _, g := range list {
		if g.GetVetted() != ([32]byte(g.GetListing().GetGateway().GetKey()) == xonly(gateway)) {
			t.Errorf("vetted: %v", g.GetVetted())
		}
	}
	if len(list) != lightning.MaxGateways+1 || d.summary().GetGateways() != lightning.MaxGateways+1 {
		t.Errorf("%d are listed", len(list))
	}
	d.at(now + 10)
	if n := d.summary().GetGateways(); n != 1 {
		t.Errorf("%d are listed when all but one have expired", n)
	}
	wantCode(t, "a place is free", d.output(listingOf(t, stranger, 1, now+11)), 0)
}

// A member proposes so many shares and no more; the oldest come first.
func TestProposalsAreBounded(t *testing.T) {
	d := newDesk(t, config(2, 4))
	d.at(now)
	var ids []terms.ID
	for i := range 70 {
		o := sealedFor(now+5, d.Seal(), byte(i))
		id := o.ID(banktest.Federation)
		ids = append(ids, id)
		wantCode(t, "offer", d.output(terms.Output{Offer: &o}), 0)
		wantCode(t, "purchase", d.output(purchase(id)), 0)
	}
	items := d.Propose(d.scope(), nil)
	if len(items) != 64 {
		t.Fatalf("%d shares", len(items))
	}
	for i, item := range items {
		if s, err := terms.DecodeShare(item); err != nil || s.Contract != ids[i] {
			t.Fatalf("share %d is for another contract: %v", i, err)
		}
		wantCode(t, "own share", d.item(2, item), 0)
	}
	if rest := d.Propose(d.scope(), nil); len(rest) != 6 {
		t.Errorf("%d shares are left", len(rest))
	}
}
