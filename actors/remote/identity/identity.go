// Package identity is who somebody is to the transport: an ed25519 key, shown as
// a self-signed certificate in TLS 1.3, and known to others by its pin. There
// are no authorities and no names: members are pinned in the federation's
// configuration, nodes in the invite code, and clients make a key of their own.
package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Pin names a key: the SHA-256 of its X.509 SubjectPublicKeyInfo in DER, as in
// RFC 7469 section 2.4. For a certificate in PEM that is what
//
//	openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
//
// prints. Its text form is that of sha256sum, 64 lower-case hex digits.
type Pin [sha256.Size]byte

// PinOf returns the pin of an ed25519 public key.
func PinOf(key ed25519.PublicKey) Pin {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic("identity: pin of a malformed public key: " + err.Error())
	}
	return sha256.Sum256(spki)
}

// ParsePin reads the text form of a pin.
func ParsePin(text string) (Pin, error) {
	var p Pin
	if len(text) != hex.EncodedLen(len(p)) {
		return Pin{}, fmt.Errorf("a pin has %d hex digits, not %d characters", hex.EncodedLen(len(p)), len(text))
	}
	if _, err := hex.Decode(p[:], []byte(text)); err != nil {
		return Pin{}, fmt.Errorf("read pin: %w", err)
	}
	return p, nil
}

// String returns the text form.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// Identity is a key pair with the self-signed certificate under which TLS shows
// it. The zero Identity is not one.
type Identity struct {
	pin  Pin
	cert tls.Certificate
}

// Generate makes a new identity from 32 bytes of random: a client's session
// identity, or a member's key at setup.
func Generate(random io.Reader) (Identity, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Identity{}, fmt.Errorf("generate identity: %w", err)
	}
	return FromSeed(seed), nil
}

// FromSeed makes the identity of an ed25519 seed (RFC 8032) of 32 bytes. Equal
// seeds give equal identities, certificate included.
func FromSeed(seed []byte) Identity {
	key := ed25519.NewKeyFromSeed(seed)
	public := key.Public().(ed25519.PublicKey)
	// Nobody reads these fields: each side is known by its key alone. So they
	// say as little as X.509 lets them, and the certificate never expires
	// (RFC 5280 section 4.1.2.5).
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: serverName},
		NotBefore:    time.Unix(0, 0).UTC(),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	// Ed25519 signs without randomness.
	der, err := x509.CreateCertificate(nil, template, template, public, key)
	if err != nil {
		panic("identity: cannot sign an own certificate: " + err.Error())
	}
	return Identity{pin: PinOf(public), cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

// IsZero reports whether id was never made.
func (id Identity) IsZero() bool { return id.cert.PrivateKey == nil }

// Pin returns the name of the identity's key.
func (id Identity) Pin() Pin { return id.pin }

// serverName is sent in clear by who dials. It is the same for all, so that it
// tells nobody which federation is meant.
const serverName = "minimint"

// OfConnection returns the key that the other side of a TLS connection has proved
// to hold.
func OfConnection(cs tls.ConnectionState) (Pin, error) {
	if len(cs.PeerCertificates) == 0 {
		return Pin{}, errors.New("no certificate")
	}
	key, ok := cs.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return Pin{}, errors.New("the certificate's key is not ed25519")
	}
	return PinOf(key), nil
}

// TLS returns the configuration for either end of a connection: TLS 1.3 only, no
// resumption, both sides with a certificate, and a pin in place of a chain. admit
// decides about the other side's key within the handshake; it may be called on
// many goroutines.
func (id Identity) TLS(admit func(Pin) error) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{id.cert},
		ServerName:             serverName,
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // the chain means nothing, the key is checked below
		SessionTicketsDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			pin, err := OfConnection(cs)
			if err != nil {
				return err
			}
			return admit(pin)
		},
	}
}

// Only admits one key, for Identity.TLS.
func Only(want Pin) func(Pin) error {
	return func(got Pin) error {
		if got != want {
			return fmt.Errorf("the key %s is not the pinned %s", got, want)
		}
		return nil
	}
}
