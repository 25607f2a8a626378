package tenc

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"

	"minimint/crypto/domain"
)

// PublicKeys is what the world knows of one key: its role, the threshold t, the group key and each member's verification key.
// Make it with NewPublicKeys.
type PublicKeys struct {
	role      domain.Tag
	threshold int
	group     point
	members   []point // member i at i−1
}

// NewPublicKeys checks and keeps the keys of n = len(members) members, member i's at position i−1, each 32 bytes. The role
// (domain.TenC, domain.LightningPreimage) separates keys that a careless ceremony might repeat. Errors wrap ErrEncoding, or ErrKeys
// if the threshold is not within 1…n, n not within 1…MaxMembers, or group and member keys do not lie on one polynomial of
// degree exactly threshold−1: of a higher degree no t shares agree on an opening, of a lower one fewer than t would open.
func NewPublicKeys(role domain.Tag, threshold int, groupKey []byte, members [][]byte) (*PublicKeys, error) {
	if role == "" {
		panic("tenc: no role")
	}
	n := len(members)
	if n < 1 || n > MaxMembers || threshold < 1 || threshold > n {
		return nil, fmt.Errorf("%w: threshold %d of %d members", ErrKeys, threshold, n)
	}
	k := &PublicKeys{role: role, threshold: threshold, members: make([]point, n)}
	var err error
	if k.group, err = decodePoint(groupKey); err != nil {
		return nil, fmt.Errorf("group key: %w", err)
	}
	for i := range members {
		if k.members[i], err = decodePoint(members[i]); err != nil {
			return nil, fmt.Errorf("key of member %d: %w", i+1, err)
		}
	}
	if err := k.checkDegree(); err != nil {
		return nil, err
	}
	return k, nil
}

// checkDegree: the first t−1 members and the group key fix one polynomial, and each further member must lie on it, which is to
// say that it and the first t−1 interpolate to the group key. If the first t−1 alone already did, the degree would be too low.
func (k *PublicKeys) checkDegree() error {
	base := k.threshold - 1
	indices := make([]int, base, k.threshold)
	elements := make([]group.Element, base, k.threshold)
	for i := range base {
		indices[i], elements[i] = i+1, k.members[i].element
	}
	if base > 0 && interpolate(indices, elements).IsEqual(k.group.element) {
		return fmt.Errorf("%w: fewer than %d members would open", ErrKeys, k.threshold)
	}
	for i := base; i < len(k.members); i++ {
		combined := interpolate(append(indices, i+1), append(elements, k.members[i].element))
		if !combined.IsEqual(k.group.element) {
			return fmt.Errorf("%w: member %d is not on the polynomial", ErrKeys, i+1)
		}
	}
	return nil
}

// Threshold is t, how many shares open a ciphertext.
func (k *PublicKeys) Threshold() int { return k.threshold }

// Members is n.
func (k *PublicKeys) Members() int { return len(k.members) }

// GroupKey is the canonical encoding of P, to which everyone encrypts.
func (k *PublicKeys) GroupKey() [PointSize]byte { return k.group.bytes }

// MemberKey is the canonical encoding of X_i, i from 1 to n.
func (k *PublicKeys) MemberKey(i int) [PointSize]byte { return k.member(i).bytes }

func (k *PublicKeys) member(i int) point {
	if i < 1 || i > len(k.members) {
		panic(fmt.Sprintf("tenc: member %d of %d", i, len(k.members)))
	}
	return k.members[i-1]
}

// SecretShare is one member's part of the secret key. It never shows its scalar: printing and marshalling of every kind give a
// placeholder, also when it is a field of something else. There is no way to get the scalar back out.
type SecretShare struct {
	keys   *PublicKeys
	index  int
	scalar *secret
}

// secret is behind a pointer so that fmt, which cannot call methods of unexported fields, prints an address at most.
type secret struct{ scalar group.Scalar }

// NewSecretShare loads the scalar x_i of member index (1…n), 32 bytes little-endian. Errors wrap ErrEncoding, or ErrKeys if x_i·G is not
// that member's key: a node must not start with a share that nobody accepts. The caller wipes its own copy of the bytes.
func NewSecretShare(keys *PublicKeys, index int, scalar []byte) (SecretShare, error) {
	expected := keys.member(index)
	x, err := decodeScalar(scalar)
	if err != nil {
		return SecretShare{}, err
	}
	if !curve.NewElement().MulGen(x).IsEqual(expected.element) {
		return SecretShare{}, fmt.Errorf("%w: secret does not fit the key of member %d", ErrKeys, index)
	}
	return SecretShare{keys: keys, index: index, scalar: &secret{x}}, nil
}

// Index is the member's number, 1…n.
func (s SecretShare) Index() int { return s.index }

// Wipe overwrites the scalar, also in copies of s, as well as Go permits; s must not be used afterwards.
func (s SecretShare) Wipe() { s.scalar.scalar.SetUint64(0) }

const redacted = "[redacted secret share]"

// String returns a placeholder.
func (SecretShare) String() string { return redacted }

// Format prints a placeholder for every verb and flag.
func (SecretShare) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText yields a placeholder to every encoder that asks for text (JSON, slog).
func (SecretShare) MarshalText() ([]byte, error) { return []byte(redacted), nil }
