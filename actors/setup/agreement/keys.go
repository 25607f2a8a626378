package agreement

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20"

	"minimint/actors/setup/keystore"
	"minimint/crypto/dkg"
	"minimint/crypto/domain"
	"minimint/messages"
)

// Roles of the keys, in the order in which the ceremony makes them.
const (
	roleCoin          = "coin"
	roleCertificate   = "certificate"
	roleContributions = "contributions"
	rolePreimages     = "preimages"
	roleNote          = "note"
)

// firstTier is the position of the first tier's key.
const firstTier = 4

// some is f+1 and live is n−f, of n members.
func some(n int) int { return (n-1)/3 + 1 }
func live(n int) int { return n - (n-1)/3 }

// Keys lists what the ceremony makes: coins and contributions take f+1 members,
// all others n−f.
func Keys(t Terms) []dkg.Key {
	n := len(t.Members)
	out := []dkg.Key{
		{Role: roleCoin, Group: dkg.BLS12381, Threshold: some(n)},
		{Role: roleCertificate, Group: dkg.BLS12381, Threshold: live(n)},
		{Role: roleContributions, Group: dkg.Ristretto255, Threshold: some(n)},
		{Role: rolePreimages, Group: dkg.Ristretto255, Threshold: live(n)},
	}
	for _, e := range t.Mint.Tiers {
		out = append(out, dkg.Key{Role: roleNote, Tier: e, Group: dkg.BLS12381, Threshold: live(n)})
	}
	return out
}

// randomTag derives the randomness of a run.
const randomTag = domain.SetupRandom

// Randomness is the randomness of one run for a member with this ceremony seed:
// ChaCha20 under a key from HKDF of seed and session. The same run always gets
// the same bytes, so a member that crashed says again what it said; another run
// gets unrelated ones.
func Randomness(seed keystore.Secret, session messages.Digest) io.Reader {
	secret := seed.Bytes()
	defer clear(secret)
	key, err := hkdf.Key(sha256.New, secret, session[:], string(randomTag), chacha20.KeySize)
	if err != nil {
		panic("agreement: " + err.Error())
	}
	defer clear(key)
	stream, err := chacha20.NewUnauthenticatedCipher(key, make([]byte, chacha20.NonceSize))
	if err != nil {
		panic("agreement: " + err.Error())
	}
	return keyStream{stream}
}

// keyStream reads the key stream of a cipher, which panics after 256 GiB.
type keyStream struct{ cipher *chacha20.Cipher }

func (k keyStream) Read(p []byte) (int, error) {
	clear(p)
	k.cipher.XORKeyStream(p, p)
	return len(p), nil
}

// Format prints no state of the cipher.
func (keyStream) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "randomness of a ceremony") }
