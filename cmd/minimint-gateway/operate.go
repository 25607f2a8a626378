package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/urfave/cli/v2"

	"minimint/actors/client/keys"
	"minimint/actors/gateway/operator"
	"minimint/cmd/terminal"
	"minimint/messages"
	"minimint/messages/federation"
)

// ask has the gateway of the directory do something.
func ask(c *cli.Context, do func(context.Context, operator.Operator) error) error {
	dir, err := directory(c)
	if err != nil {
		return err
	}
	address, token, err := access(dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	return do(ctx, &operator.Remote{URL: "http://" + address, Token: token})
}

func federationFlag() cli.Flag {
	return &cli.StringFlag{Name: "federation", Usage: "`ID` of the federation, or how it begins, if there are several"}
}

func connectCommand() *cli.Command {
	return &cli.Command{
		Name: "connect", ArgsUsage: "INVITE",
		Usage: "work in the federation that an invite code names",
		Description: "The gateway becomes a client of the federation. To be listed there, and to pay users who are paid over Lightning,\n" +
			"it needs e-cash: \"deposit\" is next. To connect again changes nothing.",
		Flags: []cli.Flag{&cli.StringFlag{Name: "words-file", Usage: "`FILE` with seed words to use again"}},
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 1, 1); err != nil {
				return err
			}
			invite, err := federation.ParseInvite(c.Args().First())
			if err != nil {
				return terminal.Usage("%v", err)
			}
			request := operator.Connect{Invite: invite.String()}
			if file := c.String("words-file"); file != "" {
				b, err := os.ReadFile(file)
				if err != nil {
					return terminal.Usage("--words-file: %v", err)
				}
				if request.Words, err = keys.CleanWords(string(b)); err != nil {
					return terminal.Usage("--words-file: %v", err)
				}
			}
			return ask(c, func(ctx context.Context, o operator.Operator) error {
				f, err := o.Connect(ctx, request)
				if err != nil {
					return err
				}
				return terminal.Print(c, f, fmt.Sprintf("connected with %q (%s)\nkey  %s", f.Name, f.ID, f.Key))
			})
		},
	}
}

func depositCommand() *cli.Command {
	return &cli.Command{
		Name: "deposit", Usage: "print a fresh bitcoin address whose deposits become the gateway's e-cash",
		Description: "They do so by themselves, once they are deep enough in the chain, if the gateway was told of a btcd.",
		Flags:       []cli.Flag{federationFlag()},
		Action: func(c *cli.Context) error {
			return ask(c, func(ctx context.Context, o operator.Operator) error {
				f, err := find(ctx, o, c.String("federation"))
				if err != nil {
					return err
				}
				d, err := o.Deposit(ctx, operator.Deposit{Federation: f.ID})
				if err != nil {
					return err
				}
				return terminal.Print(c, d, d.Address)
			})
		},
	}
}

func withdrawCommand() *cli.Command {
	return &cli.Command{
		Name: "withdraw", ArgsUsage: "ADDRESS AMOUNT",
		Usage:       "pay AMOUNT of the gateway's e-cash to a bitcoin address",
		Description: "The bitcoin fee is paid on top. It has begun when this returns; what becomes of it is in \"info\".",
		Flags:       []cli.Flag{federationFlag(), &cli.StringFlag{Name: "max-fee", Usage: "the most `AMOUNT` that bitcoin may cost on top"}},
		Action: func(c *cli.Context) error {
			address, sats, limit, err := terminal.Payout(c)
			if err != nil {
				return err
			}
			request := operator.Withdraw{Address: address, Sats: sats, LimitSats: limit}
			return ask(c, func(ctx context.Context, o operator.Operator) error {
				if err := checkAddress(ctx, o, request.Address); err != nil {
					return err
				}
				f, err := find(ctx, o, c.String("federation"))
				if err != nil {
					return err
				}
				request.Federation = f.ID
				w, err := o.Withdraw(ctx, request)
				if err != nil {
					return err
				}
				return terminal.Print(c, w, fmt.Sprintf("operation %d pays %d sat to %s", w.Operation, request.Sats, request.Address))
			})
		},
	}
}

// checkAddress refuses what is no address of the gateway's network: the withdrawal
// would fail, but later.
func checkAddress(ctx context.Context, o operator.Operator, address string) error {
	info, err := o.Info(ctx)
	if err != nil {
		return err
	}
	network := networks[info.Network]
	if network == nil {
		return fmt.Errorf("the gateway is on the network %q, which nobody knows here", info.Network)
	}
	if a, err := btcutil.DecodeAddress(address, network); err != nil || !a.IsForNet(network) {
		return terminal.Usage("%q is no bitcoin address of the network %s", address, info.Network)
	}
	return nil
}

func feesCommand() *cli.Command {
	return &cli.Command{
		Name: "fees", Usage: "show what the gateway takes in a federation, or change it",
		Description: "A fee is a base and millionths of the amount: 2sat+5000ppm, 250msat, 1000ppm. For sending it is all that a user pays\n" +
			"above the amount, so it must leave room for routing.",
		Flags: []cli.Flag{
			federationFlag(),
			&cli.StringFlag{Name: "send", Usage: "`FEE` for paying an invoice"},
			&cli.StringFlag{Name: "receive", Usage: "`FEE` for taking a payment; the payer pays it"},
		},
		Action: func(c *cli.Context) error {
			settings := operator.Settings{}
			var err error
			if settings.Send, err = feeFlag(c, "send"); err != nil {
				return err
			}
			if settings.Receive, err = feeFlag(c, "receive"); err != nil {
				return err
			}
			return set(c, settings, settings.Send != nil || settings.Receive != nil, func(f operator.Federation) string {
				return fmt.Sprintf("%s: send %s, receive %s", f.Name, showFee(f.Send), showFee(f.Receive))
			})
		},
	}
}

// feeFlag is the fee that a flag names, nil if it is not there.
func feeFlag(c *cli.Context, flag string) (*operator.Fee, error) {
	if !c.IsSet(flag) {
		return nil, nil
	}
	fee, err := parseFee(c.String(flag))
	return &fee, err
}

func limitsCommand() *cli.Command {
	return &cli.Command{
		Name: "limits", Usage: "show how much the gateway risks in a federation, or change it",
		Description: "If a federation fails, its e-cash is lost, and what was paid for contracts in it. \"none\" is no limit.",
		Flags: []cli.Flag{
			federationFlag(),
			&cli.StringFlag{Name: "payment", Usage: "the most `AMOUNT` of one payment"},
			&cli.StringFlag{Name: "exposure", Usage: "the most `AMOUNT` of e-cash and open payments together"},
		},
		Action: func(c *cli.Context) error {
			change := c.IsSet("payment") || c.IsSet("exposure")
			return changeLimits(c, change)
		},
	}
}

// changeLimits sets the limits that the flags name; the other stays as it is.
func changeLimits(c *cli.Context, change bool) error {
	text := func(f operator.Federation) string {
		return fmt.Sprintf("%s: payment %s, exposure %s (now %s)", f.Name, showLimit(f.Limits.PaymentMsat), showLimit(f.Limits.ExposureMsat), terminal.Show(f.ExposureMsat))
	}
	if !change {
		return set(c, operator.Settings{}, false, text)
	}
	given := map[string]messages.Amount{}
	for _, flag := range []string{"payment", "exposure"} {
		if !c.IsSet(flag) {
			continue
		}
		limit, err := parseLimit(c.String(flag))
		if err != nil {
			return err
		}
		given[flag] = limit
	}
	return ask(c, func(ctx context.Context, o operator.Operator) error {
		f, err := find(ctx, o, c.String("federation"))
		if err != nil {
			return err
		}
		limits := f.Limits
		if v, ok := given["payment"]; ok {
			limits.PaymentMsat = v
		}
		if v, ok := given["exposure"]; ok {
			limits.ExposureMsat = v
		}
		if f, err = o.Set(ctx, operator.Settings{Federation: f.ID, Limits: &limits}); err != nil {
			return err
		}
		return terminal.Print(c, f, text(f))
	})
}

// set changes settings if there is a change, and prints how they are.
func set(c *cli.Context, settings operator.Settings, change bool, text func(operator.Federation) string) error {
	return ask(c, func(ctx context.Context, o operator.Operator) error {
		f, err := find(ctx, o, c.String("federation"))
		if err != nil {
			return err
		}
		if settings.Federation = f.ID; change {
			if f, err = o.Set(ctx, settings); err != nil {
				return err
			}
		}
		return terminal.Print(c, f, text(f))
	})
}

// find returns the federation whose id begins so; without a name, the only one.
func find(ctx context.Context, o operator.Operator, name string) (operator.Federation, error) {
	info, err := o.Info(ctx)
	if err != nil {
		return operator.Federation{}, err
	}
	var found []operator.Federation
	for _, f := range info.Federations {
		if strings.HasPrefix(f.ID, strings.ToLower(name)) {
			found = append(found, f)
		}
	}
	switch {
	case len(info.Federations) == 0:
		return operator.Federation{}, terminal.Usage("the gateway works in no federation yet; \"minimint-gateway connect INVITE\" is first")
	case len(found) == 0:
		return operator.Federation{}, terminal.Usage("no federation's id begins with %q; \"minimint-gateway federations\" lists them", name)
	case len(found) > 1:
		return operator.Federation{}, terminal.Usage("there are %d such federations; name one with --federation", len(found))
	}
	return found[0], nil
}

// parseFee reads a fee: an amount, millionths, or both with a + between.
func parseFee(text string) (operator.Fee, error) {
	var fee operator.Fee
	bad := terminal.Usage("fee %q: write it as 2sat+5000ppm, 250msat, 1000ppm or 0", text)
	for _, part := range strings.Split(strings.ToLower(strings.ReplaceAll(text, " ", "")), "+") {
		if number, ok := strings.CutSuffix(part, "ppm"); ok {
			ppm, err := strconv.ParseUint(number, 10, 32)
			if err != nil || fee.PPM != 0 || ppm > 1_000_000 {
				return fee, bad
			}
			fee.PPM = uint32(ppm)
			continue
		}
		if fee.BaseMsat != 0 {
			return fee, bad
		}
		if part == "0" || part == "0sat" {
			continue
		}
		var err error
		if fee.BaseMsat, err = terminal.ParseAmount(part); err != nil {
			return fee, bad
		}
	}
	return fee, nil
}

func showFee(f operator.Fee) string {
	return fmt.Sprintf("%s+%dppm", strings.ReplaceAll(terminal.Show(f.BaseMsat), " ", ""), f.PPM)
}

// parseLimit reads an amount, or "none".
func parseLimit(text string) (messages.Amount, error) {
	if text == "none" {
		return 0, nil
	}
	return terminal.ParseAmount(text)
}

func showLimit(a messages.Amount) string {
	if a == 0 {
		return "none"
	}
	return terminal.Show(a)
}
