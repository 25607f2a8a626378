package user

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/payments"
	"minimint/actors/gateway/talk"
)

// gateways is the client's way to Lightning gateways: HTTP. An address comes from a
// listing, that is from a stranger; so does a reply. Requests carry nothing that was
// not meant for that gateway, follow no redirect, and end with the client.
type gateways struct {
	system *actor.ActorSystem
	http   http.Client
	ctx    context.Context // of the whole client: it ends what close need not wait for
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	asking sync.WaitGroup
}

// Limits of one request: how long beyond its wait, and how much of what is no reply.
const (
	slack      = 10 * time.Second
	maxHeaders = 8 << 10
	maxOpen    = 16 // connections to one gateway
)

func newGateways(system *actor.ActorSystem) *gateways {
	g := &gateways{system: system}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes, transport.MaxConnsPerHost, transport.DisableCompression = maxHeaders, maxOpen, true
	transport.IdleConnTimeout = time.Minute
	transport.DialContext = (&net.Dialer{Timeout: slack, Control: reachable}).DialContext
	g.http = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return g
}

// reachable refuses, once names are resolved, addresses where no gateway can be but what
// trusts its neighbours may: those of the link, such as a cloud's metadata service, and of
// no host in particular. Loopback and private ones stay: that is where gateways of test
// networks are.
func reachable(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if ip := at.Addr().Unmap(); err != nil || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() {
		return fmt.Errorf("%s is no address of a gateway", address)
	}
	return nil
}

// Ask implements client.Gateways.
func (g *gateways) Ask(owner *actor.PID, api string, key int, request *talk.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	body, wait := talk.Encode(proto.CloneOf(request)), time.Duration(request.GetWaitMs())*time.Millisecond
	g.asking.Add(1)
	go func() {
		defer g.asking.Done()
		reply, err := g.post(api, body, min(wait, talk.MaxWait)+slack)
		if g.ctx.Err() == nil {
			g.system.Root.Send(owner, payments.Heard{Key: key, Reply: reply, Err: err})
		}
	}()
}

// post sends one request and reads its reply.
func (g *gateways) post(api string, body []byte, limit time.Duration) (*talk.Reply, error) {
	target, err := address(api)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(g.ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address of the gateway: %w", err)
	}
	r.Header.Set("Content-Type", talk.ContentType)
	r.Header.Set("User-Agent", "minimint")
	answer, err := g.http.Do(r)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the address is known
		}
		return nil, fmt.Errorf("cannot reach it: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read as far as it is wanted
	switch kind := answer.Header.Get("Content-Type"); {
	case answer.StatusCode != http.StatusOK: // H86: what the status says counts
		return nil, fmt.Errorf("it answers with the HTTP status %d", answer.StatusCode)
	case kind != talk.ContentType:
		return nil, fmt.Errorf("it answers with %.40q, which is no reply of a gateway", kind)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, talk.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read its reply: %w", err)
	}
	return talk.ReadReply(raw)
}

// address is where the requests of a listing's address go.
func address(api string) (string, error) {
	u, err := url.Parse(api)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "", fmt.Errorf("%.60q is no address of a gateway", api)
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + talk.Path
	return u.String(), nil
}

// close ends all requests and waits for that.
func (g *gateways) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	g.asking.Wait()
	g.http.CloseIdleConnections()
}
