package lightning_test

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// CorrectMembersAreNeverBlamed: whatever of their items gets into an epoch, from
// however old a state, in whatever order, and whatever a liar says in between,
// no item of a correct member is a fault; and as soon as n−f of them are heard,
// every bought offer is decrypted, rightly.
func TestCorrectMembersAreNeverBlamed(t *testing.T) {
	var modules []*lightning.Module
	for p := range 4 {
		m, err := lightning.New(config(p, 4))
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, m)
	}
	const liar = 3
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, config(-1, 4))
		d.at(now)
		var ids []terms.ID
		buy := func() {
			o := sealedFor(now+20, d.Seal(), byte(len(ids)))
			id := o.ID(banktest.Federation)
			wantCode(t, "offer", d.output(terms.Output{Offer: &o}), 0)
			wantCode(t, "purchase", d.output(purchase(id)), 0)
			ids = append(ids, id)
		}
		buy()
		old := make([][][]byte, 4) // what members proposed in the epoch before
		for epoch := range rapid.IntRange(1, 2).Draw(rt, "epochs") {
			if epoch == 1 && rapid.Bool().Draw(rt, "another offer") {
				buy()
			}
			fresh := make([][][]byte, 4)
			for p, m := range modules {
				for _, item := range m.Propose(d.scope(), nil) {
					fresh[p] = append(fresh[p], bytes.Clone(item))
				}
			}
			for p := range messages.PeerID(4) {
				said := rapid.SampledFrom([][][]byte{nil, fresh[p], old[p], slices.Concat(old[p], fresh[p])}).Draw(rt, "said")
				for _, item := range said {
					item = bytes.Clone(item)
					if p == liar && rapid.Bool().Draw(rt, "lie") {
						item[rapid.IntRange(0, len(item)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
					}
					if err := d.item(p, item); p != liar && codeOf(err) == fault {
						rt.Fatalf("correct member %d: %v", p, err)
					}
				}
			}
			old = fresh
			d.at(now + 1 + uint32(epoch))
		}
		for p, m := range modules[:liar] {
			for _, item := range m.Propose(d.scope(), nil) {
				if err := d.item(messages.PeerID(p), item); codeOf(err) == fault {
					rt.Fatalf("correct member %d: %v", p, err)
				}
			}
		}
		for _, id := range ids {
			if s, ok := d.find(id); !ok || s.State != lightningwire.State_STATE_VALID || *s.Preimage != preimage {
				rt.Fatalf("all correct members spoke: %+v", s)
			}
		}
		for p, m := range modules {
			if items := m.Propose(d.scope(), nil); len(items) > 0 {
				rt.Fatalf("member %d proposes on", p)
			}
		}
	})
}
