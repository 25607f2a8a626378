package node_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"minimint/actors/node/nodetest"
	"minimint/storage/memory"
	"minimint/storage/wal"
)

// Trouble of the world is no panic: nobody begins again. What the node can do
// without is waited for, what it cannot ends the process with advice.

// A bitcoin node that is away is waited for; consensus goes on.
func TestBitcoinNodesAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.begin()
	for _, away := range [][]int{{1}, {0, 1, 2, 3}} {
		before := s.Height(0)
		for _, i := range away {
			s.Members[i].Bitcoin.SetDown(true)
		}
		want := s.Mine(5)
		s.pay(load)
		if len(away) == 4 && s.Height(0) != before {
			t.Errorf("without a bitcoin node the federation agrees on height %d", s.Height(0))
		}
		for _, i := range away {
			s.Members[i].Bitcoin.SetDown(false)
		}
		s.Await("all agree on the blocks that came meanwhile", func() bool {
			for i := range s.Members {
				if s.Height(i) != want {
					return false
				}
			}
			return true
		})
	}
	s.unharmed(nil)
}

// fails makes something of member 1 fail, and puts it right again.
type fails struct {
	name        string
	fail, right func(*nodetest.Member)
	want        error
	advice      string
}

// A store or a disk that fails ends the process, at once and once; the others go
// on, and the next process goes on from what is there.
func TestStorageFails(t *testing.T) {
	t.Parallel()
	nothing := func(*nodetest.Member) {}
	var s *stage
	for _, c := range []fails{
		{"a write of the store", func(m *nodetest.Member) { m.Store.FailWrite(2) }, nothing, memory.ErrInjected, "disk"},
		{"a commit, lost", func(m *nodetest.Member) { m.Store.LoseCommit(1) }, nothing, memory.ErrCrashed, "disk"},
		{"a commit, kept", func(m *nodetest.Member) { m.Store.KeepCommit(1) }, nothing, memory.ErrCrashed, "disk"},
		{"a full disk", func(m *nodetest.Member) { m.Full.Store(true) }, func(m *nodetest.Member) { m.Full.Store(false) }, syscall.ENOSPC, "Make room"},
		{"a damaged journal", damage("journal.log"), putAside("journal.log"), wal.ErrCorrupt, "put the file aside"},
		{"a damaged pool", damage("pool.log"), putAside("pool.log"), wal.ErrCorrupt, "put the file aside"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t2 *testing.T) {
			if s == nil {
				s = newStage(t)
			}
			defer s.In(t2)()
			s.begin()
			m := s.Members[1]
			c.fail(m)
			for len(s.Halts(1)) == 0 {
				s.pay(1)
			}
			for _, h := range s.Halts(1) { // more than one actor may meet it
				if !errors.Is(h, c.want) || h.Failures != 1 || h.Stack != "" {
					s.Errorf("halts with %+v", h)
				}
				if !strings.Contains(h.Advice(), c.advice) {
					s.Errorf("advice for %v: %s", h, h.Advice())
				}
			}
			s.pay(load)
			s.Agree(0, 2, 3)
			s.Bury(1, 1)
			c.right(m)
			s.Start(1)
			s.watchers[1] = s.Dial(1)
			s.replaced["node 1"] = true
			s.unharmed(nil)
		})
	}
}

// damage lets the middle of a file rot while the process is away.
func damage(name string) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		m.Away(func() {
			f, err := m.Disk.Open(name)
			if err != nil {
				panic(err)
			}
			size, err := f.Size()
			if err == nil {
				_, err = f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, size/2)
			}
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				panic(fmt.Sprintf("damage %s: %v", name, err))
			}
		})
	}
}

// putAside does what the advice says.
func putAside(name string) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		if err := m.Disk.Rename(name, "aside-"+name); err != nil {
			panic(err)
		}
	}
}

// A disk that is full everywhere stops everything, and nothing is lost.
func TestFullEverywhere(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.begin()
	for _, m := range s.Members {
		m.Full.Store(true)
	}
	id, err := s.user.Reissue(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	s.Await("all members halt", func() bool {
		for i := range s.Members {
			if len(s.Halts(i)) == 0 {
				return false
			}
		}
		return true
	})
	for i, m := range s.Members {
		m.Full.Store(false)
		s.Revive(i, uint64(i))
		s.watchers[i] = s.Dial(i)
		s.replaced[fmt.Sprintf("node %d", i)] = true
	}
	s.user.Done(id, nil)
	s.unharmed(nil)
}
