package catchup

import "minimint/messages"

// How many requests are served: of one peer burst at once and then one in each
// tick, of all together perTick between two ticks.
const (
	burst   = 4
	perTick = 16
)

// Requests are what peers that are behind asked for. Answering costs much more
// than asking, so each peer has a credit; beyond it only the newest request is
// kept until a later tick. M is what a request is.
type Requests[M any] struct {
	credit  []int
	waiting []*M // by PeerID
	budget  int
	turn    int // whom to serve first
}

// NewRequests returns the state of a member of a federation of n.
func NewRequests[M any](n int) *Requests[M] {
	r := &Requests[M]{credit: make([]int, n), waiting: make([]*M, n), budget: perTick}
	for i := range r.credit {
		r.credit[i] = burst
	}
	return r
}

// Admit reports whether to serve a request now. If not, a Tick returns it or a
// newer one of the same peer.
func (r *Requests[M]) Admit(from messages.PeerID, request M) bool {
	if r.credit[from] == 0 || r.budget == 0 {
		r.waiting[from] = &request
		return false
	}
	r.credit[from]--
	r.budget--
	return true
}

// Tick returns the requests to serve now.
func (r *Requests[M]) Tick() []M {
	var due []M
	r.budget = perTick
	for i := range r.waiting {
		id := (r.turn + i) % len(r.waiting)
		switch q := r.waiting[id]; {
		case q != nil && r.budget > 0:
			due = append(due, *q)
			r.waiting[id] = nil
			r.budget--
		case q == nil && r.credit[id] < burst:
			r.credit[id]++
		}
	}
	r.turn = (r.turn + 1) % len(r.waiting)
	return due
}
