package frames_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/frames"
)

// statements draws statements as members make them.
func statements(t *rapid.T) []frames.Statement {
	slot := rapid.Custom(func(t *rapid.T) messages.PeerID {
		return messages.PeerID(rapid.IntRange(0, messages.MaxPeers-1).Draw(t, "slot"))
	})
	round := rapid.Uint32Range(0, 40)
	one := rapid.Custom(func(t *rapid.T) frames.Statement {
		j, bit := slot.Draw(t, "proposer"), rapid.Bool().Draw(t, "bit")
		root := messages.Digest{0: rapid.Byte().Draw(t, "root")}
		some := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "bytes")
		switch rapid.IntRange(0, 10).Draw(t, "kind") {
		case 0:
			return frames.Value{Proposer: j, Payload: some, Signature: [64]byte{1}}
		case 1:
			return frames.Echo{Proposer: j, Root: root}
		case 2:
			return frames.Ready{Proposer: j, Root: root}
		case 3:
			return frames.Pull{Proposer: j, Root: root}
		case 4:
			return frames.Input{Proposer: j, Bit: bit}
		case 5:
			return frames.BVal{Proposer: j, Round: round.Draw(t, "round"), Bit: bit}
		case 6:
			return frames.Aux{Proposer: j, Round: round.Draw(t, "round"), Bit: bit}
		case 7:
			return frames.Conf{Proposer: j, Round: round.Draw(t, "round"), Bits: rapid.SampledFrom([]frames.BitSet{1, 2, 3}).Draw(t, "set")}
		case 8:
			return frames.CoinShare{Proposer: j, Round: round.Draw(t, "round"), Share: some}
		case 9:
			return frames.Term{Proposer: j, Bit: bit}
		default:
			return frames.DecryptionShare{Proposer: j, Share: some}
		}
	})
	return rapid.SliceOfN(one, 0, 80).Draw(t, "statements")
}

// canon is a list of statements as a set, for comparison.
func canon(list []frames.Statement) []string {
	var lines []string
	for _, s := range list {
		lines = append(lines, fmt.Sprintf("%T%v", s, s))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestRoundTrip: what is split, encoded and decoded says what was said, no more
// and no less, and encodes to the same bytes again.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frames.Frame{
			Era: messages.Era(rapid.Uint32().Draw(t, "era")), Epoch: messages.Epoch(rapid.Uint64().Draw(t, "epoch")),
			Next: messages.Epoch(rapid.Uint64().Draw(t, "next")), Again: rapid.Bool().Draw(t, "again"), Calls: rapid.Bool().Draw(t, "calls"),
			Said: rapid.Uint64().Draw(t, "said"), Heard: rapid.Uint64().Draw(t, "heard"), Statements: statements(t),
		}
		var got []frames.Statement
		parts := frames.Split(f)
		for i, part := range parts {
			b := frames.Encode(part)
			back, err := frames.Decode(b)
			if err != nil {
				t.Fatalf("part %d: %v", i, err)
			}
			if back.Era != f.Era || back.Epoch != f.Epoch || back.Next != f.Next || back.Again != (f.Again && i == 0) || back.Calls != (f.Calls && i == 0) {
				t.Fatalf("part %d: header %+v", i, back)
			}
			if back.Said != f.Said || back.Heard != f.Heard && i == len(parts)-1 || back.Heard != 0 && i < len(parts)-1 {
				t.Fatalf("part %d: said %d, heard %d", i, back.Said, back.Heard)
			}
			if again := frames.Encode(back); !bytes.Equal(again, b) {
				t.Fatalf("part %d: encodes to other bytes", i)
			}
			got = append(got, back.Statements...)
		}
		if want := canon(f.Statements); !slices.Equal(canon(got), want) {
			t.Fatalf("got %v, want %v", canon(got), want)
		}
	})
}

// TestSplitKeepsLimits: many large values and many rounds leave in frames that
// a receiver accepts.
func TestSplitKeepsLimits(t *testing.T) {
	var f frames.Frame
	for j := range messages.PeerID(20) {
		f.Statements = append(f.Statements, frames.Value{Proposer: j, Payload: make([]byte, frames.MaxPayload)})
	}
	for i := range uint32(1500) {
		f.Statements = append(f.Statements,
			frames.BVal{Proposer: messages.PeerID(i % 255), Round: i / 30, Bit: true},
			frames.CoinShare{Proposer: messages.PeerID(i % 255), Round: i / 30, Share: make([]byte, frames.MaxShare)})
	}
	parts, got := frames.Split(f), 0
	for i, part := range parts {
		b := frames.Encode(part)
		if len(b) > frames.MaxFrame {
			t.Errorf("part %d: %d bytes", i, len(b))
		}
		back, err := frames.Decode(b)
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		got += len(back.Statements)
	}
	if got != len(f.Statements) {
		t.Errorf("%d statements in %d parts, want %d", got, len(parts), len(f.Statements))
	}
	if len(parts) > 12 {
		t.Errorf("%d parts", len(parts))
	}
}

// field builds one length-delimited field.
func field(number protowire.Number, body string) string {
	b := protowire.AppendTag(nil, number, protowire.BytesType)
	return string(protowire.AppendString(b, body))
}

func number(field protowire.Number, v uint64) string {
	b := protowire.AppendTag(nil, field, protowire.VarintType)
	return string(protowire.AppendVarint(b, v))
}

// TestDecodeRefuses lists bytes that are no frame.
func TestDecodeRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"junk":                      "\xff\xff\xff",
		"unknown field":             field(77, "x"),
		"default written":           number(1, 0),
		"too long":                  field(4, strings.Repeat("x", frames.MaxFrame)),
		"a million empty values":    strings.Repeat(field(4, ""), frames.MaxItems+1),
		"too many rounds":           strings.Repeat(field(10, number(1, 1)), frames.MaxRounds+1),
		"too many shares in rounds": field(10, strings.Repeat(field(6, ""), frames.MaxItems+1)),
		"signature of 63 bytes":     field(4, field(3, strings.Repeat("s", 63))),
		"payload too long":          field(4, field(2, strings.Repeat("p", frames.MaxPayload+1))+field(3, strings.Repeat("s", 64))),
		"root of 31 bytes":          field(5, field(2, strings.Repeat("r", 31))),
		"proposer 255":              field(5, number(1, 255)+field(2, strings.Repeat("r", 32))),
		"mask for proposer 255":     field(8, field(1, strings.Repeat("\x00", 31)+"\x80")),
		"mask of 33 bytes":          field(8, field(1, strings.Repeat("\x01", 33))),
		"mask with zero at its end": field(8, field(1, "\x01\x00")),
		"mask that says nothing":    field(8, ""),
		"round that says nothing":   field(10, number(1, 3)),
		"rounds descending":         field(10, number(1, 3)+field(2, field(1, "\x01"))) + field(10, number(1, 2)+field(2, field(1, "\x01"))),
		"round twice":               field(10, number(1, 3)+field(2, field(1, "\x01"))) + field(10, number(1, 3)+field(2, field(2, "\x01"))),
		"share too long":            field(11, field(2, strings.Repeat("s", frames.MaxShare+1))),
	} {
		if f, err := frames.Decode([]byte(in)); !errors.Is(err, frames.ErrFrame) {
			t.Errorf("%s: decoded to %.200v, error %v", name, f, err)
		}
	}
}

// TestFrozen fixes the bytes of one frame: members of different versions must
// understand each other.
func TestFrozen(t *testing.T) {
	f := frames.Frame{Era: 1, Epoch: 300, Next: 299, Again: true, Statements: []frames.Statement{
		frames.Input{Proposer: 9, Bit: true},
		frames.Input{Proposer: 0},
		frames.BVal{Proposer: 2, Round: 1, Bit: true},
		frames.Conf{Proposer: 1, Round: 1, Bits: 3},
		frames.Term{Proposer: 3},
		frames.DecryptionShare{Proposer: 4, Share: []byte("s")},
	}}
	const want = "080110ac0218014207" + "0a01011202" + "0002" + "4a03" + "0a0108" + "520a" + "0801" + "1203120104" + "2a0102" + "5a05" + "0804120173" + "60ab02"
	if got := fmt.Sprintf("%x", frames.Encode(f)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(frames.Encode(frames.Frame{Era: 2, Epoch: 7, Again: true}))
	f.Add(frames.Encode(frames.Frame{Epoch: 1, Statements: []frames.Statement{
		frames.Value{Proposer: 3, Payload: []byte("v")},
		frames.Echo{Proposer: 1},
		frames.Ready{Proposer: 2},
		frames.Pull{},
		frames.Input{Proposer: 250, Bit: true},
		frames.Term{Proposer: 3},
		frames.BVal{Proposer: 1, Round: 2},
		frames.Aux{Proposer: 1, Round: 2, Bit: true},
		frames.Conf{Proposer: 1, Round: 5, Bits: 3},
		frames.CoinShare{Proposer: 1, Round: 5, Share: []byte("c")},
		frames.DecryptionShare{Proposer: 9, Share: []byte("d")},
	}}))
	f.Fuzz(func(t *testing.T, b []byte) { agrees(t, b) })
}

// TestUnpackIsCheap: a short frame that says all that masks can say, most of it for no
// other reason than to cost something, is a few lists.
func TestUnpackIsCheap(t *testing.T) {
	var f frames.Frame
	for round := range uint32(frames.MaxRounds) {
		for j := range messages.PeerID(messages.MaxPeers) {
			for _, bit := range []bool{false, true} {
				f.Statements = append(f.Statements, frames.BVal{Proposer: j, Round: round, Bit: bit}, frames.Aux{Proposer: j, Round: round, Bit: bit},
					frames.Conf{Proposer: j, Round: round, Bits: frames.SetOf(bit)})
			}
			f.Statements = append(f.Statements, frames.Conf{Proposer: j, Round: round, Bits: 3})
		}
	}
	b := frames.Encode(f)
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := frames.Unpack(b); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 16 {
		t.Errorf("%d bytes that say %d things: %.0f allocations", len(b), len(f.Statements), allocations)
	}
}

func TestSayingNothingIsAFrame(t *testing.T) {
	parts := frames.Split(frames.Frame{Epoch: 4, Again: true})
	if len(parts) != 1 || !parts[0].Again || parts[0].Epoch != 4 {
		t.Errorf("got %+v", parts)
	}
}
