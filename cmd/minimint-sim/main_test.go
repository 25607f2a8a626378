package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minimint-sim": main})
}

// commands of the scripts: "code N command…" runs a command that must end with
// exit code N.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"code": func(ts *testscript.TestScript, _ bool, args []string) {
		err := ts.Exec(args[1], args[2:]...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("ended with %v, want exit code %s", err, args[0])
		}
		if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
			ts.Fatalf("exit code %s, want %s", got, args[0])
		}
	},
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: commands})
}
