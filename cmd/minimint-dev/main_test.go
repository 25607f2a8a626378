package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"minimint/cmd/terminal/terminaltest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minimint-dev": main})
}

// Scripts that need no federation.
func TestScripts(t *testing.T) {
	terminaltest.Scripts(t, testscript.Params{Dir: "testdata"})
}
