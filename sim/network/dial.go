package network

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages/link"
)

// dialling is one attempt to open a link.
type dialling struct {
	gate   *gate.Gate
	socket string
	key    identity.Pin // that the other side must have
	self   identity.Pin // that this side shows
	admit  func(*link.Hello) *link.Refusal
	// done is called once, when the link has ended or could not be opened.
	done func(refusal *link.Refusal, ours bool)
}

// dial goes through TCP, TLS and the hellos: two and a half journeys until the
// other side has the hello, one more until this side has the answer.
func (h *Host) dial(d dialling) {
	h.net.numbers++
	number := h.net.numbers
	fail := func(refusal *link.Refusal, ours bool) {
		h.cfg.Port.Tell(d.gate.Owner(), &link.Down{
			Address: d.gate.Address(), Link: number, Code: refusal.GetCode(), Text: refusal.GetText(), Ours: ours,
		})
		d.done(refusal, ours)
	}
	other := h.net.hosts[d.socket]
	m := h.cfg.Machine
	switch {
	case other == nil:
		m.After(h.net.draw(h.number(), h.number()), func() {
			fail(link.Refuse(link.Code_CODE_UNSPECIFIED, "%v", errNobody), false)
		})
		return
	case h.net.apart(h.number(), other.number()):
		m.After(handshakeTime, func() { fail(link.Refuse(link.Code_CODE_UNSPECIFIED, "no answer"), false) })
		return
	}
	from, to := h.number(), other.number()
	journey := h.net.draw(from, to) + h.net.draw(to, from) + h.net.draw(from, to)
	m.After(journey, func() {
		back := h.net.draw(to, from)
		if other.cfg.Machine.Dead() || other.cfg.Key != d.key || h.net.apart(from, to) {
			m.After(back, func() { fail(link.Refuse(link.Code_CODE_UNSPECIFIED, "handshake failed"), false) })
			return
		}
		g, hello, refusal := other.greet(h, d)
		if refusal != nil {
			h.net.stats.Refusals++
			m.After(back, func() { fail(refusal, false) })
			return
		}
		far := other.open(g, hello)
		far.tellUp()
		h.net.loop.After(handshakeTime, func() {
			if far.other == nil {
				far.lose("no answer")
			}
		})
		m.After(back, func() { h.finish(d, far, fail) })
	})
}

// greet is what the accepting host does with a hello.
func (h *Host) greet(from *Host, d dialling) (*gate.Gate, *link.Hello, *link.Refusal) {
	hello, refusal := h.cfg.Party.Greet(encode(from.cfg.Party.Hello(d.gate.Limits())))
	if refusal != nil {
		return nil, nil, refusal
	}
	for id, m := range h.members {
		if m.Key == d.self {
			if refusal := h.seen.Admit(id, hello, false); refusal != nil {
				return nil, nil, refusal
			}
			return h.gates[id], hello, nil
		}
	}
	if h.accept == nil || h.clients >= h.most {
		return nil, nil, link.Refuse(link.Code_CODE_BUSY, "no room for another client")
	}
	policy, err := h.accept(remote.Client{Key: d.self, Address: address(d.self)})
	if errors.As(err, &refusal) {
		return nil, nil, refusal
	}
	if err != nil {
		return nil, nil, link.Refuse(link.Code_CODE_BUSY, "not accepted now")
	}
	h.clients++
	return gate.New(address(d.self), policy), hello, nil
}

// finish opens the dialling side's end, when the answer has come.
func (h *Host) finish(d dialling, far *side, fail func(*link.Refusal, bool)) {
	if far.over {
		fail(link.Refuse(link.Code_CODE_UNSPECIFIED, "the stream ended"), false)
		return
	}
	hello, refusal := h.cfg.Party.Greet(encode(far.host.cfg.Party.Hello(far.gate.Limits())))
	if refusal == nil && d.admit != nil {
		refusal = d.admit(hello)
	}
	if refusal != nil {
		h.net.stats.Refusals++
		far.lose("the dialling side refused")
		fail(refusal, true)
		return
	}
	near := h.open(d.gate, hello)
	near.done = d.done
	near.other, far.other = far, near
	near.sent, far.sent = h.net.counter(h.number(), far.host.number()), h.net.counter(far.host.number(), h.number())
	near.tellUp()
	near.plan()
	near.wake()
	far.wake()
}

func encode(f *link.Frame) []byte {
	raw, err := proto.Marshal(f)
	if err != nil {
		panic("network: marshal hello: " + err.Error())
	}
	return raw
}
