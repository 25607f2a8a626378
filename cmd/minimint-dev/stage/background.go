package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"minimint/cmd/minimint-dev/process"
	"minimint/messages"
	"minimint/messages/federation"
)

// What a stage in the background leaves in its directory.
const (
	hostName   = "host"      // of its process
	socketFile = "host.sock" // where it takes requests
	announced  = "federation.json"
)

// Raise starts the bitcoin node, makes the keys and starts all members; and, if there
// is an lnd, two of it and a gateway that has some money.
func (s *Stage) Raise(ctx context.Context) error {
	if err := s.StartBitcoin(); err != nil {
		return err
	}
	if err := s.Ceremony(ctx); err != nil {
		return err
	}
	for i := range s.cfg.Members {
		if err := s.StartNode(ctx, i, "minimintd", "run"); err != nil {
			return err
		}
	}
	if s.cfg.Lnd == "" {
		return nil
	}
	l, err := s.StartLightning(ctx)
	if err != nil {
		return err
	}
	if err := l.StartGateway(ctx); err != nil {
		return err
	}
	return l.Endow(ctx, gatewaySat)
}

// gatewaySat is what the gateway gets.
const gatewaySat = 1_000_000

// announcement is what visitors need to know.
type announcement struct {
	Federation  []byte
	Environment []string
	Lightning   bool
}

// Announce lets other runs of the tool find the stage.
func (s *Stage) Announce() error {
	b, err := json.Marshal(announcement{Federation: s.Federation.Bytes(), Environment: s.surroundings(), Lightning: s.lightning != nil})
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	path := filepath.Join(s.Dir, announced)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return os.Rename(path+".new", path)
}

// A Request asks the host to use its bitcoin node: to send, and mine until the
// federation has seen it, or just to mine; or the far Lightning node to pay an invoice,
// or to make one for Sats.
type Request struct {
	Pay    string
	Sats   int64
	Mine   uint32
	Settle string
	Bill   bool
}

// reply is the host's answer.
type reply struct{ Text, Problem string }

// Hold serves requests until ctx ends.
func (s *Stage) Hold(ctx context.Context) {
	l, err := net.Listen("unix", filepath.Join(s.Dir, socketFile))
	if err != nil {
		return
	}
	go func() {
		<-ctx.Done()
		_ = l.Close()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.serve(conn)
	}
}

func (s *Stage) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var r Request
	if err := json.NewDecoder(bufio.NewReader(conn)).Decode(&r); err != nil {
		return
	}
	text, err := s.carryOut(r)
	answer := reply{Text: text}
	if err != nil {
		answer.Problem = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(answer)
}

func (s *Stage) carryOut(r Request) (string, error) {
	if r.Bill || r.Settle != "" {
		return s.lightningRequest(r)
	}
	text := ""
	if r.Pay != "" {
		out, err := s.chain.Pay(r.Pay, r.Sats)
		if err != nil {
			return "", err
		}
		text = fmt.Sprintf("sent %d sat in %s, ", r.Sats, out.Hash)
		r.Mine = 1 + finalityDelay
	}
	if err := s.chain.Mine(r.Mine); err != nil {
		return "", err
	}
	return fmt.Sprintf("%smined %d blocks", text, r.Mine), nil
}

// lightningPatience is how long the far node may take.
const lightningPatience = time.Minute

func (s *Stage) lightningRequest(r Request) (string, error) {
	if s.lightning == nil {
		return "", errors.New("this federation runs without Lightning; make up-lightning starts one that has it")
	}
	ctx, cancel := context.WithTimeout(context.Background(), lightningPatience)
	defer cancel()
	if r.Bill {
		i, err := s.lightning.Far.Invoice(ctx, messages.Amount(r.Sats)*messages.Sat, int64(time.Hour/time.Second))
		return i.Text, err
	}
	preimage, fee, err := s.lightning.Far.Pay(ctx, r.Settle)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("paid, for a fee of %d msat; preimage %x", uint64(fee), preimage), nil
}

// Launch starts a host in the background and waits until its federation runs.
func Launch(ctx context.Context, cfg Config) (*Visit, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty, but no federation runs there; `minimint-dev down` removes it", dir)
	}
	if err := os.MkdirAll(dir+process.HostSuffix, 0o700); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	p, err := process.Start(dir+process.HostSuffix, hostName, true, cfg.Program("minimint-dev"), "host", "--btcd", cfg.Btcd, "--lnd", cfg.Lnd, "--dir", dir)
	if err != nil {
		return nil, err
	}
	for {
		if v, err := Open(dir); err == nil {
			return v, nil
		}
		if !p.Running() {
			return nil, fmt.Errorf("the host %w; see %s", errEnded, p.LogFile())
		}
		select {
		case <-ctx.Done():
			p.Stop(20 * time.Second)
			return nil, fmt.Errorf("the federation does not come up: %w; see %s", ctx.Err(), p.LogFile())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A Visit is another run of the tool at a stage in the background.
type Visit struct {
	Federation  *federation.Config
	Environment []string
	Lightning   bool // it has two lnd and a gateway
	dir         string
}

// Open finds the stage in dir.
func Open(dir string) (*Visit, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if process.Find(dir+process.HostSuffix, hostName) == nil {
		return nil, fmt.Errorf("no federation runs in %s", dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, announced))
	if err != nil {
		return nil, fmt.Errorf("the federation in %s is not up yet: %w", dir, err)
	}
	var a announcement
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	f, err := federation.Decode(a.Federation)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return &Visit{Federation: f, Environment: a.Environment, Lightning: a.Lightning, dir: dir}, nil
}

// Ask has the host carry out a request.
func (v *Visit) Ask(r Request) (string, error) {
	conn, err := net.Dial("unix", filepath.Join(v.dir, socketFile))
	if err != nil {
		return "", fmt.Errorf("ask the host: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return "", fmt.Errorf("ask the host: %w", err)
	}
	var a reply
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return "", fmt.Errorf("ask the host: %w", err)
	}
	if a.Problem != "" {
		return "", errors.New(a.Problem)
	}
	return a.Text, nil
}

// Dismiss stops the stage in dir and removes it; false if there was none.
func Dismiss(dir string, wait time.Duration) (bool, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false, fmt.Errorf("stage: %w", err)
	}
	p := process.Find(dir+process.HostSuffix, hostName)
	if p != nil {
		p.Stop(wait)
	}
	return p != nil, errors.Join(os.RemoveAll(dir), os.RemoveAll(dir+process.HostSuffix))
}
