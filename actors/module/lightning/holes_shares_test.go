package lightning_test

// Holes of the original around decryption shares.

import (
	"bytes"
	"crypto"
	"slices"
	"testing"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/zk/dleq"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
)

// shareOf is the item of member p of n for an offer.
func shareOf(t testing.TB, p int, o terms.Offer, n int) []byte {
	t.Helper()
	keys := keysOf(n)
	v, err := o.Verify(terms.Sealer{Federation: banktest.Federation, Keys: keys.Public})
	if err != nil {
		t.Fatal(err)
	}
	share, err := tenc.DecryptShare(bytes.NewReader(make([]byte, 32)), keys.Secrets[p], v)
	if err != nil {
		t.Fatal(err)
	}
	return terms.Share{Contract: o.ID(banktest.Federation), Bytes: [tenc.ShareSize]byte(share.Encode())}.Encode()
}

// In the original one share for a contract that does not exist, or needs none, made everybody ban everybody.
func TestH20JunkSharesBlameTheirSenderOnly(t *testing.T) {
	h := open(t)
	offered, bought, paid := h.offer(10, preimage), h.offer(11, preimage), h.outgoing(10)
	h.Accepted(h.announce(offered), h.announce(bought), h.fund(paid))
	h.Accepted(h.buy(bought))
	of := func(id terms.ID) []byte {
		s, err := terms.DecodeShare(shareOf(t, 3, bought, 4))
		if err != nil {
			t.Fatal(err)
		}
		s.Contract = id
		return s.Encode()
	}
	bent, err := terms.DecodeShare(shareOf(t, 3, bought, 4))
	if err != nil {
		t.Fatal(err)
	}
	bent.Bytes[tenc.ShareSize-1] ^= 1
	before := h.Hash()
	for name, junk := range map[string][]byte{
		"of no contract":            of(terms.ID{1}),
		"of an offer":               of(offered.ID(banktest.Federation)),
		"of an outgoing contract":   of(paid.ID(banktest.Federation)),
		"of another member":         shareOf(t, 2, bought, 4),
		"of another offer":          slices.Concat(shareOf(t, 3, bought, 4)[:40], shareOf(t, 3, offered, 4)[40:]),
		"with a bent proof":         bent.Encode(),
		"of noise":                  []byte("a decryption share"),
		"nothing":                   canonical.Marshal(&lightningwire.Item{}),
		"of a point that is no one": terms.Share{Contract: bought.ID(banktest.Federation)}.Encode(),
	} {
		for range 2 {
			res := h.Run(banktest.Of(), banktest.Of(), banktest.Of(), banktest.Items(lightning.Kind, junk, junk))
			if len(res.Faults) != 1 || res.Faults[0].Peer != 3 {
				t.Errorf("%s: faults %v, want one of member 3", name, res.Faults)
			}
		}
		if h.Hash() != before {
			t.Errorf("%s: the junk is kept", name)
		}
	}
	h.rest()
	h.state(bought.ID(banktest.Federation), lightningwire.State_STATE_VALID)
}

// In the original a share for a contract that was decrypted made all others look as if they had not contributed.
func TestH21LateShareBlamesNobody(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	h.Accepted(h.announce(o), h.buy(o))
	late := shareOf(t, 3, o, 4)
	keep := edit(func([][]byte) [][]byte { return nil })
	if res, _ := h.round(map[messages.PeerID]edit{3: keep}); len(res.Faults) > 0 {
		t.Errorf("faults %v", res.Faults)
	}
	h.state(o.ID(banktest.Federation), lightningwire.State_STATE_VALID)
	before := h.Hash()
	send := func(what string) {
		t.Helper()
		for range 3 {
			res := h.Run(banktest.Of(), banktest.Of(), banktest.Of(), banktest.Items(lightning.Kind, late, late))
			if len(res.Faults) > 0 {
				t.Errorf("%s: faults %v", what, res.Faults)
			}
		}
	}
	send("after it was revealed")
	if h.Hash() != before {
		t.Error("what came late is kept")
	}
	h.Accepted(h.take(terms.Input{Contract: o.ID(banktest.Federation), Way: terms.Claim}, o.Amount, user))
	before = h.Hash()
	send("after it was claimed")
	if h.Hash() != before {
		t.Error("what came late is kept")
	}
	// A member that was slow is as good as any.
	again := h.offer(12, preimage)
	h.Accepted(h.announce(again), h.buy(again))
	h.round(map[messages.PeerID]edit{0: silent})
	h.state(again.ID(banktest.Federation), lightningwire.State_STATE_VALID)
}

// In the original f silent members left too few shares in an epoch, and shares of other epochs did not count with them.
func TestH27SilentMembersStopNoDecryption(t *testing.T) {
	h := open(t)
	for n := range 4 {
		o := h.offer(10+uint32(n), preimage)
		id := o.ID(banktest.Federation)
		h.Accepted(h.announce(o), h.buy(o))
		// Member n is silent; the others speak one in each epoch.
		for p := range messages.PeerID(4) {
			if int(p) == n {
				continue
			}
			edits := map[messages.PeerID]edit{}
			for q := range messages.PeerID(4) {
				if q != p {
					edits[q] = silent
				}
			}
			h.state(id, lightningwire.State_STATE_DECRYPTING)
			if res, _ := h.round(edits); len(res.Faults) > 0 {
				t.Errorf("faults %v", res.Faults)
			}
		}
		h.state(id, lightningwire.State_STATE_VALID)
	}
}

// One share more than once is one: no member alone, and no f members, reveal anything (also V10, where one share was enough to panic).
func TestH27FewerThanThresholdRevealNothing(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id := o.ID(banktest.Federation)
	h.Accepted(h.announce(o), h.buy(o))
	two, three := shareOf(t, 2, o, 4), shareOf(t, 3, o, 4)
	for range 3 {
		res := h.Run(outcome.Contribution{}, outcome.Contribution{}, banktest.Items(lightning.Kind, two, two, two), banktest.Items(lightning.Kind, three, three))
		if len(res.Faults) > 0 {
			t.Errorf("faults %v", res.Faults)
		}
	}
	h.state(id, lightningwire.State_STATE_DECRYPTING)
	h.refused("before it is revealed", messages.RejectContractNotReady,
		h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user), h.take(terms.Input{Contract: id, Way: terms.Return}, o.Amount, gateway))
	h.rest()
	h.state(id, lightningwire.State_STATE_VALID)
}

// In HoneyBadger's first code what nobody could decrypt was waited for for ever: here a user encrypts what opens to nothing, with a sound proof, to lock a gateway's money up.
func TestH24UnopenableOfferGoesBack(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	o.Ciphertext = unopenable(t, o, 4)
	id := o.ID(banktest.Federation)
	h.Accepted(h.announce(o), h.buy(o))
	h.rest()
	if s := h.status(id); s.State != lightningwire.State_STATE_INVALID || s.Preimage != nil {
		t.Errorf("status %+v", s)
	}
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Return}, o.Amount, gateway))
	h.replay()
}

// unopenable makes a ciphertext under the terms of an offer whose public proof
// holds and whose body is noise.
func unopenable(t *testing.T, o terms.Offer, n int) []byte {
	t.Helper()
	curve := group.Ristretto255
	encode := func(m interface{ MarshalBinary() ([]byte, error) }) []byte {
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	body := bytes.Repeat([]byte{7}, len(o.Ciphertext)-128)
	o.Ciphertext = nil
	label := domain.Hash(domain.Label, banktest.Federation[:], []byte("lightning offer"), canonical.Marshal(o.Wire()))
	second := curve.HashToElement([]byte("second generator"), []byte(domain.TenCGenerator))
	rho, once := curve.HashToScalar([]byte("rho"), nil), curve.HashToScalar([]byte("once"), nil)
	u, ubar := curve.NewElement().MulGen(rho), curve.NewElement().Mul(second, rho)
	key := keysOf(n).Public.GroupKey()
	about := domain.Hash(domain.TenCStatement, []byte(domain.LightningPreimage), key[:], label[:], encode(u), encode(ubar), body)
	params := dleq.Params{G: curve, H: crypto.SHA512, DST: append([]byte(domain.TenCProof), about[:]...)}
	proof, err := dleq.Prover{Params: params}.ProveWithRandomness(rho, curve.Generator(), u, second, ubar, once)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(encode(u), encode(ubar), encode(proof), body)
}
