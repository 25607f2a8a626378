package mutant_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"minimint/actors/mutant"
)

// root is where the module begins.
const root = "../.."

// Rules are taken away by tests alone; each is consulted somewhere in what ships,
// and each is taken away by a test.
func TestOnlyTestsRemoveRules(t *testing.T) {
	rules := named(t)
	consulted, taken := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || filepath.Dir(path) == filepath.Join(root, "actors/mutant") {
			return err
		}
		uses(t, path, func(name string) {
			switch test := strings.HasSuffix(path, "_test.go"); {
			case name == "Removed":
			case test:
				taken[name] = true
			case name == "Remove" || !rules[name]:
				t.Errorf("%s uses mutant.%s, which is for tests", path, name)
			default:
				consulted[name] = true
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range rules {
		if !consulted[name] {
			t.Errorf("nothing asks for %s", name)
		}
		if !taken[name] {
			t.Errorf("no test takes %s away", name)
		}
	}
}

// uses visits the names of package mutant that a file uses.
func uses(t *testing.T, path string, visit func(string)) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range file.Imports {
		if i.Path.Value == `"minimint/actors/mutant"` && i.Name != nil {
			t.Errorf("%s imports package mutant under another name", path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "mutant" {
				visit(s.Sel.Name)
			}
		}
		return true
	})
}

// named reads the rules from the source.
func named(t *testing.T) map[string]bool {
	file, err := parser.ParseFile(token.NewFileSet(), "mutant.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			for _, name := range s.(*ast.ValueSpec).Names {
				if name.IsExported() {
					rules[name.Name] = true
				}
			}
		}
	}
	return rules
}

func TestRemoveEndsWithItsTest(t *testing.T) {
	t.Run("without", func(t *testing.T) {
		mutant.Remove(t, mutant.VotesPerRoot)
		if !mutant.Removed(mutant.VotesPerRoot) {
			t.Error("the rule holds")
		}
	})
	if mutant.Removed(mutant.VotesPerRoot) {
		t.Error("the rule is still removed")
	}
}
