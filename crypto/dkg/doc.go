// Package dkg is the key ceremony: members who trust nobody make all keys of a federation together, so that no secret of the
// federation ever exists in one place.
//
// One run makes a vector of keys, each with a polynomial, a threshold and a group of its own ([Key]): BLS12-381 with public keys in
// G2 for notes, coins and certificates, ristretto255 for encryption. Afterwards member i holds the value at i of every polynomial and
// everybody knows the group key and each member's public key. It is the joint Feldman ceremony (Pedersen, Eurocrypt 1991) with
// commitments before anything is revealed and proofs of knowledge; see DESIGN.md for why not with disqualification.
//
// # The rounds
//
// Every member sends one message per round and goes on when it has all n of the round. All messages are signed by the sender's
// identity key under the session id, so they may travel through any hands.
//
//	commit    a hash of everything that will be revealed, and a fresh X25519 key for round deal
//	echo      the n signed commits that the member has seen: nobody can commit to one thing here and to another there
//	reveal    for each key the points a_0·g … a_{t−1}·g of the polynomial that the member deals, and a proof that it knows a_0
//	deal      to each member alone, sealed (HPKE): the values of the dealer's polynomials at the member's index
//	confirm   a hash of the whole public result
//
// Then key = Σ of the dealt constants, a member's secret = Σ of the shares it got, and member keys follow from the revealed points;
// nobody publishes its own.
//
// # When somebody misbehaves
//
// The run is dead at the first misbehaviour; nothing of it is ever used again. Whoever notices says so in a signed complaint that
// carries the offending messages, and [Judge] decides from nothing but the complaint and the public [Config] who is to blame: the
// accused, or the complainer. A member that got a wrong share proves it by giving away the key that it was sealed with, which is
// harmless as all polynomials of the run are thrown away. Who is silent can be named ([Ceremony.Waiting]) but not convicted.
//
// The members start again under a new session id, with a Ceremony made by [New] from fresh randomness. Two runs must never
// share a session id and differ in randomness, or the reverse.
//
// # Use
//
// A [Ceremony] is told messages and answers with a [Step]; it owns no clock, socket, file or goroutine.
//
//	c, step, err := dkg.New(cfg, identity, rand)
//	perform(step)                                  // send
//	m, err := dkg.Decode(bytes); step = c.Handle(m)   // for each message; if step.Kept, store it first
//	… step.Result is set: build and store what follows from the keys …
//	step = c.Confirm(public)                       // the application's encoding of the whole public result
//	… step.Finished: c.Transcript() proves to everybody that all members confirmed, see VerifyTranscript
//
// All randomness is read in New. A member that crashed makes a new Ceremony from the same Config and the same random bytes, tells it
// the stored messages again, and gets the same answers, byte for byte. After Confirm a member never complains of shares any more: from
// then on others may hold the full transcript and use the keys.
//
// Member indices begin at 1, as in package shamir: peer p has index p+1.
package dkg
