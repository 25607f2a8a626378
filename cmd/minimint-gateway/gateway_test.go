package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/rogpeppe/go-internal/testscript"

	"minimint/actors/gateway/operator"
	"minimint/cmd/terminal"
	"minimint/cmd/terminal/terminaltest"
	"minimint/messages"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minimint-gateway": main})
}

// Scripts that need no gateway.
func TestScripts(t *testing.T) {
	terminaltest.Scripts(t, testscript.Params{
		Dir: "testdata/alone",
	})
}

// A story on a real gateway with a Lightning node in memory, and a federation of four
// real nodes.
func TestStories(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	h := terminaltest.New(t)
	t.Run("scripts", func(t *testing.T) { // they run beside each other; the house stands until all have ended
		terminaltest.Scripts(t, testscript.Params{
			Dir: "testdata/gateway",
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				// bitcoin-pays FILE SATS: to the address in the file
				"bitcoin-pays": func(ts *testscript.TestScript, _ bool, args []string) {
					sats, err := strconv.ParseInt(args[1], 10, 64)
					ts.Check(err)
					h.Pay(sats, strings.TrimSpace(ts.ReadFile(args[0])))
					h.Listed(ctx)
				},
			},
			Setup: func(e *testscript.Env) error {
				address, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
				if err != nil {
					return err
				}
				e.Setenv("ADDRESS", address.EncodeAddress())
				e.Setenv("INVITE", h.Invite)
				dir := filepath.Join(e.WorkDir, "gateway")
				if err := os.MkdirAll(dir, 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, tokenFile), []byte(terminaltest.Token), 0o600); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(dir, addressFile), []byte(h.Gateway.OperatorAddr()), 0o600)
			},
		})
	})
}

func TestFees(t *testing.T) {
	for text, want := range map[string]operator.Fee{
		"2sat+5000ppm": {BaseMsat: 2000, PPM: 5000}, "5000ppm+2sat": {BaseMsat: 2000, PPM: 5000}, "250msat": {BaseMsat: 250}, "1000ppm": {PPM: 1000},
		"0": {}, "3": {BaseMsat: 3000}, "0+0ppm": {}, " 1 sat + 10 ppm ": {BaseMsat: 1000, PPM: 10},
	} {
		if got, err := parseFee(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "+", "1+1", "1ppm+1ppm", "-1ppm", "1000001ppm", "1+", "many", "1,5", "0x1ppm", "1e3ppm"} {
		if got, err := parseFee(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

// FuzzFee: what is typed as a fee is one, and is shown so that it reads back the same,
// or is an error.
func FuzzFee(f *testing.F) {
	for _, text := range []string{"2sat+5000ppm", "0", "1000ppm", "250msat+1ppm", "+", "1+1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fee, err := parseFee(text)
		if err != nil {
			return
		}
		if again, err := parseFee(showFee(fee)); err != nil || again != fee || fee.BaseMsat > messages.MaxAmount || fee.PPM > 1_000_000 {
			t.Fatalf("%q is %+v, shown as %q, which is %+v: %v", text, fee, showFee(fee), again, err)
		}
	})
}

// The token is made once, and only its owner can read it.
func TestToken(t *testing.T) {
	dir := t.TempDir()
	first, err := token(dir)
	if err != nil || len(first) != 64 {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := token(dir); err != nil || again != first {
		t.Errorf("again %q, %v", again, err)
	}
	if info, err := os.Stat(filepath.Join(dir, tokenFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, _, err := access(dir); !errors.Is(err, errNotRunning) {
		t.Errorf("a gateway that never ran: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, tokenFile), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if empty, err := token(dir); err == nil {
		t.Errorf("an empty token is taken: %q", empty)
	}
	if other, err := token(t.TempDir()); err != nil || other == first {
		t.Errorf("another gateway has %q, %v", other, err)
	}
}

// What an answer means for scripts.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{&operator.Problem{Status: 400}, terminal.ExitUsage},
		{&operator.Problem{Status: 500}, terminal.ExitFailure},
		{&operator.Problem{Status: 401}, terminal.ExitFailure},
		{terminal.Usage("x"), terminal.ExitUsage},
		{context.DeadlineExceeded, terminal.ExitTimeout},
		{errNotRunning, terminal.ExitFailure},
	} {
		if code, text := explain(c.err); code != c.code {
			t.Errorf("%v: %d, %q", c.err, code, text)
		}
	}
}
