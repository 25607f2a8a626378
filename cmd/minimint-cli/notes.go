package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"minimint/actors/client"
	"minimint/actors/client/user"
	"minimint/cmd/terminal"
	"minimint/messages"
)

func spendCommand() *cli.Command {
	return &cli.Command{
		Name: "spend", ArgsUsage: "AMOUNT",
		Usage: "take out notes of exactly AMOUNT, to hand over",
		Description: "Prints a text that is the money: give it to one person only, over a channel that nobody else reads.\n" +
			"It stays in the history, so it is not lost; \"reclaim\" takes it back as long as nobody has cashed it.",
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 1, 1); err != nil {
				return err
			}
			amount, err := terminal.ParseAmount(c.Args().First())
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error {
				id, err := u.Spend(c.Context, amount)
				return finish(c, u, id, err, client.Token)
			})
		},
	}
}

// finish waits for an operation that was begun and prints its result.
func finish(c *cli.Context, u *user.User, id uint64, err error, text func(*client.Operation) string) error {
	if err != nil {
		return err
	}
	op, err := await(c, u, id)
	if err != nil {
		return err
	}
	if err := terminal.Print(c, recordOf(op), text(op)); err != nil {
		return err
	}
	linger(c, u, op)
	return nil
}

func receiveCommand() *cli.Command {
	return &cli.Command{
		Name: "receive", ArgsUsage: "NOTES|-",
		Usage:       "cash notes that somebody handed over",
		Description: "The notes are yours when this is done, and not before: until then whoever else has the text can cash them too.\nWith - they are read from standard input.",
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 1, -1); err != nil {
				return err
			}
			text, err := textOf(c)
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error {
				id, err := u.Receive(c.Context, text)
				return finish(c, u, id, err, func(op *client.Operation) string {
					got := messages.Amount(op.GetAmountMsat() - op.GetFeeMsat())
					return fmt.Sprintf("received %s (fee %s)", terminal.Show(got), terminal.Show(messages.Amount(op.GetFeeMsat())))
				})
			})
		},
	}
}

// maxText bounds what is read from standard input.
const maxText = 1 << 20

// textOf joins the arguments, or reads standard input if they are "-".
func textOf(c *cli.Context) (string, error) {
	if c.NArg() == 1 && c.Args().First() == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, maxText))
		if err != nil {
			return "", fmt.Errorf("read standard input: %w", err)
		}
		return string(b), nil
	}
	text := ""
	for _, a := range c.Args().Slice() {
		text += a + " "
	}
	return text, nil
}

func reclaimCommand() *cli.Command {
	return &cli.Command{
		Name: "reclaim", ArgsUsage: "OPERATION",
		Usage:       "take back notes that nobody has cashed, or turn a pending spend or withdrawal round",
		Description: "Exit code 3 says that somebody was faster.",
		Action: func(c *cli.Context) error {
			id, err := operationArg(c)
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error {
				back, err := u.Reclaim(c.Context, id)
				if err == nil && back == id {
					return turned(c, u, id)
				}
				return finish(c, u, back, err, func(op *client.Operation) string {
					return fmt.Sprintf("taken back: %s (fee %s)", terminal.Show(messages.Amount(op.GetAmountMsat()-op.GetFeeMsat())), terminal.Show(messages.Amount(op.GetFeeMsat())))
				})
			})
		},
	}
}

// turned waits for a pending operation that was told to turn round: its failure is
// what was asked for.
func turned(c *cli.Context, u *user.User, id uint64) error {
	op, err := await(c, u, id)
	var failed *client.FailedError
	switch {
	case errors.As(err, &failed):
		return terminal.Print(c, recordOf(op), fmt.Sprintf("operation %d: %s", id, op.GetText()))
	case err != nil:
		return err
	default:
		return terminal.Print(c, recordOf(op), fmt.Sprintf("operation %d was done already and cannot be turned round", id))
	}
}

func operationArg(c *cli.Context) (uint64, error) {
	if err := terminal.Args(c, 1, 1); err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(c.Args().First(), 10, 64)
	if err != nil {
		return 0, terminal.Usage("%q is no number of an operation; \"minimint-cli history\" lists them", c.Args().First())
	}
	return id, nil
}

func awaitCommand() *cli.Command {
	return &cli.Command{
		Name: "await", ArgsUsage: "OPERATION",
		Usage: "wait for the end of an operation",
		Action: func(c *cli.Context) error {
			id, err := operationArg(c)
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error { return finish(c, u, id, nil, line) })
		},
	}
}
