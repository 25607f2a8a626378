package recovery

import (
	"errors"
	"fmt"
	"io"

	"minimint/actors/client/quorum"
	"minimint/messages"
)

// ErrMembers says that more members than the federation can bear contradict what
// members have agreed on.
var ErrMembers = errors.New("too many members give wrong entries of the recovery log")

// A Question is a query of the mint: method and number.
type Question struct {
	Method string
	From   uint64
}

// A Fault is a wrong answer.
type Fault struct {
	Peer messages.PeerID
	Text string
}

// A Step is what follows from an answer.
type Step struct {
	Faults []Fault
	// Advanced says that slices were read: [Search.Scan] is to be stored.
	Advanced bool
	// Located says that the log was read to its end: [Search.Collect] comes next.
	Located bool
	// Notes are own ones, signed and verified, to be added. Done says that there
	// are no more.
	Notes []Note
	Done  bool
}

// Config is what a search needs; all fields are required.
type Config struct {
	Group quorum.Group
	Owner Owner
	// Random gives the coefficients of checks and must be unpredictable to members.
	Random io.Reader
}

// A Search reads the log to its end and collects the shares for what it finds. Each
// member is asked one question at a time:
//
//	q, ok := s.Ask(member)                     // for each member; put q to it
//	step, err := s.Hear(member, q, body, true) // then ask all again: there may be work
//
// It goes through four stages: survey (hashes), download (slices), survey again until
// there are no more slices, tail, and, after [Search.Collect], collection (shares).
type Search struct {
	cfg     Config
	scan    *Scan // of complete slices
	all     *Scan // with the tail; nil until that is read
	entries uint64
	stage   stage
	peers   []peer
}

// peer is one member.
type peer struct {
	asked *Question // that it has not answered
	pause int       // ticks until it is asked again
	// wrong says that it gave a slice that does not fit.
	wrong bool
}

// stage is a part of the search. That nobody is asked twice at a time, and who has
// failed is left alone for a while, is the Search's to see to.
type stage interface {
	// ask says what to ask a member that has no question, and false if nothing.
	ask(p messages.PeerID) (Question, bool)
	// hear takes an answer to a question, which may be one of another stage. An
	// error is the end of the search.
	hear(p messages.PeerID, q Question, body []byte) (Step, error)
	tick()
	// next is this stage, or what follows once it is through; nil if that is for the
	// caller to say.
	next() stage
}

// pauseTicks is how long a member is left alone that could not answer.
const pauseTicks = 4

// NewSearch begins at the slice that scan has come to.
func NewSearch(cfg Config, scan *Scan) *Search {
	s := &Search{cfg: cfg, scan: scan, peers: make([]peer, cfg.Group.N)}
	s.stage = newSurvey(s)
	return s
}

// Scan is what complete slices have shown so far.
func (s *Search) Scan() *Scan { return s.scan }

// Progress counts the entries that were read, and all that there are as far as is
// known: 0 before the first survey.
func (s *Search) Progress() (read, all uint64) {
	if s.all != nil {
		return s.all.next, s.entries
	}
	return s.scan.next, s.entries
}

// Found returns the own notes that are not spent, once the search is located.
func (s *Search) Found() []Found { return s.all.Found() }

// Ask returns what a member is to be asked now, and false if nothing: it has a
// question, or there is no work for it. The caller puts it, and puts it again if it may
// be lost: until it is heard the member gets no other.
func (s *Search) Ask(p messages.PeerID) (Question, bool) {
	if s.stage == nil || s.peers[p].asked != nil || s.peers[p].pause > 0 {
		return Question{}, false
	}
	q, ok := s.stage.ask(p)
	if ok {
		s.peers[p].asked = &q
	}
	return q, ok
}

// Hear takes a member's answer to the question that it was asked; answered is false if
// it refused. Answers to other questions are ignored. An error ends the search: it wraps
// [ErrLog] or [ErrMembers], or is one of randomness.
func (s *Search) Hear(p messages.PeerID, q Question, body []byte, answered bool) (Step, error) {
	if asked := s.peers[p].asked; asked == nil || *asked != q {
		return Step{}, nil
	}
	s.peers[p].asked = nil
	if s.stage == nil {
		return Step{}, nil
	}
	if !answered {
		s.peers[p].pause = pauseTicks
		return Step{}, nil
	}
	step, err := s.stage.hear(p, q, body)
	if err != nil {
		return step, err
	}
	if wrong := s.wrong(); wrong > s.cfg.Group.F {
		return step, fmt.Errorf("%w: %d of %d", ErrMembers, wrong, s.cfg.Group.N)
	}
	located := s.all != nil
	s.stage = s.stage.next()
	if !located && s.all == nil {
		return step, nil
	}
	step.Located, step.Done = !located, located && s.stage == nil
	return step, nil
}

// wrong counts the members that were condemned. Honest ones never are, so more than f
// mean that nothing can be believed.
func (s *Search) wrong() int {
	n := 0
	for _, p := range s.peers {
		if p.wrong {
			n++
		}
	}
	return n
}

// Tick tells that some time has gone by: members that could not answer are asked
// again, and others are asked for what a slow one was to give.
func (s *Search) Tick() {
	for i := range s.peers {
		s.peers[i].pause = max(0, s.peers[i].pause-1)
	}
	if s.stage != nil {
		s.stage.tick()
	}
}

// blame names a member for an answer that cannot be read, and leaves it alone for a
// while.
func (s *Search) blame(p messages.PeerID, format string, args ...any) Step {
	s.peers[p].pause = pauseTicks
	return Step{Faults: []Fault{{Peer: p, Text: fmt.Sprintf(format, args...)}}}
}

// condemn names a member that is not asked for slices or shares any more.
func (s *Search) condemn(p messages.PeerID, format string, args ...any) Step {
	s.peers[p].wrong = true
	return s.blame(p, format, args...)
}
