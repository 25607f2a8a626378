package client_test

import (
	"testing"

	"minimint/actors/client/clientwire"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// hooked is a store that has something done right after one of its commits, before who
// wrote it goes on.
type hooked struct {
	storage.Store
	n  int // the how manieth from now
	fn func()
}

func (h *hooked) Update(fn func(storage.Tx) error) error {
	err := h.Store.Update(fn)
	if h.n--; h.n == 0 {
		h.fn()
	}
	return err
}

// An acceptance is not forgotten that is heard while MintClient has the record: a
// withdrawal is turned round, and its first transaction accepted before the second one is
// there.
func TestAcceptedWhileTheRecordIsAway(t *testing.T) {
	l := newLife(t)
	l.again(&twister{})
	l.desk.twist = nil
	held := messages.RejectForNow(messages.RejectBusy, "not now")
	l.desk.f.Screen = func(*transaction.Transaction) *messages.Rejection { return held }
	id, err := l.client.Withdraw(t.Context(), recipient(t), 700, 0)
	if err != nil {
		t.Fatal(err)
	}
	op := l.desk.pass(l.client, id, 8)
	if len(op.GetAttempts()) != 1 {
		t.Fatalf("not begun: %v", op)
	}
	l.store.Store = &hooked{Store: l.store.Store, n: 2, fn: func() { // the wish, the second transaction
		held = nil
		first := &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: op.GetAttempts()[0].GetTransaction()}}
		l.desk.f.Answer(l.desk.f.Members[0], &wire.ClientRequest{Request: first})
		waiting := l.desk.awaits
		l.desk.awaits = nil
		for _, a := range waiting {
			if a.member < 2 { // f+1; the others are late
				l.desk.answer(a)
			} else {
				l.desk.awaits = append(l.desk.awaits, a)
			}
		}
	}}
	if _, err := l.client.Reclaim(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	op = l.desk.pass(l.client, id, 40)
	if n := len(op.GetAttempts()); op.GetState() != clientwire.State_STATE_DONE || n != 2 || op.GetEpoch() == 0 {
		t.Errorf("ended as %s in epoch %d after %d attempts: %s", op.GetState(), op.GetEpoch(), n, op.GetText())
	}
	if b, err := l.client.Balance(); err != nil || b.Reserved+b.Doubtful != 0 {
		t.Errorf("balance %+v, %v", b, err)
	}
}
