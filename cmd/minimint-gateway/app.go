package main

import (
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/cmd/terminal"
)

const description = `A gateway holds e-cash in federations and a Lightning node. It pays Lightning invoices for
users, who pay it in e-cash, and takes Lightning payments for them, for which it pays them
in e-cash. It needs an lnd that runs with --requireinterceptor, has channels, and is used
by nobody else for this.

"run" is the gateway. Everything else asks the gateway that runs with the same --dir.

Amounts are satoshi unless they have a unit: 1500, 1500sat, 250msat, 0.01btc.

EXIT CODES:
   0  done
   1  something failed: disk, network, Lightning node, federation, or no gateway runs
   2  the command was not understood, or asks for what makes no sense
   5  no end in time

EXAMPLES:
   lncli bakemacaroon --save_to gateway.macaroon info:read offchain:read offchain:write
   minimint-gateway run --lnd localhost:10009 --macaroon gateway.macaroon --tls-cert ~/.lnd/tls.cert
   minimint-gateway connect minimint1aebag…
   minimint-gateway deposit                          pay to this address; it becomes e-cash
   minimint-gateway fees --send 2sat+5000ppm --receive 1sat+1000ppm
   minimint-gateway limits --payment 0.01btc --exposure 0.1btc
   minimint-gateway --json payments --limit 20`

func newApp() *cli.App {
	app := cli.NewApp()
	app.Name = "minimint-gateway"
	app.Usage = "run a Lightning gateway of Minimint federations"
	app.Description = description
	app.Flags = []cli.Flag{
		&cli.StringFlag{Name: "dir", EnvVars: []string{"MINIMINT_GATEWAY_DIR"}, Usage: "`DIRECTORY` of the gateway", Value: terminal.Home(".minimint-gateway"), DefaultText: "~/.minimint-gateway"},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
		&cli.DurationFlag{Name: "timeout", Usage: "how long the gateway may take to answer", Value: time.Minute},
	}
	app.Commands = []*cli.Command{
		runCommand(),
		infoCommand(), balanceCommand(), paymentsCommand(), federationsCommand(),
		connectCommand(), feesCommand(), limitsCommand(),
		depositCommand(), withdrawCommand(),
	}
	terminal.Prepare(app)
	return app
}

// directory is the gateway's.
func directory(c *cli.Context) (string, error) {
	dir := c.String("dir")
	if dir == "" {
		return "", terminal.Usage("there is no home directory; name one with --dir")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", terminal.Usage("--dir: %v", err)
	}
	return dir, nil
}
