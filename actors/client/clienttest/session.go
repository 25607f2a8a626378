package clienttest

import (
	"bytes"
	"errors"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// faults are the switches of a member.
type faults struct {
	mu     sync.Mutex
	dead   bool
	silent bool
	twist  func(*wire.ClientReply)
}

// SetDead makes every link to the member fail, or ends that.
func (m *Member) SetDead(dead bool) { m.set(func(f *faults) { f.dead = dead }) }

// SetSilent makes the member accept links and answer nothing.
func (m *Member) SetSilent(silent bool) { m.set(func(f *faults) { f.silent = silent }) }

// SetTwist has every reply of the member pass through fn, which may change it.
func (m *Member) SetTwist(fn func(*wire.ClientReply)) { m.set(func(f *faults) { f.twist = fn }) }

func (m *Member) set(change func(*faults)) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	change(&m.faults)
}

func (m *Member) get() (dead, silent bool, twist func(*wire.ClientReply)) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	return m.faults.dead, m.faults.silent, m.faults.twist
}

// connector is the way into the federation for the clients of a rig.
func (f *Federation) connector(r *Rig) client.Connector {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.system = r.system
	return connector{f: f, sys: r.spawn, clock: r.clock}
}

type connector struct {
	f     *Federation
	sys   *spawn.System
	clock *actor.PID
}

// open is the link of an owner to a member.
type open struct {
	owner  string
	member *Member
	pid    *actor.PID
}

// Session implements client.Connector.
func (c connector) Session(messages.FederationID) (client.Session, error) { return c, nil }

// Connect implements client.Session.
func (c connector) Connect(owner *actor.PID, member federation.Member) *actor.PID {
	for i, known := range c.f.Config.Members {
		if !known.Identity.Equal(member.Identity) {
			continue
		}
		m := c.f.Members[i]
		root := c.f.system.Root
		if dead, _, _ := m.get(); dead {
			root.Send(owner, &link.Down{Text: "connection refused"})
			return actor.NewPID("nobody", "nobody")
		}
		pid := root.Spawn(c.sys.RootProps(spawn.StopOnly(), func() actor.Actor { return &session{connector: c, m: m, owner: owner} }))
		c.f.opened(open{owner: owner.Id, member: m, pid: pid})
		root.Send(owner, &link.Up{})
		return pid
	}
	panic("clienttest: link to a stranger")
}

// opened notes a link. It ends an older one of the same owner to the same member,
// with whatever is still to be done for it, as links do.
func (f *Federation) opened(o open) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, older := range f.links {
		if older.owner == o.owner && older.member == o.member {
			f.system.Root.Stop(older.pid)
			f.links[i] = o
			return
		}
	}
	f.links = append(f.links, o)
}

func (f *Federation) ended(pid *actor.PID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links = slices.DeleteFunc(f.links, func(o open) bool { return o.pid.Id == pid.Id })
}

// session answers one client on behalf of one member.
type session struct {
	connector
	m      *Member
	owner  *actor.PID
	awaits []*wire.ClientRequest
}

// Receive implements actor.Actor.
func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Watch(s.owner)
		ctx.Send(s.clock, works{ctx.Self()})
	case *actor.Stopping:
		s.f.ended(ctx.Self())
	case *actor.Terminated:
		ctx.Stop(ctx.Self())
	case committed:
		waiting := s.awaits
		s.awaits = nil
		for _, r := range waiting {
			s.request(ctx, r)
		}
	case *wire.ClientRequest:
		s.request(ctx, m)
	}
}

func (s *session) request(ctx actor.Context, m *wire.ClientRequest) {
	if reply := s.f.Answer(s.m, m); reply != nil {
		s.reply(ctx, reply)
	} else if m.GetAwait() != nil || m.GetQuery() != nil {
		s.awaits = append(s.awaits, m)
	}
}

// Answer is what a member without faults answers to a request, nil if it has nothing
// to say yet.
func (f *Federation) Answer(member *Member, m *wire.ClientRequest) *wire.ClientReply {
	reply := &wire.ClientReply{Id: m.GetId()}
	switch r := m.GetRequest().(type) {
	case *wire.ClientRequest_Submit:
		tx, err := transaction.Decode(r.Submit.GetTransaction())
		if err == nil {
			if rejection := f.submit(member, tx); rejection != nil {
				err = rejection
			}
		}
		if err != nil {
			return refuse(m, err)
		}
		reply.Reply = &wire.ClientReply_Submitted{Submitted: &wire.Submitted{}}
	case *wire.ClientRequest_Await:
		f.mu.Lock()
		defer f.mu.Unlock()
		status := member.status(messages.TxID(r.Await.GetTxid()), messages.WitnessID(r.Await.GetWitnessId()))
		if status == nil {
			return nil
		}
		reply.Reply = &wire.ClientReply_Status{Status: status}
	case *wire.ClientRequest_Query:
		body, err := f.query(member, r.Query)
		if reply.Reply = (&wire.ClientReply_Answer{Answer: &wire.Answer{Body: body}}); err != nil {
			reply = refuse(m, err)
		}
		if len(r.Query.GetKnown()) > 0 && r.Query.GetWaitMs() > 0 && bytes.Equal(wire.Known(reply), r.Query.GetKnown()) {
			return nil
		}
	case *wire.ClientRequest_Config:
		reply.Reply = &wire.ClientReply_Config{Config: &wire.Config{Body: f.Config.Bytes()}}
	case *wire.ClientRequest_Info:
		reply.Reply = &wire.ClientReply_Info{Info: &wire.Info{Member: uint32(member.id)}}
	default:
		return nil
	}
	return reply
}

// status is what the member knows of a transaction, nil if nothing.
func (m *Member) status(tx messages.TxID, witness messages.WitnessID) *wire.Status {
	var status *wire.Status
	m.view(func(r storage.Reader) {
		record, ok := transition.FindAccepted(r, tx)
		if !ok {
			return
		}
		d := &wire.Decided{Epoch: uint64(record.Epoch)}
		for i, kind := range record.Outputs {
			a := m.transition.Module(kind).(contract.Answerer)
			scoped := storage.ScopedReader(r, transition.ModuleScope(kind))
			at := messages.OutPoint{Tx: tx, Index: uint32(i)}
			d.Outputs = append(d.Outputs, &wire.OutputAnswer{Outcome: a.Outcome(scoped, at), Share: a.Share(scoped, at)})
		}
		status = &wire.Status{Accepted: d}
	})
	if r := m.rejected[witness]; status == nil && r != nil {
		status = &wire.Status{Rejected: refusalOf(r)}
	}
	return status
}

func (f *Federation) query(member *Member, q *wire.Query) (body []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	querier, ok := member.transition.Module(messages.ModuleKind(q.GetModule())).(contract.Querier)
	if !ok {
		return nil, messages.Reject(messages.RejectUnknownModule, "no module %s", q.GetModule())
	}
	member.view(func(r storage.Reader) {
		body, err = querier.Query(storage.ScopedReader(r, transition.ModuleScope(messages.ModuleKind(q.GetModule()))), q.GetMethod(), q.GetBody())
	})
	return body, err
}

func refuse(m *wire.ClientRequest, err error) *wire.ClientReply {
	return &wire.ClientReply{Id: m.GetId(), Reply: &wire.ClientReply_Refusal{Refusal: refusalOf(err)}}
}

func refusalOf(err error) *wire.Refusal {
	var r *messages.Rejection
	if !errors.As(err, &r) {
		panic("clienttest: an error that is no rejection: " + err.Error())
	}
	return &wire.Refusal{Code: uint32(r.Code), Final: r.Final, Text: r.Text}
}

// reply goes through the member's faults.
func (s *session) reply(ctx actor.Context, m *wire.ClientReply) {
	_, silent, twist := s.m.get()
	if silent {
		return
	}
	m = proto.CloneOf(m)
	if twist != nil {
		twist(m)
	}
	ctx.Send(s.owner, m)
}
