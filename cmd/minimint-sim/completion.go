package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func completion() *cli.Command {
	return &cli.Command{
		Name: "completion", ArgsUsage: "bash|zsh",
		Usage:       "print a completion script for a shell",
		Description: "For bash: source <(minimint-sim completion bash)",
		Action: func(c *cli.Context) error {
			script, ok := completions[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return cli.Exit("usage: minimint-sim completion bash|zsh", 2)
			}
			_, err := fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}

// completions ask the program itself, which lists what fits.
var completions = map[string]string{
	"bash": `_minimint_sim() {
  local words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _minimint_sim minimint-sim
`,
	"zsh": `#compdef minimint-sim
_minimint_sim() {
  local -a found
  found=("${(@f)$("${words[@]:0:$CURRENT-1}" --generate-bash-completion 2>/dev/null)}")
  _describe 'command' found
}
compdef _minimint_sim minimint-sim
`,
}
