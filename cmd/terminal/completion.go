package terminal

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completion is the command that prints a completion script.
func completion(program string) *cli.Command {
	return &cli.Command{
		Name: "completion", ArgsUsage: "bash|zsh",
		Usage:       "print a completion script for a shell",
		Description: "For bash: source <(" + program + " completion bash)",
		Action: func(c *cli.Context) error {
			if err := Args(c, 1, 1); err != nil {
				return err
			}
			script, ok := completions[c.Args().First()]
			if !ok {
				return Usage("there is no completion for %q; bash and zsh have one", c.Args().First())
			}
			script = strings.NewReplacer("PROGRAM", program, "FUNCTION", "_"+strings.ReplaceAll(program, "-", "_")).Replace(script)
			_, err := fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}

// completions ask the program itself, which lists what fits.
var completions = map[string]string{
	"bash": `FUNCTION() {
  local words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F FUNCTION PROGRAM
`,
	"zsh": `#compdef PROGRAM
FUNCTION() {
  local -a found
  found=("${(@f)$("${words[@]:0:$CURRENT-1}" --generate-bash-completion 2>/dev/null)}")
  _describe 'command' found
}
compdef FUNCTION PROGRAM
`,
}
