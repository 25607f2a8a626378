package client_test

import (
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"

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

// What members say while MintClient has the record is not forgotten: here a withdrawal is
// turned round, and they decide on its first transaction before the second one is there.
func TestVerdictWhileTheRecordIsAway(t *testing.T) {
	l := newLife(t)
	address, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		// screen is what members think of transactions from then on, and says what those
		// say of the first one that are not asked again.
		screen *messages.Rejection
		says   func(a asked) *wire.ClientReply
		state  clientwire.State
	}{
		{
			name: "accepted", state: clientwire.State_STATE_DONE,
			says: func(a asked) *wire.ClientReply {
				if a.member > 1 { // they are late
					return nil
				}
				return l.desk.f.Answer(l.desk.f.Members[a.member], a.m)
			},
		},
		{
			name: "refused", state: clientwire.State_STATE_FAILED, screen: messages.Reject(messages.RejectAddress, "no"),
			says: func(a asked) *wire.ClientReply {
				no := &wire.Refusal{Code: uint32(messages.RejectAddress), Final: true, Text: "no"}
				return &wire.ClientReply{Id: a.m.GetId(), Reply: &wire.ClientReply_Status{Status: &wire.Status{Rejected: no}}}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.again(&twister{})
			l.desk.twist = nil
			held := messages.RejectForNow(messages.RejectBusy, "not now")
			l.desk.f.Screen = func(*transaction.Transaction) *messages.Rejection { return held }
			id, err := l.client.Withdraw(t.Context(), address.EncodeAddress(), 700, 0)
			if err != nil {
				t.Fatal(err)
			}
			op := l.desk.pass(l.client, id, 8)
			if len(op.GetAttempts()) != 1 {
				t.Fatalf("not begun: %v", op)
			}
			l.store.Store = &hooked{Store: l.store.Store, n: 2, fn: func() { // the wish, the second transaction
				held = c.screen
				if held == nil {
					first := &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: op.GetAttempts()[0].GetTransaction()}}
					l.desk.f.Answer(l.desk.f.Members[0], &wire.ClientRequest{Request: first})
				}
				waiting := l.desk.awaits
				l.desk.awaits = nil
				for _, a := range waiting {
					if reply := c.says(a); reply != nil {
						l.desk.system.Root.Send(a.line, reply)
					} else {
						l.desk.awaits = append(l.desk.awaits, a)
					}
				}
			}}
			if _, err := l.client.Reclaim(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			op = l.desk.pass(l.client, id, 40)
			if n := len(op.GetAttempts()); op.GetState() != c.state || n != 2 || (op.GetEpoch() != 0) != (c.screen == nil) {
				t.Errorf("ended as %s in epoch %d after %d attempts: %s", op.GetState(), op.GetEpoch(), n, op.GetText())
			}
			b, err := l.client.Balance()
			if err != nil || b.Reserved+b.Doubtful != 0 {
				t.Errorf("balance %+v, %v", b, err)
			}
		})
	}
}
