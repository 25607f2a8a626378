// Package moduletest is the contract suite of modules: whoever writes a module
// runs it with [Run] and a short play that the module should accept.
//
// The suite checks what the core relies on: the same calls give the same state,
// from the beginning and from every point in between; what is refused leaves no
// trace, in the state or in the module; no input can be spent twice; a verdict
// depends on nothing but its own transaction; bytes that are nothing are refused,
// in a form that storage and wire can hold, and never panic; what the module books
// never goes below zero; what it proposes fits a contribution.
package moduletest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// A Play is a story that the module accepts from beginning to end, starting
// with an empty state.
type Play struct {
	// New returns a fresh instance each time it is called.
	New func() contract.Module
	// Scenes are applied in order; each must be accepted.
	Scenes []Scene
}

// A Scene is one input, one output or one consensus item: the one that is set.
type Scene struct {
	Input  []byte
	Output []byte
	Item   []byte
	From   messages.PeerID // of an item
}

// suite lists what is checked. An error says what is wrong with the module.
var suite = []struct {
	name  string
	check func(Play) error
}{
	{"SameCallsSameState", Play.sameState},
	{"ReplayFromAnyPoint", Play.replay},
	{"InputsAreSpentOnce", Play.spentOnce},
	{"RefusedLeavesNoTrace", Play.noTrace},
	{"VerdictsStandAlone", Play.verdicts},
	{"GarbageIsRefused", Play.garbage},
	{"QueriesAreAnswered", Play.queries},
	{"ProposalsFit", Play.proposals},
}

// Run runs the suite.
func Run(t *testing.T, play Play) {
	t.Helper()
	for _, s := range suite {
		t.Run(s.name, func(t *testing.T) {
			if err := s.check(play); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// empty is a state with nothing in it.
func empty() storage.Reader {
	snap, err := memory.New().View()
	if err != nil {
		panic("moduletest: " + err.Error())
	}
	return snap
}

// play performs scenes on s, which must accept them.
func (s *stage) play(scenes []Scene) error {
	for i, sc := range scenes {
		if err := s.perform(sc); err != nil {
			return fmt.Errorf("scene %d: %w", i, err)
		}
		if s.wrong != nil {
			return fmt.Errorf("scene %d: %w", i, s.wrong)
		}
	}
	return nil
}

func (p Play) all() (*stage, error) {
	s := newStage(p.New(), empty(), 0)
	return s, s.play(p.Scenes)
}

func (p Play) sameState() error {
	a, errA := p.all()
	b, errB := p.all()
	switch {
	case errA != nil:
		return errA
	case errB != nil:
		return fmt.Errorf("the second time: %w", errB)
	case a.hash() != b.hash():
		return fmt.Errorf("two runs of the play end in states %x and %x", a.hash(), b.hash())
	}
	return nil
}

func (p Play) replay() error {
	whole, err := p.all()
	if err != nil {
		return err
	}
	for cut := range p.Scenes {
		first := newStage(p.New(), empty(), 0)
		if err := first.play(p.Scenes[:cut]); err != nil {
			return err
		}
		second := newStage(p.New(), first.state, cut) // a fresh instance on the state as it is
		if err := second.play(p.Scenes[cut:]); err != nil {
			return fmt.Errorf("after a restart before scene %d: %w", cut, err)
		}
		if second.hash() != whole.hash() {
			return fmt.Errorf("a restart before scene %d ends in another state", cut)
		}
	}
	return nil
}

func (p Play) spentOnce() error {
	s, err := p.all()
	if err != nil {
		return err
	}
	before := s.hash()
	for i, sc := range p.Scenes {
		if sc.Input != nil && s.perform(sc) == nil {
			return fmt.Errorf("the input of scene %d was accepted a second time", i)
		}
	}
	if s.hash() != before {
		return fmt.Errorf("refused inputs changed the state")
	}
	return s.wrong
}

// noTrace plays with refusals before every scene: damaged scenes, and what
// other scenes do too early or again. Only the state may remember anything, and
// the state is rolled back, so the end is the same.
func (p Play) noTrace() error {
	whole, err := p.all()
	if err != nil {
		return err
	}
	s := newStage(p.New(), empty(), 0)
	random := rand.New(rand.NewPCG(3, 4))
	for i, sc := range p.Scenes {
		for range 4 {
			for _, other := range p.mutations(random) {
				s.rehearse(other)
			}
		}
		for _, other := range p.Scenes {
			s.rehearse(other)
		}
		if err := s.perform(sc); err != nil {
			return fmt.Errorf("scene %d after refusals: %w", i, err)
		}
	}
	if s.hash() != whole.hash() {
		return fmt.Errorf("what was refused or undone changed what came later")
	}
	return s.wrong
}

// verdicts checks the items of the play alone, together, and in another order:
// Check must find the same on each.
func (p Play) verdicts() error {
	m := p.New()
	var batch []contract.Items
	random := rand.New(rand.NewPCG(5, 6))
	for range 3 {
		for _, sc := range append(append([]Scene(nil), p.Scenes...), p.mutations(random)...) {
			switch {
			case sc.Input != nil:
				batch = append(batch, contract.Items{Inputs: [][]byte{sc.Input}})
			case sc.Output != nil:
				batch = append(batch, contract.Items{Outputs: [][]byte{sc.Output}})
			}
		}
	}
	together := m.Check(batch)
	if len(together) != len(batch) {
		return fmt.Errorf("%d verdicts on %d transactions", len(together), len(batch))
	}
	backwards := make([]contract.Items, len(batch))
	for i, items := range batch {
		backwards[len(batch)-1-i] = items
	}
	reversed := m.Check(backwards)
	for i, items := range batch {
		alone := m.Check([]contract.Items{items})[0]
		for _, v := range []contract.Verdict{together[i], reversed[len(batch)-1-i]} {
			if !sameVerdict(alone, v) {
				return fmt.Errorf("the verdict on transaction %d depends on its batch", i)
			}
		}
	}
	return nil
}

func (p Play) garbage() error {
	s, err := p.all()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		for _, sc := range p.mutations(random) {
			s.rehearse(sc)
		}
	}
	return s.wrong
}

// mutations returns noise, and scenes of the play with some bytes changed.
func (p Play) mutations(random *rand.Rand) []Scene {
	noise := make([]byte, 1+random.IntN(200))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	sc := p.Scenes[random.IntN(len(p.Scenes))]
	for _, b := range []*[]byte{&sc.Input, &sc.Output, &sc.Item} {
		if len(*b) > 0 {
			changed := append([]byte(nil), *b...)
			changed[random.IntN(len(changed))] ^= byte(1 + random.IntN(255))
			*b = changed
		}
	}
	return []Scene{{Input: noise}, {Output: noise}, {Item: noise}, sc, {Input: []byte{}}, {Output: []byte{}}, {Item: []byte{}}}
}

// queries asks what is not there: a typed refusal or an answer, and no panic.
func (p Play) queries() error {
	s, err := p.all()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(7, 8))
	r := s.scope()
	if q, ok := s.module.(contract.Querier); ok {
		for _, method := range []string{"", "no such query", "\xff"} {
			for _, sc := range p.mutations(random) {
				if _, err := q.Query(r, method, sc.Input); err != nil {
					s.refused(err)
				}
			}
		}
	}
	if a, ok := s.module.(contract.Answerer); ok {
		nowhere := messages.OutPoint{Tx: messages.Digest{0xff}, Index: 1<<32 - 1}
		if len(a.Outcome(r, nowhere))+len(a.Share(r, nowhere)) > 0 {
			return fmt.Errorf("an answer about an output that does not exist")
		}
	}
	return s.wrong
}

// proposals looks at what a member would propose at every point of the play: an
// item that nobody can decode would void the whole contribution.
func (p Play) proposals() error {
	s := newStage(p.New(), empty(), 0)
	proposer, ok := s.module.(contract.Proposer)
	for _, sc := range append(append([]Scene(nil), p.Scenes...), Scene{}) {
		if !ok {
			return nil
		}
		for _, seen := range [][]byte{nil, {}, {0xff}} {
			for _, item := range proposer.Propose(s.scope(), seen) {
				if len(item) > transaction.MaxItemSize {
					return fmt.Errorf("proposes an item of %d bytes; at most %d are allowed", len(item), transaction.MaxItemSize)
				}
			}
		}
		if sc.Input != nil || sc.Output != nil || sc.Item != nil {
			if err := s.perform(sc); err != nil {
				return err
			}
		}
	}
	return s.wrong
}
