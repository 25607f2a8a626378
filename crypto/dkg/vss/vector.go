package vss

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"

	"minimint/crypto/domain"
	"minimint/crypto/shamir"
)

// vector is all keys of one group.
type vector[S scalar[S], P point[P]] struct {
	*group[S, P]
	session [32]byte
	keys    []Key
	at      []int                  // position of each key among those of all groups
	own     []shamir.Polynomial[S] // by key; nil once wiped
	dealt   [][][]P                // by dealer, key, degree: the points that were revealed
	secrets []S                    // by key: the sum of the shares taken
}

func newVector[S scalar[S], P point[P]](g *group[S, P], c Config, rand io.Reader) (*vector[S, P], error) {
	v := &vector[S, P]{group: g, session: c.Session, dealt: make([][][]P, c.Members)}
	for i, k := range c.Keys {
		if k.Group != g.id {
			continue
		}
		v.keys, v.at, v.secrets = append(v.keys, k), append(v.at, i), append(v.secrets, g.field.Integer(0))
		if rand == nil {
			continue
		}
		p, err := shamir.Random(g.field, k.Threshold-1, rand)
		if err != nil {
			return nil, fmt.Errorf("vss: polynomial of %s: %w", k, err)
		}
		v.own = append(v.own, p)
	}
	return v, nil
}

// reveal encodes for each key the number of points (2 bytes), the points from the constant upwards, the proof.
func (v *vector[S, P]) reveal(me int, salt []byte) []byte {
	var b cryptobyte.Builder
	for i, k := range v.keys {
		coefficients := v.own[i].Coefficients()
		b.AddUint16(uint16(len(coefficients)))
		constant := v.base(coefficients[0])
		b.AddBytes(constant.Bytes())
		for _, a := range coefficients[1:] {
			b.AddBytes(v.base(a).Bytes())
		}
		b.AddBytes(v.prove(claim{v.session, me, k}, coefficients[0], constant, salt))
	}
	return b.BytesOrPanic()
}

// accept reads and checks what reveal has encoded. The number of points is exactly the threshold: a longer list would make every
// share of a correct dealer useless, a shorter one would let fewer members use the key.
func (v *vector[S, P]) accept(dealer int, revealed []byte) error {
	s := cryptobyte.String(revealed)
	dealt := make([][]P, len(v.keys))
	for i, k := range v.keys {
		var count uint16
		if !s.ReadUint16(&count) {
			return fmt.Errorf("%w: cut short", ErrEncoding)
		}
		if int(count) != k.Threshold {
			return fmt.Errorf("%w: %s: %d points, not %d", ErrDegree, k, count, k.Threshold)
		}
		for range count {
			var raw []byte
			if !s.ReadBytes(&raw, v.pointSize) {
				return fmt.Errorf("%w: cut short", ErrEncoding)
			}
			p, err := v.decodePoint(raw)
			if err != nil {
				return fmt.Errorf("%w: %s: %w", ErrPoint, k, err)
			}
			dealt[i] = append(dealt[i], p)
		}
		var proof []byte
		if !s.ReadBytes(&proof, proofSize) {
			return fmt.Errorf("%w: cut short", ErrEncoding)
		}
		if !v.proven(claim{v.session, dealer, k}, dealt[i][0], proof) {
			return fmt.Errorf("%w: %s", ErrProof, k)
		}
	}
	if !s.Empty() {
		return fmt.Errorf("%w: too long", ErrEncoding)
	}
	v.dealt[dealer-1] = dealt
	return nil
}

// shares evaluates the own polynomials for a member: one scalar per key.
func (v *vector[S, P]) shares(to int) []byte {
	out := make([]byte, 0, len(v.keys)*ScalarSize)
	for _, p := range v.own {
		s := p.Evaluate(uint32(to))
		encoded := s.Bytes()
		out = append(out, encoded...)
		clear(encoded)
		if p.Degree() > 0 { // else the value is the coefficient itself, which is needed again
			s.Wipe()
		}
	}
	return out
}

// take checks a dealer's shares and adds them to the secrets. With a salt that the dealer does not know, all keys at once:
//
//	(Σ ρ_k·s_k)·g = Σ ρ_k·F_k(to)    ρ_k hashed from the salt, F_k(to) the value of the revealed points at the member's index
//
// A wrong share among right ones passes with probability 2^-252. Without a salt one key after another.
func (v *vector[S, P]) take(dealer, to int, encoded, salt []byte) error {
	shares, expected := make([]S, len(v.keys)), make([]P, len(v.keys))
	for i, k := range v.keys {
		var err error
		if shares[i], err = v.decodeScalar(encoded[i*ScalarSize : (i+1)*ScalarSize]); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrShare, k, err)
		}
		expected[i] = evaluate(v.dealt[dealer-1][i], to)
	}
	if salt != nil && !v.foldedFit(shares, expected, v.coefficients(dealer, encoded, salt)) {
		return fmt.Errorf("%w: not what was revealed", ErrShare)
	}
	for i, k := range v.keys {
		if salt == nil && !v.base(shares[i]).Equal(expected[i]) {
			return fmt.Errorf("%w: %s: not what was revealed", ErrShare, k)
		}
		before := v.secrets[i]
		v.secrets[i] = before.Add(shares[i])
		before.Wipe()
		shares[i].Wipe()
	}
	return nil
}

func (v *vector[S, P]) coefficients(dealer int, shares, salt []byte) []S {
	digest := sha256.Sum256(shares)
	out := make([]S, len(v.keys))
	for i := range out {
		index := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(dealer)), uint16(i))
		out[i] = v.hash(v.combination, domain.Frame(v.session[:], salt, digest[:], index))
	}
	return out
}

func (v *vector[S, P]) foldedFit(shares []S, expected []P, coefficients []S) bool {
	sum := v.field.Integer(0)
	for i, s := range shares {
		sum = sum.Add(coefficients[i].Mul(s))
	}
	return v.base(sum).Equal(v.combine(expected, coefficients))
}

// result computes public keys and moves the secrets out. A sum that is the identity would need a member that knows the discrete logarithm of the others' points.
func (v *vector[S, P]) result(keys []PublicKey, secrets []Secret) {
	for i, k := range v.keys {
		sum := v.dealt[0][i]
		for _, dealt := range v.dealt[1:] {
			next := make([]P, len(sum))
			for j := range sum {
				next[j] = sum[j].Add(dealt[i][j])
			}
			sum = next
		}
		public := PublicKey{Key: k, Public: sum[0].Bytes()}
		for j := range v.dealt {
			public.Members = append(public.Members, evaluate(sum, j+1).Bytes())
		}
		keys[v.at[i]] = public
		secrets[v.at[i]] = newSecret(v.secrets[i].Bytes())
		v.secrets[i].Wipe()
	}
}

// wipe forgets all secrets; the sums start again at zero.
func (v *vector[S, P]) wipe() {
	for _, p := range v.own {
		for _, a := range p.Coefficients() {
			a.Wipe()
		}
	}
	v.own = nil
	for i, s := range v.secrets {
		s.Wipe()
		v.secrets[i] = v.field.Integer(0)
	}
}
