// Package canonical is the one byte form of every protobuf message that is
// hashed, signed, agreed on or stored for agreement.
//
// protobuf-go does not promise that its deterministic output stays the same
// across versions, so the form is defined here and checked by a walker of our
// own: fields in ascending order, a singular field once, a repeated field in
// one unbroken run and, if numeric, packed; varints of minimal length; no field
// written that has its default value; no unknown fields; no maps, groups or
// extensions; numbers within the range of their type; text in UTF-8. One value has
// exactly one form.
//
// A schema must suit it: no maps and no recursion, and the members of a oneof have
// the highest numbers of their message, because protobuf-go writes them last.
// [Marshal] panics on a value of any other schema.
//
// What an accepted message costs in memory is bounded by its size, with a factor of
// up to about fifty if it is full of empty submessages. Who expects few of them asks
// [Count] before [Unmarshal].
package canonical

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ErrForm says that bytes are not the canonical form of a message.
var ErrForm = errors.New("not in canonical form")

// maxDepth bounds how deep messages nest; our schemas need at most four.
const maxDepth = 8

// Marshal returns the canonical form of m. It panics if m cannot have one,
// which only a schema with maps or text that is no UTF-8 can cause.
func Marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err == nil {
		err = Check(b, m.ProtoReflect().Descriptor())
	}
	if err != nil {
		panic(fmt.Sprintf("canonical: %s: %v", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return b
}

// Unmarshal reads the canonical form of a message of at most limit bytes into
// m. It returns an error that wraps ErrForm for anything else; m is then to be
// discarded.
func Unmarshal(b []byte, m proto.Message, limit int) error {
	name := m.ProtoReflect().Descriptor().FullName()
	if len(b) > limit {
		return fmt.Errorf("%s of %d bytes, at most %d allowed: %w", name, len(b), limit, ErrForm)
	}
	if err := Check(b, m.ProtoReflect().Descriptor()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrForm, err)
	}
	return nil
}

// Count returns how many elements of an unpacked list a decoder of b would make,
// without allocating: two bytes can make one, so whoever expects few asks before
// [Unmarshal]. It stops at bytes that are no message, which Unmarshal refuses.
func Count(b []byte, list protowire.Number) int {
	found := 0
	for len(b) > 0 {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return found
		}
		if number == list {
			found++
		}
		b = b[n:]
	}
	return found
}

// Check returns an error that wraps ErrForm unless b is the canonical form of
// some message of type d. It allocates nothing but its error.
func Check(b []byte, d protoreflect.MessageDescriptor) error { return check(b, d, 0) }

func check(b []byte, d protoreflect.MessageDescriptor, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d: %w", maxDepth, ErrForm)
	}
	fields := d.Fields()
	last := protowire.Number(0)
	oneofs := uint64(0) // which have a member already, by index
	for len(b) > 0 {
		num, typ, n := tag(b)
		if n < 0 {
			return fmt.Errorf("bad tag: %w", ErrForm)
		}
		b = b[n:]
		fd := fields.ByNumber(num)
		if fd == nil || fd.IsMap() {
			return fmt.Errorf("unknown field %d: %w", num, ErrForm)
		}
		if num < last || num == last && (!fd.IsList() || packs(fd)) {
			return fmt.Errorf("field %s out of order or repeated: %w", fd.Name(), ErrForm)
		}
		if oneof := fd.ContainingOneof(); oneof != nil {
			bit := uint64(1) << oneof.Index()
			if oneofs&bit != 0 {
				return fmt.Errorf("two members of oneof %s: %w", oneof.Name(), ErrForm)
			}
			oneofs |= bit
		}
		last = num
		n, err := field(b, fd, typ, depth)
		if err != nil {
			return fmt.Errorf("field %s: %w", fd.Name(), err)
		}
		b = b[n:]
	}
	return nil
}

// field checks one field's value and returns its length.
func field(b []byte, fd protoreflect.FieldDescriptor, typ protowire.Type, depth int) (int, error) {
	if fd.IsList() && packs(fd) {
		if typ != protowire.BytesType {
			return 0, fmt.Errorf("not packed: %w", ErrForm)
		}
		body, n := bytesValue(b)
		if n < 0 || len(body) == 0 {
			return 0, fmt.Errorf("empty or broken list: %w", ErrForm)
		}
		for len(body) > 0 {
			_, m := scalar(body, fd.Kind())
			if m < 0 {
				return 0, fmt.Errorf("broken list element: %w", ErrForm)
			}
			body = body[m:]
		}
		return n, nil
	}
	if typ != wireType(fd.Kind()) {
		return 0, fmt.Errorf("wire type %d: %w", typ, ErrForm)
	}
	if typ != protowire.BytesType {
		v, n := scalar(b, fd.Kind())
		if n < 0 || v == 0 && !fd.HasPresence() {
			return 0, fmt.Errorf("broken or default value: %w", ErrForm)
		}
		return n, nil
	}
	body, n := bytesValue(b)
	if n < 0 {
		return 0, fmt.Errorf("broken length: %w", ErrForm)
	}
	switch {
	case fd.Kind() == protoreflect.MessageKind:
		return n, check(body, fd.Message(), depth+1)
	case len(body) == 0 && !fd.HasPresence() && !fd.IsList():
		return 0, fmt.Errorf("default value: %w", ErrForm)
	case fd.Kind() == protoreflect.StringKind && !utf8.Valid(body):
		return 0, fmt.Errorf("no UTF-8: %w", ErrForm)
	}
	return n, nil
}

func packs(fd protoreflect.FieldDescriptor) bool {
	return fd.IsList() && wireType(fd.Kind()) != protowire.BytesType
}

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.BytesKind, protoreflect.StringKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

// scalar reads one numeric value in its shortest form; a negative length means
// that it is none or out of the range of its kind.
func scalar(b []byte, k protoreflect.Kind) (uint64, int) {
	switch wireType(k) {
	case protowire.Fixed32Type:
		v, n := protowire.ConsumeFixed32(b)
		return uint64(v), n
	case protowire.Fixed64Type:
		return protowire.ConsumeFixed64(b)
	case protowire.VarintType:
		v, n := varint(b)
		switch {
		case k == protoreflect.BoolKind && v > 1,
			(k == protoreflect.Uint32Kind || k == protoreflect.Sint32Kind) && v > math.MaxUint32,
			(k == protoreflect.Int32Kind || k == protoreflect.EnumKind) && int64(v) != int64(int32(v)):
			return 0, -1
		}
		return v, n
	default:
		return 0, -1
	}
}

func tag(b []byte) (protowire.Number, protowire.Type, int) {
	v, n := varint(b)
	if n < 0 || v > math.MaxUint32 {
		return 0, 0, -1
	}
	num, typ := protowire.DecodeTag(v)
	if num < protowire.MinValidNumber {
		return 0, 0, -1
	}
	return num, typ, n
}

func bytesValue(b []byte) ([]byte, int) {
	size, n := varint(b)
	if n < 0 || size > uint64(len(b)-n) {
		return nil, -1
	}
	return b[n : n+int(size)], n + int(size)
}

// varint reads a varint and refuses any but the shortest form.
func varint(b []byte) (uint64, int) {
	v, n := protowire.ConsumeVarint(b)
	if n > 0 && n != protowire.SizeVarint(v) {
		return 0, -1
	}
	return v, n
}
