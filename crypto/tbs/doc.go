// Package tbs is threshold blind BLS signatures: the notes. t = n−f of n members sign a note together without seeing it, and nobody
// can tell later which issuance a note came from (Boldyreva, PKC 2003: the blind and the threshold scheme put together).
//
// # The scheme
//
// Each tier (denomination) has a key of its own, dealt with an independent polynomial p of degree t−1: member i, counted from 1, holds
// s_i = p(i), everybody knows PK = p(0)·g2 and VK_i = s_i·g2. Points that travel are in G1, 48 bytes each.
//
//	client  message      M = H1(NOTE, federation id, nonce)     nonce: the x-only key that will sign the spend
//	client  blind nonce  B = r·M                                r: uniform, secret, fresh
//	member  blind share  C_i = s_i·B
//	client  combine      C' = Σ n_i·C_i = D·p(0)·B              small integers: λ_i = n_i/D
//	client  unblind      σ = (r·D)^−1·C' = p(0)·M
//	anyone  check        e(σ, g2) = e(M, PK)
//
// For uniform r, B is uniform and tells nothing about M. σ depends on nothing but nonce and tier, so no choice of members, shares or r
// can mark a note; that holds only for notes whose σ was checked, hence [Finalize] returns no others.
//
// Unforgeability (one more note than was paid for) rests on the one-more co-Diffie-Hellman assumption with H1 as random oracle; any
// number of issuances may run at once.
//
// # Use
//
//	client  issuance, err := tbs.NewIssuance(tier, nonce, r); send issuance.BlindNonce().Bytes()
//	member  blind, err := tbs.DecodeBlindNonce(b); send secret.Sign(blind).Bytes()
//	client  share, err := tbs.DecodeBlindShare(b); collect one Answer per member
//	client  signatures, liars, err := tbs.Finalize(issuances, answers, rand.Reader)
//	member  verdicts, err := tbs.VerifyBatch(transactions, rand.Reader)
//
// # What must never be done
//
//   - Take one signature for several notes. Σ r_j·M_j signed once unblinds to a valid sum of signatures, so a verifier that accepts a
//     sum, or adds equations without random coefficients, takes ten notes for one. [VerifyBatch] draws a coefficient per note.
//   - Let tiers share a polynomial: a few cheap notes on one nonce interpolate to a dear one.
//   - Sign what was not decoded here. The cofactor of G1 has small factors, and a share on such a point gives away the secret
//     modulo that factor. A [BlindNonce] can only come from [DecodeBlindNonce] or an [Issuance].
//   - Sign one blind nonce for two outputs (consensus rules forbid it): both would be the same note.
//
// Members' proofs of correct signing do not exist: the pairing is the proof, and [Finalize] names liars with it.
package tbs
