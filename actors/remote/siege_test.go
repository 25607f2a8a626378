package remote

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/messages/link"
)

// siege is a node under attack, with witnesses for everything that an attack must
// not do:
//
//   - actors with the names that attackers try, who must never receive anything;
//   - a pending future, which nobody may complete;
//   - the event stream and the dead letters, where nothing may appear;
//   - the sockets that the node dials, of which there is one;
//   - an honest client, who must be answered all the time.
type siege struct {
	*node
	t        *testing.T
	peer     *probe // what member 0, the attacker, may reach
	sessions chan *probe
	future   *actor.Future
	// served gets a value with every answer that the honest client gets.
	served chan struct{}
	armed  atomic.Bool // dead letters and events are errors
	before runtime.MemStats
}

// forbiddenActors are names that attackers of protoactor's own transport send to.
// Actors of these names are here, so that a delivery would not get lost unseen. A
// guardian is here anyway: a message to it ends the process.
var forbiddenActors = []string{"admin", "activator", "EndpointSupervisor", "worker", "remote"}

func besiege(t *testing.T) *siege {
	t.Helper()
	s := &siege{t: t, served: make(chan struct{})}
	s.node = newNode(t, 2, func(c *Config) {
		c.Connect = func(_ context.Context, socket string) (net.Conn, error) {
			if socket != nobody {
				t.Errorf("the node dials %s", socket)
			}
			return nil, errors.New("nobody is there")
		}
	})
	s.reserve()
	s.lis = &tally{Listener: s.lis}
	s.peer, s.sessions = s.member1()
	for _, name := range forbiddenActors {
		s.forbid(s.probeWithRoom(name, 100))
	}
	canary := s.probeWithRoom("canary", 100)
	s.forbid(canary)
	s.future = actor.NewFuture(s.as, -1)
	s.future.PipeTo(canary.pid)
	s.as.EventStream.Subscribe(func(e any) {
		switch d := e.(type) {
		case *actor.SupervisorEvent:
		case *actor.DeadLetterEvent: // those to remote addresses the node has sent itself
			if d.PID.GetAddress() == s.as.Address() && s.armed.Load() {
				t.Errorf("a message for %q got in: %T", d.PID.GetId(), d.Message)
			}
		default:
			t.Errorf("published: %T", e)
		}
	})
	s.serve()
	s.armed.Store(true)
	t.Cleanup(func() { s.armed.Store(false) })
	runtime.GC()
	runtime.ReadMemStats(&s.before)
	return s
}

// forbid fails the test when an actor receives something.
func (s *siege) forbid(p *probe) {
	s.t.Cleanup(func() {
		if len(p.mail) != 0 {
			s.t.Errorf("%s received %T", p.pid.Id, (<-p.mail).message)
		}
	})
}

// serve starts the honest client: it asks, is answered, and asks again.
func (s *siege) serve() {
	client := newNode(s.t, 99)
	inbox := client.probe("inbox")
	target := Target{Socket: s.socket(), Key: s.key.Pin(), Policy: inbox.asClient()}
	if err := client.hub.Dial(s.t.Context(), target); err != nil {
		s.t.Fatal(err)
	}
	next[*link.Up](inbox)
	session := <-s.sessions
	next[*link.Up](session)
	stop := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		for {
			inbox.send(target.Address(), "session", wrapperspb.String("echo"))
			<-session.mail
			if m, ok := (<-inbox.mail).message.(*wrapperspb.StringValue); !ok || m.GetValue() != "echoed" {
				s.t.Error("the honest client is not answered")
				return
			}
			select {
			case <-stop:
				return
			case s.served <- struct{}{}:
			default:
			}
		}
	})
	s.t.Cleanup(func() {
		close(stop)
		over.Wait()
	})
}

// holds checks after an attack that the honest client is served and that the
// attacker's actor is alive.
func (s *siege) holds() {
	s.t.Helper()
	<-s.served // one answer may have been on its way
	<-s.served
	answer, err := s.as.Root.RequestFuture(s.peer.pid, wrapperspb.String("echo"), -1).Result()
	if m, ok := answer.(*wrapperspb.StringValue); err != nil || !ok || m.GetValue() != "echoed" {
		s.t.Errorf("the attacker's actor: %v, %v", answer, err)
	}
	next[*wrapperspb.StringValue](s.peer)
}

// memory prints what this process, attackers included, has grown by since the siege
// began, and fails if that is more than so many MiB.
func (s *siege) memory(limit int64) {
	s.t.Helper()
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	grown := (int64(now.HeapAlloc) - int64(s.before.HeapAlloc)) >> 20
	s.t.Logf("heap has grown by %d MiB, from the system by %d MiB, %d goroutines", grown, (int64(now.Sys)-int64(s.before.Sys))>>20, runtime.NumGoroutine())
	if grown > limit {
		s.t.Errorf("the heap has grown by %d MiB", grown)
	}
}
