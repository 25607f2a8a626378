// Package frames is the vocabulary of HoneyBadgerBFT: what one member says to
// another about one epoch.
//
// A [Frame] carries statements of its sender. Frames are idempotent: exact
// repetitions mean nothing, so a frame can be rebuilt from what the sender has
// said and sent again whenever a link comes up. Which member a frame is from
// is known from the link and never stands in it.
//
// On the wire ([Encode], [Decode]) single-bit votes become bit masks over the
// proposers, so a frame that votes about all of them is a few bytes long. A
// frame longer than [MaxFrame] is never sent: [Split] it first.
package frames

import "minimint/messages"

// A Frame is a list of statements of one member about one epoch, which may be
// empty.
type Frame struct {
	Era   messages.Era
	Epoch messages.Epoch
	// Next is the first epoch whose outcome the sender does not have durably.
	Next messages.Epoch
	// Again says that the sender forgot what it was told about open epochs (it
	// restarted) and asks to be told again.
	Again bool
	// Said counts what the sender has ever made durable to say. It never shrinks.
	Said uint64
	// Heard is one more than the highest Said that the sender has heard from the
	// receiver, 0 where it does not tell. A receiver that finds itself at less has
	// lost a part of its journal.
	Heard uint64
	// Calls asks that Epoch be run: the sender takes no part in it, since it may have
	// said things in it that it no longer knows, or does not know its schedule of coins,
	// and only epochs that end change that.
	Calls      bool
	Statements []Statement

	// What [Unpack] found gathered is here, and not in Statements. Members make
	// a hundred times n² of these in an epoch; whoever handles them as they came
	// needs no value of its own for each.
	Echoes []Echo
	Readys []Ready
	Votes  []Votes
	Shares []DecryptionShare
}

// Says reports whether the frame says anything beyond its head.
func (f *Frame) Says() bool {
	return len(f.Statements)+len(f.Echoes)+len(f.Readys)+len(f.Votes)+len(f.Shares) > 0
}

// A Statement is one thing said about one proposer's slot of the epoch.
//
//sumtype:decl
type Statement interface {
	// Slot is the proposer that the statement is about.
	Slot() messages.PeerID
	statement()
}

// Value is a proposer's whole proposal (a ciphertext), signed by the proposer
// over (federation, era, epoch, proposer, root). The proposer sends it to all;
// anybody who holds it may send it on as the answer to a Pull.
type Value struct {
	Proposer  messages.PeerID
	Payload   []byte
	Signature [64]byte // ed25519
}

// Echo says: I hold the proposal with this root, durably.
type Echo struct {
	Proposer messages.PeerID
	Root     messages.Digest
}

// Ready says: enough members echoed this root that no other can be delivered.
type Ready struct {
	Proposer messages.PeerID
	Root     messages.Digest
}

// Pull asks one member that echoed Root for the proposal.
type Pull struct {
	Proposer messages.PeerID
	Root     messages.Digest
}

// Input is a member's own input to the binary agreement on a proposer. It
// counts as BVal of round 0.
type Input struct {
	Proposer messages.PeerID
	Bit      bool
}

// BVal relays or supports a bit in a round.
type BVal struct {
	Proposer messages.PeerID
	Round    uint32
	Bit      bool
}

// Aux is the first bit that a member saw supported by 2F+1 in a round.
type Aux struct {
	Proposer messages.PeerID
	Round    uint32
	Bit      bool
}

// Conf is the set of bits that a member saw in N-F Aux of a real-coin round.
type Conf struct {
	Proposer messages.PeerID
	Round    uint32
	Bits     BitSet
}

// Term says: I decided this bit, whatever the round.
type Term struct {
	Proposer messages.PeerID
	Bit      bool
}

// CoinShare is a member's share of the common coin of one round (a compressed
// G1 point, 48 bytes).
type CoinShare struct {
	Proposer messages.PeerID
	Round    uint32
	Share    []byte
}

// DecryptionShare is a member's share of the decryption of an accepted proposal.
type DecryptionShare struct {
	Proposer messages.PeerID
	Share    []byte
}

// A BitSet is a set of bits: bit 0 of it is set for false, bit 1 for true.
type BitSet uint8

// SetOf returns the set that holds only bit.
func SetOf(bit bool) BitSet {
	if bit {
		return 2
	}
	return 1
}

// Has reports whether bit is in the set.
func (s BitSet) Has(bit bool) bool { return s&SetOf(bit) != 0 }

// Slot implements [Statement] for every kind of it.
func (s Value) Slot() messages.PeerID           { return s.Proposer }
func (s Echo) Slot() messages.PeerID            { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s Ready) Slot() messages.PeerID           { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s Pull) Slot() messages.PeerID            { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s Input) Slot() messages.PeerID           { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s BVal) Slot() messages.PeerID            { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s Aux) Slot() messages.PeerID             { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s Conf) Slot() messages.PeerID            { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s Term) Slot() messages.PeerID            { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s CoinShare) Slot() messages.PeerID       { return s.Proposer } //revive:disable-line:exported see Value.Slot
func (s DecryptionShare) Slot() messages.PeerID { return s.Proposer } //revive:disable-line:exported see Value.Slot

func (Value) statement()           {}
func (Echo) statement()            {}
func (Ready) statement()           {}
func (Pull) statement()            {}
func (Input) statement()           {}
func (BVal) statement()            {}
func (Aux) statement()             {}
func (Conf) statement()            {}
func (Term) statement()            {}
func (CoinShare) statement()       {}
func (DecryptionShare) statement() {}
