package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/actors/gateway/operator"
	"minimint/cmd/terminal"
	"minimint/messages"
)

func infoCommand() *cli.Command {
	return &cli.Command{
		Name: "info", Usage: "show how the gateway, its Lightning node and its federations are",
		Action: func(c *cli.Context) error {
			return ask(c, func(ctx context.Context, o operator.Operator) error {
				info, err := o.Info(ctx)
				if err != nil {
					return err
				}
				return terminal.Print(c, info, showInfo(info))
			})
		},
	}
}

func showInfo(i operator.Info) string {
	lines := []string{
		"network     " + i.Network,
		"users       " + i.API,
		"node        " + showNode(i),
		fmt.Sprintf("payments    %d open; the node holds %d for users", i.Open, i.Held),
	}
	if i.StartedMs != 0 {
		lines = append(lines, "runs since  "+moment(i.StartedMs))
	}
	for _, f := range i.Federations {
		lines = append(lines, "", showFederation(f))
	}
	if len(i.Federations) == 0 {
		lines = append(lines, "", "no federation yet; \"minimint-gateway connect INVITE\" is next")
	}
	return strings.Join(lines, "\n")
}

func showNode(i operator.Info) string {
	n := i.Node
	if n == nil {
		return "CANNOT BE ASKED: " + i.Problem
	}
	text := fmt.Sprintf("%s, height %d\n            can send %s, can receive %s", n.Key, n.Height, terminal.Show(n.LocalMsat), terminal.Show(n.RemoteMsat))
	if !n.Synced {
		text += ", NOT SYNCED to the chain"
	}
	return text
}

func showFederation(f operator.Federation) string {
	lines := []string{
		fmt.Sprintf("federation  %s (%s)", f.Name, f.ID),
		"  key       " + f.Key,
		"  e-cash    " + showBalance(f),
		fmt.Sprintf("  at stake  %s (limit %s; one payment %s)", terminal.Show(f.ExposureMsat), showLimit(f.Limits.ExposureMsat), showLimit(f.Limits.PaymentMsat)),
		fmt.Sprintf("  fees      send %s, receive %s", showFee(f.Send), showFee(f.Receive)),
		"  listed    " + showListed(f),
		fmt.Sprintf("  so far    %d sent (%s), %d received (%s), %d given up",
			f.Totals.Sent, terminal.Show(f.Totals.SentMsat), f.Totals.Received, terminal.Show(f.Totals.ReceivedMsat), f.Totals.Forfeited),
		fmt.Sprintf("  earned    %s in fees, of which routing took %s", terminal.Show(f.Totals.FeesMsat), terminal.Show(f.Totals.RoutingMsat)),
	}
	if f.Totals.LostMsat > 0 {
		lines = append(lines, "  LOST      "+terminal.Show(f.Totals.LostMsat)+": paid, and not claimed in time")
	}
	return strings.Join(lines, "\n")
}

func showListed(f operator.Federation) string {
	switch {
	case f.ListedProblem != "" && f.ListedUntil == 0:
		return "no: " + f.ListedProblem
	case f.ListedUntil == 0:
		return "not yet"
	default:
		text := fmt.Sprintf("until height %d (now %d)", f.ListedUntil, f.Height)
		if f.ListedProblem != "" {
			text += "; " + f.ListedProblem
		}
		return text
	}
}

func showBalance(f operator.Federation) string {
	text := terminal.Show(f.FreeMsat)
	if f.ReservedMsat > 0 {
		text += fmt.Sprintf(", and %s in what is under way", terminal.Show(f.ReservedMsat))
	}
	return text
}

func balanceCommand() *cli.Command {
	return &cli.Command{
		Name: "balance", Usage: "show what the gateway has, in e-cash and in channels",
		Action: func(c *cli.Context) error {
			return ask(c, func(ctx context.Context, o operator.Operator) error { return balance(ctx, c, o) })
		},
	}
}

func balance(ctx context.Context, c *cli.Context, o operator.Operator) error {
	info, err := o.Info(ctx)
	if err != nil {
		return err
	}
	type purse struct {
		Federation   string          `json:"federation"`
		Name         string          `json:"name"`
		FreeMsat     messages.Amount `json:"free_msat"`
		ReservedMsat messages.Amount `json:"reserved_msat"`
	}
	value := struct {
		Federations []purse         `json:"federations"`
		FreeMsat    messages.Amount `json:"free_msat"`
		Node        *operator.Node  `json:"node"`
	}{Federations: []purse{}, Node: info.Node}
	var lines []string
	for _, f := range info.Federations {
		value.Federations = append(value.Federations, purse{f.ID, f.Name, f.FreeMsat, f.ReservedMsat})
		value.FreeMsat += f.FreeMsat
		lines = append(lines, fmt.Sprintf("%-16s %s", f.Name, showBalance(f)))
	}
	if n := info.Node; n != nil {
		lines = append(lines, fmt.Sprintf("%-16s can send %s, can receive %s", "channels", terminal.Show(n.LocalMsat), terminal.Show(n.RemoteMsat)))
	} else {
		lines = append(lines, fmt.Sprintf("%-16s cannot be asked: %s", "channels", info.Problem))
	}
	return terminal.Print(c, value, strings.Join(lines, "\n"))
}

func federationsCommand() *cli.Command {
	return &cli.Command{
		Name: "federations", Usage: "list the federations that the gateway works in",
		Action: func(c *cli.Context) error {
			return ask(c, func(ctx context.Context, o operator.Operator) error {
				info, err := o.Info(ctx)
				if err != nil {
					return err
				}
				list, lines := []operator.Federation{}, []string{}
				for _, f := range info.Federations {
					list, lines = append(list, f), append(lines, showFederation(f))
				}
				if len(lines) == 0 {
					lines = append(lines, "none yet; \"minimint-gateway connect INVITE\" is next")
				}
				return terminal.Print(c, map[string]any{"federations": list}, strings.Join(lines, "\n\n"))
			})
		},
	}
}

func paymentsCommand() *cli.Command {
	return &cli.Command{
		Name: "payments", Usage: "list payments in both directions, the newest first",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "limit", Value: 20, Usage: "at most `COUNT` of them"},
			&cli.Uint64Flag{Name: "after", Usage: "only those that are older than the payment of this `NUMBER`"},
		},
		Action: func(c *cli.Context) error {
			if c.Int("limit") < 1 {
				return terminal.Usage("--limit: want a number above 0")
			}
			return ask(c, func(ctx context.Context, o operator.Operator) error {
				list, err := o.Payments(ctx, operator.Page{Limit: c.Int("limit"), After: c.Uint64("after")})
				if err != nil {
					return err
				}
				if list == nil {
					list = []operator.Payment{}
				}
				var lines []string
				for _, p := range list {
					lines = append(lines, showPayment(p))
				}
				if len(lines) == 0 {
					lines = append(lines, "nothing yet")
				}
				return terminal.Print(c, map[string]any{"payments": list}, strings.Join(lines, "\n"))
			})
		},
	}
}

func showPayment(p operator.Payment) string {
	text := fmt.Sprintf("%5d  %-20s  %-7s  %-10s  %14s  fee %s", p.Number, moment(p.BeganMs), p.Direction, p.State, terminal.Show(p.AmountMsat), terminal.Show(p.FeeMsat))
	if p.RouteMsat > 0 {
		text += ", routing " + terminal.Show(p.RouteMsat)
	}
	if p.Internal {
		text += ", within the federation"
	}
	text += "  " + p.Hash
	if p.Reason != "" {
		text += "  " + p.Reason
	}
	return text
}

func moment(ms int64) string { return time.UnixMilli(ms).Format(time.RFC3339) }
