// Command minimint-dev runs a whole federation on this machine: for the demo,
// and for whoever wants to play with one. Its money is worth nothing and its
// secrets are protected by a passphrase that everybody knows.
package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-dev/bench"
	"minimint/cmd/minimint-dev/torture"
	"minimint/cmd/terminal"
)

func main() { os.Exit(terminal.Run(app(), terminal.Explain)) }

func app() *cli.App {
	a := &cli.App{
		Name:  "minimint-dev",
		Usage: "a federation of four with its own bitcoin node, on this machine, for development",
		Description: `Everything listens on loopback. The money is play money.

Examples:
   minimint-dev demo --btcd PATH       tell the whole story and stop
   minimint-dev demo-lightning --btcd PATH --lnd PATH
                                       tell how users pay and are paid over Lightning, and stop
   minimint-dev up --btcd PATH         run a federation in the background
   minimint-dev status                 who is there, epoch, state, audit
   minimint-dev pay ADDRESS 1000000    send play money, and mine until the federation has seen it
   minimint-dev down                   stop it, and remove it
   minimint-dev torture --btcd PATH    kill nodes and wallets again and again, and check that nothing is lost

Exit codes: 0 done, 1 failure, 2 wrong usage.`,
		Commands: []*cli.Command{
			{Name: "demo", Usage: "tell the story from deposit to withdrawal, verifying each step", Flags: append(btcdFlags(), keepFlag()), Action: demo},
			{Name: "demo-lightning", Usage: "tell the story of Lightning, verifying each step against lnd", Flags: append(btcdFlags(), lndFlag(), keepFlag(), killsFlag(), seedFlag()), Action: demoLightning},
			{Name: "up", Usage: "run a federation in the background; with --lnd also two Lightning nodes and a gateway", Flags: append(btcdFlags(), lndFlag(), dirFlag()), Action: up},
			{Name: "down", Usage: "stop the federation in the background and remove it", Flags: []cli.Flag{dirFlag()}, Action: down},
			{Name: "status", Usage: "show what each member says of itself", Flags: []cli.Flag{dirFlag(), jsonFlag()}, Action: status},
			{Name: "invite", Usage: "print the invite code", Flags: []cli.Flag{dirFlag()}, Action: invite},
			{Name: "env", Usage: "print shell settings that tell minimint-cli where the bitcoin node is, and minimint-gateway where the gateway is", Flags: []cli.Flag{dirFlag()}, Action: env},
			{Name: "pay", Usage: "send SATOSHI of play money to ADDRESS, and mine until the federation has seen it", ArgsUsage: "ADDRESS SATOSHI", Flags: []cli.Flag{dirFlag()}, Action: pay},
			{Name: "mine", Usage: "mine BLOCKS", ArgsUsage: "BLOCKS", Flags: []cli.Flag{dirFlag()}, Action: mine},
			{Name: "far-invoice", Usage: "print an invoice of the Lightning node that is not the gateway's", ArgsUsage: "SATOSHI", Flags: []cli.Flag{dirFlag()}, Action: farInvoice},
			{Name: "far-pay", Usage: "have that node pay INVOICE", ArgsUsage: "INVOICE", Flags: []cli.Flag{dirFlag()}, Action: farPay},
			bench.Command(append(btcdFlags(), lndFlag()), config),
			torture.Command(btcdFlags(), config),
			{Name: "host", Hidden: true, Usage: "hold a federation until told to stop (what up starts)", Flags: append(btcdFlags(), lndFlag(), dirFlag()), Action: host},
			{Name: "liar", Hidden: true, Usage: "run a member that lies to clients", Flags: liarFlags(), Action: liar},
		},
	}
	terminal.Prepare(a)
	return a
}
