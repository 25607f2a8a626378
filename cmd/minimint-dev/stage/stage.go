// Package stage runs a federation and its bitcoin node on this machine, as
// processes of their own, for development and for the demo.
package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"minimint/actors/chain/btcd/simnet"
	"minimint/actors/node/home"
	"minimint/cmd/minimint-dev/process"
	"minimint/messages"
	"minimint/messages/federation"
)

// Config says where the stage is and what it is built of.
type Config struct {
	// Dir holds everything; it must be empty or not exist.
	Dir string
	// Btcd is the path of the bitcoin node, Programs the directory of our own.
	Btcd, Programs string
	// Lnd is the path of the Lightning node; without it there is none.
	Lnd string
	// Members is the size of the federation.
	Members int
	// Names of the members, for people.
	Names []string
}

// Program returns the path of one of our programs.
func (c Config) Program(name string) string { return filepath.Join(c.Programs, name) }

// Stage is a federation with its bitcoin node.
type Stage struct {
	Dir        string
	Federation *federation.Config
	cfg        Config
	chain      *simnet.Node
	nodes      []*process.Process // by member; nil if it does not run
	lightning  *Lightning         // nil if there is none
}

// passphrase protects nothing: everything here is play money.
const passphrase = "insecure"

// New makes the directory of a stage.
func New(cfg Config) (*Stage, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("stage: %s is not empty; run `minimint-dev down` or name another directory with --dir", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "passphrase"), []byte(passphrase), 0o600); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return &Stage{Dir: dir, cfg: cfg, nodes: make([]*process.Process, cfg.Members)}, nil
}

// StartBitcoin starts btcd on the simulation network.
func (s *Stage) StartBitcoin() error {
	var err error
	s.chain, err = simnet.Start(simnet.Config{Binary: s.cfg.Btcd, Dir: filepath.Join(s.Dir, "btcd"), Sleep: time.Sleep, Blocks: simnet.MatureBlocks})
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, rpcPasswordFile), []byte(s.chain.RPC().Password), 0o600); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// Bitcoin is the bitcoin node.
func (s *Stage) Bitcoin() *simnet.Node { return s.chain }

// Lightning is what there is of it, nil if nothing was started.
func (s *Stage) Lightning() *Lightning { return s.lightning }

// StartNode starts a member in a process of its own and waits until it listens.
// program and args come before the member's own flags; they say which program
// runs it.
func (s *Stage) StartNode(ctx context.Context, i int, program string, args ...string) error {
	if err := s.LaunchNode(i, program, args...); err != nil {
		return err
	}
	return s.Listening(ctx, i)
}

// LaunchNode starts a member like StartNode, but does not wait.
func (s *Stage) LaunchNode(i int, program string, args ...string) error {
	argv := append([]string{s.cfg.Program(program)}, args...)
	argv = append(argv, "--dir", s.member(i), "--passphrase-file", filepath.Join(s.Dir, "passphrase"))
	p, err := process.Start(s.Dir, fmt.Sprintf("node-%d", i), false, argv...)
	if err != nil {
		return err
	}
	s.nodes[i] = p
	return nil
}

// Listening waits until somebody accepts connections at the member's address. It
// is an error if the member's process ends meanwhile.
func (s *Stage) Listening(ctx context.Context, i int) error {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Federation.Members[i].Address)
		if err == nil {
			return conn.Close()
		}
		if !s.nodes[i].Running() {
			return fmt.Errorf("member %d %w; see %s", i, errEnded, s.nodes[i].LogFile())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("member %d does not listen: %w; see %s", i, ctx.Err(), s.nodes[i].LogFile())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Node returns the process of a member, nil if it does not run.
func (s *Stage) Node(i int) *process.Process { return s.nodes[i] }

// KillNode ends a member as a crash would.
func (s *Stage) KillNode(i int) { s.KillNodes(i) }

// KillNodes ends members as a crash would, all at the same time. Those that do not
// run are left out.
func (s *Stage) KillNodes(list ...int) {
	for _, i := range list {
		if p := s.nodes[i]; p != nil {
			p.Strike()
		}
	}
	for _, i := range list {
		if p := s.nodes[i]; p != nil {
			p.Kill()
			s.nodes[i] = nil
		}
	}
}

// DataDir is where a member keeps what must survive.
func (s *Stage) DataDir(i int) string { return home.Home{Dir: s.member(i)}.DataDir() }

// StopNode ends a member in good order.
func (s *Stage) StopNode(i int) {
	s.nodes[i].Stop(10 * time.Second)
	s.nodes[i] = nil
}

func (s *Stage) member(i int) string { return filepath.Join(s.Dir, fmt.Sprintf("member-%d", i)) }

// Stop ends every process of the stage.
func (s *Stage) Stop() error {
	if s.lightning != nil {
		s.lightning.stop()
		s.lightning = nil
	}
	for i, p := range s.nodes {
		if p != nil {
			p.Stop(10 * time.Second)
			s.nodes[i] = nil
		}
	}
	if s.chain == nil {
		return nil
	}
	err := s.chain.Stop()
	s.chain = nil
	return err
}

// addresses returns loopback sockets that nobody uses now.
func addresses(n int) ([]string, error) {
	var out []string
	var errs []error
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			errs = append(errs, err)
			break
		}
		defer func() { _ = l.Close() }()
		out = append(out, l.Addr().String())
	}
	return out, errors.Join(errs...)
}

// settings are a member's own.
func (s *Stage) settings(id messages.PeerID, address string) home.Settings {
	rpc := s.chain.RPC()
	return home.Settings{Member: id, Listen: address, Bitcoin: &home.Bitcoin{
		Address: rpc.Address, User: rpc.User, Password: rpc.Password, Certificate: s.chain.CertificateFile(),
	}}
}
