package transaction

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/crypto/domain"
	"minimint/messages"
)

// SigningDigest is what the signature of a transaction signs: its id, bound to
// one federation.
func SigningDigest(federation messages.FederationID, id messages.TxID) [32]byte {
	return domain.Hash(domain.TransactionKey, federation[:], id[:])
}

// VerifySignature checks the one signature of t against the MuSig2 aggregate
// (BIP 327 KeyAgg) of keys: the x-only keys that the inputs name, in the order
// of the inputs. The coefficients hash the whole list, so no owner of some keys
// can cancel another's (plain summing could). It returns a [messages.Rejection]
// or nil.
func VerifySignature(t *Transaction, federation messages.FederationID, keys [][32]byte) error {
	if len(keys) == 0 {
		if t.signature != nil {
			return messages.Reject(messages.RejectSignature, "signature given, but no input names a key")
		}
		return nil
	}
	if t.signature == nil {
		return messages.Reject(messages.RejectSignature, "signature missing: inputs name %d keys", len(keys))
	}
	sig, err := parseSignature(t.signature)
	if err != nil {
		return messages.Reject(messages.RejectSignature, "signature has no valid form: %v", err)
	}
	points := make([]*btcec.PublicKey, len(keys))
	for i, k := range keys {
		if points[i], err = schnorr.ParsePubKey(k[:]); err != nil {
			return messages.Reject(messages.RejectSignature, "key %d is no x-only public key", i)
		}
	}
	aggregate, err := aggregateKeys(points)
	if err != nil {
		return messages.Reject(messages.RejectSignature, "input keys cannot be aggregated: %v", err)
	}
	digest := SigningDigest(federation, t.id)
	if !sig.Verify(digest[:], aggregate) {
		return messages.Reject(messages.RejectSignature, "signature does not match the input keys")
	}
	return nil
}

// parseSignature reads 64 bytes as BIP 340 does: r below the field's prime, s
// below the group's order. btcec takes a larger s modulo the order, which would give
// some signatures a second form.
func parseSignature(b []byte) (*schnorr.Signature, error) {
	var s btcec.ModNScalar
	if s.SetByteSlice(b[signatureLen/2:]) {
		return nil, errors.New("s is not below the order of the group")
	}
	return schnorr.ParseSignature(b)
}

// Sign returns the signature of a draft under the aggregate of secrets: the
// secret keys of the keys that its inputs name, in the order of the inputs.
// One client owns all of them, so signing is local: the aggregate's secret key
// is the same combination of the secrets.
func Sign(d Draft, federation messages.FederationID, secrets []*btcec.PrivateKey) ([]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	points := make([]*btcec.PublicKey, len(secrets))
	for i, s := range secrets {
		p, err := schnorr.ParsePubKey(schnorr.SerializePubKey(s.PubKey()))
		if err != nil {
			return nil, fmt.Errorf("input key %d: %w", i, err)
		}
		points[i] = p
	}
	secret, err := aggregateSecret(points, secrets)
	if err != nil {
		return nil, err
	}
	digest := SigningDigest(federation, d.ID())
	sig, err := schnorr.Sign(secret, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign transaction: %w", err)
	}
	return sig.Serialize(), nil
}
