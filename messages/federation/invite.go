package federation

import (
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// invitePrefix starts every invite code; the digit is the version of the format.
const invitePrefix = "minimint1"

const (
	inviteChecksum = 4 // bytes
	// maxInvite is more characters than the invite of messages.MaxPeers members
	// with the longest addresses has.
	maxInvite = 1 << 17
)

var inviteText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ErrInvite says that a text is no invite code.
var ErrInvite = errors.New("no valid invite code")

// An Invite is what a newcomer needs: which federation, and how to reach and
// recognise at least f+1 members, so that one of them is honest.
type Invite struct {
	Federation messages.FederationID
	Members    []Member // their names stay empty
}

// Invite returns the invite of a federation, with all its members.
func (c *Config) Invite() Invite {
	inv := Invite{Federation: c.id}
	for _, m := range c.Members {
		inv.Members = append(inv.Members, Member{Address: m.Address, Identity: m.Identity})
	}
	return inv
}

// String returns the invite code: prefix, then base32 of the content and a
// checksum that finds every typing error but one in four billion.
func (i Invite) String() string {
	w := &wire.Invite{Federation: i.Federation[:]}
	for _, m := range i.Members {
		w.Members = append(w.Members, &wire.InvitedMember{Address: m.Address, Identity: m.Identity})
	}
	b := canonical.Marshal(w)
	sum := domain.Hash(domain.Invite, b)
	return invitePrefix + inviteText.EncodeToString(append(b, sum[:inviteChecksum]...))
}

// ParseInvite reads an invite code, in either case, also where white space was
// put into it. Its error wraps ErrInvite and says what is wrong.
func ParseInvite(text string) (Invite, error) {
	if len(text) > 2*maxInvite {
		return Invite{}, fmt.Errorf("%w: %d characters, at most %d", ErrInvite, len(text), maxInvite)
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	body, ok := strings.CutPrefix(text, invitePrefix)
	if !ok {
		return Invite{}, fmt.Errorf("%w: it must start with %q", ErrInvite, invitePrefix)
	}
	if len(text) > maxInvite {
		return Invite{}, fmt.Errorf("%w: %d characters, at most %d", ErrInvite, len(text), maxInvite)
	}
	b, err := inviteText.DecodeString(body)
	if err != nil || len(b) < inviteChecksum {
		return Invite{}, fmt.Errorf("%w: it has characters that do not belong, or is cut off", ErrInvite)
	}
	// The last character may carry bits that stand for nothing; a code has one
	// form, so that every wrong character is found.
	content, sum := b[:len(b)-inviteChecksum], b[len(b)-inviteChecksum:]
	want := domain.Hash(domain.Invite, content)
	if string(want[:inviteChecksum]) != string(sum) || inviteText.EncodeToString(b) != body {
		return Invite{}, fmt.Errorf("%w: a character is wrong or missing; copy it again", ErrInvite)
	}
	return decodeInvite(content)
}

// decodeInvite reads the content of a code.
func decodeInvite(b []byte) (Invite, error) {
	w := new(wire.Invite)
	if err := canonical.Unmarshal(b, w, maxInvite); err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	id, ok := messages.DigestFrom(w.GetFederation())
	if !ok || len(w.GetMembers()) == 0 || len(w.GetMembers()) > messages.MaxPeers {
		return Invite{}, fmt.Errorf("%w: federation id of %d bytes, %d members", ErrInvite, len(w.GetFederation()), len(w.GetMembers()))
	}
	inv := Invite{Federation: id}
	seen := map[string]bool{} // one member named twice would count as two witnesses
	for i, m := range w.GetMembers() {
		identity := m.GetIdentity()
		if len(identity) != ed25519.PublicKeySize || seen[string(identity)] {
			return Invite{}, fmt.Errorf("%w: member %d has a key of %d bytes, or is there twice", ErrInvite, i, len(identity))
		}
		if err := checkAddress(m.GetAddress()); err != nil {
			return Invite{}, fmt.Errorf("%w: member %d: %w", ErrInvite, i, err)
		}
		seen[string(identity)] = true
		inv.Members = append(inv.Members, Member{Address: m.GetAddress(), Identity: identity})
	}
	return inv, nil
}
