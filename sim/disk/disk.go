// Package disk is what lasts of a simulated machine: a store under the port of
// bbolt, and files under the port of the write-ahead logs.
//
// A [Disk] outlives the processes that use it. When the process alone ends, all
// that was written is there afterwards; when the power fails, all that was
// synced, and of the rest what the seed picks: parts of files, torn sectors, a
// commit wholly or not at all. [Disk.FailAt] lets the power fail in the middle of
// a write.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"

	"minimint/storage"
	files "minimint/storage/disk"
	"minimint/storage/memory"
)

// Disk is one machine's. It belongs to the loop's goroutine.
type Disk struct {
	store  *memory.Store
	files  *files.Memory
	random *rand.Rand
	watch  Watch
	// opened counts processes; one that is gone cannot touch the disk any more.
	opened  uint64
	countdn int
	changes uint64
}

// Watch is who wants to know what happens to a disk.
type Watch struct {
	// Committed is called after every commit.
	Committed func(storage.Store)
	// Synced is called whenever the process has waited for the disk.
	Synced func()
	// Died is called when a planned failure strikes, in the middle of whatever
	// the process does. The process must not be heard of again.
	Died func()
}

// New returns an empty disk.
func New(random *rand.Rand) *Disk {
	return &Disk{store: memory.New(), files: files.NewMemory(), random: random}
}

// Open is called by a new process. What an earlier one still holds is dead from
// then on.
func (d *Disk) Open(w Watch) (storage.Store, files.Disk) {
	d.opened++
	d.watch, d.countdn = w, 0
	d.store = d.store.Clone()
	return &store{Store: d.store, disk: d, process: d.opened}, &directory{Memory: d.files, disk: d, process: d.opened}
}

// Store returns the committed state, for observers. It is nil's equal before the
// first Open: an empty one.
func (d *Disk) Store() storage.Store { return d.store }

// Blank reports whether the store on it is empty: nothing was ever committed, or all
// was lost.
func (d *Disk) Blank() bool {
	snap, err := d.store.View()
	if err != nil {
		panic(fmt.Sprintf("disk: look at the store: %v", err))
	}
	defer snap.Release()
	for range snap.Scan(nil) {
		return false
	}
	return true
}

// Changes counts the writes, syncs and commits so far.
func (d *Disk) Changes() uint64 { return d.changes }

// Crash lets the power fail and come back. Nobody may have the disk open.
func (d *Disk) Crash() {
	d.opened++
	d.countdn = 0
	d.files.Crash(d.random.Uint64())
	d.store = d.store.Clone()
}

// An Image is what was on a disk at some time: a backup.
type Image struct {
	store *memory.Store
	files *files.Memory
}

// Image copies what is on the disk now, as programs see it.
func (d *Disk) Image() Image { return Image{d.store.Clone(), d.files.Clone()} }

// Restore puts an image in the place of all that is on the disk. Nobody may have it
// open.
func (d *Disk) Restore(i Image) {
	d.opened++
	d.countdn = 0
	d.store, d.files = i.store.Clone(), i.files.Clone()
}

// RestoreFile puts one file of an image in the place of that on the disk, or removes it
// if the image has none. Nobody may have it open.
func (d *Disk) RestoreFile(i Image, name string) {
	d.opened++
	d.countdn = 0
	content, ok := read(i.files, name)
	if !ok {
		_ = d.files.Remove(name)
		return
	}
	f, err := d.files.Create(name)
	if err == nil {
		_, err = f.WriteAt(content, 0)
	}
	if err == nil {
		err = errors.Join(f.Sync(), d.files.Sync())
	}
	if err != nil {
		panic(fmt.Sprintf("disk: restore %s: %v", name, err))
	}
}

// read returns what a file holds; false if there is none.
func read(from *files.Memory, name string) ([]byte, bool) {
	f, err := from.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	size, err := f.Size()
	if err != nil {
		panic(fmt.Sprintf("disk: read %s: %v", name, err))
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		panic(fmt.Sprintf("disk: read %s: %v", name, err))
	}
	return content, true
}

// FailAt lets the power fail in the n-th change from now, n ≥ 1: right before it,
// or right after it with the process none the wiser. Another plan is forgotten.
func (d *Disk) FailAt(n int) { d.countdn = n }

// change is called around every change; do is not called if the power fails
// before it.
func (d *Disk) change(process uint64, do func() error) error {
	if process != d.opened {
		return files.ErrCrashed
	}
	d.changes++
	if d.countdn == 0 {
		return do()
	}
	if d.countdn--; d.countdn > 0 {
		return do()
	}
	if d.random.IntN(2) == 0 {
		_ = do() // it happened, and nobody knows
	}
	d.watch.Died()
	d.Crash()
	return files.ErrCrashed
}

// sync is a change for which the process waits.
func (d *Disk) sync(process uint64, do func() error) error {
	err := d.change(process, do)
	if err == nil && d.watch.Synced != nil {
		d.watch.Synced()
	}
	return err
}

// store is the store as one process sees it.
type store struct {
	*memory.Store
	disk    *Disk
	process uint64
}

// Update implements storage.Store.
func (s *store) Update(fn func(storage.Tx) error) error {
	var refused error
	err := s.disk.sync(s.process, func() error {
		return s.Store.Update(func(tx storage.Tx) error {
			refused = fn(tx)
			return refused
		})
	})
	if err == nil && refused == nil && s.disk.watch.Committed != nil {
		s.disk.watch.Committed(s.Store)
	}
	return err
}

// directory is the disk as one process sees it.
type directory struct {
	*files.Memory
	disk    *Disk
	process uint64
}

// Open implements disk.Disk.
func (d *directory) Open(name string) (files.File, error) {
	if d.process != d.disk.opened {
		return nil, files.ErrCrashed
	}
	f, err := d.Memory.Open(name)
	return d.file(f), err
}

// Create implements disk.Disk.
func (d *directory) Create(name string) (f files.File, err error) {
	err = d.disk.change(d.process, func() error {
		f, err = d.Memory.Create(name)
		return err
	})
	return d.file(f), err
}

// Rename implements disk.Disk.
func (d *directory) Rename(from, to string) error {
	return d.disk.change(d.process, func() error { return d.Memory.Rename(from, to) })
}

// Remove implements disk.Disk.
func (d *directory) Remove(name string) error {
	return d.disk.change(d.process, func() error { return d.Memory.Remove(name) })
}

// Sync implements disk.Disk.
func (d *directory) Sync() error { return d.disk.sync(d.process, d.Memory.Sync) }

func (d *directory) file(f files.File) files.File {
	if f == nil {
		return nil
	}
	return &file{File: f, dir: d}
}

// file is one opening of a file.
type file struct {
	files.File
	dir *directory
}

// WriteAt implements disk.File.
func (f *file) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.dir.disk.change(f.dir.process, func() error {
		n, err = f.File.WriteAt(p, at)
		return err
	})
	return n, err
}

// Truncate implements disk.File.
func (f *file) Truncate(size int64) error {
	return f.dir.disk.change(f.dir.process, func() error { return f.File.Truncate(size) })
}

// Sync implements disk.File.
func (f *file) Sync() error { return f.dir.disk.sync(f.dir.process, f.File.Sync) }

var errGone = errors.New("the process is gone")

// Close implements disk.File.
func (f *file) Close() error {
	if f.dir.process != f.dir.disk.opened {
		return errGone
	}
	return f.File.Close()
}
