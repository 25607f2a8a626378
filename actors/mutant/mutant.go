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

// The rules. Each is consulted where it is applied, and named after what it says.
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
	// DoubtAtSome: one other member that signs something else is no reason to stop.
	DoubtAtSome
	// EpochWindow: statements count in epochs that are open, and in no others.
	EpochWindow
	// AgainCredit: a member is told again at most once a second.
	AgainCredit
	// FaultLimit: of what a member does wrong in an epoch only so much is told.
	FaultLimit
	// KnownProposer: a statement about a member that does not exist is a fault.
	KnownProposer
	// TermsAtSome: f+1 members that have decided decide for others, not fewer.
	TermsAtSome
	// VerdictPerForm: a verdict is about one signed form of a transaction.
	VerdictPerForm
	// SpendOnce: a coin of the simulated module is spent once, a deposit claimed once.
	SpendOnce
	// SyncJournal: what a member says is durable before it is said.
	SyncJournal
	// OneObservation: a member has one vote about a block, however often it observes (H22).
	OneObservation
	// BlockAgreed: a deposit counts if its block is agreed on.
	BlockAgreed
	// PastRelay: who has left a round still answers BVAL in it (B2).
	PastRelay
	// VotesOfLive: a round ends with AUX, and CONF, of n−f members, not of fewer.
	VotesOfLive
	// CertificateValid: what one member serves of the past is believed if n−f signed it.
	CertificateValid
	// DecidedRelay: so does who has decided.
	DecidedRelay
	// AnswersOfSome: a client believes what f+1 members say.
	AnswersOfSome
	// PreimageFits: an invoice is paid if its preimage is known, not if a gateway says so.
	PreimageFits
	// RefundAtExpiry: who has no answer by a contract's end takes the money back (H74).
	RefundAtExpiry
	// WorthlessReturned: who has bought an offer without its preimage takes the money back.
	WorthlessReturned
	// TimeToClaim: a payment has ended before its contract does (H81).
	TimeToClaim
	// OnlyNodeEnds: a payment that the node was asked for is given up if the node calls it
	// failed, and not for an error (H82).
	OnlyNodeEnds
	// PeersRemember: a member whose peers heard more than its journal holds says nothing.
	PeersRemember
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
