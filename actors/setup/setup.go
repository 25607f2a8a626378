// Package setup is the actor that sets a federation up together with those of
// the other members: the key ceremony of package dkg, and what must be agreed
// before it.
//
//	accepts  *setupwire.Packet from the other members, link.Event, *timing.Tick;
//	         Restart and GiveUp from its operator
//	sends    *setupwire.Packet to the other members; Events to Config.Report
//
// # What happens
//
// Members say hello: the terms that they were given, their address, their wallet
// key with proof of possession, and something fresh. When all hellos are there
// and want the same terms, the ceremony runs by itself, and each member ends
// with the public configuration, its own secrets, and a transcript in which all
// members confirm that configuration.
//
// A member that is missing is waited for, without end. Misbehaviour ends the
// attempt with a name and, where possible, proof; the operators talk, and tell
// their actors to Restart, which makes another attempt with fresh keys.
//
// # Crashes
//
// The actor keeps a journal of its own hello and of all messages that it has
// taken, and syncs it before it sends or reports anything that follows from
// them. All randomness of a run is derived from a seed in the member's secrets
// and from the session. So a restarted actor is exactly where it was and says
// nothing else than before. The journal holds no secrets, but it and the seed
// together give what the member has dealt to everybody: once the secrets are
// saved without the seed (keystore.Secrets.Complete), remove it.
//
// Keep the actor running until Settled: others may still need the
// confirmations that it has.
//
// # Loss
//
// Nothing is queued for absent members. Everybody tells the others from time to
// time, and when something has begun or ended, what it has (setupwire.Status);
// who sees that something of its own is missing sends it again. A status is
// never answered with a status. Whatever arrives twice is ignored.
package setup

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/attempt"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/storage/disk"
	"minimint/storage/wal"
)

// Route is the name under which a member reaches the actor of its own kind on
// the other side of a link.
const Route = "setup"

// every is how often members tell each other what they have.
const every = 2 * time.Second

// Policy says what follows a panic of the actor: it begins again, from its
// journal, as often as it takes; the others wait for it.
func Policy() spawn.Policy {
	return spawn.Restart(spawn.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second})
}

// Config is what the actor needs. All fields but Clock are required.
type Config struct {
	Terms agreement.Terms
	// Name and Address (host:port) are what others will know this member by.
	Name, Address string
	// Secrets are those that keystore.New made; the actor reads them only.
	Secrets *keystore.Secrets
	// Peers are the actors of the other members, by PeerID, nil for this one.
	// Each must be the PID that the member's messages come from.
	Peers []*actor.PID
	// Disk and Journal say where progress is kept.
	Disk    disk.Disk
	Journal string
	// Rand makes sessions fresh.
	Rand io.Reader
	// Clock sends ticks, on which members repeat what others lack; without one
	// nothing must get lost.
	Clock *actor.PID
	// Report is told what happens, in the actor: it must not block.
	Report func(Event)
}

// Receives lists what a member may send over its link.
func Receives() []proto.Message { return []proto.Message{&setupwire.Packet{}} }

// New checks cfg and returns the producer of the actor. Errors: terms that a
// module or the ceremony cannot live with, secrets of nobody among the members
// or of a member whose ceremony is over, a journal of other terms, failure of
// the disk.
func New(cfg Config) (actor.Producer, error) {
	if err := cfg.Terms.Check(); err != nil {
		return nil, err
	}
	if cfg.Secrets.Complete() {
		return nil, fmt.Errorf("setup: the ceremony of these secrets is over; they are of federation %s", cfg.Secrets.Federation)
	}
	seed := cfg.Secrets.Identity.Bytes()
	defer clear(seed)
	me, ok := cfg.Terms.Index(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if !ok {
		return nil, fmt.Errorf("setup: the identity of these secrets is none of the %d in the terms", len(cfg.Terms.Members))
	}
	if len(cfg.Peers) != len(cfg.Terms.Members) {
		return nil, fmt.Errorf("setup: %d peers for %d members", len(cfg.Peers), len(cfg.Terms.Members))
	}
	journal, err := openJournal(cfg, me)
	if err != nil {
		return nil, err
	}
	if err := journal.Close(); err != nil {
		return nil, fmt.Errorf("setup: close journal: %w", err)
	}
	return func() actor.Actor { return &Ceremony{cfg: cfg, me: me} }, nil
}

// Ceremony is the actor.
type Ceremony struct {
	cfg     Config
	me      messages.PeerID
	journal *wal.Log
	current *attempt.Attempt
	// later are hellos of attempts that this member has not begun, by PeerID.
	later []*agreement.Hello
	// differ are the hellos that wanted other terms, by PeerID: each is reported
	// once.
	differ []*agreement.Hello
	// settled are the members that are known to have finished.
	settled  []bool
	progress string // what was last reported
	log      *slog.Logger
}

// Receive implements actor.Actor.
func (c *Ceremony) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		c.close()
	case *timing.Tick:
		c.tellAll(ctx)
	case link.Event:
		if _, up := m.(*link.Up); up {
			c.tellAll(ctx)
		}
	case *setupwire.Packet:
		c.packet(ctx, m)
	case Message:
		c.decide(ctx, m)
	}
}

// decide takes what the operator wants.
func (c *Ceremony) decide(ctx actor.Context, msg Message) {
	switch m := msg.(type) {
	case Restart:
		c.restart(ctx, m)
	case GiveUp:
		c.perform(ctx, c.current.GiveUp())
	default:
		panic(fmt.Sprintf("setup: message of unknown type %T", msg))
	}
}

// packet takes what another member, or whoever pretends to be one, has sent.
func (c *Ceremony) packet(ctx actor.Context, p *setupwire.Packet) {
	switch k := p.GetKind().(type) {
	case *setupwire.Packet_Hello:
		h, err := agreement.DecodeHello(k.Hello)
		if err != nil {
			c.log.Warn("hello dropped", slog.Any("error", err))
			return
		}
		c.hello(ctx, h)
	case *setupwire.Packet_Message:
		c.perform(ctx, c.current.Message(k.Message))
	case *setupwire.Packet_Status:
		c.status(ctx, k.Status)
	}
}

// start reads everything back, or begins the first attempt. A failure panics:
// the supervisor starts the actor again.
func (c *Ceremony) start(ctx actor.Context) {
	c.log = ctx.Logger()
	n := len(c.cfg.Terms.Members)
	c.later, c.differ, c.settled = make([]*agreement.Hello, n), make([]*agreement.Hello, n), make([]bool, n)
	var err error
	if c.journal, err = openJournal(c.cfg, c.me); err == nil {
		err = c.resume()
	}
	if err != nil {
		panic(err.Error())
	}
	if c.cfg.Clock != nil {
		ctx.Send(c.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: every})
	}
	if c.current == nil {
		c.begin(ctx, 1)
		return
	}
	again := c.current.Repeat()
	again.Failed, again.Finished = c.current.Failure(), c.current.Outcome()
	c.perform(ctx, again)
	c.tellAll(ctx)
}

func (c *Ceremony) close() {
	if c.current != nil {
		c.current.Wipe()
	}
	if c.journal != nil {
		if err := c.journal.Close(); err != nil {
			c.log.Warn("close journal", slog.Any("error", err))
		}
	}
}

// begin starts another attempt.
func (c *Ceremony) begin(ctx actor.Context, number uint32) {
	g := agreement.Greeting{Terms: c.cfg.Terms, Attempt: number, Name: c.cfg.Name, Address: c.cfg.Address}
	own, err := g.Sign(c.cfg.Secrets, c.cfg.Rand)
	if err != nil {
		panic(err.Error())
	}
	c.keep(&setupwire.Record{Kind: &setupwire.Record_Begin{Begin: own.Bytes()}})
	c.perform(ctx, c.enter(own))
	for _, h := range c.later {
		if h != nil && h.Attempt == number {
			c.perform(ctx, c.current.Hello(h))
		}
	}
	c.tellAll(ctx)
}

// enter makes own the hello of the current attempt.
func (c *Ceremony) enter(own *agreement.Hello) attempt.Step {
	if c.current != nil {
		c.current.Wipe()
	}
	clear(c.settled)
	var step attempt.Step
	c.current, step = attempt.New(c.cfg.Terms, c.cfg.Secrets, own)
	return step
}

// restart leaves the current attempt for the next that anybody has begun.
func (c *Ceremony) restart(ctx actor.Context, m Restart) {
	switch {
	case c.current.Outcome() != nil:
		c.cfg.Report(Refused{"the ceremony is over; there is a federation"})
		return
	case c.current.Confirmed() && !m.Force:
		c.cfg.Report(Refused{"this member has confirmed, so others may use the keys already; make sure that nobody has finished, then force it"})
		return
	}
	number := c.current.Number() + 1
	for _, h := range c.later {
		if h != nil {
			number = max(number, h.Attempt)
		}
	}
	c.begin(ctx, number)
}

// hello sorts a hello: who says it, on what terms, for which attempt.
func (c *Ceremony) hello(ctx actor.Context, h *agreement.Hello) {
	from, ok := c.cfg.Terms.Index(h.Identity)
	number := c.current.Number()
	switch {
	case !ok:
		c.log.Warn("hello of a stranger dropped", slog.String("identity", fmt.Sprintf("%x", h.Identity)), slog.String("name", h.Name))
	case !h.Wants(c.cfg.Terms):
		if last := c.differ[from]; last == nil || !last.Same(h) {
			c.differ[from] = h
			c.cfg.Report(TermsDiffer{Peer: from, Differences: agreement.Differences(c.cfg.Terms, h.Terms)})
		}
	case h.Attempt < number:
		c.perform(ctx, c.current.Greet(from))
	case h.Attempt > number:
		if last := c.later[from]; last == nil || last.Attempt < h.Attempt {
			c.later[from] = h
		}
		c.perform(ctx, c.current.Left(from))
	default:
		began := c.current.Phase()
		c.perform(ctx, c.current.Hello(h))
		if c.current.Phase() != began {
			c.tellAll(ctx) // messages that came before the last hello were dropped
		}
	}
}

// status sends another member what it lacks.
func (c *Ceremony) status(ctx actor.Context, s *setupwire.Status) {
	from, ok := c.sender(ctx)
	switch {
	case !ok:
		c.log.Warn("status of a stranger dropped", slog.Any("sender", ctx.Sender()))
	case s.GetAttempt() < c.current.Number():
		c.perform(ctx, c.current.Greet(from))
	default:
		c.perform(ctx, c.current.Supply(from, s))
		if s.GetFinished() && c.current.Same(s) && !c.settled[from] {
			c.settled[from] = true
			c.settle()
		}
	}
}

// sender tells which member a packet comes from.
func (c *Ceremony) sender(ctx actor.Context) (messages.PeerID, bool) {
	by := ctx.Sender()
	for i, pid := range c.cfg.Peers {
		if pid != nil && by != nil && i != int(c.me) && pid.Address == by.Address && pid.Id == by.Id {
			return messages.PeerID(i), true
		}
	}
	return 0, false
}

// perform keeps, then sends, then reports.
func (c *Ceremony) perform(ctx actor.Context, step attempt.Step) {
	if step.Ignored != "" {
		c.log.Debug("packet dropped", slog.String("because", step.Ignored))
	}
	if step.Keep != nil {
		c.keep(step.Keep)
	}
	for _, o := range step.Send {
		c.send(ctx, o)
	}
	if step.Failed != nil {
		c.log.Warn("setup failed", slog.String("why", step.Failed.String()))
		c.cfg.Report(Failed{*step.Failed})
	}
	if step.Finished != nil {
		c.cfg.Report(Finished{*step.Finished})
		c.tellAll(ctx)
		c.settle()
	}
	p := Progress{Attempt: c.current.Number(), Phase: c.current.Phase(), Waiting: c.current.Waiting()}
	if line := p.String(); line != c.progress && c.current.Outcome() == nil {
		c.progress = line
		c.cfg.Report(p)
	}
}

func (c *Ceremony) send(ctx actor.Context, o attempt.Outgoing) {
	for i, pid := range c.cfg.Peers {
		if pid != nil && i != int(c.me) && (o.To == nil || int(*o.To) == i) {
			ctx.Request(pid, o.Packet)
		}
	}
}

// tellAll tells the others what this member has.
func (c *Ceremony) tellAll(ctx actor.Context) {
	c.send(ctx, attempt.Outgoing{Packet: &setupwire.Packet{Kind: &setupwire.Packet_Status{Status: c.current.Status()}}})
}

// settle reports when all members have finished, this one included.
func (c *Ceremony) settle() {
	if c.current.Outcome() == nil {
		return
	}
	for i, done := range c.settled {
		if !done && i != int(c.me) {
			return
		}
	}
	c.cfg.Report(Settled{})
}
