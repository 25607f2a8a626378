// Package terminaltest is a world for tests of commands: four nodes of a federation on
// this machine, their bitcoin chain and a Lightning network in memory, a gateway, and
// somebody rich.
package terminaltest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	mrand "math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/rogpeppe/go-internal/testscript"

	chainfake "minimint/actors/chain/fake"
	"minimint/actors/client"
	"minimint/actors/client/user"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/operator"
	"minimint/actors/gateway/station"
	"minimint/actors/module/lightning"
	"minimint/actors/node"
	"minimint/actors/node/nodetest"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/federation"
)

// House is the world.
type House struct {
	Invite string
	// Shop is a Lightning node of somebody else, Gate that of the gateway.
	Shop, Gate *fake.Node
	// Gateway is not connected with the federation until Open.
	Gateway *station.Station

	t      *testing.T
	invite federation.Invite
	chain  *chainfake.Chain
	rich   *user.User // after Open
}

// Token is what the gateway's operator shows.
const Token = "open sesame"

// fees of the Lightning module, each.
const itemFee = messages.Sat / 10

// New starts everything. It ends with the test.
func New(t *testing.T) *House {
	t.Helper()
	h := &House{t: t, chain: chainfake.New(&chaincfg.SimNetParams)}
	var addresses []string
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		h.must(err)
		addresses = append(addresses, l.Addr().String())
		h.must(l.Close())
	}
	terms := lightning.Config{Fees: lightning.Fees{Contract: itemFee, Claim: itemFee, Offer: itemFee, Listing: itemFee}}.Terms()
	f := nodetest.New(mrand.NewChaCha8([32]byte{1}), nodetest.Terms{More: []federation.Module{{Kind: lightning.Kind, Genesis: lightning.Genesis(), Terms: terms}}}, addresses...)
	for i := range addresses {
		n, err := node.Start(node.Config{
			Federation: f.Config, Self: messages.PeerID(i), Secrets: f.Secrets[i], DataDir: t.TempDir(), Listen: addresses[i],
			Incarnation: 1, Bitcoin: h.chain.Node(), Exit: func(reason any) { t.Errorf("node %d: %v", i, reason) },
		})
		h.must(err)
		t.Cleanup(n.Stop)
	}
	h.invite = f.Config.Invite()
	h.Invite = h.invite.String()
	h.chain.Mine(10)
	h.gateway()
	return h
}

func (h *House) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *House) blocks(*chaincfg.Params) (client.Blocks, error) { return h.chain.Node(), nil }

// Open connects the gateway, makes somebody rich, and returns when the federation
// lists the gateway.
func (h *House) Open(ctx context.Context) {
	h.t.Helper()
	cfg := user.Config{Dir: h.t.TempDir(), Log: slog.New(slog.DiscardHandler), Blocks: h.blocks, Now: time.Now()}
	_, err := user.Join(ctx, cfg, h.invite, "")
	h.must(err)
	h.rich, err = user.Open(cfg)
	h.must(err)
	h.t.Cleanup(func() { _ = h.rich.Close() })
	id, err := h.rich.Deposit(ctx)
	h.must(err)
	op, err := h.rich.Operation(id)
	h.must(err)
	_, err = h.Gateway.Connect(ctx, operator.Connect{Invite: h.Invite})
	h.must(err)
	d, err := h.Gateway.Deposit(ctx, operator.Deposit{})
	h.must(err)
	h.Pay(200_000, op.GetDeposit().GetAddress(), d.Address)
	_, err = h.rich.Await(ctx, id, nil)
	h.must(err)
	h.Listed(ctx)
}

// Pay pays satoshi to bitcoin addresses and mines enough blocks.
func (h *House) Pay(sats int64, addresses ...string) {
	h.t.Helper()
	for _, text := range addresses {
		h.chain.PayTo(text, sats)
	}
	h.chain.Mine(20)
}

// Notes are worth exactly so much.
func (h *House) Notes(ctx context.Context, amount messages.Amount) string {
	h.t.Helper()
	id, err := h.rich.Spend(ctx, amount)
	h.must(err)
	op, err := h.rich.Await(ctx, id, nil)
	h.must(err)
	return client.Token(op)
}

// gateway starts a gateway that knows no federation.
func (h *House) gateway() {
	network := fake.New(&chaincfg.SimNetParams, h.chain.Height())
	h.Gate, h.Shop = network.Node("gate", 1_000_000*messages.Sat), network.Node("shop", 1_000_000*messages.Sat)
	var err error
	h.Gateway, err = station.Open(station.Config{
		Dir: h.t.TempDir(), Node: h.Gate, Network: &chaincfg.SimNetParams, Listen: "127.0.0.1:0", Name: "test gateway",
		Operator: "127.0.0.1:0", Token: Token, Log: slog.New(slog.DiscardHandler), Blocks: h.blocks, Now: time.Now(),
	})
	h.must(err)
	h.t.Cleanup(func() { _ = h.Gateway.Close() })
}

// Listed waits until the federation lists the gateway.
func (h *House) Listed(ctx context.Context) {
	h.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		info, err := h.Gateway.Info(ctx)
		h.must(err)
		if len(info.Federations) == 1 && info.Federations[0].ListedUntil > 0 {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			h.t.Fatalf("the gateway is not listed: %+v", info)
		}
	}
}

// Bill is a new invoice of the shop's.
func (h *House) Bill(amount messages.Amount) string {
	var preimage lnnode.Preimage
	_, _ = rand.Read(preimage[:])
	return h.Shop.Invoice(amount, preimage, time.Now()).Text
}

// Scripts runs test scripts, with the command "code" and those of p.
func Scripts(t *testing.T, p testscript.Params) {
	t.Helper()
	commands := map[string]func(*testscript.TestScript, bool, []string){"code": code}
	maps.Copy(commands, p.Cmds)
	p.Cmds = commands
	testscript.Run(t, p)
}

// code is the command of test scripts "code N command…": it must end with exit code N.
func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("ended with %v, want exit code %s", err, args[0])
	}
	if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// Sends is the command of test scripts "shop-pays FILE": the shop pays the invoice in
// the file.
func (h *House) Sends(ts *testscript.TestScript, _ bool, args []string) {
	i, err := bolt11.Read(strings.TrimSpace(ts.ReadFile(args[0])), &chaincfg.SimNetParams)
	ts.Check(err)
	h.Shop.Send(i)
}
