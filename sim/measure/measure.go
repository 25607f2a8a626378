// Package measure observes a world and says what it took: epochs and
// transactions in virtual time, frames and bytes between members, rounds of
// binary agreement, and processor time of the machine that simulates.
//
//	m := measure.Attach(&cfg)
//	w := world.New(cfg)
//	w.Run(3 * time.Second)  // links come up, pools fill
//	m.Begin()
//	w.Run(10 * time.Second)
//	fmt.Println(m.End().Epoch.Median)
//
// Nothing that it does changes the world: a run has the same trace with a
// meter and without.
//
// # What is counted
//
// An epoch begins when the first packet leaves with a proposal for it, whosever
// it is; its latency at a node ends when that node has the epoch durably. So time that
// passes because nobody has work belongs to no epoch, and where every hop takes
// one unit and computing none, latency in units is what papers call message
// delays. A transaction's latency is what its user sees: from the packet that
// carries it to the answer that it is decided.
//
// Frames are those of HBBFT, the messages in which members vote. Bytes are those
// of all messages between members, certificates and catch-up included, as they
// are encoded; on the wire there are more, for headers, encryption and
// acknowledgements. All are counted between members that were honest and up at
// Begin.
//
// Rounds of an agreement are counted up to the highest in which anybody spoke
// before one chosen honest member had the outcome; a decision by equal inputs of
// all members takes one.
package measure

import (
	"crypto/sha256"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/wire"
	"minimint/sim/network"
	"minimint/sim/world"
)

// An Epoch is one epoch as it was seen.
type Epoch struct {
	Number messages.Epoch
	// Began is when the first proposal left.
	Began time.Duration
	// Nodes holds what each node did; the zero value did nothing.
	Nodes []Part
}

// A Part is what one node did in an epoch. Times are 0 if it has not happened.
type Part struct {
	Proposed, Committed time.Duration
	// Last is whose frame about the epoch came last before the node was done, at
	// LastAt: the member that it waited for. It is -1 if none came.
	Last   int
	LastAt time.Duration
}

// A Meter observes one world.
type Meter struct {
	world.Ignore
	w      *world.World
	nodes  int
	now    func() time.Duration
	epochs []Epoch        // by number
	next   messages.Epoch // the first that no honest node has begun or committed
	rounds [][]int        // by epoch and proposer, as the witness heard
	asked  map[[32]byte]time.Duration
	live   []bool // honest and up since Begin
	window window
}

// window is what was counted since Begin.
type window struct {
	from       time.Duration
	cpu        time.Duration
	wall       time.Time
	first      messages.Epoch
	frames     uint64
	messages   uint64
	bytes      uint64
	wire       uint64
	delivered  uint64 // to anybody
	answers    []time.Duration
	accepted   int
	blames     map[string]int
	violations int
}

// Attach adds a meter to the configuration of a world that is yet to be made.
// What observed there before goes on to.
func Attach(cfg *world.Config) *Meter {
	m := &Meter{nodes: cfg.Nodes, asked: map[[32]byte]time.Duration{}, live: make([]bool, cfg.Nodes)}
	for i := range m.live {
		m.live[i] = true
	}
	cfg.Watch = append(cfg.Watch[:len(cfg.Watch):len(cfg.Watch)], func(w *world.World) world.Observer {
		m.w, m.now = w, w.Now
		return m
	})
	sent, watch := cfg.Network.Sent, cfg.Network.Watch
	cfg.Network.Sent = func(p network.Packet) {
		m.sent(p)
		if sent != nil {
			sent(p)
		}
	}
	cfg.Network.Watch = func(d network.Delivered) {
		m.delivered(d)
		if watch != nil {
			watch(d)
		}
	}
	m.window.blames = map[string]int{}
	return m
}

// Begin forgets what was counted and starts to count. Epochs that are open now
// are not part of it, and nodes that are down are not.
func (m *Meter) Begin() {
	m.window = window{
		from: m.now(), cpu: cpu(), wall: time.Now(), first: m.next,
		blames: map[string]int{}, violations: len(m.w.Violations()),
	}
	m.window.delivered = m.w.Net().Stats().Messages
	for i := range m.live {
		n := m.w.Node(i)
		m.live[i] = n.Up() && n.Honest()
	}
}

// Epochs returns all epochs since the world began, in order. They belong to the
// meter.
func (m *Meter) Epochs() []Epoch { return m.epochs }

// epoch returns the record of an epoch, new if need be.
func (m *Meter) epoch(e messages.Epoch) *Epoch {
	for messages.Epoch(len(m.epochs)) <= e {
		parts := make([]Part, m.nodes)
		for i := range parts {
			parts[i].Last = -1
		}
		m.epochs = append(m.epochs, Epoch{Number: messages.Epoch(len(m.epochs)), Nodes: parts})
		m.rounds = append(m.rounds, make([]int, m.nodes))
	}
	return &m.epochs[e]
}

// plausible reports whether there may be such an epoch: faulty nodes speak of any.
func (m *Meter) plausible(e messages.Epoch) bool { return e < m.next+2 }

var (
	frameType   = string((&wire.PeerFrame{}).ProtoReflect().Descriptor().FullName())
	requestType = string((&wire.ClientRequest{}).ProtoReflect().Descriptor().FullName())
)

// between reports whether a message is counted.
func (m *Meter) between(from, to int) bool {
	return from < m.nodes && to < m.nodes && m.live[from] && m.live[to]
}

// sent notes who begins an epoch, and what users ask.
func (m *Meter) sent(p network.Packet) {
	if m.between(p.From, p.To) {
		m.window.wire += uint64(p.Bytes)
	}
	for _, e := range p.Envelopes {
		switch {
		case p.From < m.nodes && p.To < m.nodes && e.GetType() == frameType:
			if epoch, proposes := peek(e.GetPayload()); proposes && m.w.Node(p.From).Honest() {
				m.proposed(p.From, epoch)
			}
		case p.From >= m.nodes && p.To < m.nodes && e.GetType() == requestType:
			m.asks(e.GetPayload())
		}
	}
}

// proposed notes the first value that a node sends in an epoch, which is its own:
// it answers for those of others only later.
func (m *Meter) proposed(node int, number messages.Epoch) {
	m.next = max(m.next, number+1)
	e := m.epoch(number)
	if part := &e.Nodes[node]; part.Proposed == 0 {
		part.Proposed = m.now()
	}
	if e.Began == 0 {
		e.Began = m.now()
	}
}

func (m *Meter) asks(payload []byte) {
	var r wire.ClientRequest
	if proto.Unmarshal(payload, &r) != nil || r.GetSubmit() == nil {
		return
	}
	id := sha256.Sum256(r.GetSubmit().GetTransaction())
	if _, again := m.asked[id]; !again {
		m.asked[id] = m.now()
	}
}

// delivered counts what a live member receives of another.
func (m *Meter) delivered(d network.Delivered) {
	if !m.between(d.From, d.To) {
		return
	}
	m.window.messages++
	m.window.bytes += uint64(d.Bytes)
	frame, ok := d.Message.(*wire.PeerFrame)
	if !ok {
		return
	}
	m.window.frames++
	epoch, _ := peekFrame(frame.GetFrame())
	if !m.plausible(epoch) {
		return
	}
	if part := &m.epoch(epoch).Nodes[d.To]; part.Committed == 0 {
		part.Last, part.LastAt = d.From, m.now()
		if d.To == m.witness() {
			m.hear(frame.GetFrame())
		}
	}
}

// witness is who is listened to for rounds.
func (m *Meter) witness() int {
	for i, live := range m.live {
		if live {
			return i
		}
	}
	return -1
}

// hear notes the rounds that a frame speaks of.
func (m *Meter) hear(b []byte) {
	f, err := frames.Decode(b)
	if err != nil {
		return
	}
	heard := m.rounds[f.Epoch]
	for _, s := range f.Statements {
		if int(s.Slot()) >= m.nodes {
			continue
		}
		round := 0
		switch s := s.(type) {
		case frames.Input:
			round = 1
		case frames.BVal:
			round = int(s.Round) + 1
		case frames.Aux:
			round = int(s.Round) + 1
		case frames.Conf:
			round = int(s.Round) + 1
		case frames.CoinShare:
			round = int(s.Round) + 1
		default:
		}
		heard[s.Slot()] = max(heard[s.Slot()], round)
	}
}

// Committed implements world.Observer.
func (m *Meter) Committed(c world.Commit) {
	if !c.Honest && !m.plausible(c.Epoch) {
		return
	}
	m.next = max(m.next, c.Epoch+1)
	if part := &m.epoch(c.Epoch).Nodes[c.Node]; part.Committed == 0 {
		part.Committed = m.now()
	}
}

// Blamed implements world.Observer.
func (m *Meter) Blamed(b world.Blame) {
	if m.w.Node(b.Node).Honest() {
		m.window.blames[b.Kind]++
	}
}

// Decided implements world.Observer.
func (m *Meter) Decided(d world.Decision) {
	id := sha256.Sum256(d.Tx.Bytes())
	asked, ok := m.asked[id]
	if !ok {
		return // a copy was decided before
	}
	delete(m.asked, id)
	if asked < m.window.from {
		return
	}
	m.window.answers = append(m.window.answers, m.now()-asked)
	if d.Accepted {
		m.window.accepted++
	}
}

func cpu() time.Duration {
	user, system := rounds.CPU()
	return user + system
}
