package canonical_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// Our own schemas use few of protobuf's types. Modules of others may use all of
// them, so these schemas do.

type kind = descriptorpb.FieldDescriptorProto_Type

const (
	tInt32, tInt64, tUint32 = descriptorpb.FieldDescriptorProto_TYPE_INT32, descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_UINT32
	tSint32, tSint64        = descriptorpb.FieldDescriptorProto_TYPE_SINT32, descriptorpb.FieldDescriptorProto_TYPE_SINT64
	tBool, tEnum            = descriptorpb.FieldDescriptorProto_TYPE_BOOL, descriptorpb.FieldDescriptorProto_TYPE_ENUM
	tFixed32, tSfixed64     = descriptorpb.FieldDescriptorProto_TYPE_FIXED32, descriptorpb.FieldDescriptorProto_TYPE_SFIXED64
	tDouble                 = descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
	tString, tBytes         = descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_BYTES
	tMessage                = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
)

// field is one field of a schema. Its oneof is -1 for none.
type field struct {
	number int32
	kind   kind
	list   bool
	oneof  int32
}

func message(t testing.TB, oneofs []string, fields ...field) protoreflect.MessageDescriptor {
	t.Helper()
	m := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for _, name := range oneofs {
		m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String(name)})
	}
	for _, f := range fields {
		label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
		if f.list {
			label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
		}
		d := &descriptorpb.FieldDescriptorProto{
			Name: proto.String("f" + strings.Repeat("x", int(f.number))), Number: proto.Int32(f.number), Type: f.kind.Enum(), Label: label.Enum(),
		}
		if f.kind == tMessage {
			d.TypeName = proto.String(".test.M")
		}
		if f.kind == tEnum {
			d.TypeName = proto.String(".test.E")
		}
		if f.oneof >= 0 {
			d.OneofIndex = proto.Int32(f.oneof)
			d.Proto3Optional = proto.Bool(strings.HasPrefix(oneofs[f.oneof], "_"))
		}
		m.Field = append(m.Field, d)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("test.proto"), Package: proto.String("test"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{m},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("E"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("ZERO"), Number: proto.Int32(0)}, {Name: proto.String("MINUS"), Number: proto.Int32(-1)}, {Name: proto.String("SEVEN"), Number: proto.Int32(7)},
		}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName("M")
}

// everything has every type that is allowed; 16 refers to itself, 20 to 22 are
// a oneof, 18 is optional.
func everything(t testing.TB) protoreflect.MessageDescriptor {
	return message(t, []string{"choice", "_maybe"},
		field{1, tInt32, false, -1}, field{2, tInt64, false, -1}, field{3, tUint32, false, -1}, field{4, tSint32, false, -1}, field{5, tSint64, false, -1},
		field{6, tBool, false, -1}, field{7, tEnum, false, -1}, field{8, tFixed32, false, -1}, field{9, tSfixed64, false, -1}, field{10, tDouble, false, -1},
		field{11, tString, false, -1}, field{12, tBytes, false, -1}, field{13, tInt32, true, -1}, field{14, tBool, true, -1}, field{15, tString, true, -1},
		field{16, tMessage, false, -1}, field{17, tMessage, true, -1}, field{18, tUint32, false, 1},
		field{20, tUint32, false, 0}, field{21, tString, false, 0}, field{22, tMessage, false, 0},
	)
}

func TestAmbiguousForms(t *testing.T) {
	all := everything(t)
	spread := message(t, []string{"choice"}, field{1, tUint32, false, 0}, field{3, tUint32, false, 0}, field{2, tUint32, false, -1})
	for _, c := range []struct {
		name  string
		d     protoreflect.MessageDescriptor
		bytes string
		ok    bool
	}{
		{"negative int32 in ten bytes", all, "08ffffffffffffffffff01", true},
		{"negative int32 in five bytes", all, "08ffffffff0f", false},
		{"int32 beyond its range", all, "088080808008", false},
		{"sint32 in range", all, "20ffffffff0f", true},
		{"sint32 beyond its range", all, "208080808010", false},
		{"negative enum", all, "38ffffffffffffffffff01", true},
		{"enum that aliases modulo 2^32", all, "388780808010", false},
		{"bool of 2", all, "3002", false},
		{"negative zero is a value", all, "510000000000000080", true},
		{"zero double", all, "510000000000000000", false},
		{"packed list", all, "6a020001", true},
		{"packed list in varints", all, "6800", false},
		{"packed list in two runs", all, "6a01006a0101", false},
		{"packed list of nothing", all, "6a00", false},
		{"packed list with a long varint", all, "6a028000", false},
		{"packed list cut within a number", all, "6a0180", false},
		{"packed list of bools with a 2", all, "720102", false},
		{"packed list of negative int32 in five bytes", all, "6a05ffffffff0f", false},
		{"list of texts as numbers", all, "7800", false},
		{"empty text in a list", all, "7a00", true},
		{"default of an optional", all, "900100", true},
		{"default in a oneof", all, "a00100", true},
		{"two of a oneof", all, "a00100aa0100", false},
		{"one of a oneof twice", all, "a00100a00101", false},
		{"two of a oneof, spread", spread, "080110011801", false},
		{"one of a oneof, then another field", spread, "08011001", true},
		{"varint of eleven bytes", all, "10ffffffffffffffffffff01", false},
		{"varint beyond 64 bits", all, "10ffffffffffffffffff02", false},
		{"tag beyond 32 bits", all, "888080808001" + "00", false},
		{"length beyond all bounds", all, "62ffffffffffffffffff01", false},
		{"length of 2^63", all, "6280808080808080808001", false},
		{"length one too many", all, "620200", false},
		{"fixed cut off", all, "450000", false},
		{"group in place of a message", all, "83018401", false},
		{"end of a group", all, "8401", false},
		{"reserved wire type", all, "0e", false},
	} {
		b := unhex(t, c.bytes)
		m := dynamicpb.NewMessage(c.d)
		err := canonical.Unmarshal(b, m, 1000)
		switch {
		case (err == nil) != c.ok || err != nil && !errors.Is(err, canonical.ErrForm):
			t.Errorf("%s (%s): %v", c.name, c.bytes, err)
		case err == nil && c.d == all && !bytes.Equal(canonical.Marshal(m), b):
			t.Errorf("%s (%s): written again as %x", c.name, c.bytes, canonical.Marshal(m))
		}
	}
}

// Nesting costs the stack, so it is bounded before anything decodes.
func TestDepthIsBounded(t *testing.T) {
	d := everything(t)
	nested := func(depth int) []byte {
		b := []byte{}
		for range depth {
			b = append(append([]byte{0x82, 0x01}, varint(len(b))...), b...)
		}
		return b
	}
	if err := canonical.Check(nested(8), d); err != nil {
		t.Error(err)
	}
	for _, depth := range []int{9, 5000} {
		if err := canonical.Check(nested(depth), d); !errors.Is(err, canonical.ErrForm) {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

func varint(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// The original's decoders allocated for any length that the bytes named: Check and Count look at whatever comes before that.
func TestH29LookingAllocatesNothing(t *testing.T) {
	bomb := bytes.Repeat([]byte{0x0a, 0x00}, 1<<15)
	d := new(wire.Transaction).ProtoReflect().Descriptor()
	if err := canonical.Check(bomb, d); err != nil {
		t.Fatal(err)
	}
	if n := canonical.Count(bomb, 1); n != 1<<15 {
		t.Errorf("%d elements", n)
	}
	if n := testing.AllocsPerRun(5, func() { _ = canonical.Check(bomb, d); canonical.Count(bomb, 1) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	for hex, want := range map[string]int{"": 0, "0a": 0, "0a00": 1, "08010a05": 1, "0a00120a": 1, "12000a00": 1, "0a0000010a00": 1} {
		if got := canonical.Count(unhex(t, hex), 1); got != want {
			t.Errorf("%s: %d elements, want %d", hex, got, want)
		}
	}
}

// Uniqueness: over every type, whatever is accepted is the only form of its value.
func FuzzUniqueness(f *testing.F) {
	d := everything(f)
	for _, s := range []string{"", "0801", "6a020001", "7a00", "900100", "a00100", "82010208018a0100", "510000000000000080"} {
		f.Add(unhex(&testing.T{}, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		unique(t, d, b)
	})
}

func unique(t interface{ Fatalf(string, ...any) }, d protoreflect.MessageDescriptor, b []byte) {
	m := dynamicpb.NewMessage(d)
	if err := canonical.Unmarshal(b, m, 1<<16); err != nil {
		return
	}
	if again := canonical.Marshal(m); !bytes.Equal(again, b) {
		t.Fatalf("accepted %x, which is written %x", b, again)
	}
}

// Uniqueness again, with bytes that are nearly right.
func TestUniquenessOfNearMisses(t *testing.T) {
	d := everything(t)
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		for range rapid.IntRange(1, 5).Draw(t, "fields") {
			b = append(b, rapid.SampledFrom([]string{
				"\x08\x01", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x10\x05", "\x30\x01", "\x38\x07", "\x45\x01\x00\x00\x00", "\x5a\x01x", "\x62\x01\xff",
				"\x6a\x02\x00\x01", "\x72\x01\x01", "\x7a\x00", "\x7a\x01y", "\x82\x01\x02\x08\x01", "\x8a\x01\x00", "\x8a\x01\x02\x10\x01", "\x90\x01\x00",
				"\xa0\x01\x00", "\xaa\x01\x01z", "\xb2\x01\x00",
			}).Draw(t, "field")...)
		}
		if rapid.Bool().Draw(t, "damage") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		unique(t, d, b)
	})
}

// Our schemas suit the form: Marshal can never panic on them, whatever stands in
// them, as long as texts are UTF-8.
func TestSchemasSuit(t *testing.T) {
	for _, file := range []protoreflect.FileDescriptor{
		wire.File_messages_wire_transaction_proto, wire.File_messages_wire_state_proto, wire.File_messages_wire_federation_proto,
		wire.File_messages_wire_client_proto, wire.File_messages_wire_peer_proto, wire.File_messages_wire_invite_proto,
	} {
		for i := range file.Messages().Len() {
			suits(t, file.Messages().Get(i), 0)
		}
	}
}

func suits(t *testing.T, d protoreflect.MessageDescriptor, depth int) {
	if depth > 8 {
		t.Fatalf("%s: nested deeper than 8, or in itself", d.FullName())
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.IsMap() || f.Kind() == protoreflect.GroupKind {
			t.Errorf("%s: maps and groups have no canonical form", f.FullName())
		}
		if f.Kind() == protoreflect.MessageKind {
			suits(t, f.Message(), depth+1)
		}
		for j := range d.Oneofs().Len() {
			if f.ContainingOneof() == nil && f.Number() > d.Oneofs().Get(j).Fields().Get(0).Number() {
				t.Errorf("%s stands after a oneof, which protobuf-go writes last", f.FullName())
			}
		}
	}
}
