package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

var (
	// ErrCrashed is returned by a Memory without power and by files that
	// were open when it failed.
	ErrCrashed = errors.New("simulated power failure")
	// ErrInjected is the failure of one operation.
	ErrInjected = errors.New("injected disk error")
)

// Memory is a Disk in memory. It remembers what is durable beside what
// programs see, so that Crash can take away the difference, or parts of it.
// Make one with NewMemory.
//
// Faults are planned by counting changes: Create, Rename, Remove, Truncate,
// WriteAt and both kinds of Sync count, reading does not. A count starts with
// the next change, so that planning for 1, 2, 3, … until a run ends without
// the fault visits every step of a program.
type Memory struct {
	mu sync.Mutex
	// names is what programs see, durable what a crash leaves if it loses
	// all changes, which are in pending in their order.
	names, durable map[string]*inode
	pending        []change
	// generation grows with every crash; files of earlier ones are dead.
	generation       int
	failOnce, stopAt int
	stopped          bool
}

// change is a step from one set of names to another.
type change func(names map[string]*inode)

// NewMemory returns an empty disk without planned faults.
func NewMemory() *Memory {
	return &Memory{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// FailOnce makes the n-th change from now fail with ErrInjected, without any
// effect. Later ones work again.
func (m *Memory) FailOnce(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failOnce = n
}

// StopAt lets the power fail right before the n-th change from now: it and all
// later operations return ErrCrashed until Crash.
func (m *Memory) StopAt(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopAt = n
}

// Crash lets the power fail, unless it has, and come back. Names and contents
// fall back to what was durable, plus what seed picks of the rest. Open files
// are dead and planned faults forgotten.
func (m *Memory) Crash(seed uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names = afterCrash(m.durable, m.pending, seed)
	m.durable, m.pending = maps.Clone(m.names), nil
	m.generation++
	m.failOnce, m.stopAt, m.stopped = 0, 0, false
}

// Clone returns another disk that holds what programs see on this one now, all of it
// durable: a backup.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMemory()
	for name, node := range m.names {
		c.names[name] = &inode{content: slices.Clone(node.content), synced: len(node.content)}
	}
	c.durable = maps.Clone(c.names)
	return c
}

// Open opens an existing file.
func (m *Memory) Open(name string) (File, error) {
	checkName(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, ErrCrashed
	}
	node, ok := m.names[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return &memoryFile{disk: m, node: node, generation: m.generation}, nil
}

// Create makes an empty file.
func (m *Memory) Create(name string) (File, error) {
	checkName(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return nil, err
	}
	node, ok := m.names[name]
	if ok {
		node.resize(0)
	} else {
		node = &inode{}
		m.change(func(names map[string]*inode) { names[name] = node })
	}
	return &memoryFile{disk: m, node: node, generation: m.generation}, nil
}

// Rename gives a file another name.
func (m *Memory) Rename(from, to string) error {
	checkName(from)
	checkName(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	node, ok := m.names[from]
	if !ok {
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	}
	m.change(func(names map[string]*inode) {
		delete(names, from)
		names[to] = node
	})
	return nil
}

// Remove removes a file.
func (m *Memory) Remove(name string) error {
	checkName(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	if _, ok := m.names[name]; !ok {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	m.change(func(names map[string]*inode) { delete(names, name) })
	return nil
}

// Sync makes the names durable.
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	m.durable, m.pending = maps.Clone(m.names), nil
	return nil
}

// change carries out c and remembers it. The caller holds mu.
func (m *Memory) change(c change) {
	c(m.names)
	m.pending = append(m.pending, c)
}

// step counts a change and says whether it may happen. The caller holds mu.
func (m *Memory) step() error {
	if m.stopAt > 0 {
		m.stopAt--
		m.stopped = m.stopped || m.stopAt == 0
	}
	if m.stopped {
		return ErrCrashed
	}
	if m.failOnce > 0 {
		if m.failOnce--; m.failOnce == 0 {
			return ErrInjected
		}
	}
	return nil
}

// memoryFile is one opening of a file.
type memoryFile struct {
	disk       *Memory
	node       *inode
	generation int
	closed     bool
}

// alive says why the file cannot be used. The caller holds mu.
func (f *memoryFile) alive() error {
	switch {
	case f.disk.stopped || f.generation != f.disk.generation:
		return ErrCrashed
	case f.closed:
		return fs.ErrClosed
	default:
		return nil
	}
}

// modify carries out one change of the file.
func (f *memoryFile) modify(do func(*inode)) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.alive(); err != nil {
		return err
	}
	if err := f.disk.step(); err != nil {
		return err
	}
	do(f.node)
	return nil
}

func (f *memoryFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.modify(func(n *inode) { n.writeAt(p, int(offset)) }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memoryFile) Truncate(size int64) error {
	return f.modify(func(n *inode) { n.resize(int(size)) })
}

func (f *memoryFile) Sync() error { return f.modify((*inode).sync) }

func (f *memoryFile) ReadAt(p []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.alive(); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.node.content)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.content[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.alive(); err != nil {
		return 0, err
	}
	return int64(len(f.node.content)), nil
}

func (f *memoryFile) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.alive(); err != nil {
		return err
	}
	f.closed = true
	return nil
}
