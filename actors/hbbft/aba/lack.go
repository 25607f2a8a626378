package aba

import (
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// Lacks says what the present round waits for: nothing before our input and after
// the decision.
func (a *Agreement) Lacks() []protocol.Lack {
	if a.decided || a.votes.inputs.of(a.cfg.Self) == 0 && a.votes.at(a.round).bval.of(a.cfg.Self) == 0 {
		return nil
	}
	q, rd := a.cfg.Quorum, a.votes.at(a.round)
	spoke := func(votes ballot) func(messages.PeerID) bool {
		return func(p messages.PeerID) bool { return votes.of(p) != 0 || a.votes.terms.of(p) != 0 }
	}
	lack := func(of protocol.LackKind, need int, said func(messages.PeerID) bool) []protocol.Lack {
		from := protocol.Missing(q.N, said)
		if len(from) == 0 {
			return nil
		}
		return []protocol.Lack{{
			Of: of, Proposer: a.cfg.Proposer, Round: a.round, Need: min(max(need-(q.N-len(from)), 1), len(from)), From: from,
		}}
	}
	_, fixed := a.cfg.fixedCoin(a.round)
	switch {
	case rd.bin == 0:
		return lack(protocol.Votes, q.Strong(), spoke(*rd.bval))
	case fixed || rd.conf.of(a.cfg.Self) == 0:
		return lack(protocol.AuxVote, q.Live(), spoke(*rd.aux))
	case rd.cand == frames.BitSet(0):
		return lack(protocol.ConfVote, q.Live(), spoke(rd.conf))
	}
	return lack(protocol.CoinShare, q.Some(), func(p messages.PeerID) bool { return rd.shareOf(p) != nil })
}
