package hbbft

import (
	"crypto/ed25519"
	"io"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/rbc"
	"minimint/actors/hbbft/tdec"
	"minimint/crypto/tenc"
	"minimint/crypto/tsig"
	"minimint/messages"
)

// Keys are the keys that consensus uses, of one member: what it holds alone and
// what all know. Threshold keys take f+1 members; peer p has index p+1 in them.
type Keys struct {
	Identity   ed25519.PrivateKey
	Identities []ed25519.PublicKey // by PeerID

	Coin       *tsig.PublicKeys
	CoinSecret *tsig.SecretShare

	Encryption       *tenc.PublicKeys
	EncryptionSecret tenc.SecretShare
}

// Core returns the configuration of a core that works with these keys; who it
// is and how often it encrypts is for the caller to fill in.
func (k Keys) Core(federation messages.FederationID, self messages.PeerID) honeybadger.Config {
	return honeybadger.Config{
		Federation: federation,
		Members:    len(k.Identities),
		Self:       self,
		Encryption: 1,
		Signer:     rbc.Identity{Key: k.Identity},
		Verifier:   rbc.Identities(k.Identities),
		Coin: func(slot protocol.Slot) aba.Coin {
			return aba.NewCoin(slot, k.Coin, k.CoinSecret)
		},
		Scheme: tdec.NewScheme(k.Encryption, k.EncryptionSecret),
	}
}

// Seal encrypts a contribution under these keys; it is what [Config] wants.
func (k Keys) Seal(random io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error) {
	return tdec.Seal(random, k.Encryption, slot, contribution)
}
