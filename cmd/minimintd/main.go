// Command minimintd runs one member of a federation.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"

	"minimint/actors/node/home"
	"minimint/cmd/minimintd/daemon"
	"minimint/cmd/terminal"
)

func main() { os.Exit(terminal.Run(app(), explain)) }

// Exit codes beside those of every program. Whatever starts members again relies on
// them: after a bug or a failure of the machine a person has to look first.
const (
	exitBug     = 3
	exitMachine = 4
)

// explain returns the exit code of an error and what to tell the operator.
func explain(err error) (int, string) {
	var halt *daemon.HaltError
	switch {
	case errors.As(err, &halt) && halt.World() != nil:
		return exitMachine, err.Error()
	case errors.As(err, &halt):
		return exitBug, err.Error()
	default:
		return terminal.Explain(err)
	}
}

func app() *cli.App {
	a := &cli.App{
		Name:  "minimintd",
		Usage: "run one member of a Minimint federation",
		Description: `A member needs its directory, as the key ceremony wrote it, and the passphrase of its secrets.

Examples:
   minimintd run --dir ~/minimint/member-0 --passphrase-file /run/secrets/minimint
   minimintd status --dir ~/minimint/member-0
   minimintd invite --dir ~/minimint/member-0

Exit codes: 0 stopped by a signal, 1 cannot start, 2 wrong usage, 3 halted by a bug, 4 halted because the disk failed.
Do not start a member again by itself after 3 and 4 (systemd: RestartPreventExitStatus=3 4): it says what to do.`,
		Commands: []*cli.Command{
			{
				Name:  "run",
				Usage: "run the member until it is told to stop (SIGINT or SIGTERM)",
				Description: `The passphrase is read from --passphrase-file, else from the systemd credential "passphrase", else asked for on the
terminal. It is never an argument, since arguments are visible to everybody on the machine.

A member may be killed at any moment: what it acknowledged is on disk, and it goes on from there. The same holds when the
machine loses power, unless node.json says "journal_sync": "never". Then the journal of consensus is written but not synced:
epochs are faster by the time that the disk takes, but a machine that loses power forgets what its member said last. The
member finds that out from the others and listens for two epochs; if more than f machines lose power at once, members may
contradict themselves and end with different states. The default is "always".

A member whose data is gone, or was restored from an old backup, finds out too: it follows the others, and says nothing until
it cannot contradict what it said before. So never run two copies of a member, and prefer no data to old data. If more than f
members listen at once nothing goes on: they wait for epochs that need them. Then their operators have to agree that no more than
f of them said anything that is lost, and start the others once with --trust-journal.

One that cannot trust its memory or its disk halts, and leaves a report in its directory, halt-TIME.txt, which holds no
secrets.`,
				Flags: append(dirFlags(), &cli.StringFlag{Name: "passphrase-file", Usage: "`FILE` that holds the passphrase of the secrets"}, &cli.StringFlag{Name: "log", Value: "info", Usage: "debug, info, warn or error"},
					&cli.BoolFlag{Name: "trust-journal", Usage: "do not listen although others remember more than the journal holds; only after operators agreed, see above"},
					&cli.StringFlag{Name: "cpu-profile", Usage: "write a CPU profile to `FILE` until the member stops, for go tool pprof"}),
				Action: run,
			},
			{
				Name:   "invite",
				Usage:  "print the invite code of the federation",
				Flags:  dirFlags(),
				Action: invite,
			},
			{
				Name:  "status",
				Usage: "ask the running member how it is",
				Description: `It is asked over its own socket, as a client would. Exit code 1 also says that the member has stopped, because its
state is not what the others agreed on.`,
				Flags: append(dirFlags(), &cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
					&cli.BoolFlag{Name: "metrics", Usage: "print what Prometheus reads"}),
				Action: status,
			},
		},
	}
	terminal.Prepare(a)
	return a
}

func dirFlags() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "dir", Usage: "the member's `DIRECTORY`", EnvVars: []string{"MINIMINT_MEMBER_DIR"}}}
}

func run(c *cli.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log"))); err != nil {
		return terminal.Usage("--log %q: want debug, info, warn or error", c.String("log"))
	}
	h, err := open(c)
	if err != nil {
		return err
	}
	passphrase, err := daemon.Passphrase(c.String("passphrase-file"))
	if err != nil {
		return err
	}
	if file := c.String("cpu-profile"); file != "" {
		stop, err := daemon.Profile(file)
		if err != nil {
			return err
		}
		defer stop()
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	return daemon.Run(c.Context, daemon.Config{Home: h, Passphrase: passphrase, Log: log, TrustJournal: c.Bool("trust-journal")})
}

// open reads the member's directory.
func open(c *cli.Context) (home.Home, error) {
	if c.String("dir") == "" {
		return home.Home{}, terminal.Usage("name the member's directory with --dir")
	}
	return home.Open(c.String("dir"))
}

func invite(c *cli.Context) error {
	h, err := open(c)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.App.Writer, h.Federation.Invite())
	return err
}
