package remote

import (
	"io"
	"runtime"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/remote/gate"
	"minimint/messages/link"
)

// lateStream yields what it is given, even after its link has ended.
type lateStream struct{ frames chan *link.Frame }

func (s lateStream) SendMsg(any) error { return nil }

func (s lateStream) RecvMsg(m any) error {
	f, ok := <-s.frames
	if !ok {
		return io.EOF
	}
	raw, err := proto.Marshal(f)
	*m.(*[]byte) = raw
	return err
}

// open runs a link over a stream of the test's own, and waits until it is up.
func open(n *node, owner *probe, g *gate.Gate, st stream) {
	c := newChannel(n.hub, g, st, generous().GetHello())
	n.hub.begin()
	go func() {
		defer n.hub.routines.Done()
		c.run(func() {})
	}()
	next[*link.Up](owner)
}

func TestNothingArrivesAfterDown(t *testing.T) {
	n := newNode(t, 1)
	p := n.probe("peer")
	st := lateStream{make(chan *link.Frame)}
	open(n, p, gate.New("peer/0", p.asPeer()), st)
	st.frames <- frame(1, envelope("peer", note))
	next[*wrapperspb.StringValue](p)
	n.hub.Disconnect("peer/0")
	next[*link.Down](p)
	st.frames <- frame(2, envelope("peer", note))
	close(st.frames)
	n.hub.Close() // waits for the reader
	n.as.Root.Send(p.pid, "fence")
	next[string](p)
}

// turnstile is an actor's place in the registry: who delivers to it has to wait.
type turnstile struct{ entered, leave chan struct{} }

func (s turnstile) SendUserMessage(*actor.PID, any) {
	s.entered <- struct{}{}
	<-s.leave
}

func (turnstile) SendSystemMessage(*actor.PID, any) {}

func (turnstile) Stop(*actor.PID) {}

// The end of a link waits for the message that is being delivered.
func TestDownWaitsForTheDelivery(t *testing.T) {
	n := newNode(t, 1)
	p := n.probe("owner")
	s := turnstile{make(chan struct{}), make(chan struct{})}
	if _, absent := n.as.ProcessRegistry.Add(s, "turnstile"); !absent {
		t.Fatal("the name is taken")
	}
	policy := p.asPeer()
	policy.Routes = map[string]string{"peer": "turnstile"}
	st := lateStream{make(chan *link.Frame, 1)}
	open(n, p, gate.New("peer/0", policy), st)
	st.frames <- frame(1, envelope("peer", note))
	<-s.entered
	n.hub.Disconnect("peer/0")
	for range 5000 { // gives everybody the opportunity to be too early
		runtime.Gosched()
	}
	if len(p.mail) > 0 {
		t.Error("the owner was told Down while a message was being delivered")
	}
	close(s.leave)
	next[*link.Down](p)
	close(st.frames)
}

// What follows a refused frame is not looked at, however fast it follows.
func TestNothingArrivesAfterARefusal(t *testing.T) {
	n := newNode(t, 1)
	p := n.probe("peer")
	st := lateStream{make(chan *link.Frame, 100)}
	st.frames <- frame(7, envelope("peer", note)) // a gap
	for i := range 99 {
		st.frames <- frame(uint64(i+1), envelope("peer", note))
	}
	open(n, p, gate.New("peer/0", p.asPeer()), st)
	if down := next[*link.Down](p); down.Code != link.Code_CODE_SEQUENCE {
		t.Errorf("%+v", down)
	}
	close(st.frames)
	n.hub.Close()
	n.as.Root.Send(p.pid, "fence")
	next[string](p)
}

// brokenStream panics where it is told to.
type brokenStream struct {
	lateStream
	receiving, sending bool
}

func (s brokenStream) SendMsg(any) error {
	if s.sending {
		panic("remote_test: sending")
	}
	return nil
}

func (s brokenStream) RecvMsg(m any) error {
	if s.receiving {
		panic("remote_test: receiving")
	}
	return s.lateStream.RecvMsg(m)
}

// A bug in one half of a link ends that link, and nothing else.
func TestPanicEndsTheLink(t *testing.T) {
	for _, s := range []brokenStream{{receiving: true}, {sending: true}} {
		n := newNode(t, 1)
		p := n.probe("peer")
		s.frames = make(chan *link.Frame)
		open(n, p, gate.New("peer/0", p.asPeer()), s)
		p.send("peer/0", "peer", note) // for the half that sends
		if down := next[*link.Down](p); down.Code != link.Code_CODE_INTERNAL || !down.Ours {
			t.Errorf("%+v", down)
		}
		close(s.frames)
	}
}
