// Package bls is the curve BLS12-381 as the federation uses it: scalars, the groups G1 and G2, hashing to them, sums of multiples,
// and the pairing. It is the only package that knows the curve library (circl), and it contains no protocol.
//
// # What the types promise
//
// [Scalar], [G1] and [G2] are immutable values that are valid by construction. A value made by decoding bytes has exactly one encoding,
// lies in the prime-order subgroup and is neither zero nor the identity, so it may meet a secret without a further check. Zero and the
// identity exist as results of arithmetic and as starting points of sums; protocols in which they would be a weakness check
// IsZero or IsIdentity on what they computed themselves.
//
// The zero value of each type (Scalar{}, G1{}, G2{}) is no mathematical object: every method panics on it, with a text that starts
// with "bls:". A forgotten error or an unfilled slice element therefore stops the program. In the library below, the zero point
// compares equal to every point of G2 and verifies under every key.
//
// # Encodings
//
//	Scalar   32 bytes, big-endian, below the group order
//	G1       48 bytes, compressed, zkcrypto flags in the top three bits
//	G2       96 bytes, compressed, the imaginary part of x first
//
// # Secrets
//
// Arithmetic on scalars, [G1.Mul], [G2.Mul], [MulG1], [MulG2], [HashToScalar] and [RandomScalar] take the same time and touch the same memory
// whatever the scalar is. A Scalar shows itself to no printer, logger or encoder, not even from inside an unexported field; Bytes is
// the one way out. Everything else is fast instead, and for public data only: [MultiMulG1], [MultiMulG2], [MultiMulG1Short],
// [CombineG1], [Prepare], [PairingCheck].
//
// # Verifying
//
// A signature σ in G1 under the key PK in G2 on M = HashToG1(tag, message) is right if e(M, PK) = e(σ, g2), which is asked as a product:
//
//	pk, g2 := bls.Prepare(key), bls.Prepare(bls.G2Generator()) // once per key, kept
//	right := bls.PairingCheck([]bls.Pair{{P: m, Q: pk}, {P: sigma.Neg(), Q: g2}})
//
// Many signatures under few keys become one product with random coefficients (Bellare, Garay and Rabin, "Fast Batch Verification
// for Modular Exponentiation and Digital Signatures", 1998): [RandomCoefficients], one [MultiMulG1Short] over the messages of each key,
// one over all signatures, and one PairingCheck. This is sound because decoding has kept every point in the prime-order subgroup.
//
// Why the package does itself what the library lacks, and how that is checked, is in DESIGN.md.
package bls
