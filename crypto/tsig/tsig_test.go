package tsig_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/shamir"
	"minimint/crypto/tsig"
	"minimint/crypto/tsig/tsigtest"
)

var federation = []byte("a federation id of thirty-two by")

// source is a reproducible stream of bytes.
func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// signAll returns every member's share, in order of index.
func signAll(secrets []*tsig.SecretShare, message []byte) []tsig.Share {
	shares := make([]tsig.Share, len(secrets))
	for i, s := range secrets {
		shares[i] = s.Sign(message)
	}
	return shares
}

// wrong returns a decodable share of the member that is not its share of the message. Errors of different members are unrelated, so
// they do not cancel.
func wrong(t testing.TB, s tsig.Share) tsig.Share {
	t.Helper()
	return reencode(t, s.Index(), decodeG1(t, s.Bytes()).Add(bls.HashToG1("error", []byte{byte(s.Index())})))
}

func decodeG1(t testing.TB, b []byte) bls.G1 {
	t.Helper()
	p, err := bls.DecodeG1(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func reencode(t testing.TB, index uint32, p bls.G1) tsig.Share {
	t.Helper()
	s, err := tsig.DecodeShare(index, p.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every federation size that there is a special case for, and the usual ones; with t−1 shares nothing comes out.
func TestCombineOfEverySize(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 2}, {2, 2}, {1, 3}, {2, 3}, {3, 3}, {2, 4}, {3, 4}, {1, 4}, {4, 4}, {4, 10}, {7, 10}} {
		threshold, n := size[0], size[1]
		t.Run(fmt.Sprintf("%d-of-%d", threshold, n), func(t *testing.T) {
			keys, secrets := tsigtest.Keys(source(1), domain.Coin, federation, threshold, n)
			if keys.Threshold() != threshold || keys.Size() != n {
				t.Fatalf("keys are %d of %d", keys.Threshold(), keys.Size())
			}
			message := []byte("message")
			shares := signAll(secrets, message)

			if _, liars, err := keys.Combine(message, shares[:threshold-1]); !errors.Is(err, tsig.ErrTooFewShares) || liars != nil {
				t.Errorf("t−1 shares: liars %v, error %v", liars, err)
			}
			first, liars, err := keys.Combine(message, shares[:threshold])
			if err != nil || liars != nil {
				t.Fatalf("first t shares: liars %v, error %v", liars, err)
			}
			last, _, err := keys.Combine(message, shares[n-threshold:])
			if err != nil {
				t.Fatalf("last t shares: %v", err)
			}
			if !keys.Verify(message, first) {
				t.Error("the signature does not verify")
			}
			if keys.Verify([]byte("other message"), first) {
				t.Error("the signature verifies for another message")
			}
			if !slices.Equal(first.Bytes(), last.Bytes()) {
				t.Error("two sets of members, two signatures")
			}
		})
	}
}

// Correctness and Uniqueness: any t right shares in any order give one and the same valid signature, with wrong ones among
// them as long as t right ones are there, and exactly the wrong ones up to there are named.
func TestCombineProperties(t *testing.T) {
	type dealt struct {
		keys        *tsig.PublicKeys
		right, lies []tsig.Share
		signature   tsig.Signature
	}
	message := []byte("a message")
	var federations []dealt
	for _, size := range [][2]int{{1, 3}, {2, 4}, {3, 4}, {5, 7}} {
		keys, secrets := tsigtest.Keys(source(2), domain.Certificate, federation, size[0], size[1])
		d := dealt{keys: keys, right: signAll(secrets, message)}
		for _, share := range d.right {
			d.lies = append(d.lies, wrong(t, share))
		}
		var err error
		if d.signature, _, err = keys.Combine(message, d.right); err != nil {
			t.Fatal(err)
		}
		federations = append(federations, d)
	}
	rapid.Check(t, func(r *rapid.T) {
		fed := federations[rapid.IntRange(0, len(federations)-1).Draw(r, "federation")]
		n, threshold := fed.keys.Size(), fed.keys.Threshold()
		order := rand.New(source(rapid.Byte().Draw(r, "order"))).Perm(n)
		lies := rapid.SliceOfN(rapid.Bool(), n, n).Draw(r, "lies")
		count := rapid.IntRange(0, n).Draw(r, "answers")

		var given []tsig.Share
		var named []uint32 // who lied before there were t right shares
		right := 0
		for _, i := range order[:count] {
			share := fed.right[i]
			if lies[i] {
				share = fed.lies[i]
			}
			if right < threshold && lies[i] {
				named = append(named, share.Index())
			}
			if !lies[i] {
				right++
			}
			given = append(given, share)
		}
		if count > 0 && fed.keys.VerifyShare(message, given[0]) == lies[order[0]] {
			r.Fatalf("VerifyShare of %d, which lies: %v", given[0].Index(), lies[order[0]])
		}

		signature, liars, err := fed.keys.Combine(message, given)
		if count < threshold {
			named = nil // nothing to combine, so nobody was looked at
		}
		if !slices.Equal(liars, named) {
			r.Fatalf("liars %v, want %v", liars, named)
		}
		if right < threshold {
			if !errors.Is(err, tsig.ErrTooFewShares) {
				r.Fatalf("%d right shares: error %v", right, err)
			}
			return
		}
		if err != nil {
			r.Fatal(err)
		}
		if !slices.Equal(signature.Bytes(), fed.signature.Bytes()) {
			r.Fatalf("not unique: %x and %x", signature.Bytes(), fed.signature.Bytes())
		}
	})
}

// Liars whose errors cancel under interpolation do no harm: the result is the right signature, so nobody is looked for.
func TestLiesThatCancel(t *testing.T) {
	keys, secrets := tsigtest.Keys(source(3), domain.Coin, federation, 2, 3)
	message := []byte("coin")
	shares := signAll(secrets, message)
	want, _, err := keys.Combine(message, shares)
	if err != nil {
		t.Fatal(err)
	}
	// λ for indices 1, 2 is (2, −1): an error e in S_1 and 2e in S_2 is none in the sum.
	e := bls.MulG1(bls.NewScalar(5))
	shares[0] = reencode(t, 1, decodeG1(t, shares[0].Bytes()).Add(e))
	shares[1] = reencode(t, 2, decodeG1(t, shares[1].Bytes()).Add(e).Add(e))
	got, liars, err := keys.Combine(message, shares)
	if err != nil || liars != nil || !slices.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%x, liars %v, error %v", got.Bytes(), liars, err)
	}
}

// A liar that knows the others' shares can make the combination the identity, for which a careless check of e(O, ·) = 1 passes.
func TestLiarCancelsTheCombination(t *testing.T) {
	keys, secrets := tsigtest.Keys(source(3), domain.Coin, federation, 2, 3)
	message := []byte("coin")
	shares := signAll(secrets, message)
	// λ for indices 1, 2 is (2, −1), so S_2 = 2·S_1 gives 2·S_1 − 2·S_1.
	one := decodeG1(t, shares[0].Bytes())
	shares[1] = reencode(t, 2, one.Add(one))

	signature, liars, err := keys.Combine(message, shares)
	if err != nil || !slices.Equal(liars, []uint32{2}) {
		t.Fatalf("liars %v, error %v", liars, err)
	}
	if !keys.Verify(message, signature) {
		t.Error("the signature does not verify")
	}
}

func TestCombineRefusesItsCallersMistakes(t *testing.T) {
	keys, secrets := tsigtest.Keys(source(4), domain.Coin, federation, 2, 3)
	message := []byte("m")
	shares := signAll(secrets, message)
	point := decodeG1(t, shares[0].Bytes())

	for name, given := range map[string][]tsig.Share{
		"one share twice":         {shares[0], shares[0]},
		"two shares of one index": {shares[0], shares[1], wrong(t, shares[0])},
		"index above n":           {shares[0], reencode(t, 4, point)},
		"huge index":              {shares[0], reencode(t, 1<<32-1, point)},
		"zero share":              {shares[0], tsig.Share{}},
	} {
		_, liars, err := keys.Combine(message, given)
		if err == nil || errors.Is(err, tsig.ErrTooFewShares) || liars != nil {
			t.Errorf("%s: liars %v, error %v", name, liars, err)
		}
	}
	if _, err := tsig.DecodeShare(0, shares[0].Bytes()); err == nil {
		t.Error("a share with index 0 was decoded")
	}
	for _, s := range []tsig.Share{{}, reencode(t, 4, point)} {
		if keys.VerifyShare(message, s) {
			t.Errorf("a share of nobody verifies, index %d", s.Index())
		}
	}
	if keys.Verify(message, tsig.Signature{}) {
		t.Error("the zero signature verifies")
	}
	mustPanic(t, "Member(0)", func() { keys.Member(0) })
	mustPanic(t, "Member(n+1)", func() { keys.Member(4) })
	if _, err := tsig.NewInterpolation([]uint32{0, 1}); err == nil {
		t.Error("interpolation with index 0")
	}
	if _, err := tsig.NewInterpolation([]uint32{2, 2}); err == nil {
		t.Error("interpolation with one index twice")
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if message := fmt.Sprint(recover()); !strings.HasPrefix(message, "tsig: ") && !strings.HasPrefix(message, "bls: ") {
			t.Errorf("%s: panic %q", what, message)
		}
	}()
	f()
}

// H101: the original signed for every purpose on the same points. Here a share or signature is worth nothing under another tag or in
// another federation, even if the polynomial were the same.
func TestH101TagAndContextSeparate(t *testing.T) {
	deal := tsigtest.Deal(source(5), 2, 3)
	keysFor := func(tag domain.Tag, context string) (*tsig.PublicKeys, []tsig.Share) {
		keys, err := tsig.NewPublicKeys(tsig.Config{Tag: tag, Context: []byte(context), Threshold: 2, Group: deal.Group, Members: deal.Members})
		if err != nil {
			t.Fatal(err)
		}
		var shares []tsig.Share
		for i, scalar := range deal.Secrets {
			secret, err := tsig.NewSecretShare(keys, uint32(i)+1, scalar)
			if err != nil {
				t.Fatal(err)
			}
			shares = append(shares, secret.Sign([]byte("m")))
		}
		return keys, shares
	}
	coin, shares := keysFor(domain.Coin, "federation")
	signature, _, err := coin.Combine([]byte("m"), shares)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]struct {
		tag     domain.Tag
		context string
	}{
		"other role":          {domain.Note, "federation"},
		"other federation":    {domain.Coin, "federatioN"},
		"context in message":  {domain.Coin, "federationm"},
		"message's first bit": {domain.Coin, "federatio"},
	} {
		keys, _ := keysFor(other.tag, other.context)
		if keys.Verify([]byte("m"), signature) || keys.VerifyShare([]byte("m"), shares[0]) {
			t.Errorf("%s: verifies", name)
		}
	}
}

// Above 20 members the integers of the interpolation stop fitting; the fallback must give the same signature.
func TestCombineOfLargeFederation(t *testing.T) {
	const threshold, n = 47, 70
	keys, secrets := tsigtest.Keys(source(9), domain.Certificate, federation, threshold, n)
	message := []byte("large")
	order := rand.New(source(9)).Perm(n)[:threshold]

	var indices []uint32
	var shares []tsig.Share
	for _, i := range order {
		indices = append(indices, uint32(i)+1)
		shares = append(shares, secrets[i].Sign(message))
	}
	if _, _, err := shamir.IntegerLagrange(indices); !errors.Is(err, shamir.ErrTooLarge) {
		t.Fatalf("this set was to be too large for integers: %v", err)
	}
	signature, liars, err := keys.Combine(message, shares)
	if err != nil || liars != nil || !keys.Verify(message, signature) {
		t.Fatalf("liars %v, error %v", liars, err)
	}
}
