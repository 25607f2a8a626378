package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/urfave/cli/v2"

	"minimint/actors/chain/btcd"
	"minimint/actors/chain/btcd/rpc"
	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/user"
	"minimint/messages"
)

// rpcTimeout ends a call to the bitcoin node.
const rpcTimeout = 15 * time.Second

// bitcoin returns the user's own view of the chain, nil if none is configured.
func bitcoin(c *cli.Context) (func(*chaincfg.Params) (client.Blocks, error), error) {
	address := c.String("btcd")
	if address == "" {
		return nil, nil
	}
	cfg := rpc.Config{Address: address, User: c.String("btcd-user"), Timeout: rpcTimeout}
	var err error
	if cfg.Certificate, err = os.ReadFile(c.String("btcd-cert")); err != nil {
		return nil, usage("--btcd-cert: %v", err)
	}
	if file := c.String("btcd-password-file"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, usage("--btcd-password-file: %v", err)
		}
		cfg.Password = strings.TrimSpace(string(b))
	}
	return func(network *chaincfg.Params) (client.Blocks, error) { return btcd.New(cfg, network) }, nil
}

func depositCommand() *cli.Command {
	return &cli.Command{
		Name: "deposit-address", Usage: "print a fresh bitcoin address that only you can claim",
		Description: "Pay to it as often as you like; each payment becomes notes of its own. Then run await-deposit.",
		Action: func(c *cli.Context) error {
			if err := args(c, 0, 0); err != nil {
				return err
			}
			return with(c, func(u *user.User) error {
				id, err := u.Deposit(c.Context)
				if err != nil {
					return err
				}
				op, err := u.Operation(id)
				if err != nil {
					return err
				}
				return print(c, recordOf(op), op.GetDeposit().GetAddress())
			})
		},
	}
}

func awaitDepositCommand() *cli.Command {
	return &cli.Command{
		Name: "await-deposit", ArgsUsage: "[ADDRESS|OPERATION]",
		Usage:       "wait until a deposit has arrived, and claim it",
		Description: "Without an argument it waits for the newest address that nothing has been paid to. It needs a btcd of your own: --btcd, --btcd-user, --btcd-password-file, --btcd-cert, or MINIMINT_BTCD….",
		Action: func(c *cli.Context) error {
			if err := args(c, 0, 1); err != nil {
				return err
			}
			if c.String("btcd") == "" {
				return usage("deposits are found in the bitcoin chain: name your btcd with --btcd")
			}
			return with(c, func(u *user.User) error {
				id, err := depositOf(c, u)
				if err != nil {
					return err
				}
				op, err := await(c, u, id)
				if err != nil {
					return err
				}
				return printClaims(c, u, op)
			})
		},
	}
}

// depositOf finds the deposit that the argument names.
func depositOf(c *cli.Context, u *user.User) (uint64, error) {
	ops, err := u.Operations()
	if err != nil {
		return 0, err
	}
	want := c.Args().First()
	id := uint64(0)
	for _, op := range ops {
		d := op.GetDeposit()
		switch {
		case d == nil:
		case want == "" && op.GetState() == clientwire.State_STATE_PENDING,
			want == d.GetAddress(), want == strconv.FormatUint(op.GetId(), 10):
			id = op.GetId()
		}
	}
	if id == 0 {
		return 0, usage("there is no such deposit; \"minimint-cli deposit-address\" makes an address")
	}
	return id, nil
}

func printClaims(c *cli.Context, u *user.User, deposit *client.Operation) error {
	ops, err := u.Operations()
	if err != nil {
		return err
	}
	var claims []record
	got := messages.Amount(0)
	for _, op := range ops {
		if op.GetParent() == deposit.GetId() && op.GetClaim() != nil {
			claims = append(claims, recordOf(op))
			if op.GetState() == clientwire.State_STATE_DONE {
				got += messages.Amount(op.GetAmountMsat() - op.GetFeeMsat())
			}
		}
	}
	value := struct {
		record
		Claims []record `json:"claims"`
	}{recordOf(deposit), claims}
	return print(c, value, fmt.Sprintf("received %s", show(got)))
}

func withdrawCommand() *cli.Command {
	return &cli.Command{
		Name: "withdraw", ArgsUsage: "ADDRESS AMOUNT",
		Usage:       "pay AMOUNT to a bitcoin address",
		Description: "The bitcoin fee is paid on top. Prints the bitcoin transaction.",
		Flags:       []cli.Flag{&cli.StringFlag{Name: "max-fee", Usage: "the most `AMOUNT` that bitcoin may cost on top"}},
		Action: func(c *cli.Context) error {
			if err := args(c, 2, 2); err != nil {
				return err
			}
			sats, err := parseSats(c.Args().Get(1))
			if err != nil {
				return err
			}
			limit := uint64(0)
			if text := c.String("max-fee"); text != "" {
				if limit, err = parseSats(text); err != nil {
					return err
				}
			}
			return with(c, func(u *user.User) error {
				id, err := u.Withdraw(c.Context, c.Args().First(), sats, limit)
				return finish(c, u, id, err, func(op *client.Operation) string { return recordOf(op).Txid })
			})
		},
	}
}
