// Command minimint-gateway runs a Lightning gateway of Minimint federations, and asks
// a running one.
//
//	minimint-gateway run --lnd localhost:10009 --macaroon gateway.macaroon --tls-cert tls.cert
//	minimint-gateway connect INVITE
//	minimint-gateway deposit
//	minimint-gateway info
//
// run is the gateway; all other commands talk to it over its operator's interface, with
// the token that run leaves in the gateway's directory. Results go to standard output,
// as text or with --json as one object. Exit codes: see exit.go and --help.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"minimint/cmd/terminal"
)

func main() { os.Exit(run(os.Args)) }

// run is main with an exit code, so that tests can be the command.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newApp().RunContext(ctx, args)
	if err == nil {
		return terminal.ExitOK
	}
	code, text := explain(err)
	fmt.Fprintln(os.Stderr, "minimint-gateway: "+text)
	return code
}
