package honeybadger

import (
	"slices"

	"minimint/actors/hbbft/acs"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// An epoch is one open epoch: its common subset, and then the decryption of
// what was accepted.
type epoch struct {
	number messages.Epoch
	self   messages.PeerID

	subset      *acs.Subset
	decryptions []*tdec.Decryption // by proposer; nil in an epoch without encryption
	shares      *tdec.Board        // of the decryptions
	opened      bool               // this member echoes and proposes
	proposed    bool
	wanted      bool // the caller was asked for a contribution

	result
	records []Record
	faults  []int  // by peer: told so far
	present int    // members that are expected to propose
	peers   roster // the core's
}

// A result is what becomes of the proposals of an epoch.
type result struct {
	set           []messages.PeerID
	contributions [][]byte // by proposer
	missing       int      // accepted contributions that are not open yet
	outcome       *Outcome
	told          bool // the outcome was handed out
}

func newEpoch(c *Core, number messages.Epoch) *epoch {
	n := c.cfg.Members
	absent := c.position.absence(number).Absent
	e := &epoch{
		number: number, self: c.cfg.Self, peers: c.peers, present: n,
		result: result{contributions: make([][]byte, n)}, faults: make([]int, n),
	}
	for _, gone := range absent {
		if gone {
			e.present--
		}
	}
	e.subset = acs.New(acs.Config{
		Quorum: c.quorum, Self: c.cfg.Self, Epoch: c.cfg.slot(number),
		Signer: c.cfg.Signer, Verifier: c.cfg.Verifier, Coin: c.cfg.Coin, Absent: absent,
		Distrusted: e.distrusted, Reborn: number <= c.born+Ahead,
	})
	if c.cfg.Encryption.At(number) {
		e.decryptions, e.shares = make([]*tdec.Decryption, n), tdec.NewBoard(n)
		for i := range e.decryptions {
			slot := c.cfg.slot(number)
			slot.Proposer = messages.PeerID(i)
			e.decryptions[i] = tdec.New(tdec.Config{Quorum: c.quorum, Self: c.cfg.Self, Slot: slot, Scheme: c.cfg.Scheme, Board: e.shares, Distrusted: e.distrusted})
		}
	}
	return e
}

// restore gives a fresh epoch its past.
func (e *epoch) restore(records []Record) Step {
	e.records = records
	var own []frames.Statement
	for _, r := range records {
		if share, ok := r.Statement.(frames.DecryptionShare); ok {
			if e.decryptions != nil {
				e.decryptions[share.Proposer].Restore(share)
			}
			continue
		}
		if _, ok := r.Statement.(frames.Value); ok {
			e.proposed = e.proposed || r.Statement.Slot() == e.self
			e.opened = true
		}
		own = append(own, r.Statement)
	}
	step := e.absorb(e.subset.Restore(own))
	if e.opened {
		step.Join(e.open())
	}
	return step
}

// open lets this member take part.
func (e *epoch) open() Step {
	e.opened = true
	return e.absorb(e.subset.Open())
}

// propose makes this member's proposal.
func (e *epoch) propose(payload []byte) Step {
	e.proposed = true
	return e.absorb(e.subset.Propose(payload))
}

// take takes all that a peer says in one frame, in one order however it came.
func (e *epoch) take(from messages.PeerID, f *frames.Frame) Step {
	var step Step
	for _, s := range f.Statements {
		step.Join(e.handle(from, s))
	}
	for child := range e.subset.HandleEchoes(from, f.Echoes) {
		step.Join(e.absorb(child))
	}
	for child := range e.subset.HandleReadys(from, f.Readys) {
		step.Join(e.absorb(child))
	}
	for i := range f.Votes {
		for child := range e.subset.HandleVotes(from, &f.Votes[i]) {
			step.Join(e.absorb(child))
		}
	}
	for _, share := range f.Shares {
		if e.shares == nil || int(share.Proposer) >= len(e.faults) || !e.shares.Late(from, share) {
			step.Join(e.handleShare(from, share))
		}
	}
	return step
}

// handle takes one statement of a peer.
func (e *epoch) handle(from messages.PeerID, s frames.Statement) Step {
	if share, ok := s.(frames.DecryptionShare); ok {
		return e.handleShare(from, share)
	}
	return e.absorb(e.subset.Handle(from, s))
}

func (e *epoch) handleShare(from messages.PeerID, share frames.DecryptionShare) Step {
	switch {
	case int(share.Proposer) >= len(e.faults):
		return e.blame(from, protocol.UnknownProposer, share)
	case e.decryptions == nil:
		return e.blame(from, protocol.UnexpectedShare, share)
	}
	return e.absorbShare(share.Proposer, e.decryptions[share.Proposer].Handle(from, share))
}

// absorb takes what the common subset answered.
func (e *epoch) absorb(child acs.Step) Step {
	step := e.say(child.Say, child.Faults)
	for _, output := range child.Outputs {
		switch o := output.(type) {
		case acs.Accepted:
			if e.decryptions == nil {
				e.contributions[o.Proposer] = o.Payload
			} else {
				e.decryptions[o.Proposer].Accept(o.Payload)
			}
		case acs.Done:
			step.Join(e.decrypt(o.Proposers))
		}
	}
	return step
}

// decrypt opens the accepted proposals. Only now, that the set is final, does
// this member give away shares.
func (e *epoch) decrypt(set []messages.PeerID) Step {
	e.set = set
	if e.decryptions == nil {
		e.finish()
		return Step{}
	}
	e.missing = len(set)
	var step Step
	for i, d := range e.decryptions {
		if j := messages.PeerID(i); slices.Contains(set, j) {
			step.Join(e.absorbShare(j, d.Release()))
		} else {
			step.Join(e.absorbShare(j, d.Exclude()))
		}
	}
	return step
}

// absorbShare takes what the decryption of one proposal answered.
func (e *epoch) absorbShare(proposer messages.PeerID, child tdec.Step) Step {
	for i, f := range child.Faults {
		if f.Kind == protocol.BadCiphertext { // the evidence begins with what its proposer signed
			child.Faults[i].Evidence = append([]frames.Statement{e.subset.Value(proposer)}, f.Evidence...)
		}
	}
	step := e.say(child.Say, child.Faults)
	for _, contribution := range child.Outputs {
		e.contributions[proposer] = contribution
		if e.missing--; e.missing == 0 {
			e.finish()
		}
	}
	return step
}

func (e *epoch) finish() {
	o := &Outcome{Epoch: e.number}
	for _, j := range e.set {
		o.Contributions = append(o.Contributions, Contribution{Peer: j, Payload: e.contributions[j]})
	}
	e.outcome = o
}

// say turns what a protocol says into records and sends. What is said to
// everybody is recorded; an Echo after the proposal that it promises to hold.
func (e *epoch) say(say []protocol.Say, faults []protocol.Fault) Step {
	var step Step
	for _, s := range say {
		if s.To == nil {
			if echo, ok := s.Statement.(frames.Echo); ok && echo.Proposer != e.self {
				step.Records = append(step.Records, Record{e.number, e.subset.Value(echo.Proposer)})
			}
			step.Records = append(step.Records, Record{e.number, s.Statement})
		}
		step.Sends = append(step.Sends, Send{To: s.To, Epoch: e.number, Statement: s.Statement, CanWait: e.canWait(s.Statement)})
	}
	e.records = append(e.records, step.Records...)
	for _, f := range faults {
		if f.Kind == protocol.BadDecryptionShare || f.Kind == protocol.BadCoinShare {
			e.peers[f.Peer].distrusted = max(e.peers[f.Peer].distrusted, e.number+Distrust)
		}
		step.Join(e.tell(f))
	}
	return step
}

// canWait reports whether a statement may be sent a little later, see [Send]. While
// nobody is absent the fast paths of broadcast and agreement make most votes
// needless before they are missed; Echo and Input are held back while more of them are
// expected, so that one frame carries all. Whoever is wrong about who is there pays
// with that little time, once a phase.
func (e *epoch) canWait(s frames.Statement) bool {
	switch s.(type) {
	case frames.Ready, frames.BVal, frames.Aux, frames.Conf, frames.Term:
		return e.present == len(e.faults)
	case frames.Echo:
		return e.subset.Held() < e.present
	case frames.Input:
		return e.subset.Put() < e.present
	case frames.Value, frames.Pull, frames.CoinShare, frames.DecryptionShare:
	}
	return false
}

// distrusted reports whether a peer's shares are not used.
func (e *epoch) distrusted(peer messages.PeerID) bool { return e.number < e.peers[peer].distrusted }

func (e *epoch) blame(peer messages.PeerID, kind protocol.FaultKind, s frames.Statement) Step {
	return e.tell(protocol.Fault{Peer: peer, Kind: kind, Epoch: e.number, Proposer: s.Slot(), Evidence: []frames.Statement{s}})
}

// tell passes a fault on, up to the limit of its peer. What convinces others is
// passed on always: there is one of a kind and slot, and whoever is about to
// make it could reach the limit first.
func (e *epoch) tell(f protocol.Fault) Step {
	if f.Kind.Transferable() {
		return Step{Faults: []protocol.Fault{f}}
	}
	if e.faults[f.Peer]++; e.faults[f.Peer] > MaxFaults && !mutant.Removed(mutant.FaultLimit) {
		return Step{}
	}
	if e.faults[f.Peer] == MaxFaults {
		f.Kind, f.Evidence = protocol.Flooding, nil
	}
	return Step{Faults: []protocol.Fault{f}}
}

// repeat says again to one peer what was said to everybody.
func (e *epoch) repeat(peer messages.PeerID) Step {
	var step Step
	for _, r := range e.records {
		if v, ok := r.Statement.(frames.Value); ok && v.Proposer != e.self {
			continue // held, not said
		}
		step.Sends = append(step.Sends, Send{To: &peer, Epoch: e.number, Statement: r.Statement})
	}
	step.Join(e.absorb(e.subset.LinkUp(peer)))
	return step
}
