package domain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// allTags type-checks this package's own source and returns every exported constant of type Tag, so a tag that is added later cannot
// be forgotten here. Imports stay unresolved: no constant needs them.
func allTags(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("minimint/crypto/domain", fset, files, nil)

	tags := make(map[string]string)
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !c.Exported() {
			continue
		}
		if named, ok := c.Type().(*types.Named); !ok || named.Obj().Name() != "Tag" {
			t.Errorf("exported constant %s is not a Tag", name)
			continue
		}
		tags[name] = constant.StringVal(c.Val())
	}
	return tags
}

// The suites that a tag may name, as the package comment lists them.
var form = regexp.MustCompile(`^MINIMINT-V01-CS01-with-(` +
	`BLS12381G1_XMD:SHA-256_SSWU_RO_|BLS12381SCALAR_XMD:SHA-256_|ristretto255_XMD:SHA-512_R255MAP_RO_|` +
	`ristretto255SCALAR_XMD:SHA-512_|SHA-256_TAGGED_|HKDF-SHA-256_)-[A-Z0-9]+(-[A-Z0-9]+)*$`)

// H101: the original's hashes were told apart by a prefix, if at all. Every role of every
// hash has a tag of its own, as RFC 9380 wants it.
func TestH101TagsAreDistinctAndWellFormed(t *testing.T) {
	tags := allTags(t)
	if len(tags) < 25 {
		t.Fatalf("found only %d tags: the search is broken", len(tags))
	}
	owner := make(map[string]string)
	for name, tag := range tags {
		if len(tag) == 0 || len(tag) > 255 {
			t.Errorf("%s: %d bytes, want 1 to 255", name, len(tag))
		}
		if !form.MatchString(tag) {
			t.Errorf("%s: %q is not MINIMINT-V01-CS01-with-<suite>-<ROLE>", name, tag)
		}
		if other, taken := owner[tag]; taken {
			t.Errorf("%s and %s share %q", name, other, tag)
		}
		owner[tag] = name
	}
}

// A frozen value, computed with coreutils' sha256sum from the definition, holds tag, prefix and framing in place.
func TestHashIsFrozen(t *testing.T) {
	got := Hash(TransactionID, []byte("ab"), nil, []byte("c"))

	prefix := sha256.Sum256([]byte("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-TXID"))
	message := append(bytes.Repeat(prefix[:], 2), "\x00\x00\x00\x00\x00\x00\x00\x02ab"+
		"\x00\x00\x00\x00\x00\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\x00\x01c"...)
	if want := sha256.Sum256(message); got != want {
		t.Errorf("Hash = %x, by hand %x", got, want)
	}
	const frozen = "5622fd0b3e5f6fea0cf127b387e8b2426e02c0c5c7788063f28ce86239ed6dc3"
	if hex.EncodeToString(got[:]) != frozen {
		t.Errorf("Hash = %x, frozen as %s", got, frozen)
	}
}

// Injectivity: lists of fields frame to the same bytes only when they are the same list.
func TestFrameIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few letters and short fields make near misses likely.
		fields := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 8}), 0, 3), 0, 4)
		a, b := fields.Draw(t, "a"), fields.Draw(t, "b")
		same := len(a) == len(b)
		for i := 0; same && i < len(a); i++ {
			same = bytes.Equal(a[i], b[i])
		}
		if bytes.Equal(Frame(a...), Frame(b...)) != same {
			t.Fatalf("%q and %q", a, b)
		}
		if (Hash(Outcome, a...) == Hash(Outcome, b...)) != same {
			t.Fatalf("Hash: %q and %q", a, b)
		}
	})
}

func TestHashDependsOnTag(t *testing.T) {
	if Hash(MerkleLeaf, []byte("x")) == Hash(MerkleNode, []byte("x")) {
		t.Error("two tags gave one hash")
	}
}
