package transition_test

import (
	"testing"
	"unicode/utf8"

	"minimint/actors/consensus/transition"
	"minimint/actors/consensus/transition/ledgertest"
	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/memory"
)

// FuzzMachine is TestMachine with the choices of a fuzz input: up to four epochs, as
// long as there is input for them.
func FuzzMachine(f *testing.F) {
	start := ledgertest.Open(house)
	f.Add([]byte{})
	f.Add([]byte("an epoch takes about twenty choices, and each of them is one byte of this text"))
	f.Add([]byte{1, 0, 3, 1, 1, 0, 4, 2, 0, 2, 9, 4, 1, 2, 1, 0, 2, 3, 1, 2, 2, 1, 7, 1, 6, 2, 9, 1, 3, 8, 2, 4, 1, 3, 15, 2, 2, 1})
	f.Fuzz(func(t *testing.T, plan []byte) {
		const epochs, perEpoch = 4, 60
		m := newMachine(t, start, transitiontest.Read(plan), copies{})
		defer m.close()
		for i := range epochs {
			if i*perEpoch > len(plan) {
				break
			}
			m.live()
		}
		m.replayed()
	})
}

// FuzzOutcome applies a whole outcome that a plan wrote and noise damaged, so that
// any bytes may be in it: two members come to the same result, what is refused is
// refused in a form that storage and wire can hold, what is accepted is conserved
// and takes nothing twice.
func FuzzOutcome(f *testing.F) {
	start := ledgertest.Open(house)
	f.Add([]byte{}, []byte{})
	f.Add([]byte{1, 0, 3, 1, 1, 0, 4, 2, 0, 2, 9, 4, 1, 2, 1, 0, 2, 3, 1, 2, 2, 1, 7, 1, 6}, []byte{3, 0, 9, 1, 2, 0, 40, 7})
	f.Add([]byte("an epoch takes about twenty choices"), []byte{0, 0, 1, 9, 1, 0, 2, 9, 2, 0, 3, 9, 3, 1, 0, 200})
	f.Fuzz(func(t *testing.T, plan, noise []byte) {
		m := newMachine(t, start, transitiontest.Read(plan), copies{})
		defer m.close()
		m.happen()
		m.submit()
		var contributions []transitiontest.Contribution
		m.steady.view(t, func(s storage.Reader) { contributions = m.scribe.Contributions(s, m.pool, m.junk) })
		o := transitiontest.Outcome(m.epoch, contributions)
		damage(o, noise)
		before := m.steady.store.(*memory.Store).Clone()
		a, b := m.steady.apply(t, o), m.shaky.apply(t, o)
		if m.steady.hash(t) != m.shaky.hash(t) || len(a.Accepted) != len(b.Accepted) || len(a.Rejected) != len(b.Rejected) || len(a.Faults) != len(b.Faults) {
			t.Fatalf("two members differ: %+v and %+v", a, b)
		}
		m.conserved(epoch{got: a})
		m.takenOnce(a, o)
		wellSaid(t, a)
		if untouched(o) && before != nil && len(a.Accepted) == 0 && m.steady.hash(t) != (&replica{store: before}).hash(t) {
			t.Fatal("a state of nothing but noise")
		}
	})
}

// damage changes single bytes of contributions: four bytes of noise say which, where
// and how.
func damage(o outcome.Outcome, noise []byte) {
	for ; len(noise) >= 4; noise = noise[4:] {
		raw := o.Contributions[int(noise[0])%len(o.Contributions)].Contribution
		if len(raw) > 0 {
			raw[(int(noise[1])<<8|int(noise[2]))%len(raw)] ^= noise[3]
		}
	}
}

// untouched reports whether nothing in an outcome can be decoded.
func untouched(o outcome.Outcome) bool {
	for _, c := range o.Contributions {
		if _, err := outcome.DecodeContribution(c.Contribution); err == nil {
			return false
		}
	}
	return true
}

// takenOnce is spentOnce for outcomes of any bytes.
func (m *machine) takenOnce(got transition.Result, outcomes ...outcome.Outcome) {
	accepted := map[messages.TxID]bool{}
	for _, id := range got.Accepted {
		accepted[id] = true
	}
	var all []outcome.Member
	for _, o := range outcomes {
		all = append(all, o.Contributions...)
	}
	for _, c := range all {
		decoded, err := outcome.DecodeContribution(c.Contribution)
		if err != nil {
			continue
		}
		for _, tx := range decoded.Transactions {
			if !accepted[tx.ID()] {
				continue
			}
			delete(accepted, tx.ID())
			for _, what := range claims(m, tx) {
				if m.spent[what] {
					m.Fatalf("%s was taken before", what)
				}
				m.spent[what] = true
			}
		}
	}
	if len(accepted) > 0 {
		m.Fatalf("%d transactions were accepted that nobody proposed", len(accepted))
	}
}

// wellSaid checks that refusals and faults can be stored and sent.
func wellSaid(t tb, got transition.Result) {
	for _, r := range got.Rejected {
		if r.Rejection.Code == 0 || r.Rejection.Text == "" || len(r.Rejection.Text) > messages.MaxRejectionText || !utf8.ValidString(r.Rejection.Text) {
			t.Fatalf("refusal %+v", r.Rejection)
		}
		canonical.Marshal(&wire.Rejected{Code: uint32(r.Rejection.Code), Text: r.Rejection.Text})
	}
	for _, f := range got.Faults {
		if f.Text == "" || len(f.Text) > messages.MaxRejectionText || !utf8.ValidString(f.Text) {
			t.Fatalf("fault %q", f.Text)
		}
	}
}

// FuzzStored reads records of the core that no member wrote: it panics, and says who
// does, or reads what it would write.
func FuzzStored(f *testing.F) {
	start := ledgertest.Open(house)
	(&replica{store: start.Store}).view(f, func(s storage.Reader) {
		for k, v := range s.Scan(nil) {
			if scope, _, ok := storage.SplitKey(k); ok && scope != transition.ModuleScope(mint.Kind) && len(v) < 100 {
				f.Add(k, v)
			}
		}
	})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(key) == 0 || len(key) > storage.MaxKeyBytes {
			return
		}
		ov := storage.NewOverlay(empty(t))
		ov.Put(key, value)
		defer func() {
			if r := recover(); r != nil && !ours(r, "transition: ") {
				panic(r)
			}
		}()
		_, lines := transition.Audit(ov)
		for _, l := range lines {
			if l.Name == "" {
				t.Fatalf("line %+v", l)
			}
		}
		if _, inner, ok := storage.SplitKey(key); ok && len(inner) == 32 {
			transition.FindAccepted(ov, messages.TxID(inner))
		}
	})
}

// ours reports whether a panic says that it is one of a package of ours.
func ours(reason any, prefix string) bool {
	text, ok := reason.(string)
	return ok && len(text) > len(prefix) && text[:len(prefix)] == prefix
}

func empty(t tb) storage.Reader {
	snap, err := memory.New().View()
	if err != nil {
		t.Fatal(err)
	}
	return snap
}
