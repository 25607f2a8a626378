// Package terminal is what all commands have in common: how they run and end, what
// their exit codes mean, and how they print; and, for those of users and of gateways,
// how amounts are written and how they are told of a bitcoin node.
//
// Results go to standard output, as text or with --json as one object; everything
// else goes to standard error.
package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"minimint"
)

// Exit codes. Scripts rely on them. Those above ExitUsage mean something else where a
// program says so: minimintd has its own.
const (
	ExitOK       = 0
	ExitFailure  = 1 // something failed here: disk, network, bitcoin node
	ExitUsage    = 2 // the command was not understood
	ExitRejected = 3 // somebody refused
	ExitFunds    = 4 // not enough money
	ExitTimeout  = 5 // no end in time
)

// Run runs an app with the command line, until it ends or a signal tells it to. It
// prints what explain makes of the error, and returns the exit code.
func Run(app *cli.App, explain func(error) (int, string)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := app.RunContext(ctx, os.Args)
	if err == nil {
		return ExitOK
	}
	code, text := explain(err)
	fmt.Fprintln(os.Stderr, app.Name+": "+text)
	return code
}

// Explain is for programs whose errors need no other words than their own, and no exit
// codes but ExitUsage and ExitFailure.
func Explain(err error) (int, string) {
	var wrong *UsageError
	if errors.As(err, &wrong) {
		return ExitUsage, err.Error()
	}
	return ExitFailure, err.Error()
}

// Ended says for people that the end of a context came first: the time was over, or the
// user interrupted.
func Ended(err error) string {
	switch text := err.Error(); {
	case text == context.DeadlineExceeded.Error():
		return "no answer in time; --timeout allows more"
	case text == context.Canceled.Error():
		return "interrupted"
	default:
		return text
	}
}

// Home is a directory of that name in the user's home, "" if there is no home: then
// the command line must name one.
func Home(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, name)
}

// A UsageError says that the command was not understood.
type UsageError struct{ Text string }

// Error implements error.
func (e *UsageError) Error() string { return e.Text }

// Usage returns a UsageError.
func Usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// Args checks the number of a command's arguments; limit -1 is any number. An option
// behind the first argument is an error, since the library takes it for an argument.
func Args(c *cli.Context, least, limit int) error {
	if i := slices.IndexFunc(c.Args().Slice(), isOption); i >= 0 {
		return Usage("%s: options come before arguments: %s [options] %s", c.Args().Get(i), c.Command.HelpName, c.Command.ArgsUsage)
	}
	if n := c.NArg(); n < least || limit >= 0 && n > limit {
		return Usage("usage: %s", strings.TrimSpace(c.Command.HelpName+" "+c.Command.ArgsUsage))
	}
	return nil
}

func isOption(argument string) bool { return strings.HasPrefix(argument, "--") }

// Print writes a result: text for people, or with --json the value.
func Print(c *cli.Context, value any, text string) error {
	if !c.Bool("json") {
		_, err := fmt.Fprintln(c.App.Writer, text)
		return err
	}
	e := json.NewEncoder(c.App.Writer)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// Prepare gives an app what all of ours have: errors are returned and printed by Run,
// an unknown command, a wrong flag, and an argument of a command that takes none (its
// ArgsUsage is empty) are usage errors, and there are --version and completion. It comes
// after the commands were set.
func Prepare(app *cli.App) {
	app.Version = minimint.Version
	app.Commands = append(app.Commands, completion(app.Name))
	app.EnableBashCompletion = true
	app.ExitErrHandler = func(*cli.Context, error) {} // Run prints
	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return Usage("%v", err) }
	app.CommandNotFound = nil
	app.Action = func(c *cli.Context) error {
		if c.NArg() > 0 {
			return Usage("there is no command %q; --help lists them", c.Args().First())
		}
		return cli.ShowAppHelp(c)
	}
	prepare(app.Commands, app.OnUsageError)
}

// prepare does the same for commands, which the library asks for their own.
func prepare(list []*cli.Command, wrong cli.OnUsageErrorFunc) {
	for _, cmd := range list {
		cmd.OnUsageError = wrong
		cmd.HideHelpCommand = true
		if len(cmd.Subcommands) == 0 {
			if cmd.ArgsUsage == "" {
				cmd.Before = func(c *cli.Context) error { return Args(c, 0, 0) }
			}
			continue
		}
		cmd.Action = func(c *cli.Context) error {
			if c.NArg() > 0 {
				return Usage("there is no command %q; --help lists them", c.Command.Name+" "+c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		}
		prepare(cmd.Subcommands, wrong)
	}
}
