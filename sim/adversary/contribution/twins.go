package contribution

import (
	"minimint/messages/federation"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
)

// BadTwins contributes the transactions that users gave to the member, each with a
// signature that is none: the same transaction in another form, which must not stand
// in the way of the right one (H25). It is a Liar.
func BadTwins(*federation.Config) Lie {
	return func(own outcome.Contribution) outcome.Contribution {
		for i, tx := range own.Transactions {
			twin, err := transaction.Build(transaction.Draft{Inputs: tx.Inputs(), Outputs: tx.Outputs(), Fee: tx.Fee()}, make([]byte, 64))
			if err != nil {
				panic("contribution: " + err.Error())
			}
			own.Transactions[i] = twin
		}
		return own
	}
}
