package network

import (
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"minimint/messages/frames"
	"minimint/messages/wire"
)

// What a member tells all others is the same bytes n−1 times, and whoever receives them
// decodes them to the same. So the first that does leaves the result with the sender's
// host, and the others take it from there: a frame is decoded once, not a hundred times.
// Gates check every envelope for themselves. It is the bytes' identity that counts, not
// their value, and honest hosts only that share: an adversary gets its own, to change it.
// Nobody else changes what arrived, which TestNobodyChangesWhatAllShare looks after.

// remembered is how many broadcasts of a host are under way at once, about; of more
// the oldest are decoded by each receiver.
const remembered = 8

// broadcasts are what a host sent lately.
type broadcasts struct {
	list [remembered]broadcast
	next int
}

// broadcast is the payload of a message that may have several receivers.
type broadcast struct {
	payload []byte
	message *wire.PeerFrame // decoded; nil before anybody did
	frame   *frames.Frame   // what message holds; nil if that is no frame
}

// add remembers a payload.
func (b *broadcasts) add(payload []byte) {
	b.list[b.next] = broadcast{payload: payload}
	b.next = (b.next + 1) % remembered
}

// find returns the broadcast that these bytes are, or nil.
func (b *broadcasts) find(payload []byte) *broadcast {
	for i := range b.list {
		if c := &b.list[i]; unsafe.SliceData(c.payload) == unsafe.SliceData(payload) && len(c.payload) == len(payload) && len(payload) > 0 {
			return c
		}
	}
	return nil
}

// decode is a gate's decoding of a payload, done once.
func (b *broadcast) decode(t protoreflect.MessageType, payload []byte) (proto.Message, error) {
	m := t.New().Interface()
	frame, ok := m.(*wire.PeerFrame)
	if ok && b.message != nil {
		return b.message, nil
	}
	if err := proto.Unmarshal(payload, m); err != nil || !ok {
		return m, err
	}
	b.message = frame
	if f, err := frames.Unpack(frame.GetFrame()); err == nil {
		b.frame = &f
	}
	return m, nil
}
