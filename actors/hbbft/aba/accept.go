package aba

import (
	"slices"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// Window is how many rounds beyond its own a member listens to. A faster peer
// is remembered to be ahead, and what it says is ignored.
const Window = 16

// Rounds is how many rounds an agreement can have. Each third one has a real coin
// that ends the agreement with a probability of at least one half, so no correct
// member reaches the last one; whoever speaks of more wants memory. It bounds
// what an agreement keeps even if more members conspire than it tolerates, and
// drag us from round to round by claiming to be there.
const Rounds = 1024

// shareWindow holds two rounds with a real coin, so that a peer never has more
// than two shares with us.
const shareWindow = 5

// kinds are the faults that an agreement can raise. A peer is blamed for each
// of them at most once in an agreement, so a flood makes no flood of faults.
var kinds = [...]protocol.FaultKind{
	protocol.Malformed, protocol.TwoInputs, protocol.TwoAux, protocol.TwoConf, protocol.EmptyConf,
	protocol.TwoTerms, protocol.BadCoinShare, protocol.TwoCoinShares, protocol.UnexpectedShare,
}

// invalid names the fault of a statement that no correct member makes, whatever
// it heard; "" if there is none. It panics on statements of other protocols.
func (c *Config) invalid(statement frames.Statement) protocol.FaultKind {
	if q, ok := roundOf(statement); ok && q >= Rounds {
		return protocol.Malformed
	}
	switch s := statement.(type) {
	case frames.Input, frames.BVal, frames.Aux, frames.Term:
		return ""
	case frames.Conf:
		if s.Bits == 0 {
			return protocol.EmptyConf
		}
		if _, fixed := c.fixedCoin(s.Round); fixed || s.Bits > hasBoth {
			return protocol.Malformed
		}
		return ""
	case frames.CoinShare:
		if _, fixed := c.fixedCoin(s.Round); fixed {
			return protocol.UnexpectedShare
		}
		if !c.Coin.WellFormed(s.Share) {
			return protocol.BadCoinShare
		}
		return ""
	case frames.Value, frames.Echo, frames.Ready, frames.Pull, frames.DecryptionShare:
		panic("aba: statement of another protocol")
	default:
		panic("aba: statement of unknown kind")
	}
}

// roundOf returns the round that a statement is about; false if it is about none.
func roundOf(statement frames.Statement) (uint32, bool) {
	switch s := statement.(type) {
	case frames.BVal:
		return s.Round, true
	case frames.Aux:
		return s.Round, true
	case frames.Conf:
		return s.Round, true
	case frames.CoinShare:
		return s.Round, true
	case frames.Input, frames.Term, frames.Value, frames.Echo, frames.Ready, frames.Pull, frames.DecryptionShare:
		return 0, false
	default:
		panic("aba: statement of unknown kind")
	}
}

// wanted reports whether a valid statement is one that we keep, and remembers
// that the peer is ahead if it is beyond the window.
func (a *Agreement) wanted(from messages.PeerID, statement frames.Statement) bool {
	switch s := statement.(type) {
	case frames.BVal:
		return a.hear(from, s.Round, Window)
	case frames.Aux:
		return a.hear(from, s.Round, Window)
	case frames.Conf:
		return a.hear(from, s.Round, Window)
	case frames.CoinShare:
		// A coin that we have or do not need, and a second try of a liar.
		if a.decided || s.Round < a.round || !a.hear(from, s.Round, shareWindow) {
			return false
		}
		return !a.votes.at(s.Round).liars.has(from)
	default:
		return true
	}
}

// hear remembers that the peer spoke about round q, and reports whether that
// is at most reach rounds beyond ours.
func (a *Agreement) hear(from messages.PeerID, q, reach uint32) bool {
	a.horizon.heard[from] = max(a.horizon.heard[from], q)
	a.follow()
	if !beyond(q, a.round, reach) {
		return true
	}
	a.horizon.miss(from, q-reach)
	return false
}

// blame raises a fault, unless the peer was blamed for the same kind before.
func (a *Agreement) blame(peer messages.PeerID, kind protocol.FaultKind, evidence ...frames.Statement) {
	known := &a.blamed[slices.Index(kinds[:], kind)]
	if known.has(peer) {
		return
	}
	known.add(peer)
	a.step.Faults = append(a.step.Faults, protocol.Fault{
		Peer: peer, Kind: kind, Epoch: a.cfg.Epoch, Proposer: a.cfg.Proposer, Evidence: evidence,
	})
}

// horizon is what is known of peers that are in other rounds than we are.
type horizon struct {
	heard  []uint32 // by peer: the highest round it spoke about
	missed []uint32 // by peer: our round in which what we ignored will count; 0 if nothing
	some   bool     // something was missed: looking is not for nothing
}

// miss remembers that something of the peer was ignored that counts from our
// round due (at least 1) on.
func (h *horizon) miss(peer messages.PeerID, due uint32) {
	if h.missed[peer] == 0 || due < h.missed[peer] {
		h.missed[peer], h.some = due, true
	}
}

// due returns, once, the peers of which something was ignored that counts now.
func (h *horizon) due(round uint32) []messages.PeerID {
	if !h.some {
		return nil
	}
	h.some = false
	var peers []messages.PeerID
	for peer, due := range h.missed {
		if due != 0 && due <= round {
			h.missed[peer] = 0
			peers = append(peers, messages.PeerID(peer))
		}
		h.some = h.some || h.missed[peer] != 0
	}
	return peers
}

// reached returns the highest round, from this one up, that some peers have
// spoken about or have passed.
func (h *horizon) reached(round uint32, some int) uint32 {
	for {
		count, nearest := 0, ^uint32(0)
		for _, q := range h.heard {
			if q > round {
				count, nearest = count+1, min(nearest, q)
			}
		}
		if count < some {
			return round
		}
		round = nearest
	}
}

// beyond reports whether q is more than reach rounds after round.
func beyond(q, round, reach uint32) bool { return uint64(q) > uint64(round)+uint64(reach) }
