// Package aba is asynchronous binary agreement: the members of a federation
// each put in one bit and all take out the same one, whatever up to F of them
// do and however long messages take. HoneyBadgerBFT runs one [Agreement] per
// proposer and epoch, on the question whether that proposal is accepted.
//
// It keeps three properties. Agreement: no two correct members output
// different bits. Validity: the output is the input of a correct member.
// Termination: once what correct members said to each other has arrived and
// every one of them has had its input, each of them has an output.
//
// # Protocol
//
// The base is the agreement of Mostéfaoui, Moumen and Raynal (PODC 2014) with
// the CONF phase of Cobalt (MacBrough 2018). A round runs like this:
//
//	BVAL(b)  my estimate is b, or F+1 members said b; 2F+1 of them put b into bin
//	AUX(b)   the first bit that joined my bin
//	vals     the bits of AUX in bin, once N-F distinct members sent such an AUX
//	CONF(S)  rounds with a real coin only: my vals
//	cand     vals, or in rounds with a real coin the union of N-F CONF within bin
//	SHARE    rounds with a real coin only, and only after cand is fixed
//	end      cand = {coin}: decide it; cand = {b}: estimate b; else estimate coin
//
// Round r has a real coin if r mod 3 = 2; the others have a fixed one, 1 and 0
// in turn (0 and 1 if the proposer is known to be absent), which costs nothing
// and ends most agreements at once. INPUT is BVAL of round 0 that is marked as
// the member's own input: all N equal decide. TERM(b) says that the sender
// decided b. It stands for its BVAL, AUX and CONF in all rounds where it made
// no other, and F+1 of them decide.
//
// Unlike the papers, relaying never ends: F+1 BVAL(b) of any round are answered
// with BVAL(b), in rounds that this member has left, in rounds that it has not
// reached, and after it decided. Each of the three is needed for termination;
// DESIGN.md says why and testdata holds a schedule for each.
//
// # Use
//
// Make an Agreement with [New], give it the member's journal with
// [Agreement.Restore] if there is one, and then [Agreement.Input] once and
// [Agreement.Handle] whatever the others say, in any order. What a Step says
// goes to everybody else; own statements are counted inside and are not handed
// back. Keep the Agreement until the epoch is collected: others may need it
// after it has decided. When [Agreement.Missed] names peers, ask them to say
// again what they have said.
package aba

import (
	"fmt"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// Config is fixed for the life of an Agreement. All members must hold the same
// but for Self.
type Config struct {
	Quorum   protocol.Quorum
	Self     messages.PeerID
	Epoch    messages.Epoch // only to name faults by
	Proposer messages.PeerID
	Coin     Coin
	// Board is shared by the agreements of an epoch; nil: this one has its own.
	Board *Board
	// Absent says that the federation agreed that this proposer did not take
	// part lately: fixed coins then favour 0. Never a local impression.
	Absent bool
	// Distrusted says whose coin shares are not used, because the member gave
	// wrong ones elsewhere; nil: nobody's are. It may say so at any time, of
	// faulty members only.
	Distrusted func(messages.PeerID) bool
}

// Agreement is one member's side of the agreement on one proposer. It is not
// safe for concurrent use.
type Agreement struct {
	cfg     Config
	without rules

	// round is r of the rules: the round that we are in, or after deciding the
	// one that we follow the others to.
	round    uint32
	votes    votes
	decided  bool
	decision bool

	horizon horizon
	blamed  [len(kinds)]peers
	step    protocol.Step[bool] // what the present call asks for
	begun   bool
}

// New returns an Agreement that has heard nothing. It panics if the quorum does
// not hold Self and Proposer.
func New(cfg Config) *Agreement {
	n := cfg.Quorum.N
	if n < 1 || n > messages.MaxPeers || cfg.Quorum != protocol.NewQuorum(n) {
		panic(fmt.Sprintf("aba: quorum %+v", cfg.Quorum))
	}
	if int(cfg.Self) >= n || int(cfg.Proposer) >= n {
		panic(fmt.Sprintf("aba: member %d or proposer %d is not one of %d", cfg.Self, cfg.Proposer, n))
	}
	if cfg.Coin == nil {
		panic("aba: no coin")
	}
	if cfg.Board == nil {
		cfg.Board = NewBoard(n)
	}
	b, p := cfg.Board, cfg.Proposer
	return &Agreement{
		cfg:     cfg,
		votes:   votes{n: n, inputs: &b.inputs[p], terms: &b.terms[p], first: [2]*ballot{&b.bval[p], &b.aux[p]}},
		horizon: horizon{heard: make([]uint32, n), missed: make([]uint32, n)},
	}
}

// Input puts in our bit. Only the first one counts: later ones, and those after
// the decision, are ignored, because after a restart the caller may come to
// another bit than the one that the journal shows we said.
func (a *Agreement) Input(bit bool) protocol.Step[bool] {
	a.begun = true
	if a.decided || a.votes.inputs.of(a.cfg.Self) != 0 {
		return protocol.Step[bool]{}
	}
	a.say(frames.Input{Proposer: a.cfg.Proposer, Bit: bit})
	a.relay(0)
	a.progress()
	return a.take()
}

// Handle takes one statement of another member. Exact repetitions mean nothing.
// It panics if the statement is not about this agreement's proposer, is of a
// kind that belongs to another protocol, or is from ourselves or a stranger:
// the caller routes, and knows who a link belongs to.
func (a *Agreement) Handle(from messages.PeerID, statement frames.Statement) protocol.Step[bool] {
	if int(from) >= a.cfg.Quorum.N || from == a.cfg.Self {
		panic(fmt.Sprintf("aba: statement from %d, we are %d of %d", from, a.cfg.Self, a.cfg.Quorum.N))
	}
	if statement.Slot() != a.cfg.Proposer {
		panic(fmt.Sprintf("aba: statement about proposer %d in the agreement on %d", statement.Slot(), a.cfg.Proposer))
	}
	a.begun = true
	if kind := a.cfg.invalid(statement); kind != "" {
		a.blame(from, kind, statement)
		return a.take()
	}
	if !a.wanted(from, statement) {
		return a.take()
	}
	switch prior := a.votes.prior(from, statement); {
	case prior == nil:
		a.votes.record(from, statement)
		a.react(statement)
	case !same(prior, statement):
		a.blame(from, contradiction(statement), prior, statement)
	}
	return a.take()
}

// Decision returns the bit that was output, and false if there is none yet.
func (a *Agreement) Decision() (bit, ok bool) { return a.decision, a.decided }

// Ahead reports whether the peer has spoken about a round beyond our window.
func (a *Agreement) Ahead(peer messages.PeerID) bool {
	return beyond(a.horizon.heard[peer], a.round, Window)
}

// Waits reports whether Missed has something to return, now or in a later round.
func (a *Agreement) Waits() bool { return a.horizon.some }

// Missed returns, once, the peers whose statements were ignored because they
// were too far ahead and would count by now. The caller asks them to say again
// what they have said.
func (a *Agreement) Missed() []messages.PeerID {
	return a.horizon.due(a.round)
}

// String returns one stable line: proposer, round, its bin, and the
// decision.
func (a *Agreement) String() string {
	decision := "undecided"
	if a.decided {
		decision = fmt.Sprintf("decided %d", index(a.decision))
	}
	var bin frames.BitSet
	if int(a.round) < len(a.votes.rounds) {
		bin = a.votes.rounds[a.round].bin
	}
	names := [...]string{"{}", "{0}", "{1}", "{0,1}"}
	return fmt.Sprintf("aba proposer=%d round=%d bin=%s %s", a.cfg.Proposer, a.round, names[bin], decision)
}

// take ends a call: it returns what was gathered in it.
func (a *Agreement) take() protocol.Step[bool] {
	a.post()
	step := a.step
	a.step = protocol.Step[bool]{}
	return step
}
