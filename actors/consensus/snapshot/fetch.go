package snapshot

import (
	"slices"

	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
)

// How long things take, in ticks.
const (
	patience = 100 // for a piece
	rest     = 50  // a peer that has none, or was too slow, is left alone
	disgrace = 3000
)

// A Fetch gets a snapshot from one peer after the other. Make one with [NewFetch].
type Fetch struct {
	era   messages.Era
	key   statement.Key
	some  int   // f+1
	peers []int // by PeerID: for how many ticks it is not asked
	from  *messages.PeerID
	state *State
	wait  int
}

// NewFetch returns the state of a member of a federation of n that wants no
// snapshot. The key is that of certificates.
func NewFetch(n int, era messages.Era, key statement.Key) *Fetch {
	return &Fetch{era: era, key: key, some: (n-1)/3 + 1, peers: make([]int, n)}
}

// Want says that a snapshot is wanted from one of these peers. If there is somebody
// to ask now it returns the question.
func (f *Fetch) Want(from []messages.PeerID) (messages.PeerID, *topeer.AskSnapshot) {
	if f.from != nil {
		return 0, nil
	}
	i := slices.IndexFunc(from, func(id messages.PeerID) bool { return f.peers[id] == 0 })
	if i < 0 {
		return 0, nil
	}
	f.from, f.state, f.wait = &from[i], nil, patience
	return from[i], &topeer.AskSnapshot{First: true}
}

// Active reports whether a snapshot is on its way.
func (f *Fetch) Active() bool { return f.from != nil }

// Stop says that none is wanted any more.
func (f *Fetch) Stop() { f.from, f.state = nil, nil }

// Up notes that the link to a peer came up: what it was asked may be lost.
func (f *Fetch) Up(id messages.PeerID) {
	if f.from != nil && *f.from == id {
		f.Stop()
	}
}

// Tick lets time pass. Who is too slow is given up, with what it served.
func (f *Fetch) Tick() {
	for i := range f.peers {
		f.peers[i] = max(f.peers[i]-1, 0)
	}
	if f.wait--; f.from != nil && f.wait <= 0 {
		f.leave(rest)
	}
}

func (f *Fetch) leave(ticks int) {
	f.peers[*f.from] = ticks
	f.Stop()
}

// Served takes a piece for a member whose first lacking epoch is next. It returns
// the next question, or the whole state, or the text of a fault, or nothing if the
// piece was not asked for or the peer has nothing that helps.
func (f *Fetch) Served(m toconsensus.SnapshotServed, next messages.Epoch) (*topeer.AskSnapshot, *State, string) {
	if f.from == nil || *f.from != m.Peer {
		return nil, nil, ""
	}
	if f.state == nil {
		switch c := m.Attested; {
		case c == nil && len(m.Body) == 0, c != nil && c.Statement.Epoch < next:
			f.leave(rest) // it has none now, or one that does not help
			return nil, nil, ""
		case c == nil || c.Statement.Era != f.era || c.Statement.Epoch != m.Epoch || !c.Valid(f.key, f.some):
			f.leave(disgrace)
			return nil, nil, "served a snapshot that nobody attests"
		}
		f.state = newState(*m.Attested)
	}
	if m.Epoch != f.state.attested.Statement.Epoch || m.Offset != f.state.offset {
		return nil, nil, ""
	}
	switch left := f.state.size() - f.state.offset; {
	case len(m.Body) == 0:
		f.leave(rest) // it has restarted, and has another one now
		return nil, nil, ""
	case uint64(len(m.Body)) != min(left, topeer.PieceBytes):
		// So it does not end later than it should, and not in a thousand years.
		f.leave(disgrace)
		return nil, nil, "served a piece of a snapshot that is too long or too short"
	}
	whole, err := f.state.add(m.Body)
	switch {
	case err != nil:
		f.leave(disgrace)
		return nil, nil, err.Error()
	case whole:
		s := f.state
		f.Stop()
		return nil, s, ""
	}
	f.wait = patience
	after, skip := f.state.position()
	return &topeer.AskSnapshot{Epoch: m.Epoch, After: after, Skip: skip, Offset: f.state.offset}, nil, ""
}
