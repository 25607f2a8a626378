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
	"os"

	"minimint/cmd/terminal"
)

func main() { os.Exit(terminal.Run(newApp(), explain)) }
