package teller

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"sync"
	"time"

	"minimint/cmd/minimint-dev/exchange"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// end is what became of a transaction.
type end struct {
	accepted bool
	epoch    uint64
	decided  []*wire.Decided // by member, of those who have said so
	code     messages.RejectionCode
	final    bool
	text     string
}

// again is the pause before a member that is away, or that refuses for now, is
// asked once more.
const again = 30 * time.Millisecond

// waitMs is how long a member is asked to wait for a decision.
const waitMs = 5000

// carry submits an exchange to some members until one has acknowledged it, and
// returns its end.
func (t *Teller) carry(ctx context.Context, rng *mrand.Rand, x *exchange.Exchange, to []int) (end, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Patience)
	defer cancel()
	t.ledger.begin(x.Transaction)
	for {
		s := t.submit(ctx, x.Transaction, to)
		if s.acknowledged || s.refused != nil {
			return t.end(ctx, x.Transaction, s)
		}
		// It may have been taken all the same; another member takes it then too.
		select {
		case <-ctx.Done():
			return end{}, ctx.Err()
		case <-time.After(again):
		}
		to = []int{rng.IntN(t.members())}
	}
}

// submission is what members say at once.
type submission struct {
	acknowledged bool
	refused      *end // for ever, by one of them
}

// submit gives a transaction to members and returns when all have answered or
// are gone.
func (t *Teller) submit(ctx context.Context, tx *transaction.Transaction, to []int) submission {
	request := &wire.ClientRequest{Request: &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: tx.Bytes()}}}
	var s submission
	var mu sync.Mutex
	var members sync.WaitGroup
	for _, m := range to {
		members.Go(func() {
			reply, err := t.asks.Ask(ctx, m, request)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch r := reply.GetReply().(type) {
			case *wire.ClientReply_Submitted:
				t.ledger.acknowledged(tx, m)
				s.acknowledged = true
			case *wire.ClientReply_Refusal:
				if r.Refusal.GetFinal() {
					s.refused = refusal(r.Refusal)
				}
			default:
				t.violation("answer", fmt.Sprintf("member %d answers a submission with %T", m, r))
			}
		})
	}
	members.Wait()
	return s
}

func refusal(r *wire.Refusal) *end {
	return &end{code: messages.RejectionCode(r.GetCode()), final: r.GetFinal(), text: r.GetText()}
}

// end waits for the end of a transaction. What was refused at submission, and
// acknowledged by nobody, has it already.
func (t *Teller) end(ctx context.Context, tx *transaction.Transaction, s submission) (end, error) {
	if !s.acknowledged {
		if s.refused == nil {
			return end{}, errors.New("no member takes it")
		}
		return *s.refused, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	said := make(chan verdict, t.members())
	for m := range t.members() {
		go t.await(ctx, tx, m, said) // it ends with ctx; the channel has room for all
	}
	n := t.members()
	f := (n - 1) / 3
	result := end{decided: make([]*wire.Decided, n)}
	accepted, rejected := 0, 0
	for accepted < n-f && rejected <= f {
		select {
		case <-ctx.Done():
			return end{}, ctx.Err()
		case v := <-said:
			if v.decided == nil {
				rejected++
				result.code, result.final, result.text = v.refused.code, v.refused.final, v.refused.text
			} else {
				if accepted > 0 && result.epoch != v.decided.GetEpoch() {
					t.violation("outcome", fmt.Sprintf("transaction %s was accepted in epoch %d, and in epoch %d if one asks member %d", tx.ID(), result.epoch, v.decided.GetEpoch(), v.member))
				}
				accepted++
				result.epoch, result.decided[v.member] = v.decided.GetEpoch(), v.decided
			}
			if accepted > 0 && rejected > 0 {
				t.violation("outcome", fmt.Sprintf("transaction %s is accepted and rejected (%s), if one asks member %d among others", tx.ID(), result.text, v.member))
			}
		}
	}
	result.accepted = accepted >= n-f
	return result, nil
}

// verdict is one member's word on the end of a transaction: one of decided and
// refused is set.
type verdict struct {
	member  int
	decided *wire.Decided
	refused *end
}

// await asks one member until it knows the end of a transaction.
func (t *Teller) await(ctx context.Context, tx *transaction.Transaction, member int, said chan<- verdict) {
	id, witness := tx.ID(), tx.WitnessID()
	request := &wire.ClientRequest{Request: &wire.ClientRequest_Await{Await: &wire.Await{Txid: id[:], WitnessId: witness[:], WaitMs: waitMs}}}
	for ctx.Err() == nil {
		reply, err := t.asks.Ask(ctx, member, request)
		status := reply.GetStatus()
		switch {
		case status.GetAccepted() != nil:
			said <- verdict{member: member, decided: status.GetAccepted()}
			return
		case status.GetRejected() != nil:
			said <- verdict{member: member, refused: refusal(status.GetRejected())}
			return
		case err == nil && status != nil: // pending; it has waited for us
		default:
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}
}
