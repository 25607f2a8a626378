package bargain_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"
	"pgregory.net/rapid"

	"minimint/actors/client/bargain"
	"minimint/actors/client/keys"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/bolt11"
)

var (
	now = time.Unix(1_700_000_000, 0)
	net = &chaincfg.SimNetParams
)

func key(letter byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{letter}, 32))
	return k
}

func gateway(letter byte, base messages.Amount, ppm uint32) bargain.Candidate {
	return bargain.Candidate{Listed: lightning.Listed{Listing: terms.Listing{Gateway: terms.Gateway{
		Key: [32]byte{letter}, Node: [33]byte(key(letter).PubKey().SerializeCompressed()), Channel: uint64(letter), API: "https://g",
		Send: terms.Fee{Base: base, PPM: ppm}, Receive: terms.Fee{Base: base, PPM: ppm}, ExpiryMargin: 10,
	}}}}
}

func invoice(edit ...func(*bolt11.Draft)) bolt11.Invoice {
	d := bolt11.Draft{Hash: messages.Digest{7}, Secret: [32]byte{1}, Amount: 50_000, Created: now, Life: time.Hour, FinalDelay: 24}
	for _, e := range edit {
		e(&d)
	}
	return bolt11.Make(d, net, key('p'))
}

func TestRead(t *testing.T) {
	good := invoice().Text
	for name, c := range map[string]struct {
		text string
		at   time.Time
		want error
	}{
		"good":           {good, now, nil},
		"no time":        {good, time.Time{}, nil},
		"expired":        {good, now.Add(time.Hour), bargain.ErrExpired},
		"too late":       {good, now.Add(time.Hour - 10*time.Second), bargain.ErrExpired},
		"just in time":   {good, now.Add(time.Hour - 21*time.Second), nil},
		"of no time yet": {invoice(func(d *bolt11.Draft) { d.Created = now.Add(-48 * time.Hour) }).Text, time.Time{}, nil},
		"amountless":     {invoice(func(d *bolt11.Draft) { d.Amount = 0 }).Text, now, bargain.ErrAmountless},
		"noise":          {"lnsb", now, bolt11.ErrInvoice},
	} {
		if _, err := bargain.Read(c.text, net, c.at); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := bargain.Read(good, &chaincfg.MainNetParams, now); !errors.Is(err, bolt11.ErrInvoice) {
		t.Errorf("on another network: %v", err)
	}
}

// Vetted gateways go before others, cheap before dear, and one that fails costs more.
func TestChoice(t *testing.T) {
	cheap, dear, vetted, bad := gateway('c', 10, 100), gateway('d', 100, 100), gateway('v', 1000, 0), gateway('b', 1, 0)
	vetted.Vetted = true
	bad.Failed = 4
	wish := bargain.Wish{Amount: 50_000}
	for name, c := range map[string]struct {
		list []bargain.Candidate
		wish func(*bargain.Wish)
		want byte
		err  error
	}{
		"none":             {nil, nil, 0, bargain.ErrGateway},
		"the cheaper":      {[]bargain.Candidate{dear, cheap}, nil, 'c', nil},
		"the vetted":       {[]bargain.Candidate{dear, cheap, vetted}, nil, 'v', nil},
		"not that fails":   {[]bargain.Candidate{bad, cheap}, nil, 'c', nil},
		"within the limit": {[]bargain.Candidate{vetted, cheap, dear}, func(w *bargain.Wish) { w.MaxFee = 20 }, 'c', nil},
		"above the limit":  {[]bargain.Candidate{vetted, dear}, func(w *bargain.Wish) { w.MaxFee = 20 }, 0, bargain.ErrFee},
		"pinned":           {[]bargain.Candidate{vetted, cheap, dear}, func(w *bargain.Wish) { w.Only = dear.Key[:] }, 'd', nil},
		"pinned, avoided":  {[]bargain.Candidate{vetted, dear}, func(w *bargain.Wish) { w.Only, w.Avoid = dear.Key[:], [][]byte{dear.Key[:]} }, 'd', nil},
		"pinned, unknown":  {[]bargain.Candidate{vetted}, func(w *bargain.Wish) { w.Only = dear.Key[:] }, 0, bargain.ErrGateway},
		"pinned, too dear": {[]bargain.Candidate{vetted, dear}, func(w *bargain.Wish) { w.Only, w.MaxFee = dear.Key[:], 1 }, 0, bargain.ErrFee},
		"avoided":          {[]bargain.Candidate{cheap, dear}, func(w *bargain.Wish) { w.Avoid = [][]byte{cheap.Key[:]} }, 'd', nil},
		"nothing":          {[]bargain.Candidate{cheap}, func(w *bargain.Wish) { w.Amount = 0 }, 0, bargain.ErrAmount},
		"too much":         {[]bargain.Candidate{cheap}, func(w *bargain.Wish) { w.Amount = messages.MaxAmount + 1 }, 0, bargain.ErrAmount},
		"not worth it":     {[]bargain.Candidate{cheap}, func(w *bargain.Wish) { w.Claim = 50_000 }, 0, bargain.ErrAmount},
	} {
		w := wish
		if c.wish != nil {
			c.wish(&w)
		}
		for _, choose := range []func([]bargain.Candidate, bargain.Wish) (bargain.Choice, error){bargain.ToSend, bargain.ToReceive} {
			if got, err := choose(c.list, w); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || got.Key[0] != c.want {
				t.Errorf("%s: %c, %v", name, got.Key[0], err)
			}
		}
	}
	// Who refuses to be paid through need not be asked again; for sending he may be the only one.
	wish.Avoid = [][]byte{cheap.Key[:]}
	if _, err := bargain.ToReceive([]bargain.Candidate{cheap}, wish); !errors.Is(err, bargain.ErrGateway) {
		t.Errorf("receives through who is avoided: %v", err)
	}
	if got, err := bargain.ToSend([]bargain.Candidate{cheap}, wish); err != nil || got.Key != cheap.Key {
		t.Errorf("sends through %c, %v", got.Key[0], err)
	}
	wish.Avoid = nil
	vetted.Receive.Base = 1 << 32 // no invoice can ask for that
	if got, err := bargain.ToReceive([]bargain.Candidate{vetted, cheap}, wish); err != nil || got.Key != cheap.Key {
		t.Errorf("receives through %c, %v", got.Key[0], err)
	}
}

// The choice is a function of what is listed, not of its order; its fee is within the
// limit, and nobody who is vetted, listed and cheap enough is passed over for who is not.
func TestChoiceIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []bargain.Candidate
		for i := range rapid.IntRange(1, 6).Draw(t, "n") {
			g := gateway(byte('a'+i), messages.Amount(rapid.Uint64Range(0, 1<<50).Draw(t, "base")), rapid.Uint32Range(0, 1_000_000).Draw(t, "ppm"))
			g.Vetted, g.Paid, g.Failed = rapid.Bool().Draw(t, "vetted"), rapid.Uint64Range(0, 1<<62).Draw(t, "paid"), rapid.Uint64Range(0, 1<<62).Draw(t, "failed")
			list = append(list, g)
		}
		w := bargain.Wish{
			Amount: messages.Amount(rapid.Uint64Range(1, uint64(messages.MaxAmount)).Draw(t, "amount")),
			MaxFee: messages.Amount(rapid.Uint64Range(0, 1<<51).Draw(t, "limit")),
		}
		a, err1 := bargain.ToSend(list, w)
		shuffled := slices.Clone(list)
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		b, err2 := bargain.ToSend(shuffled, w)
		if (err1 == nil) != (err2 == nil) || a.Key != b.Key {
			t.Fatalf("%v of one order, %v of another; %v, %v", a.Key, b.Key, err1, err2)
		}
		if err1 != nil {
			return
		}
		if fee, err := a.Send.Of(w.Amount); err != nil || fee != a.Fee || w.MaxFee > 0 && fee > w.MaxFee {
			t.Fatalf("fee %s of %s, limit %s, %v", a.Fee, fee, w.MaxFee, err)
		}
		for _, c := range list {
			if fee, err := c.Send.Of(w.Amount); err == nil && (w.MaxFee == 0 || fee <= w.MaxFee) && c.Vetted && !a.Vetted {
				t.Fatal("a vetted gateway is passed over")
			}
		}
	})
}

// H80, H81 on the user's side: the contract is of the invoice's hash and amount and the
// fee that was shown, and lasts as long as everything that has to happen.
func TestH80Contract(t *testing.T) {
	choice := bargain.Choice{Candidate: gateway('g', 0, 0), Fee: 700}
	i := invoice(func(d *bolt11.Draft) {
		d.Hints = [][]bolt11.Hop{{{Node: [33]byte(key('h').PubKey().SerializeCompressed()), Delay: 40}, {Node: [33]byte(key('h').PubKey().SerializeCompressed()), Delay: 60}}}
	})
	o, err := bargain.Contract(i, choice, 1000, [32]byte{9})
	if err != nil || o.PaymentHash != i.Hash || o.Amount != 50_700 || o.GatewayKey != choice.Key || o.UserKey != [32]byte{9} {
		t.Fatalf("%+v, %v", o, err)
	}
	if left := o.Expiry - 1000; left < 10+24+100+288 || left > 1000 {
		t.Errorf("expires in %d blocks", left)
	}
	choice.ExpiryMargin = 1<<32 - 1
	if _, err := bargain.Contract(i, choice, 1000, [32]byte{}); !errors.Is(err, bargain.ErrDelay) {
		t.Errorf("for ever: %v", err)
	}
	choice.ExpiryMargin = 10
	if _, err := bargain.Contract(i, choice, 1<<32-5, [32]byte{}); !errors.Is(err, bargain.ErrDelay) {
		t.Errorf("at the end of time: %v", err)
	}
	choice.Fee = messages.MaxAmount
	if _, err := bargain.Contract(i, choice, 1000, [32]byte{}); !errors.Is(err, bargain.ErrAmount) {
		t.Errorf("all the money there is: %v", err)
	}
}

// The invoice that is made is the one that leads back: to the gateway's virtual channel,
// with its fee and room for rounding, and to no offer but this.
func TestReceiptLeadsBack(t *testing.T) {
	dealt := tenctest.Deal(rand.NewChaCha8([32]byte{1}), tenctest.Config{Role: domain.LightningPreimage, Threshold: 3, Members: 4})
	seal := terms.Sealer{Federation: messages.FederationID{1}, Keys: dealt.Public}
	r := bargain.Receipt{Amount: 40_000, Description: "bread", Life: time.Hour, Created: now, Height: 100}
	if err := r.Check(); err != nil || r.Expiry() <= 106 || r.Expiry() > 100+lightning.MaxLife {
		t.Fatalf("expiry %d, %v", r.Expiry(), err)
	}
	preimage := [32]byte{4}
	o, err := terms.Seal(rand.NewChaCha8([32]byte{2}), seal, terms.Offer{Amount: r.Amount, ClaimKey: keys.XOnly(key('u')), Expiry: r.Expiry()}, preimage)
	if err != nil {
		t.Fatal(err)
	}
	g := gateway('g', 500, 3)
	i := r.Invoice(o, g.Gateway, [32]byte{5}, net, key('x'))
	if i.Hash != sha256.Sum256(preimage[:]) || i.Amount != 40_000 || i.Description != "bread" || !i.Until.Equal(now.Add(time.Hour)) || i.Secret != [32]byte{5} {
		t.Errorf("%+v", i)
	}
	if c := bargain.Behind(i, []bargain.Candidate{gateway('h', 0, 0), g}); len(c) != 1 || c[0].Key != g.Key {
		t.Error("it leads elsewhere")
	}
	vetted := g
	vetted.Key, vetted.Vetted = gateway('v', 0, 0).Key, true
	if c := bargain.Behind(i, []bargain.Candidate{g, vetted}); len(c) != 2 || c[0].Key != vetted.Key {
		t.Error("who is vetted does not come first")
	}
	other := g
	other.Channel++
	if c := bargain.Behind(i, []bargain.Candidate{gateway('h', 0, 0), other}); len(c) > 0 {
		t.Error("it leads to another channel")
	}
	// Nodes on the way round fees down; the gateway's rounds up and must be covered.
	hop := i.Hints[0][0]
	if fee, _ := g.Receive.Of(r.Amount); uint64(hop.Base)+uint64(hop.Rate)*uint64(r.Amount)/1_000_000 < uint64(fee) {
		t.Errorf("hint %+v is less than %s", hop, fee)
	}
	if err := bargain.CheckOffer(o, i, 100, seal); err != nil {
		t.Error(err)
	}
	for name, fn := range map[string]func(*terms.Offer){
		"hash": func(o *terms.Offer) { o.PaymentHash[0]++ }, "amount": func(o *terms.Offer) { o.Amount-- }, "key": func(o *terms.Offer) { o.ClaimKey[0]++ },
		"ciphertext": func(o *terms.Offer) { o.Ciphertext = bytes.Clone(o.Ciphertext); o.Ciphertext[50] ^= 1 }, "expiry": func(o *terms.Offer) { o.Expiry = 102 },
	} {
		bad := o
		fn(&bad)
		if err := bargain.CheckOffer(bad, i, 100, seal); !errors.Is(err, bargain.ErrOffer) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for name, fn := range map[string]func(*bargain.Receipt){
		"long text": func(r *bargain.Receipt) { r.Description = strings.Repeat("x", 501) }, "no text": func(r *bargain.Receipt) { r.Description = "\xc0" },
		"short": func(r *bargain.Receipt) { r.Life = time.Second }, "long": func(r *bargain.Receipt) { r.Life = 1000 * time.Hour },
		"nothing": func(r *bargain.Receipt) { r.Amount = 0 }, "eaten up": func(r *bargain.Receipt) { r.Claim = r.Amount },
	} {
		bad := r
		fn(&bad)
		if err := bad.Check(); !errors.Is(err, bargain.ErrText) && !errors.Is(err, bargain.ErrAmount) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.Height = 1<<32 - 3
	if r.Expiry() != 1<<32-1 {
		t.Errorf("expiry %d", r.Expiry())
	}
}
