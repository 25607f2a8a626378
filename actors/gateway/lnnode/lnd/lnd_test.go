package lnd_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"minimint/actors/clock"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/lnd"
	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/messages"
)

var _ lnnode.Node = (*lnd.Node)(nil)

const invoice = "an invoice of these tests"

func order(invoice string) lnnode.Order {
	return lnnode.Order{Invoice: invoice, Hash: hashOf(invoice), MaxFee: 1500, MaxDelay: 144, Patience: 30 * time.Second}
}

func TestInfo(t *testing.T) {
	s := newServer(t)
	node, _ := s.node()
	key := strings.Repeat("02", 33)
	good := func() *lndwire.GetInfoResponse {
		return &lndwire.GetInfoResponse{IdentityPubkey: key, BlockHeight: 812, SyncedToChain: true, Chains: []*lndwire.Chain{{Network: "simnet"}}}
	}
	s.balance = &lndwire.ChannelBalanceResponse{LocalBalance: &lndwire.Amount{Msat: 5000}, RemoteBalance: &lndwire.Amount{Msat: 7}}
	s.info = good()
	info, err := node.Info(t.Context())
	want := lnnode.Info{Network: "simnet", Height: 812, Synced: true, Local: 5000, Remote: 7}
	copy(want.Key[:], strings.Repeat("\x02", 33))
	if err != nil || info != want {
		t.Errorf("info %+v, %v", info, err)
	}
	for name, change := range map[string]func(*lndwire.GetInfoResponse){
		"half a key": func(r *lndwire.GetInfoResponse) { r.IdentityPubkey = key[:33] },
		"no hex":     func(r *lndwire.GetInfoResponse) { r.IdentityPubkey = "xy" + key[2:] },
		"no chain":   func(r *lndwire.GetInfoResponse) { r.Chains = nil },
	} {
		s.info = good()
		change(s.info)
		if _, err := node.Info(t.Context()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	s.info = good()
	s.balance.RemoteBalance.Msat = uint64(messages.MaxAmount) + 1
	if _, err := node.Info(t.Context()); !errors.Is(err, messages.ErrAmount) {
		t.Errorf("more than all money: %v", err)
	}
}

// TestPay: an order reaches lnd with its limits, once; its end is told.
func TestPay(t *testing.T) {
	s := newServer(t)
	node, changes := s.node()
	if p, err := node.Payment(t.Context(), hashOf(invoice)); err != nil || p.State != lnnode.Unknown {
		t.Errorf("before: %v, %v", p.State, err)
	}
	for range 3 {
		if err := node.Pay(t.Context(), order(invoice)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.orders) != 1 {
		t.Errorf("lnd was told %d times to pay", len(s.orders))
	}
	if o := s.orders[0]; o.GetPaymentRequest() != invoice || o.GetFeeLimitMsat() != 1500 || o.GetCltvLimit() != 144 || o.GetTimeoutSeconds() != 30 {
		t.Errorf("order %v", o)
	}
	if p, err := node.Payment(t.Context(), hashOf(invoice)); err != nil || p.State != lnnode.InFlight {
		t.Errorf("meanwhile: %v, %v", p.State, err)
	}
	s.end(hashOf(invoice), &lndwire.Payment{Status: lndwire.Payment_SUCCEEDED, PaymentPreimage: strings.Repeat("ab", 32), FeeMsat: 12})
	<-changes
	p, err := node.Payment(t.Context(), hashOf(invoice))
	if err != nil || p.State != lnnode.Succeeded || p.Preimage[31] != 0xab || p.Fee != 12 {
		t.Errorf("at the end: %+v, %v", p, err)
	}
}

// TestFailedIsNotTriedAgain: lnd would pay an invoice anew that could not be paid.
func TestFailedIsNotTriedAgain(t *testing.T) {
	s := newServer(t)
	node, changes := s.node()
	if err := node.Pay(t.Context(), order(invoice)); err != nil {
		t.Fatal(err)
	}
	s.end(hashOf(invoice), &lndwire.Payment{Status: lndwire.Payment_FAILED, FailureReason: lndwire.PaymentFailureReason_FAILURE_REASON_NO_ROUTE})
	<-changes
	if err := node.Pay(t.Context(), order(invoice)); err != nil || len(s.orders) != 1 {
		t.Errorf("paid %d times, %v", len(s.orders), err)
	}
	if p, err := node.Payment(t.Context(), hashOf(invoice)); err != nil || p.State != lnnode.Failed || !strings.Contains(p.Reason, "no route") {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestRefused: only an answer of lnd that leaves no record is a refusal.
func TestRefused(t *testing.T) {
	s := newServer(t)
	node, _ := s.node()
	s.refuse = status.Error(codes.Unknown, "invoice expired")
	if err := node.Pay(t.Context(), order(invoice)); !errors.Is(err, lnnode.ErrRefused) || !strings.Contains(err.Error(), "invoice expired") {
		t.Errorf("refused: %v", err)
	}
	s.refuse = status.Error(codes.AlreadyExists, "payment is in transition")
	if err := node.Pay(t.Context(), order(invoice)); err != nil {
		t.Errorf("begun meanwhile: %v", err)
	}
	s.refuse = status.Error(codes.Unavailable, "not yet")
	if err := node.Pay(t.Context(), order(invoice)); !errors.Is(err, lnnode.ErrOffline) || errors.Is(err, lnnode.ErrRefused) {
		t.Errorf("not there: %v", err)
	}
	for _, code := range []codes.Code{codes.Internal, codes.ResourceExhausted, codes.Unimplemented, codes.PermissionDenied, codes.DataLoss} {
		s.refuse = status.Error(code, "the stream broke")
		if err := node.Pay(t.Context(), order(invoice)); !errors.Is(err, lnnode.ErrOffline) || errors.Is(err, lnnode.ErrRefused) {
			t.Errorf("%s: %v", code, err)
		}
	}
	s.refuse, s.silent = nil, true
	if err := node.Pay(t.Context(), order(invoice)); !errors.Is(err, lnnode.ErrOffline) || errors.Is(err, lnnode.ErrRefused) {
		t.Errorf("begun, and the answer lost: %v", err)
	}
	if p, err := node.Payment(t.Context(), hashOf(invoice)); err != nil || p.State != lnnode.InFlight {
		t.Errorf("begun, and the answer lost: %v, %v", p.State, err)
	}
}

// lnd takes a limit of 0 for none: a payment whose contract has no time left would be
// in flight beyond its end. More than lnd allows is no reason to refuse.
func TestLimitsAreLimits(t *testing.T) {
	s := newServer(t)
	node, _ := s.node()
	for what, change := range map[string]func(*lnnode.Order){
		"no delay": func(o *lnnode.Order) { o.MaxDelay = 0 }, "no patience": func(o *lnnode.Order) { o.Patience = 0 },
		"late": func(o *lnnode.Order) { o.Patience = -time.Second },
	} {
		o := order(invoice)
		change(&o)
		if err := node.Pay(t.Context(), o); !errors.Is(err, lnnode.ErrRefused) || len(s.orders) != 0 {
			t.Errorf("%s: %v; lnd was told %d times", what, err, len(s.orders))
		}
	}
	long := order(invoice)
	long.MaxDelay, long.Patience = 1<<32-1, time.Duration(1<<63-1)
	if err := node.Pay(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if o := s.orders[0]; o.GetCltvLimit() != 2016 || o.GetTimeoutSeconds() <= 0 {
		t.Errorf("order %v", o)
	}
}

func TestStrangeAnswers(t *testing.T) {
	s := newServer(t)
	node, _ := s.node()
	for i, c := range []struct {
		say  *lndwire.Payment
		want lnnode.State
		ok   bool
	}{
		{&lndwire.Payment{}, lnnode.InFlight, true},
		{&lndwire.Payment{Status: 99}, lnnode.InFlight, true},
		{&lndwire.Payment{Status: lndwire.Payment_SUCCEEDED}, 0, false},
		{&lndwire.Payment{Status: lndwire.Payment_SUCCEEDED, PaymentPreimage: strings.Repeat("ab", 33)}, 0, false},
		{&lndwire.Payment{Status: lndwire.Payment_FAILED, FailureReason: 77}, lnnode.Failed, true},
	} {
		hash := messages.Digest{byte(i + 1)}
		s.mu.Lock()
		s.payments[hash] = &payment{now: c.say, ended: make(chan struct{})}
		s.mu.Unlock()
		if p, err := node.Payment(t.Context(), hash); (err == nil) != c.ok || p.State != c.want {
			t.Errorf("%v: %v, %v", c.say, p.State, err)
		}
	}
}

func htlc(id, scid uint64) *lndwire.ForwardHtlcInterceptRequest {
	return &lndwire.ForwardHtlcInterceptRequest{
		IncomingCircuitKey: &lndwire.CircuitKey{ChanId: 11, HtlcId: id}, PaymentHash: make([]byte, 32),
		IncomingAmountMsat: 1010, OutgoingAmountMsat: 1000, IncomingExpiry: 900, OutgoingRequestedChanId: scid, AutoFailHeight: 880,
	}
}

// TestForwards: forwards to virtual channels are held until they are answered, all
// others go on (H87).
func TestForwards(t *testing.T) {
	s := newServer(t)
	node, changes := s.node()
	s.offer(htlc(1, 8))
	if r := <-s.answers; r.GetAction() != lndwire.ResolveHoldForwardAction_RESUME || r.GetIncomingCircuitKey().GetHtlcId() != 1 {
		t.Errorf("another channel: %v", r)
	}
	s.offer(htlc(2, virtual))
	<-changes
	s.offer(htlc(3, virtual))
	<-changes
	held, err := node.Forwards(t.Context())
	want := lnnode.Forward{Circuit: lnnode.Circuit{Channel: 11, HTLC: 2}, Virtual: virtual, In: 1010, Out: 1000, Expiry: 900, AutoFail: 880}
	if err != nil || len(held) != 2 || !reflect.DeepEqual(held[0], want) {
		t.Errorf("held %+v, %v", held, err)
	}
	preimage := lnnode.Preimage{5}
	for _, c := range []struct {
		htlc     uint64
		preimage *lnnode.Preimage
		want     lndwire.ResolveHoldForwardAction
	}{{3, nil, lndwire.ResolveHoldForwardAction_FAIL}, {2, &preimage, lndwire.ResolveHoldForwardAction_SETTLE}} {
		for range 2 { // the second is for nothing
			if err := node.Answer(t.Context(), lnnode.Circuit{Channel: 11, HTLC: c.htlc}, c.preimage); err != nil {
				t.Error(err)
			}
		}
		if r := <-s.answers; r.GetAction() != c.want || r.GetIncomingCircuitKey().GetHtlcId() != c.htlc || c.preimage != nil && r.GetPreimage()[0] != 5 {
			t.Errorf("answer %v", r)
		}
	}
	s.offer(&lndwire.ForwardHtlcInterceptRequest{OutgoingRequestedChanId: virtual, PaymentHash: []byte("short")})
	if r := <-s.answers; r.GetAction() != lndwire.ResolveHoldForwardAction_FAIL {
		t.Errorf("what cannot be read: %v", r)
	}
	if held, _ := node.Forwards(t.Context()); len(held) != 0 || len(s.answers) != 0 {
		t.Errorf("left: %v, %d answers", held, len(s.answers))
	}
}

// TestCrashOfLnd: what was held is forgotten with the connection, and held again when
// it is offered again.
func TestCrashOfLnd(t *testing.T) {
	s := newServer(t)
	node, changes := s.node()
	s.offer(htlc(2, virtual))
	<-changes
	s.crash()
	<-changes
	if held, err := node.Forwards(t.Context()); err == nil && len(held) > 0 {
		t.Errorf("held without lnd: %v", held)
	}
	<-s.opened
	s.offer(htlc(2, virtual))
	<-changes
	if held, err := node.Forwards(t.Context()); err != nil || len(held) != 1 {
		t.Errorf("held %v, %v", held, err)
	}
}

// TestFiles: wrong files are told before anything is dialled.
func TestFiles(t *testing.T) {
	s := newServer(t)
	good := lnd.Config{
		Address: s.address, Certificate: filepath.Join(s.dir, "tls.cert"), Macaroon: filepath.Join(s.dir, "macaroon"),
		Timer: clock.Timer{}, Log: slog.New(slog.DiscardHandler),
	}
	for name, change := range map[string]func(*lnd.Config){
		"certificate": func(c *lnd.Config) { c.Certificate += "x" },
		"macaroon":    func(c *lnd.Config) { c.Macaroon += "x" },
		"holds none":  func(c *lnd.Config) { c.Certificate = c.Macaroon },
	} {
		cfg := good
		change(&cfg)
		if _, err := lnd.Dial(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := newServer(t) // with another certificate
	good.Certificate = filepath.Join(other.dir, "tls.cert")
	node, err := lnd.Dial(good)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if err := node.Pay(t.Context(), order(invoice)); !errors.Is(err, lnnode.ErrOffline) {
		t.Errorf("to somebody else: %v", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "macaroon"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	good.Certificate = filepath.Join(s.dir, "tls.cert")
	if node, err = lnd.Dial(good); err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if err := node.Pay(t.Context(), order(invoice)); err == nil || errors.Is(err, lnnode.ErrRefused) {
		t.Errorf("without permission: %v", err)
	}
}
