package canonical_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/messages/canonical"
	"minimint/messages/wire"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The frozen form: if this changes, every hash of every federation changes.
func TestFrozenForm(t *testing.T) {
	for _, c := range []struct {
		m    proto.Message
		want string
	}{
		{&wire.Transaction{}, ""},
		{&wire.Transaction{
			Inputs:  []*wire.ModuleItem{{Kind: "mint", Body: []byte{1, 2}}},
			Outputs: []*wire.ModuleItem{{Kind: "wallet"}, {}},
			FeeMsat: 300, Signature: []byte{0xff},
		}, "0a0a0a046d696e741202010212080a0677616c6c6574120018ac022201ff"},
		{&wire.Contribution{Transactions: [][]byte{{}, {7}}}, "0a000a0107"},
		{&wire.Outcome{Epoch: 1 << 63, Contributions: []*wire.MemberContribution{{Member: 3, Contribution: []byte{9}}}}, "08808080808080808080011205080312010 9"},
		{&wire.Accepted{Epoch: 4, OutputKinds: []string{"mint", "mint"}}, "080412046d696e7412046d696e74"},
	} {
		want := unhex(t, string(bytes.ReplaceAll([]byte(c.want), []byte(" "), nil)))
		if got := canonical.Marshal(c.m); !bytes.Equal(got, want) {
			t.Errorf("%T: got %x, want %x", c.m, got, want)
		}
	}
}

func TestRefusesOtherForms(t *testing.T) {
	for _, c := range []struct{ name, bytes string }{
		{"fields descending", "18012200"},
		{"fields out of order", "180112020a00"},
		{"singular field twice", "18011802"},
		{"repeated field in two runs", "0a0012000a00"},
		{"default number", "1800"},
		{"default bytes", "2200"},
		{"long varint", "188100"},
		{"long tag", "98800001"},
		{"long length", "22810041"},
		{"unknown field", "2801"},
		{"field zero", "0001"},
		{"wrong wire type", "1d00000000"},
		{"group", "1b1c"},
		{"cut off", "2202ff"},
		{"cut off in a varint", "1880"},
		{"text that is no UTF-8", "0a030a01ff"},
		{"unknown field inside", "0a021801"},
	} {
		m := new(wire.Transaction)
		if err := canonical.Unmarshal(unhex(t, c.bytes), m, 100); !errors.Is(err, canonical.ErrForm) {
			t.Errorf("%s (%s): %v", c.name, c.bytes, err)
		}
	}
	big := new(wire.MemberContribution)
	if err := canonical.Unmarshal(unhex(t, "08ffffffffffffffffff01"), big, 100); !errors.Is(err, canonical.ErrForm) {
		t.Errorf("uint32 beyond its range: %v", err)
	}
	flag := new(wire.Refusal)
	if err := canonical.Unmarshal(unhex(t, "1002"), flag, 100); !errors.Is(err, canonical.ErrForm) {
		t.Errorf("bool of 2: %v", err)
	}
	if err := canonical.Unmarshal(make([]byte, 11), new(wire.Transaction), 10); !errors.Is(err, canonical.ErrForm) {
		t.Errorf("over the limit: %v", err)
	}
	oneof := new(wire.ClientRequest)
	if err := canonical.Unmarshal(unhex(t, "12001a00"), oneof, 100); !errors.Is(err, canonical.ErrForm) {
		t.Errorf("two members of a oneof: %v", err)
	}
}

// RoundTrip: every value has a form, and that form gives the value back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.Custom(func(t *rapid.T) *wire.ModuleItem {
			return &wire.ModuleItem{Kind: rapid.String().Draw(t, "kind"), Body: rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "body")}
		})
		m := &wire.Transaction{
			Inputs: rapid.SliceOfN(item, 0, 3).Draw(t, "in"), Outputs: rapid.SliceOfN(item, 0, 3).Draw(t, "out"),
			FeeMsat: rapid.Uint64().Draw(t, "fee"), Signature: rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "signature"),
		}
		b := canonical.Marshal(m)
		got := new(wire.Transaction)
		if err := canonical.Unmarshal(b, got, len(b)); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(m, got) {
			t.Fatalf("got %v, want %v", got, m)
		}
	})
}

// Uniqueness: whatever is accepted is the only form of its value.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte{0x0a, 0x00})
	f.Add([]byte{0x18, 0x01, 0x22, 0x01, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range []proto.Message{new(wire.Transaction), new(wire.Outcome), new(wire.Federation), new(wire.ClientRequest), new(wire.Info)} {
			if err := canonical.Unmarshal(b, m, 1<<16); err != nil {
				continue
			}
			if again := canonical.Marshal(m); !bytes.Equal(again, b) {
				t.Fatalf("%T: accepted %x, which is written %x", m, b, again)
			}
		}
	})
}
