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
				s = o.instead(e, s)
			}
			return []frames.Statement{s}
		}}
	}
}

// other is the second proposal of a member.
type other struct {
	*world.Corrupt
	epoch messages.Epoch // of what was made last
	value *frames.Value
}

func (o *other) proposal(e messages.Epoch) frames.Value {
	if o.value == nil || o.epoch != e {
		v := o.Proposal(e, sealed(o.Corrupt, e, nil))
		o.epoch, o.value = e, &v
	}
	return *o.value
}

// instead returns what the member would say of its slot if this were its proposal.
func (o *other) instead(e messages.Epoch, s frames.Statement) frames.Statement {
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
		return shareOf(o.Corrupt, e, v)
	default:
		return s
	}
}

// shareOf is this member's share of the decryption of a valid proposal.
func shareOf(c *world.Corrupt, e messages.Epoch, v frames.Value) frames.DecryptionShare {
	ciphertext, ok := c.Crypto.Core.Scheme.Verify(c.Slot(e, v.Proposer).Label(), v.Payload)
	if !ok {
		panic("adversary: share of what is not sealed")
	}
	return frames.DecryptionShare{Proposer: v.Proposer, Share: ciphertext.Share()}
}
