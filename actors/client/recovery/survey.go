package recovery

import (
	"slices"

	"minimint/actors/module/mint"
	"minimint/messages"
)

// survey asks all members how many entries there are, and for the hashes of the slices
// from one on.
type survey struct {
	s       *Search
	from    uint64
	answers []*surveyed // by member
	enough  bool        // have answered
	ticks   int
	hashes  []messages.Digest // certified
	done    bool
}

// surveyed is one member's answer.
type surveyed struct {
	hashes  []messages.Digest
	entries uint64
}

func newSurvey(s *Search) *survey {
	return &survey{s: s, from: s.scan.next / mint.SliceSize, answers: make([]*surveyed, s.cfg.Group.N)}
}

func (v *survey) ask(p messages.PeerID) (Question, bool) {
	return Question{"slices", v.from}, v.answers[p] == nil
}

func (v *survey) hear(p messages.PeerID, q Question, body []byte) (Step, error) {
	if q != (Question{"slices", v.from}) {
		return Step{}, nil
	}
	hashes, entries, err := readSlices(body)
	if err != nil {
		return v.s.blame(p, "hashes of slices that cannot be read: %s", clip(err)), nil
	}
	v.answers[p] = &surveyed{hashes: hashes, entries: entries}
	return v.settle(), nil
}

// settle is through when n−f members have answered and f+1 give alike every hash that
// is needed. The number of entries is the (f+1)-th highest: some honest member has that
// many, and liars cannot hide what f+1 honest ones that answered have.
func (v *survey) settle() Step {
	var counts []uint64
	g := v.s.cfg.Group
	for _, a := range v.answers {
		if a != nil {
			counts = append(counts, a.entries)
		}
	}
	if v.enough = len(counts) >= g.N-g.F; !v.enough {
		return Step{}
	}
	slices.Sort(counts)
	entries := counts[len(counts)-1-g.F]
	if entries < v.s.scan.next {
		return Step{} // they lag behind what was read before
	}
	v.hashes = nil
	for i := range int(min(entries/mint.SliceSize-v.from, mint.PageSize)) {
		hash, ok := v.certified(i)
		if !ok {
			return Step{}
		}
		v.hashes = append(v.hashes, hash)
	}
	v.done, v.s.entries = true, entries
	return Step{Faults: v.dissenters()}
}

// certified is the hash of slice from+i that f+1 members give.
func (v *survey) certified(i int) (messages.Digest, bool) {
	votes := map[messages.Digest]int{}
	for _, a := range v.answers {
		if a == nil || i >= len(a.hashes) {
			continue
		}
		if votes[a.hashes[i]]++; votes[a.hashes[i]] >= v.s.cfg.Group.Enough() {
			return a.hashes[i], true
		}
	}
	return messages.Digest{}, false
}

// dissenters names members whose hashes, as far as they go, are not the certified ones.
func (v *survey) dissenters() (faults []Fault) {
	for p, a := range v.answers {
		if a == nil {
			continue
		}
		common := min(len(a.hashes), len(v.hashes))
		if !slices.Equal(a.hashes[:common], v.hashes[:common]) {
			faults = append(faults, Fault{messages.PeerID(p), "another hash of a slice than others give"})
		}
	}
	return faults
}

// tick asks everybody again after a while if they do not agree: those that lag may
// have come on.
func (v *survey) tick() {
	if v.ticks++; v.enough && v.ticks >= pauseTicks {
		v.ticks, v.enough = 0, false
		clear(v.answers)
	}
}

// next is the slices if there are any, and otherwise what is left of the log.
func (v *survey) next() stage {
	switch {
	case !v.done:
		return v
	case len(v.hashes) > 0:
		return newDownload(v.s, v.from, v.hashes)
	default:
		return newTail(v.s).next()
	}
}
