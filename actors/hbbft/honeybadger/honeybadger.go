// Package honeybadger runs the epochs of HoneyBadgerBFT (Miller, Xia, Croman,
// Shi, Song, CCS 2016) for one member: contributions go in, and every correct
// member gets the same outcome for every epoch, in order.
//
// In an epoch every member proposes its encrypted contribution, a common subset
// of at least n−f proposals is agreed on (package acs), and when that set is
// final the members open it together (package tdec). An accepted proposal that
// turns out to be no ciphertext of its slot contributes nothing, at every member
// alike.
//
// # Use
//
// A [Core] is told things and answers with a [Step]. The caller makes the
// step's records durable, and only then sends, hands out outcomes or does
// anything else with the step: what a member says is in its journal before
// anybody can hear it, so after a crash it says the same again and never the
// opposite. A Step may be joined with later ones and performed at once.
//
// # Epochs that are open
//
//	below Certified         over: n−f members say that they have the outcome
//	Certified … Next−1      committed here; kept alive, since others may need our votes
//	Next                    the epoch that is worked on
//	Next+1                  statements count, but nothing is echoed or proposed
//
// Every member tells its Next whenever it changes. An epoch is over when n−f
// members are beyond it: f+1 of them are correct, so whoever lacks its outcome
// gets it from them. Until then its members must be able to reach the outcome
// by the protocol, with the votes of those that have it. Therefore a member opens
// no epoch while more than [Lookback] committed ones are not over.
//
// # Starting
//
// An idle federation says nothing at all. A member opens epoch Next if it has
// work of its own, or holds proposals of f+1 members, or holds one of a member
// that has a token left: one a second, [Burst] at most. So a lone member with
// work is served, and a faulty one cannot make the others spin.
//
// A member that keeps silent may not propose, and its silence ends only with epochs. So
// it asks for them, once a second, and that costs it a token as a proposal would: in an
// idle federation it would be silent for ever, and missing on the day on which another fails.
package honeybadger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/rbc"
	"minimint/actors/hbbft/tdec"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// The bounds. What a peer can make a member remember is a function of these and
// of n, whatever it sends.
const (
	// Lookback is how many committed epochs may not be over when the next one
	// is opened.
	Lookback = 1
	// Ahead is how many epochs beyond Next have statements that count.
	Ahead = 1
	// MaxOpen is the number of epochs that have state at any time: committed ones, one
	// more while it is committed, Next, and those beyond it.
	MaxOpen = Lookback + 2 + Ahead
	// Burst is how many epochs one peer alone may start in a row; it gets one
	// more per second.
	Burst = 5
	// MaxFaults bounds the faults of one peer that are told per epoch, those
	// that convict it (see [Convicts]) not counted. The last one says that it
	// floods.
	MaxFaults = 16
	// Distrust is for how many epochs, with the present one, the shares of a peer
	// are not used after one was shown to be wrong. To find a wrong one costs F
	// checks and more, and a liar could make it so in every slot of every epoch;
	// F+1 shares of others come all the same.
	Distrust = 64
	// CallAfter is how often a member that keeps silent asks for an epoch.
	CallAfter = time.Second
	// PullPatience is how long a peer may take to answer a Pull.
	PullPatience = time.Second
)

// Encryption says which epochs' contributions are encrypted: 0 none, 1 all,
// k every k-th. It is configuration of the federation, the same everywhere.
type Encryption uint64

// At reports whether contributions to an epoch are encrypted.
func (e Encryption) At(epoch messages.Epoch) bool { return e != 0 && uint64(epoch)%uint64(e) == 0 }

// Config is fixed for the life of a Core. All members hold the same but for
// Self and the secrets.
type Config struct {
	Federation messages.FederationID
	Era        messages.Era
	Members    int
	Self       messages.PeerID
	Encryption Encryption
	Signer     rbc.Signer
	Verifier   rbc.Verifier
	Coin       func(protocol.Slot) aba.Coin
	Scheme     tdec.Scheme // nil if Encryption is 0
	// Silent is the first epoch that this member takes part in. Below it, it may
	// have said things that it no longer knows (its journal was lost): it only
	// follows outcomes that others certified.
	Silent messages.Epoch
}

func (c Config) slot(epoch messages.Epoch) protocol.Slot {
	return protocol.Slot{Federation: c.Federation, Era: c.Era, Epoch: epoch}
}

// A Position is what a member knows of the past, from its committed state.
type Position struct {
	// Next is the first epoch without an outcome.
	Next messages.Epoch
	// Certified is the first epoch that is not over; at most Next.
	Certified messages.Epoch
	// Absences are what was absent when Next was what it is, one less, and so
	// on: those of which open epochs depend on.
	Absences [MaxOpen]Absence
}

// An Absence says which members are in neither of the last two outcomes, by
// PeerID. Before there are two it is nobody. The zero Absence is unknown.
type Absence struct {
	Known  bool
	Absent []bool // nil: nobody
}

// absence returns who counts as absent in an epoch: whoever was absent one epoch
// earlier, so that it is known by the time that the epoch's first statements
// count.
func (p Position) absence(epoch messages.Epoch) Absence {
	if epoch < 3 {
		return Absence{Known: true}
	}
	return p.Absences[p.Next+1-epoch]
}

// moved returns the position after outcomes up to before next.
func (p Position) moved(next messages.Epoch, absences []Absence) Position {
	q := Position{Next: next, Certified: p.Certified}
	for i := range q.Absences {
		switch back := next - p.Next; {
		case i < len(absences) && absences[i].Known:
			q.Absences[i] = absences[i]
		case uint64(i) >= uint64(back):
			q.Absences[i] = p.Absences[uint64(i)-uint64(back)]
		}
	}
	// Epochs whose schedule is unknown here were passed over: others have them.
	q.Certified = max(q.Certified, oldest(next))
	for q.Certified < next && !q.absence(q.Certified).Known {
		q.Certified++
	}
	return q
}

// oldest is the first epoch that may have state at next.
func oldest(next messages.Epoch) messages.Epoch { return max(next, Lookback+1) - (Lookback + 1) }

// A Record is one thing to be remembered across a crash: what this member said
// to everybody in an epoch, or, as a Value of another proposer, what it held
// when it echoed.
type Record struct {
	Epoch     messages.Epoch
	Statement frames.Statement
}

// Send is a statement to one peer, or to all if To is nil. Without a statement
// it only tells where this member is.
type Send struct {
	To        *messages.PeerID
	Epoch     messages.Epoch
	Again     bool // see [frames.Frame]
	Calls     bool // see [frames.Frame]; without a statement
	Statement frames.Statement
	// CanWait says that a few milliseconds later will do: more is likely to be
	// said soon, and nobody waits for this while all members are live. It
	// must be said all the same.
	CanWait bool
}

// A Contribution is one member's part of an outcome. Payload has length 0 if
// the member contributed nothing or its proposal could not be opened.
type Contribution struct {
	Peer    messages.PeerID
	Payload []byte
}

// An Outcome is what an epoch agreed on: the contributions of the accepted
// members, ascending. Members that are not in it were not accepted.
type Outcome struct {
	Epoch         messages.Epoch
	Contributions []Contribution
}

// Notice says that a peer is at an epoch.
type Notice struct {
	Peer  messages.PeerID
	Epoch messages.Epoch
}

// A Step is what every call asks of the caller. Records come first: nothing else
// of the step may be seen by anybody before they are durable.
type Step struct {
	Records  []Record
	Sends    []Send
	Outcomes []Outcome
	Wanted   []messages.Epoch // at most one: the epoch to which a contribution should be made
	Behind   []Notice         // peers that lack the outcome of Epoch, which is over, and cannot know
	Ahead    []Notice         // peers that say they have the outcomes before Epoch, out of our reach
	Faults   []protocol.Fault
	// Resets are peers that are waited for in vain, and of whom nothing at all was heard:
	// their links should be opened anew, since they may only seem to be up.
	Resets []messages.PeerID
}

// Join appends a later step to s.
func (s *Step) Join(later Step) {
	s.Records = append(s.Records, later.Records...)
	s.Sends = append(s.Sends, later.Sends...)
	s.Outcomes = append(s.Outcomes, later.Outcomes...)
	s.Wanted = append(s.Wanted, later.Wanted...)
	s.Behind = append(s.Behind, later.Behind...)
	s.Ahead = append(s.Ahead, later.Ahead...)
	s.Faults = append(s.Faults, later.Faults...)
	s.Resets = append(s.Resets, later.Resets...)
}

// CanWait reports whether all of the step can wait, see [Send].
func (s *Step) CanWait() bool {
	if len(s.Outcomes)+len(s.Wanted)+len(s.Behind)+len(s.Ahead)+len(s.Faults)+len(s.Resets) > 0 {
		return false
	}
	return !slices.ContainsFunc(s.Sends, func(s Send) bool { return !s.CanWait })
}

// Empty reports whether the step asks for nothing.
func (s *Step) Empty() bool {
	return len(s.Records)+len(s.Sends)+len(s.Outcomes)+len(s.Wanted)+len(s.Behind)+len(s.Ahead)+len(s.Faults)+len(s.Resets) == 0
}

// Core is one member's HoneyBadgerBFT. It is not safe for concurrent use.
type Core struct {
	cfg      Config
	quorum   protocol.Quorum
	position Position
	born     messages.Epoch // Next when this core was made
	epochs   []*epoch       // open ones that have state, ascending
	restored []Record       // of epochs that are not open yet
	work     bool           // there is something to propose
	peers    roster
	located  bool // Certified and peers follow from what peers told
	now      time.Time
	patience time.Duration // since pulls were moved on
	stuck    time.Duration // with work and without a commit
	asked    time.Duration // of that, when others were asked to repeat themselves
	called   time.Duration // since others were asked for an epoch
}

// New returns the core of a member at a position, with the journal that it left
// behind, and asks peers to say again what they said. It panics if the
// configuration makes no sense; the journal is our own and trusted.
func New(cfg Config, position Position, journal []Record) (*Core, Step) {
	c := &Core{cfg: cfg, quorum: protocol.NewQuorum(cfg.Members), born: position.Next, restored: slices.Clone(journal)}
	c.position = position.moved(position.Next, nil)
	if int(cfg.Self) >= cfg.Members || cfg.Encryption != 0 && cfg.Scheme == nil || position.Certified > position.Next {
		panic(fmt.Sprintf("honeybadger: member %d of %d at %+v, encryption %d", cfg.Self, cfg.Members, position, cfg.Encryption))
	}
	c.peers = newRoster(cfg.Members)
	step := c.restore()
	step.Join(c.advance())
	for i := range c.peers {
		if messages.PeerID(i) != cfg.Self {
			step.Join(c.repeat(messages.PeerID(i), true))
		}
	}
	return c, step
}

// restore gives epochs that came open their records, and forgets those that
// are over, before anything else is said in these epochs.
func (c *Core) restore() Step {
	var step Step
	for number := c.position.Certified; number <= c.position.Next+Ahead; number++ {
		if own := recordsOf(c.restored, number); own != nil && c.takesPart(number) && find(c.epochs, number) == nil {
			step.Join(c.epoch(number).restore(own))
		}
	}
	c.restored = slices.DeleteFunc(c.restored, func(r Record) bool {
		return r.Epoch < c.position.Certified || find(c.epochs, r.Epoch) != nil
	})
	return step
}

func recordsOf(records []Record, number messages.Epoch) []Record {
	var own []Record
	for _, r := range records {
		if r.Epoch == number {
			own = append(own, r)
		}
	}
	return own
}

// takesPart reports whether statements about an epoch count, and are made.
func (c *Core) takesPart(number messages.Epoch) bool {
	if mutant.Removed(mutant.EpochWindow) {
		return true
	}
	return number >= max(c.position.Certified, c.cfg.Silent) && number <= c.position.Next+Ahead && c.position.absence(number).Known
}

// epoch returns the state of an epoch that this member takes part in.
func (c *Core) epoch(number messages.Epoch) *epoch {
	at := 0
	for at < len(c.epochs) && c.epochs[at].number < number {
		at++
	}
	if at < len(c.epochs) && c.epochs[at].number == number {
		return c.epochs[at]
	}
	if !c.takesPart(number) {
		panic(fmt.Sprintf("honeybadger: state of epoch %d at %+v", number, c.position))
	}
	e := newEpoch(c, number)
	c.epochs = slices.Insert(c.epochs, at, e)
	return e
}

// Proposal returns what this member proposed in an epoch, as far as it knows.
func (c *Core) Proposal(number messages.Epoch) (frames.Value, bool) {
	if e := find(c.epochs, number); e != nil && e.subset.Proposed() {
		return e.subset.Value(c.cfg.Self), true
	}
	for _, r := range c.restored {
		if v, ok := r.Statement.(frames.Value); ok && r.Epoch == number && v.Proposer == c.cfg.Self {
			return v, true
		}
	}
	return frames.Value{}, false
}

// Position returns where the core is.
func (c *Core) Position() Position { return c.position }

// Journal returns all records that a restart still needs, in the order in which
// they were made within each epoch. Everything else in the journal may go.
func (c *Core) Journal() []Record {
	var all []Record
	for _, e := range c.epochs {
		all = append(all, e.records...)
	}
	return append(all, c.restored...)
}

// String returns where the core is and the state of its open epochs.
func (c *Core) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "next=%d certified=%d", c.position.Next, c.position.Certified)
	for _, e := range c.epochs {
		fmt.Fprintf(&b, "\nepoch %d opened=%t proposed=%t outcome=%t\n%s", e.number, e.opened, e.proposed, e.outcome != nil, e.subset)
	}
	return b.String()
}
