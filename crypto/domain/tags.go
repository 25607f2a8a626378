package domain

// Tag separates one use of a hash function from every other use: two roles that hash the same bytes under different tags get
// unrelated results. It is the domain separation tag of RFC 9380 where a point or a scalar is hashed, and the tag of a
// BIP-340 tagged hash in [Hash].
type Tag string

// The front of every tag: the application, its version, its ciphersuite, then what the tag feeds. Changing any of these
// strings changes every note, coin, certificate and identifier, so it is a new federation format.
const (
	application = "MINIMINT-V01-CS01-with-"

	toG1        = application + "BLS12381G1_XMD:SHA-256_SSWU_RO_-"
	toScalar    = application + "BLS12381SCALAR_XMD:SHA-256_-"
	toRistretto = application + "ristretto255_XMD:SHA-512_R255MAP_RO_-"
	toExponent  = application + "ristretto255SCALAR_XMD:SHA-512_-"
	digest      = application + "SHA-256_TAGGED_-"
	stream      = application + "HKDF-SHA-256_-"
)

// Roles whose message is hashed to a point of G1 and then signed by a threshold of members. Each has a key of its own; the tag is
// the second wall, without which a share given out for one role would be a signature for another.
const (
	Note        Tag = toG1 + "NOTE" // the point that a note's signature stands on
	Coin        Tag = toG1 + "COIN" // the common coin of binary agreement
	Certificate Tag = toG1 + "CERT" // the members' signature over an epoch
)

// Roles of threshold encryption over ristretto255 (TDH2). The two base tags name the key; the others name a step, so an input
// hashed in one step never serves in another.
const (
	TenC              Tag = toRistretto + "TENC"  // key for contributions of an epoch
	LightningPreimage Tag = toRistretto + "LNPRE" // key for preimages of offers

	TenCGenerator  Tag = toRistretto + "TENC-GENERATOR"  // the second generator of the ciphertext proof
	TenCNonce      Tag = toExponent + "TENC-NONCE"       // the sender's exponent, from seed, label and message
	TenCProof      Tag = toExponent + "TENC-PROOF"       // challenge of the public validity proof
	TenCShareProof Tag = toExponent + "TENC-SHARE"       // challenge of a member's proof for its share
	TenCKey        Tag = stream + "TENC-KEY"             // key of the body
	TenCStatement  Tag = digest + "TENC-STATEMENT"       // role, key, label and ciphertext, in every proof
	TenCProofNonce Tag = toExponent + "TENC-PROOF-NONCE" // one-time exponent of the validity proof
	TenCShareNonce Tag = toExponent + "TENC-SHARE-NONCE" // one-time exponent of a share's proof
)

// Roles of the key ceremony. Its hashes start with the ceremony's session id, because the federation id is what it ends in.
const (
	SessionID Tag = digest + "SESSION-ID" // identity of one run of the ceremony

	DKGCommit               Tag = digest + "DKG-COMMIT"  // what a dealer promises before anybody reveals
	DKGEcho                 Tag = digest + "DKG-ECHO"    // the ordered list of promises that a member saw
	DKGFinal                Tag = digest + "DKG-FINAL"   // the result that every member confirms
	DKGMessage              Tag = digest + "DKG-MESSAGE" // what a member's identity key signs
	DKGPossession           Tag = toScalar + "DKG-POP"   // proof of knowledge of a constant term, BLS12-381
	DKGPossessionRistretto  Tag = toExponent + "DKG-POP" // the same, ristretto255
	DKGCombination          Tag = toScalar + "DKG-RLC"   // coefficients that fold many share checks, BLS12-381
	DKGCombinationRistretto Tag = toExponent + "DKG-RLC" // the same, ristretto255

	DKGNonce          Tag = toScalar + "DKG-POP-NONCE"   // one-time exponent of a proof of knowledge, BLS12-381
	DKGNonceRistretto Tag = toExponent + "DKG-POP-NONCE" // the same, ristretto255
	DKGDraw           Tag = toExponent + "DKG-RANDOM"    // coefficients of ristretto255 from bytes that were read
	DKGSeal           Tag = stream + "DKG-SEAL"          // what a sealed share is bound to
	DKGSealSeed       Tag = digest + "DKG-SEAL-SEED"     // the key that shares of one run are sealed to

	SetupTerms  Tag = digest + "SETUP-TERMS"  // what members agree on before the ceremony
	SetupHello  Tag = digest + "SETUP-HELLO"  // what a member's identity key signs to say hello
	SetupWallet Tag = digest + "SETUP-WALLET" // proof that a member has its wallet key
	SetupRandom Tag = stream + "SETUP-RANDOM" // randomness of one run, from the member's seed

	FederationID Tag = digest + "FEDERATION-ID" // H(session id, genesis public keys), never changes
)

// Roles of consensus: dispersal, agreement, ordering, state.
const (
	MerkleLeaf        Tag = digest + "MERKLE-LEAF"
	MerkleNode        Tag = digest + "MERKLE-NODE"
	MerkleRoot        Tag = digest + "MERKLE-ROOT" // a tree together with how its value was cut
	RBCRoot           Tag = digest + "RBC-ROOT"    // commitment of one reliable broadcast
	CoinName          Tag = digest + "COIN-NAME"   // session, epoch, proposer and round of one coin
	Label             Tag = digest + "LABEL"       // what a ciphertext is bound to
	Outcome           Tag = digest + "OUTCOME"     // an epoch's agreed items
	EpochLink         Tag = digest + "EPOCH-LINK"  // what members sign about an epoch, named by the next one
	ProposerSignature Tag = digest + "PROPOSER"    // what a member signs on its own contribution
	Batch             Tag = toScalar + "BATCH"     // coefficients of a batch check where they are derived from a seed
)

// Roles of money: transactions and the three modules.
const (
	TransactionID  Tag = digest + "TXID"
	WitnessID      Tag = digest + "WITNESS-ID"
	TransactionKey Tag = digest + "TX-SIGNATURE" // what the aggregate of all input keys signs

	NoteNonce     Tag = stream + "NOTE-NONCE"      // spend key of a note, from the client's seed
	NoteBlinding  Tag = toScalar + "NOTE-BLINDING" // blinding factor of a note, from the client's seed
	NoteTweak     Tag = stream + "NOTE-TWEAK"      // the filter that lets a seed find its own outputs
	RecoverySlice Tag = digest + "RECOVERY-SLICE"  // certified hash of a range of issued and spent notes
	DepositKey    Tag = stream + "DEPOSIT-KEY"     // tweak key of a deposit address, from the client's seed
	ContractKey   Tag = stream + "CONTRACT-KEY"    // key of a Lightning contract, from the client's seed
	GatewayKey    Tag = stream + "GATEWAY-KEY"     // key of a gateway in one federation, from its client's seed
	Token         Tag = digest + "TOKEN"           // checksum of notes as text
	PegInTweak    Tag = digest + "PEG-IN-TWEAK"    // contract key to deposit address
	ContractID    Tag = digest + "CONTRACT-ID"     // every term of a Lightning contract
	OfferID       Tag = digest + "OFFER-ID"        // every term of an offer
	Forfeit       Tag = digest + "FORFEIT"         // what a gateway signs to give a contract back
	GatewayRecord Tag = digest + "GATEWAY"         // what a gateway signs to be listed
	PayRequest    Tag = digest + "PAY-REQUEST"     // what a user signs to have his contract's invoice paid
	Invite        Tag = digest + "INVITE"          // checksum of an invite code
)
