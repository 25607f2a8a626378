package agreement

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/dkg"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
)

// maxHello bounds an encoded hello: 255 identities and two texts need 10 kB.
const maxHello = 32 << 10

const helloVersion = 1

// What identity and wallet key sign in a hello.
const (
	helloTag  = domain.SetupHello
	walletTag = domain.SetupWallet
)

// ErrHello says that bytes are no hello, or not one that its member signed.
var ErrHello = errors.New("no valid hello")

// A Greeting is what a member wants to say first.
type Greeting struct {
	Terms Terms
	// Attempt counts the member's attempts to set this federation up, from 1.
	Attempt uint32
	// Name is for people, Address is host:port.
	Name, Address string
}

// A Hello is a greeting with the member's keys and something fresh, signed by
// its identity. Make one with Greeting.Sign or DecodeHello.
type Hello struct {
	Greeting
	Identity ed25519.PublicKey
	Wallet   *btcec.PublicKey
	body     []byte
	signed   []byte
}

// Sign makes a hello of a member with these secrets. It draws 32 bytes from
// rand, which keep the session from being one that existed before.
func (g Greeting) Sign(s *keystore.Secrets, rand io.Reader) (*Hello, error) {
	if err := presentable(g.Terms.Name, g.Name, g.Address); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	seed, secret := s.Identity.Bytes(), s.Wallet.Bytes()
	defer clear(seed)
	defer clear(secret)
	identity := ed25519.NewKeyFromSeed(seed)
	walletKey, public := btcec.PrivKeyFromBytes(secret)
	if walletKey.Key.IsZero() {
		return nil, errors.New("setup: the wallet key is zero")
	}
	w := &setupwire.Hello{
		Version: helloVersion, Terms: g.Terms.wire(), Attempt: g.Attempt, Identity: identity.Public().(ed25519.PublicKey),
		Name: g.Name, Address: g.Address, WalletKey: public.SerializeCompressed(), Contribution: make([]byte, 32),
	}
	if _, err := io.ReadFull(rand, w.GetContribution()); err != nil {
		return nil, fmt.Errorf("setup: read randomness: %w", err)
	}
	possession, err := schnorr.Sign(walletKey, possessionOf(w))
	if err != nil {
		return nil, fmt.Errorf("setup: sign with the wallet key: %w", err)
	}
	w.WalletPossession = possession.Serialize()
	body := canonical.Marshal(w)
	return DecodeHello(canonical.Marshal(&setupwire.SignedHello{Hello: body, Signature: ed25519.Sign(identity, helloDigest(body))}))
}

// presentable returns why a configuration could not hold these texts. It asks
// the configuration itself, with stand-ins for all else, so that nothing can go
// wrong when the keys are made.
func presentable(federationName, member, address string) error {
	key := func(size int) federation.ThresholdKey {
		return federation.ThresholdKey{Threshold: 1, Group: make([]byte, size), Members: [][]byte{make([]byte, size)}}
	}
	onG2, onRistretto := key(dkg.BLS12381.PointSize()), key(dkg.Ristretto255.PointSize())
	_, err := federation.New(federation.Config{
		Name: federationName, Coin: onG2, Certificate: onG2, Contributions: onRistretto, Preimages: onRistretto,
		Members: []federation.Member{{Name: member, Address: address, Identity: make([]byte, ed25519.PublicKeySize)}},
	})
	return err
}

func helloDigest(body []byte) []byte {
	h := domain.Hash(helloTag, body)
	return h[:]
}

// possessionOf is what the wallet key signs: which identity it goes with, and
// the fresh bytes.
func possessionOf(w *setupwire.Hello) []byte {
	h := domain.Hash(walletTag, w.GetIdentity(), w.GetWalletKey(), w.GetContribution())
	return h[:]
}

// DecodeHello reads a hello of anybody, and checks both signatures. Whether the
// identity is a member's, and the terms are the right ones, is not checked. Its
// error wraps ErrHello.
func DecodeHello(b []byte) (*Hello, error) {
	h, err := decodeHello(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHello, err)
	}
	return h, nil
}

func decodeHello(b []byte) (*Hello, error) {
	outer, w := new(setupwire.SignedHello), new(setupwire.Hello)
	if err := canonical.Unmarshal(b, outer, maxHello); err != nil {
		return nil, err
	}
	body := outer.GetHello()
	if err := canonical.Unmarshal(body, w, maxHello); err != nil {
		return nil, err
	}
	switch {
	case w.GetVersion() != helloVersion:
		return nil, fmt.Errorf("version %d, this program speaks %d", w.GetVersion(), helloVersion)
	case len(w.GetIdentity()) != ed25519.PublicKeySize || !ed25519.Verify(w.GetIdentity(), helloDigest(body), outer.GetSignature()):
		return nil, errors.New("signature of the identity")
	case w.GetAttempt() == 0 || len(w.GetContribution()) != 32:
		return nil, fmt.Errorf("attempt %d, contribution of %d bytes", w.GetAttempt(), len(w.GetContribution()))
	case len(w.GetWalletKey()) != btcec.PubKeyBytesLenCompressed:
		return nil, fmt.Errorf("wallet key of %d bytes", len(w.GetWalletKey()))
	}
	if err := presentable("", w.GetName(), w.GetAddress()); err != nil {
		return nil, err
	}
	public, err := btcec.ParsePubKey(w.GetWalletKey())
	if err != nil {
		return nil, fmt.Errorf("wallet key: %w", err)
	}
	possession, err := schnorr.ParseSignature(w.GetWalletPossession())
	if err != nil || !possession.Verify(possessionOf(w), public) {
		return nil, errors.New("signature of the wallet key")
	}
	return &Hello{
		Greeting: Greeting{Terms: termsFrom(w.GetTerms()), Attempt: w.GetAttempt(), Name: w.GetName(), Address: w.GetAddress()},
		Identity: w.GetIdentity(), Wallet: public, body: body, signed: bytes.Clone(b),
	}, nil
}

// Bytes is the signed encoding; the caller must not change it.
func (h *Hello) Bytes() []byte { return h.signed }

// Same tells whether two hellos say the same; signatures may differ.
func (h *Hello) Same(o *Hello) bool { return bytes.Equal(h.body, o.body) }

// Wants tells whether the hello is of these terms.
func (h *Hello) Wants(t Terms) bool { return h.Terms.equal(t) }

// Clash returns two members who cannot both be in a federation, because they
// have the same address or wallet key, and why. hellos are by PeerID.
func Clash(hellos []*Hello) (a, b messages.PeerID, why string) {
	for i, h := range hellos {
		for j, o := range hellos[:i] {
			if h.Address == o.Address {
				return messages.PeerID(j), messages.PeerID(i), "the address " + h.Address
			}
			if h.Wallet.IsEqual(o.Wallet) {
				return messages.PeerID(j), messages.PeerID(i), "the wallet key"
			}
		}
	}
	return 0, 0, ""
}

// Session names the run of the ceremony that follows from all members' hellos,
// by PeerID. It is fresh for each member, as its own contribution is.
func Session(hellos []*Hello) messages.Digest {
	bodies := make([][]byte, len(hellos))
	for i, h := range hellos {
		bodies[i] = h.body
	}
	return domain.Hash(domain.SessionID, bodies...)
}
