package remote

import (
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

// stream is what both ends of a gRPC stream have in common. One goroutine may
// receive while another sends.
type stream interface {
	SendMsg(any) error
	RecvMsg(any) error
}

// channel is one open link. Three goroutines serve it: run, which alone talks to
// the owner so that events keep their order; read; and write. Only write sends,
// and it may be stuck for as long as the other side does not read, so nothing
// ever waits for it.
type channel struct {
	hub    *Hub
	gate   *gate.Gate
	number uint64
	stream stream
	other  *link.Hello // of the other side

	once  sync.Once     // guards why
	stop  chan struct{} // closed by fail
	ended chan struct{} // closed when the owner has been told Down
	why   ending        // valid once stop is closed
	wake  chan struct{} // for write: there may be something to send
	turn  chan struct{} // for run: there are changes to tell
	// delivering is held while a message is handed to an actor, so that none
	// arrives after Down.
	delivering sync.Mutex
	over       bool // guarded by delivering

	flow  *flow
	watch watchers
}

// ending is why a channel ended.
type ending struct {
	refusal *link.Refusal
	ours    bool
}

// flow is the part of a channel that its goroutines and actors share.
type flow struct {
	sync.Mutex
	out     *gate.Outbox
	in      *gate.Inbox
	changes []link.Event // of congestion, not yet told
}

// newChannel prepares a link whose hellos have been exchanged.
func newChannel(h *Hub, g *gate.Gate, st stream, other *link.Hello) *channel {
	return &channel{
		hub: h, gate: g, number: h.numbers.Add(1), stream: st, other: other,
		stop: make(chan struct{}), ended: make(chan struct{}),
		wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		flow: &flow{out: gate.NewOutbox(g.Limits(), other), in: gate.NewInbox(g.Limits())},
	}
}

// fail ends the channel; the first reason is kept. It never blocks, and may be
// called from anywhere.
func (c *channel) fail(refusal *link.Refusal, ours bool) {
	c.once.Do(func() {
		c.why = ending{refusal, ours}
		close(c.stop)
	})
}

// lost ends the channel because the stream did.
func (c *channel) lost(err error) { c.fail(refusalOf(err), false) }

// refusalOf finds the refusal with which the accepting side ended a stream. For
// any other error it is one without a code.
func refusalOf(err error) *link.Refusal {
	var own *link.Refusal
	if errors.As(err, &own) {
		return own
	}
	s := status.Convert(err)
	for _, d := range s.Details() {
		if r, ok := d.(*link.Refusal); ok {
			return link.Refuse(r.GetCode(), "%.200q", r.GetText())
		}
	}
	if errors.Is(err, io.EOF) {
		return link.Refuse(link.Code_CODE_UNSPECIFIED, "the stream ended")
	}
	return link.Refuse(link.Code_CODE_UNSPECIFIED, "%.200s", s.Message())
}

// statusOf is the reverse: how the accepting side tells a refusal.
func statusOf(refusal *link.Refusal) error {
	s := status.New(codes.Aborted, refusal.GetText())
	if detailed, err := s.WithDetails(refusal); err == nil {
		s = detailed
	}
	return s.Err()
}

// run serves the channel until it ends, and returns why. It calls up once the
// owner has been told Up. The stream is still open when run returns: ending it is
// up to the caller, and makes read and write return.
func (c *channel) run(up func()) ending {
	if !c.hub.claim(c) {
		c.fail(link.Refuse(link.Code_CODE_CLOSED, "shutting down"), true)
		c.tellDown()
		return c.why
	}
	c.protect("events", func() { c.live(up) })
	c.delivering.Lock()
	c.over = true
	c.delivering.Unlock()
	c.hub.release(c)
	c.protect("end", func() {
		c.watch.end(c.hub.system)
		c.tellDown()
	})
	return c.why
}

// live tells the owner what happens, from Up until the channel has failed.
func (c *channel) live(up func()) {
	c.tell(&link.Up{Address: c.gate.Address(), Link: c.number, Incarnation: c.other.GetIncarnation()})
	up()
	c.hub.follow(c)
	c.hub.routines.Add(2)
	go c.serve("read", c.read)
	go c.serve("write", c.write)
	for {
		select {
		case <-c.stop:
			return
		case <-c.turn:
			c.flow.Lock()
			changes := c.flow.changes
			c.flow.changes = nil
			c.flow.Unlock()
			for _, e := range changes {
				c.tell(e)
			}
		}
	}
}

// serve runs one half of the channel.
func (c *channel) serve(name string, half func()) {
	defer c.hub.routines.Done()
	c.protect(name, half)
}

// protect keeps the panics of a part of the channel in: they end it. Whatever
// waits for the channel's end must not wait for ever.
func (c *channel) protect(name string, part func()) {
	defer func() {
		if reason := recover(); reason != nil {
			c.hub.log.Error("link panicked", slog.String("link", c.gate.Address()), slog.String("part", name),
				slog.Any("reason", reason), slog.String("stack", spawn.Stack()))
			c.fail(link.Refuse(link.Code_CODE_INTERNAL, "internal error"), true)
		}
	}()
	part()
}

// tell sends an event to the owner.
func (c *channel) tell(e link.Event) { c.hub.tell(c.gate, e) }

// tellDown tells the last event. The channel has failed.
func (c *channel) tellDown() {
	defer close(c.ended)
	c.flow.Lock()
	out := c.flow.out.State()
	c.flow.Unlock()
	c.hub.tellDown(c.gate, c.number, c.why, out.Waiting+int(out.Sent-out.Acknowledged))
}

// read receives frames until the stream ends or breaks a rule.
func (c *channel) read() {
	for {
		var raw []byte
		if err := c.stream.RecvMsg(&raw); err != nil {
			if status.Code(err) == codes.ResourceExhausted { // gRPC's own limit
				c.fail(link.Refuse(link.Code_CODE_FRAME, "a frame beyond all limits"), true)
			}
			c.lost(err)
			return
		}
		f, refusal := gate.Decode(raw, c.gate.Limits())
		if refusal == nil {
			refusal = c.accept(f)
		}
		if refusal != nil {
			c.fail(refusal, true)
			return
		}
	}
}

// accept performs one frame.
func (c *channel) accept(f *link.Frame) *link.Refusal {
	if f.GetAcknowledged() != 0 {
		c.flow.Lock()
		refusal := c.flow.out.Acknowledge(f.GetAcknowledged())
		c.flow.Unlock()
		if refusal != nil {
			return refusal
		}
		signal(c.wake)
	}
	for i, e := range f.GetEnvelopes() {
		n := f.GetFirst() + uint64(i)
		c.flow.Lock()
		refusal := c.flow.in.Arrive(n, e)
		c.flow.Unlock()
		if refusal != nil {
			return refusal
		}
		in, refusal := c.gate.Admit(e)
		if refusal != nil {
			return refusal
		}
		c.deliver(n, in)
	}
	return nil
}

// deliver hands a message to its actor, unless the owner has been told Down.
func (c *channel) deliver(n uint64, in gate.Inbound) {
	c.delivering.Lock()
	defer c.delivering.Unlock()
	if c.over {
		return
	}
	d := &spawn.Delivery{Message: in.Message, Release: func() { c.processed(n) }}
	// Fresh PIDs: one remembers the process of the first system that used it.
	c.hub.system.Root.RequestWithCustomSender(c.hub.system.NewLocalPID(in.Target), d,
		actor.NewPID(in.SenderAddress, in.SenderID))
}

// processed returns the credit of an envelope. Actors call it.
func (c *channel) processed(n uint64) {
	c.flow.Lock()
	due := c.flow.in.Processed(n)
	c.flow.Unlock()
	if due {
		signal(c.wake)
	}
}

// write sends what is queued and what is to be acknowledged, as credit allows.
func (c *channel) write() {
	for {
		select {
		case <-c.stop:
			return
		case <-c.wake:
		}
		for f := c.next(); f != nil; f = c.next() {
			if err := c.stream.SendMsg(f); err != nil {
				if !errors.Is(err, io.EOF) { // otherwise read will learn the reason
					c.lost(err)
				}
				return
			}
		}
	}
}

// next makes the next frame to send, or returns nil.
func (c *channel) next() *link.Frame {
	c.flow.Lock()
	defer c.flow.Unlock()
	f := &link.Frame{Acknowledged: c.flow.in.Acknowledgement()}
	f.First, f.Envelopes = c.flow.out.Take()
	if dropped, ok := c.flow.out.Relieve(); ok {
		c.change(&link.Writable{Address: c.gate.Address(), Link: c.number, Dropped: dropped})
	}
	if f.First == 0 && f.Acknowledged == 0 {
		return nil
	}
	return f
}

// post queues a message for the other side. It reports false if
// the link is over.
func (c *channel) post(e *link.Envelope) bool {
	select {
	case <-c.stop:
		return false
	default:
	}
	c.flow.Lock()
	defer c.flow.Unlock()
	before := c.flow.out.Congested()
	switch {
	case c.flow.out.Push(e):
		signal(c.wake)
	case c.gate.Overflow() == gate.CloseLink:
		c.fail(link.Refuse(link.Code_CODE_SLOW, "more than %d bytes are waiting", c.gate.Limits().Queue), true)
		return false
	case !before:
		signal(c.wake) // in case that half of the queue is free all the same
		c.change(&link.Congested{Address: c.gate.Address(), Link: c.number})
	}
	return true
}

// change has run tell an event. It is called under flow's lock.
func (c *channel) change(e link.Event) {
	c.flow.changes = append(c.flow.changes, e)
	signal(c.turn)
}

// signal sets a flag that one goroutine waits for.
func signal(flag chan<- struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}
