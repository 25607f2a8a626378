package teller

import (
	"encoding/binary"
	"slices"
	"testing"

	"minimint/actors/consensus/pool"
	"minimint/messages"
	"minimint/messages/transaction"
)

func tx(n uint64) *transaction.Transaction {
	t, err := transaction.Build(transaction.Draft{
		Inputs:  []transaction.Item{{Kind: "mint", Body: binary.BigEndian.AppendUint64(nil, n)}},
		Outputs: []transaction.Item{{Kind: "mint", Body: []byte("note")}},
	}, nil)
	if err != nil {
		panic(err)
	}
	return t
}

// What a member has acknowledged is handed out until its end, and once after it.
func TestLedger(t *testing.T) {
	l := newLedger(4)
	a, b, c := tx(1), tx(2), tx(3)
	for n := uint64(4); waits(a, 2, 4) || !waits(a, 0, 4); n++ {
		a = tx(n)
	}
	for _, x := range []*transaction.Transaction{a, b, c} {
		l.begin(x)
	}
	promise, other := l.watch(0), l.watch(2)
	l.acknowledged(a, 0)
	<-promise
	l.acknowledged(a, 2)
	select {
	case <-other:
		t.Error("member 2 proposes it at once")
	default:
	}
	l.acknowledged(b, 0)
	if !slices.Equal(l.by(a), []int{0, 2}) || l.by(c) != nil {
		t.Errorf("acknowledged by %v and %v", l.by(a), l.by(c))
	}
	for _, want := range [][4][]*transaction.Transaction{
		{{a, b}, nil, {a}, nil},
		{{a, b}, nil, {a}, nil}, // a has ended
		{{b}, nil, nil, nil},
	} {
		for m, list := range want {
			if got := l.take(m); !slices.Equal(got, list) {
				t.Errorf("member %d: %d transactions, want %d", m, len(got), len(list))
			}
		}
		if l.count().Accepted == 0 {
			l.settled(a, true)
		}
	}
	l.settled(c, false)
	if got, want := l.count(), (Totals{Submitted: 3, Acknowledged: 2, Accepted: 1, Rejected: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Two members of four propose a transaction at once, as in package pool.
func TestWhoWaits(t *testing.T) {
	for n := range uint64(20) {
		x := tx(n)
		p := pool.New()
		p.Restore(pool.Entry{Transaction: x})
		for m := range 4 {
			if waits(x, m, 4) == p.HasDue(messages.PeerID(m), 4) {
				t.Errorf("member %d, transaction %s: waits %t", m, x.ID(), waits(x, m, 4))
			}
		}
	}
}
