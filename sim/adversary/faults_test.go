package adversary_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"minimint/sim/check/checktest"
	"minimint/sim/world"
)

// unspeakable are kinds of faults that no frame can hold: its codec refuses what is
// too long, and has no word for an empty set. The core has tests of its own for them.
var unspeakable = map[string]bool{"oversize": true, "empty-conf": true}

// Every kind of fault that HBBFT and certificates know is found by some honest node
// in some attack, with evidence that convinces a third party where it is said to.
func TestEveryFaultKind(t *testing.T) {
	kinds := append(kindsOf(t, "../../actors/hbbft/protocol/protocol.go", "FaultKind"),
		kindsOf(t, "../../actors/consensus/certificate/certificate.go", "Kind")...)
	if len(kinds) != 25 {
		t.Errorf("kinds of faults: %q", kinds)
	}
	seen := &blames{kinds: map[string]bool{}}
	for seed := uint64(1); seed <= checktest.Seeds && len(seen.kinds) < len(kinds)-len(unspeakable); seed++ {
		for _, a := range attacks {
			w := a.world(t, seed, func(w *world.World) world.Observer { seen.w = w; return seen })
			w.Run(1100 * time.Millisecond)
			for _, v := range w.Violations() {
				if v.Rule == "evidence" {
					t.Errorf("%s: %s", a.kind, v)
				}
			}
		}
	}
	for _, k := range kinds {
		if seen.kinds[k] == unspeakable[k] {
			t.Errorf("%s: found %t, speakable %t", k, seen.kinds[k], !unspeakable[k])
		}
	}
}

// blames remembers what honest nodes found.
type blames struct {
	world.Ignore
	w     *world.World
	kinds map[string]bool
}

// Blamed implements world.Observer.
func (b *blames) Blamed(x world.Blame) {
	if b.w.Node(x.Node).Honest() {
		word, _, _ := strings.Cut(x.Kind, " ") // certificates also say which epoch
		b.kinds[word] = true
	}
}

// kindsOf reads the constants of a type from its source.
func kindsOf(t *testing.T, path, typ string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != typ {
				continue
			}
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, text)
		}
	}
	return kinds
}
