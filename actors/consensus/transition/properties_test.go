package transition_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"

	"minimint/actors/consensus/transition"
	"minimint/actors/consensus/transition/ledgertest"
	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// only is for finding out what one property sees by itself of a change.
var only = flag.String("property", "", "the only property that machines check, such as NoTrace")

func watched(property string) bool { return *only == "" || *only == property }

// epoch is what a machine knows of one.
type epoch struct {
	before        *memory.Store
	was           [32]byte          // state hash
	got, again    transition.Result // at the steady and the shaky replica
	book          *ledgertest.Book
	page          ledgertest.Page
	contributions []transitiontest.Contribution
}

// check checks all properties after an epoch; those that know least come first.
func (m *machine) check(e epoch) {
	m.spentOnce(e)
	m.final(e)
	for _, p := range []struct {
		name  string
		check func(epoch)
	}{
		{"Conservation", m.conserved},
		{"Order", m.ordered},
		{"Restart", m.restarted},
		{"SameVerdicts", m.sameVerdicts},
		{"NoBlame", m.blamed},
		{"NoTrace", m.noTrace},
		{"SameState", m.sameState},
	} {
		if watched(p.name) {
			p.check(e)
		}
	}
}

// sameVerdicts: what is accepted and refused, in which order and why, is what the
// second model says.
func (m *machine) sameVerdicts(e epoch) {
	var accepted, refused []string
	for _, id := range e.got.Accepted {
		accepted = append(accepted, ledgertest.Verdict(id, messages.WitnessID{}, nil))
	}
	for _, r := range e.got.Rejected {
		refused = append(refused, ledgertest.Verdict(r.Tx, r.Witness, r.Rejection))
	}
	if !slices.Equal(accepted, e.page.Accepted) || !slices.Equal(refused, e.page.Refused) {
		m.Fatalf("SameVerdicts: epoch %d:\n%q\n%q\nby the book\n%q\n%q", m.epoch, accepted, refused, e.page.Accepted, e.page.Refused)
	}
}

// sameState: all that the modules tell of the state is what the second model has.
func (m *machine) sameState(e epoch) {
	m.steady.view(m, func(s storage.Reader) {
		if text := e.book.Differs(m.steady.rules, s); text != "" {
			m.Fatalf("SameState: epoch %d: %s", m.epoch, text)
		}
	})
}

// conserved: the federation holds exactly what it owes, no line is negative, and
// the sums are those of the lines.
func (m *machine) conserved(e epoch) {
	m.steady.view(m, func(s storage.Reader) {
		sum, lines := transition.Audit(s)
		var all transition.Totals
		for _, l := range lines {
			if l.Totals.Assets < 0 || l.Totals.Liabilities < 0 {
				m.Fatalf("Conservation: epoch %d: %+v", m.epoch, l)
			}
			all.Assets += l.Totals.Assets
			all.Liabilities += l.Totals.Liabilities
		}
		if sum.Assets != sum.Liabilities || sum != all || e.got.Totals != sum {
			m.Fatalf("Conservation: epoch %d: totals %+v, lines %+v, told %+v", m.epoch, sum, all, e.got.Totals)
		}
	})
}

// spentOnce: of all transactions that were ever accepted, no two spend a note,
// ask for the same blind nonce, or claim a deposit. It looks at bytes only.
func (m *machine) spentOnce(e epoch) {
	for _, id := range e.got.Accepted {
		for _, what := range claims(m, find(e.contributions, id).Tx) {
			if m.spent[what] && watched("NoDoubleSpend") {
				m.Fatalf("NoDoubleSpend: epoch %d: %.8s takes %.24s, which was taken before", m.epoch, id, what)
			}
			m.spent[what] = true
		}
	}
}

func find(contributions []transitiontest.Contribution, id messages.TxID) *transitiontest.Plan {
	for _, c := range contributions {
		for _, p := range c.Plans {
			if p.Tx.ID() == id {
				return p
			}
		}
	}
	return nil
}

// claims names what a transaction takes that can be taken only once.
func claims(t tb, tx *transaction.Transaction) (names []string) {
	notes, orders := tx.Items(mint.Kind)
	for _, b := range notes {
		in, err := mint.DecodeInput(b)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("note %x", in.Nonce))
	}
	for _, b := range orders {
		out, err := mint.DecodeOutput(b)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("order %x of tier %d", out.BlindNonce, out.Tier))
	}
	deposits, _ := tx.Items(wallet.Kind)
	for _, b := range deposits {
		proof, err := pegin.Decode(observer.Descriptor(), b)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, "deposit "+proof.OutPoint().String())
	}
	return names
}

// ordered: what is accepted comes in the order of members and then of their lists,
// and what is refused as taken was taken by something before it.
func (m *machine) ordered(e epoch) {
	place, n := map[messages.TxID]int{}, 0
	for _, c := range e.contributions {
		for _, p := range c.Plans {
			if n++; place[p.Tx.ID()] == 0 && p.Signed {
				place[p.Tx.ID()] = n
			}
		}
	}
	for i := range e.got.Accepted[min(1, len(e.got.Accepted)):] {
		if place[e.got.Accepted[i]] >= place[e.got.Accepted[i+1]] {
			m.Fatalf("Order: epoch %d: %.8s is accepted before %.8s", m.epoch, e.got.Accepted[i], e.got.Accepted[i+1])
		}
	}
	for _, r := range e.got.Rejected {
		if r.Rejection.Code != messages.RejectNoteSpent && r.Rejection.Code != messages.RejectPegInClaimed && r.Rejection.Code != messages.RejectBlindNonceUsed {
			continue
		}
		mine := claims(m, find(e.contributions, r.Tx).Tx)
		earlier := len(mine) > len(slices.Compact(slices.Sorted(slices.Values(mine)))) // or takes something twice itself
		for _, what := range mine {
			earlier = earlier || m.spent[what] && !slices.ContainsFunc(e.got.Accepted, func(id messages.TxID) bool {
				return place[id] > place[r.Tx] && slices.Contains(claims(m, find(e.contributions, id).Tx), what)
			})
		}
		if !earlier {
			m.Fatalf("Order: epoch %d: %.8s is refused with %d for the sake of something behind it", m.epoch, r.Tx, r.Rejection.Code)
		}
	}
}

// blamed: the members with faults are those that the second model blames, and no
// honest one is among them.
func (m *machine) blamed(e epoch) {
	blamed := map[messages.PeerID]bool{}
	for _, f := range e.got.Faults {
		blamed[f.Peer] = true
	}
	maps.DeleteFunc(e.page.Blamed, func(_ messages.PeerID, guilty bool) bool { return !guilty })
	for peer := range blamed {
		if peer != transitiontest.Liar {
			m.Fatalf("NoBlame: epoch %d: honest member %d: %+v", m.epoch, peer, e.got.Faults)
		}
	}
	if !maps.Equal(blamed, e.page.Blamed) {
		m.Fatalf("NoBlame: epoch %d: %+v, by the book %v", m.epoch, e.got.Faults, e.page.Blamed)
	}
}

// final: what was refused for ever is never accepted in that form (H61).
func (m *machine) final(e epoch) {
	for _, id := range e.got.Accepted {
		for _, p := range m.scribe.Written {
			if p.Tx.ID() == id && p.Signed && m.ended[p.Tx.WitnessID()] && watched("Finality") {
				m.Fatalf("Finality: epoch %d: %.8s was refused for ever", m.epoch, id)
			}
		}
	}
	for _, r := range e.got.Rejected {
		m.ended[r.Witness] = m.ended[r.Witness] || r.Rejection.Final
	}
}

// restarted: a member that stopped and began again with nothing but its store, and
// remembers no check, has the same state and finds the same.
func (m *machine) restarted(e epoch) {
	if a, b := m.steady.hash(m), m.shaky.hash(m); a != b {
		m.Fatalf("Restart: epoch %d: a member that restarted has state %x, one that did not %x", m.epoch, b[:4], a[:4])
	}
	if len(e.again.Accepted) != len(e.got.Accepted) || len(e.again.Rejected) != len(e.got.Rejected) || len(e.again.Faults) != len(e.got.Faults) {
		m.Fatalf("Restart: epoch %d: a member that restarted finds %+v, one that did not %+v", m.epoch, e.again, e.got)
	}
}

// noTrace: an epoch without all that was refused leads to the same state.
func (m *machine) noTrace(e epoch) {
	clean := &replica{rules: m.steady.rules, store: e.before.Clone(), checked: m.steady.checked}
	res := clean.apply(m, transitiontest.Outcome(m.epoch, e.page.Effect))
	if len(res.Rejected)+len(res.Faults) > 0 {
		m.Fatalf("NoTrace: epoch %d: what had an effect is refused alone: %+v", m.epoch, res)
	}
	now := m.steady.hash(m)
	if clean.hash(m) != now {
		m.Fatalf("NoTrace: epoch %d: the state is another one than without what was refused", m.epoch)
	}
	idle := true
	for _, c := range e.page.Effect {
		idle = idle && len(c.Items)+len(c.Plans) == 0
	}
	if idle && e.was != now {
		m.Fatalf("NoTrace: epoch %d: nothing was accepted, and the state changed", m.epoch)
	}
}

// replayed: whoever starts from any epoch's state has the same state after each
// epoch, whatever he had verified before.
func (m *machine) replayed() {
	if len(m.past) == 0 || !watched("Replay") {
		return
	}
	from := m.choices.Choose("replay from", len(m.past))
	r := &replica{rules: house.Rules(), store: m.past[from].before.Clone(), checked: map[messages.WitnessID]bool{}}
	for id := range m.steady.checked {
		if id[0]&1 == 0 {
			r.checked[id] = true
		}
	}
	for _, c := range m.past[from:] {
		r.apply(m, c.outcome)
		if got := r.hash(m); got != c.after {
			m.Fatalf("Replay: from epoch %d on, the state after epoch %d is %x, want %x", from, c.outcome.Epoch, got[:4], c.after[:4])
		}
	}
}
