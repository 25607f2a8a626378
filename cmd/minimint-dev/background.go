package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-dev/stage"
	"minimint/cmd/terminal"
)

// patience is how long starting and stopping may take.
const patience = 2 * time.Minute

// up starts a host in the background and waits until the federation runs.
func up(c *cli.Context) error {
	cfg, err := config(c, c.String("dir"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, patience)
	defer cancel()
	if v, err := stage.Open(cfg.Dir); err == nil {
		if cfg.Lnd != "" && !v.Lightning {
			return errors.New("the federation that runs has no Lightning; make down stops it, then make up-lightning starts one that has it")
		}
		fmt.Fprintln(c.App.Writer, "the federation runs already; minimint-dev status shows it")
		return nil
	}
	more := ""
	if cfg.Lnd != "" {
		more = ", two lnd and a gateway"
	}
	fmt.Fprintf(c.App.Writer, "starting btcd and %d members%s in %s …\n", cfg.Members, more, cfg.Dir)
	v, err := stage.Launch(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "federation %s runs\ninvite code: %s\n", v.Federation.ID(), v.Federation.Invite())
	return nil
}

// host holds the federation; it is the process that up leaves behind.
func host(c *cli.Context) error {
	cfg, err := config(c, c.String("dir"))
	if err != nil {
		return err
	}
	s, err := stage.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, patience)
	err = s.Raise(ctx)
	cancel()
	if err == nil {
		err = s.Announce()
	}
	if err == nil {
		s.Hold(c.Context)
	}
	return errors.Join(err, s.Stop())
}

func down(c *cli.Context) error {
	stopped, err := stage.Dismiss(c.String("dir"), patience)
	if err != nil {
		return err
	}
	if !stopped {
		fmt.Fprintln(c.App.Writer, "no federation runs here")
		return nil
	}
	fmt.Fprintln(c.App.Writer, "stopped and removed")
	return nil
}

// open finds the federation in the background.
func open(c *cli.Context) (*stage.Visit, error) {
	v, err := stage.Open(c.String("dir"))
	if err != nil {
		return nil, fmt.Errorf("%w; start one with make up", err)
	}
	return v, nil
}

func invite(c *cli.Context) error {
	v, err := open(c)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.App.Writer, v.Federation.Invite())
	return err
}

func env(c *cli.Context) error {
	v, err := open(c)
	if err != nil {
		return err
	}
	for _, line := range v.Environment {
		fmt.Fprintln(c.App.Writer, "export "+line)
	}
	return nil
}

func pay(c *cli.Context) error {
	if err := terminal.Args(c, 2, 2); err != nil {
		return err
	}
	sats, err := count(c.Args().Get(1), math.MaxInt64)
	if err != nil {
		return err
	}
	return ask(c, stage.Request{Pay: c.Args().First(), Sats: sats})
}

// farInvoice and farPay use the Lightning node that is not the gateway's.
func farInvoice(c *cli.Context) error {
	if err := terminal.Args(c, 1, 1); err != nil {
		return err
	}
	sats, err := count(c.Args().First(), math.MaxInt64)
	if err != nil {
		return err
	}
	return ask(c, stage.Request{Bill: true, Sats: sats})
}

func farPay(c *cli.Context) error {
	if err := terminal.Args(c, 1, 1); err != nil {
		return err
	}
	return ask(c, stage.Request{Settle: c.Args().First()})
}

func mine(c *cli.Context) error {
	if err := terminal.Args(c, 1, 1); err != nil {
		return err
	}
	blocks, err := count(c.Args().First(), math.MaxUint16)
	if err != nil {
		return err
	}
	return ask(c, stage.Request{Mine: uint32(blocks)})
}

// count reads a whole number from 1 to limit.
func count(text string, limit int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > limit {
		return 0, terminal.Usage("%q: want a whole number from 1 to %d", text, limit)
	}
	return n, nil
}

// ask has the host do something with its bitcoin node.
func ask(c *cli.Context, r stage.Request) error {
	v, err := open(c)
	if err != nil {
		return err
	}
	text, err := v.Ask(r)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, text)
	return nil
}

// status shows what each member says of itself.
func status(c *cli.Context) error {
	v, err := open(c)
	if err != nil {
		return err
	}
	type member struct {
		Member      int    `json:"member"`
		Name        string `json:"name"`
		Address     string `json:"address"`
		Epoch       uint64 `json:"next_epoch,omitempty"`
		State       string `json:"state,omitempty"`
		Assets      int64  `json:"assets_msat,omitempty"`
		Liabilities int64  `json:"liabilities_msat,omitempty"`
		Connected   int    `json:"connected"`
		Problem     string `json:"problem,omitempty"`
	}
	var list []member
	for i, m := range v.Federation.Members {
		ctx, cancel := context.WithTimeout(c.Context, 5*time.Second)
		info, err := stage.Ask(ctx, v.Federation, i)
		cancel()
		row := member{Member: i, Name: m.Name, Address: m.Address}
		if err != nil {
			row.Problem = err.Error()
		} else {
			row.Epoch, row.State = info.GetNextEpoch(), fmt.Sprintf("%x", info.GetStateHash())
			row.Assets, row.Liabilities = info.GetAssetsMsat(), info.GetLiabilitiesMsat()
			for _, p := range info.GetPeers() {
				if p.GetConnected() {
					row.Connected++
				}
			}
		}
		list = append(list, row)
	}
	if c.Bool("json") {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"federation": v.Federation.ID().String(), "members": list})
	}
	fmt.Fprintf(c.App.Writer, "federation %s\n", v.Federation.ID())
	for _, m := range list {
		if m.Problem != "" {
			fmt.Fprintf(c.App.Writer, "  %d %-8s %s  NOT THERE: %s\n", m.Member, m.Name, m.Address, m.Problem)
			continue
		}
		fmt.Fprintf(c.App.Writer, "  %d %-8s %s  epoch %d  state %.12s…  assets %d msat  liabilities %d msat  sees %d members\n",
			m.Member, m.Name, m.Address, m.Epoch, m.State, m.Assets, m.Liabilities, m.Connected)
	}
	return nil
}
