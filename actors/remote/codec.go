package remote

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"minimint/messages/link"
)

// codec hands gRPC the bytes that arrive unread, so that the gate sees them
// before a decoder does. It copies them: gRPC takes its buffers back.
type codec struct{}

// Name makes the content type that of a protobuf stream, which the frames are.
func (codec) Name() string { return "proto" }

// Marshal writes a frame.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*link.Frame)
	if !ok {
		return nil, fmt.Errorf("%T is not a frame", v)
	}
	raw, err := proto.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("marshal frame: %w", err)
	}
	return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
}

// Unmarshal copies a frame out.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	raw, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("frames are received as bytes, not as %T", v)
	}
	*raw = data.Materialize()
	return nil
}
