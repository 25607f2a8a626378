package stage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"minimint/actors/gateway/operator"
	"minimint/cmd/minimint-dev/lightning"
	"minimint/cmd/minimint-dev/process"
)

// The channel between the two Lightning nodes, in satoshi, and what is pushed to the
// far side, so that both can pay.
const (
	walletSat  = 100_000_000
	channelSat = 10_000_000
	pushSat    = 4_000_000
)

// Lightning is what a stage has of it: two nodes with a channel between them, and a
// gateway.
type Lightning struct {
	// Near is the gateway's node, Far somebody else's.
	Near, Far *lightning.Node

	stage           *Stage
	users, operator string // where the gateway listens
	macaroon        string // that it has, as a file
	gateway         *process.Process
}

// StartLightning starts two lnd and opens a channel between them. The bitcoin node
// must run.
func (s *Stage) StartLightning(ctx context.Context) (*Lightning, error) {
	if s.cfg.Lnd == "" {
		return nil, errors.New("stage: no lnd was named")
	}
	sockets, err := addresses(2)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	l := &Lightning{stage: s, users: sockets[0], operator: sockets[1]}
	s.lightning = l
	if l.Near, err = l.start(ctx, "lnd-near", true); err != nil {
		return nil, err
	}
	if l.Far, err = l.start(ctx, "lnd-far", false); err != nil {
		return nil, err
	}
	if err := l.Near.Fund(ctx, walletSat); err != nil {
		return nil, err
	}
	if l.macaroon, err = l.Near.Bake(ctx); err != nil {
		return nil, err
	}
	return l, l.Near.Open(ctx, l.Far, channelSat, pushSat)
}

func (l *Lightning) start(ctx context.Context, name string, gateway bool) (*lightning.Node, error) {
	return lightning.Start(ctx, lightning.Config{
		Binary: l.stage.cfg.Lnd, Dir: filepath.Join(l.stage.Dir, name), Name: name, Bitcoin: l.stage.chain, Gateway: gateway,
	})
}

// Channel is the size of the channel, in satoshi.
func (l *Lightning) Channel() int64 { return channelSat }

// gatewayDir is the gateway's directory.
func (l *Lightning) gatewayDir() string { return filepath.Join(l.stage.Dir, "gateway") }

// surroundings is the environment for people: with the gateway's directory, if there
// is one.
func (s *Stage) surroundings() []string {
	env := s.Environment()
	if s.lightning != nil {
		env = append(env, "MINIMINT_GATEWAY_DIR="+s.lightning.gatewayDir())
	}
	return env
}

// Gateway is the gateway's process, nil if it does not run.
func (l *Lightning) Gateway() *process.Process { return l.gateway }

// StartGateway starts the gateway, or starts it again, and waits until it answers its
// operator.
func (l *Lightning) StartGateway(ctx context.Context) error {
	var err error
	rpc := l.stage.chain.RPC()
	l.gateway, err = process.Start(l.stage.Dir, "gateway", false, l.stage.cfg.Program("minimint-gateway"), "--dir", l.gatewayDir(), "run",
		"--lnd", l.Near.RPC, "--macaroon", l.macaroon, "--tls-cert", l.Near.Certificate(),
		"--listen", l.users, "--operator-listen", l.operator, "--name", "demo gateway",
		"--btcd", rpc.Address, "--btcd-user", rpc.User, "--btcd-password-file", filepath.Join(l.stage.Dir, rpcPasswordFile), "--btcd-cert", l.stage.chain.CertificateFile())
	if err != nil {
		return err
	}
	for {
		a, err := l.Operator().Run("info")
		if err == nil && a.Values["node"] != nil {
			return nil
		}
		if !l.gateway.Running() {
			return fmt.Errorf("the gateway %w; see %s", errEnded, l.gateway.LogFile())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not answer: %w (%w); see %s", ctx.Err(), err, l.gateway.LogFile())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// KillGateway ends the gateway as a crash would.
func (l *Lightning) KillGateway() {
	if l.gateway != nil {
		l.gateway.Kill()
		l.gateway = nil
	}
}

// Operator is whoever runs the gateway, with its command line.
func (l *Lightning) Operator() *User {
	return &User{Name: "operator", Dir: l.gatewayDir(), bin: l.stage.cfg.Program("minimint-gateway"), env: l.stage.Environment}
}

// Endow has the gateway join the federation and gives it a deposit of so many satoshi.
// It returns when the federation lists the gateway.
func (l *Lightning) Endow(ctx context.Context, sats int64) error {
	o := l.Operator()
	if _, err := o.Run("connect", l.stage.Federation.Invite().String()); err != nil {
		return err
	}
	a, err := o.Run("deposit")
	if err != nil {
		return err
	}
	if _, err := l.stage.chain.Pay(a.Text("address"), sats); err != nil {
		return err
	}
	if err := l.stage.chain.Mine(1 + finalityDelay); err != nil {
		return err
	}
	for {
		var info operator.Info
		if err := o.Read(&info, "info"); err != nil {
			return err
		}
		problem := "it works in no federation"
		if len(info.Federations) == 1 {
			if info.Federations[0].ListedUntil > 0 {
				return nil
			}
			problem = info.Federations[0].ListedProblem
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not listed: %w; it says %q", ctx.Err(), problem)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Balance is what the gateway has in e-cash, with what is under way, in msat.
func (l *Lightning) Balance() (int64, error) {
	var info operator.Info
	if err := l.Operator().Read(&info, "info"); err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, f := range info.Federations {
		sum += int64(f.FreeMsat + f.ReservedMsat)
	}
	return sum, nil
}

// stop ends all processes, those that use others first.
func (l *Lightning) stop() {
	if l.gateway != nil {
		l.gateway.Stop(10 * time.Second)
		l.gateway = nil
	}
	for _, n := range []*lightning.Node{l.Near, l.Far} {
		if n != nil {
			n.Stop()
		}
	}
}
