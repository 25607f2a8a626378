// Package recovery finds a wallet's notes again from nothing but its seed.
//
// The mint keeps a log of every note that was issued and spent, in slices of
// mint.SliceSize entries with a hash each that all members have alike. A wallet
// reads all of it, since asking for a part would tell members what is its own:
//
//   - A [Scan] goes through the entries in their order. An issued output whose tweak
//     passes the filter of the seed, and whose blind nonce is what the seed derives for
//     its tweak, tier and position, is an own note; one whose nonce is met later has been
//     spent.
//   - A [Search] says which question to put to which member, and believes what can
//     be checked. The hashes of slices are those that f+1 members give alike. A slice
//     may come from any one member; who gives one that does not fit its hash is named
//     and asked for no other. What comes after the last complete slice is what f+1
//     members give alike.
//   - Members' blind shares for what was found are asked for as whole slices again: of
//     everybody's outputs, from the first entry of a slice to its last. Members learn
//     that somebody has a note in a slice, not which of 10,000 entries it is.
//
// [Advance] and [Adopt] store what was found, so that a search goes on where it was
// after a crash. A slice is never read twice, and a note is never added twice, also in
// later searches with the same store: one that was handed over and is not cashed yet
// does not come back.
//
// Memory is bounded by one slice for each member, and by the notes that were found
// unspent.
//
// The idea of tweaks that pass a filter, and of slices with agreed hashes, is that of
// Fedimint's second mint module.
package recovery

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
)

// ErrLog says that the federation's log cannot be read: members agree on it, so
// this program is too old.
var ErrLog = errors.New("the federation's recovery log cannot be read; this program may be too old")

// Owner is whose notes are looked for.
type Owner struct {
	Ring  *keys.Ring
	Tiers []mint.Tier // of the federation; Secrets are not used
}

// issuance derives what makes a note, and false if there is no such tier.
func (o Owner) issuance(n *clientwire.Recovered) (*tbs.Issuance, keys.Secrets, bool) {
	for _, t := range o.Tiers {
		if t.Exponent != n.GetTier() {
			continue
		}
		s := o.Ring.Note(keys.Tweak(n.GetTweak()), n.GetTier(), n.GetPosition())
		issuance, err := tbs.NewIssuance(t.Keys, s.Nonce, s.Blinding)
		return issuance, s, err == nil // a blinding factor of zero, which no purse can have used
	}
	return nil, keys.Secrets{}, false
}

// A Found is an own note that the log shows as issued and not yet as spent.
type Found struct {
	Nonce tbs.Nonce
	*clientwire.Recovered
}

// A Scan is what was found up to a place in the log.
type Scan struct {
	owner Owner
	next  uint64 // number of the first entry that was not read
	live  map[tbs.Nonce]*clientwire.Recovered
	// spent were live once; [Advance] takes them out of the store.
	spent []tbs.Nonce
}

// NewScan goes on at entry next with what was found before it.
func NewScan(owner Owner, next uint64, found []Found) *Scan {
	s := &Scan{owner: owner, next: next, live: map[tbs.Nonce]*clientwire.Recovered{}}
	for _, f := range found {
		s.live[f.Nonce] = f.Recovered
	}
	return s
}

// Clone returns a scan that goes on in its own way.
func (s *Scan) Clone() *Scan {
	return &Scan{owner: s.owner, next: s.next, live: maps.Clone(s.live), spent: slices.Clone(s.spent)}
}

// Next is the number of the first entry that was not read.
func (s *Scan) Next() uint64 { return s.next }

// Found returns the own notes that are not spent, in the order of the log.
func (s *Scan) Found() []Found {
	var out []Found
	for nonce, r := range s.live {
		out = append(out, Found{nonce, r})
	}
	slices.SortFunc(out, func(a, b Found) int { return cmp.Compare(a.GetEntry(), b.GetEntry()) })
	return out
}

// Read takes the next entries, which must be what the federation agreed on. Its
// error wraps ErrLog.
func (s *Scan) Read(entries []*mintwire.Entry) error {
	for _, e := range entries {
		issued, spent := e.GetIssued(), e.GetSpent()
		switch {
		case issued != nil && spent == nil:
			if err := s.issued(issued); err != nil {
				return fmt.Errorf("%w: entry %d: %w", ErrLog, s.next, err)
			}
		case issued == nil && len(spent) == len(tbs.Nonce{}):
			if _, own := s.live[tbs.Nonce(spent)]; own {
				delete(s.live, tbs.Nonce(spent))
				s.spent = append(s.spent, tbs.Nonce(spent))
			}
		default:
			return fmt.Errorf("%w: entry %d is neither an issued nor a spent note", ErrLog, s.next)
		}
		s.next++
	}
	return nil
}

// issued looks whether an output is an own one. Outputs that only carry an own
// tweak, which everybody can copy, derive another blind nonce.
func (s *Scan) issued(w *mintwire.Issued) error {
	tweak, blind := w.GetOutput().GetTweak(), w.GetOutput().GetBlindNonce()
	if len(tweak) != mint.TweakSize || len(blind) == 0 {
		return fmt.Errorf("tweak of %d bytes, blind nonce of %d", len(tweak), len(blind))
	}
	if !s.owner.Ring.Owns(keys.Tweak(tweak)) {
		return nil
	}
	r := &clientwire.Recovered{Entry: s.next, Tier: w.GetOutput().GetTier(), Tweak: tweak, Position: w.GetIndex()}
	issuance, secrets, ok := s.owner.issuance(r)
	if ok && bytes.Equal(issuance.BlindNonce().Bytes(), blind) {
		s.live[secrets.Nonce] = r
	}
	return nil
}
