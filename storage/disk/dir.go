package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Dir is a directory of the operating system. Make one with OpenDir.
type Dir struct{ path string }

// OpenDir returns the directory at path, and makes it, durably, if there is
// none. Only the owner may look into a new directory, and into new files.
func OpenDir(path string) (*Dir, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &Dir{path: path}, nil
	case err == nil:
		return nil, fmt.Errorf("open directory %s: it is a file", path)
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("open directory %s: %w", path, err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make directory %s: %w", path, err)
	}
	return &Dir{path: path}, nil
}

// Open opens an existing file.
func (d *Dir) Open(name string) (File, error) {
	return d.open(name, os.O_RDWR)
}

// Create makes an empty file.
func (d *Dir) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (d *Dir) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(d.join(name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename gives a file another name.
func (d *Dir) Rename(from, to string) error { return os.Rename(d.join(from), d.join(to)) }

// Remove removes a file.
func (d *Dir) Remove(name string) error { return os.Remove(d.join(name)) }

// Sync makes the names durable.
func (d *Dir) Sync() error { return syncDir(d.path) }

func (d *Dir) join(name string) string {
	checkName(name)
	return filepath.Join(d.path, name)
}

// checkName panics unless name stays inside a directory.
func checkName(name string) {
	if name == "." || !filepath.IsLocal(name) || filepath.Base(name) != name {
		panic(fmt.Sprintf("disk: %q is not the name of a file in a directory", name))
	}
}

// syncDir makes the entries of a directory durable. Windows, where that is
// neither possible nor needed, refuses to sync one.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// osFile adds Size.
type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
