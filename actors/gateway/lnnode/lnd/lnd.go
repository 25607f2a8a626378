// Package lnd is lnd as a gateway's Lightning node, over its gRPC interface (lnd
// v0.21, services lnrpc.Lightning and routerrpc.Router).
//
// lnd must run with --requireinterceptor: else it lets go all forwards that it holds as
// soon as the gateway is away. It offers what it holds again to every new interceptor,
// also after its own crash. A forward that arrives while the gateway is away is failed at
// once in either case, and its payer can try again.
//
// lnd should run with --channel-commit-batch-size=1. It writes down that an HTLC goes to a
// channel, and signs the commitment that holds it up to 50 ms later (channel-commit-interval);
// when it dies between the two it waits for the answer to that HTLC for ever, and so the payment
// is in flight for ever. What lnd lists as a channel's pending HTLCs does not tell: one that is
// signed and not yet acknowledged is not among them, and whoever has it can take its money.
//
// lnd's records of payments are the only ones: this package keeps none, and what it
// holds in memory is rebuilt whenever the connection is. It runs two kinds of
// goroutines: one for forwards, and one for every payment that somebody asked about
// while it was in flight.
package lnd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/messages"
)

// Timer runs fn once, d from now, on a goroutine of its choice; cancel makes it not
// run if it has not begun. See spawn.Timer.
type Timer interface {
	After(d time.Duration, fn func()) (cancel func())
}

// Config says where lnd is.
type Config struct {
	// Address is host:port of lnd's gRPC listener.
	Address string
	// Certificate is lnd's tls.cert, Macaroon a macaroon with the permissions
	// info:read, offchain:read and offchain:write; both are files. They are read
	// once, by Dial.
	Certificate, Macaroon string
	// Virtual reports whether a short channel id is one of the gateway's. All other
	// forwards are none of its business and go on untouched.
	Virtual func(scid uint64) bool
	Timer   Timer
	Log     *slog.Logger
}

// maxHeld bounds the forwards that are held at once. lnd holds at most 483 by
// channel and direction (BOLT #2); beyond our bound they are failed.
const maxHeld = 2048

// again is how long after its end the stream of forwards is opened anew.
const again = 500 * time.Millisecond

// reconnect is how often a connection is tried while lnd is away. Left to itself gRPC waits up
// to two minutes between two attempts, which a payment would then be under way for longer than
// lnd was gone.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: again, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
	MinConnectTimeout: 20 * time.Second,
}

// alive finds out that an lnd elsewhere has gone without a word, as with its machine: the stream
// of forwards and those of payments wait without saying anything themselves, and TCP alone takes
// a quarter of an hour. lnd allows a ping every five seconds.
var alive = keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}

// maxFollowed bounds the payments whose end is waited for at once; others are found
// by asking.
const maxFollowed = 1024

// Node is a connection to lnd; it implements lnnode.Node.
type Node struct {
	cfg    Config
	conn   *grpc.ClientConn
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	changed  func()
	followed map[messages.Digest]bool
	forwards forwards
}

// Dial reads the files and returns a Node, which connects by itself, now and whenever
// the connection was lost. Its errors are about the files alone.
func Dial(cfg Config) (*Node, error) {
	pem, err := os.ReadFile(cfg.Certificate)
	if err != nil {
		return nil, fmt.Errorf("lnd's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("lnd's certificate: %s holds none", cfg.Certificate)
	}
	secret, err := os.ReadFile(cfg.Macaroon)
	if err != nil {
		return nil, fmt.Errorf("lnd's macaroon: %w", err)
	}
	conn, err := grpc.NewClient(cfg.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12})),
		grpc.WithPerRPCCredentials(macaroon(hex.EncodeToString(secret))), grpc.WithConnectParams(reconnect), grpc.WithKeepaliveParams(alive))
	if err != nil {
		return nil, fmt.Errorf("lnd at %s: %w", cfg.Address, err)
	}
	n := &Node{cfg: cfg, conn: conn, changed: func() {}, followed: make(map[messages.Digest]bool)}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.group.Add(1)
	go n.intercept()
	return n, nil
}

// macaroon is lnd's bearer credential.
type macaroon string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (m macaroon) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"macaroon": string(m)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (macaroon) RequireTransportSecurity() bool { return true }

// Close ends the connection and waits for all goroutines. Payments in flight and
// forwards that are held stay so at lnd.
func (n *Node) Close() {
	n.cancel()
	_ = n.conn.Close()
	n.group.Wait()
}

// Watch implements lnnode.Node.
func (n *Node) Watch(fn func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changed = fn
}

func (n *Node) wake() {
	n.mu.Lock()
	fn := n.changed
	n.mu.Unlock()
	fn()
}

// Info implements lnnode.Node.
func (n *Node) Info(ctx context.Context) (lnnode.Info, error) {
	var got lndwire.GetInfoResponse
	if err := n.conn.Invoke(ctx, "/lnrpc.Lightning/GetInfo", &lndwire.GetInfoRequest{}, &got); err != nil {
		return lnnode.Info{}, offline(err)
	}
	var balance lndwire.ChannelBalanceResponse
	if err := n.conn.Invoke(ctx, "/lnrpc.Lightning/ChannelBalance", &lndwire.ChannelBalanceRequest{}, &balance); err != nil {
		return lnnode.Info{}, offline(err)
	}
	info := lnnode.Info{Height: got.GetBlockHeight(), Synced: got.GetSyncedToChain()}
	key, err := hex.DecodeString(got.GetIdentityPubkey())
	if err != nil || len(key) != len(info.Key) {
		return lnnode.Info{}, fmt.Errorf("lnd says that its key is %q", got.GetIdentityPubkey())
	}
	copy(info.Key[:], key)
	if len(got.GetChains()) != 1 {
		return lnnode.Info{}, fmt.Errorf("lnd says that it is on %d chains", len(got.GetChains()))
	}
	info.Network = got.GetChains()[0].GetNetwork()
	if info.Local, err = messages.NewAmount(balance.GetLocalBalance().GetMsat()); err != nil {
		return lnnode.Info{}, fmt.Errorf("lnd's balance: %w", err)
	}
	if info.Remote, err = messages.NewAmount(balance.GetRemoteBalance().GetMsat()); err != nil {
		return lnnode.Info{}, fmt.Errorf("lnd's balance: %w", err)
	}
	return info, nil
}

var serverStream = &grpc.StreamDesc{ServerStreams: true}

// payments calls a method that streams the states of one payment and returns the
// first; the stream ends with the context.
func (n *Node) payments(ctx context.Context, method string, request any) (grpc.ClientStream, error) {
	stream, err := n.conn.NewStream(ctx, serverStream, "/routerrpc.Router/"+method)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(request); err != nil {
		return nil, err
	}
	return stream, stream.CloseSend()
}

// maxDelay is the longest time lock that lnd takes as a limit (its max-cltv-expiry).
const maxDelay = 2016

// Pay implements lnnode.Node. lnd tries a hash anew that has failed, so the hash is
// looked up first. A delay or a patience of nothing are refused: lnd takes 0 for no
// limit, and would pay beyond the end of the contract that the payment is for.
func (n *Node) Pay(ctx context.Context, order lnnode.Order) error {
	if order.MaxDelay == 0 || order.Patience <= 0 {
		return fmt.Errorf("%w: no time is left for it", lnnode.ErrRefused)
	}
	switch known, err := n.Payment(ctx, order.Hash); {
	case err != nil:
		return err
	case known.State != lnnode.Unknown:
		return nil
	}
	sending, cancel := context.WithCancel(ctx)
	defer cancel() // the payment goes on without
	stream, err := n.payments(sending, "SendPaymentV2", &lndwire.SendPaymentRequest{
		PaymentRequest: order.Invoice, FeeLimitMsat: int64(order.MaxFee), CltvLimit: int32(min(order.MaxDelay, maxDelay)),
		TimeoutSeconds: int32(min(max(1, order.Patience/time.Second), math.MaxInt32)), MaxParts: 16,
	})
	var first lndwire.Payment
	if err == nil {
		err = stream.RecvMsg(&first)
	}
	switch code := status.Code(err); {
	case err == nil:
		n.follow(order.Hash)
		return nil
	case code == codes.AlreadyExists:
		return nil
	case code != codes.Unknown && code != codes.InvalidArgument, errors.Is(err, io.EOF), ctx.Err() != nil:
		return offline(err)
	}
	// With the codes of its handlers lnd itself has answered; all others are the
	// connection's, and the order may still be on its way. If it does not know the hash now, it never will by this call.
	switch known, late := n.Payment(ctx, order.Hash); {
	case late != nil:
		return late
	case known.State == lnnode.Unknown:
		return fmt.Errorf("%w: %s", lnnode.ErrRefused, status.Convert(err).Message())
	}
	return nil
}

// Payment implements lnnode.Node.
func (n *Node) Payment(ctx context.Context, hash messages.Digest) (lnnode.Payment, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := n.payments(asking, "TrackPaymentV2", &lndwire.TrackPaymentRequest{PaymentHash: hash[:]})
	var got lndwire.Payment
	if err == nil {
		err = stream.RecvMsg(&got)
	}
	switch {
	case status.Code(err) == codes.NotFound:
		return lnnode.Payment{State: lnnode.Unknown}, nil
	case err != nil:
		return lnnode.Payment{}, offline(err)
	}
	p, err := read(&got)
	if err == nil && p.State == lnnode.InFlight {
		n.follow(hash)
	}
	return p, err
}

// read checks what lnd says of a payment.
func read(got *lndwire.Payment) (lnnode.Payment, error) {
	switch got.GetStatus() {
	case lndwire.Payment_SUCCEEDED:
		p := lnnode.Payment{State: lnnode.Succeeded}
		preimage, err := hex.DecodeString(got.GetPaymentPreimage())
		if err != nil || len(preimage) != len(p.Preimage) {
			return lnnode.Payment{}, fmt.Errorf("lnd says that the preimage is %q", got.GetPaymentPreimage())
		}
		copy(p.Preimage[:], preimage)
		p.Fee, err = messages.NewAmount(uint64(max(got.GetFeeMsat(), 0)))
		return p, err
	case lndwire.Payment_FAILED:
		return lnnode.Payment{State: lnnode.Failed, Reason: reason(got.GetFailureReason())}, nil
	case lndwire.Payment_IN_FLIGHT, lndwire.Payment_INITIATED, lndwire.Payment_UNKNOWN:
	}
	return lnnode.Payment{State: lnnode.InFlight}, nil // what we do not know is not over
}

// reason is the text for people.
func reason(r lndwire.PaymentFailureReason) string {
	switch r {
	case lndwire.PaymentFailureReason_FAILURE_REASON_TIMEOUT:
		return "no route worked in time"
	case lndwire.PaymentFailureReason_FAILURE_REASON_NO_ROUTE:
		return "there is no route within the limits of fee and delay"
	case lndwire.PaymentFailureReason_FAILURE_REASON_INCORRECT_PAYMENT_DETAILS:
		return "the recipient refuses: it does not know the payment, or not this amount"
	case lndwire.PaymentFailureReason_FAILURE_REASON_INSUFFICIENT_BALANCE:
		return "the gateway's channels hold too little"
	case lndwire.PaymentFailureReason_FAILURE_REASON_CANCELED:
		return "canceled at the Lightning node"
	case lndwire.PaymentFailureReason_FAILURE_REASON_NONE, lndwire.PaymentFailureReason_FAILURE_REASON_ERROR:
	}
	return "the Lightning node failed: " + strings.ToLower(strings.TrimPrefix(r.String(), "FAILURE_REASON_"))
}

// follow waits for the end of a payment, to wake whoever watches.
func (n *Node) follow(hash messages.Digest) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.followed[hash] || len(n.followed) == maxFollowed || n.ctx.Err() != nil {
		return
	}
	n.followed[hash] = true
	n.group.Add(1)
	go func() {
		defer n.group.Done()
		stream, err := n.payments(n.ctx, "TrackPaymentV2", &lndwire.TrackPaymentRequest{PaymentHash: hash[:], NoInflightUpdates: true})
		if err == nil {
			var end lndwire.Payment
			err = stream.RecvMsg(&end)
		}
		n.mu.Lock()
		delete(n.followed, hash)
		n.mu.Unlock()
		if err == nil {
			n.wake()
		}
	}()
}

// offline is a failed call.
func offline(err error) error {
	if s := status.Convert(err); s.Code() != codes.OK {
		err = errors.New(s.Message())
	}
	return fmt.Errorf("%w: %w", lnnode.ErrOffline, err)
}
