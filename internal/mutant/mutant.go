// Package mutant takes rules out of the protocols, so that a test can show that
// an attack succeeds without the rule that stops it: an attack that never succeeds
// anywhere shows nothing.
//
//	if !mutant.Removed(mutant.VotesPerRoot) { … }   // at the rule
//	mutant.Remove(t, mutant.VotesPerRoot)           // in a test, for as long as it runs
//
// In everything that ships all rules are in force: no file outside tests calls
// Remove, which a test of this package reads from the source. What a guarded rule
// costs is one load of a byte.
package mutant

// A Rule is one rule that tests may take away. Its comment says what does not hold
// without it.
type Rule uint8

// The rules. Each is consulted at one place, and named after what it says.
const (
	// LiveQuorum: n−f members are enough to go on, in all of HoneyBadgerBFT.
	LiveQuorum Rule = iota
	// RejectMissing: once n−f proposals are accepted, a member puts in 0 for the
	// others.
	RejectMissing
	// VotesPerRoot: an Echo or a Ready counts for the root that it names.
	VotesPerRoot
	// ReadyAtLive: Ready follows n−f echoes, not fewer.
	ReadyAtLive
	// AmplifyAtSome: Ready follows f+1 readys, not fewer.
	AmplifyAtSome
	// AnswerMatches: the answer to a Pull has the root that was asked for.
	AnswerMatches
	// OpenAtSome: f+1 shares open a proposal; no member waits for more.
	OpenAtSome
	// EmptyIfProven: shares that do not open a proposal say nothing about it unless they
	// are proven.
	EmptyIfProven
	// EmptyIfInvalid: an accepted proposal that is no ciphertext contributes nothing, and
	// nobody waits for it.
	EmptyIfInvalid
	// EmptyIfUnopenable: nor does one that proven shares do not open.
	EmptyIfUnopenable
	// last is how many there are.
	last
)

// removed is false everywhere in all that ships.
var removed [last]bool

// Removed reports whether a test took the rule away.
func Removed(r Rule) bool { return removed[r] }

// A Test is what Remove needs of a testing.TB, so that this package, which ships,
// does not import package testing.
type Test interface {
	Helper()
	Cleanup(restore func())
}

// Remove takes rules away until the test ends, in the whole process: such a test
// must not run beside others. Only tests may call it.
func Remove(t Test, rules ...Rule) {
	t.Helper()
	for _, r := range rules {
		removed[r] = true
	}
	t.Cleanup(func() {
		for _, r := range rules {
			removed[r] = false
		}
	})
}
