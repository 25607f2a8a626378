package moduletest

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/statehash"
)

// stage is a module on a state of its own, and the first thing that the module
// did which the core does not allow.
type stage struct {
	module contract.Module
	state  *storage.Overlay
	env    *Env
	calls  uint32 // that were accepted
	wrong  error
}

func newStage(m contract.Module, base storage.Reader, calls int) *stage {
	ov := storage.NewOverlay(base)
	return &stage{module: m, state: ov, env: NewEnv(ov), calls: uint32(calls)}
}

func (s *stage) scope() storage.Tx {
	return storage.Scoped(s.state, transition.ModuleScope(s.module.Kind()))
}

func (s *stage) hash() [32]byte {
	h := statehash.Compute(s.state)
	return h.Sum()
}

func (s *stage) blame(format string, args ...any) {
	if s.wrong == nil {
		s.wrong = fmt.Errorf(format, args...)
	}
}

// perform applies one scene as the core would: stateless check first, and a
// rollback if it is refused, or booked what cannot be.
func (s *stage) perform(sc Scene) error {
	mark := s.state.Savepoint()
	err := s.apply(sc)
	if err == nil && s.env.Negative != "" {
		err = fmt.Errorf("line %q goes below zero or beyond all bounds", s.env.Negative)
	}
	if err != nil {
		s.state.Rollback(mark)
		s.env.Negative = "" // undone with the rest
		return err
	}
	s.state.Release(mark)
	s.calls++
	return nil
}

// rehearse performs a scene, blames what no module may do, and takes it back.
func (s *stage) rehearse(sc Scene) {
	calls, mark := s.calls, s.state.Savepoint()
	_ = s.perform(sc)
	s.state.Rollback(mark)
	s.calls, s.env.Negative = calls, ""
}

func (s *stage) apply(sc Scene) error {
	n := s.calls + 1
	at := messages.OutPoint{Tx: messages.Digest{byte(n >> 8), byte(n)}, Index: n}
	var worth contract.Worth
	var err error
	switch {
	case sc.Item != nil:
		err = s.module.ApplyItem(s.scope(), s.env, sc.From, sc.Item)
		var wrong *contract.Misbehaviour
		if errors.As(err, &wrong) && wrong != nil {
			return err
		}
	case sc.Input != nil:
		if err := s.check(contract.Items{Inputs: [][]byte{sc.Input}}); err != nil {
			return err
		}
		worth, err = s.module.ApplyInput(s.scope(), s.env, sc.Input)
	default:
		if err := s.check(contract.Items{Outputs: [][]byte{sc.Output}}); err != nil {
			return err
		}
		worth, err = s.module.ApplyOutput(s.scope(), s.env, at, sc.Output)
	}
	if err != nil {
		s.refused(err)
		return err
	}
	if worth.Amount > messages.MaxAmount || worth.Fee > messages.MaxAmount {
		s.blame("a worth of %s with a fee of %s, beyond all money", worth.Amount, worth.Fee)
	}
	return nil
}

// check asks for the verdict on one transaction's items, and looks at its form.
func (s *stage) check(items contract.Items) error {
	v := s.module.Check([]contract.Items{items})[0]
	if screener, ok := s.module.(contract.Screener); ok {
		first := screener.Screen(items)
		if first.Rejection != nil {
			s.refused(first.Rejection)
		}
		if v.Rejection == nil && !sameVerdict(first, v) {
			s.blame("Screen and Check differ on %x", items)
		}
	}
	if v.Rejection != nil {
		s.refused(v.Rejection)
		return v.Rejection
	}
	if len(v.Keys) != len(items.Inputs) {
		s.blame("the keys of %d inputs were named, there are %d", len(v.Keys), len(items.Inputs))
	}
	return nil
}

// refused looks at the form of a refusal.
func (s *stage) refused(err error) {
	var r *messages.Rejection
	if !errors.As(err, &r) || r == nil {
		s.blame("an error that is no rejection: %v", err)
		return
	}
	if r.Code == 0 || r.Text == "" || len(r.Text) > messages.MaxRejectionText || !utf8.ValidString(r.Text) {
		s.blame("a rejection with code %d and a text of %d bytes; want a code, and 1 to %d bytes of UTF-8", r.Code, len(r.Text), messages.MaxRejectionText)
	}
}

// sameVerdict reports whether two verdicts decide alike; the text is free.
func sameVerdict(a, b contract.Verdict) bool {
	if a.Rejection != nil || b.Rejection != nil {
		return a.Rejection != nil && b.Rejection != nil && a.Rejection.Code == b.Rejection.Code && a.Rejection.Final == b.Rejection.Final
	}
	return slices.EqualFunc(a.Keys, b.Keys, slices.Equal[[][32]byte])
}
