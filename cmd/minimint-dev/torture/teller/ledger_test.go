package teller

import (
	"encoding/binary"
	"slices"
	"testing"

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
	l := newLedger(3)
	a, b, c := tx(1), tx(2), tx(3)
	for _, x := range []*transaction.Transaction{a, b, c} {
		l.begin(x)
	}
	promise, other := l.watch(0), l.watch(1)
	l.acknowledged(a, 0)
	<-promise
	select {
	case <-other:
		t.Error("member 1 has promised nothing")
	default:
	}
	l.acknowledged(a, 2)
	l.acknowledged(b, 0)
	if !slices.Equal(l.by(a), []int{0, 2}) || l.by(c) != nil {
		t.Errorf("acknowledged by %v and %v", l.by(a), l.by(c))
	}
	for _, want := range [][3][]*transaction.Transaction{
		{{a, b}, nil, {a}},
		{{a, b}, nil, {a}}, // a has ended
		{{b}, nil, nil},
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
