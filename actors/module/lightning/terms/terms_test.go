package terms_test

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/canonical"
)

var federation = messages.FederationID{0xfe, 0xd}

func person(letter byte) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{letter}, 32))
	return key
}

func xonly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secret.PubKey()))
}

var user, gateway = person('u'), person('g')

func outgoing() terms.Outgoing {
	return terms.Outgoing{PaymentHash: messages.Digest{1}, Amount: 50_000, GatewayKey: xonly(gateway), UserKey: xonly(user), Expiry: 800_000}
}

func sealer() (terms.Sealer, tenctest.Keys) {
	keys := tenctest.Deal(rand.NewChaCha8([32]byte{1}), tenctest.Config{Role: domain.LightningPreimage, Threshold: 3, Members: 4})
	return terms.Sealer{Federation: federation, Keys: keys.Public}, keys
}

func offer(t testing.TB) terms.Offer {
	t.Helper()
	to, _ := sealer()
	o, err := terms.Seal(rand.NewChaCha8([32]byte{2}), to, terms.Offer{
		Amount: 40_000, ClaimKey: xonly(user), Expiry: 800_001,
	}, [32]byte{'p'})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func gatewayTerms() terms.Gateway {
	return terms.Gateway{
		Key: xonly(gateway), Node: [33]byte(person('n').PubKey().SerializeCompressed()), Channel: 1 << 40, API: "https://gateway.example", Name: "A Gateway",
		Send: terms.Fee{Base: 1_000, PPM: 3_000}, Receive: terms.Fee{Base: 500, PPM: 100}, ExpiryMargin: 40, Serial: 7, Expiry: 900_000,
	}
}

func listing(t testing.TB) terms.Listing {
	t.Helper()
	l, err := terms.List(federation, gatewayTerms(), gateway)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Ids are for ever: contracts that were made before an update are found after it.
func TestIDsAreFrozen(t *testing.T) {
	for what, pair := range map[string][2]string{
		"outgoing": {outgoing().ID(federation).String(), frozenOutgoing}, "offer": {offer(t).ID(federation).String(), frozenOffer},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s has the id %s, want %s", what, pair[0], pair[1])
		}
	}
}

// H8: ids cover every field of the terms, and the federation; no two directions
// share one.
func TestH8IDsCoverEveryTerm(t *testing.T) {
	seen := map[terms.ID]string{}
	note := func(id terms.ID, what string) {
		t.Helper()
		if other, taken := seen[id]; taken {
			t.Errorf("%s has the id of %s", what, other)
		}
		seen[id] = what
	}
	o, f := outgoing(), offer(t)
	note(o.ID(federation), "an outgoing contract")
	note(o.ID(messages.FederationID{1}), "an outgoing contract of another federation")
	note(f.ID(federation), "an offer")
	note(f.ID(messages.FederationID{1}), "an offer of another federation")
	for i := range reflect.TypeOf(o).NumField() {
		c := outgoing()
		change(t, reflect.ValueOf(&c).Elem().Field(i))
		note(c.ID(federation), "outgoing, other "+reflect.TypeOf(o).Field(i).Name)
	}
	for i := range reflect.TypeOf(f).NumField() {
		c := offer(t)
		change(t, reflect.ValueOf(&c).Elem().Field(i))
		note(c.ID(federation), "offer, other "+reflect.TypeOf(f).Field(i).Name)
	}
	if raw := o.ID(federation); raw == o.PaymentHash || f.ID(federation) == f.PaymentHash {
		t.Error("an id is the payment hash")
	}
}

// change alters a field of terms.
func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Array:
		v.Index(9).SetUint(v.Index(9).Uint() ^ 4)
	case reflect.Slice:
		v.Set(reflect.ValueOf(append(bytes.Clone(v.Bytes()[1:]), 5)))
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Struct:
		change(t, v.Field(0))
	default:
		t.Fatalf("a field of kind %s", v.Kind())
	}
}

// A listing's signature covers every word of it, one federation, and one key.
func TestH12SignatureCoversEveryWord(t *testing.T) {
	l := listing(t)
	if err := l.Verify(federation); err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(messages.FederationID{1}); !errors.Is(err, terms.ErrTerms) {
		t.Errorf("in another federation: %v", err)
	}
	blind := gatewayTerms()
	blind.Node = [33]byte{2, 32: 5}
	if l, err := terms.List(federation, blind, gateway); err != nil || !errors.Is(l.Verify(federation), terms.ErrTerms) {
		t.Errorf("a node that is none: %v", err)
	}
	for i := range reflect.TypeOf(l.Gateway).NumField() {
		c := l
		change(t, reflect.ValueOf(&c.Gateway).Elem().Field(i))
		if err := c.Verify(federation); !errors.Is(err, terms.ErrTerms) {
			t.Errorf("with another %s: %v", reflect.TypeOf(l.Gateway).Field(i).Name, err)
		}
	}
	for i, g := range []func(*terms.Gateway){
		func(g *terms.Gateway) { g.API = "" }, func(g *terms.Gateway) { g.API = "umlaut\u00e4" }, func(g *terms.Gateway) { g.Name = strings.Repeat("x", 201) },
		func(g *terms.Gateway) { g.Name = "a\nb" }, func(g *terms.Gateway) { g.Send.PPM = 1_000_001 }, func(g *terms.Gateway) { g.Receive.Base = messages.MaxAmount + 1 },
	} {
		w := gatewayTerms()
		g(&w)
		if _, err := terms.List(federation, w, gateway); err == nil {
			t.Errorf("bad word %d is signed", i)
		}
	}
}

// A forfeit is of one contract, one federation and one key.
func TestForfeit(t *testing.T) {
	id := outgoing().ID(federation)
	f, err := terms.Forgo(federation, id, gateway)
	if err != nil || f.Gateway != xonly(gateway) {
		t.Fatalf("%+v: %v", f, err)
	}
	if err := f.Verify(federation, id); err != nil {
		t.Error(err)
	}
	other := f
	other.Gateway = xonly(user)
	for what, err := range map[string]error{
		"of another contract": f.Verify(federation, terms.ID{1}), "of another federation": f.Verify(messages.FederationID{}, id),
		"of another key": other.Verify(federation, id), "of no key": terms.Forfeit{}.Verify(federation, id),
	} {
		if !errors.Is(err, terms.ErrTerms) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Keys that are no points would lock money up for ever.
func TestKeysMustBePoints(t *testing.T) {
	bad := [32]byte{31: 5} // x = 5 is on no point of the curve
	to, _ := sealer()
	for i := range 2 {
		o, f := outgoing(), offer(t)
		*[]*[32]byte{&o.GatewayKey, &o.UserKey}[i] = bad
		f.ClaimKey = bad
		if err := o.Verify(); !errors.Is(err, terms.ErrTerms) {
			t.Errorf("outgoing with key %d: %v", i, err)
		}
		if _, err := f.Verify(to); !errors.Is(err, terms.ErrTerms) || !strings.Contains(err.Error(), "no point") {
			t.Errorf("offer: %v", err)
		}
	}
	if err := (terms.Purchase{RefundKey: bad}).Verify(); !errors.Is(err, terms.ErrTerms) {
		t.Errorf("purchase: %v", err)
	}
}

// What is sealed opens to the preimage, under these terms only.
func TestSealOpens(t *testing.T) {
	to, keys := sealer()
	o := offer(t)
	v, err := o.Verify(to)
	if err != nil {
		t.Fatal(err)
	}
	var shares []tenc.Share
	for _, i := range []int{3, 0, 1} {
		s, err := tenc.DecryptShare(rand.NewChaCha8([32]byte{4}), keys.Secrets[i], v)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, s)
	}
	if got := v.Open(shares); got.Status != tenc.Opened || !terms.Reveals(got.Plaintext, o.PaymentHash) {
		t.Errorf("opened %s", got.Status)
	}
	if terms.Reveals(nil, o.PaymentHash) || terms.Reveals(make([]byte, 33), o.PaymentHash) || terms.Reveals(make([]byte, 32), o.PaymentHash) {
		t.Error("anything reveals")
	}
	if _, err := terms.Seal(bytes.NewReader(nil), to, o, [32]byte{}); err == nil {
		t.Error("sealed without randomness")
	}
	if _, err := o.Verify(terms.Sealer{Federation: messages.FederationID{1}, Keys: to.Keys}); !errors.Is(err, terms.ErrTerms) {
		t.Errorf("in another federation: %v", err)
	}
}

// Fees are those of arbitrary precision, rounded up, or an error.
func TestFeeIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := terms.Fee{Base: messages.Amount(rapid.Uint64Range(0, uint64(messages.MaxAmount)).Draw(t, "base")), PPM: rapid.Uint32Range(0, 1_000_000).Draw(t, "ppm")}
		amount := messages.Amount(rapid.Uint64Range(0, uint64(messages.MaxAmount)).Draw(t, "amount"))
		want := new(big.Int).Mul(new(big.Int).SetUint64(uint64(amount)), big.NewInt(int64(f.PPM)))
		want.Add(want, big.NewInt(999_999)).Div(want, big.NewInt(1_000_000)).Add(want, new(big.Int).SetUint64(uint64(f.Base)))
		got, err := f.Of(amount)
		if fits := want.IsUint64() && want.Uint64() <= uint64(messages.MaxAmount); fits != (err == nil) || fits && uint64(got) != want.Uint64() {
			t.Fatalf("%+v of %s is %s, %v; want %s", f, amount, got, err, want)
		}
	})
}

func outputs(t testing.TB) []terms.Output {
	o, f, l := outgoing(), offer(t), listing(t)
	p := terms.Purchase{Offer: f.ID(federation), RefundKey: xonly(gateway)}
	return []terms.Output{{Outgoing: &o}, {Offer: &f}, {Purchase: &p}, {Listing: &l}}
}

func inputs(t testing.TB) []terms.Input {
	t.Helper()
	id := outgoing().ID(federation)
	f, err := terms.Forgo(federation, id, gateway)
	if err != nil {
		t.Fatal(err)
	}
	return []terms.Input{
		{Contract: id, Way: terms.Preimage, Key: xonly(gateway), Preimage: [32]byte{4}},
		{Contract: id, Way: terms.Expired, Key: xonly(user)},
		{Contract: id, Way: terms.Forfeited, Key: xonly(user), Forfeit: f},
		{Contract: id, Way: terms.Claim, Key: xonly(user)},
		{Contract: id, Way: terms.Return, Key: xonly(gateway)},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, in := range inputs(t) {
		if got, err := terms.DecodeInput(in.Encode()); err != nil || got != in {
			t.Errorf("%+v became %+v, %v", in, got, err)
		}
	}
	for _, out := range outputs(t) {
		if got, err := terms.DecodeOutput(out.Encode()); err != nil || !reflect.DeepEqual(got, out) {
			t.Errorf("%+v became %+v, %v", out, got, err)
		}
	}
	s := terms.Share{Contract: terms.ID{1}, Bytes: [tenc.ShareSize]byte{2}}
	if got, err := terms.DecodeShare(s.Encode()); err != nil || got != s {
		t.Errorf("%+v became %+v, %v", s, got, err)
	}
}

// An output that is nothing, or two things, is a mistake of ours.
func TestOutputIsOneThing(t *testing.T) {
	o, p := outgoing(), terms.Purchase{}
	for _, out := range []terms.Output{{}, {Outgoing: &o, Purchase: &p}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("encoded %+v", out)
				}
			}()
			out.Encode()
		}()
	}
}

// Lengths and ranges are those of the terms, and a witness is that of its way.
func TestDecodersAreStrict(t *testing.T) {
	id, key := make([]byte, 32), make([]byte, 32)
	good := outgoing().Wire()
	bend := func(edit func(w *lightningwire.Outgoing)) proto.Message {
		w := proto.CloneOf(good)
		edit(w)
		return &lightningwire.Output{Kind: &lightningwire.Output_Outgoing{Outgoing: w}}
	}
	for what, w := range map[string]proto.Message{
		"nothing":          &lightningwire.Output{},
		"zero amount":      bend(func(w *lightningwire.Outgoing) { w.AmountMsat = 0 }),
		"too much":         bend(func(w *lightningwire.Outgoing) { w.AmountMsat = uint64(messages.MaxAmount) + 1 }),
		"short hash":       bend(func(w *lightningwire.Outgoing) { w.PaymentHash = id[:31] }),
		"compressed key":   bend(func(w *lightningwire.Outgoing) { w.UserKey = make([]byte, 33) }),
		"no key":           bend(func(w *lightningwire.Outgoing) { w.GatewayKey = nil }),
		"empty offer":      &lightningwire.Output{Kind: &lightningwire.Output_Offer{Offer: &lightningwire.Offer{}}},
		"empty purchase":   &lightningwire.Output{Kind: &lightningwire.Output_Purchase{Purchase: &lightningwire.Purchase{}}},
		"unsigned listing": &lightningwire.Output{Kind: &lightningwire.Output_Listing{Listing: &lightningwire.Listing{Gateway: listing(t).Wire().GetGateway()}}},
		"empty listing":    &lightningwire.Output{Kind: &lightningwire.Output_Listing{Listing: &lightningwire.Listing{}}},
	} {
		if _, err := terms.DecodeOutput(canonical.Marshal(w)); err == nil {
			t.Errorf("output with %s", what)
		}
	}
	for what, w := range map[string]*lightningwire.Input{
		"no way":               {Contract: id, Key: key},
		"an unknown way":       {Contract: id, Key: key, Way: 6},
		"no contract":          {Key: key, Way: terms.Claim},
		"no key":               {Contract: id, Way: terms.Claim},
		"no preimage":          {Contract: id, Key: key, Way: terms.Preimage},
		"a short preimage":     {Contract: id, Key: key, Way: terms.Preimage, Witness: key[:31]},
		"a preimage too many":  {Contract: id, Key: key, Way: terms.Claim, Witness: key},
		"a witness at expiry":  {Contract: id, Key: key, Way: terms.Expired, Witness: key},
		"half a forfeit":       {Contract: id, Key: key, Way: terms.Forfeited, Witness: make([]byte, 64)},
		"a witness of returns": {Contract: id, Key: key, Way: terms.Return, Witness: []byte{0}},
	} {
		if _, err := terms.DecodeInput(canonical.Marshal(w)); err == nil {
			t.Errorf("input with %s", what)
		}
	}
}

// Decoders take the one form of a value, and what they take is encoded as it was.
func FuzzDecode(f *testing.F) {
	for _, in := range inputs(f) {
		f.Add(in.Encode())
	}
	for _, out := range outputs(f) {
		f.Add(out.Encode())
	}
	f.Add(terms.Share{Contract: terms.ID{1}}.Encode())
	to, _ := sealer()
	f.Fuzz(func(t *testing.T, b []byte) {
		if in, err := terms.DecodeInput(b); err == nil && !bytes.Equal(in.Encode(), b) {
			t.Errorf("input %x became %x", b, in.Encode())
		}
		if s, err := terms.DecodeShare(b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Errorf("share %x became %x", b, s.Encode())
		}
		out, err := terms.DecodeOutput(b)
		if err != nil {
			return
		}
		if !bytes.Equal(out.Encode(), b) {
			t.Errorf("output %x became %x", b, out.Encode())
		}
		switch {
		case out.Outgoing != nil:
			_ = out.Outgoing.Verify()
		case out.Offer != nil:
			_, _ = out.Offer.Verify(to)
		case out.Listing != nil:
			_ = out.Listing.Verify(federation)
			_, _ = out.Listing.Send.Of(messages.MaxAmount)
		}
	})
}
