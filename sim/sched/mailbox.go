package sched

import (
	"fmt"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
)

// A Turn is one turn of one actor: all the system messages that it has, and then
// one user message. It is the actor's mailbox at the same time. The library's own
// hands over everything at once, which would hide most interleavings.
type Turn struct {
	machine   *Machine
	invoker   actor.MessageInvoker
	id        string
	user      queue
	system    queue
	suspended bool
	queued    bool // in the ready list, or will be
	until     time.Duration
}

// Mailbox makes the mailbox of an actor; it is an actor.MailboxProducer.
func (m *Machine) Mailbox() actor.Mailbox { return &Turn{machine: m} }

// Dispatcher returns what belongs to these mailboxes. They schedule themselves, so
// it is never asked.
func Dispatcher() actor.Dispatcher { return dispatcher{} }

type dispatcher struct{}

// Schedule implements actor.Dispatcher.
func (dispatcher) Schedule(func()) { panic("sched: another mailbox than ours asks our dispatcher") }

// Throughput implements actor.Dispatcher.
func (dispatcher) Throughput() int { return 1 }

// Machine implements Task.
func (t *Turn) Machine() *Machine { return t.machine }

// Actor returns the id of the actor's PID.
func (t *Turn) Actor() string {
	if t.id == "" {
		if a, ok := t.invoker.(interface{ Self() *actor.PID }); ok && a.Self() != nil {
			t.id = a.Self().Id
		}
	}
	return t.id
}

// Next returns the user message that comes next, nil if there is none.
func (t *Turn) Next() any {
	if t.suspended || t.user.len() == 0 {
		return nil
	}
	return bare(t.user.first())
}

// String implements Task.
func (t *Turn) String() string {
	return fmt.Sprintf("%s %s %s", t.machine, t.Actor(), typeName(t.Next()))
}

// RegisterHandlers implements actor.Mailbox.
func (t *Turn) RegisterHandlers(i actor.MessageInvoker, _ actor.Dispatcher) { t.invoker = i }

// Start implements actor.Mailbox.
func (t *Turn) Start() {}

// UserMessageCount implements actor.Mailbox.
func (t *Turn) UserMessageCount() int { return t.user.len() }

// PostUserMessage implements actor.Mailbox.
func (t *Turn) PostUserMessage(x any) {
	t.user.push(x)
	if n := t.user.len(); n > t.machine.longest {
		t.machine.longest, t.machine.backlog = n, t
	}
	t.wake()
}

// PostSystemMessage implements actor.Mailbox.
func (t *Turn) PostSystemMessage(x any) {
	t.system.push(x)
	t.wake()
}

func (t *Turn) wake() {
	if !t.queued && !t.machine.dead && (t.system.len() > 0 || !t.suspended && t.user.len() > 0) {
		t.queued = true
		if l := t.machine.loop; t.until > l.now {
			t.machine.After(t.until-l.now, func() { l.Ready(t) })
		} else {
			l.Ready(t)
		}
	}
}

// Run implements Task. A message that makes the actor panic is escalated, as the
// library's mailbox does.
func (t *Turn) Run() {
	var message any
	defer func() {
		if reason := recover(); reason != nil {
			t.trace("panics over", message)
			t.invoker.EscalateFailure(reason, message)
		}
		t.queued = false
		t.wake()
	}()
	for t.system.len() > 0 {
		message = t.system.pop()
		t.trace("system", message)
		switch message.(type) {
		case *actor.SuspendMailbox:
			t.suspended = true
		case *actor.ResumeMailbox:
			t.suspended = false
		default:
			t.invoker.InvokeSystemMessage(message)
		}
	}
	if t.suspended || t.user.len() == 0 {
		return
	}
	message = t.user.pop()
	t.trace("takes", message)
	t.invoker.InvokeUserMessage(message)
}

func (t *Turn) trace(verb string, message any) {
	if tr := t.machine.loop.cfg.Trace; tr != nil {
		tr.Line(t.machine.loop.now, t.machine.label, t.Actor(), verb, typeName(bare(message)))
	}
}

// bare returns a message without what carries it.
func bare(message any) any {
	if e, ok := message.(*actor.MessageEnvelope); ok {
		message = e.Message
	}
	if d, ok := message.(*spawn.Delivery); ok {
		message = d.Message
	}
	return message
}

func typeName(message any) string {
	if message == nil {
		return "-"
	}
	return reflect.TypeOf(message).String()
}

// queue is first in, first out.
type queue struct {
	items []any
	head  int
}

func (q *queue) len() int   { return len(q.items) - q.head }
func (q *queue) first() any { return q.items[q.head] }
func (q *queue) push(x any) { q.items = append(q.items, x) }
func (q *queue) pop() any {
	x := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head > 64 && q.head > len(q.items)/2:
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return x
}
