package client

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/spawn"
)

// door is the actor between the façade's goroutines and the client's actors.
//
//	accepts  answer, carrier.Changed, parked and resumed from UserClient
//
// It only wakes who waits: whoever wants to know more reads the store.
type door Client

// Receive implements actor.Actor.
func (d *door) Receive(ctx actor.Context) {
	c, message := (*Client)(d), ctx.Message()
	if lost, ok := message.(*spawn.Lost); ok {
		message = lost.Message // somebody waits for it
	}
	switch m := message.(type) {
	case answer:
		c.mu.Lock()
		defer c.mu.Unlock()
		if ch := c.waiting[m.number]; ch != nil {
			delete(c.waiting, m.number)
			ch <- m // has room
		}
	case carrier.Changed:
		c.news(m.ID, false)
	case parked:
		c.news(m.id, true)
	case resumed:
		c.resumed()
	}
}

// resumed wakes everybody: no operation is parked any more, and news may be lost.
func (c *Client) resumed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.parked)
	for _, list := range c.watching {
		for _, ch := range list {
			wake(ch)
		}
	}
}

// news wakes who waits for an operation.
func (c *Client) news(id uint64, parked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if parked {
		c.parked[id] = true
	}
	for _, ch := range c.watching[id] {
		wake(ch)
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// call sends a request to UserClient and waits for the operation that answers it.
func (c *Client) call(ctx context.Context, body any) (uint64, error) {
	a, err := c.ask(ctx, body)
	return a.id, err
}

// ask sends a request to UserClient and waits for its answer.
func (c *Client) ask(ctx context.Context, body any) (answer, error) {
	number, ch := c.calls.Add(1), make(chan answer, 1)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return answer{}, ErrClosed
	}
	c.waiting[number] = ch
	c.mu.Unlock()
	c.cfg.System.Root.RequestWithCustomSender(c.user, call{number: number, body: body}, c.door)
	select {
	case a := <-ch:
		return a, a.err
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, number)
		c.mu.Unlock()
		return answer{}, ctx.Err()
	}
}

// Await returns an operation once it has come to an end: with a *FailedError if
// that was not success, with ErrParked if it stopped without one, and with the
// context's error if that is over first; the operation goes on all the same.
// notice is called with every state of the record that is seen on the way, from
// the caller's goroutine; it may be nil.
func (c *Client) Await(ctx context.Context, id uint64, notice func(*Operation)) (*Operation, error) {
	return c.await(ctx, id, notice, func(*Operation) bool { return false })
}

// await is Await that also returns when an operation that is not over is enough.
func (c *Client) await(ctx context.Context, id uint64, notice func(*Operation), enough func(*Operation) bool) (*Operation, error) {
	news := c.watch(id)
	defer c.unwatch(id, news)
	for {
		op, err := c.Operation(id)
		if err != nil {
			return nil, err
		}
		if notice != nil {
			notice(proto.CloneOf(op))
		}
		switch op.GetState() {
		case clientwire.State_STATE_DONE:
			return op, nil
		case clientwire.State_STATE_FAILED:
			return op, &FailedError{op}
		case clientwire.State_STATE_PENDING, clientwire.State_STATE_UNKNOWN:
		}
		if enough(op) {
			return op, nil
		}
		if err := c.health(id); err != nil {
			return op, err
		}
		select {
		case <-ctx.Done():
			return op, ctx.Err()
		case <-news:
		}
	}
}

// Linger returns the record of an operation once its actor has gone. That is a
// moment after its end: members that answer late may still be found to have lied.
func (c *Client) Linger(ctx context.Context, id uint64) (*Operation, error) {
	if _, err := c.call(ctx, lingering{id}); err != nil {
		return nil, err
	}
	return c.Operation(id)
}

func (c *Client) watch(id uint64) chan struct{} {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watching[id] = append(c.watching[id], ch)
	return ch
}

func (c *Client) unwatch(id uint64, ch chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watching[id] = slices.DeleteFunc(c.watching[id], func(other chan struct{}) bool { return other == ch })
	if len(c.watching[id]) == 0 {
		delete(c.watching, id)
	}
}

// health says why no more news of an operation will come.
func (c *Client) health(id uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.parked[id]:
		return ErrParked
	default:
		return nil
	}
}

// clockHand is the time of the last tick, for records.
type clockHand struct{ ms atomic.Int64 }

func newClockHand(now time.Time) *clockHand {
	h := new(clockHand)
	if !now.IsZero() {
		h.set(now)
	}
	return h
}

func (h *clockHand) set(now time.Time) { h.ms.Store(now.UnixMilli()) }

// now is zero until there is a time.
func (h *clockHand) now() time.Time {
	if ms := h.ms.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

func (w *world) nowMs() int64 { return w.time.ms.Load() }
