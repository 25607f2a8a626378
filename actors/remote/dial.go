package remote

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

// Target is a node that a client dials.
type Target struct {
	Socket string       // "host:port"
	Key    identity.Pin // the node's, from the invite code
	// Identity is the session key to show; the zero value means the hub's. One
	// identity for each operation keeps operations from being linked.
	Identity identity.Identity
	// Label tells several links to one node apart: the address of the node's
	// PIDs is "node/" and the key, then "/" and Label if that is not empty.
	Label  string
	Policy gate.Policy
}

// Address returns the address of the node's PIDs on this link.
func (t Target) Address() string {
	if t.Label == "" {
		return "node/" + t.Key.String()
	}
	return "node/" + t.Key.String() + "/" + t.Label
}

// Dial opens one link and returns when it is up, or with the reason why not;
// then errors.As may find a *link.Refusal. ctx bounds the dialling only. The
// link is not reopened: the owner is told *link.Down and may dial again. It ends
// when its owner stops, or by Disconnect. Actors must not call Dial, since it
// waits; they have somebody do it for them.
func (h *Hub) Dial(ctx context.Context, t Target) error {
	g := gate.New(t.Address(), t.Policy)
	if t.Identity.IsZero() {
		t.Identity = h.cfg.Identity
	}
	if !h.begin() {
		return errClosed
	}
	up := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer h.routines.Done()
		a := attempt{hub: h, socket: t.Socket, key: t.Key, self: t.Identity, gate: g}
		a.admit = func(*link.Hello) *link.Refusal { return nil }
		a.up = func() { close(up) }
		failed <- a.run(ctx)
	}()
	select {
	case <-up:
		return nil
	case err := <-failed:
		select {
		case <-up: // and over already; the owner knows
			return nil
		default:
			return fmt.Errorf("dial %s: %w", t.Socket, err)
		}
	}
}

// keep holds the link to member id open until the hub is closed. Delays double
// with every failure, and start anew once a link has held for settleTime, so that
// a member gains nothing by letting us in only to throw us out.
func (h *Hub) keep(id int) {
	defer h.routines.Done()
	m, g := h.directory.members[id], h.directory.gates[id]
	backoff := spawn.Backoff{Min: redialMin, Max: redialMax}
	for failures := 1; ; failures++ {
		held := make(chan struct{})
		cancel := func() {}
		up := false
		a := attempt{hub: h, socket: m.Socket, key: m.Key, self: h.cfg.Identity, gate: g}
		a.admit = func(other *link.Hello) *link.Refusal {
			_, refusal := h.admitMember(id, other, true)
			return refusal
		}
		a.up = func() {
			up = true
			cancel = h.cfg.Timer.After(settleTime, func() { close(held) })
		}
		err := a.run(h.life)
		cancel()
		if h.life.Err() != nil {
			return
		}
		if !up {
			h.tellDown(g, h.numbers.Add(1), ending{refusalOf(err), a.ours}, 0)
		}
		select {
		case <-held:
			failures = 1
		default:
		}
		h.mu.Lock()
		delay := backoff.Delay(failures, h.cfg.Rand)
		h.mu.Unlock()
		if !h.pause(delay, h.directory.knocks[id]) {
			return
		}
	}
}

// pause waits before the next attempt: for delay, or shorter if the member knocks
// meanwhile, but never less than redialMin after that. So a member that has just
// been started is back at once, and one that knocks all the time is dialled no more
// often than one that has failed once. It reports false when the hub is closed.
func (h *Hub) pause(delay time.Duration, knocks <-chan struct{}) bool {
	again := make(chan struct{})
	var once sync.Once
	over := func() { once.Do(func() { close(again) }) }
	defer h.cfg.Timer.After(delay, over)()
	for {
		select {
		case <-again:
			return true
		case <-knocks:
			knocks = nil
			defer h.cfg.Timer.After(redialMin, over)()
		case <-h.life.Done():
			return false
		}
	}
}

// knock tells a member that dials us that we are there: it may be waiting to dial
// again, for up to redialMax. It refuses the connection, which says it all.
func (h *Hub) knock(id int) {
	defer h.routines.Done()
	m := h.directory.members[id]
	a := attempt{hub: h, socket: m.Socket, key: m.Key, self: h.cfg.Identity, gate: h.directory.gates[id], up: func() {}}
	a.admit = func(other *link.Hello) *link.Refusal {
		_, refusal := h.admitMember(id, other, true)
		return refusal
	}
	if err := a.run(h.life); refusalOf(err).GetCode() != link.Code_CODE_DIRECTION {
		h.log.Debug("knocked in vain", slog.Int("member", id), slog.Any("error", err))
	}
}

// attempt is one try to open a link, and the link if it succeeds.
type attempt struct {
	hub    *Hub
	socket string
	key    identity.Pin
	self   identity.Identity
	gate   *gate.Gate
	admit  func(*link.Hello) *link.Refusal // after the other side's hello
	up     func()                          // called when the link is up
	ours   bool                            // this side refused
}

// run returns when the link has ended, or could not be opened. The owner has
// been told in the first case only.
func (a *attempt) run(ctx context.Context) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			a.hub.log.Error("dialling panicked", slog.Any("reason", reason), slog.String("stack", spawn.Stack()))
			err = link.Refuse(link.Code_CODE_INTERNAL, "internal error")
		}
	}()
	conn, err := a.connect()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // ends the stream and its goroutines

	// The link lives longer than ctx, which bounds the handshake only.
	life, end := context.WithCancel(a.hub.life)
	defer end()
	unbind := context.AfterFunc(ctx, end)
	cancel := a.hub.cfg.Timer.After(handshakeTime, end)
	st, hello, err := a.handshake(life, conn)
	unbind()
	cancel()
	if err == nil {
		err = life.Err()
	}
	if err != nil {
		if refusal := refusalOf(err); refusal.GetCode() != link.Code_CODE_UNSPECIFIED {
			return refusal
		}
		return err
	}
	newChannel(a.hub, a.gate, st, hello).run(a.up)
	return nil
}

// connect prepares a connection that knows only one key.
func (a *attempt) connect() (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+a.socket,
		grpc.WithTransportCredentials(credentials.NewTLS(a.self.TLS(identity.Only(a.key)))),
		grpc.WithContextDialer(a.hub.cfg.Connect),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithMaxHeaderListSize(maxHeaderBytes),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(streamWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveWait}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(gate.MaxFrame)),
	)
}

// handshake opens the stream and exchanges hellos.
func (a *attempt) handshake(ctx context.Context, conn *grpc.ClientConn) (stream, *link.Hello, error) {
	st, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		"/"+linkServiceName+"/"+linkMethodName)
	if err != nil {
		return nil, nil, err
	}
	// An error of SendMsg comes with its reason from RecvMsg.
	_ = st.SendMsg(a.hub.cfg.Party.Hello(a.gate.Limits()))
	var raw []byte
	if err := st.RecvMsg(&raw); err != nil {
		return nil, nil, err
	}
	hello, refusal := a.hub.cfg.Party.Greet(raw)
	if refusal == nil {
		refusal = a.admit(hello)
	}
	if refusal != nil {
		a.ours = true
		return nil, nil, refusal
	}
	return st, hello, nil
}
