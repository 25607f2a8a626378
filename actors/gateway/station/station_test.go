package station_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"go.uber.org/goleak"

	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/operator"
	"minimint/actors/gateway/station"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/messages"
)

const token = "of the operator"

func open(t *testing.T, dir string) *station.Station {
	t.Helper()
	s, err := station.Open(station.Config{
		Dir: dir, Node: fake.New(&chaincfg.SimNetParams, 7).Node("gate", 5_000), Network: &chaincfg.SimNetParams, Listen: "127.0.0.1:0",
		Operator: "127.0.0.1:0", Token: token, Log: slog.New(slog.DiscardHandler), Now: time.Unix(1_700_000_000, 0), Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A gateway without federations tells how it stands, refuses what it cannot do, and
// stops without a trace. (With federations and Lightning nodes it is what the Lightning
// demo runs.)
func TestStation(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	dir := filepath.Join(t.TempDir(), "gateway")
	for range 2 {
		s := open(t, dir)
		transport := &http.Transport{}
		remote := &operator.Remote{URL: "http://" + s.OperatorAddr(), Token: token, HTTP: &http.Client{Transport: transport}}
		info, err := remote.Info(t.Context())
		if err != nil || info.Node == nil || info.Node.Height != 7 || info.Node.LocalMsat != 5_000 || info.Network != "simnet" || info.API != "http://"+s.Addr() || info.Version != "test" {
			t.Errorf("info %+v, %v", info, err)
		}
		var p *operator.Problem
		if _, err := remote.Connect(t.Context(), operator.Connect{Invite: "nonsense"}); !errors.As(err, &p) || p.Status != http.StatusBadRequest {
			t.Errorf("connect: %v", err)
		}
		if _, err := remote.Deposit(t.Context(), operator.Deposit{}); !errors.As(err, &p) || !strings.Contains(p.Text, "no federation") {
			t.Errorf("deposit: %v", err)
		}
		if list, err := remote.Payments(t.Context(), operator.Page{}); err != nil || len(list) != 0 {
			t.Errorf("payments %v, %v", list, err)
		}
		if reply := ask(t, transport, s); reply.GetRefusal().GetCode() != uint32(messages.RejectWrongFederation) {
			t.Errorf("reply %v", reply)
		}
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.Info(t.Context()); !errors.Is(err, station.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	}
	if stat, err := os.Stat(dir); err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", stat.Mode(), err)
	}
	goleak.VerifyNone(t, leaks)
}

func ask(t *testing.T, transport *http.Transport, s *station.Station) *talk.Reply {
	t.Helper()
	request := talk.Encode(&talk.Request{Federation: make([]byte, 32), Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: make([]byte, 32)}}})
	r, err := (&http.Client{Transport: transport}).Post("http://"+s.Addr()+talk.Path, talk.ContentType, bytes.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		t.Fatal(err)
	}
	reply, err := talk.ReadReply(b.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", b.String(), err)
	}
	return reply
}

// Whoever waits when the gateway closes is told.
func TestCloseWakesWhoWaits(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ask(context.Background(), &talk.Request{}); !errors.Is(err, station.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// Without a token nobody is an operator, and nobody listens.
func TestNoToken(t *testing.T) {
	s, err := station.Open(station.Config{
		Dir: t.TempDir(), Node: fake.New(&chaincfg.SimNetParams, 7).Node("gate", 5), Network: &chaincfg.SimNetParams, Listen: "127.0.0.1:0", Operator: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.OperatorAddr() != "" {
		t.Error("somebody listens")
	}
}
