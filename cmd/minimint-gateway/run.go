package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/urfave/cli/v2"

	"minimint/actors/clock"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/lnd"
	"minimint/actors/gateway/station"
	"minimint/cmd/terminal"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run the gateway until it is told to stop (SIGINT or SIGTERM)",
		Description: `It may be killed at any moment, and so may lnd: what was promised is on disk, and goes on
at the next start. One process at a time can run with a directory.

lnd must run with --requireinterceptor: else it lets go what the gateway holds for users as soon as
the gateway is away. New payments for users fail at once meanwhile, and can be tried again. The
macaroon needs info:read, offchain:read and offchain:write.

Users ask the gateway at --listen, over HTTP. If they are elsewhere, put a proxy that speaks TLS
before it and name its URL with --api: that is what the federations list. The operator's
interface moves money; leave it on loopback. Its token is made at the first start and lies in
the directory, where only its owner can read it.

Deposits are found in the bitcoin chain: name your btcd.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "lnd", EnvVars: []string{"MINIMINT_LND_ADDRESS"}, Usage: "`HOST:PORT` of lnd's gRPC interface"},
			&cli.StringFlag{Name: "macaroon", EnvVars: []string{"MINIMINT_LND_MACAROON"}, Usage: "`FILE` with a macaroon of it"},
			&cli.StringFlag{Name: "tls-cert", EnvVars: []string{"MINIMINT_LND_CERT"}, Usage: "`FILE` with its certificate"},
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8176", Usage: "`HOST:PORT` for users"},
			&cli.StringFlag{Name: "api", Usage: "`URL` under which users reach that (default: http://HOST:PORT of --listen)"},
			&cli.StringFlag{Name: "operator-listen", Value: "127.0.0.1:8177", Usage: "`HOST:PORT` for the operator's commands"},
			&cli.StringFlag{Name: "name", Value: "gateway", Usage: "`NAME` that users see"},
			&cli.StringFlag{Name: "log", Value: "info", Usage: "debug, info, warn or error"},
		}, terminal.BitcoinFlags()...),
		Action: func(c *cli.Context) error {
			return serve(c)
		},
	}
}

// serve runs the gateway.
func serve(c *cli.Context) error {
	dir, err := directory(c)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log"))); err != nil {
		return terminal.Usage("--log %q: want debug, info, warn or error", c.String("log"))
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	cfg := station.Config{
		Dir: dir, Listen: c.String("listen"), API: c.String("api"), Name: c.String("name"), Operator: c.String("operator-listen"), Log: log, Now: time.Now(),
	}
	if err := checkAddresses(cfg, log); err != nil {
		return err
	}
	if cfg.Blocks, err = terminal.Bitcoin(c); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the gateway's directory: %w", err)
	}
	if cfg.Token, err = token(dir); err != nil {
		return err
	}
	node, err := dial(c, log)
	if err != nil {
		return err
	}
	defer node.Close()
	cfg.Node = node
	if cfg.Network, err = network(c.Context, dir, node, log); err != nil {
		return err
	}
	s, err := station.Open(cfg)
	if err != nil {
		return err
	}
	if err := write(dir, addressFile, s.OperatorAddr()); err != nil {
		return errors.Join(err, s.Close())
	}
	log.Info("the gateway runs", "users", s.Addr(), "operator", s.OperatorAddr(), "network", cfg.Network.Name)
	<-c.Context.Done()
	log.Info("the gateway stops")
	return s.Close()
}

// checkAddresses refuses addresses that cannot be, and warns about those that others
// could listen to.
func checkAddresses(cfg station.Config, log *slog.Logger) error {
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		return terminal.Usage("--listen %q: want HOST:PORT", cfg.Listen)
	}
	if _, _, err := net.SplitHostPort(cfg.Operator); err != nil {
		return terminal.Usage("--operator-listen %q: want HOST:PORT", cfg.Operator)
	}
	if cfg.API != "" {
		u, err := url.Parse(cfg.API)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return terminal.Usage("--api %q: want http://… or https://…", cfg.API)
		}
	}
	if !loopback(cfg.Listen) && !strings.HasPrefix(cfg.API, "https://") {
		log.Warn("users reach the gateway without TLS: whoever is between can see who pays what; put a proxy before it and name it with --api https://…")
	}
	if !loopback(cfg.Operator) {
		log.Warn("the operator's interface listens beyond this machine, without TLS: its token can be overheard")
	}
	return nil
}

func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dial returns lnd as the flags name it. It connects by itself.
func dial(c *cli.Context, log *slog.Logger) (*lnd.Node, error) {
	for _, flag := range []string{"lnd", "macaroon", "tls-cert"} {
		if c.String(flag) == "" {
			return nil, terminal.Usage("name your lnd with --lnd, --macaroon and --tls-cert")
		}
	}
	node, err := lnd.Dial(lnd.Config{
		Address: c.String("lnd"), Macaroon: c.String("macaroon"), Certificate: c.String("tls-cert"),
		Virtual: deal.Virtual, Timer: clock.Timer{}, Log: log,
	})
	if err != nil {
		return nil, terminal.Usage("%v", err)
	}
	return node, nil
}

// networks are those that a Lightning node can be on, by the names that lnd gives them.
var networks = map[string]*chaincfg.Params{
	"mainnet": &chaincfg.MainNetParams, "testnet": &chaincfg.TestNet3Params, "signet": &chaincfg.SigNetParams,
	"regtest": &chaincfg.RegressionNetParams, "simnet": &chaincfg.SimNetParams,
}

// patience is how long the node has for one answer, and pause how long nobody asks it
// again.
const (
	patience = 10 * time.Second
	pause    = time.Second
)

// network is the Lightning node's. It is asked once, for as long as it takes, and
// remembered: a gateway whose node is away can still do what it owes its federations.
func network(ctx context.Context, dir string, node lnnode.Node, log *slog.Logger) (*chaincfg.Params, error) {
	path := filepath.Join(dir, networkFile)
	b, err := os.ReadFile(path)
	if err == nil {
		if p := networks[strings.TrimSpace(string(b))]; p != nil {
			return p, nil
		}
		return nil, fmt.Errorf("%s names no bitcoin network: %q", path, b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the network's name: %w", err)
	}
	for {
		asking, cancel := context.WithTimeout(ctx, patience)
		info, err := node.Info(asking)
		cancel()
		if p := networks[info.Network]; err == nil && p != nil {
			return p, write(dir, networkFile, info.Network)
		}
		if err == nil {
			return nil, fmt.Errorf("lnd is on the network %q, which nobody knows here", info.Network)
		}
		log.Warn("waiting for the Lightning node", "problem", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
