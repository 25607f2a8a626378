package bls

import (
	"crypto"
	_ "crypto/sha256" // registers the hash that the expander asks for
	"fmt"

	curve "github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/expander"
)

// maxTag is the longest domain tag that RFC 9380 uses as it is; a longer one would be hashed first.
const maxTag = 255

// HashToScalar maps a message to a scalar: expand_message_xmd of RFC 9380 with SHA-256 to 48 bytes, read as a big-endian integer and
// reduced, so the bias is below 2^-128. Constant time in the message, so a scalar may be derived from a seed. The tag must have 1 to
// 255 bytes; anything else is the caller's mistake and panics.
func HashToScalar(dst string, msg []byte) Scalar {
	wide := expand(dst, msg, 48)
	defer clear(wide)
	return newScalar(reduceWide(wide))
}

// HashToG1 maps a message to G1 like a random oracle: suite BLS12381G1_XMD:SHA-256_SSWU_RO_ of RFC 9380. Nobody knows the result's
// logarithm to any other point. The tag must have 1 to 255 bytes; anything else is the caller's mistake and panics.
func HashToG1(dst string, msg []byte) G1 {
	checkTag(dst)
	var p curve.G1
	p.Hash(msg, []byte(dst))
	return newG1(p)
}

func expand(dst string, msg []byte, n uint) []byte {
	checkTag(dst)
	return expander.NewExpanderMD(crypto.SHA256, []byte(dst)).Expand(msg, n)
}

// checkTag guards against an empty tag, which the library would take and which separates nothing.
func checkTag(dst string) {
	if len(dst) == 0 || len(dst) > maxTag {
		panic(fmt.Sprintf("bls: domain tag of %d bytes, want 1 to %d", len(dst), maxTag))
	}
}
