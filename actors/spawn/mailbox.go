package spawn

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox keeps what comes before its actor is complete. The library makes an
// actor reachable by its name before it has connected the mailbox; whoever sends
// within that moment would panic, and leave a mailbox behind that believes to be
// at work and never is. Actors that are given fixed names, so that others know
// them beforehand, meet senders in that moment now and then.
type mailbox struct {
	actor.Mailbox
	open  atomic.Bool
	mu    sync.Mutex // guards early, and open while it changes
	early []func()
}

// gated wraps a producer's mailboxes.
func gated(produce actor.MailboxProducer) actor.MailboxProducer {
	return func() actor.Mailbox { return &mailbox{Mailbox: produce()} }
}

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	if m.open.Load() || !m.keep(func() { m.Mailbox.PostUserMessage(message) }) {
		m.Mailbox.PostUserMessage(message)
	}
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	_, started := message.(*actor.Started)
	if m.open.Load() || started || !m.keep(func() { m.Mailbox.PostSystemMessage(message) }) {
		m.Mailbox.PostSystemMessage(message)
	}
}

// keep keeps a message for Start, and reports false if that was meanwhile.
func (m *mailbox) keep(post func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open.Load() {
		return false
	}
	m.early = append(m.early, post)
	return true
}

// Start implements actor.Mailbox. The library has posted Started.
func (m *mailbox) Start() {
	m.Mailbox.Start()
	for {
		m.mu.Lock()
		early := m.early
		m.early = nil
		if len(early) == 0 {
			m.open.Store(true)
			m.mu.Unlock()
			return
		}
		m.mu.Unlock() // posting may run the actor, which may post
		for _, post := range early {
			post()
		}
	}
}
