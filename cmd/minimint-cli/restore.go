package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/user"
	"minimint/cmd/terminal"
	"minimint/messages"
)

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:  "restore",
		Usage: "look for notes and deposits of your words that are not here",
		Description: "\"join --restore\" begins this by itself. It reads the federation's whole log, so that nobody learns which notes are\n" +
			"yours, and goes on after a crash. Run it again to find what another device with the same words was given since.\n" +
			"Deposits are looked for if you name a btcd (--btcd): those to the first addresses of your words, up to 20 unused ones in a row.\n\n" +
			"Found are notes that are not spent. That includes what was handed over and not cashed yet, and what another\n" +
			"device with the same words still has: whoever spends it first has it. Not found are withdrawals and Lightning payments under way.",
		Action: func(c *cli.Context) error {
			return with(c, func(u *user.User) error {
				id, err := u.Restore(c.Context)
				if err != nil {
					return err
				}
				found, err := restored(c, u, id)
				if err != nil {
					return err
				}
				return terminal.Print(c, found, found.text(c))
			})
		},
	}
}

// maxWords bounds what is read as words.
const maxWords = 4 << 10

// askWords reads seed words from a file, or from standard input. They are never an
// argument: everybody on the machine can read those.
func askWords(c *cli.Context) (string, error) {
	if file := c.String("words-file"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", terminal.Usage("--words-file: %v", err)
		}
		return keys.CleanWords(string(b))
	}
	in := io.LimitReader(os.Stdin, maxWords)
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		b, err := io.ReadAll(in)
		if err != nil {
			return "", fmt.Errorf("read standard input: %w", err)
		}
		return keys.CleanWords(string(b))
	}
	fmt.Fprint(c.App.ErrWriter, "Your seed words, in one line: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read your words: %w", err)
	}
	return keys.CleanWords(line)
}

// found is what a search has come to.
type found struct {
	record
	Claims []record `json:"claims,omitempty"` // of deposits of another life
}

// restored waits for the end of a search, and for the deposits that it has found.
func restored(c *cli.Context, u *user.User, id uint64) (found, error) {
	op, err := await(c, u, id)
	if err != nil {
		return found{}, err
	}
	f := found{record: recordOf(op)}
	ops, err := u.Operations()
	if err != nil {
		return found{}, err
	}
	for _, claim := range ops {
		if claim.GetClaim() == nil || claim.GetParent() != 0 {
			continue
		}
		claim, err := await(c, u, claim.GetId())
		if failed := new(client.FailedError); err != nil && !errors.As(err, &failed) { // failed are those that were claimed before
			return found{}, err
		}
		f.Claims = append(f.Claims, recordOf(claim))
	}
	return f, nil
}

func (f found) text(c *cli.Context) string {
	text := fmt.Sprintf("restored %d notes, %s", f.Restore.Notes, terminal.Show(messages.Amount(f.Msat)))
	done, got := 0, messages.Amount(0)
	for _, r := range f.Claims {
		if r.State == word(clientwire.State_STATE_DONE.String(), "STATE_") {
			done, got = done+1, got+messages.Amount(r.Msat-r.FeeMsat)
		}
	}
	switch {
	case done > 0:
		text += fmt.Sprintf("\nclaimed %d deposits, %s", done, terminal.Show(got))
	case c.String("btcd") == "":
		text += "\ndeposits that nobody has claimed are found by \"minimint-cli --btcd HOST:PORT restore\""
	}
	return text
}

// search is the newest search of a client, which joining has begun.
func search(u *user.User) (uint64, error) {
	ops, err := u.Operations()
	if err != nil {
		return 0, err
	}
	id := uint64(0)
	for _, op := range ops {
		if op.GetKind() == clientwire.Kind_KIND_RESTORE {
			id = op.GetId()
		}
	}
	return id, nil
}
