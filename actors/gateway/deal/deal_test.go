package deal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg"
	"pgregory.net/rapid"

	"minimint/actors/client/notes"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/bolt11"
)

var (
	federation = messages.FederationID{1}
	now        = time.Unix(1_700_000_000, 0)
	preimage   = [32]byte{'p'}
	hash       = messages.Digest(sha256.Sum256(preimage[:]))
)

func person(letter byte) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{letter}, 32))
	return key
}

func xonly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secret.PubKey()))
}

func node(letter byte) [33]byte { return [33]byte(person(letter).PubKey().SerializeCompressed()) }

func invoice(amount messages.Amount, hints ...[]bolt11.Hop) bolt11.Invoice {
	return bolt11.Make(bolt11.Draft{
		Hash: hash, Secret: [32]byte{9}, Amount: amount, Description: "x", Created: now, Life: time.Hour, FinalDelay: 18, Hints: hints,
	}, &chaincfg.SimNetParams, person('s'))
}

// tiers are the denominations of a mint that asks a fee for each note.
func tiers(count, issue int) notes.Terms {
	t := notes.Terms{Issue: messages.Amount(issue)}
	for e := range count {
		t.Tiers = append(t.Tiers, uint32(e))
	}
	return t
}

// want is a request that is granted, with what change changes of it.
func want(t testing.TB, inv bolt11.Invoice, change func(*deal.Wanted, *terms.Outgoing)) deal.Wanted {
	o := &terms.Outgoing{PaymentHash: hash, Amount: 103_300, GatewayKey: xonly(person('g')), UserKey: xonly(person('u')), Expiry: 500}
	w := deal.Wanted{
		Federation: federation, Key: xonly(person('g')), Network: &chaincfg.SimNetParams, Agreed: 300, Now: now,
		Terms: deal.Terms{Send: terms.Fee{Base: 1_000, PPM: 20_000}, Margin: 36}, Costs: deal.Costs{Claim: 200, Notes: tiers(42, 10)},
		Contract: lightning.Status{ID: o.ID(federation), State: lightningwire.State_STATE_FUNDED, Outgoing: o},
		Node:     lnnode.Info{Key: node('n'), Height: 302, Synced: true},
	}
	if change != nil {
		change(&w, o)
	}
	w.Contract.ID = o.ID(federation)
	r, err := talk.Pay(federation, w.Contract.ID, inv.Text, person('u'))
	if err != nil {
		t.Fatal(err)
	}
	w.Request = r.GetPay()
	return w
}

// What is granted is granted within limits that leave the gateway whole (H81): routing
// may cost what the contract holds above the invoice and the claim, and all timelocks end
// before the margin, counted from the higher of both heights.
func TestPlan(t *testing.T) {
	p, err := deal.Outgoing(want(t, invoice(100_000), nil))
	if err != nil {
		t.Fatal(err)
	}
	// 103,100 less five fees are notes of 2^16, 2^15, 2^12, 2^9 and 2^7, and ten are left over.
	claiming := messages.Amount(200 + 5*10 + 10)
	if p.MaxFee != 3_300-claiming || p.Deadline != 464 || p.Virtual != 0 {
		t.Errorf("plan %+v", p)
	}
	if d, err := p.MaxDelay(302); err != nil || d != 162 {
		t.Errorf("delay %d, %v", d, err)
	}
	far, err := deal.Outgoing(want(t, invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.Expiry = 4_000_000_000 }))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := far.MaxDelay(302); err != nil || d != 2016 {
		t.Errorf("delay %d, %v: it is bounded, and not cut to some bits", d, err)
	}
}

// Whatever is asked, a plan pays: the node can spend no more than the contract brings,
// and no timelock reaches into the margin.
func TestPlanNeverLoses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		amount := messages.Amount(rapid.Uint64Range(1, 1<<40).Draw(rt, "amount"))
		w := want(t, invoice(amount), func(w *deal.Wanted, o *terms.Outgoing) {
			o.Amount = amount + messages.Amount(rapid.Uint64Range(0, 1<<36).Draw(rt, "fee"))
			o.Expiry = rapid.Uint32().Draw(rt, "expiry")
			w.Terms.Send = terms.Fee{Base: messages.Amount(rapid.Uint64Range(0, 5_000).Draw(rt, "base")), PPM: rapid.Uint32Range(0, 50_000).Draw(rt, "ppm")}
			w.Terms.Margin = rapid.Uint32Range(0, 200).Draw(rt, "margin")
			w.Costs.Notes = tiers(rapid.IntRange(1, 42).Draw(rt, "tiers"), rapid.IntRange(0, 20).Draw(rt, "issue"))
			w.Agreed, w.Node.Height = rapid.Uint32().Draw(rt, "agreed"), rapid.Uint32().Draw(rt, "height")
		})
		p, err := deal.Outgoing(w)
		if err != nil {
			return
		}
		o := w.Contract.Outgoing
		if claiming, err := w.Costs.Claiming(o.Amount); err != nil || p.Invoice.Amount+p.MaxFee+claiming > o.Amount {
			rt.Fatalf("plan %+v for %s; claiming costs %s, %v", p, o.Amount, claiming, err)
		}
		height := max(w.Agreed, w.Node.Height)
		d, err := p.MaxDelay(height)
		if err != nil || uint64(height)+uint64(d)+uint64(w.Terms.Margin) > uint64(o.Expiry) {
			rt.Fatalf("delay %d at %d, expiry %d, margin %d, %v", d, height, o.Expiry, w.Terms.Margin, err)
		}
	})
}

// Each condition, and what is said of who fails it: the contract is forfeited, or the
// asker refused, or it may pass later.
func TestOutgoingRefuses(t *testing.T) {
	hop := func(n [33]byte, channel uint64) []bolt11.Hop { return []bolt11.Hop{{Node: n, Channel: channel}} }
	for _, c := range []struct {
		name    string
		invoice bolt11.Invoice
		change  func(*deal.Wanted, *terms.Outgoing)
		word    string // of a *Never, or "refused", "later", or "" for a plan
	}{
		{"good", invoice(100_000), nil, ""},
		{"exactly the fee", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.Amount = 103_000 }, ""},
		{"one less", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.Amount = 102_999 }, "holds"},
		{"no fee, so the claim is not paid", invoice(100_000), func(w *deal.Wanted, o *terms.Outgoing) { w.Terms.Send, o.Amount = terms.Fee{}, 100_001 }, "claiming"},
		{"other hash", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.PaymentHash[0]++ }, "payment hash"},
		{"no amount", invoice(0), nil, "no amount"},
		{"expired", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Now = now.Add(time.Hour) }, "has expired"},
		{"other network", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Network = &chaincfg.MainNetParams }, "network"},
		{"its own", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Node.Key = node('s') }, "own"},
		{"too large", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Terms.Payment = 99_999 }, "at once"},
		{"too much at stake", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Terms.Exposure, w.Exposure = 200_000, 96_701 }, "at stake"},
		{"just as much", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Terms.Exposure, w.Exposure = 200_000, 96_700 }, ""},
		{"too close", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.Expiry = 302 + 36 + 18 + 3 - 1 }, "too few blocks"},
		{"just far enough", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.Expiry = 302 + 36 + 18 + 3 }, ""},
		{"expired contract", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.Expiry = 5 }, "too few blocks"},
		{"node that lags", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Node.Synced = false }, "later"},
		{"other gateway", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.GatewayKey = xonly(person('x')) }, "refused"},
		{"other user", invoice(100_000), func(_ *deal.Wanted, o *terms.Outgoing) { o.UserKey = xonly(person('x')) }, "refused"},
		{"claimed", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Contract.State = lightningwire.State_STATE_CLAIMED }, "refused"},
		{"refunded", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Contract.State = lightningwire.State_STATE_REFUNDED }, "refused"},
		{"an offer", invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Contract.Outgoing = nil }, "refused"},
		{"by its own channel", invoice(100_000, hop(node('n'), deal.Channel(7))), nil, ""},
		{"by its own channel, too late", invoice(100_000, hop(node('n'), deal.Channel(7))), func(_ *deal.Wanted, o *terms.Outgoing) { o.Expiry = 310 }, "too soon"},
		{"by somebody else's", invoice(100_000, hop(node('m'), deal.Channel(7))), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := deal.Outgoing(want(t, c.invoice, c.change))
			var never *deal.Never
			var later *deal.Later
			var refused *messages.Rejection
			switch {
			case c.word == "" && err == nil:
				if own := strings.HasPrefix(c.name, "by its own"); (p.Virtual == deal.Channel(7)) != own {
					t.Errorf("virtual channel %d", p.Virtual)
				}
			case c.word == "later" && errors.As(err, &later):
			case c.word == "refused" && errors.As(err, &refused):
			case c.word != "" && errors.As(err, &never) && strings.Contains(never.Reason, c.word):
			default:
				t.Errorf("%v, want %q", err, c.word)
			}
		})
	}
}

func forward(in, out messages.Amount, end uint32) lnnode.Forward {
	return lnnode.Forward{Hash: hash, Virtual: deal.Channel(1), In: in, Out: out, Expiry: end + 13, AutoFail: end}
}

func TestIncoming(t *testing.T) {
	fee := terms.Fee{Base: 100, PPM: 1_000}
	for _, c := range []struct {
		name     string
		forwards []lnnode.Forward
		change   func(*deal.Sale)
		word     string
	}{
		{"good", []lnnode.Forward{forward(100_200, 100_000, 400)}, nil, ""},
		{"H88: too much", []lnnode.Forward{forward(150_200, 150_000, 400)}, nil, ""},
		{"more than twice", []lnnode.Forward{forward(300_000, 200_001, 400)}, nil, "twice"},
		{"fee too small", []lnnode.Forward{forward(100_199, 100_000, 400)}, nil, "cost"},
		{"part", []lnnode.Forward{forward(50_200, 50_000, 400)}, nil, "later"},
		{"parts", []lnnode.Forward{forward(50_200, 50_000, 400), forward(50_000, 50_000, 400)}, nil, ""},
		{"H89: ends too soon", []lnnode.Forward{forward(100_200, 100_000, 300+deal.Safety-1)}, nil, "ends"},
		{"just in time", []lnnode.Forward{forward(100_200, 100_000, 300+deal.Safety)}, nil, ""},
		{"one part ends too soon", []lnnode.Forward{forward(50_200, 50_000, 400), forward(50_000, 50_000, 301)}, nil, "ends"},
		{"ends too soon for a node that lags", []lnnode.Forward{forward(100_200, 100_000, 300+deal.Safety)}, func(s *deal.Sale) { s.Agreed = 301 }, "ends"},
		{"offer expires", []lnnode.Forward{forward(100_200, 100_000, 400)}, func(s *deal.Sale) { s.Offer.Expiry = 301 }, "expires"},
		{"too large", []lnnode.Forward{forward(100_200, 100_000, 400)}, func(s *deal.Sale) { s.Terms.Payment = 99_999 }, "at once"},
		{"no amounts", []lnnode.Forward{forward(messages.MaxAmount, messages.MaxAmount, 400), forward(1, 1, 400)}, nil, "range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := deal.Sale{Offer: terms.Offer{PaymentHash: hash, Amount: 100_000, Expiry: 1000}, Forwards: c.forwards, Terms: deal.Terms{Receive: fee}, Height: 300, Agreed: 299}
			if c.change != nil {
				c.change(&s)
			}
			err := deal.Incoming(s)
			var never *deal.Never
			var later *deal.Later
			switch {
			case c.word == "" && err == nil, c.word == "later" && errors.As(err, &later):
			case c.word != "" && errors.As(err, &never) && strings.Contains(never.Reason, c.word):
			default:
				t.Errorf("%v, want %q", err, c.word)
			}
		})
	}
	if deal.Urgent(304, 300) || !deal.Urgent(303, 300) {
		t.Error("what is urgent")
	}
}

func TestRegister(t *testing.T) {
	keys := tenctest.Deal(rand.NewChaCha8([32]byte{1}), tenctest.Config{Role: domain.LightningPreimage, Threshold: 3, Members: 4})
	seal := terms.Sealer{Federation: federation, Keys: keys.Public}
	offer, err := terms.Seal(rand.NewChaCha8([32]byte{2}), seal, terms.Offer{Amount: 100_000, ClaimKey: xonly(person('u')), Expiry: 400}, preimage)
	if err != nil {
		t.Fatal(err)
	}
	other := offer
	other.Amount++
	for _, c := range []struct {
		name   string
		change func(*deal.Registration)
		code   messages.RejectionCode
		final  bool
	}{
		{"good", func(*deal.Registration) {}, 0, false},
		{"again, whatever else", func(r *deal.Registration) { r.Stored, r.Agreed, r.Count = &offer, 5_000, 1<<20 }, 0, false},
		{"another for the hash", func(r *deal.Registration) { r.Stored = &other }, messages.RejectContractExists, false},
		{"too large", func(r *deal.Registration) { r.Terms.Payment = 99_999 }, messages.RejectContractAmount, false},
		{"pays for nothing", func(r *deal.Registration) { r.Claim = 100_000 }, messages.RejectContractAmount, false},
		{"pays for a little", func(r *deal.Registration) { r.Claim = 99_999 }, 0, false},
		{"expired", func(r *deal.Registration) { r.Agreed = 399 }, messages.RejectExpiry, true},
		{"too long", func(r *deal.Registration) { r.Offer.Expiry = 300 + 4033 }, messages.RejectExpiry, false},
		{"half full", func(r *deal.Registration) { r.Count, r.Agreed = 1<<13, 400-288 }, 0, false},
		{"half full, and too long for that", func(r *deal.Registration) { r.Count, r.Agreed = 1<<13, 400-289 }, messages.RejectBusy, false},
		{"almost full", func(r *deal.Registration) { r.Count, r.Agreed = 1<<14-1, 400-72 }, 0, false},
		{"almost full, and too long for that", func(r *deal.Registration) { r.Count, r.Agreed = 1<<14-1, 400-73 }, messages.RejectBusy, false},
		{"full", func(r *deal.Registration) { r.Count = 1 << 14 }, messages.RejectBusy, false},
		{"no height", func(r *deal.Registration) { r.Agreed = 0 }, messages.RejectBusy, false},
		{"sealed under other terms", func(r *deal.Registration) { r.Offer = other }, messages.RejectCiphertext, true},
	} {
		r := deal.Registration{Offer: offer, Seal: seal, Agreed: 300}
		c.change(&r)
		got := deal.Register(r)
		if (got == nil) != (c.code == 0) || got != nil && (got.Code != c.code || got.Final != c.final) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
