package aba_test

import (
	"fmt"
	"strings"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/messages/frames"
)

// mustPanic checks that misuse by the local caller is told apart from what a
// peer does: it panics, and names the package.
func mustPanic(t *testing.T, misuse func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "aba: ") {
			t.Errorf("panic: %s", text)
		}
	}()
	misuse()
}

func TestMisuse(t *testing.T) {
	valid := aba.Config{Quorum: protocol.NewQuorum(4), Self: 1, Proposer: 2, Coin: &hashCoin{}}
	configs := map[string]func(*aba.Config){
		"no quorum":    func(c *aba.Config) { c.Quorum = protocol.Quorum{} },
		"wrong quorum": func(c *aba.Config) { c.Quorum.F = 2 },
		"self":         func(c *aba.Config) { c.Self = 4 },
		"proposer":     func(c *aba.Config) { c.Proposer = 4 },
		"coin":         func(c *aba.Config) { c.Coin = nil },
	}
	for name, change := range configs {
		t.Run(name, func(t *testing.T) {
			cfg := valid
			change(&cfg)
			mustPanic(t, func() { aba.New(cfg) })
		})
	}
	about := frames.Term{Proposer: 2}
	t.Run("from a stranger", func(t *testing.T) { mustPanic(t, func() { aba.New(valid).Handle(4, about) }) })
	t.Run("from ourselves", func(t *testing.T) { mustPanic(t, func() { aba.New(valid).Handle(1, about) }) })
	t.Run("about another", func(t *testing.T) { mustPanic(t, func() { aba.New(valid).Handle(0, frames.Term{}) }) })
	t.Run("of another protocol", func(t *testing.T) {
		mustPanic(t, func() { aba.New(valid).Handle(0, frames.Echo{Proposer: 2}) })
	})
}
