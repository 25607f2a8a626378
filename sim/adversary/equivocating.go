package adversary

import (
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// equivocation proposes one thing to half of the members and another to the rest,
// both sealed and signed as they should be, and stands by each before its half, to
// the share that opens it.
func equivocation(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		o := other{Corrupt: c}
		return mask{change: func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
			if to%2 == 1 && s.Slot() == c.Self {
				s = o.instead(c, e, s)
			}
			return []frames.Statement{s}
		}}
	}
}

// other are other proposals of a member than its node makes: of nothing.
type other struct {
	*world.Corrupt
	values map[messages.Epoch]frames.Value
	// victim and believer are for those with two faces, see facing.
	victim, believer messages.PeerID
}

func (o *other) proposal(e messages.Epoch) frames.Value {
	v, ok := o.values[e]
	if ok {
		return v
	}
	if o.values == nil {
		o.values = map[messages.Epoch]frames.Value{}
	}
	v = o.Proposal(e, sealed(o.Corrupt, e, nil))
	o.values[e] = v
	delete(o.values, e-16)
	return v
}

// instead returns what a member that colludes, or is the same, would say of the slot
// if this were the proposal.
func (o *other) instead(c *world.Corrupt, e messages.Epoch, s frames.Statement) frames.Statement {
	v, slot := o.proposal(e), o.Slot(e, o.Self)
	switch s := s.(type) {
	case frames.Value:
		return v
	case frames.Echo:
		s.Root = slot.Root(v.Payload)
		return s
	case frames.Ready:
		s.Root = slot.Root(v.Payload)
		return s
	case frames.DecryptionShare:
		if share, ok := shareOf(c, e, v); ok {
			return share
		}
		return s
	default:
		return s
	}
}

// shareOf is this member's share of the decryption of a proposal; false if that is
// no ciphertext of its slot.
func shareOf(c *world.Corrupt, e messages.Epoch, v frames.Value) (frames.DecryptionShare, bool) {
	ciphertext, ok := c.Crypto.Core.Scheme.Verify(c.Slot(e, v.Proposer).Label(), v.Payload)
	if !ok {
		return frames.DecryptionShare{}, false
	}
	return frames.DecryptionShare{Proposer: v.Proposer, Share: ciphertext.Share()}, true
}
