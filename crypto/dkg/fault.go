package dkg

import "fmt"

// Kind says how a member departed from the ceremony.
type Kind uint8

// The kinds. Their numbers are part of the format. Those up to BadShare, and FalseComplaint, convince everybody who has the complaint.
const (
	Malformed       Kind = iota + 1 // signed content that no correct member writes
	Equivocation                    // two messages of one round to the same recipient
	BadSealingKey                   // a key to which nothing can be sealed
	BadEcho                         // an echo with commits that their members have not signed
	WrongOpening                    // revealed something else than was committed to
	WrongDegree                     // polynomial of another degree than the key's
	BadPoint                        // not a point of the group, or the identity
	BadProof                        // no proof that the dealer knows its constant: rogue key
	BadShare                        // shares that do not open or do not fit what was revealed
	DifferentResult                 // confirmed something else; who is wrong must be found by comparing
	Silent                          // somebody gave up waiting for them
	FalseComplaint                  // accused somebody without cause
)

var kindNames = [...]string{
	"no fault", "malformed", "equivocation", "bad-sealing-key", "bad-echo", "wrong-opening", "wrong-degree", "bad-point",
	"bad-proof", "bad-share", "different-result", "silent", "false-complaint",
}

// String names the kind.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Fault is why a run is dead.
type Fault struct {
	Kind Kind
	// Accused are the indices of who is to blame, ascending. Only Silent names several.
	Accused []int
	// By is the index of who complained; this member itself, if it noticed first.
	By int
	// Proven tells whether Evidence convinces everybody, or only those who were there.
	Proven bool
	// Evidence is the signed complaint: Judge reaches the same fault from it.
	Evidence *Message
	// Detail says more, for people.
	Detail string
}

// String gives one stable line.
func (f *Fault) String() string {
	proven := ""
	if f.Proven {
		proven = " proven"
	}
	return fmt.Sprintf("fault kind=%s accused=%v by=%d%s", f.Kind, f.Accused, f.By, proven)
}
