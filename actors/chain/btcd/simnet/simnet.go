// Package simnet runs a btcd node of its own on the simulation network, for the
// demo and for tests against the real thing: start, mine, fund, look, stop.
//
// It listens on loopback only, keeps everything in the directory it is given,
// and ends only the process that it started. Simnet, not regtest, because btcd
// deletes its regtest database at every start. What is mined belongs to a key
// that everybody knows: nothing here is worth anything.
package simnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"

	"minimint/actors/chain/btcd"
	"minimint/actors/chain/btcd/rpc"
)

// Params of the network of all nodes of this package.
var Params = &chaincfg.SimNetParams

// Config says what to run.
type Config struct {
	// Binary is the path of btcd, Dir where the node keeps everything. A node
	// that is started again in the same Dir goes on where it was.
	Binary, Dir string
	// Sleep waits; time.Sleep outside simulations. It is used while the
	// process starts, which tells nobody when it is ready.
	Sleep func(time.Duration)
	// Blocks is how many blocks to mine at the start if there are fewer.
	// Segwit is active from 300 on; MatureBlocks is a good value.
	Blocks uint32
	// Peers are P2P addresses of nodes to connect to.
	Peers []string
	// Extra are more flags for btcd.
	Extra []string
}

// MatureBlocks is a height at which segwit is active and hundreds of block
// rewards can be spent.
const MatureBlocks = 440

// A Node is a running btcd.
type Node struct {
	cfg      Config
	rpc      rpc.Config
	peer     string
	client   *rpc.Client
	stop     context.CancelFunc
	exited   chan struct{} // closed when the process has ended
	exit     error         // why, after exited is closed
	key      *btcec.PrivateKey
	script   []byte
	coins    []coin // of the miner, from change
	rewarded uint32 // rewards up to this height were used or are spent
}

const (
	rpcUser, rpcPassword = "minimint", "simnet"
	callTimeout          = 30 * time.Second
	stopTimeout          = 20 * time.Second // then SIGKILL
	startTries           = 600
	startPause           = 50 * time.Millisecond
)

// Start starts a node and returns when it answers and has cfg.Blocks blocks. On
// Linux btcd also ends with the thread that called Start, so do not call it from a
// goroutine that is locked to its thread and ends earlier.
func Start(cfg Config) (*Node, error) {
	n := &Node{cfg: cfg}
	n.key, _ = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{1}, 32))
	address, err := btcutil.NewAddressWitnessPubKeyHash(btcutil.Hash160(n.key.PubKey().SerializeCompressed()), Params)
	if err != nil {
		return nil, fmt.Errorf("simnet: miner's address: %w", err)
	}
	if n.script, err = txscript.PayToAddrScript(address); err != nil {
		return nil, fmt.Errorf("simnet: miner's script: %w", err)
	}
	for range launches {
		n.exited = make(chan struct{})
		if err = n.launch(address.EncodeAddress()); err != nil {
			return nil, err
		}
		if err = n.ready(); err == nil {
			return n, nil
		}
		ended := n.ended()
		n.stop()
		<-n.exited
		if !ended {
			break
		}
	}
	return nil, err
}

// launches is how often btcd is started when it ends at once: somebody else may
// have taken a port that was free a moment before.
const launches = 3

func (n *Node) ended() bool {
	select {
	case <-n.exited:
		return true
	default:
		return false
	}
}

func (n *Node) path(name string) string { return filepath.Join(n.cfg.Dir, name) }

// launch starts the process.
func (n *Node) launch(miner string) error {
	if err := os.MkdirAll(n.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("simnet: %w", err)
	}
	// An empty file, so that no configuration of the user's own is read.
	if err := os.WriteFile(n.path("btcd.conf"), nil, 0o600); err != nil {
		return fmt.Errorf("simnet: %w", err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	n.peer = ports[1]
	n.rpc = rpc.Config{Address: ports[0], User: rpcUser, Password: rpcPassword, Timeout: callTimeout}
	args := []string{
		"--simnet", "--configfile=" + n.path("btcd.conf"), "--datadir=" + n.path("data"), "--logdir=" + n.path("logs"),
		"--rpcuser=" + rpcUser, "--rpcpass=" + rpcPassword, "--rpclisten=" + ports[0], "--listen=" + ports[1],
		"--rpccert=" + n.path("rpc.cert"), "--rpckey=" + n.path("rpc.key"), "--miningaddr=" + miner,
		"--txindex", "--nobanning", "--nodnsseed", "--norelaypriority", "--nostalldetect", "--limitfreerelay=0",
		"--rpcmaxclients=100", "--rpcmaxwebsockets=100", "--trickleinterval=100ms",
	}
	for _, p := range n.cfg.Peers {
		args = append(args, "--addpeer="+p)
	}
	log, err := os.OpenFile(n.path("output.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("simnet: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, n.cfg.Binary, append(args, n.cfg.Extra...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		cancel()
		return errors.Join(fmt.Errorf("simnet: start btcd: %w", err), log.Close())
	}
	n.stop = cancel
	exited := n.exited
	go func() {
		defer close(exited)
		n.exit = errors.Join(cmd.Wait(), log.Close())
		cancel()
	}()
	return nil
}

// freePorts asks the kernel for loopback addresses that nobody uses now.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("simnet: find a free port: %w", err)
		}
		defer l.Close() // all at once, so that they differ
		out = append(out, l.Addr().String())
	}
	return out, nil
}

// ready waits until the node answers, and mines what is missing.
func (n *Node) ready() error {
	var err error
	for range startTries {
		if n.ended() {
			return fmt.Errorf("simnet: btcd ended: %w; see %s", n.exit, n.path("output.log"))
		}
		if err = n.connect(); err == nil {
			break
		}
		n.cfg.Sleep(startPause)
	}
	if err != nil {
		return fmt.Errorf("simnet: btcd does not answer: %w", err)
	}
	height, err := n.Height()
	if err != nil || height >= n.cfg.Blocks {
		return err
	}
	return n.Mine(n.cfg.Blocks - height)
}

func (n *Node) connect() error {
	cert, err := os.ReadFile(n.path("rpc.cert"))
	if err != nil {
		return err
	}
	n.rpc.Certificate = cert
	if n.client, err = rpc.New(n.rpc); err != nil {
		return err
	}
	_, err = n.Height()
	return err
}

// RPC says how to reach the node's RPC interface.
func (n *Node) RPC() rpc.Config { return n.rpc }

// CertificateFile is the path of the certificate in RPC, for programs that want
// a file, such as lnd.
func (n *Node) CertificateFile() string { return n.path("rpc.cert") }

// PeerAddress is where other nodes connect.
func (n *Node) PeerAddress() string { return n.peer }

// Backend returns the node as the chain actor wants it.
func (n *Node) Backend() (*btcd.Node, error) { return btcd.New(n.rpc, Params) }

// Call calls a method of the node's RPC interface, as [rpc.Client.Call].
func (n *Node) Call(result any, method string, params ...any) error {
	return n.client.Call(result, method, params...)
}

// Height returns the height of the best chain.
func (n *Node) Height() (uint32, error) {
	var height uint32
	err := n.client.Call(&height, "getblockcount")
	return height, err
}

// Mine adds count blocks with what is in the mempool.
func (n *Node) Mine(count uint32) error {
	if count == 0 {
		return nil
	}
	return n.client.Call(nil, "generate", count)
}

// Invalidate makes the node give up the block at a height and all above it, as
// if they had never been valid; mining then makes another branch.
func (n *Node) Invalidate(height uint32) error {
	var hash string
	if err := n.client.Call(&hash, "getblockhash", height); err != nil {
		return err
	}
	return n.client.Call(nil, "invalidateblock", hash)
}

// Stop ends the process in good order, or kills it if that takes too long.
func (n *Node) Stop() error {
	n.client.Close()
	n.stop()
	<-n.exited
	if n.exit != nil && !errors.Is(n.exit, context.Canceled) {
		return fmt.Errorf("simnet: btcd: %w", n.exit)
	}
	return nil
}

// Exited is closed when the process has ended, for whatever reason.
func (n *Node) Exited() <-chan struct{} { return n.exited }
