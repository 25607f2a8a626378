// Package contribution is what faulty members contribute to epochs in place of what
// their nodes would: a file each. It looks at contributions alone, and knows neither
// members nor frames; how a member brings them in is in package adversary.
package contribution

import (
	"minimint/messages/federation"
	"minimint/messages/outcome"
)

// A Liar makes the lies of one member of a federation; nil if there is nothing in that
// federation to lie about.
type Liar func(*federation.Config) Lie

// A Lie is what is contributed in place of a contribution, in which it may write.
type Lie func(outcome.Contribution) outcome.Contribution
