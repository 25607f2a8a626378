package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minimint/actors/node"
	"minimint/actors/node/home"
	"minimint/actors/node/nodetest"
	"minimint/actors/setup/keystore"
	"minimint/cmd/minimintd/daemon"
	"minimint/cmd/terminal"
	"minimint/storage"
	"minimint/storage/bolt"
)

const passphrase = "correct horse battery staple"

// member makes the directory of a federation of one, and returns it with what
// must stay in it.
func member(t *testing.T) (dir string, secrets *keystore.Secrets) {
	t.Helper()
	c := nodetest.NewCeremony(t, 1)
	c.Finish()
	o := c.Outcome(0)
	h := home.Home{Dir: filepath.Join(t.TempDir(), "member"), Settings: home.Settings{Listen: "127.0.0.1:0"}, Federation: o.Config}
	if err := os.Mkdir(h.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(
		keystore.Save(h.SecretsFile(), passphrase, o.Secrets, keystore.InsecureForTests(2)), home.Create(h),
		os.WriteFile(filepath.Join(h.Dir, "passphrase"), []byte(passphrase), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return h.Dir, o.Secrets
}

func minimintd(ctx context.Context, args ...string) error {
	return app().RunContext(ctx, append([]string{"minimintd"}, args...))
}

func runIn(ctx context.Context, dir string) error {
	return minimintd(ctx, "run", "--dir", dir, "--passphrase-file", filepath.Join(dir, "passphrase"), "--log", "error")
}

func TestExitCodes(t *testing.T) {
	dir, _ := member(t)
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"frobnicate"}, terminal.ExitUsage, "no command"},
		{[]string{"run"}, terminal.ExitUsage, "--dir"},
		{[]string{"run", "--dir", dir, "--log", "loud"}, terminal.ExitUsage, "--log"},
		{[]string{"run", "--nonsense"}, terminal.ExitUsage, "nonsense"},
		{[]string{"run", dir}, terminal.ExitUsage, "usage: minimintd run"},
		{[]string{"status", "--nonsense"}, terminal.ExitUsage, "nonsense"},
		{[]string{"invite", "--dir"}, terminal.ExitUsage, "dir"},
		{[]string{"run", "--dir", t.TempDir(), "--passphrase-file", "x"}, terminal.ExitFailure, "no member's directory"},
		{[]string{"run", "--dir", dir, "--passphrase-file", filepath.Join(dir, "node.json")}, terminal.ExitFailure, "passphrase"},
	} {
		err := minimintd(t.Context(), c.args...)
		if err == nil {
			t.Errorf("%q is fine", c.args)
			continue
		}
		if code, text := explain(err); code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%q: exit code %d: %s", c.args, code, text)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := runIn(stopped, dir); err != nil {
		t.Errorf("told to stop: %v", err)
	}
}

// A member that meets a bug or a machine that fails says which, what to do, and
// where the report is.
func TestHalts(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(data string) error
		code  int
		says  []string // on the terminal
		holds []string // the report
	}{
		{
			"a bug", // that wrote a position which is none
			func(data string) error {
				store, err := bolt.Open(filepath.Join(data, node.StoreFile), bolt.Options{})
				if err != nil {
					return err
				}
				return errors.Join(store.Update(func(tx storage.Tx) error {
					storage.Scoped(tx, storage.Local("position")).Put([]byte("now"), []byte("nowhere"))
					return nil
				}), store.Close())
			},
			exitBug,
			[]string{"node/consensus failed over *actor.Started: history: stored record", "This is a bug in Minimint", "once more"},
			[]string{"node/consensus", "*actor.Started", "2 in a row", "stored record", "history.go:", "This is a bug"},
		},
		{
			"a disk", // on which the pool cannot be opened
			func(data string) error { return os.Mkdir(filepath.Join(data, "pool.log"), 0o700) },
			exitMachine,
			[]string{"node/consensus: consensus: pool file", "is a directory", "disk that holds the member's directory does not work"},
			[]string{"node/consensus", "1 in a row", "is a directory", "does not work"},
		},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			dir, secrets := member(t)
			if err := c.spoil(filepath.Join(dir, "data")); err != nil {
				t.Fatal(err)
			}
			err := runIn(t.Context(), dir)
			var halt *daemon.HaltError
			if code, _ := explain(err); !errors.As(err, &halt) || code != c.code {
				t.Fatalf("exit code %d: %v", code, err)
			}
			report, readErr := os.ReadFile(halt.Report)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if info, _ := os.Stat(halt.Report); info.Mode() != 0o600 || filepath.Dir(halt.Report) != dir {
				t.Errorf("report %s with mode %v", halt.Report, info.Mode())
			}
			expect(t, "terminal", err.Error(), append(c.says, halt.Report)...)
			expect(t, "report", string(report), c.holds...)
			silent(t, secrets, err.Error()+string(report))
		})
	}
}

func expect(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("the %s does not say %q:\n%s", what, p, text)
		}
	}
}

// silent checks that no secret is in a text, in any usual form.
func silent(t *testing.T, s *keystore.Secrets, text string) {
	t.Helper()
	if strings.Contains(text, passphrase) {
		t.Error("the passphrase is told")
	}
	for _, secret := range append([]keystore.Secret{s.Identity, s.Wallet, s.Coin, s.Certificate, s.Contributions, s.Preimages}, s.Tiers...) {
		b := secret.Bytes()
		for _, form := range []string{string(b), hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), hex.EncodeToString(b[:8])} {
			if strings.Contains(text, form) {
				t.Error("a secret is told")
			}
		}
	}
}
