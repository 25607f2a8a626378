// Package lightning runs lnd nodes on this machine, on the bitcoin node of a stage,
// for the demo and for tests against the real thing: start, fund, open a channel,
// make and pay invoices, look, kill.
//
// Everything listens on loopback, and what is in the wallets is worth nothing: it is
// bitcoin of the simulation network, and the wallets have no password.
package lightning

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"minimint/actors/chain/btcd/simnet"
	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/cmd/minimint-dev/process"
)

// Config says what to run.
type Config struct {
	// Binary is the path of lnd, Dir where the node keeps everything. A node that is
	// started again in the same Dir goes on where it was.
	Binary, Dir, Name string
	Bitcoin           *simnet.Node
	// Gateway makes lnd hold forwards for which nobody is there to decide.
	Gateway bool
}

// A Node is an lnd.
type Node struct {
	// Key is its identity in hex, Peer where other nodes connect, RPC its gRPC
	// address.
	Key, Peer, RPC string
	cfg            Config
	process        *process.Process
	conn           *grpc.ClientConn
}

// pause is between two looks at something that only polling can see.
const pause = 100 * time.Millisecond

// Start starts a node and returns when it answers and knows the chain.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{cfg: cfg}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("lightning: %w", err)
	}
	// An empty file, so that no configuration of the user's own is read.
	if err := os.WriteFile(n.path("lnd.conf"), nil, 0o600); err != nil {
		return nil, fmt.Errorf("lightning: %w", err)
	}
	var err error
	if n.RPC, err = freePort(); err != nil {
		return nil, err
	}
	if n.Peer, err = freePort(); err != nil {
		return nil, err
	}
	return n, n.Restart(ctx)
}

// Restart starts a node that was killed, at its former addresses.
func (n *Node) Restart(ctx context.Context) error {
	btcd := n.cfg.Bitcoin.RPC()
	argv := []string{
		n.cfg.Binary, "--lnddir=" + n.cfg.Dir, "--configfile=" + n.path("lnd.conf"), "--alias=" + n.cfg.Name,
		"--bitcoin.simnet", "--bitcoin.node=btcd", "--bitcoin.defaultchanconfs=1",
		"--btcd.rpchost=" + btcd.Address, "--btcd.rpccert=" + n.cfg.Bitcoin.CertificateFile(),
		"--btcd.rpcuser=" + btcd.User, "--btcd.rpcpass=" + btcd.Password,
		"--rpclisten=" + n.RPC, "--listen=" + n.Peer, "--norest", "--nobootstrap", "--noseedbackup", "--trickledelay=50",
		// A payment that lnd dies over between two of its writes is in flight there for ever;
		// this makes the moment shorter: see package lnd of the gateway.
		"--channel-commit-batch-size=1",
	}
	if n.cfg.Gateway {
		argv = append(argv, "--requireinterceptor")
	}
	var err error
	if n.process, err = process.Start(n.cfg.Dir, n.cfg.Name, false, argv...); err != nil {
		return err
	}
	return n.await(ctx, "it knows the chain", func() (bool, error) {
		if err := n.dial(); err != nil {
			return false, err
		}
		var info lndwire.GetInfoResponse
		if err := n.call(ctx, "/lnrpc.Lightning/GetInfo", &lndwire.GetInfoRequest{}, &info); err != nil {
			return false, err
		}
		n.Key = info.GetIdentityPubkey()
		return info.GetSyncedToChain(), nil
	})
}

func (n *Node) path(name string) string { return filepath.Join(n.cfg.Dir, name) }

// Certificate is the path of the node's TLS certificate.
func (n *Node) Certificate() string { return n.path("tls.cert") }

// Macaroon is the path of the credential that allows everything.
func (n *Node) Macaroon() string {
	return filepath.Join(n.cfg.Dir, "data", "chain", "bitcoin", simnet.Params.Name, "admin.macaroon")
}

// Bake makes a macaroon that allows what a gateway needs and no more, and returns the
// path of its file.
func (n *Node) Bake(ctx context.Context) (string, error) {
	request := &lndwire.BakeMacaroonRequest{Permissions: []*lndwire.MacaroonPermission{
		{Entity: "info", Action: "read"}, {Entity: "offchain", Action: "read"}, {Entity: "offchain", Action: "write"},
	}}
	var baked lndwire.BakeMacaroonResponse
	if err := n.call(ctx, "/lnrpc.Lightning/BakeMacaroon", request, &baked); err != nil {
		return "", err
	}
	b, err := hex.DecodeString(baked.GetMacaroon())
	if err != nil {
		return "", fmt.Errorf("lightning: %s: macaroon: %w", n.cfg.Name, err)
	}
	path := n.path("gateway.macaroon")
	return path, os.WriteFile(path, b, 0o600)
}

// Process is the program that runs.
func (n *Node) Process() *process.Process { return n.process }

// Kill ends the node as a crash would.
func (n *Node) Kill() {
	n.hangUp()
	n.process.Kill()
}

// Stop ends the node in good order, if it runs.
func (n *Node) Stop() {
	n.hangUp()
	if n.process != nil && n.process.Running() {
		n.process.Stop(20 * time.Second)
	}
}

func (n *Node) hangUp() {
	if n.conn != nil {
		_ = n.conn.Close()
		n.conn = nil
	}
}

// dial makes the connection once the node has written its files.
func (n *Node) dial() error {
	if n.conn != nil {
		return nil
	}
	pem, err := os.ReadFile(n.Certificate())
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return errors.New("no certificate yet")
	}
	secret, err := os.ReadFile(n.Macaroon())
	if err != nil {
		return err
	}
	n.conn, err = grpc.NewClient(n.RPC,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12})),
		grpc.WithPerRPCCredentials(macaroon(hex.EncodeToString(secret))))
	return err
}

// macaroon is lnd's bearer credential.
type macaroon string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (m macaroon) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"macaroon": string(m)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (macaroon) RequireTransportSecurity() bool { return true }

// callTimeout bounds every call: lnd hangs where its bitcoin node is away.
const callTimeout = 30 * time.Second

func (n *Node) call(ctx context.Context, method string, request, response any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := n.conn.Invoke(ctx, method, request, response); err != nil {
		return fmt.Errorf("lightning: %s: %w", n.cfg.Name, err)
	}
	return nil
}

// await looks until done, the context is over, or the process has ended.
func (n *Node) await(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok {
			return nil
		}
		if !n.process.Running() {
			return fmt.Errorf("lightning: %s ended; see %s", n.cfg.Name, n.process.LogFile())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lightning: %s: waiting until %s: %w (%w); see %s", n.cfg.Name, what, ctx.Err(), err, n.process.LogFile())
		case <-time.After(pause):
		}
	}
}

// freePort asks the kernel for a loopback address that nobody uses now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("lightning: %w", err)
	}
	return l.Addr().String(), l.Close()
}
