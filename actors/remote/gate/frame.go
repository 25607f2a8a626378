package gate

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"minimint/messages/link"
)

const (
	// Version changes whenever old and new programs cannot talk.
	Version = 1
	// frameSlack is what a frame may have beyond its envelopes: an
	// acknowledgement and a sequence number, or a hello.
	frameSlack = 256
	// MaxFrame is the largest frame on any link, in bytes.
	MaxFrame = MaxPayload + maxOverhead + frameSlack
	// envelopesField is the number of Frame.envelopes.
	envelopesField = 3
)

// Decode reads a frame that a side with these limits receives after the hellos.
// It bounds the work and the memory before it decodes: a frame full of empty
// envelopes would take fifty times its own size.
func Decode(raw []byte, l Limits) (*link.Frame, *link.Refusal) {
	f, refusal := decode(raw, l)
	switch {
	case refusal != nil:
		return nil, refusal
	case f.GetHello() != nil:
		return nil, link.Refuse(link.Code_CODE_HELLO, "a second hello")
	case len(f.GetEnvelopes()) == 0 && (f.GetFirst() != 0 || f.GetAcknowledged() == 0):
		return nil, link.Refuse(link.Code_CODE_FRAME, "an empty frame")
	}
	return f, nil
}

func decode(raw []byte, l Limits) (*link.Frame, *link.Refusal) {
	if len(raw) > l.frame()+frameSlack {
		return nil, link.Refuse(link.Code_CODE_FRAME, "frame of %d bytes", len(raw))
	}
	envelopes := 0
	for rest := raw; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return nil, link.Refuse(link.Code_CODE_FRAME, "not a frame")
		}
		if number == envelopesField {
			envelopes++
		}
		rest = rest[n:]
	}
	if envelopes > l.MaxBatch {
		return nil, link.Refuse(link.Code_CODE_FRAME, "%d envelopes in a frame", envelopes)
	}
	f := new(link.Frame)
	if err := proto.Unmarshal(raw, f); err != nil {
		return nil, link.Refuse(link.Code_CODE_FRAME, "not a frame")
	}
	return f, nil
}

// Party is what a process says about itself in its hellos.
type Party struct {
	// Federation is the id of the federation that it belongs to or uses.
	Federation [32]byte
	// Incarnation must grow with every start of a member. Of no meaning for
	// clients.
	Incarnation uint64
}

// Hello makes the first frame of a direction, for a side with these limits.
func (p Party) Hello(l Limits) *link.Frame {
	return &link.Frame{Hello: &link.Hello{
		Version:     Version,
		Federation:  p.Federation[:],
		Incarnation: p.Incarnation,
		Window:      uint32(l.Window),
		MaxMessage:  uint32(l.MaxMessage),
		MaxBatch:    uint32(l.MaxBatch),
	}}
}

// Greet checks the first frame of the other side: same version, same federation,
// and limits that let something pass. Whether its incarnation is the newest is
// for the caller to judge.
func (p Party) Greet(raw []byte) (*link.Hello, *link.Refusal) {
	f, refusal := decode(raw, Limits{})
	hello := f.GetHello()
	switch {
	case refusal != nil:
		return nil, refusal
	case hello == nil || f.GetFirst() != 0 || f.GetAcknowledged() != 0:
		return nil, link.Refuse(link.Code_CODE_HELLO, "the first frame is not a hello")
	case hello.GetVersion() != Version:
		return nil, link.Refuse(link.Code_CODE_VERSION, "version %d, this side speaks %d", hello.GetVersion(), Version)
	case string(hello.GetFederation()) != string(p.Federation[:]):
		return nil, link.Refuse(link.Code_CODE_FEDERATION, "another federation")
	case hello.GetMaxMessage() < 1 || hello.GetMaxBatch() < 1 ||
		uint64(hello.GetWindow()) < uint64(hello.GetMaxMessage())+maxOverhead:
		return nil, link.Refuse(link.Code_CODE_HELLO, "limits that let nothing pass")
	}
	return hello, nil
}
