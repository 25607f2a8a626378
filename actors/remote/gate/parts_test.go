package gate

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"minimint/messages/wire"
)

// FuzzParts counts the parts of any bytes: what a decoder takes has no more headers and
// lines of a report than were counted.
func FuzzParts(f *testing.F) {
	f.Add([]byte{5<<3 | 2, 0, 5<<3 | 2, 0})
	f.Add([]byte{7<<3 | 2, 4, 6<<3 | 2, 0, 6<<3 | 2, 0})
	f.Add([]byte{5<<3 | 2, 9, 0})
	f.Add(protowire.AppendTag(nil, 5, protowire.StartGroupType))
	f.Fuzz(func(t *testing.T, b []byte) {
		headers, reply := new(wire.HeadersReply), new(wire.ClientReply)
		for _, c := range []struct {
			m    proto.Message
			made func() int
		}{
			{headers, func() int { return len(headers.GetHeaders()) }},
			{reply, func() int { return len(reply.GetInfo().GetLines()) }},
		} {
			n := parts(b, c.m.ProtoReflect().Descriptor())
			if err := proto.Unmarshal(b, c.m); err == nil && c.made() > n && n <= MaxParts {
				t.Errorf("%T: %d parts counted, %d made", c.m, n, c.made())
			}
		}
	})
}
