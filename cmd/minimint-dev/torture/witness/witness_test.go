package witness

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"minimint/cmd/minimint-dev/torture/autopsy"
	"minimint/messages"
	"minimint/messages/wire"
)

// scribe writes lines as members do.
func scribe(write func(*slog.Logger)) []string {
	var b bytes.Buffer
	write(slog.New(slog.NewTextHandler(&b, nil)))
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func committed(epoch uint64, state byte) []string {
	return scribe(func(l *slog.Logger) {
		l.Info("epoch committed", slog.Uint64("epoch", epoch), slog.Int("contributions", 4), slog.String("state", hash(state).String()))
	})
}

func took(from, epoch uint64, state byte) []string {
	return scribe(func(l *slog.Logger) {
		l.Info("epochs of others committed", slog.Uint64("from", from), slog.Uint64("epoch", epoch), slog.String("state", hash(state).String()))
	})
}

func starts(epoch uint64) []string {
	return scribe(func(l *slog.Logger) { l.Info("consensus starts", slog.Uint64("epoch", epoch), slog.Int("pooled", 2)) })
}

func hash(b byte) messages.Digest { return messages.Digest{b} }

// says is what a member's log says, one line or a few.
type says struct {
	member int
	lines  []string
}

func TestLogs(t *testing.T) {
	warn := func(text string, args ...any) []string { return scribe(func(l *slog.Logger) { l.Warn(text, args...) }) }
	for _, c := range []struct {
		name string
		log  []says
		want string // the check that fails, "" if none
	}{
		{"all is well", []says{{0, starts(0)}, {1, starts(0)}, {0, committed(0, 1)}, {1, committed(0, 1)}, {0, committed(1, 2)}}, ""},
		{"a restart", []says{{0, committed(0, 1)}, {0, starts(1)}, {0, committed(1, 2)}}, ""},
		{"a commit that was not written to the log", []says{{0, committed(0, 1)}, {0, starts(2)}, {0, committed(2, 3)}}, ""},
		{"epochs of others", []says{{0, committed(0, 1)}, {0, took(1, 5, 7)}, {0, committed(6, 8)}, {1, took(0, 6, 8)}}, ""},
		{"epochs of others that were not written to the log", []says{{1, took(0, 7, 7)}, {0, committed(0, 1)}, {0, starts(8)}}, ""},
		{"harmless", []says{{0, warn("bitcoin node", slog.String("error", "a b = c"))}}, ""},
		{"talk", []says{{0, scribe(func(l *slog.Logger) { l.Info(`[DeadLetter]`, slog.String("pid", `"x" y=z`)) })}}, ""},

		{"other states", []says{{0, committed(0, 1)}, {1, committed(0, 2)}}, "commits"},
		{"an epoch left out", []says{{0, committed(0, 1)}, {0, committed(2, 3)}}, "commits"},
		{"another state of others' epochs", []says{{0, committed(0, 1)}, {0, took(1, 5, 7)}, {1, took(0, 5, 6)}}, "commits"},
		{"a gap before others' epochs", []says{{0, committed(0, 1)}, {0, took(2, 5, 7)}}, "commits"},
		{"an epoch twice", []says{{0, committed(0, 1)}, {0, committed(0, 1)}}, "commits"},
		{"commits forgotten", []says{{0, committed(0, 1)}, {0, committed(1, 2)}, {0, starts(1)}}, "commits"},
		{"commits from nowhere", []says{{0, committed(0, 1)}, {0, starts(3)}}, "commits"},
		{"an accusation", []says{{0, warn("peer misbehaves", slog.Int("peer", 2))}}, "log"},
		{"an error", []says{{0, scribe(func(l *slog.Logger) { l.Error("actor panicked") })}}, "log"},
		{"a panic", []says{{0, []string{"panic: runtime error: index out of range", "", "goroutine 7 [running]:"}}}, "log"},
		{"last words", []says{{0, []string{"minimintd: the member halts"}}}, "log"},
		{"a commit in other words", []says{{0, scribe(func(l *slog.Logger) { l.Info("epoch committed", slog.Uint64("number", 1)) })}}, "log"},
		{"a start in other words", []says{{0, scribe(func(l *slog.Logger) { l.Info("consensus starts") })}}, "log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failed := ""
			w := New(2, func(check, text string) {
				t.Logf("%s: %s", check, text)
				failed = check
			})
			for _, s := range c.log {
				for _, line := range s.lines {
					w.Line(s.member, line)
				}
			}
			if failed != c.want {
				t.Errorf("failed: %q, want %q", failed, c.want)
			}
		})
	}
}

func TestRemains(t *testing.T) {
	for _, c := range []struct {
		name    string
		remains [2]autopsy.Remains
		want    string
	}{
		{"equal", [2]autopsy.Remains{
			{Next: 2, State: hash(2), Whole: hash(2), Outcomes: []messages.Digest{hash(8), hash(9)}},
			{Next: 1, State: hash(1), Outcomes: []messages.Digest{hash(8)}},
		}, ""},
		{"other outcomes", [2]autopsy.Remains{
			{Next: 1, State: hash(1), Outcomes: []messages.Digest{hash(8)}},
			{Next: 1, State: hash(1), Outcomes: []messages.Digest{hash(9)}},
		}, "outcomes"},
		{"other states", [2]autopsy.Remains{
			{Next: 1, State: hash(1), Outcomes: []messages.Digest{hash(8)}},
			{Next: 1, State: hash(2), Outcomes: []messages.Digest{hash(8)}},
		}, "commits"},
		{"a hash of something else", [2]autopsy.Remains{
			{Next: 1, State: hash(1), Whole: hash(3), Outcomes: []messages.Digest{hash(8)}},
			{Next: 1, State: hash(1), Outcomes: []messages.Digest{hash(8)}},
		}, "outcomes"},
		{"commits that are gone", [2]autopsy.Remains{{Next: 0}, {Next: 1, State: hash(1)}}, "outcomes"},
		{"a promise that is gone", [2]autopsy.Remains{
			{Next: 1, State: hash(1), Lost: []messages.TxID{hash(77)}}, {Next: 1, State: hash(1)},
		}, "acknowledged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failed := ""
			w := New(2, func(check, text string) {
				t.Logf("%s: %s", check, text)
				failed = check
			})
			for m := range c.remains {
				for _, line := range committed(0, 1) {
					w.Line(m, line)
				}
			}
			for m, r := range c.remains {
				w.Remains(m, 0, r)
			}
			if failed != c.want {
				t.Errorf("failed: %q, want %q", failed, c.want)
			}
			if c.want == "" && (w.Unexamined() != 2 || w.Newest() != 1 || w.Next(1) != 1) {
				t.Errorf("unexamined %d, newest %d, next %d", w.Unexamined(), w.Newest(), w.Next(1))
			}
		})
	}
}

func TestInfo(t *testing.T) {
	state := hash(1)
	for _, c := range []struct {
		name string
		info *wire.Info
		want string
	}{
		{"fine", &wire.Info{AssetsMsat: 5, LiabilitiesMsat: 5, NextEpoch: 1, StateHash: state[:], Peers: []*wire.PeerInfo{{Member: 1}}}, ""},
		{"assets are missing", &wire.Info{AssetsMsat: 4, LiabilitiesMsat: 5}, "money"},
		{"assets from nowhere", &wire.Info{AssetsMsat: 6, LiabilitiesMsat: 5}, "money"},
		{"an accusation", &wire.Info{Peers: []*wire.PeerInfo{{Member: 1, Faults: 1}}}, "accusations"},
		{"another state", &wire.Info{NextEpoch: 1, StateHash: make([]byte, 32)}, "commits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failed := ""
			w := New(2, func(check, _ string) { failed = check })
			for _, line := range committed(0, 1) {
				w.Line(1, line)
			}
			w.Info(0, c.info)
			if failed != c.want {
				t.Errorf("failed: %q, want %q", failed, c.want)
			}
		})
	}
}

// A member that fills its log is not repeated without end.
func TestNoiseIsBounded(t *testing.T) {
	n := 0
	w := New(1, func(string, string) { n++ })
	for i := range 1000 {
		w.Line(0, fmt.Sprint("goroutine ", i))
	}
	if n != maxNoise {
		t.Errorf("%d reports", n)
	}
}
