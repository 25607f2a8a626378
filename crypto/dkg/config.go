package dkg

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"slices"

	"minimint/crypto/dkg/vss"
)

// Bounds of a ceremony.
const (
	maxMembers = 255
	maxKeys    = 255
	maxRole    = 64 // bytes
)

type (
	// Group is one of the groups that keys live in.
	Group = vss.Group
	// Key describes one key to make.
	Key = vss.Key
	// PublicKey is what everybody knows of a key that was made.
	PublicKey = vss.PublicKey
	// Secret is one member's share of it.
	Secret = vss.Secret
)

// The groups that keys live in.
const (
	BLS12381     = vss.BLS12381
	Ristretto255 = vss.Ristretto255
)

// Result is what a member has at the end: Keys and Secrets are in the order of Config.Keys, and Secrets are this member's.
type Result struct {
	Keys    []PublicKey
	Secrets []Secret
}

// Wipe overwrites the secrets.
func (r *Result) Wipe() {
	for _, s := range r.Secrets {
		s.Wipe()
	}
}

// Config is what all members agree on before they start. It is public.
type Config struct {
	// Session names this run. It must be a hash of everything agreed, of all members, and of something fresh from each of them.
	Session [32]byte
	// Members are the identity keys; Members[i] belongs to index i+1.
	Members []ed25519.PublicKey
	// Keys are what is made.
	Keys []Key
}

// Check returns an error that says what is wrong with a configuration.
func (c Config) Check() error {
	n := len(c.Members)
	if n < 1 || n > maxMembers || len(c.Keys) < 1 || len(c.Keys) > maxKeys {
		return fmt.Errorf("dkg: %d members, %d keys", n, len(c.Keys))
	}
	for i, m := range c.Members {
		if len(m) != ed25519.PublicKeySize {
			return fmt.Errorf("dkg: identity of member %d has %d bytes", i+1, len(m))
		}
		if slices.ContainsFunc(c.Members[:i], func(o ed25519.PublicKey) bool { return o.Equal(m) }) {
			return fmt.Errorf("dkg: identity of member %d occurs twice", i+1)
		}
	}
	for i, k := range c.Keys {
		switch {
		case len(k.Role) < 1 || len(k.Role) > maxRole:
			return fmt.Errorf("dkg: key %d has a role of %d bytes", i, len(k.Role))
		case !k.Group.Valid():
			return fmt.Errorf("dkg: key %d lives in %s", i, k.Group)
		case k.Threshold < 1 || k.Threshold > n:
			return fmt.Errorf("dkg: key %d has threshold %d of %d members", i, k.Threshold, n)
		case slices.ContainsFunc(c.Keys[:i], func(o Key) bool { return o.Role == k.Role && o.Tier == k.Tier }):
			return fmt.Errorf("dkg: key %s/%d occurs twice", k.Role, k.Tier)
		}
	}
	if size := vss.RevealSize(c.Keys); size > maxContent {
		return fmt.Errorf("dkg: these keys make reveals of %d bytes, at most %d are possible", size, maxContent)
	}
	return nil
}

// sharing returns the mathematics of a run, with own polynomials if rand is not nil.
func (c Config) sharing(rand io.Reader) (*vss.Sharing, error) {
	return vss.New(vss.Config{Session: c.Session, Members: len(c.Members), Keys: c.Keys}, rand)
}

// clone keeps what a Ceremony relies on out of its caller's reach.
func (c Config) clone() Config {
	c.Members, c.Keys = slices.Clone(c.Members), slices.Clone(c.Keys)
	return c
}

// index returns the index of an identity, 0 if it is no member's.
func (c Config) index(identity ed25519.PublicKey) int {
	return 1 + slices.IndexFunc(c.Members, func(m ed25519.PublicKey) bool { return m.Equal(identity) })
}
