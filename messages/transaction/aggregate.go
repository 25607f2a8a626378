package transaction

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

var errCancel = errors.New("the keys cancel each other")

// aggregateKeys is KeyAgg of BIP 327, without sorting.
func aggregateKeys(points []*btcec.PublicKey) (*btcec.PublicKey, error) {
	agg, _, _, err := musig2.AggregateKeys(points, false)
	if err != nil {
		return nil, fmt.Errorf("aggregate keys: %w", err)
	}
	// Keys chosen against each other could sum to infinity, which is no key.
	if !agg.FinalKey.IsOnCurve() {
		return nil, errCancel
	}
	return agg.FinalKey, nil
}

// aggregateSecret returns the secret key of aggregateKeys(points): the sum of
// a_i·d_i, where a_i is the coefficient that BIP 327 gives to key i and d_i its
// secret, negated where the x-only form lost an odd y. btcec exports the
// aggregation of keys but not the coefficients; the result is checked against
// it, so a difference can never reach a signature.
func aggregateSecret(points []*btcec.PublicKey, secrets []*btcec.PrivateKey) (*btcec.PrivateKey, error) {
	var list []byte
	second := []byte(nil) // the second distinct key has coefficient 1
	for _, p := range points {
		enc := p.SerializeCompressed()
		list = append(list, enc...)
		if second == nil && !bytes.Equal(enc, points[0].SerializeCompressed()) {
			second = enc
		}
	}
	listHash := chainhash.TaggedHash([]byte("KeyAgg list"), list)

	var sum btcec.ModNScalar
	for i, p := range points {
		term := secrets[i].Key
		if secrets[i].PubKey().SerializeCompressed()[0] == 3 {
			term.Negate()
		}
		if enc := p.SerializeCompressed(); !bytes.Equal(enc, second) {
			var coefficient btcec.ModNScalar
			coefficient.SetByteSlice(chainhash.TaggedHash([]byte("KeyAgg coefficient"), listHash[:], enc)[:])
			term.Mul(&coefficient)
		}
		sum.Add(&term)
	}
	key, err := aggregateKeys(points)
	if err != nil {
		return nil, err
	}
	secret := btcec.PrivKeyFromScalar(&sum)
	if !bytes.Equal(schnorr.SerializePubKey(secret.PubKey()), schnorr.SerializePubKey(key)) {
		return nil, errors.New("aggregate secret does not match the aggregate key")
	}
	return secret, nil
}
