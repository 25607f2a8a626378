package remote

import (
	"errors"
	"io"
	"math"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages/link"
)

// raw is the other side of a link when it is hostile: it has a key and sends
// whatever it likes.
type raw struct {
	t    *testing.T
	conn *grpc.ClientConn
	st   grpc.ClientStream
}

// anyCodec sends bytes as well as frames.
type anyCodec struct{ codec }

func (c anyCodec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.codec.Marshal(v)
}

func rawConn(t *testing.T, to *node, as identity.Identity) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+to.socket(),
		grpc.WithTransportCredentials(credentials.NewTLS(as.TLS(identity.Only(to.key.Pin())))),
		grpc.WithStaticStreamWindowSize(1<<16), grpc.WithStaticConnWindowSize(1<<16),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(anyCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func rawStream(t *testing.T, conn *grpc.ClientConn) *raw {
	t.Helper()
	st, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/minimint.Link/Open")
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t, conn, st}
}

// hostile opens a stream and shakes hands properly.
func hostile(t *testing.T, to *node, as identity.Identity) *raw {
	t.Helper()
	r := rawStream(t, rawConn(t, to, as))
	r.send(generous())
	if f := r.receive(); f.GetHello() == nil {
		t.Fatalf("no hello but %v", f)
	}
	return r
}

// generous is a proper hello that grants a lot.
func generous() *link.Frame {
	f := party.Hello(gate.PeerLimits())
	f.Hello.Window = math.MaxUint32
	return f
}

func (r *raw) receive() *link.Frame {
	r.t.Helper()
	var b []byte
	if err := r.st.RecvMsg(&b); err != nil {
		r.t.Fatal(err)
	}
	f := new(link.Frame)
	if err := proto.Unmarshal(b, f); err != nil {
		r.t.Fatal(err)
	}
	return f
}

// refused waits until the other side ends the stream, and returns why.
func (r *raw) refused() link.Code {
	var b []byte
	for {
		if err := r.st.RecvMsg(&b); err != nil {
			return refusalOf(err).GetCode()
		}
	}
}

func envelope(target string, m proto.Message) *link.Envelope {
	payload, _ := proto.Marshal(m)
	return &link.Envelope{Target: target, Type: string(m.ProtoReflect().Descriptor().FullName()), Payload: payload}
}

func frame(first uint64, envelopes ...*link.Envelope) *link.Frame {
	return &link.Frame{First: first, Envelopes: envelopes}
}

// fakeServer answers every stream with the given frames and then waits.
func fakeServer(t *testing.T, answer any) (socket string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(anyCodec{}), grpc.WaitForHandlers(true),
		grpc.Creds(credentials.NewTLS(key(5).TLS(func(identity.Pin) error { return nil }))))
	s.RegisterService(&grpc.ServiceDesc{ServiceName: linkServiceName, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
		StreamName: linkMethodName, ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, st grpc.ServerStream) error {
			list, ok := answer.([]any)
			if !ok {
				list = []any{answer}
			}
			for _, f := range list {
				if err := st.SendMsg(f); err != nil {
					return err
				}
			}
			<-st.Context().Done()
			return nil
		},
	}}}, struct{}{})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}

// send sends; the other side may have ended the stream already.
func (r *raw) send(v any) {
	r.t.Helper()
	if err := r.st.SendMsg(v); err != nil && !errors.Is(err, io.EOF) {
		r.t.Fatal(err)
	}
}
