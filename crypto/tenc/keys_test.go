package tenc_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/group"
	"pgregory.net/rapid"

	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
)

func encodings(keys *tenc.PublicKeys) (groupKey []byte, members [][]byte) {
	g := keys.GroupKey()
	for i := range keys.Members() {
		k := keys.MemberKey(i + 1)
		members = append(members, k[:])
	}
	return g[:], members
}

// Keys are accepted only if group key and all members lie on one polynomial of degree exactly t−1.
func TestKeysLieOnOnePolynomial(t *testing.T) {
	for n := 1; n <= 7; n++ {
		for dealt := 1; dealt <= n; dealt++ {
			groupKey, members := encodings(deal(dealt, n).Public)
			for claimed := range n + 2 {
				keys, err := tenc.NewPublicKeys(domain.TenC, claimed, groupKey, members)
				if (err == nil) != (claimed == dealt) || err != nil && !errors.Is(err, tenc.ErrKeys) {
					t.Fatalf("n=%d, degree %d, threshold claimed %d: %v", n, dealt-1, claimed, err)
				}
				if err == nil && (keys.Threshold() != claimed || keys.Members() != n) {
					t.Fatal("keys do not remember what they are")
				}
			}
		}
	}
}

func TestKeysRefused(t *testing.T) {
	groupKey, members := encodings(deal(3, 7).Public)
	_, strange := encodings(deal(3, 8).Public)
	for i := range members {
		altered := slices.Clone(members)
		altered[i] = strange[7]
		if _, err := tenc.NewPublicKeys(domain.TenC, 3, groupKey, altered); !errors.Is(err, tenc.ErrKeys) {
			t.Errorf("key of member %d replaced: %v", i+1, err)
		}
		altered[i] = make([]byte, 32)
		if _, err := tenc.NewPublicKeys(domain.TenC, 3, groupKey, altered); !errors.Is(err, tenc.ErrEncoding) {
			t.Errorf("key of member %d is the identity: %v", i+1, err)
		}
	}
	swapped := slices.Clone(members)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	if _, err := tenc.NewPublicKeys(domain.TenC, 3, groupKey, swapped); !errors.Is(err, tenc.ErrKeys) {
		t.Errorf("two members swapped: %v", err)
	}
	if _, err := tenc.NewPublicKeys(domain.TenC, 3, strange[7], members); !errors.Is(err, tenc.ErrKeys) {
		t.Errorf("another group key: %v", err)
	}
	if _, err := tenc.NewPublicKeys(domain.TenC, 1, groupKey, make([][]byte, 256)); !errors.Is(err, tenc.ErrKeys) {
		t.Errorf("256 members: %v", err)
	}
	if _, err := tenc.NewPublicKeys(domain.TenC, 0, groupKey, nil); !errors.Is(err, tenc.ErrKeys) {
		t.Errorf("no members: %v", err)
	}
}

func TestSecretMustFit(t *testing.T) {
	keys := deal(2, 4)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	high := littleEndian(new(big.Int).Add(order, new(big.Int).SetBytes(reversed(keys.Scalars[0]))))
	for name, test := range map[string]struct {
		scalar []byte
		err    error
	}{
		"another member's": {keys.Scalars[1], tenc.ErrKeys},
		"zero":             {make([]byte, 32), tenc.ErrEncoding},
		"unreduced":        {high, tenc.ErrEncoding},
		"short":            {keys.Scalars[0][:31], tenc.ErrEncoding},
		"long":             {append(slices.Clone(keys.Scalars[0]), 0), tenc.ErrEncoding},
	} {
		if _, err := tenc.NewSecretShare(keys.Public, 1, test.scalar); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := tenc.NewSecretShare(keys.Public, 3, keys.Scalars[2])
	if err != nil || s.Index() != 3 {
		t.Error(err)
	}
}

func littleEndian(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

// No way of printing or marshalling shows the scalar, at the top level or inside something.
func TestSecretIsRedacted(t *testing.T) {
	keys := deal(2, 4)
	secret, scalar := keys.Secrets[0], keys.Scalars[0]
	hidden := struct{ inner tenc.SecretShare }{secret}
	open := struct{ Inner tenc.SecretShare }{secret}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t"} {
		texts = append(texts, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret), fmt.Sprintf(verb, hidden),
			fmt.Sprintf(verb, open), fmt.Sprintf(verb, []tenc.SecretShare{secret}), fmt.Sprintf(verb, keys.Secrets))
	}
	asJSON, err := json.Marshal(open)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "secret", secret, "in", open, "hidden", hidden)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "secret", secret, "in", open, "hidden", hidden)
	texts = append(texts, secret.String(), string(asJSON), logged.String())

	// The forms in which circl and fmt would show it: hexadecimal of either byte order, and lists of words or bytes.
	x := new(big.Int).SetBytes(reversed(scalar))
	leaks := []string{
		hex.EncodeToString(scalar), hex.EncodeToString(reversed(scalar)), x.String(),
		fmt.Sprint(uint32(x.Uint64())), strings.Trim(fmt.Sprint(scalar[:4]), "[]"),
	}
	for _, text := range texts {
		for _, leak := range leaks {
			if strings.Contains(strings.ToLower(text), leak) {
				t.Errorf("%q contains %q", text, leak)
			}
		}
	}
	if got := fmt.Sprintf("%#v", secret); got != "[redacted secret share]" {
		t.Errorf("%%#v gives %q", got)
	}
	if !strings.Contains(string(asJSON), "[redacted secret share]") {
		t.Errorf("JSON: %s", asJSON)
	}
}

// Wipe reaches copies, and a wiped secret is refused instead of giving out the identity.
func TestWipe(t *testing.T) {
	keys := deal(1, 1)
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, nil), keys.Public, label)
	clone := keys.Secrets[0]
	keys.Secrets[0].Wipe()
	defer func() {
		if recover() == nil {
			t.Error("the secret still works after Wipe")
		}
	}()
	_, _ = tenc.DecryptShare(seeded(2), clone, v)
}

// Encodings that RFC 9496 (appendix A.3) wants refused, plus the identity, which it does not, in every place where a point is decoded.
func TestBadPoints(t *testing.T) {
	keys := deal(2, 4)
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, nil), keys.Public, label)
	ciphertext := v.Ciphertext().Encode()
	share := sharesOf(t, seeded(2), keys, v, 1)[0].Encode()
	groupKey, members := encodings(keys.Public)

	for name, text := range map[string]string{
		"identity":            "0000000000000000000000000000000000000000000000000000000000000000",
		"not reduced 1":       "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"not reduced 2":       "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"not reduced 3":       "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"identity plus p":     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"negative 1":          "0100000000000000000000000000000000000000000000000000000000000000",
		"negative 2":          "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"negative 3":          "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
		"not a square":        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
		"generator, high bit": "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2df6",
	} {
		bad, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for place, decode := range map[string]func() error{
			"U":            func() error { return second(tenc.DecodeCiphertext(splice(ciphertext, bad, 0), 10)) },
			"second point": func() error { return second(tenc.DecodeCiphertext(splice(ciphertext, bad, 32), 10)) },
			"share":        func() error { return second(tenc.DecodeShare(1, splice(share, bad, 0))) },
			"group key":    func() error { return second(tenc.NewPublicKeys(domain.TenC, 2, bad, members)) },
			"member key": func() error {
				return second(tenc.NewPublicKeys(domain.TenC, 2, groupKey, append([][]byte{bad}, members[1:]...)))
			},
		} {
			if err := decode(); !errors.Is(err, tenc.ErrEncoding) {
				t.Errorf("%s as %s: %v", name, place, err)
			}
		}
	}
	// A scalar has one encoding: the order and the order plus one stand for 0 and 1.
	order, _ := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	for _, at := range []int{32, 64} {
		if err := second(tenc.DecodeShare(1, splice(share, order, at))); !errors.Is(err, tenc.ErrEncoding) {
			t.Errorf("order as scalar at %d of a share: %v", at, err)
		}
		if err := second(tenc.DecodeCiphertext(splice(ciphertext, order, at+32), 10)); !errors.Is(err, tenc.ErrEncoding) {
			t.Errorf("order as scalar at %d of a ciphertext: %v", at+32, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func splice(b, part []byte, at int) []byte {
	b = slices.Clone(b)
	copy(b[at:], part)
	return b
}

// The group is the one of RFC 9496: first multiples of the generator from its appendix A.1.
func TestGroupIsRistretto255(t *testing.T) {
	curve := group.Ristretto255
	for factor, want := range map[uint64]string{
		0: "0000000000000000000000000000000000000000000000000000000000000000",
		1: "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
		2: "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
	} {
		encoded := must(curve.NewElement().MulGen(curve.NewScalar().SetUint64(factor)).MarshalBinary())
		if hex.EncodeToString(encoded) != want {
			t.Errorf("%d·G = %x", factor, encoded)
		}
	}
}

// Interpolation in the exponent agrees with the polynomial, with integers and modulo the order.
func TestInterpolation(t *testing.T) {
	curve := group.Ristretto255
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 12).Draw(t, "count")
		largest := rapid.SampledFrom([]int{12, 20, 255}).Draw(t, "largest index")
		indices := rapid.Permutation(upTo(largest)).Draw(t, "indices")[:count]
		coefficients := make([]group.Scalar, count)
		for i := range coefficients {
			coefficients[i] = curve.HashToScalar([]byte{byte(i)}, rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "coefficient"))
		}
		elements := make([]group.Element, count)
		wide := make([]uint32, count)
		for i, index := range indices {
			x, y := curve.NewScalar().SetUint64(uint64(index)), curve.NewScalar()
			for d := count - 1; d >= 0; d-- {
				y.Mul(y, x)
				y.Add(y, coefficients[d])
			}
			elements[i], wide[i] = curve.NewElement().MulGen(y), uint32(index)
		}
		want := curve.NewElement().MulGen(coefficients[0])
		if !tenc.Interpolate(indices, elements).IsEqual(want) {
			t.Fatalf("indices %v", indices)
		}
		if !tenc.InterpolateInField(wide, elements).IsEqual(want) {
			t.Fatalf("in the field, indices %v", indices)
		}
	})
}

// The dealer is deterministic, so simulations are.
func TestDealIsReproducible(t *testing.T) {
	a := tenctest.Deal(seeded(5), tenctest.Config{Threshold: 2, Members: 4, Role: domain.LightningPreimage})
	b := tenctest.Deal(seeded(5), tenctest.Config{Threshold: 2, Members: 4, Role: domain.LightningPreimage})
	c := tenctest.Deal(seeded(6), tenctest.Config{Threshold: 2, Members: 4, Role: domain.LightningPreimage})
	if a.Public.GroupKey() != b.Public.GroupKey() || a.Public.GroupKey() == c.Public.GroupKey() {
		t.Error("Deal does not follow its reader")
	}
}
