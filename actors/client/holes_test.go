package client_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"minimint/actors/client/clienttest"
	"minimint/messages"
	"minimint/messages/wire"
)

// wide is a federation in which two of seven may be faulty.
var wide = sync.OnceValue(func() *clienttest.Federation {
	return clienttest.New(clienttest.Config{
		Members: 7, Tiers: 27, SpendFee: 3, IssueFee: 2, PegInFee: 1000, PegOutFee: 2000, FinalityDelay: 2,
	}, 2)
})

// lies are what a member may make of all its replies.
var lies = map[string]func(*wire.ClientReply){
	"refuses everything": func(r *wire.ClientReply) {
		r.Reply = &wire.ClientReply_Refusal{Refusal: &wire.Refusal{Code: uint32(messages.RejectNoteSpent), Final: true, Text: strings.Repeat("no", 9000)}}
	},
	"accepts everything": func(r *wire.ClientReply) {
		if r.GetRefusal() != nil || r.GetStatus() != nil {
			r.Reply = &wire.ClientReply_Status{Status: &wire.Status{Accepted: &wire.Decided{Epoch: 1 << 63, Outputs: make([]*wire.OutputAnswer, 5)}}}
		}
	},
	"wrong bytes": func(r *wire.ClientReply) {
		spoil := func(b []byte) []byte { return append(bytes.Repeat([]byte{0xff}, 7), b...) }
		if c := r.GetConfig(); c != nil {
			c.Body = spoil(c.GetBody())
		}
		if a := r.GetAnswer(); a != nil {
			a.Body = spoil(a.GetBody())
		}
		for _, o := range r.GetStatus().GetAccepted().GetOutputs() {
			o.Share, o.Outcome = spoil(o.GetShare()), spoil(o.GetOutcome())
		}
	},
	"another txid and other shares": func(r *wire.ClientReply) {
		outputs := r.GetStatus().GetAccepted().GetOutputs()
		for i, o := range outputs {
			o.Share = outputs[len(outputs)-1-i].GetShare()
			if len(o.GetOutcome()) > 4 {
				o.Outcome[4] ^= 1
			}
		}
	},
}

// The original asked members in turn, without a deadline, and believed each: a liar or one that hangs among the first defeated or crashed the client.
func TestH28LiarAndHangingMemberAmongTheFirst(t *testing.T) {
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOf(t, wide())
			text := w.f.Token(200_000)
			w.f.Members[0].SetTwist(lie)
			w.f.Members[1].SetSilent(true)
			alice, bob := w.user(), w.user() // who join by asking these two first
			have := w.fund(alice, 300_000)

			id, err := alice.Spend(w.ctx, 100_000)
			op := w.done(alice, id, err)
			spent := 100_000 + messages.Amount(op.GetFeeMsat())
			id, err = bob.Receive(w.ctx, text)
			got := w.done(bob, id, err)
			if w.balance(alice) != have-spent || w.balance(bob) != 200_000-messages.Amount(got.GetFeeMsat()) {
				t.Errorf("alice has %s of %s, bob %s", w.balance(alice), have, w.balance(bob))
			}
			for _, r := range append(op.GetReports(), got.GetReports()...) {
				if !strings.HasPrefix(r, "member 0 ") {
					t.Errorf("an honest member is blamed: %s", r)
				}
			}
			if name != "another txid and other shares" && name != "refuses everything" {
				return // these two say it all about bitcoin
			}
			deposit := w.deposit(bob)
			w.pay(deposit, 60_000)
			w.f.Observe()
			w.done(bob, deposit.GetId(), nil)
			before := w.balance(bob)
			id, err = bob.Withdraw(w.ctx, recipient(t), 20_000, 0)
			out := w.done(bob, id, err)
			cost := messages.Amount(20_000+out.GetWithdrawal().GetMaxFeeSats())*messages.Sat + messages.Amount(out.GetFeeMsat())
			if txid := w.f.Pending(); w.balance(bob) != before-cost || len(txid) != 1 || !bytes.Equal(txid[0], out.GetWithdrawal().GetTxid()) {
				t.Errorf("bob has %s of %s after paying %s; withdrawal %x, federation %x", w.balance(bob), before, cost, out.GetWithdrawal().GetTxid(), txid)
			}
		})
	}
}
