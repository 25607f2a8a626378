package frames

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"minimint/messages"
)

// Decode reads a frame. It accepts exactly what [Encode] makes and returns an
// error that wraps ErrFrame for everything else. All is in the frame's
// Statements, in one fixed order, and its payloads and shares are slices of their
// own, so b may be used again. Proposers are below messages.MaxPeers, not below the
// size of any federation.
func Decode(b []byte) (Frame, error) {
	f, err := Unpack(b)
	if err != nil {
		return Frame{}, err
	}
	var all []Statement
	for _, s := range f.Echoes {
		all = append(all, s)
	}
	for _, s := range f.Readys {
		all = append(all, s)
	}
	for i := range f.Votes {
		for slot := range f.Votes[i].Slots.All {
			all = append(all, f.Votes[i].About(slot))
		}
	}
	for _, s := range f.Shares {
		s.Share = append([]byte(nil), s.Share...)
		all = append(all, s)
	}
	f.Statements = append(f.Statements, all...)
	f.Echoes, f.Readys, f.Votes, f.Shares = nil, nil, nil, nil
	return f, nil
}

// Unpack reads a frame as Decode does, and leaves gathered what came gathered:
// echoes, readys, votes and decryption shares. The decryption shares are parts of
// b; whoever keeps one makes a copy, or it keeps all of b alive. What a hostile b
// makes Unpack allocate is a small multiple of its length.
//
// It reads the bytes itself: the canonical form of a known schema leaves a reader
// no choice at any byte, so this is hardly longer than checking the form and
// then building from what protobuf decoded, and ten times as fast.
func Unpack(b []byte) (Frame, error) {
	if len(b) > MaxFrame {
		return Frame{}, fmt.Errorf("%w: %d bytes, at most %d allowed", ErrFrame, len(b), MaxFrame)
	}
	d := decoder{reader: reader{rest: b}}
	d.decode()
	if d.fault != "" {
		return Frame{}, fmt.Errorf("%w: %s", ErrFrame, d.fault)
	}
	return d.frame, nil
}

// A reader reads the fields of one message in canonical form (package canonical)
// and stops at what is none: then fault says why, and rest is empty. Fields
// are taken in ascending order, by whoever knows the schema; what is left in
// the end belongs to no field.
type reader struct {
	rest  []byte
	fault string
}

func (r *reader) fail(fault string) {
	if r.fault == "" {
		r.fault = fault
	}
	r.rest = nil
}

// varint reads a varint in its shortest form.
func (r *reader) varint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n != protowire.SizeVarint(v) {
		r.fail("broken number")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// next reports whether the next field is this one, and takes its tag then. The
// numbers of our fields are below 16, so a tag is one byte.
func (r *reader) next(field protowire.Number, typ protowire.Type) bool {
	if len(r.rest) == 0 || r.rest[0] != byte(protowire.EncodeTag(field, typ)) {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// number reads a field that holds a number; 0 if it is not there, which is how 0
// is written.
func (r *reader) number(field protowire.Number, highest uint64) uint64 {
	if !r.next(field, protowire.VarintType) {
		return 0
	}
	v := r.varint()
	if v == 0 || v > highest {
		r.fail("number out of range")
		return 0
	}
	return v
}

// body reads what follows the tag of a field that holds bytes or a message.
func (r *reader) body() []byte {
	size := r.varint()
	if size > uint64(len(r.rest)) {
		r.fail("broken length")
		return nil
	}
	body := r.rest[:size:size]
	r.rest = r.rest[size:]
	return body
}

// bytes reads a field that holds bytes; nil if it is not there, which is how no
// bytes are written.
func (r *reader) bytes(field protowire.Number) []byte {
	if !r.next(field, protowire.BytesType) {
		return nil
	}
	body := r.body()
	if len(body) == 0 {
		r.fail("no bytes, written out")
	}
	return body
}

// end refuses what no field has taken.
func (r *reader) end() {
	if len(r.rest) > 0 {
		r.fail("unknown, repeated or unordered field")
	}
}

// A decoder reads a frame.
type decoder struct {
	reader
	frame Frame
	items int // that are not single bits
}

func (d *decoder) decode() {
	f := &d.frame
	f.Era = messages.Era(d.number(1, math.MaxUint32))
	f.Epoch = messages.Epoch(d.number(2, math.MaxUint64))
	f.Again = d.number(3, 1) == 1
	for d.element(4) {
		d.value(d.body())
	}
	for d.element(5) {
		body := d.body()
		if slot, root, ok := d.root(body); ok {
			f.Echoes = append(sized(f.Echoes, d, body), Echo{slot, root})
		}
	}
	for d.element(6) {
		body := d.body()
		if slot, root, ok := d.root(body); ok {
			f.Readys = append(sized(f.Readys, d, body), Ready{slot, root})
		}
	}
	for d.element(7) {
		if slot, root, ok := d.root(d.body()); ok {
			f.Statements = append(f.Statements, Pull{slot, root})
		}
	}
	if d.next(8, protowire.BytesType) {
		d.votes(d.body(), Votes{Kind: VoteInput})
	}
	if d.next(9, protowire.BytesType) {
		d.votes(d.body(), Votes{Kind: VoteTerm})
	}
	d.rounds()
	for d.element(11) {
		body := d.body()
		if slot, share, ok := d.share(body); ok {
			f.Shares = append(sized(f.Shares, d, body), DecryptionShare{slot, share})
		}
	}
	f.Next = messages.Epoch(d.number(12, math.MaxUint64))
	f.Said = d.number(13, math.MaxUint64)
	f.Heard = d.number(14, math.MaxUint64)
	f.Calls = d.number(15, 1) == 1
	d.end()
}

// element reports whether the next field is one more of a list whose elements are
// not single bits, and counts it.
func (d *decoder) element(field protowire.Number) bool {
	if !d.next(field, protowire.BytesType) {
		return false
	}
	if d.items++; d.items > MaxItems {
		d.fail("too many items")
		return false
	}
	return true
}

// sized gives an empty list room for all that the rest of the frame can hold of
// elements as long as the first, so that it is mostly allocated once; and no more than as
// much memory as the frame has.
func sized[T any](list []T, d *decoder, first []byte) []T {
	if list != nil {
		return list
	}
	const least = 36
	return make([]T, 0, min(1+len(d.rest)/max(len(first)+2, least), MaxItems))
}

// slot checks a proposer. That it is one of the federation is for the core to see,
// which blames the sender otherwise.
func (d *decoder) slot(slot uint64) messages.PeerID {
	if slot >= messages.MaxPeers {
		d.fail("proposer that no federation has")
		return 0
	}
	return messages.PeerID(slot)
}

// pair reads a message of a proposer and some bytes.
func (d *decoder) pair(body []byte) (slot messages.PeerID, data []byte, ok bool) {
	r := reader{rest: body}
	slot = d.slot(r.number(1, math.MaxUint32))
	data = r.bytes(2)
	return slot, data, d.done(&r)
}

// done ends the reading of a part of the frame.
func (d *decoder) done(r *reader) bool {
	r.end()
	if r.fault != "" {
		d.fail(r.fault)
	}
	return d.fault == ""
}

func (d *decoder) root(body []byte) (slot messages.PeerID, root messages.Digest, ok bool) {
	slot, data, ok := d.pair(body)
	if len(data) != len(root) {
		d.fail("root of another length")
		return 0, messages.Digest{}, false
	}
	return slot, messages.Digest(data), ok
}

func (d *decoder) share(body []byte) (slot messages.PeerID, share []byte, ok bool) {
	slot, share, ok = d.pair(body)
	if len(share) > MaxShare {
		d.fail("share that is too long")
		return 0, nil, false
	}
	return slot, share, ok
}

func (d *decoder) value(body []byte) {
	r := reader{rest: body}
	slot := d.slot(r.number(1, math.MaxUint32))
	payload, signature := r.bytes(2), r.bytes(3)
	if len(payload) > MaxPayload || len(signature) != 64 {
		d.fail("value with a payload or a signature of another length")
		return
	}
	if d.done(&r) {
		d.frame.Statements = append(d.frame.Statements, Value{
			Proposer: slot, Payload: append([]byte(nil), payload...), Signature: [64]byte(signature),
		})
	}
}

// votes reads a pair of masks, which says something at least.
func (d *decoder) votes(body []byte, of Votes) {
	r := reader{rest: body}
	zero, one := r.bytes(1), r.bytes(2)
	if len(zero)+len(one) == 0 {
		d.fail("mask that says nothing")
		return
	}
	if !d.done(&r) {
		return
	}
	for b, mask := range [2][]byte{zero, one} {
		if of.Slots = d.mask(mask); len(mask) > 0 {
			of.Bit = b == 1
			d.frame.Votes = append(d.frame.Votes, of)
		}
	}
}

// mask reads one mask, in which no zero bytes come last.
func (d *decoder) mask(mask []byte) Slots {
	var slots Slots
	var padded [maskSize]byte
	if len(mask) > maskSize || len(mask) > 0 && mask[len(mask)-1] == 0 {
		d.fail("mask that is too long, or ends with zeros")
		return slots
	}
	copy(padded[:], mask)
	for i := range slots {
		slots[i] = binary.LittleEndian.Uint64(padded[8*i:])
	}
	if padded[messages.MaxPeers/8]>>(messages.MaxPeers%8) != 0 {
		d.slot(messages.MaxPeers)
	}
	return slots
}

// rounds reads rounds, which ascend and say something each, so that what they say
// has one form.
func (d *decoder) rounds() {
	last := int64(-1)
	for count := 0; d.next(10, protowire.BytesType); {
		if count++; count > MaxRounds {
			d.fail("too many rounds")
			return
		}
		inner := decoder{reader: reader{rest: d.body()}, frame: d.frame, items: d.items}
		number := inner.round()
		if int64(number) <= last {
			inner.fail("rounds out of order")
		}
		last = int64(number)
		d.frame, d.items = inner.frame, inner.items
		if inner.fault != "" {
			d.fail(inner.fault)
		}
	}
}

// round reads one round, from a decoder that has nothing else, and returns its
// number.
func (d *decoder) round() uint32 {
	number := uint32(d.number(1, math.MaxUint32))
	if len(d.rest) == 0 {
		d.fail("round that says nothing")
	}
	if d.next(2, protowire.BytesType) {
		d.votes(d.body(), Votes{Kind: VoteBVal, Round: number})
	}
	if d.next(3, protowire.BytesType) {
		d.votes(d.body(), Votes{Kind: VoteAux, Round: number})
	}
	if d.next(4, protowire.BytesType) {
		d.votes(d.body(), Votes{Kind: VoteConf, Round: number})
	}
	if both := d.bytes(5); both != nil {
		d.frame.Votes = append(d.frame.Votes, Votes{Kind: VoteConfBoth, Round: number, Slots: d.mask(both)})
	}
	for d.element(6) {
		if slot, share, ok := d.share(d.body()); ok {
			d.frame.Statements = append(d.frame.Statements, CoinShare{slot, number, append([]byte(nil), share...)})
		}
	}
	d.end()
	return number
}
