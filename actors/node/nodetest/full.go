package nodetest

import (
	"io/fs"
	"sync/atomic"
	"syscall"

	"minimint/storage/disk"
)

// roomy is a disk that can be full: whatever would write to it fails then.
type roomy struct {
	disk.Disk
	full *atomic.Bool
}

func (r roomy) write(name string) error {
	if r.full.Load() {
		return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return nil
}

// Open implements disk.Disk.
func (r roomy) Open(name string) (disk.File, error) {
	f, err := r.Disk.Open(name)
	return file{f, r, name}, err
}

// Create implements disk.Disk.
func (r roomy) Create(name string) (disk.File, error) {
	if err := r.write(name); err != nil {
		return nil, err
	}
	f, err := r.Disk.Create(name)
	return file{f, r, name}, err
}

// file is a file on such a disk.
type file struct {
	disk.File
	disk roomy
	name string
}

// WriteAt implements disk.File.
func (f file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.write(f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}
