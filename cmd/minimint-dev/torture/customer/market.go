package customer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"minimint/messages"
)

// A Market is customers who pay each other.
type Market struct {
	customers []*Customer
	violation func(check, text string)

	mu      sync.Mutex
	inboxes [][]*payment // by customer
	done    int          // payments that were cashed or taken back
}

// payment is notes on their way.
type payment struct {
	notes string
	msat  uint64
	from  int
	id    uint64 // operation of the payer
	// raced says that the payer takes them back while the payee cashes them; then
	// ends counts who is through, and won who of them got the money.
	raced     bool
	ends, won int
}

// NewMarket returns the market of some customers.
func NewMarket(customers []*Customer, violation func(check, text string)) *Market {
	return &Market{customers: customers, violation: violation, inboxes: make([][]*payment, len(customers))}
}

// Payments counts those that have come to an end.
func (m *Market) Payments() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done
}

// mostSat is the largest payment.
const mostSat = 3000

// Work has everybody pay and cash until stop is closed, and returns when all have
// finished what they were doing and all notes on their way are cashed; or returns
// at once when ctx ends.
func (m *Market) Work(ctx context.Context, stop <-chan struct{}) {
	var everybody sync.WaitGroup
	for i := range m.customers {
		everybody.Go(func() {
			for ctx.Err() == nil {
				select {
				case <-stop:
					return
				default:
				}
				if p := m.take(i); p != nil {
					m.cash(ctx, i, p)
				} else {
					m.pay(ctx, i)
				}
			}
		})
	}
	everybody.Wait()
	for i := range m.customers {
		everybody.Go(func() {
			for p := m.take(i); p != nil && ctx.Err() == nil; p = m.take(i) {
				m.cash(ctx, i, p)
			}
		})
	}
	everybody.Wait()
}

// take returns the oldest notes that a customer was given, nil if there are none.
func (m *Market) take(i int) *payment {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.inboxes[i]) == 0 {
		return nil
	}
	p := m.inboxes[i][0]
	m.inboxes[i] = m.inboxes[i][1:]
	return p
}

// pay takes notes out and gives them to somebody else.
func (m *Market) pay(ctx context.Context, from int) {
	c := m.customers[from]
	sats := uint64(1 + c.rng.IntN(mostSat))
	to := (from + 1 + c.rng.IntN(len(m.customers)-1)) % len(m.customers)
	raced := c.rng.IntN(6) == 0
	r, err := c.operate(ctx, "spend", "spend", strconv.FormatUint(sats, 10))
	switch {
	case errors.Is(err, errNeverBegun), ctx.Err() != nil:
		return
	case err != nil:
		m.fail(ctx, c, "pay", err)
		return
	case !r.Done():
		m.violation("wallet", fmt.Sprintf("%s cannot pay %d sat: %s", c.Name(), sats, r.Text))
		return
	}
	if r.Msat != sats*uint64(messages.Sat) || r.Notes == "" {
		m.violation("wallet", fmt.Sprintf("%s took out notes of %d msat instead of %d sat", c.Name(), r.Msat, sats))
		return
	}
	p := &payment{notes: r.Notes, msat: r.Msat, from: from, id: r.ID, raced: raced}
	m.mu.Lock()
	m.inboxes[to] = append(m.inboxes[to], p)
	m.mu.Unlock()
	if raced {
		number := strconv.FormatUint(p.id, 10)
		m.redeem(ctx, p, from, "reclaim", number)
	}
}

// cash takes notes in.
func (m *Market) cash(ctx context.Context, to int, p *payment) {
	m.redeem(ctx, p, to, "receive", p.notes)
}

// redeem has a customer exchange notes for own ones, with a command whose operations
// have the same name.
func (m *Market) redeem(ctx context.Context, p *payment, who int, command, argument string) {
	c := m.customers[who]
	var r *Record
	err := errNeverBegun
	for errors.Is(err, errNeverBegun) && ctx.Err() == nil {
		r, err = c.operate(ctx, command, command, argument)
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		m.fail(ctx, c, command, err)
	case r.Done() && (r.Msat != p.msat || r.FeeMsat > p.msat/100):
		m.violation("wallet", fmt.Sprintf("%s cashes notes of %d msat and gets %d msat for a fee of %d msat", c.Name(), p.msat, r.Msat, r.FeeMsat))
	case !r.Done() && r.Code != uint32(messages.RejectNoteSpent):
		m.violation("legitimate", fmt.Sprintf("%s cannot %s good notes: code %d, %s", c.Name(), command, r.Code, r.Text))
	}
	m.ended(p, r.Done())
}

// ended notes that somebody is through with a payment: in the end exactly one must
// have got the money.
func (m *Market) ended(p *payment, won bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.ends++
	if won {
		p.won++
	}
	if p.raced && p.ends < 2 {
		return
	}
	m.done++
	if p.won != 1 {
		m.violation("double spend", fmt.Sprintf("operation %d of %s paid %d msat, which %d wallets got", p.id, m.customers[p.from].Name(), p.msat, p.won))
	}
}

// again is the pause after a failure: what failed at once may fail again.
const again = 100 * time.Millisecond

func (m *Market) fail(ctx context.Context, c *Customer, what string, err error) {
	m.violation("progress", fmt.Sprintf("%s cannot %s: %v", c.Name(), what, err))
	select {
	case <-ctx.Done():
	case <-time.After(again):
	}
}
