package node

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"minimint/actors/hbbft"
	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/crypto/tsig"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/statement"
)

// Keys makes what HBBFT and the processor work with from the keys of a federation and the
// secrets of one member.
func Keys(c *federation.Config, self messages.PeerID, s Secrets) (Cryptography, error) {
	keys, err := consensusKeys(c, self, s)
	if err != nil {
		return Cryptography{}, err
	}
	key, err := statement.KeyOf(c)
	if err != nil {
		return Cryptography{}, err
	}
	signer, err := key.Member(self, s.Certificate)
	if err != nil {
		return Cryptography{}, err
	}
	return Cryptography{Core: keys.Core(c.ID(), self), Seal: keys.Seal, Certificates: signer}, nil
}

// consensusKeys puts together what HBBFT signs, tosses coins and decrypts with.
// Every public key is decoded and each set must lie on one polynomial; a secret
// must belong to the public key of this member.
func consensusKeys(c *federation.Config, self messages.PeerID, s Secrets) (hbbft.Keys, error) {
	k := hbbft.Keys{Identity: ed25519.NewKeyFromSeed(s.IdentitySeed)}
	for _, m := range c.Members {
		k.Identities = append(k.Identities, m.Identity)
	}
	index := uint32(self) + 1
	var err error
	if k.Coin, err = signatureKeys(c, domain.Coin, c.Coin); err != nil {
		return hbbft.Keys{}, fmt.Errorf("coin key: %w", err)
	}
	secret, err := bls.DecodeScalar(s.Coin)
	if err != nil {
		return hbbft.Keys{}, fmt.Errorf("coin secret: %w", err)
	}
	if k.CoinSecret, err = tsig.NewSecretShare(k.Coin, index, secret); err != nil {
		return hbbft.Keys{}, fmt.Errorf("coin secret: %w", err)
	}
	if k.Encryption, err = tenc.NewPublicKeys(domain.TenC, c.Contributions.Threshold, c.Contributions.Group, c.Contributions.Members); err != nil {
		return hbbft.Keys{}, fmt.Errorf("encryption key: %w", err)
	}
	if k.EncryptionSecret, err = tenc.NewSecretShare(k.Encryption, int(index), s.Contributions); err != nil {
		return hbbft.Keys{}, fmt.Errorf("encryption secret: %w", err)
	}
	return k, nil
}

func signatureKeys(c *federation.Config, tag domain.Tag, k federation.ThresholdKey) (*tsig.PublicKeys, error) {
	id := c.ID()
	cfg := tsig.Config{Tag: tag, Context: id[:], Threshold: k.Threshold}
	var err error
	if cfg.Group, err = bls.DecodeG2(k.Group); err != nil {
		return nil, err
	}
	for i, b := range k.Members {
		member, err := bls.DecodeG2(b)
		if err != nil {
			return nil, fmt.Errorf("member %d: %w", i, err)
		}
		cfg.Members = append(cfg.Members, member)
	}
	return tsig.NewPublicKeys(cfg)
}

// random is a source of randomness that never fails, or ends the process: a
// node without randomness must not go on.
type random struct{ io.Reader }

func (r random) Read(p []byte) (int, error) {
	if _, err := io.ReadFull(r.Reader, p); err != nil {
		panic(fmt.Sprintf("node: no randomness: %v", err))
	}
	return len(p), nil
}
