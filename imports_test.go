package minimint_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A rung of the import ladder: packages under these prefixes may import our
// packages of this rung's own list, and nothing else of ours.
type rule struct {
	packages []string
	allowed  []string
	reason   string
}

// pure lists packages that hold rules: no actor, socket, file, lock or clock.
var pure = []string{
	"crypto", "actors/hbbft/protocol", "actors/hbbft/rbc", "actors/hbbft/aba", "actors/hbbft/acs", "actors/hbbft/tdec", "actors/hbbft/honeybadger",
	"actors/module/contract", "actors/module/mint", "actors/module/wallet", "actors/module/lightning", "actors/consensus/transition", "actors/consensus/history",
	"actors/consensus/pool", "actors/consensus/catchup", "actors/consensus/certificate", "actors/consensus/snapshot", "messages/statement", "actors/client/notes", "actors/client/quorum", "actors/client/purse", "actors/client/recovery", "actors/client/bargain", "actors/client/inquiry",
	"actors/setup/agreement", "actors/setup/attempt", "actors/remote/gate", "actors/gateway/deal", "actors/gateway/ledger", "actors/gateway/talk",
}

// forbidden names what pure packages must not import, with the reason.
var forbidden = []struct{ prefix, reason string }{
	{"github.com/asynkron/", "a rule must not know who carries it out"},
	{"google.golang.org/grpc", "a rule does no IO"},
	{"net", "a rule does no IO"},
	{"os", "a rule does no IO"},
	{"sync", "a rule runs in its caller's goroutine"},
	{"log", "a rule reports through what it returns"},
	{"context", "a rule has nothing to cancel"},
	{"time/tzdata", "a rule has no clock"},
}

var ladder = []rule{
	{[]string{"crypto"}, []string{"crypto"}, "crypto is the bottom of the ladder"},
	{[]string{"storage"}, []string{"storage"}, "storage keeps bytes and knows no message"},
	{[]string{"messages"}, []string{"messages", "crypto"}, "messages know no actor and no store"},
	{
		[]string{"actors/hbbft/protocol", "actors/hbbft/rbc", "actors/hbbft/aba", "actors/hbbft/acs", "actors/hbbft/tdec", "actors/hbbft/honeybadger"},
		[]string{"messages", "crypto", "actors/hbbft/protocol", "actors/hbbft/rbc", "actors/hbbft/aba", "actors/hbbft/acs", "actors/hbbft/tdec"},
		"the protocols know messages and each other, lower layers only",
	},
	{[]string{"actors/module/contract"}, []string{"messages", "storage"}, "a module's contract knows no module"},
	{
		[]string{"actors/module/mint", "actors/module/wallet", "actors/module/lightning"},
		[]string{"messages", "crypto", "storage", "actors/module/contract", "actors/module/mint/", "actors/module/wallet/", "actors/module/lightning/"},
		"modules know nothing of each other or of the core",
	},
	{[]string{"actors/spawn"}, []string{"messages"}, "whoever makes actors knows none of them"},
}

// actorsOfRung4 know each other only through messages, so that each can be
// replaced in a test by anything that accepts the same messages.
var actorsOfRung4 = []string{
	"actors/clock", "actors/remote", "actors/peer", "actors/hbbft", "actors/consensus", "actors/chain", "actors/session", "actors/setup", "actors/client",
}

type pkg struct {
	ImportPath string
	Imports    []string
}

const module = "minimint/"

func load(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
}

// under reports whether path is prefix or lies below it.
func under(path, prefix string) bool {
	return path == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func anyUnder(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if under(path, p) {
			return true
		}
	}
	return false
}

// everywhere may be imported from every rung: it says which rules a test took away,
// and imports nothing.
const everywhere = "actors/mutant"

// isTestSupport reports whether a package exists for tests, and may know more.
func isTestSupport(path string) bool {
	last := path[strings.LastIndex(path, "/")+1:]
	return strings.HasSuffix(last, "test")
}

// isGenerated reports whether a package is generated protobuf code.
func isGenerated(path string) bool {
	return strings.HasSuffix(path, "wire") || strings.HasSuffix(path, "pb")
}

func TestImportLadder(t *testing.T) {
	for _, p := range load(t) {
		if isTestSupport(p.ImportPath) {
			continue
		}
		for _, r := range ladder {
			if !anyUnder(p.ImportPath, r.packages) {
				continue
			}
			for _, i := range p.Imports {
				ours, ok := strings.CutPrefix(i, module)
				if ok && ours != everywhere && !anyUnder(ours, r.allowed) && !anyUnder(ours, r.packages) {
					t.Errorf("%s imports %s: %s", p.ImportPath, ours, r.reason)
				}
			}
		}
	}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	for _, p := range load(t) {
		if !anyUnder(p.ImportPath, pure) || isTestSupport(p.ImportPath) || isGenerated(p.ImportPath) {
			continue
		}
		for _, i := range p.Imports {
			for _, f := range forbidden {
				if under(i, f.prefix) && !exempt[p.ImportPath+" "+i] {
					t.Errorf("%s imports %s: %s", p.ImportPath, i, f.reason)
				}
			}
		}
	}
}

func TestActorsKnowEachOtherOnlyThroughMessages(t *testing.T) {
	owner := func(path string) string {
		for _, a := range actorsOfRung4 {
			if under(path, a) {
				return a
			}
		}
		return ""
	}
	lower := []string{"actors/consensus/transition", "actors/consensus/history"} // rung 3: rules and records that others read
	for _, p := range load(t) {
		self := owner(p.ImportPath)
		if self == "" || isTestSupport(p.ImportPath) || anyUnder(p.ImportPath, lower) {
			continue
		}
		for _, i := range p.Imports {
			ours, ok := strings.CutPrefix(i, module)
			other := owner(ours)
			if ok && other != "" && other != self && !anyUnder(ours, lower) && !exempt[p.ImportPath+" "+ours] {
				t.Errorf("%s imports %s: actors of one rung meet only in messages", p.ImportPath, ours)
			}
		}
	}
}

// What ships must not depend on what tests it: only commands and the simulator
// itself import the simulator.
func TestOnlyCommandsKnowTheSimulator(t *testing.T) {
	for _, p := range load(t) {
		if anyUnder(p.ImportPath, []string{"sim", "cmd"}) {
			continue
		}
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, module); ok && under(ours, "sim") {
				t.Errorf("%s imports %s: what ships does not know the simulator", p.ImportPath, ours)
			}
		}
	}
}

// Whole programs stand above the actors that they are made of, and know each other only
// downwards: a gateway is a user, a user is no gateway.
func TestProgramsStandAboveTheirActors(t *testing.T) {
	programs := []string{"actors/node", "actors/client/user", "actors/gateway"}
	talk := "actors/gateway/talk" // what is said to a gateway, and its wire form
	allowed := map[string][]string{"actors/gateway": {"actors/client/user"}}
	program := func(path string) string {
		for _, p := range programs {
			if under(path, p) && !under(path, talk) {
				return p
			}
		}
		return ""
	}
	for _, p := range load(t) {
		self := program(p.ImportPath)
		if anyUnder(p.ImportPath, []string{"sim", "cmd"}) || isTestSupport(p.ImportPath) {
			continue
		}
		for _, i := range p.Imports {
			ours, ok := strings.CutPrefix(i, module)
			if other := program(ours); ok && other != "" && other != self && !anyUnder(other, allowed[self]) {
				t.Errorf("%s imports %s: programs stand above their actors", p.ImportPath, ours)
			}
		}
	}
}

// exempt are imports that break a rule above, each with its reason.
var exempt = map[string]bool{
	// client/user wires a wallet program as node wires a member: it stands on
	// the rung above the actors.
	"actors/client/user actors/clock":           true,
	"actors/client/user actors/remote":          true,
	"actors/client/user actors/remote/gate":     true,
	"actors/client/user actors/remote/identity": true,
	"crypto/bls log/slog":                       true, // a secret scalar says how it is logged: redacted
}

// Every domain separation tag stands in one table, so that the test of that
// table sees all of them.
func TestTagsStandInOneTable(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") {
			return err
		}
		if under(file, "crypto/domain") || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "test/") {
			return nil
		}
		b, err := os.ReadFile(file)
		if strings.Contains(string(b), "MINIMINT-V01-") {
			t.Errorf("%s has a tag of its own; put it into crypto/domain", file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
