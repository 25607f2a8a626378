package gate

import (
	"slices"

	"minimint/messages/link"
)

// Outbox is the sending half of a link: a bounded queue, then sequence numbers,
// then a window of what was sent and not yet acknowledged. It is not safe for
// concurrent use.
type Outbox struct {
	limit      int // of queued cost
	window     int // of flying cost, as the other side's hello says
	batch      int // envelopes per frame
	frame      int // cost per frame
	maxMessage int // payload

	queue   []*link.Envelope
	queued  int    // cost of queue
	flight  []int  // costs of acked+1, acked+2, …
	flying  int    // cost of flight
	acked   uint64 // everything up to here was acknowledged
	dropped uint64 // since the congestion began
	// congested means that the queue has overflowed and is not yet half empty.
	congested bool
}

// NewOutbox makes the sending half of a side with these limits, towards a side
// with that hello, which Greet has checked.
func NewOutbox(l Limits, other *link.Hello) *Outbox {
	m := int(min(other.GetMaxMessage(), MaxPayload))
	return &Outbox{
		limit:      l.Queue,
		window:     int(other.GetWindow()),
		batch:      int(min(other.GetMaxBatch(), maxBatch)),
		frame:      m + maxOverhead,
		maxMessage: m,
	}
}

// MaxMessage is the largest payload that may be pushed.
func (o *Outbox) MaxMessage() int { return o.maxMessage }

// Push queues an envelope. It reports false if the envelope was dropped because
// the queue is full, or was full and is not yet half empty again.
func (o *Outbox) Push(e *link.Envelope) bool {
	c := Cost(e)
	if o.congested || o.queued+c > o.limit {
		o.congested = true
		o.dropped++
		return false
	}
	o.queue = append(o.queue, e)
	o.queued += c
	return true
}

// Take moves as much as one frame and the window allow from the queue into
// flight, and returns it with the sequence number of its first envelope. That is
// 0 if there is nothing to send now.
func (o *Outbox) Take() (first uint64, envelopes []*link.Envelope) {
	n, size := 0, 0
	for n < len(o.queue) && n < o.batch {
		c := Cost(o.queue[n])
		if o.flying+size+c > o.window || (n > 0 && size+c > o.frame) {
			break
		}
		o.flight = append(o.flight, c)
		size += c
		n++
	}
	if n == 0 {
		return 0, nil
	}
	first = o.acked + uint64(len(o.flight)-n) + 1
	envelopes = slices.Clone(o.queue[:n])
	clear(o.queue[:n]) // the array must not hold on to them
	o.queue = o.queue[n:]
	o.queued -= size
	o.flying += size
	return first, envelopes
}

// Congested reports whether everything that is pushed is dropped.
func (o *Outbox) Congested() bool { return o.congested }

// Relieve ends a congestion if half of the queue is free, and returns how many
// messages it cost.
func (o *Outbox) Relieve() (dropped uint64, ended bool) {
	if !o.congested || o.queued > o.limit/2 {
		return 0, false
	}
	dropped, o.dropped, o.congested = o.dropped, 0, false
	return dropped, true
}

// Acknowledge returns the credit of everything up to sequence number n. It
// refuses an n that was never sent or brings nothing new; 0 is no number.
func (o *Outbox) Acknowledge(n uint64) *link.Refusal {
	if n == 0 {
		return nil
	}
	if n <= o.acked || n-o.acked > uint64(len(o.flight)) {
		return link.Refuse(link.Code_CODE_ACK, "acknowledgement of %d, sent are %d…%d",
			n, o.acked+1, o.acked+uint64(len(o.flight)))
	}
	count := int(n - o.acked)
	for _, c := range o.flight[:count] {
		o.flying -= c
	}
	o.flight = o.flight[count:]
	o.acked = n
	return nil
}

// OutboxState is for people and metrics.
type OutboxState struct {
	Sent, Acknowledged uint64 // messages
	Waiting            int    // messages in the queue
	Queued             int    // their cost
}

// State describes the outbox.
func (o *Outbox) State() OutboxState {
	return OutboxState{o.acked + uint64(len(o.flight)), o.acked, len(o.queue), o.queued}
}

// Inbox is the receiving half of a link: it checks numbers and credit, and finds
// out up to where everything has been processed. It is not safe for concurrent
// use.
type Inbox struct {
	window int // of held cost
	done   uint64
	held   int
	flight []arrival // of done+1, done+2, …
	told   uint64    // the last acknowledgement that was taken
}

// arrival is an envelope between its arrival and the end of its processing.
type arrival struct {
	cost      int
	processed bool
}

// NewInbox makes the receiving half of a side with these limits.
func NewInbox(l Limits) *Inbox { return &Inbox{window: l.Window} }

// Arrive registers the envelope with number n, which must be the next, and fit
// the credit.
func (i *Inbox) Arrive(n uint64, e *link.Envelope) *link.Refusal {
	next, c := i.done+uint64(len(i.flight))+1, Cost(e)
	if n != next {
		return link.Refuse(link.Code_CODE_SEQUENCE, "number %d where %d is due", n, next)
	}
	if i.held+c > i.window {
		return link.Refuse(link.Code_CODE_WINDOW, "%d bytes on top of %d unprocessed ones", c, i.held)
	}
	i.flight = append(i.flight, arrival{cost: c})
	i.held += c
	return nil
}

// Processed marks number n, which has arrived and was not marked before, and
// reports whether an acknowledgement is due.
func (i *Inbox) Processed(n uint64) bool {
	i.flight[n-i.done-1].processed = true
	count := 0
	for count < len(i.flight) && i.flight[count].processed {
		i.held -= i.flight[count].cost
		count++
	}
	i.flight = i.flight[count:]
	i.done += uint64(count)
	return count > 0
}

// Acknowledgement returns the number to tell the other side, or 0 if it has been
// told already.
func (i *Inbox) Acknowledgement() uint64 {
	if i.told == i.done {
		return 0
	}
	i.told = i.done
	return i.done
}

// InboxState is for people and metrics.
type InboxState struct {
	Received, Processed uint64 // messages
	Held                int    // cost of those in between
}

// State describes the inbox.
func (i *Inbox) State() InboxState {
	return InboxState{i.done + uint64(len(i.flight)), i.done, i.held}
}
