package consensustest

import (
	"math/rand/v2"

	"minimint/crypto/domain"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	"minimint/messages/statement"
)

// Keys are the certificate keys of n members of Federation, the same each time.
type Keys struct {
	statement.Key
	Members []statement.Signer // by PeerID
}

// NewKeys deals them.
func NewKeys(n int) Keys {
	public, secrets := tsigtest.Keys(rand.NewChaCha8([32]byte{byte(n)}), domain.Certificate, Federation[:], n-(n-1)/3, n)
	key := statement.NewKey(public)
	k := Keys{Key: key}
	for _, secret := range secrets {
		k.Members = append(k.Members, key.Holding(secret))
	}
	return k
}

// Share returns a member's share for a statement.
func (k Keys) Share(member int, s statement.Statement) statement.Share {
	return statement.Share{Statement: s, Member: messages.PeerID(member), Signature: k.Members[member].Sign(s)}
}

// Certify returns the certificate of a statement.
func (k Keys) Certify(s statement.Statement) statement.Certificate {
	var shares []statement.Share
	for i := range len(k.Members) - (len(k.Members)-1)/3 {
		shares = append(shares, k.Share(i, s))
	}
	signature, _, ok := k.Combine(shares)
	if !ok {
		panic("consensustest: shares do not combine")
	}
	return statement.Certificate{Statement: s, Signature: signature}
}
