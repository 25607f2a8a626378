package gate

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxParts is how many parts a payload may have: messages within it, and elements of
// lists. The largest honest list is that of the headers of two thousand epochs.
const MaxParts = 4096

// parts counts what a decoder of a payload of type d would make, at any depth, and stops
// beyond MaxParts. Two bytes can make a part that takes a hundred. It allocates
// nothing, and skips what only a decoder can judge.
func parts(b []byte, d protoreflect.MessageDescriptor) int { return count(b, d, 0) }

// count adds the parts of b to those found.
func count(b []byte, d protoreflect.MessageDescriptor, found int) int {
	for len(b) > 0 && found <= MaxParts {
		number, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(number, typ, b[n:])
		if size < 0 {
			break
		}
		value := b[n : n+size]
		b = b[n+size:]
		switch fd := d.Fields().ByNumber(number); {
		case fd == nil: // kept as bytes
		case fd.Message() != nil && typ == protowire.BytesType:
			inner, _ := protowire.ConsumeBytes(value)
			found = count(inner, fd.Message(), found+1)
		case fd.IsList():
			found++
		}
	}
	return found
}
