package peer

import (
	"errors"
	"fmt"

	"minimint/messages/wire"
)

// replyBytes is how much of outcomes goes into one message: with what is around
// them less than a link carries.
const replyBytes = 768 << 10

// replies packs outcomes into messages, in order. One that is too long for a
// message is cut into parts.
func replies(outcomes [][]byte) []*wire.OutcomesReply {
	var out []*wire.OutcomesReply
	room := 0
	for _, b := range outcomes {
		if len(b) > replyBytes {
			out, room = append(out, cut(b)...), 0
			continue
		}
		if len(b) > room {
			out, room = append(out, &wire.OutcomesReply{}), replyBytes
		}
		last := out[len(out)-1]
		last.Outcomes = append(last.Outcomes, b)
		room -= len(b)
	}
	return out
}

func cut(b []byte) []*wire.OutcomesReply {
	var out []*wire.OutcomesReply
	for i := uint32(0); len(b) > 0; i++ {
		n := min(len(b), replyBytes)
		out = append(out, &wire.OutcomesReply{Part: &wire.OutcomePart{Index: i, Last: n == len(b), Body: b[:n]}})
		b = b[n:]
	}
	return out
}

// assembly puts parts together again. It holds one outcome at most.
type assembly struct {
	limit int // of an outcome, in bytes
	body  []byte
	next  uint32 // index of the next part
}

func (a *assembly) drop() { a.body, a.next = nil, 0 }

var (
	errPartSize  = errors.New("parts of an outcome that is too long")
	errPartEmpty = errors.New("empty part of an outcome")
)

// add returns the whole outcome with its last part. Parts that do not follow each
// other are no fault, since a congested link drops some: what was there is
// forgotten, and asked for again.
func (a *assembly) add(p *wire.OutcomePart) ([]byte, error) {
	if p.GetIndex() == 0 {
		a.drop()
	}
	switch {
	case len(p.GetBody()) == 0:
		a.drop()
		return nil, errPartEmpty
	case p.GetIndex() != a.next:
		a.drop()
		return nil, nil
	case len(a.body)+len(p.GetBody()) > a.limit:
		a.drop()
		return nil, fmt.Errorf("%w: more than %d bytes", errPartSize, a.limit)
	}
	a.body = append(a.body, p.GetBody()...)
	a.next++
	if !p.GetLast() {
		return nil, nil
	}
	whole := a.body
	a.drop()
	return whole, nil
}
