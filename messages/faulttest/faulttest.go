// Package faulttest is for packages that say in words what a member did wrong. It
// reads from their source all texts of faults that they can raise, so that a test
// can show that each is raised by something, and that none is left over.
package faulttest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Check plays cases in the directory of the calling test. Each belongs to one
// place in the source that calls one of the raisers, and returns the text that
// was raised by it. A case has the name of its place: the format that it is
// raised with, or the expression if that is no literal, and " (2)" after it if it
// is the second such place in the order of files. A raiser is named as it is called,
// or by the end of that: "fault" matches p.fault, "faults.add" from.faults.add.
func Check(t *testing.T, cases map[string]func(t *testing.T) string, raisers ...string) {
	t.Helper()
	places := placesOf(t, raisers)
	if len(places) == 0 {
		t.Fatalf("faulttest: nothing here calls %q", raisers)
	}
	listed := map[string]bool{}
	for _, p := range places {
		listed[p.name] = true
		raise := cases[p.name]
		if raise == nil {
			t.Errorf("%s: no case raises %q", p.at, p.name)
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			if text := raise(t); !p.text.MatchString(text) {
				t.Errorf("%s: raised %q, and not %q", p.at, text, p.name)
			}
		})
	}
	for name := range cases {
		if !listed[name] {
			t.Errorf("a case for %q, which nothing can raise", name)
		}
	}
}

// A place is one call that raises a fault.
type place struct {
	at   token.Position
	name string
	text *regexp.Regexp // what its faults look like
}

func placesOf(t *testing.T, raisers []string) []place {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatalf("faulttest: %v", err)
	}
	var places []place
	count := map[string]int{}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatalf("faulttest: %v", err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !calls(source(set, call.Fun), raisers) {
				return true
			}
			p := placeOf(set, call)
			if count[p.name]++; count[p.name] > 1 {
				p.name = fmt.Sprintf("%s (%d)", p.name, count[p.name])
			}
			places = append(places, p)
			return true
		})
	}
	return places
}

func calls(function string, raisers []string) bool {
	for _, r := range raisers {
		if function == r || strings.HasSuffix(function, "."+r) {
			return true
		}
	}
	return false
}

// placeOf names a place by the first literal among its arguments, also within
// them, or by its last argument.
func placeOf(set *token.FileSet, call *ast.CallExpr) place {
	p := place{at: set.Position(call.Pos())}
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || p.name != "" {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				panic(fmt.Sprintf("faulttest: %s: %v", p.at, err))
			}
			p.name, p.text = text, pattern(text)
			return true
		})
	}
	if p.name == "" {
		p.name, p.text = source(set, call.Args[len(call.Args)-1]), regexp.MustCompile(".")
	}
	return p
}

var verb = regexp.MustCompile("%[a-z]")

// pattern matches what a format can become, and what comes after it.
func pattern(format string) *regexp.Regexp {
	literals := verb.Split(format, -1)
	for i, l := range literals {
		literals[i] = regexp.QuoteMeta(l)
	}
	return regexp.MustCompile("(?s)^" + strings.Join(literals, ".*"))
}

func source(set *token.FileSet, n ast.Node) string {
	var b strings.Builder
	if err := printer.Fprint(&b, set, n); err != nil {
		panic(fmt.Sprintf("faulttest: %v", err))
	}
	return b.String()
}
