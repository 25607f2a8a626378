// Package quorum decides what to believe when any f of n members may lie, hang
// or be dead.
//
// A [Poll] is one question to all members: f+1 equal answers are the answer,
// since one of them comes from an honest member; so is a single one that comes with
// a certificate of the members (package messages/statement). A [Ballot] is what members say
// became of one transaction: f+1 who say that it was accepted in the same epoch,
// or refused for the same reason, decide. That a member does not know is never
// counted: f+1 times "unknown" may be f liars and one who lags.
//
// Whoever says something else than what was decided is named, so that a liar is
// found out while its federation goes on as if nothing were. Members that lag
// differ too, but only in what may change; callers know which answers do.
package quorum

import (
	"fmt"

	"minimint/actors/mutant"
	"minimint/messages"
)

// Group is a federation's size.
type Group struct{ N, F int }

// GroupOf returns the group of n members, of whom (n-1)/3 may be faulty.
func GroupOf(n int) Group { return Group{N: n, F: (n - 1) / 3} }

// Enough is f+1: so many equal answers hold an honest one.
func (g Group) Enough() int {
	if mutant.Removed(mutant.AnswersOfSome) {
		return 1
	}
	return g.F + 1
}

// An Answer is what one member replied to a question: a body, or a refusal.
type Answer struct {
	Body string
	// Code is not zero if the member refused; Final as in messages.Rejection.
	Code  messages.RejectionCode
	Final bool
	// Text of a refusal is for people and does not count in comparisons.
	Text string
}

func (a Answer) equal(b Answer) bool {
	return a.Body == b.Body && a.Code == b.Code && a.Final == b.Final
}

// A Poll collects answers to one question.
type Poll struct {
	group   Group
	answers []*Answer // by member
	proven  *Answer
}

// NewPoll returns a poll without answers.
func NewPoll(g Group) *Poll { return &Poll{group: g, answers: make([]*Answer, g.N)} }

// Answer records what a member said; a later answer replaces an earlier one.
func (p *Poll) Answer(from messages.PeerID, a Answer) {
	checkPeer(p.group, from)
	p.answers[from] = &a
}

// Prove records what a member said together with a certificate that the caller has
// checked: it is the result, whatever others say.
func (p *Poll) Prove(from messages.PeerID, a Answer) {
	p.Answer(from, a)
	p.proven = &a
}

// Result returns the answer that is proven, or else that f+1 members gave alike, and
// false if there is none yet. Of two such answers, which only members that lag can cause, it is the
// one whose first giver has the lowest id.
func (p *Poll) Result() (Answer, bool) {
	if p.proven != nil {
		return *p.proven, true
	}
	for _, a := range p.answers {
		if a != nil && len(p.saying(*a)) >= p.group.Enough() {
			return *a, true
		}
	}
	return Answer{}, false
}

// Saying counts the members whose newest answer is a.
func (p *Poll) Saying(a Answer) int { return len(p.saying(a)) }

func (p *Poll) saying(a Answer) []messages.PeerID {
	var who []messages.PeerID
	for i, b := range p.answers {
		if b != nil && b.equal(a) {
			who = append(who, messages.PeerID(i))
		}
	}
	return who
}

// Dissenters returns who gave another answer than the result, ascending; nobody
// while there is no result.
func (p *Poll) Dissenters() []messages.PeerID {
	result, ok := p.Result()
	if !ok {
		return nil
	}
	var who []messages.PeerID
	for i, b := range p.answers {
		if b != nil && !b.equal(result) {
			who = append(who, messages.PeerID(i))
		}
	}
	return who
}

// Has reports whether a member has answered.
func (p *Poll) Has(from messages.PeerID) bool { return p.answers[from] != nil }

// Complete reports whether all members have answered.
func (p *Poll) Complete() bool { return p.Answered() == p.group.N }

// Answered counts the members that have answered.
func (p *Poll) Answered() int {
	n := 0
	for _, a := range p.answers {
		if a != nil {
			n++
		}
	}
	return n
}

// A Verdict is what became of a transaction.
type Verdict struct {
	// Accepted in Epoch, or else refused: for ever if Final.
	Accepted bool
	Epoch    messages.Epoch
	Code     messages.RejectionCode
	Final    bool
	Text     string // for people, of one of those who said it
	// Early marks a refusal at submission, which is the member's own view of a
	// state that may be behind.
	Early bool
}

// String gives one stable line.
func (v Verdict) String() string {
	switch {
	case v.Accepted:
		return fmt.Sprintf("accepted in epoch %d", v.Epoch)
	case v.Final:
		return fmt.Sprintf("rejected (%d)", v.Code)
	default:
		return fmt.Sprintf("rejected for now (%d)", v.Code)
	}
}

func (v Verdict) equal(o Verdict) bool {
	v.Text, o.Text = "", ""
	v.Early, o.Early = false, false
	return v == o
}

// A Ballot collects what members say of one transaction.
type Ballot struct {
	group Group
	said  []*Verdict // by member, the newest
}

// NewBallot returns a ballot on which nobody has said anything.
func NewBallot(g Group) *Ballot { return &Ballot{group: g, said: make([]*Verdict, g.N)} }

// Say records a member's word. Its word that the transaction was accepted is its
// last: a refusal after that is ignored.
func (b *Ballot) Say(from messages.PeerID, v Verdict) {
	checkPeer(b.group, from)
	if old := b.said[from]; old != nil && old.Accepted {
		return
	}
	b.said[from] = &v
}

// Verdict returns what f+1 members say alike, and false if there is no such
// thing yet. Acceptance, which is final, goes before refusal: some of those who
// refused may have lagged.
func (b *Ballot) Verdict() (Verdict, bool) {
	var found *Verdict
	for _, v := range b.said {
		if v == nil || b.count(*v) < b.group.Enough() {
			continue
		}
		if v.Accepted {
			return *v, true
		}
		if found == nil || v.Final && !found.Final {
			found = v
		}
	}
	if found == nil {
		return Verdict{}, false
	}
	return *found, true
}

func (b *Ballot) count(v Verdict) int {
	n := 0
	for _, o := range b.said {
		if o != nil && o.equal(v) {
			n++
		}
	}
	return n
}

// Liars returns who contradicts an acceptance, ascending: members that name
// another epoch, or say that it was refused for ever. A refusal for now or at
// submission contradicts nothing, since it may have come before.
func (b *Ballot) Liars() []messages.PeerID {
	v, ok := b.Verdict()
	if !ok || !v.Accepted {
		return nil
	}
	var who []messages.PeerID
	for i, o := range b.said {
		if o != nil && !o.equal(v) && (o.Accepted || o.Final && !o.Early) {
			who = append(who, messages.PeerID(i))
		}
	}
	return who
}

func checkPeer(g Group, p messages.PeerID) {
	if int(p) >= g.N {
		panic(fmt.Sprintf("quorum: member %d of %d", p, g.N))
	}
}
