// Command minimint-cli holds and moves e-cash of a Minimint federation.
//
//	minimint-cli join INVITE
//	minimint-cli deposit-address
//	minimint-cli await-deposit
//	minimint-cli spend 1500
//	minimint-cli receive minimintnotes1…
//	minimint-cli withdraw ADDRESS 20000
//
// Results go to standard output, as text or with --json as one object; progress,
// and members that were caught lying, go to standard error. Exit codes: see
// exit.go and --help.
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
	fmt.Fprintln(os.Stderr, "minimint-cli: "+text)
	return code
}
