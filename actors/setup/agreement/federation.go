package agreement

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/lightning"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/bls"
	"minimint/crypto/dkg"
	"minimint/crypto/domain"
	"minimint/crypto/tbs"
	"minimint/crypto/tenc"
	"minimint/crypto/tsig"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
)

// Assemble puts the public configuration together from all members' hellos, by
// PeerID, and the keys that their ceremony made. All members get the same bytes.
func Assemble(hellos []*Hello, keys []dkg.PublicKey) (*federation.Config, error) {
	t := hellos[0].Terms
	c := federation.Config{
		Session: Session(hellos), Name: t.Name, PlainContributions: t.PlainContributions,
		Coin: threshold(keys[0]), Certificate: threshold(keys[1]), Contributions: threshold(keys[2]), Preimages: threshold(keys[3]),
	}
	var walletKeys []*btcec.PublicKey
	for _, h := range hellos {
		c.Members = append(c.Members, federation.Member{Name: h.Name, Address: h.Address, Identity: h.Identity})
		walletKeys = append(walletKeys, h.Wallet)
	}
	var tiers []mint.PublicTier
	for i, e := range t.Mint.Tiers {
		tiers = append(tiers, mint.PublicTier{Exponent: e, Key: threshold(keys[firstTier+i])})
	}
	w, err := t.Wallet.config(walletKeys)
	if err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	c.Modules = []federation.Module{
		{Kind: mint.Kind, Genesis: mint.Genesis(tiers), Terms: mint.Terms(t.Mint.SpendFee, t.Mint.IssueFee)},
		{Kind: wallet.Kind, Genesis: w.Genesis(), Terms: w.Terms()},
	}
	if t.Lightning != nil {
		l := federation.Module{Kind: lightning.Kind, Genesis: lightning.Genesis(), Terms: t.Lightning.config().Terms()}
		c.Modules = append([]federation.Module{l}, c.Modules...) // ascending by kind
	}
	out, err := federation.New(c)
	if err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	return out, nil
}

func threshold(k dkg.PublicKey) federation.ThresholdKey {
	return federation.ThresholdKey{Threshold: k.Key.Threshold, Group: k.Public, Members: k.Members}
}

// Complete returns the secrets of a member after the ceremony: those that it had,
// without the ceremony's seed, and its shares, in the order of Keys. They share
// no memory with what they are made of; the shares given are wiped.
func Complete(before *keystore.Secrets, c *federation.Config, shares []dkg.Secret) (*keystore.Secrets, error) {
	out := &keystore.Secrets{Federation: c.ID(), Tiers: make([]keystore.Secret, len(shares)-firstTier)}
	var err error
	move := func(to *keystore.Secret, b []byte) {
		s, problem := keystore.NewSecret(b)
		clear(b)
		*to, err = s, errors.Join(err, problem)
	}
	move(&out.Identity, before.Identity.Bytes())
	move(&out.Wallet, before.Wallet.Bytes())
	to := []*keystore.Secret{&out.Coin, &out.Certificate, &out.Contributions, &out.Preimages}
	for i := range out.Tiers {
		to = append(to, &out.Tiers[i])
	}
	for i, share := range shares {
		move(to[i], share.Bytes())
		share.Wipe()
	}
	if err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	return out, nil
}

// Check tells whether every key of a configuration is well made and the secrets
// are those of this member. It costs tens of milliseconds per tier.
func Check(c *federation.Config, me messages.PeerID, s *keystore.Secrets) error {
	for _, step := range []func(*federation.Config, messages.PeerID, *keystore.Secrets) error{
		checkOwn, checkSignatures, checkEncryption, checkMint, checkWallet, checkLightning,
	} {
		if err := step(c, me, s); err != nil {
			return fmt.Errorf("setup: member %d: %w", me, err)
		}
	}
	return nil
}

func checkOwn(c *federation.Config, me messages.PeerID, s *keystore.Secrets) error {
	seed := s.Identity.Bytes()
	defer clear(seed)
	if int(me) >= c.Size() || s.Federation != c.ID() || !c.Members[me].Identity.Equal(ed25519.NewKeyFromSeed(seed).Public()) {
		return errors.New("the secrets are of another member or federation")
	}
	return nil
}

func checkSignatures(c *federation.Config, me messages.PeerID, s *keystore.Secrets) error {
	for _, k := range []struct {
		tag    domain.Tag
		key    federation.ThresholdKey
		secret keystore.Secret
	}{{domain.Coin, c.Coin, s.Coin}, {domain.Certificate, c.Certificate, s.Certificate}} {
		group, members, err := points(k.key)
		if err != nil {
			return err
		}
		id := c.ID()
		keys, err := tsig.NewPublicKeys(tsig.Config{Tag: k.tag, Context: id[:], Threshold: k.key.Threshold, Group: group, Members: members})
		if err != nil {
			return err
		}
		secret, err := scalar(k.secret)
		if err != nil {
			return err
		}
		if _, err := tsig.NewSecretShare(keys, uint32(me)+1, secret); err != nil {
			return err
		}
		secret.Wipe()
	}
	return nil
}

func points(k federation.ThresholdKey) (bls.G2, []bls.G2, error) {
	group, err := bls.DecodeG2(k.Group)
	if err != nil {
		return bls.G2{}, nil, err
	}
	members := make([]bls.G2, len(k.Members))
	for i, b := range k.Members {
		if members[i], err = bls.DecodeG2(b); err != nil {
			return bls.G2{}, nil, err
		}
	}
	return group, members, nil
}

func scalar(s keystore.Secret) (bls.Scalar, error) {
	b := s.Bytes()
	defer clear(b)
	return bls.DecodeScalar(b)
}

func checkEncryption(c *federation.Config, me messages.PeerID, s *keystore.Secrets) error {
	for _, k := range []struct {
		role   domain.Tag
		key    federation.ThresholdKey
		secret keystore.Secret
	}{{domain.TenC, c.Contributions, s.Contributions}, {domain.LightningPreimage, c.Preimages, s.Preimages}} {
		keys, err := tenc.NewPublicKeys(k.role, k.key.Threshold, k.key.Group, k.key.Members)
		if err != nil {
			return err
		}
		b := k.secret.Bytes()
		share, err := tenc.NewSecretShare(keys, int(me)+1, b)
		clear(b)
		if err != nil {
			return err
		}
		share.Wipe()
	}
	return nil
}

func checkMint(c *federation.Config, me messages.PeerID, s *keystore.Secrets) error {
	cfg, err := mint.FromFederation(c)
	if err != nil {
		return err
	}
	if len(cfg.Tiers) != len(s.Tiers) {
		return fmt.Errorf("shares of %d tiers, keys of %d", len(s.Tiers), len(cfg.Tiers))
	}
	for i, tier := range cfg.Tiers {
		secret, err := scalar(s.Tiers[i])
		if err != nil {
			return err
		}
		if _, err := tbs.NewSecretShare(tier.Keys, uint32(me)+1, secret); err != nil {
			return fmt.Errorf("tier 2^%d: %w", tier.Exponent, err)
		}
		secret.Wipe()
	}
	return nil
}

func checkWallet(c *federation.Config, me messages.PeerID, s *keystore.Secrets) error {
	cfg, err := wallet.FromFederation(c)
	if err != nil {
		return err
	}
	b := s.Wallet.Bytes()
	defer clear(b)
	cfg.Secret, _ = btcec.PrivKeyFromBytes(b)
	cfg.Me = me
	_, err = wallet.New(cfg)
	cfg.Secret.Zero()
	return err
}

// maxTranscript bounds an encoded transcript: a confirmation has 174 bytes.
const maxTranscript = 64 << 10

// EncodeTranscript encodes the members' confirmations, by PeerID.
func EncodeTranscript(confirmations [][]byte) []byte {
	return canonical.Marshal(&setupwire.Transcript{Confirmations: confirmations})
}

// VerifyTranscript checks that all members of a configuration have confirmed
// exactly its bytes. So whoever knows one honest member's identity, or the
// federation's id, knows that the configuration is the genuine one.
func VerifyTranscript(c *federation.Config, transcript []byte) error {
	w := new(setupwire.Transcript)
	if err := canonical.Unmarshal(transcript, w, maxTranscript); err != nil {
		return fmt.Errorf("setup: transcript: %w", err)
	}
	var identities []ed25519.PublicKey
	for _, m := range c.Members {
		identities = append(identities, m.Identity)
	}
	return dkg.VerifyTranscript(c.Session, identities, c.Bytes(), w.GetConfirmations())
}
