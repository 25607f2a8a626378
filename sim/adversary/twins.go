package adversary

import (
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/sim/world"
)

// badTwins proposes the transactions that users gave to it, each with a signature
// that is none: the same transaction in another form, which must not stand in the
// way of the right one (H25).
func badTwins(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		return mask{propose: contributing(c, func(own outcome.Contribution) outcome.Contribution {
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

// contributing changes what the node contributes.
func contributing(c *world.Corrupt, change func(outcome.Contribution) outcome.Contribution) func(messages.Epoch, []byte) []byte {
	return func(e messages.Epoch, contribution []byte) []byte {
		own, err := outcome.DecodeContribution(contribution)
		if err != nil {
			panic("adversary: own contribution: " + err.Error())
		}
		return sealed(c, e, change(own).Encode())
	}
}
