package network

import (
	"hash/crc32"
	"slices"
	"time"

	"minimint/actors/remote/gate"
	"minimint/messages/link"
)

// side is one end of an open link: what remote.channel is in the real world.
type side struct {
	host   *Host
	gate   *gate.Gate
	number uint64
	hello  *link.Hello // of the other side
	out    *gate.Outbox
	in     *gate.Inbox
	other  *side // nil until the dialling side has the answer to its hello
	done   func(*link.Refusal, bool)
	ends   Ends

	over   bool
	sent   *uint64   // messages, counted for the network
	waking bool      // the host's writer will look here
	owing  bool      // an acknowledgement is planned
	arrive func()    // receive, made once
	queue  []*packet // on the way to this side, in order
	coming bool      // an arrival is planned or ready
	silent uint64    // counts cuts, for the keepalive
}

// packet is a frame on its way.
type packet struct {
	at           time.Duration
	first        uint64
	envelopes    []*link.Envelope
	acknowledged uint64
	bytes        int
}

// overhead is what headers and encryption add to a frame, and perEnvelope what
// its encoding adds to a message.
const (
	overhead    = 70
	perEnvelope = 8
)

// acknowledge is how long acknowledgements of a host may wait for frames to travel
// with, as those of TCP do. Package remote does not wait, but its acknowledgements gather
// too, while its writer is at work.
const acknowledge = 20 * time.Millisecond

// open makes an end of a link; an older link to the same address ends first.
func (h *Host) open(g *gate.Gate, hello *link.Hello) *side {
	if old := h.links[g.Address()]; old != nil {
		old.fail(link.Refuse(link.Code_CODE_REPLACED, "a newer link was opened"))
	}
	h.net.numbers++
	s := &side{
		host: h, gate: g, number: h.net.numbers, hello: hello,
		out: gate.NewOutbox(g.Limits(), hello), in: gate.NewInbox(g.Limits()),
	}
	s.arrive = s.receive
	h.links[g.Address()] = s
	h.net.sides = append(h.net.sides, s)
	return s
}

func (s *side) tellUp() {
	s.host.net.stats.Links++
	s.trace("up", "")
	s.host.cfg.Port.Up(s.gate, s.number)
	s.host.cfg.Port.Tell(s.gate.Owner(), &link.Up{Address: s.gate.Address(), Link: s.number, Incarnation: s.hello.GetIncarnation()})
}

// plan draws when the link will break by itself.
func (s *side) plan() {
	n := s.host.net
	if n.cfg.Reset > 0 {
		n.loop.After(time.Duration(n.random.ExpFloat64()*float64(n.cfg.Reset)), func() { s.lose("reset") })
	}
}

func (s *side) joins(a, b int) bool {
	return s.other != nil && pair(s.host.number(), s.other.host.number()) == pair(a, b)
}

// post seals and queues a message.
func (s *side) post(route string, m any) bool {
	e, err := s.seal(route, m)
	if err != nil {
		s.trace("cannot send", err.Error())
		return false
	}
	before := s.out.Congested()
	switch {
	case s.out.Push(e):
		s.wake()
		return true
	case s.gate.Overflow() == gate.CloseLink:
		s.fail(link.Refuse(link.Code_CODE_SLOW, "more than %d bytes are waiting", s.gate.Limits().Queue))
		return false
	case !before:
		s.wake()
		s.host.cfg.Port.Tell(s.gate.Owner(), &link.Congested{Address: s.gate.Address(), Link: s.number})
	}
	s.host.net.stats.Congested++
	return true
}

// wake has the host's writer send what there is.
func (s *side) wake() {
	if !s.waking && !s.over && s.other != nil {
		s.waking = true
		s.host.writer.add(s)
	}
}

// write sends what there is, an acknowledgement at least if one is owed.
func (s *side) write() {
	s.waking = false
	for !s.over {
		acknowledged := s.in.Acknowledgement()
		first, envelopes := s.out.Take()
		if dropped, ok := s.out.Relieve(); ok {
			s.host.cfg.Port.Tell(s.gate.Owner(), &link.Writable{Address: s.gate.Address(), Link: s.number, Dropped: dropped})
		}
		if first == 0 && acknowledged == 0 {
			return
		}
		s.transmit(&packet{first: first, envelopes: envelopes, acknowledged: acknowledged})
	}
}

// transmit puts a frame on its way.
func (s *side) transmit(p *packet) {
	n, from, to := s.host.net, s.host, s.other.host
	p.bytes = overhead
	*s.sent += uint64(len(p.envelopes))
	for _, e := range p.envelopes {
		p.bytes += len(e.GetPayload()) + len(e.GetTarget()) + len(e.GetType()) + perEnvelope
	}
	leaves := max(n.loop.Now(), from.sending, from.cfg.Machine.Held()) + n.transfer(p.bytes)
	from.sending = leaves
	leaving := Packet{From: from.number(), To: to.number(), Envelopes: p.envelopes, Bytes: p.bytes, Now: n.loop.Now()}
	if n.cfg.Sent != nil {
		n.cfg.Sent(leaving)
	}
	p.at = leaves + n.travel(leaving)
	s.other.queue = append(s.other.queue, p)
	s.other.expect()
}

// expect plans the arrival of the next packet.
func (s *side) expect() {
	n := s.host.net
	if s.coming || s.over || len(s.queue) == 0 || n.apart(s.host.number(), s.other.host.number()) {
		return
	}
	s.coming = true
	if s.queue[0].at <= n.loop.Now() {
		s.receive() // an event would come only when nothing else is ready
		return
	}
	n.loop.Later(s.queue[0].at-n.loop.Now(), s.arrive)
}

// receive lets the first packet through the line to this host.
func (s *side) receive() {
	n := s.host.net
	if s.over {
		return
	}
	if n.apart(s.host.number(), s.other.host.number()) {
		s.coming = false // until the cut ends
		return
	}
	if wait := n.transfer(s.queue[0].bytes); wait > 0 {
		s.host.taking = max(n.loop.Now(), s.host.taking) + wait
		n.loop.After(s.host.taking-n.loop.Now(), func() { n.loop.Ready((*Arrival)(s)) })
		return
	}
	n.loop.Ready((*Arrival)(s))
}

// accept performs one frame, as remote.channel.accept does.
func (s *side) accept(p *packet) *link.Refusal {
	n := s.host.net
	n.stats.Packets++
	n.stats.Bytes += uint64(p.bytes)
	if p.acknowledged != 0 {
		if refusal := s.out.Acknowledge(p.acknowledged); refusal != nil {
			return refusal
		}
		if s.out.State().Waiting > 0 || s.out.Congested() {
			s.wake() // there may be room for it now
		}
	}
	for i, e := range p.envelopes {
		number := p.first + uint64(i)
		if refusal := s.in.Arrive(number, e); refusal != nil {
			return refusal
		}
		in, refusal := s.open(e)
		if refusal != nil {
			return refusal
		}
		s.traceEnvelope(e)
		n.stats.Messages++
		if n.cfg.Watch != nil {
			n.cfg.Watch(Delivered{From: s.other.host.number(), To: s.host.number(), Message: in.Message, Frame: in.Frame, Bytes: len(e.GetPayload())})
		}
		s.deliver(in, func() { s.processed(number) })
		if s.over { // the process ended its link over it
			return nil
		}
	}
	return nil
}

// open lets an envelope through the gate. What others received too may be decoded already.
func (s *side) open(e *link.Envelope) (Inbound, *link.Refusal) {
	if s.host.cfg.Reads && s.host.cfg.Distort == nil {
		if b := s.other.host.told.find(e.GetPayload()); b != nil {
			in, refusal := s.gate.AdmitBy(e, b.decode)
			return Inbound{Inbound: in, Frame: b.frame, Ends: &s.ends}, refusal
		}
	}
	in, refusal := s.gate.Admit(e)
	return Inbound{Inbound: in, Ends: &s.ends}, refusal
}

func (s *side) deliver(in Inbound, release func()) {
	if s.host.cfg.Distort == nil {
		s.host.cfg.Port.Deliver(in, release)
		return
	}
	for _, m := range s.host.cfg.Distort.Incoming(s.gate.Address(), in.Message) {
		in.Message = m
		s.host.cfg.Port.Deliver(in, func() {})
	}
	release()
}

// processed returns the credit of a message, with the next frame or soon.
func (s *side) processed(number uint64) {
	if s.over || !s.in.Processed(number) || s.owing {
		return
	}
	s.owing = true
	s.host.owe(s)
}

// fail ends the link because this side wants it so; the other learns it.
func (s *side) fail(refusal *link.Refusal) {
	if s.over {
		return
	}
	s.end(refusal, true)
	if o := s.other; o != nil && !o.over {
		s.host.net.loop.After(s.host.net.draw(s.host.number(), o.host.number()), func() { o.end(refusal, false) })
	}
}

// lose ends the link at both ends.
func (s *side) lose(why string) {
	lost := link.Refuse(link.Code_CODE_UNSPECIFIED, "%s", why)
	s.end(lost, false)
	if s.other != nil {
		s.other.end(lost, false)
	}
}

// orphan ends the link of a process that is gone. Its other end finds out after
// a journey, or by its keepalive.
func (s *side) orphan(told bool) {
	s.over = true
	s.forget()
	o := s.other
	if o == nil || o.over {
		return
	}
	n := s.host.net
	wait := keepaliveTime
	if told {
		wait = n.draw(s.host.number(), o.host.number())
	}
	n.loop.After(wait, func() { o.end(link.Refuse(link.Code_CODE_UNSPECIFIED, "the stream ended"), false) })
}

// end tells the owner, once.
func (s *side) end(why *link.Refusal, ours bool) {
	if s.over {
		return
	}
	s.over = true
	s.forget()
	out := s.out.State()
	s.trace("down", why.GetText())
	s.host.net.stats.Broken++
	if s.host.cfg.Machine.Dead() {
		return
	}
	s.host.cfg.Port.Tell(s.gate.Owner(), &link.Down{
		Address: s.gate.Address(), Link: s.number, Code: why.GetCode(), Text: why.GetText(), Ours: ours,
		Lost: out.Waiting + int(out.Sent-out.Acknowledged),
	})
	if s.done != nil {
		s.done(why, ours)
	}
}

func (s *side) forget() {
	if s.host.links[s.gate.Address()] == s {
		delete(s.host.links, s.gate.Address())
	}
	if len(s.gate.Address()) > 7 && s.gate.Address()[:7] == "client/" {
		s.host.clients--
	}
	s.queue = nil
	n := s.host.net
	n.sides = slices.DeleteFunc(n.sides, func(x *side) bool { return x == s })
}

// cutChanged notices that a cut has begun or ended. A link that stays cut for
// too long is lost.
func (s *side) cutChanged() {
	if s.other == nil {
		return
	}
	n := s.host.net
	s.silent++
	if !n.apart(s.host.number(), s.other.host.number()) {
		s.expect()
		return
	}
	count := s.silent
	n.loop.After(keepaliveTime, func() {
		if s.silent == count && !s.over {
			s.lose("no answer to a ping")
		}
	})
}

func (s *side) trace(what, text string) {
	n := s.host.net
	n.loop.Trace().Line(n.loop.Now(), s.host.cfg.Machine.String(), s.gate.Address(), what, text)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *side) traceEnvelope(e *link.Envelope) {
	tr := s.host.net.loop.Trace()
	if tr == nil {
		return
	}
	var digest [8]byte
	const digits = "0123456789abcdef"
	for i, sum := 7, crc32.Checksum(e.GetPayload(), castagnoli); i >= 0; i, sum = i-1, sum>>4 {
		digest[i] = digits[sum&15]
	}
	tr.Line(s.host.net.loop.Now(), s.host.cfg.Machine.String(), s.gate.Address(), "sends", e.GetType(), string(digest[:]))
}
