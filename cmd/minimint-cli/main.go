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
	"os"

	"minimint/cmd/terminal"
)

func main() { os.Exit(terminal.Run(newApp(), explain)) }
