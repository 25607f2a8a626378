package honeybadger_test

import (
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// deliver has the correct members deliver a proposal.
func (s *stage) deliver(v frames.Value) {
	slot := s.slot(s.epoch, v.Proposer)
	root := slot.Root(v.Payload)
	if v.Proposer != 0 {
		s.hear([]messages.PeerID{v.Proposer}, v)
	}
	s.hear(correct, frames.Echo{Proposer: v.Proposer, Root: root}, frames.Ready{Proposer: v.Proposer, Root: root})
}

// accepted ends the agreement on all proposals but the last: that of member 0 and
// those given are accepted.
func (s *stage) accepted(one, two frames.Value) {
	s.open()
	for _, v := range []frames.Value{s.value(0, "mine"), one, two} {
		s.deliver(v)
		s.hear(correct, frames.Term{Proposer: v.Proposer, Bit: true})
	}
}

// final makes the set of accepted proposals final: everybody but the liar.
func (s *stage) final() honeybadger.Step {
	s.hear([]messages.PeerID{1}, frames.Term{Proposer: liar})
	return s.hear([]messages.PeerID{2}, frames.Term{Proposer: liar})
}

// right is the right share of a member of the proposal of j with that content.
func (s *stage) right(of, j messages.PeerID, content string) []byte {
	share := hbbfttest.ToyShare(of, s.sealed(j, content))
	s.name(share, 16, "share of "+of.String())
	return share
}

func (s *stage) decrypts(of, j messages.PeerID, content string) frames.DecryptionShare {
	return frames.DecryptionShare{Proposer: j, Share: s.right(of, j, content)}
}

var junk = []byte("no share")

// sheetOfDecryption are the entries about threshold decryption.
var sheetOfDecryption = []scene{
	{"decryption share/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.decrypts(liar, 1, "a"))
		s.expect(nothing, liar, s.decrypts(liar, 1, "a"))
	}},
	{"decryption share/dropped/the proposal is open", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.hear([]messages.PeerID{1}, s.decrypts(1, 1, "a"))
		s.expect(nothing, liar, s.decrypts(liar, 1, "a"))
		s.expect(nothing, liar, frames.DecryptionShare{Proposer: 1, Share: junk})
	}},
	{"decryption share/blamed/other bytes", func(s *stage) {
		s.open()
		s.name(junk, 16, "junk")
		s.hear([]messages.PeerID{liar}, s.decrypts(liar, 1, "a"))
		s.expect("blames 3 for two-decryption-shares of 2/1 by [DecryptionShare(1, share of 3), DecryptionShare(1, junk)]",
			liar, frames.DecryptionShare{Proposer: 1, Share: junk})
	}},
	{"decryption share/blamed/other bytes, though the proposal is open", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.name(junk, 16, "junk")
		s.hear([]messages.PeerID{1}, s.decrypts(1, 1, "a"))
		s.expect("blames 1 for two-decryption-shares of 2/1 by [DecryptionShare(1, share of 1), DecryptionShare(1, junk)]",
			1, frames.DecryptionShare{Proposer: 1, Share: junk})
	}},
	{"decryption share/blamed/of a proposal that is not accepted", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.expect("blames 3 for unexpected-share of 2/3 by [DecryptionShare(3, share of 3)]", liar, s.decrypts(liar, liar, "c"))
		s.expect(nothing, liar, s.decrypts(liar, liar, "c"))
	}},
	{"decryption share/blamed/early, of a proposal that is not accepted", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.expect(kept, liar, s.decrypts(liar, liar, "c"))
		s.right(0, 0, "mine")
		s.right(0, 1, "a")
		s.right(0, 2, "b")
		s.expectDoing("says Term(3, false); says DecryptionShare(0, share of 0); says DecryptionShare(1, share of 0); says DecryptionShare(2, share of 0); "+
			"blames 3 for unexpected-share of 2/3 by [DecryptionShare(3, share of 3)]", s.final)
	}},
	{"decryption share/blamed/in an epoch that is not encrypted", func(s *stage) {
		s.encrypt = 2 // epochs 0, 2, …
		s.reboot()
		s.committed(3)
		s.expect("blames 3 for unexpected-share of 3/1 by [DecryptionShare(1, share of 3)]", liar, s.decrypts(liar, 1, "a"))
	}},
	{"decryption share/blamed/proven invalid", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.name(junk, 16, "junk")
		s.expect("blames 3 for bad-decryption-share of 2/1 by [DecryptionShare(1, junk)]", liar, frames.DecryptionShare{Proposer: 1, Share: junk})
		s.expect(kept, 1, s.decrypts(1, 1, "a")) // f+1 right ones open it all the same
	}},
	{"decryption share/blamed/of another slot", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.expect("blames 3 for bad-decryption-share of 2/2 by [DecryptionShare(2, share of 3)]",
			liar, frames.DecryptionShare{Proposer: 2, Share: s.right(liar, 1, "a")})
	}},
	{"decryption share/blamed/empty", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.expect("blames 3 for bad-decryption-share of 2/0 by [DecryptionShare(0, )]", liar, frames.DecryptionShare{Proposer: 0})
	}},
	{"decryption share/kept and not used/of one that gave a wrong one", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.hear([]messages.PeerID{liar}, frames.DecryptionShare{Proposer: 1, Share: junk})
		s.expect(kept, liar, frames.DecryptionShare{Proposer: 2, Share: junk})
		s.expect(kept, liar, s.decrypts(liar, 0, "mine"))
		s.hear([]messages.PeerID{1}, s.decrypts(1, 1, "a"), s.decrypts(1, 2, "b"))
		s.expect(`outcome 2: 0="mine" 1="a" 2="b"`, 1, s.decrypts(1, 0, "mine"))
	}},
	{"decryption share/blamed/too long", func(s *stage) {
		s.open()
		s.expectBare("blames 3 for oversize of 2/1 by []", liar, frames.DecryptionShare{Proposer: 1, Share: make([]byte, frames.MaxShare+1)})
	}},
	{"decryption share/counts/of full length", func(s *stage) {
		s.open()
		s.expect(kept, liar, frames.DecryptionShare{Proposer: 1, Share: make([]byte, frames.MaxShare)})
	}},
	{"decryption share/counts/before the set is final, and opens nothing", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		for _, of := range others {
			s.expect(kept, of, s.decrypts(of, 1, "a"))
			s.expect(kept, of, s.decrypts(of, 2, "b"))
			s.expect(kept, of, s.decrypts(of, 0, "mine"))
		}
		s.right(0, 0, "mine")
		s.right(0, 1, "a")
		s.right(0, 2, "b")
		s.expectDoing("says Term(3, false); says DecryptionShare(0, share of 0); says DecryptionShare(1, share of 0); says DecryptionShare(2, share of 0); "+
			`outcome 2: 0="mine" 1="a" 2="b"`, s.final)
	}},
	{"decryption share/counts/f+1 open, and the last one ends the epoch", func(s *stage) {
		s.accepted(s.value(1, "a"), s.value(2, "b"))
		s.final()
		s.expect(kept, 1, s.decrypts(1, 0, "mine"))
		s.expect(kept, 1, s.decrypts(1, 1, "a"))
		s.expect(`outcome 2: 0="mine" 1="a" 2="b"`, liar, s.decrypts(liar, 2, "b"))
	}},
	{"proposal/blamed/no ciphertext of its slot, and contributes nothing", func(s *stage) {
		v := s.signed(2, []byte("plain"))
		s.root(2, v.Payload, "plain")
		s.accepted(s.value(1, "a"), v)
		s.right(0, 0, "mine")
		s.right(0, 1, "a")
		s.expectDoing("says Term(3, false); says DecryptionShare(0, share of 0); says DecryptionShare(1, share of 0); "+
			"blames 2 for bad-ciphertext of 2/2 by [Value(2, plain)]", s.final)
		s.hear([]messages.PeerID{1}, s.decrypts(1, 0, "mine"))
		s.expect(`outcome 2: 0="mine" 1="a" 2=""`, 1, s.decrypts(1, 1, "a"))
	}},
	{"proposal/blamed/opens to nothing, and contributes nothing", func(s *stage) {
		v := s.signed(2, hbbfttest.SealBroken(s.slot(2, 2).Label()))
		s.root(2, v.Payload, "broken")
		s.accepted(s.value(1, "a"), v)
		s.final()
		s.hear([]messages.PeerID{1}, s.decrypts(1, 0, "mine"), s.decrypts(1, 1, "a"))
		s.hear([]messages.PeerID{liar}, frames.DecryptionShare{Proposer: 2, Share: junk})
		for of := range messages.PeerID(2) {
			s.name(hbbfttest.ToyShare(of, v.Payload), 16, "share of "+of.String())
		}
		s.expect(`outcome 2: 0="mine" 1="a" 2=""; blames 2 for bad-ciphertext of 2/2 by [Value(2, broken), `+
			"DecryptionShare(2, share of 0), DecryptionShare(2, share of 1), DecryptionShare(2, ), DecryptionShare(2, )]",
			1, frames.DecryptionShare{Proposer: 2, Share: hbbfttest.ToyShare(1, v.Payload)})
	}},
}
