package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"minimint/actors/client/notes"
	"minimint/actors/client/user"
	"minimint/cmd/terminal"
	"minimint/messages/federation"
)

func joinCommand() *cli.Command {
	return &cli.Command{
		Name: "join", ArgsUsage: "INVITE",
		Usage: "become a client of the federation that an invite code names",
		Description: "Prints twelve words. Write them on paper: they are the seed of all keys of this client, and with the invite they are\n" +
			"enough to get the money back.\n\n" +
			"--restore does that: it asks for the words (or reads them from standard input, or from --words-file), looks for all notes\n" +
			"of theirs that are not spent, and with --btcd for deposits that were not claimed. It takes a while and goes on with any later command.\n" +
			"--words-file alone uses the words and looks for nothing; the command \"restore\" does so later.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "restore", Usage: "bring back the money of seed words that you have"},
			&cli.StringFlag{Name: "words-file", Usage: "`FILE` with seed words to use again"},
		},
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 1, 1); err != nil {
				return err
			}
			invite, err := federation.ParseInvite(c.Args().First())
			if err != nil {
				return err
			}
			words := ""
			if c.Bool("restore") || c.String("words-file") != "" {
				if words, err = askWords(c); err != nil {
					return err
				}
			}
			return join(c, invite, words)
		},
	}
}

// joined is what join prints.
type joined struct {
	Federation string   `json:"federation"`
	Name       string   `json:"name"`
	Members    []string `json:"members"`
	Words      string   `json:"words,omitempty"` // but not those that were brought
	Reports    []string `json:"reports,omitempty"`
	Restored   *found   `json:"restored,omitempty"`
}

func join(c *cli.Context, invite federation.Invite, words string) error {
	cfg, err := config(c)
	if err != nil {
		return err
	}
	cfg.Restore = c.Bool("restore")
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	j, err := user.Join(ctx, cfg, invite, words)
	for _, r := range j.Reports {
		fmt.Fprintln(c.App.ErrWriter, "warning: "+r)
	}
	if err != nil {
		return err
	}
	value := joined{Federation: j.Federation.ID().String(), Name: j.Federation.Name, Members: namesOf(j.Federation), Reports: j.Reports}
	text := fmt.Sprintf("joined %q, run by %s", value.Name, strings.Join(value.Members, ", "))
	switch {
	case cfg.Restore:
		return with(c, func(u *user.User) error {
			id, err := search(u)
			if err != nil {
				return err
			}
			f, err := restored(c, u, id)
			if err != nil {
				return err
			}
			value.Restored = &f
			return terminal.Print(c, value, text+"\n"+f.text(c))
		})
	case words == "":
		value.Words = j.Words
		text += fmt.Sprintf("\nwrite these words on paper; they are the seed of your keys, and with the invite they bring everything back:\n\n   %s\n", j.Words)
	}
	return terminal.Print(c, value, text)
}

func namesOf(f *federation.Config) []string {
	var names []string
	for _, m := range f.Members {
		names = append(names, m.Name)
	}
	return names
}

func infoCommand() *cli.Command {
	return &cli.Command{
		Name: "info", Usage: "show the federation and what you have",
		Action: func(c *cli.Context) error {
			return with(c, func(u *user.User) error { return info(c, u) })
		},
	}
}

func info(c *cli.Context, u *user.User) error {
	b, err := u.Balance()
	if err != nil {
		return err
	}
	type tier struct {
		Msat  uint64 `json:"msat"`
		Notes int    `json:"notes"`
	}
	f := u.Federation()
	value := struct {
		Federation   string   `json:"federation"`
		Name         string   `json:"name"`
		Members      []string `json:"members"`
		Msat         uint64   `json:"msat"`
		ReservedMsat uint64   `json:"reserved_msat"`
		DoubtfulMsat uint64   `json:"doubtful_msat"`
		Tiers        []tier   `json:"tiers"`
	}{Federation: f.ID().String(), Name: f.Name, Members: namesOf(f), Msat: uint64(b.Free), ReservedMsat: uint64(b.Reserved), DoubtfulMsat: uint64(b.Doubtful), Tiers: []tier{}}
	text := fmt.Sprintf("federation  %s (%s)\nmembers     %s\nbalance     %s", f.Name, f.ID(), strings.Join(value.Members, ", "), terminal.Show(b.Free))
	if b.Reserved > 0 {
		text += fmt.Sprintf("\nreserved    %s, in operations that are not over", terminal.Show(b.Reserved))
	}
	if b.Doubtful > 0 {
		text += fmt.Sprintf("\ndoubtful    %s, some of which the federation knows as spent", terminal.Show(b.Doubtful))
	}
	for _, e := range u.Terms().Tiers {
		if n := b.Notes[e]; n > 0 {
			value.Tiers = append(value.Tiers, tier{uint64(notes.Worth(e)), n})
			text += fmt.Sprintf("\n%6d × %s", n, terminal.Show(notes.Worth(e)))
		}
	}
	return terminal.Print(c, value, text)
}

func historyCommand() *cli.Command {
	return &cli.Command{
		Name: "history", ArgsUsage: "[OPERATION]",
		Usage:       "list all operations, or show one with everything that is known of it",
		Description: "The notes of a spend are shown again, so that they are never lost.",
		Action: func(c *cli.Context) error {
			if err := terminal.Args(c, 0, 1); err != nil {
				return err
			}
			return with(c, func(u *user.User) error { return history(c, u) })
		},
	}
}

func history(c *cli.Context, u *user.User) error {
	if c.NArg() == 1 {
		id, err := strconv.ParseUint(c.Args().First(), 10, 64)
		if err != nil {
			return terminal.Usage("%q is no number of an operation", c.Args().First())
		}
		op, err := u.Operation(id)
		if err != nil {
			return err
		}
		text := line(op)
		for _, r := range op.GetReports() {
			text += "\n      " + r
		}
		if r := recordOf(op); r.Notes != "" {
			text += "\n" + r.Notes
		}
		return terminal.Print(c, recordOf(op), text)
	}
	ops, err := u.Operations()
	if err != nil {
		return err
	}
	records, lines := []record{}, []string{}
	for _, op := range ops {
		r := recordOf(op)
		r.Notes = ""
		records, lines = append(records, r), append(lines, line(op))
	}
	if len(lines) == 0 {
		lines = append(lines, "nothing yet")
	}
	return terminal.Print(c, struct {
		Operations []record `json:"operations"`
	}{records}, strings.Join(lines, "\n"))
}

func wordsCommand() *cli.Command {
	return &cli.Command{
		Name: "words", Usage: "print the seed words again",
		Action: func(c *cli.Context) error {
			return with(c, func(u *user.User) error {
				words, err := u.Words()
				if err != nil {
					return err
				}
				return terminal.Print(c, map[string]string{"words": words}, words)
			})
		},
	}
}
