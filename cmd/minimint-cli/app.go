package main

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/actors/client/user"
	"minimint/cmd/terminal"
)

const description = `Amounts are satoshi unless they have a unit: 1500, 1500sat, 250msat, 0.01btc.

Everything is an operation with a number. It is written down before anything is
sent, goes on after a crash or Ctrl-C with any later command, and is listed by
"history". "await NUMBER" waits for one.

EXIT CODES:
   0  done
   1  something failed here: disk, network, bitcoin node
   2  the command was not understood
   3  the federation refused, answers make no sense, or a Lightning payment failed
      and the money is back
   4  not enough money
   5  no end in time; the operation goes on with any later command

EXAMPLES:
   minimint-cli join minimint1aebag…
   minimint-cli join --restore minimint1aebag… < words.txt
   minimint-cli deposit-address
   minimint-cli --btcd localhost:18556 --btcd-cert rpc.cert await-deposit
   minimint-cli spend 0.0001btc > notes.txt
   minimint-cli receive - < notes.txt
   minimint-cli --json withdraw sb1q… 20000
   minimint-cli ln pay lnbc500u1…
   minimint-cli ln invoice --description "two coffees" --wait 2500`

func newApp() *cli.App {
	app := cli.NewApp()
	app.Name = "minimint-cli"
	app.Usage = "hold and move e-cash of a Minimint federation"
	app.Description = description
	app.Flags = []cli.Flag{
		&cli.StringFlag{Name: "dir", EnvVars: []string{"MINIMINT_DIR"}, Usage: "`DIRECTORY` of the client", Value: terminal.Home(".minimint"), DefaultText: "~/.minimint"},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
		&cli.DurationFlag{Name: "timeout", Usage: "how long to wait for an end", Value: 2 * time.Minute},
		&cli.BoolFlag{Name: "verbose", Usage: "log to standard error"},
	}
	app.Flags = append(app.Flags, terminal.BitcoinFlags()...)
	app.Commands = []*cli.Command{
		joinCommand(), infoCommand(), historyCommand(), awaitCommand(),
		depositCommand(), awaitDepositCommand(), withdrawCommand(),
		spendCommand(), receiveCommand(), reclaimCommand(),
		lnCommand(),
		wordsCommand(), restoreCommand(),
	}
	terminal.Prepare(app)
	return app
}

// config is what every command opens.
func config(c *cli.Context) (user.Config, error) {
	if c.String("dir") == "" {
		return user.Config{}, terminal.Usage("there is no home directory; name one with --dir")
	}
	level := slog.LevelError + 4 // nothing; errors are printed
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	cfg := user.Config{
		Dir: c.String("dir"), Now: time.Now(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
	return cfg, nil
}

// with opens the client for a command and closes it afterwards.
func with(c *cli.Context, do func(*user.User) error) error {
	cfg, err := config(c)
	if err != nil {
		return err
	}
	if cfg.Blocks, err = terminal.Bitcoin(c); err != nil {
		return err
	}
	u, err := user.Open(cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(u), u.Close())
}
