package tenc

import "github.com/cloudflare/circl/group"

// Status is what became of an attempt to open.
type Status int

const (
	// Incomplete says: fewer than t usable shares; try again with more.
	Incomplete Status = iota
	// Opened says: the plaintext is what every node gets.
	Opened
	// Unopenable says: t proven shares and no plaintext; no node will ever get one. A contribution then counts as empty.
	Unopenable
)

// String names the status.
func (s Status) String() string {
	switch s {
	case Incomplete:
		return "incomplete"
	case Opened:
		return "opened"
	case Unopenable:
		return "unopenable"
	}
	return "unknown"
}

// Opening is the result of Open. Opened and Unopenable are final and the same at every node; Incomplete, Liars and Proven depend on what this
// node has seen.
type Opening struct {
	Status    Status
	Plaintext []byte // if Opened; may be empty
	Liars     []int  // members whose shares were checked and do not hold
	// Proven are the shares that were checked and hold. After Incomplete pass them again together with new ones: they are not
	// checked a second time, so a ciphertext costs at most one check per member however many lie.
	Proven []Share
}

// Open tries to open with the shares at hand, in the order given; of two shares of one member the first counts. It combines the first t without
// checking them. If the result does not count, it checks all shares and combines t that hold. Indices must be at most n.
func (v Verified) Open(shares []Share) Opening {
	shares = v.distinct(shares)
	t := v.keys.threshold
	if len(shares) < t {
		return Opening{Status: Incomplete}
	}
	if plaintext, ok := v.combine(shares[:t]); ok {
		return Opening{Status: Opened, Plaintext: plaintext}
	}
	return v.OpenVerified(shares)
}

// OpenVerified checks every share before it counts, then combines the first t that hold. For ciphertexts where it must be known who
// contributed to the opening, such as the preimages of Lightning offers.
func (v Verified) OpenVerified(shares []Share) Opening {
	var o Opening
	for _, s := range v.distinct(shares) {
		if proven, err := v.VerifyShare(s); err == nil {
			o.Proven = append(o.Proven, proven)
		} else {
			o.Liars = append(o.Liars, s.index)
		}
	}
	t := v.keys.threshold
	if len(o.Proven) < t {
		return o
	}
	o.Status = Unopenable
	if plaintext, ok := v.combine(o.Proven[:t]); ok {
		o.Status, o.Plaintext = Opened, plaintext
	}
	return o
}

// distinct drops repeated indices and panics on those that no member has.
func (v Verified) distinct(shares []Share) []Share {
	v.mustBeSet()
	seen := make([]bool, len(v.keys.members)+1)
	kept := make([]Share, 0, len(shares))
	for _, s := range shares {
		s.mustBeSet()
		v.keys.member(s.index)
		if !seen[s.index] {
			seen[s.index] = true
			kept = append(kept, s)
		}
	}
	return kept
}

// combine opens with exactly t shares of distinct members, right or wrong; ok only if the opening counts.
func (v Verified) combine(shares []Share) (message []byte, ok bool) {
	shared := v.sharedPoint(shares)
	seed, message, ok := v.keys.unseal(shared, v.ciphertext.u, v.label, v.ciphertext.body)
	if !ok || !v.recheck(shared, seed, message) {
		return nil, false
	}
	return message, true
}

// sharedPoint is ρ·P if the shares are right, any point otherwise.
func (v Verified) sharedPoint(shares []Share) point {
	indices := make([]int, len(shares))
	elements := make([]group.Element, len(shares))
	for i, s := range shares {
		indices[i], elements[i] = s.index, s.point.element
	}
	return newPoint(interpolate(indices, elements))
}

// recheck is the Fujisaki–Okamoto test. U = ρ·G says that the plaintext is the one that the sender bound to U, so there is at most one; the
// shared point ρ·P says that the shares were right, so it is the one that proven shares give as well.
func (v Verified) recheck(shared point, seed, message []byte) bool {
	rho := v.keys.exponent(seed, v.label, message)
	return curve.NewElement().MulGen(rho).IsEqual(v.ciphertext.u.element) &&
		curve.NewElement().Mul(v.keys.group.element, rho).IsEqual(shared.element)
}
