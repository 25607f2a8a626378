package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/user"
	"minimint/cmd/terminal"
	"minimint/messages"
)

func depositCommand() *cli.Command {
	return &cli.Command{
		Name: "deposit-address", Usage: "print a fresh bitcoin address that only you can claim",
		Description: "Pay to it as often as you like; each payment becomes notes of its own. Then run await-deposit.",
		Action: func(c *cli.Context) error {
			return with(c, func(u *user.User) error {
				id, err := u.Deposit(c.Context)
				if err != nil {
					return err
				}
				op, err := u.Operation(id)
				if err != nil {
					return err
				}
				return terminal.Print(c, recordOf(op), op.GetDeposit().GetAddress())
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
			if err := terminal.Args(c, 0, 1); err != nil {
				return err
			}
			if c.String("btcd") == "" {
				return terminal.Usage("deposits are found in the bitcoin chain: name your btcd with --btcd")
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
		return 0, terminal.Usage("there is no such deposit; \"minimint-cli deposit-address\" makes an address")
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
	return terminal.Print(c, value, fmt.Sprintf("received %s", terminal.Show(got)))
}

func withdrawCommand() *cli.Command {
	return &cli.Command{
		Name: "withdraw", ArgsUsage: "ADDRESS AMOUNT",
		Usage:       "pay AMOUNT to a bitcoin address",
		Description: "The bitcoin fee is paid on top. Prints the bitcoin transaction.",
		Flags:       []cli.Flag{&cli.StringFlag{Name: "max-fee", Usage: "the most `AMOUNT` that bitcoin may cost on top"}},
		Action: func(c *cli.Context) error {
			address, sats, limit, err := terminal.Payout(c)
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error {
				id, err := u.Withdraw(c.Context, address, sats, limit)
				return finish(c, u, id, err, func(op *client.Operation) string { return recordOf(op).Txid })
			})
		},
	}
}
