// Package plan draws who is killed when. It is pure: a seed gives the same plan on
// every machine, so that a run that found something can be repeated as far as the
// operating system lets it.
//
// A point is one moment at which processes are killed. Points come in groups:
// within a group nobody waits for the federation to recover, so that some hit
// members that are still starting, and some hit others while those are away.
package plan

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is who is killed at a point.
type Kind uint8

// The kinds.
const (
	One     Kind = iota // one member
	Two                 // two members at once: more than may fail
	All                 // all members at once
	Clients             // wallets alone
	kinds
)

// String names the kind.
func (k Kind) String() string { return [...]string{"one", "two", "all", "clients"}[k] }

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{One, Two, All, Clients} }

// weights of the kinds, in percent.
var weights = [kinds]int{One: 45, Two: 20, All: 20, Clients: 15}

// Config says what there is to kill.
type Config struct {
	Seed    uint64
	Members int
	Wallets int
}

// A Point is one moment. Times count from the beginning of its group.
type Point struct {
	Kind Kind
	At   time.Duration
	// Members are killed at once, ascending. Back says when each is started again,
	// unless a later point of the group kills it before that: then its word counts.
	Members []int
	Back    []time.Duration
	// Wallets are killed too: whatever command they run then.
	Wallets []int
	// Starting says that the point is aimed at a member that is starting up; Promise
	// that it waits until the first of Members has acknowledged a transaction, and
	// comes right after that.
	Starting, Promise bool
	// Examine says to look at what the members left behind before they are started
	// again, which delays that.
	Examine bool
}

// An Event is what is to be done at one time of a group.
type Event struct {
	At      time.Duration
	Kill    []int // members
	Promise bool  // when the first of them has acknowledged something
	Start   []int // members
	Examine bool  // whom it starts
	Wallets []int // to kill
}

// A Plan draws groups.
type Plan struct {
	cfg Config
	rng *rand.Rand
}

// New returns the plan of a seed.
func New(cfg Config) *Plan {
	return &Plan{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6d696e696d696e74))}
}

// The spans from which times are drawn. All are drawn so that every order of
// magnitude is as likely as any other.
const (
	shortest = 100 * time.Microsecond
	longest  = time.Second            // until a kill
	away     = time.Second            // until a start
	startup  = 600 * time.Millisecond // within which a member that starts is hit
)

// span draws a time between shortest and limit.
func (p *Plan) span(limit time.Duration) time.Duration {
	return time.Duration(float64(shortest) * math.Pow(float64(limit)/float64(shortest), p.rng.Float64()))
}

// Group draws the next points, at least one and at most limit.
func (p *Plan) Group(limit int) []Point {
	size := 1
	switch draw := p.rng.IntN(100); {
	case draw < 15:
		size = 3
	case draw < 40:
		size = 2
	}
	var group []Point
	for range min(size, limit) {
		group = append(group, p.point(group))
	}
	return group
}

func (p *Plan) point(before []Point) Point {
	at := p.span(longest)
	point := Point{Kind: p.kind(), At: at}
	if n := len(before); n > 0 {
		last := before[n-1]
		point.At += last.At
		// Half of the time the next point waits for a start and hits it.
		if len(last.Members) > 0 && p.rng.IntN(2) == 0 {
			i := p.rng.IntN(len(last.Members))
			point.Starting, point.At = true, last.Back[i]+p.span(startup)
			if point.Kind == Clients {
				point.Kind = One
			}
			point.Members = []int{last.Members[i]}
		}
	}
	point.Members = p.members(point.Kind, point.Members)
	// Who is starting has nothing to promise yet.
	point.Promise = p.rng.IntN(3) == 0 && !point.Starting && point.Kind != Clients
	point.Examine = p.rng.IntN(2) == 0
	for range point.Members {
		point.Back = append(point.Back, point.At+p.span(away))
	}
	if point.Kind == Clients || p.rng.IntN(4) == 0 {
		point.Wallets = p.rng.Perm(p.cfg.Wallets)[:1+p.rng.IntN(p.cfg.Wallets)]
		slices.Sort(point.Wallets)
	}
	return point
}

func (p *Plan) kind() Kind {
	draw := p.rng.IntN(100)
	for k, w := range weights {
		if draw -= w; draw < 0 {
			return Kind(k)
		}
	}
	panic("plan: the weights of kinds are not percent")
}

// members draws as many as the kind kills, chosen among them.
func (p *Plan) members(k Kind, chosen []int) []int {
	count := [kinds]int{One: 1, Two: 2, All: p.cfg.Members, Clients: 0}[k]
	for _, i := range p.rng.Perm(p.cfg.Members) {
		if len(chosen) < count && !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen)
	return chosen
}

// Timeline says what is to be done for a group, in order. Every member that was
// killed is started after the last time.
func Timeline(group []Point) []Event {
	var events []Event
	for _, point := range group {
		events = append(events, Event{At: point.At, Kill: point.Members, Promise: point.Promise, Wallets: point.Wallets})
	}
	for _, point := range group {
		for i, m := range point.Members {
			at := point.Back[i]
			for _, other := range group { // a start while it is killed again is no start
				if other.At > point.At && other.At <= at && slices.Contains(other.Members, m) {
					at = 0
				}
			}
			if at > 0 {
				events = append(events, Event{At: at, Start: []int{m}, Examine: point.Examine})
			}
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return events
}
