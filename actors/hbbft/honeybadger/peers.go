package honeybadger

import (
	"slices"
	"time"

	"minimint/actors/mutant"
	"minimint/messages"
)

// A peer is what a core remembers about one member beyond open epochs.
type peer struct {
	next    messages.Epoch // the highest Next that it told
	ahead   messages.Epoch // its Next when the caller was told that it is ahead
	behind  messages.Epoch // its Next when the caller was told that it is behind, plus one
	lagging time.Duration  // for how long it has lacked an outcome that is over
	lags    bool           // by what it has told it lacks one
	ignored messages.Epoch // newest epoch of its statements that did not count
	again   bool           // it asked to be told again and waits for its credit
	credit  time.Duration  // for starting epochs alone: a second each
	calls   bool           // it asked for epoch Next
	patient time.Duration  // for being told again: a second each
	faults  int            // told outside epochs
	quiet   time.Duration  // since anything was heard of it
	link    time.Duration  // since its link was reset
	// distrusted is the first epoch in which its shares are used again.
	distrusted messages.Epoch
}

// spend takes a second from a credit if it is there.
func spend(credit *time.Duration) bool {
	if *credit < time.Second {
		return false
	}
	*credit -= time.Second
	return true
}

// A roster is all members by PeerID; this member's own entry stays unused.
type roster []peer

func newRoster(n int) roster {
	r := make(roster, n)
	r.refill(Burst * time.Second)
	return r
}

// refill gives credit for the time that passed.
func (r roster) refill(passed time.Duration) {
	for i := range r {
		r[i].credit = min(r[i].credit+passed, Burst*time.Second)
		r[i].patient = min(r[i].patient+passed, Burst*time.Second)
	}
}

// over returns the first epoch that is not over: live members, this one at next
// included, are beyond all before it.
func (r roster) over(self messages.PeerID, next messages.Epoch, live int) messages.Epoch {
	nexts := make([]messages.Epoch, len(r))
	for i := range r {
		nexts[i] = r[i].next
	}
	nexts[self] = next
	slices.Sort(nexts)
	return min(nexts[len(nexts)-live], next)
}

// heard takes note of a peer's Next; reach is how far this member gets without
// help. It reports whether the peer turned out to be further.
func (r roster) heard(from messages.PeerID, next, reach messages.Epoch) (ahead bool) {
	p := &r[from]
	if next > p.next {
		p.next, p.lagging = next, 0
	}
	if next <= reach || next <= p.ahead {
		return false
	}
	p.ahead = next
	return true
}

// stragglers names peers that have lacked the outcome of the last epoch, which
// is over, for longer than what is on its way explains. They need not have said so
// since: one that waits for votes of that epoch, which nobody has any more, says
// nothing. Whoever is further behind learns so from our Next, and asks.
func (r roster) stragglers(passed time.Duration, next messages.Epoch) []Notice {
	var list []Notice
	for i := range r {
		p := &r[i]
		if p.lags = p.lags && p.next+1 == next; !p.lags {
			p.lagging = 0
			continue
		}
		if p.lagging += passed; p.lagging >= PullPatience && p.next+1 > p.behind {
			p.behind = p.next + 1
			list = append(list, Notice{messages.PeerID(i), p.next})
		}
	}
	return list
}

// beyond names peers that have outcomes from next on.
func (r roster) beyond(next messages.Epoch) []Notice {
	var list []Notice
	for i := range r {
		if r[i].next > next {
			list = append(list, Notice{messages.PeerID(i), r[i].next})
		}
	}
	return list
}

// owed returns the peers that asked to be told again and have credit for it,
// which is spent: to answer costs much more than to ask.
func (r roster) owed() []messages.PeerID {
	var list []messages.PeerID
	for i := range r {
		if r[i].again && (mutant.Removed(mutant.AgainCredit) || spend(&r[i].patient)) {
			r[i].again = false
			list = append(list, messages.PeerID(i))
		}
	}
	return list
}

// moved says that this member is at next, and returns the peers that said
// something which did not count then and does now.
func (r roster) moved(next messages.Epoch) []messages.PeerID {
	var list []messages.PeerID
	for i := range r {
		r[i].faults, r[i].calls = 0, false
		if r[i].ignored != 0 && r[i].ignored <= next+Ahead {
			r[i].ignored = 0
			list = append(list, messages.PeerID(i))
		}
	}
	return list
}

// linkUp forgets what the peer may have missed.
func (r roster) linkUp(peer messages.PeerID) {
	p := &r[peer]
	p.behind, p.ahead, p.lags, p.lagging = 0, 0, false, 0
}
