package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/rogpeppe/go-internal/testscript"

	"minimint/actors/chain/fake"
	"minimint/actors/client"
	"minimint/actors/client/user"
	"minimint/actors/node"
	"minimint/actors/node/nodetest"
	"minimint/messages"
	"minimint/messages/federation"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minimint-cli": main})
}

// commands of the scripts: "code N command…" runs a command that must end with
// exit code N.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"code": func(ts *testscript.TestScript, _ bool, args []string) {
		err := ts.Exec(args[1], args[2:]...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("ended with %v, want exit code %s", err, args[0])
		}
		if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
			ts.Fatalf("exit code %s, want %s", got, args[0])
		}
	},
}

// Scripts that need no federation.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/alone", Cmds: commands, Setup: func(e *testscript.Env) error {
		nobody := federation.Invite{Federation: messages.FederationID{1}, Members: []federation.Member{{
			Address: "127.0.0.1:1", Identity: make([]byte, ed25519.PublicKeySize),
		}}}
		e.Setenv("INVITE", nobody.String())
		return nil
	}})
}

// A story on real nodes: the command against four of them, on this machine, with
// notes that a client in this process has made from bitcoin of a chain of ours.
func TestStories(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	invite, notes := federationWithNotes(ctx, t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/federation", Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("INVITE", invite)
			e.Setenv("NOTES", notes)
			return nil
		},
	})
}

func federationWithNotes(ctx context.Context, t *testing.T) (invite, notes string) {
	t.Helper()
	chain := fake.New(&chaincfg.SimNetParams)
	var addresses []string
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, l.Addr().String())
		_ = l.Close()
	}
	f := nodetest.New(mrand.NewChaCha8([32]byte{1}), nodetest.Terms{}, addresses...)
	for i := range addresses {
		n, err := node.Start(node.Config{
			Federation: f.Config, Self: messages.PeerID(i), Secrets: f.Secrets[i], DataDir: t.TempDir(), Listen: addresses[i],
			Incarnation: 1, Bitcoin: chain.Node(), Exit: func(reason any) { t.Errorf("node %d: %v", i, reason) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Stop)
	}
	cfg := user.Config{
		Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return chain.Node(), nil },
	}
	if _, err := user.Join(ctx, cfg, f.Config.Invite(), ""); err != nil {
		t.Fatal(err)
	}
	u, err := user.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	chain.Mine(10)
	id, err := u.Deposit(ctx)
	op := must(t, u, id, err)
	address, err := btcutil.DecodeAddress(op.GetDeposit().GetAddress(), &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		t.Fatal(err)
	}
	chain.Pay(script, 60_000)
	chain.Mine(20)
	if _, err := u.Await(ctx, id, nil); err != nil {
		t.Fatal(err)
	}
	id, err = u.Spend(ctx, 40_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if op, err = u.Await(ctx, id, nil); err != nil {
		t.Fatal(err)
	}
	return f.Config.Invite().String(), client.Token(op)
}

func must(t *testing.T, u *user.User, id uint64, err error) *client.Operation {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	op, err := u.Operation(id)
	if err != nil {
		t.Fatal(err)
	}
	return op
}
