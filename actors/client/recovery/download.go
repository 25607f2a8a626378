package recovery

import (
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
)

// download fetches complete slices whose hashes are certified, each from one member,
// different ones from different members, and reads them in their order.
type download struct {
	s      *Search
	first  uint64 // number of the slice that hashes begin with
	hashes []messages.Digest
	loads  []*load // by member
	// ready are slices that fit their hash and wait for their turn.
	ready map[uint64][]*mintwire.Entry
}

// load is a slice that one member is giving.
type load struct {
	slice uint64
	have  uint64 // entries
	pages []page
	ticks int // since the last page: silence makes room for others
}

// lateTicks is how long a member may take for a page until another one is asked
// for the slice too.
const lateTicks = 20

func newDownload(s *Search, first uint64, hashes []messages.Digest) *download {
	return &download{
		s: s, first: first, hashes: hashes, loads: make([]*load, s.cfg.Group.N), ready: map[uint64][]*mintwire.Entry{},
	}
}

// turn is the slice that is to be read next.
func (d *download) turn() uint64 { return d.s.scan.next / mint.SliceSize }

// end is the slice after the last one that has a certified hash.
func (d *download) end() uint64 { return d.first + uint64(len(d.hashes)) }

// ask goes on with the member's slice, or gives it one. Who gave a wrong one gets no
// other: it would only cost time.
func (d *download) ask(p messages.PeerID) (Question, bool) {
	if d.s.peers[p].wrong {
		return Question{}, false
	}
	if d.loads[p] == nil {
		slice, ok := d.open()
		if !ok {
			return Question{}, false
		}
		d.loads[p] = &load{slice: slice}
	}
	return d.loads[p].question(), true
}

func (l *load) question() Question { return Question{"slice", l.slice*mint.SliceSize + l.have} }

// open picks a slice that nobody is giving, or that is given too slowly. Slices far
// ahead are not fetched: they would have to be kept until it is their turn.
func (d *download) open() (uint64, bool) {
	for slice := d.turn(); slice < min(d.end(), d.turn()+uint64(d.s.cfg.Group.N)); slice++ {
		if d.ready[slice] != nil {
			continue
		}
		free := true
		for _, l := range d.loads {
			if l != nil && l.slice == slice && l.ticks < lateTicks {
				free = false
			}
		}
		if free {
			return slice, true
		}
	}
	return 0, false
}

// hear takes a page. When it is the last one, all depends on the hash.
func (d *download) hear(p messages.PeerID, q Question, body []byte) (Step, error) {
	l := d.loads[p]
	if l == nil || q != l.question() {
		return Step{}, nil
	}
	if l.slice < d.turn() || d.ready[l.slice] != nil { // somebody was faster
		d.loads[p] = nil
		return Step{}, nil
	}
	got, err := readPage(body, mint.SliceSize-l.have)
	if err != nil {
		d.loads[p] = nil
		return d.s.condemn(p, "a slice that cannot be read: %s", clip(err)), nil
	}
	if want := min(mint.PageSize, mint.SliceSize-l.have); uint64(len(got.list)) != want { // it lags, or lies
		d.loads[p], d.s.peers[p].pause = nil, pauseTicks
		return Step{}, nil
	}
	l.pages, l.have, l.ticks = append(l.pages, got), l.have+uint64(len(got.list)), 0
	if l.have < mint.SliceSize {
		return Step{}, nil
	}
	d.loads[p] = nil
	list, raw := entriesOf(l.pages)
	if hash, err := mint.SliceHash(raw); err != nil || hash != d.hashes[l.slice-d.first] {
		return d.s.condemn(p, "a slice that does not fit its hash"), nil
	}
	d.ready[l.slice] = list
	return d.read()
}

// read takes the slices whose turn it is.
func (d *download) read() (Step, error) {
	step := Step{}
	for list := d.ready[d.turn()]; list != nil; list = d.ready[d.turn()] {
		delete(d.ready, d.turn())
		if err := d.s.scan.Read(list); err != nil {
			return step, err
		}
		step.Advanced = true
	}
	return step, nil
}

func (d *download) tick() {
	for _, l := range d.loads {
		if l != nil {
			l.ticks++
		}
	}
}

// next is another survey: there may be more slices by now, or there were more than one
// answer holds.
func (d *download) next() stage {
	if d.turn() < d.end() {
		return d
	}
	return newSurvey(d.s)
}
