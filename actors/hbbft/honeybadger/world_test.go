package honeybadger_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
	"minimint/messages/frames"
)

var federation = messages.Digest{1, 2, 3}

// A packet is one frame on its way.
type packet struct {
	from, to messages.PeerID
	frame    frames.Frame
}

// A world is a federation of cores with journals, processors that commit what
// they are handed, and a network whose order tests decide.
type world struct {
	t       rapid.TB
	n       int
	encrypt honeybadger.Encryption
	scheme  func(hbbfttest.Cipher) tdec.Scheme
	members []*member
	queue   []packet
	now     time.Time
	log     *strings.Builder
	// manual leaves outcomes and wishes to the test.
	manual bool
	// stuck keeps from members that others found out that they are behind.
	stuck bool
	// crash, if set, says whether a member dies after kept of its next records
	// became durable.
	crash func(self messages.PeerID, records int) (kept int, dies bool)
	// paired gives every core a twin.
	paired bool
	// trace, if set, sees every step.
	trace func(self messages.PeerID, step honeybadger.Step)
}

// A member survives the crashes of its core.
type member struct {
	core    *twins // nil: faulty, or down
	faulty  bool
	journal []honeybadger.Record
	// history are the committed outcomes; faults those that were told.
	history []honeybadger.Outcome
	faults  []protocol.Fault
	behind  []honeybadger.Notice
	ahead   []honeybadger.Notice
	work    []string // to be proposed
	wanted  int
	silent  messages.Epoch
	// payload overrides what a wish is answered with.
	payload func(epoch messages.Epoch) []byte
}

func newWorld(t rapid.TB, n int) *world {
	w := &world{t: t, n: n, encrypt: 1, now: time.Unix(1_000_000, 0)}
	w.scheme = func(c hbbfttest.Cipher) tdec.Scheme { return c }
	for range n {
		w.members = append(w.members, &member{})
	}
	return w
}

// start starts all members that are not running.
func (w *world) start() *world {
	for i, m := range w.members {
		if m.core == nil && !m.faulty {
			w.boot(messages.PeerID(i))
		}
	}
	return w
}

func (w *world) slot(epoch messages.Epoch, proposer messages.PeerID) protocol.Slot {
	return protocol.Slot{Federation: federation, Epoch: epoch, Proposer: proposer}
}

func (w *world) config(self messages.PeerID) honeybadger.Config {
	some := protocol.NewQuorum(w.n).Some()
	return honeybadger.Config{
		Federation: federation, Members: w.n, Self: self, Encryption: w.encrypt,
		Signer: hbbfttest.Signer{Member: self}, Verifier: hbbfttest.Verifier{},
		Coin: func(s protocol.Slot) aba.Coin {
			return hbbfttest.Coin{Member: self, Threshold: some, Slot: s}
		},
		Scheme: w.scheme(hbbfttest.Cipher{Member: self, Threshold: some}),
		Silent: w.members[self].silent,
	}
}

// boot starts a core from journal and history, as after a crash.
func (w *world) boot(self messages.PeerID) {
	m := w.members[self]
	position := honeybadger.Position{Next: messages.Epoch(len(m.history))}
	for back := range position.Absences {
		position.Absences[back] = w.absence(m, len(m.history)-back)
	}
	core, step := honeybadger.New(w.config(self), position, slices.Clone(m.journal))
	m.core = &twins{Core: core, t: w.t}
	if w.paired {
		m.core.apart, _ = honeybadger.New(w.config(self), position, slices.Clone(m.journal))
	}
	w.do(self, step)
	if m.core != nil && len(m.work) > 0 {
		w.do(self, m.core.Work())
	}
}

// absence is who is in neither of the two outcomes before next.
func (w *world) absence(m *member, next int) honeybadger.Absence {
	a := honeybadger.Absence{Known: true}
	if next < 2 {
		return a
	}
	a.Absent = make([]bool, w.n)
	for i := range a.Absent {
		a.Absent[i] = true
	}
	for _, o := range m.history[next-2 : next] {
		for _, c := range o.Contributions {
			a.Absent[c.Peer] = false
		}
	}
	return a
}

// peers are all members but self.
func (w *world) peers(self messages.PeerID) []messages.PeerID {
	var peers []messages.PeerID
	for i := range messages.PeerID(w.n) {
		if i != self {
			peers = append(peers, i)
		}
	}
	return peers
}

// do performs a step as the actor does: records, then everything else.
func (w *world) do(self messages.PeerID, step honeybadger.Step) {
	m := w.members[self]
	if w.trace != nil {
		w.trace(self, step)
	}
	if w.crash != nil && len(step.Records) > 0 {
		if kept, dies := w.crash(self, len(step.Records)); dies {
			m.journal = append(m.journal, step.Records[:kept]...)
			m.core = nil
			return
		}
	}
	m.journal = append(m.journal, step.Records...)
	for _, s := range step.Sends {
		f := frames.Frame{Epoch: s.Epoch, Next: m.core.Position().Next, Again: s.Again, Calls: s.Calls}
		if s.Statement != nil {
			f.Statements = []frames.Statement{s.Statement}
		}
		if s.To != nil {
			w.queue = append(w.queue, packet{self, *s.To, f})
			continue
		}
		for _, to := range w.peers(self) {
			w.queue = append(w.queue, packet{self, to, f})
		}
	}
	for _, f := range step.Faults {
		w.convinced(w.config(self), f)
		m.faults = append(m.faults, f)
		w.logf("%d: %s\n", self, f)
	}
	m.behind, m.ahead = append(m.behind, step.Behind...), append(m.ahead, step.Ahead...)
	for _, b := range step.Behind {
		w.logf("%d: peer %d is behind at %d\n", self, b.Peer, b.Epoch)
	}
	for _, a := range step.Ahead {
		w.logf("%d: peer %d is ahead at %d\n", self, a.Peer, a.Epoch)
	}
	w.handOver(self, step)
}

// handOver does what the processor does with outcomes and wishes.
func (w *world) handOver(self messages.PeerID, step honeybadger.Step) {
	m := w.members[self]
	for _, o := range step.Outcomes {
		w.logf("%d: %s\n", self, outcomeText(o))
		if w.manual || int(o.Epoch) != len(m.history) {
			continue
		}
		w.commit(self, o)
	}
	for _, epoch := range step.Wanted {
		m.wanted++
		w.logf("%d: wants a contribution to %d\n", self, epoch)
		if !w.manual && m.core != nil {
			w.do(self, m.core.Propose(epoch, w.contribution(self, epoch)))
		}
	}
}

// commit makes an outcome durable and tells the core.
func (w *world) commit(self messages.PeerID, o honeybadger.Outcome) {
	m := w.members[self]
	m.history = append(m.history, o)
	w.tidy(m)
	next := len(m.history)
	w.do(self, m.core.Committed(messages.Epoch(next), w.absence(m, next), w.absence(m, next-1)))
	if len(m.work) > 0 && m.core != nil {
		w.do(self, m.core.Work())
	}
}

// contribution is what self puts into an epoch: its oldest work.
func (w *world) contribution(self messages.PeerID, epoch messages.Epoch) []byte {
	m := w.members[self]
	if m.payload != nil {
		return m.payload(epoch)
	}
	var plain []byte
	if len(m.work) > 0 {
		plain = []byte(m.work[0])
	}
	if !w.encrypt.At(epoch) {
		return plain
	}
	return hbbfttest.Seal(w.slot(epoch, self).Label(), plain)
}

// work gives a member something to propose.
func (w *world) work(self messages.PeerID, what string) {
	m := w.members[self]
	m.work = append(m.work, what)
	if m.core != nil {
		w.do(self, m.core.Work())
	}
}

// deliver delivers packet i.
func (w *world) deliver(i int) {
	p := w.queue[i]
	w.queue = slices.Delete(w.queue, i, i+1)
	if m := w.members[p.to]; m.core != nil {
		w.do(p.to, m.core.Handle(p.from, p.frame))
	}
}

// settle delivers in the order sent until nothing is on its way.
func (w *world) settle() {
	for len(w.queue) > 0 {
		batch := w.queue
		w.queue = nil
		for _, p := range batch {
			if m := w.members[p.to]; m.core != nil {
				w.do(p.to, m.core.Handle(p.from, p.frame))
			}
		}
	}
}

func (w *world) drop(lost func(packet) bool) { w.queue = slices.DeleteFunc(w.queue, lost) }

// catchUp gives members the outcomes that they were told to lack, as far as
// f+1 correct members have them.
func (w *world) catchUp() {
	for i, m := range w.members {
		for _, b := range m.behind {
			if w.members[b.Peer].core != nil && !w.stuck {
				w.members[b.Peer].ahead = append(w.members[b.Peer].ahead, honeybadger.Notice{Peer: messages.PeerID(i)})
			}
		}
		m.behind = nil
	}
	for i, m := range w.members {
		if m.core == nil || len(m.ahead) == 0 {
			continue
		}
		m.ahead = nil
		before := len(m.history)
		for {
			var have []honeybadger.Outcome
			for _, other := range w.members {
				if !other.faulty && len(other.history) > len(m.history) {
					have = append(have, other.history[len(m.history)])
				}
			}
			if len(have) < protocol.NewQuorum(w.n).Some() {
				break
			}
			m.history = append(m.history, have[0])
		}
		if next := len(m.history); next > before {
			w.logf("%d: caught up to %d\n", i, next)
			w.do(messages.PeerID(i), m.core.Committed(messages.Epoch(next), w.absence(m, next), w.absence(m, next-1)))
			w.tidy(m)
			if len(m.work) > 0 && m.core != nil {
				w.do(messages.PeerID(i), m.core.Work())
			}
		}
	}
}

// tidy drops work that is in an outcome.
func (w *world) tidy(m *member) {
	for _, o := range m.history {
		for _, c := range o.Contributions {
			m.work = slices.DeleteFunc(m.work, func(what string) bool { return what == string(c.Payload) })
		}
	}
}

func (w *world) tick(d time.Duration) {
	w.catchUp()
	w.now = w.now.Add(d)
	for i, m := range w.members {
		if m.core != nil {
			w.do(messages.PeerID(i), m.core.Tick(w.now))
		}
	}
}

// kill crashes a member; what is on its way to it is lost.
func (w *world) kill(self messages.PeerID) {
	w.members[self].core = nil
	w.drop(func(p packet) bool { return p.to == self })
}

// revive boots a member that crashed, and brings its links up.
func (w *world) revive(self messages.PeerID) {
	w.drop(func(p packet) bool { return p.to == self })
	w.boot(self)
	for _, p := range w.peers(self) {
		if m := w.members[p]; m.core != nil {
			w.do(p, m.core.Resync(self))
		}
	}
}

// faultless fails the test if a correct member was blamed.
func (w *world) faultless(fatalf func(string, ...any)) {
	for i, m := range w.members {
		for _, f := range m.faults {
			if !m.faulty && !w.members[f.Peer].faulty { // a liar's core does not know what was asked in its name
				fatalf("member %d blames correct member: %s %+v", i, f, f.Evidence)
			}
		}
	}
}

// agreed fails the test if two correct members have different outcomes for an
// epoch, and returns the shortest history.
func (w *world) agreed(fatalf func(string, ...any)) []honeybadger.Outcome {
	var shortest, longest []honeybadger.Outcome
	first := true
	for i, m := range w.members {
		if m.faulty {
			continue
		}
		for e := range min(len(m.history), len(longest)) {
			if a, b := outcomeText(m.history[e]), outcomeText(longest[e]); a != b {
				fatalf("member %d has %s, another %s", i, a, b)
			}
		}
		if len(m.history) > len(longest) {
			longest = m.history
		}
		if first || len(m.history) < len(shortest) {
			shortest, first = m.history, false
		}
	}
	return shortest
}

func (w *world) logf(format string, args ...any) {
	if w.log != nil {
		fmt.Fprintf(w.log, format, args...)
	}
}

func outcomeText(o honeybadger.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "outcome %d:", o.Epoch)
	for _, c := range o.Contributions {
		fmt.Fprintf(&b, " %d=%q", c.Peer, c.Payload)
	}
	return b.String()
}
