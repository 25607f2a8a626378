package lnd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"minimint/actors/clock"
	"minimint/actors/gateway/lnnode/lnd"
	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "\x02\x01\x03lnd"

// server answers as lnd does, as far as the gateway asks.
type server struct {
	t        testing.TB
	dir      string
	address  string
	grpc     *grpc.Server
	identity tls.Certificate

	mu       sync.Mutex
	payments map[messages.Digest]*payment
	orders   []*lndwire.SendPaymentRequest
	refuse   error // what SendPaymentV2 answers at once
	silent   bool  // SendPaymentV2 begins the payment and then breaks
	stream   grpc.ServerStream
	opened   chan struct{} // for each stream of forwards
	answers  chan *lndwire.ForwardHtlcInterceptResponse
	info     *lndwire.GetInfoResponse
	balance  *lndwire.ChannelBalanceResponse
}

type payment struct {
	now   *lndwire.Payment
	ended chan struct{}
}

// hashOf is the payment hash that an invoice of these tests stands for.
func hashOf(invoice string) messages.Digest {
	var h messages.Digest
	copy(h[:], invoice)
	return h
}

func newServer(t testing.TB) *server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, dir: t.TempDir(), payments: map[messages.Digest]*payment{}, identity: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		opened: make(chan struct{}, 100), answers: make(chan *lndwire.ForwardHtlcInterceptResponse, 100),
	}
	for name, content := range map[string][]byte{
		"tls.cert": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "macaroon": []byte(secret),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.start("127.0.0.1:0")
	t.Cleanup(func() { s.grpc.Stop() })
	return s
}

func (s *server) start(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.grpc = grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&s.identity)), grpc.UnknownServiceHandler(s.serve))
	go func() { _ = s.grpc.Serve(listener) }()
}

// crash ends all connections, and the server with them, and starts it again.
func (s *server) crash() {
	s.grpc.Stop()
	s.start(s.address)
}

func (s *server) serve(_ any, stream grpc.ServerStream) error {
	if md, _ := metadata.FromIncomingContext(stream.Context()); len(md["macaroon"]) != 1 || md["macaroon"][0] != hex.EncodeToString([]byte(secret)) {
		return status.Error(codes.Unauthenticated, "no macaroon")
	}
	method, _ := grpc.MethodFromServerStream(stream)
	switch method {
	case "/lnrpc.Lightning/GetInfo":
		s.mu.Lock()
		defer s.mu.Unlock()
		return stream.SendMsg(s.info)
	case "/lnrpc.Lightning/ChannelBalance":
		s.mu.Lock()
		defer s.mu.Unlock()
		return stream.SendMsg(s.balance)
	case "/routerrpc.Router/SendPaymentV2":
		return s.send(stream)
	case "/routerrpc.Router/TrackPaymentV2":
		var r lndwire.TrackPaymentRequest
		if err := stream.RecvMsg(&r); err != nil {
			return err
		}
		var hash messages.Digest
		copy(hash[:], r.GetPaymentHash())
		return s.track(stream, hash, r.GetNoInflightUpdates())
	case "/routerrpc.Router/HtlcInterceptor":
		return s.forwards(stream)
	}
	return status.Error(codes.Unimplemented, method)
}

func (s *server) send(stream grpc.ServerStream) error {
	var r lndwire.SendPaymentRequest
	if err := stream.RecvMsg(&r); err != nil {
		return err
	}
	hash := hashOf(r.GetPaymentRequest())
	s.mu.Lock()
	s.orders = append(s.orders, &r)
	if s.refuse != nil {
		defer s.mu.Unlock()
		return s.refuse
	}
	s.payments[hash] = &payment{now: &lndwire.Payment{Status: lndwire.Payment_INITIATED}, ended: make(chan struct{})}
	silent := s.silent
	s.mu.Unlock()
	if silent {
		return status.Error(codes.Unavailable, "gone")
	}
	return s.track(stream, hash, false)
}

func (s *server) track(stream grpc.ServerStream, hash messages.Digest, onlyEnd bool) error {
	s.mu.Lock()
	p := s.payments[hash]
	if p == nil {
		s.mu.Unlock()
		return status.Error(codes.NotFound, "payment isn't initiated")
	}
	now := p.now
	s.mu.Unlock()
	if !onlyEnd {
		if err := stream.SendMsg(now); err != nil {
			return err
		}
	}
	select {
	case <-p.ended:
		s.mu.Lock()
		defer s.mu.Unlock()
		return stream.SendMsg(p.now)
	case <-stream.Context().Done():
		return nil
	}
}

// end ends a payment.
func (s *server) end(hash messages.Digest, with *lndwire.Payment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.payments[hash].now = with
	close(s.payments[hash].ended)
}

func (s *server) forwards(stream grpc.ServerStream) error {
	s.mu.Lock()
	s.stream = stream
	s.mu.Unlock()
	s.opened <- struct{}{}
	for {
		var r lndwire.ForwardHtlcInterceptResponse
		if err := stream.RecvMsg(&r); err != nil {
			return err
		}
		s.answers <- &r
	}
}

func (s *server) offer(f *lndwire.ForwardHtlcInterceptRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stream.SendMsg(f); err != nil {
		s.t.Error(err)
	}
}

const virtual = 7

// node is a Node on the server; changes receives whenever something may be new.
func (s *server) node() (node *lnd.Node, changes chan struct{}) {
	node, err := lnd.Dial(lnd.Config{
		Address: s.address, Certificate: filepath.Join(s.dir, "tls.cert"), Macaroon: filepath.Join(s.dir, "macaroon"),
		Virtual: func(scid uint64) bool { return scid == virtual }, Timer: clock.Timer{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(node.Close)
	changes = make(chan struct{}, 1000)
	node.Watch(func() { changes <- struct{}{} })
	<-s.opened
	return node, changes
}
