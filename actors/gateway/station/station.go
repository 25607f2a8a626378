// Package station is a whole gateway in one process: a directory, a Lightning node,
// an actor system with the gateway's actors, a client for each federation, and the two
// HTTP servers, one for clients and one for whoever runs it.
//
//	s, err := station.Open(station.Config{Dir: dir, Node: node, Network: params, Listen: "127.0.0.1:8080", …})
//	defer s.Close()
//	f, err := s.Connect(ctx, operator.Connect{Invite: code})
//
// A [Station] is an operator.Operator. The directory belongs to one process at a time;
// each federation's client has a directory in it.
package station

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/operator"
	"minimint/actors/spawn"
)

// Config says what to run. Dir, Node, Network, Listen and Log are required.
type Config struct {
	// Dir is created if it is missing, readable by its owner alone.
	Dir string
	// Node is the Lightning node. It stays open when the Station is closed. Its adapter
	// must hold forwards for which gateway.Virtual is true, and no others.
	Node    lnnode.Node
	Network *chaincfg.Params
	// Listen is host:port for clients, API the URL under which they reach it, as it
	// stands in listings; http:// and the listener's address if it is empty. Name is
	// what users see.
	Listen, API, Name string
	// Operator is host:port for the operator's requests, which show Token; nobody
	// listens if either is empty.
	Operator, Token string
	Log             *slog.Logger
	// Rand defaults to the operating system's randomness.
	Rand io.Reader
	// Blocks gives a view of the bitcoin chain, to find deposits. Optional.
	Blocks func(*chaincfg.Params) (client.Blocks, error)
	// Now is the time of records until the clock's first tick. Optional.
	Now time.Time
	// Adapt changes what the actors run on. Optional.
	Adapt func(*spawn.Config)
}

// A Station is a gateway that runs. Its methods may be called from any goroutine.
type Station struct {
	cfg Config
}

var _ operator.Operator = (*Station)(nil)

// Open starts the gateway of a directory and goes on with its payments.
func Open(cfg Config) (*Station, error) {
	return &Station{cfg: cfg}, errors.New("station: not yet")
}

// Addr is where clients are listened to, as host:port; OperatorAddr where the operator
// is, empty if nowhere.
func (s *Station) Addr() string { return s.cfg.Listen }

// OperatorAddr is explained at Addr.
func (s *Station) OperatorAddr() string { return s.cfg.Operator }

// Close stops everything and waits for that. Payments go on when it is opened again.
func (s *Station) Close() error { return nil }

// Info implements operator.Operator.
func (s *Station) Info(context.Context) (operator.Info, error) { return operator.Info{}, nil }

// Payments implements operator.Operator.
func (s *Station) Payments(context.Context, operator.Page) ([]operator.Payment, error) {
	return nil, nil
}

// Connect implements operator.Operator.
func (s *Station) Connect(context.Context, operator.Connect) (operator.Federation, error) {
	return operator.Federation{}, nil
}

// Set implements operator.Operator.
func (s *Station) Set(context.Context, operator.Settings) (operator.Federation, error) {
	return operator.Federation{}, nil
}

// Deposit implements operator.Operator.
func (s *Station) Deposit(context.Context, operator.Deposit) (operator.Deposited, error) {
	return operator.Deposited{}, nil
}

// Withdraw implements operator.Operator.
func (s *Station) Withdraw(context.Context, operator.Withdraw) (operator.Withdrawn, error) {
	return operator.Withdrawn{}, nil
}
