package adversary

import (
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/sim/stub"
	"minimint/sim/world"
)

// badTwins proposes the transactions that users gave to it, each with a signature
// that is none: the same transaction in another form, which must not stand in the
// way of the right one (H25).
func badTwins(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		return mask{change: contributing(c, func(own outcome.Contribution) outcome.Contribution {
			for i, tx := range own.Transactions {
				twin, err := transaction.Build(transaction.Draft{Inputs: tx.Inputs(), Outputs: tx.Outputs(), Fee: tx.Fee()}, make([]byte, 64))
				if err != nil {
					panic("adversary: " + err.Error())
				}
				own.Transactions[i] = twin
			}
			return own
		})}
	}
}

// contributing replaces what the node contributes, and what it says about it. In
// worlds with real cryptography it cannot look into what the node sealed, and
// change gets an empty contribution.
func contributing(c *world.Corrupt, change func(outcome.Contribution) outcome.Contribution) changer {
	var own []byte
	propose := proposing(c, func(e messages.Epoch) []byte {
		plain, _ := stub.Look(c.Slot(e, c.Self).Label(), own)
		contribution, err := outcome.DecodeContribution(plain)
		if err != nil {
			contribution = outcome.Contribution{}
		}
		return sealed(c, e, change(contribution).Encode())
	})
	return func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
		if v, ok := s.(frames.Value); ok && v.Proposer == c.Self {
			own = v.Payload
		}
		return propose(to, e, s)
	}
}
