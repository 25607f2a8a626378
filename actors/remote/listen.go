package remote

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"

	"minimint/actors/remote/door"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

// Admission says who gets in through one listener, and how many. Members always
// may; they do not count against MaxClients, and against MaxPerAddress only
// until they have said hello.
type Admission struct {
	// Accept decides about a client and returns its policy, usually after
	// spawning an actor for it that becomes the policy's owner. That owner is
	// always told *link.Down in the end, even if the link never came up. A
	// *link.Refusal as the error is told to the client; any other is logged and
	// told as CODE_BUSY. Accept is called on many goroutines at once. If it is
	// nil, only members are let in.
	Accept func(Client) (gate.Policy, error)
	// MaxClients bounds the open links of clients.
	MaxClients int
	// MaxPerAddress bounds the connections of one IP address, or of one /64
	// network of IPv6.
	MaxPerAddress int
	// MaxWaiting bounds the connections that have not said hello. One more
	// closes the oldest of them.
	MaxWaiting int
}

// DefaultAdmission suits a public node. Each connection may hold about 1 MiB of
// what its other side has begun to send.
func DefaultAdmission(accept func(Client) (gate.Policy, error)) Admission {
	return Admission{Accept: accept, MaxClients: 256, MaxPerAddress: 32, MaxWaiting: 64}
}

// Client is somebody who is not a member and has proved to hold Key.
type Client struct {
	Key     identity.Pin
	Address string   // of its PIDs
	Remote  net.Addr // where the connection comes from
}

// Listen lets others open links through l, until the hub is closed, and closes l
// then. It returns at once. A hub may listen in several places; on a node,
// Federate comes first.
func (h *Hub) Listen(l net.Listener, a Admission) error {
	if a.MaxClients < 1 || a.MaxPerAddress < 1 || a.MaxWaiting < 1 {
		panic("remote: an Admission needs its bounds")
	}
	e := &entrance{hub: h, admission: a, door: door.New(l, door.Bounds{
		Clients: a.MaxClients, PerAddress: a.MaxPerAddress, Waiting: a.MaxWaiting,
		Hello: handshakeTime, Linger: lingerTime, Timer: h.cfg.Timer,
	})}
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(h.cfg.Identity.TLS(e.admitKey))),
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxConcurrentStreams(1),
		grpc.MaxRecvMsgSize(gate.MaxFrame),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(streamWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: h.pulse.silence, Timeout: h.pulse.wait}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveLimit, PermitWithoutStream: true}),
	)
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: linkServiceName,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: linkMethodName, ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, st grpc.ServerStream) error { return e.handle(st) },
		}},
	}, e)

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errors.Join(errClosed, l.Close())
	}
	h.servers = append(h.servers, s)
	h.routines.Add(1)
	go func() {
		defer h.routines.Done()
		if err := s.Serve(e.door); err != nil {
			h.log.Error("listener ended", slog.String("at", l.Addr().String()), slog.Any("error", err))
		}
	}()
	return nil
}

// entrance is where others come in through one listener.
type entrance struct {
	hub       *Hub
	admission Admission
	door      *door.Door
}

// admitKey decides within the TLS handshake.
func (e *entrance) admitKey(key identity.Pin) error {
	if _, member := e.hub.memberOf(key); !member && e.admission.Accept == nil {
		return errors.New("the key is not a member's")
	}
	return nil
}

// handle serves one stream.
func (e *entrance) handle(st grpc.ServerStream) (err error) {
	if !e.hub.begin() {
		return statusOf(link.Refuse(link.Code_CODE_CLOSED, "shutting down"))
	}
	defer e.hub.routines.Done()
	defer func() {
		if reason := recover(); reason != nil {
			e.hub.log.Error("accepting a link panicked", slog.Any("reason", reason), slog.String("stack", spawn.Stack()))
			err = statusOf(link.Refuse(link.Code_CODE_INTERNAL, "internal error"))
		}
	}()
	g, key, err := guestOf(st.Context())
	if err != nil {
		return err
	}
	defer g.Linger()

	var raw []byte
	if err := st.RecvMsg(&raw); err != nil { // until the guest's time is up
		return err
	}
	hello, refusal := e.hub.cfg.Party.Greet(raw)
	var rules *gate.Gate
	if refusal == nil {
		rules, refusal = e.admit(g, key, hello)
	}
	if refusal != nil {
		e.hub.log.Debug("link refused", slog.String("from", g.RemoteAddr().String()), slog.Any("refusal", refusal))
		return statusOf(refusal)
	}
	c := newChannel(e.hub, rules, st, hello)
	if err := st.SendMsg(e.hub.cfg.Party.Hello(rules.Limits())); err != nil {
		c.lost(err)
		c.tellDown()
		return err
	}
	if why := c.run(func() {}); why.ours {
		return statusOf(why.refusal)
	}
	return nil
}

// admit decides about a guest that has said a proper hello.
func (e *entrance) admit(g *door.Guest, key identity.Pin, hello *link.Hello) (*gate.Gate, *link.Refusal) {
	if id, member := e.hub.memberOf(key); member {
		rules, refusal := e.hub.admitMember(id, hello, false)
		if refusal == nil {
			refusal = e.door.Welcome(g, true)
		}
		return rules, refusal
	}
	if e.admission.Accept == nil { // the handshake has refused it already
		return nil, link.Refuse(link.Code_CODE_BUSY, "members only")
	}
	if refusal := e.door.Welcome(g, false); refusal != nil {
		return nil, refusal
	}
	address := "client/" + key.String()
	policy, err := e.admission.Accept(Client{Key: key, Address: address, Remote: g.Conn.RemoteAddr()})
	if err != nil {
		var refusal *link.Refusal
		if errors.As(err, &refusal) {
			return nil, refusal
		}
		e.hub.log.Warn("client not accepted", slog.String("client", address), slog.Any("error", err))
		return nil, link.Refuse(link.Code_CODE_BUSY, "not accepted now")
	}
	return gate.New(address, policy), nil
}

// guestOf finds the connection of a stream, and the key that it has proved.
func guestOf(ctx context.Context) (*door.Guest, identity.Pin, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, identity.Pin{}, errors.New("a stream without a connection")
	}
	g := door.At(p.Addr)
	info, secure := p.AuthInfo.(credentials.TLSInfo)
	if g == nil || !secure {
		return nil, identity.Pin{}, errors.New("a stream without TLS")
	}
	key, err := identity.OfConnection(info.State)
	return g, key, err
}
