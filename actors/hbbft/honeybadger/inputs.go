package honeybadger

import (
	"fmt"
	"time"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// Work says that there is something to propose. It holds until the next epoch is
// committed; whoever still has something then says it again.
func (c *Core) Work() Step {
	c.work = true
	return c.advance()
}

// Propose answers Wanted with the contribution to an epoch: a ciphertext under
// the slot's label, or the plain bytes where the epoch is not encrypted. What
// comes too late or twice is dropped, which is no loss: the epoch's commit
// shows whether it got in. More than [frames.MaxPayload] bytes panic.
func (c *Core) Propose(number messages.Epoch, payload []byte) Step {
	if number != c.position.Next || !c.takesPart(number) {
		return Step{}
	}
	e := c.epoch(number)
	if !e.opened || e.proposed || e.subset.Proposed() || e.outcome != nil {
		return Step{}
	}
	step := e.propose(payload)
	step.Join(c.advance())
	return step
}

// Handle takes a frame of another member, known from its link. It panics if
// from is no other member; nothing in the frame can make it panic.
func (c *Core) Handle(from messages.PeerID, f frames.Frame) Step {
	if from == c.cfg.Self || int(from) >= len(c.peers) {
		panic(fmt.Sprintf("honeybadger: frame from %d at member %d of %d", from, c.cfg.Self, len(c.peers)))
	}
	if f.Era != c.cfg.Era {
		if c.peers[from].faults++; c.peers[from].faults > MaxFaults {
			return Step{}
		}
		return Step{Faults: []protocol.Fault{{Peer: from, Kind: protocol.WrongContext, Epoch: f.Epoch}}}
	}
	c.peers[from].quiet = 0
	step := c.locate(from, f.Next)
	if f.Again {
		c.peers[from].again = true
		step.Join(c.tellAgain())
	}
	if f.Calls && f.Epoch == c.position.Next {
		c.peers[from].calls = true
	}
	if f.Says() && c.takesPart(f.Epoch) {
		e := c.epoch(f.Epoch)
		step.Join(e.take(from, &f))
		for _, missed := range e.subset.Missed() {
			step.Sends = append(step.Sends, c.hello(missed, true))
		}
	} else if f.Says() && f.Epoch >= c.position.Certified {
		c.peers[from].ignored = max(c.peers[from].ignored, f.Epoch)
	}
	step.Join(c.advance())
	return step
}

// locate takes note of where a peer is.
func (c *Core) locate(from messages.PeerID, next messages.Epoch) Step {
	reach := c.position.Next
	if c.takesPart(reach) {
		reach++ // the outcome of Next comes by itself
	}
	var step Step
	if c.located && next <= c.peers[from].next && next <= reach {
		return step // nothing new, as in nearly all frames
	}
	if c.peers.heard(from, next, reach) {
		step.Ahead = append(step.Ahead, Notice{from, next})
	}
	c.certify()
	return step
}

// certify moves Certified to where n−f members are, and drops what is over.
func (c *Core) certify() {
	c.located = true
	over := c.peers.over(c.cfg.Self, c.position.Next, c.quorum.Live())
	c.position.Certified = max(c.position.Certified, over)
	for i := range c.peers {
		c.peers[i].lags = messages.PeerID(i) != c.cfg.Self && c.peers[i].next < c.position.Certified
	}
	for len(c.epochs) > 0 && c.epochs[0].number < c.position.Certified {
		c.epochs = c.epochs[1:]
	}
}

// Resync says that the link to a peer came up, or can be written to again after
// something was lost: it is told everything that this member said in open
// epochs, and where this member is; and what it proposed in them itself, since it may
// have lost its journal.
func (c *Core) Resync(peer messages.PeerID) Step {
	if peer == c.cfg.Self || int(peer) >= len(c.peers) {
		panic(fmt.Sprintf("honeybadger: link of member %d to %d", c.cfg.Self, peer))
	}
	c.peers.linkUp(peer)
	c.located = false
	step := c.repeat(peer, false)
	for _, e := range c.epochs {
		if e.subset.Holds(peer) {
			step.Sends = append(step.Sends, Send{To: &peer, Epoch: e.number, Statement: e.subset.Value(peer)})
		}
	}
	return step
}

// Missed says that something that a peer said may have been lost on the way to
// this core: the peer is asked to repeat what it said in open epochs.
func (c *Core) Missed(peer messages.PeerID) Step {
	return Step{Sends: []Send{c.hello(peer, true)}}
}

func (c *Core) repeat(peer messages.PeerID, again bool) Step {
	step := Step{Sends: []Send{c.hello(peer, again)}}
	for _, e := range c.epochs {
		step.Join(e.repeat(peer))
	}
	return step
}

func (c *Core) hello(peer messages.PeerID, again bool) Send {
	return Send{To: &peer, Epoch: c.position.Next, Again: again}
}

// tellAgain repeats what peers asked for, as far as their credit goes.
func (c *Core) tellAgain() Step {
	var step Step
	for _, peer := range c.peers.owed() {
		step.Join(c.repeat(peer, false))
	}
	return step
}

// Committed says that all outcomes up to before next are durable in this
// member's state. They may have come from here or from others. Absences begin
// with that at next, then at next−1 and so on; those that this core knows
// already may be left out. An epoch whose schedule of coins depends on an unknown
// one is not taken part in.
//
// A next that is not news only repeats, see Repeat; one that is older says that
// the caller's state went back to a former time, and asks peers for the rest.
func (c *Core) Committed(next messages.Epoch, absences ...Absence) Step {
	switch {
	case next < c.position.Next:
		return Step{Ahead: c.peers.beyond(next)}
	case next == c.position.Next:
		c.position = c.position.moved(next, absences)
		step := c.restore() // what is known now may have been missing
		step.Join(c.Repeat())
		return step
	}
	c.position, c.work, c.stuck = c.position.moved(next, absences), false, 0
	c.certify()
	step := Step{Sends: []Send{{Epoch: next, CanWait: true}}}
	for _, peer := range c.peers.moved(next) {
		step.Sends = append(step.Sends, c.hello(peer, true))
	}
	step.Join(c.restore())
	step.Join(c.advance())
	return step
}

// find returns the state of an epoch, or nil if it has none.
func find(epochs []*epoch, number messages.Epoch) *epoch {
	for _, e := range epochs {
		if e.number == number {
			return e
		}
	}
	return nil
}

// Tick tells the time. Ticks need not be regular; a second apart is enough.
func (c *Core) Tick(now time.Time) Step {
	if c.now.IsZero() {
		c.now = now
	}
	passed := min(max(now.Sub(c.now), 0), Burst*time.Second)
	c.now = now
	c.peers.refill(passed)
	step := c.unstick(passed)
	step.Join(c.tellAgain())
	step.Join(c.call(passed))
	step.Behind = c.peers.stragglers(passed, c.position.Next)
	if c.patience += passed; c.patience >= PullPatience {
		c.patience = 0
		for _, e := range c.epochs {
			step.Join(e.absorb(e.subset.Tick()))
		}
	}
	step.Join(c.advance())
	return step
}

// Repeat hands out again what the caller has not acted on: the outcome that
// waits for its commit, or the wish for a contribution. For a caller that
// restarted.
func (c *Core) Repeat() Step {
	if e := find(c.epochs, c.position.Next); e != nil {
		e.told, e.wanted = false, false
	}
	return c.advance()
}

// advance opens epoch Next if there is reason to, asks for a contribution to
// it, and hands out its outcome if it is there: one at a time, in order.
func (c *Core) advance() Step {
	var step Step
	if c.mayOpen() {
		step.Join(c.epoch(c.position.Next).open())
	}
	e := find(c.epochs, c.position.Next)
	switch {
	case e == nil:
	case e.outcome != nil && !e.told:
		e.told = true
		step.Outcomes = append(step.Outcomes, *e.outcome)
	case e.outcome == nil && e.opened && !e.proposed && !e.wanted:
		e.wanted = true
		step.Wanted = append(step.Wanted, e.number)
	}
	return step
}

func (c *Core) mayOpen() bool {
	if c.position.Next-c.position.Certified > Lookback || !c.takesPart(c.position.Next) {
		return false
	}
	e := find(c.epochs, c.position.Next)
	switch {
	case e != nil && (e.opened || e.outcome != nil):
		return false
	case c.work || e != nil && e.subset.Held() >= c.quorum.Some():
		return true
	}
	for i := range c.peers {
		wants := c.peers[i].calls || e != nil && e.subset.Holds(messages.PeerID(i))
		if wants && spend(&c.peers[i].credit) {
			return true
		}
	}
	return false
}

// call asks the others for the epoch Next if this member takes no part in it.
func (c *Core) call(passed time.Duration) Step {
	if c.takesPart(c.position.Next) {
		return Step{}
	}
	if c.called += passed; c.called < CallAfter {
		return Step{}
	}
	c.called = 0
	return Step{Sends: []Send{{Epoch: c.position.Next, Calls: true}}}
}
