package torture

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"minimint/cmd/minimint-dev/torture/plan"
	"minimint/messages/wire"
)

func TestTail(t *testing.T) {
	f := &tail{path: filepath.Join(t.TempDir(), "log")}
	for _, c := range []struct {
		added string
		want  []string
	}{
		{"", nil}, {"one\ntwo\nthr", []string{"one", "two"}}, {"", nil}, {"ee\n\n", []string{"three", ""}}, {"four\n", []string{"four"}},
	} {
		if c.added != "" {
			out, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := out.WriteString(c.added); err != nil {
				t.Fatal(err)
			}
			_ = out.Close()
		}
		if got, err := f.lines(); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("after %q: %q, %v", c.added, got, err)
		}
	}
}

func TestReport(t *testing.T) {
	var r Report
	r.begin(Config{Seed: 7})
	r.group([]plan.Point{{Kind: plan.All}, {Kind: plan.One, Starting: true}}, 5)
	for _, d := range []time.Duration{3, 1, 2} {
		r.resumed(d * time.Second)
	}
	for range maxViolations + 1 {
		r.violation("wallet", "ann has too much")
	}
	if r.Points != 2 || r.Kinds["all"] != 1 || r.Starting != 1 || r.Restarts != 5 || r.ResumeMs.Median != 2000 || r.ResumeMs.Longest != 3000 || len(r.Violations) != maxViolations {
		t.Errorf("%+v", r)
	}
	r.Violations = r.Violations[:1]
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one 1, two 0, all 1, clients 0; 1 of them", "longest 3s", "violations      1", "at point 2", "wallet: ann has too much"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestSums(t *testing.T) {
	a := &wire.Info{NextEpoch: 3, StateHash: []byte{1}, Lines: []*wire.AuditLine{
		{Module: "mint", Line: "notes", LiabilitiesMsat: 5}, {Module: "wallet", LiabilitiesMsat: 7}, {Module: "mint", LiabilitiesMsat: 6},
	}}
	if got := inNotes(a); got != 11 {
		t.Errorf("%d msat in notes", got)
	}
	for _, b := range []*wire.Info{{NextEpoch: 4, StateHash: []byte{1}}, {NextEpoch: 3, StateHash: []byte{2}}} {
		if equal([]*wire.Info{a, b}) {
			t.Errorf("%v is equal", b)
		}
	}
	if !equal([]*wire.Info{a, {NextEpoch: 3, StateHash: []byte{1}}}) {
		t.Error("not equal")
	}
}
