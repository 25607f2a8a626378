package catchup

import "minimint/messages"

// burst is how many requests of one peer are served at once; each tick allows
// one more.
const burst = 4

// Requests are what peers that are behind asked for. Answering costs much more
// than asking, so each peer has a credit; beyond it only the newest request is
// kept until the next tick.
type Requests struct {
	credit  []int
	waiting []*Request // by PeerID
}

// A Request asks for the outcomes from an epoch on.
type Request struct {
	Peer messages.PeerID
	From messages.Epoch
}

// NewRequests returns the state of a member of a federation of n.
func NewRequests(n int) *Requests {
	r := &Requests{credit: make([]int, n), waiting: make([]*Request, n)}
	for i := range r.credit {
		r.credit[i] = burst
	}
	return r
}

// Admit reports whether to serve a request now. If not, Tick returns it or a
// newer one of the same peer.
func (r *Requests) Admit(q Request) bool {
	if r.credit[q.Peer] == 0 {
		r.waiting[q.Peer] = &q
		return false
	}
	r.credit[q.Peer]--
	return true
}

// Tick returns the requests to serve now.
func (r *Requests) Tick() []Request {
	var due []Request
	for i, q := range r.waiting {
		switch {
		case q != nil:
			due = append(due, *q)
			r.waiting[i] = nil
		case r.credit[i] < burst:
			r.credit[i]++
		}
	}
	return due
}
