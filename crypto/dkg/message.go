package dkg

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"minimint/crypto/domain"
)

// MaxMessage bounds an encoded message, in bytes: 1 MiB with room for what a transport puts around it.
const MaxMessage = 1<<20 - 1<<10

// maxContent bounds what is said outside complaints, so that two messages of one member always fit into a complaint about it.
// maxFraming is room for all the rest.
const (
	maxFraming = 1 << 16
	maxContent = (MaxMessage - maxFraming) / 2
)

// ErrMessage says that bytes are no message of a ceremony.
var ErrMessage = errors.New("dkg: malformed message")

// Version and purpose open every message. Other purposes (new shares of old keys, handing a place to another member) will use the
// same envelope and rounds; this package makes first keys only and refuses them.
const (
	version        = 1
	purposeGenesis = 1
)

// Round names a step of the ceremony, or a complaint, which belongs to no step.
type Round uint8

// The rounds, in order. Their numbers are part of the format.
const (
	RoundCommit Round = iota + 1
	RoundEcho
	RoundReveal
	RoundDeal
	RoundConfirm
	Complaint
)

const rounds = int(RoundConfirm)

var roundNames = [...]string{"", "commit", "echo", "reveal", "deal", "confirm", "complaint"}

// String names the round.
func (r Round) String() string {
	if r < 1 || int(r) >= len(roundNames) {
		return fmt.Sprintf("round(%d)", uint8(r))
	}
	return roundNames[r]
}

// Message is a signed message, taken apart but not judged: who signed it, and what it says, is for [Ceremony.Handle] and [Judge].
// It is immutable. Encoding:
//
//	version (1) ‖ purpose (1) ‖ session (32) ‖ round (1) ‖ from (2) ‖ to (2) ‖ length (3) ‖ content ‖ signature (64)
//
// with big-endian numbers; to is 0 for everybody. The signature is Ed25519 over the tagged hash of session and all that stands before it.
type Message struct {
	session  [32]byte
	round    Round
	from, to int
	content  []byte
	body     []byte // all but the signature
	sig      []byte
}

// Decode takes apart one message of at most [MaxMessage] bytes, of which it keeps a copy. Its error wraps [ErrMessage].
func Decode(b []byte) (*Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	b = bytes.Clone(b)
	m := &Message{body: b[:max(0, len(b)-ed25519.SignatureSize)]}
	s := cryptobyte.String(b)
	var v, purpose, round uint8
	var from, to uint16
	var content cryptobyte.String
	if !s.ReadUint8(&v) || !s.ReadUint8(&purpose) || !s.CopyBytes(m.session[:]) || !s.ReadUint8(&round) ||
		!s.ReadUint16(&from) || !s.ReadUint16(&to) || !s.ReadUint24LengthPrefixed(&content) ||
		!s.ReadBytes(&m.sig, ed25519.SignatureSize) || !s.Empty() {
		return nil, fmt.Errorf("%w: cut short or too long", ErrMessage)
	}
	m.round, m.from, m.to, m.content = Round(round), int(from), int(to), content
	switch {
	case v != version || purpose != purposeGenesis:
		return nil, fmt.Errorf("%w: version %d, purpose %d", ErrMessage, v, purpose)
	case m.round < RoundCommit || m.round > Complaint:
		return nil, fmt.Errorf("%w: %s", ErrMessage, m.round)
	case m.round != Complaint && len(m.content) > maxContent:
		return nil, fmt.Errorf("%w: %s of %d bytes", ErrMessage, m.round, len(m.content))
	case m.from < 1 || m.from > maxMembers || m.to > maxMembers:
		return nil, fmt.Errorf("%w: from %d to %d", ErrMessage, m.from, m.to)
	case (m.round == RoundDeal) != (m.to != 0):
		return nil, fmt.Errorf("%w: %s to %d", ErrMessage, m.round, m.to)
	}
	return m, nil
}

// sign makes a message of a member.
func sign(key ed25519.PrivateKey, session [32]byte, m Message) *Message {
	var b cryptobyte.Builder
	b.AddUint8(version)
	b.AddUint8(purposeGenesis)
	b.AddBytes(session[:])
	b.AddUint8(uint8(m.round))
	b.AddUint16(uint16(m.from))
	b.AddUint16(uint16(m.to))
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.content) })
	m.session, m.body = session, b.BytesOrPanic()
	m.sig = ed25519.Sign(key, m.digest())
	return &m
}

func (m *Message) digest() []byte {
	h := domain.Hash(domain.DKGMessage, m.session[:], m.body)
	return h[:]
}

// signed tells whether the message is of this session and its sender's signature is right.
func (m *Message) signed(c Config) bool {
	return m.session == c.Session && m.from <= len(c.Members) && m.to <= len(c.Members) &&
		ed25519.Verify(c.Members[m.from-1], m.digest(), m.sig)
}

// same tells whether two messages say the same. Signatures are left out: a signer can make many for one content.
func (m *Message) same(o *Message) bool { return bytes.Equal(m.body, o.body) }

// Bytes returns the encoding, as a slice of the caller's own.
func (m *Message) Bytes() []byte { return append(bytes.Clone(m.body), m.sig...) }

// Session returns the run that the message says it belongs to.
func (m *Message) Session() [32]byte { return m.session }

// Round returns what the message is.
func (m *Message) Round() Round { return m.round }

// From returns the index of the member that the message says it is from.
func (m *Message) From() int { return m.from }

// To returns the index of the member that the message is for, 0 for everybody.
func (m *Message) To() int { return m.to }

// String gives one stable line.
func (m *Message) String() string {
	if m.to == 0 {
		return fmt.Sprintf("%s from=%d", m.round, m.from)
	}
	return fmt.Sprintf("%s from=%d to=%d", m.round, m.from, m.to)
}
