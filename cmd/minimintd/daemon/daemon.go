// Package daemon runs a member from its directory until it is told to stop.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"golang.org/x/term"

	"minimint/actors/chain/btcd"
	"minimint/actors/consensus"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/module/wallet"
	"minimint/actors/node"
	"minimint/actors/node/home"
	"minimint/messages/wire"
)

// Config says what to run. Twist may be nil; it is for members that are made to
// lie on purpose.
type Config struct {
	Home       home.Home
	Passphrase string
	Log        *slog.Logger
	// TrustJournal is the operator's word, see hbbft.Config.TrustJournal.
	TrustJournal bool
	Twist        func(*wire.ClientReply)
}

// Run runs the member. It returns nil when ctx ends, a *HaltError if the member
// must not go on, which may be found out at its start, and any other error if it
// cannot start.
func Run(ctx context.Context, cfg Config) error {
	secrets, err := cfg.Home.Secrets(cfg.Passphrase)
	if err != nil {
		return err
	}
	lost, err := cfg.Home.Lost()
	if err != nil {
		return err
	}
	if lost {
		cfg.Log.Warn("this member has no data although it is not new: it gets the state from the others, and takes no part in consensus until it has found out where it may have been",
			slog.String("directory", cfg.Home.DataDir()))
	}
	unsynced := cfg.Home.Settings.JournalSync == home.SyncNever
	if unsynced {
		cfg.Log.Warn("journal_sync is never: if this machine loses power the member forgets what it said last, and if more than f machines do so at once the federation may end with different states")
	}
	ends := make(chan *node.Halt, 1)
	settings := node.Config{
		Federation: cfg.Home.Federation, Self: cfg.Home.Settings.Member, Secrets: secrets, DataDir: cfg.Home.DataDir(),
		Past:            consensus.Past{Retain: cfg.Home.Settings.KeepEpochs, Lost: lost},
		UnsyncedJournal: unsynced, TrustJournal: cfg.TrustJournal,
		Listen: cfg.Home.Settings.Listen, Incarnation: uint64(time.Now().UnixNano()), Log: cfg.Log, Twist: cfg.Twist,
		Ports: node.Ports{Convicting: func(f protocol.Fault) {
			if err := cfg.Home.KeepEvidence(f); err != nil {
				cfg.Log.Warn("what convicts a member is not kept", slog.Any("error", err))
			}
		}},
		Exit: func(reason any) {
			select {
			case ends <- reason.(*node.Halt):
			default: // it halts already
			}
		},
	}
	if cfg.Home.Settings.Bitcoin != nil {
		if settings.Bitcoin, err = backend(cfg.Home); err != nil {
			return err
		}
	}
	n, err := node.Start(settings)
	if err != nil {
		return halted(cfg.Home.Dir, err)
	}
	if err := cfg.Home.Started(); err != nil {
		n.Stop()
		return err
	}
	member := cfg.Home.Federation.Members[settings.Self]
	cfg.Log.Info("member runs", slog.Int("member", int(settings.Self)), slog.String("name", member.Name),
		slog.String("listen", settings.Listen), slog.String("federation", cfg.Home.Federation.ID().String()))
	select {
	case <-ctx.Done():
		n.Stop()
		return nil
	case h := <-ends:
		// Nothing is stopped in good order: what is in memory is not trusted.
		return halted(cfg.Home.Dir, h)
	}
}

func backend(h home.Home) (*btcd.Node, error) {
	w, err := wallet.FromFederation(h.Federation)
	if err != nil {
		return nil, err
	}
	rpc, err := h.Settings.Bitcoin.RPC()
	if err != nil {
		return nil, err
	}
	return btcd.New(rpc, w.Network)
}

// Passphrase reads the passphrase of the secrets from a file, else from the
// systemd credential "passphrase", else from the terminal, without showing it.
func Passphrase(file string) (string, error) {
	if file == "" {
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
			file = filepath.Join(dir, "passphrase")
		}
	}
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("passphrase: %w", err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", errors.New("no passphrase: give --passphrase-file, or run on a terminal to be asked")
	}
	fmt.Fprint(os.Stderr, "Passphrase of this member's secrets: ")
	b, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("passphrase: %w", err)
	}
	return string(b), nil
}

// Profile writes a CPU profile to a file until stop is called.
func Profile(file string) (stop func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("CPU profile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
