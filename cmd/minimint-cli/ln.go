package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/user"
	"minimint/actors/module/lightning/terms"
	"minimint/cmd/terminal"
	"minimint/messages"
)

func lnCommand() *cli.Command {
	return &cli.Command{
		Name: "ln", Usage: "pay and be paid over Lightning",
		Description: "Gateways, which the federation lists, pay Lightning invoices for e-cash and the other way round. They cannot take\n" +
			"anything: a payment ends either with the proof that it was made, or with the money back.",
		Subcommands: []*cli.Command{lnPayCommand(), lnInvoiceCommand(), lnAwaitCommand(), lnGatewaysCommand(), lnRefundCommand()},
	}
}

func gatewayFlag() cli.Flag {
	return &cli.StringFlag{Name: "gateway", Usage: "`KEY` of the only gateway to use; \"ln gateways\" lists them"}
}

// gatewayKey is the key that the flag names, nil if it names none.
func gatewayKey(c *cli.Context) ([]byte, error) {
	text := c.String("gateway")
	if text == "" {
		return nil, nil
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, terminal.Usage("--gateway %q: want a key of 64 hexadecimal digits; \"minimint-cli ln gateways\" lists them", text)
	}
	return key, nil
}

func lnPayCommand() *cli.Command {
	return &cli.Command{
		Name: "pay", ArgsUsage: "INVOICE|-",
		Usage: "pay a Lightning invoice",
		Description: "Shows the fee and asks. With --yes, --json or without a terminal it does not ask; then, unless --max-fee allows more,\n" +
			"a gateway may take 1 % of the amount, and in any case 10 sat. Prints the preimage, which proves the payment.\n" +
			"Exit code 3 says that it was not paid; then the money is back.\n" +
			"An invoice that was paid already is not paid again. With - it is read from standard input.",
		Flags: []cli.Flag{
			gatewayFlag(),
			&cli.StringFlag{Name: "max-fee", Usage: "the most `AMOUNT` that a gateway may take"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
		},
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 1, 1); err != nil {
				return err
			}
			invoice, err := textOf(c)
			if err != nil {
				return err
			}
			var o client.PayOptions
			if o.Gateway, err = gatewayKey(c); err != nil {
				return err
			}
			if text := c.String("max-fee"); text != "" {
				if o.MaxFee, err = terminal.ParseAmount(text); err != nil {
					return err
				}
			}
			return with(c, func(u *user.User) error { return lnPay(c, u, strings.TrimSpace(invoice), o) })
		},
	}
}

// lnPay shows what it would cost, pays, and prints what came of it.
func lnPay(c *cli.Context, u *user.User, invoice string, o client.PayOptions) error {
	asking, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	q, err := u.Quote(asking, invoice, o)
	if err != nil && q.Operation == 0 {
		return err
	}
	if q.Operation != 0 {
		fmt.Fprintf(c.App.ErrWriter, "operation %d pays this invoice already; nothing is paid twice\n", q.Operation)
		return finish(c, u, q.Operation, nil, paid)
	}
	fmt.Fprintln(c.App.ErrWriter, offered(q))
	agreed, err := agree(c, q, o.MaxFee)
	if err != nil {
		return err
	}
	o.MaxFee = agreed
	id, err := u.Pay(asking, invoice, o)
	return finish(c, u, id, err, paid)
}

// offered says what paying would cost.
func offered(q client.PayQuote) string {
	text := "pays " + terminal.Show(q.Invoice.Amount)
	if q.Invoice.Description != "" {
		text += fmt.Sprintf(" for %q", q.Invoice.Description)
	}
	if q.Internal {
		return text + fmt.Sprintf(" to a user of this federation, without Lightning; the federation takes %s", terminal.Show(q.FederationFee))
	}
	return text + fmt.Sprintf("; gateway %s takes %s, the federation %s", nameOf(q.Gateway), terminal.Show(q.Fee), terminal.Show(q.FederationFee))
}

func nameOf(g client.Gateway) string { return fmt.Sprintf("%q (%x…)", g.Name, g.Key[:4]) }

// leastLimit and limitShare are what a gateway may take without a limit of the user's,
// and nobody to ask: whichever is more.
const (
	leastLimit = 10 * messages.Sat
	limitShare = 100
)

// agree returns what the gateway may take at most: what was shown to the user who
// said yes, or the user's limit, or one that is safe.
func agree(c *cli.Context, q client.PayQuote, limit messages.Amount) (messages.Amount, error) {
	if limit != 0 {
		return limit, nil
	}
	if !c.Bool("yes") && !c.Bool("json") && term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Fprint(c.App.ErrWriter, "pay? [y/N] ")
		answer, err := bufio.NewReader(io.LimitReader(os.Stdin, maxText)).ReadString('\n')
		if err != nil && err != io.EOF {
			return 0, fmt.Errorf("read the answer: %w", err)
		}
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return 0, terminal.Usage("not paid")
		}
		return max(q.Fee, 1), nil
	}
	limit = max(leastLimit, q.Invoice.Amount/limitShare)
	if q.Fee > limit && !q.Internal {
		return 0, fmt.Errorf("%w: it is %s, and without --max-fee no more than %s is paid", client.ErrFee, terminal.Show(q.Fee), terminal.Show(limit))
	}
	fmt.Fprintf(c.App.ErrWriter, "the gateway may take at most %s; --max-fee changes that\n", terminal.Show(limit))
	return limit, nil
}

// paid is a payment for people.
func paid(op *client.Operation) string {
	return fmt.Sprintf("paid %s (fee %s)\npreimage %x", terminal.Show(messages.Amount(op.GetAmountMsat())), terminal.Show(messages.Amount(op.GetFeeMsat())), op.GetPay().GetPreimage())
}

func lnInvoiceCommand() *cli.Command {
	return &cli.Command{
		Name: "invoice", ArgsUsage: "AMOUNT",
		Usage: "ask for a payment over Lightning: print an invoice",
		Description: "The payer pays a gateway's fee on top. The money arrives while a command of this client runs:\n" +
			"\"await\" waits for it. Users of the same federation can pay it too; then no Lightning is needed.",
		Flags: []cli.Flag{
			gatewayFlag(),
			&cli.StringFlag{Name: "description", Usage: "`TEXT` that the payer sees"},
			&cli.DurationFlag{Name: "life", Usage: "how long it can be paid (default: 1h)"},
			&cli.BoolFlag{Name: "wait", Usage: "wait for the payment; with --json the invoice is printed to standard error"},
		},
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 1, 1); err != nil {
				return err
			}
			o := client.InvoiceOptions{Description: c.String("description"), Life: c.Duration("life")}
			var err error
			if o.Amount, err = terminal.ParseAmount(c.Args().First()); err != nil {
				return err
			}
			if o.Gateway, err = gatewayKey(c); err != nil {
				return err
			}
			if o.Life < 0 {
				return terminal.Usage("--life %s: it must be more than nothing", o.Life)
			}
			return with(c, func(u *user.User) error { return lnInvoice(c, u, o) })
		},
	}
}

func lnInvoice(c *cli.Context, u *user.User, o client.InvoiceOptions) error {
	asking, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	op, err := u.Invoice(asking, o)
	if err != nil {
		return err
	}
	text := op.GetInvoice().GetText()
	if !c.Bool("wait") {
		if err := terminal.Print(c, recordOf(op), text); err != nil || c.Bool("json") {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "\"minimint-cli await %d\" waits for the payment\n", op.GetId())
		return nil
	}
	to := c.App.Writer
	if c.Bool("json") {
		to = c.App.ErrWriter
	}
	fmt.Fprintln(to, text)
	return finish(c, u, op.GetId(), nil, received)
}

// received is a payment that came, for people.
func received(op *client.Operation) string {
	return fmt.Sprintf("received %s (fee %s)", terminal.Show(messages.Amount(op.GetAmountMsat()-op.GetFeeMsat())), terminal.Show(messages.Amount(op.GetFeeMsat())))
}

func lnAwaitCommand() *cli.Command {
	return &cli.Command{
		Name: "await", ArgsUsage: "OPERATION",
		Usage:       "wait for the end of a payment or of an invoice",
		Description: "\"minimint-cli await\" does the same, for all operations.",
		Action: func(c *cli.Context) error {
			id, err := operationArg(c)
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error {
				return finish(c, u, id, nil, func(op *client.Operation) string {
					switch {
					case op.GetPay() != nil:
						return paid(op)
					case op.GetInvoice() != nil:
						return received(op)
					}
					return line(op)
				})
			})
		},
	}
}

func lnRefundCommand() *cli.Command {
	return &cli.Command{
		Name: "refund", ArgsUsage: "OPERATION",
		Usage: "turn round a payment that is not over",
		Description: "Asks the gateway to give it up. If it has tried to pay already, only its own end or the contract's expiry brings the\n" +
			"money back; both happen by themselves.",
		Action: func(c *cli.Context) error {
			id, err := operationArg(c)
			if err != nil {
				return err
			}
			return with(c, func(u *user.User) error { return lnRefund(c, u, id) })
		},
	}
}

func lnRefund(c *cli.Context, u *user.User, id uint64) error {
	op, err := u.Operation(id)
	if err != nil {
		return err
	}
	if op.GetPay() == nil {
		return terminal.Usage("operation %d is no payment over Lightning; \"minimint-cli history\" lists them", id)
	}
	if op.GetState() == clientwire.State_STATE_PENDING {
		if _, err := u.Reclaim(c.Context, id); err != nil {
			return err
		}
	}
	return turned(c, u, id)
}

func lnGatewaysCommand() *cli.Command {
	return &cli.Command{
		Name: "gateways", Usage: "list the federation's gateways and what they take",
		Description: "Those that the operators know are marked \"vetted\". What this client has seen of a gateway stands at the end.",
		Action: func(c *cli.Context) error {
			return with(c, func(u *user.User) error { return lnGateways(c, u) })
		},
	}
}

func lnGateways(c *cli.Context, u *user.User) error {
	asking, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	list, err := u.Gateways(asking)
	if err != nil {
		return err
	}
	rows, lines := []gatewayRow{}, []string{}
	for _, g := range list {
		rows, lines = append(rows, rowOf(g)), append(lines, showGateway(g))
	}
	if len(lines) == 0 {
		lines = append(lines, "no gateway is listed")
	}
	return terminal.Print(c, map[string]any{"gateways": rows}, strings.Join(lines, "\n"))
}

// gatewayRow is a gateway in JSON.
type gatewayRow struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	API     string `json:"api"`
	Node    string `json:"node"`
	Vetted  bool   `json:"vetted"`
	Expiry  uint32 `json:"expiry"`
	Send    fee    `json:"send"`
	Receive fee    `json:"receive"`
	Paid    uint64 `json:"paid"`
	Failed  uint64 `json:"failed"`
}

type fee struct {
	BaseMsat uint64 `json:"base_msat"`
	PPM      uint32 `json:"ppm"`
}

func rowOf(g client.Gateway) gatewayRow {
	return gatewayRow{
		Key: hex.EncodeToString(g.Key[:]), Name: g.Name, API: g.API, Node: hex.EncodeToString(g.Node[:]), Vetted: g.Vetted, Expiry: g.Expiry,
		Send: fee{uint64(g.Send.Base), g.Send.PPM}, Receive: fee{uint64(g.Receive.Base), g.Receive.PPM}, Paid: g.Paid, Failed: g.Failed,
	}
}

func showGateway(g client.Gateway) string {
	text := fmt.Sprintf("%q", g.Name)
	if g.Vetted {
		text += " (vetted)"
	}
	text += fmt.Sprintf(", at %s\n   key      %x\n   takes    %s to send, %s to receive\n", g.API, g.Key, showFee(g.Send), showFee(g.Receive))
	if g.Paid+g.Failed == 0 {
		return text + "   so far   nothing was paid through it from here"
	}
	return text + fmt.Sprintf("   so far   %d paid, %d failed", g.Paid, g.Failed)
}

func showFee(f terms.Fee) string {
	share := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", float64(f.PPM)/10_000), "0"), ".")
	return fmt.Sprintf("%s and %s %%", terminal.Show(f.Base), share)
}
