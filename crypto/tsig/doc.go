// Package tsig is threshold BLS signatures: t of n members together sign what no t−1 of them can (Boldyreva, PKC 2003, on the
// signatures of Boneh, Lynn and Shacham). The common coin is one use (t = f+1), epoch certificates are another (t = n−f); each has
// keys and a domain tag of its own.
//
// # The scheme
//
// A key ceremony deals a polynomial p of degree t−1. Member i, counted from 1, holds s_i = p(i); everybody knows the group
// key PK = p(0)·g2 and the verification keys VK_i = s_i·g2. Signatures live in G1 (48 bytes), keys in G2 (96 bytes).
//
//	message    M = H1(tag, context, message)       context is the federation id
//	share      S_i = s_i·M
//	signature  σ = Σ λ_i·S_i = p(0)·M              over any t members
//	check      e(σ, g2) = e(M, PK)
//
// σ is unique: whichever t members answered, the same 48 bytes come out. That is what makes it a common coin
// (Cachin, Kursawe and Shoup 2000): nobody knows [Signature.Coin] before t members have spoken, and then everybody has the same.
//
// # Use
//
//	keys, err := tsig.NewPublicKeys(tsig.Config{Tag: domain.Coin, Context: federation[:], Threshold: f + 1, Group: pk, Members: vks})
//	mine, err := tsig.NewSecretShare(keys, index, scalar)
//	share := mine.Sign(name)                                // sent as share.Bytes()
//	other, err := tsig.DecodeShare(senderIndex, bytes)      // one per sender
//	signature, liars, err := keys.Combine(name, shares)     // ErrTooFewShares: wait for more
//
// # Who answers for what
//
// A share's index is the sender's, known from the link it came by, never a field of the message. Member indices begin at 1: peer p
// has index p+1. Shares are not verified one by one: [PublicKeys.Combine] combines, checks the result once, and looks for liars only
// if that fails, so the price of the honest case does not grow with n.
//
// A share must not be released before the protocol step that needs it: t shares are the signature.
package tsig
