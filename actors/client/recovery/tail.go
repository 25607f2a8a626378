package recovery

import (
	"minimint/actors/client/quorum"
	"minimint/actors/module/mint"
	"minimint/messages"
)

// tail reads the entries after the last complete slice, page by page, as f+1 members
// give them alike. A scan of its own goes through them: what stands in the store is
// complete slices only.
type tail struct {
	s    *Search
	scan *Scan
	poll *quorum.Poll
}

func newTail(s *Search) *tail {
	return &tail{s: s, scan: s.scan.Clone(), poll: quorum.NewPoll(s.cfg.Group)}
}

// size is how many entries the next page has.
func (t *tail) size() uint64 { return min(mint.PageSize, t.s.entries-t.scan.next) }

// ask asks everybody for the same page.
func (t *tail) ask(p messages.PeerID) (Question, bool) {
	return Question{"slice", t.scan.next}, !t.poll.Has(p)
}

// hear takes a member's page, cut to the entries that were asked for: the log may have
// grown.
func (t *tail) hear(p messages.PeerID, q Question, body []byte) (Step, error) {
	if q != (Question{"slice", t.scan.next}) {
		return Step{}, nil
	}
	got, err := readPage(body, t.size())
	if err != nil {
		return t.s.blame(p, "entries that cannot be read: %s", clip(err)), nil
	}
	if uint64(len(got.list)) < t.size() { // it lags
		t.s.peers[p].pause = pauseTicks
		return Step{}, nil
	}
	t.poll.Answer(p, quorum.Answer{Body: got.text()})
	answer, ok := t.poll.Result()
	if !ok {
		return Step{}, nil
	}
	step := Step{}
	for _, liar := range t.poll.Dissenters() {
		step.Faults = append(step.Faults, Fault{liar, "other entries of the recovery log than others give"})
	}
	agreed, err := readPage([]byte(answer.Body), t.size())
	if err != nil {
		panic("recovery: a page that was read before: " + err.Error())
	}
	t.poll = quorum.NewPoll(t.s.cfg.Group)
	return step, t.scan.Read(agreed.list)
}

// tick has nothing to do: honest members that have come so far never differ.
func (t *tail) tick() {}

// next hands the scan over at the end.
func (t *tail) next() stage {
	if t.scan.next < t.s.entries {
		return t
	}
	t.s.all = t.scan
	return nil
}
