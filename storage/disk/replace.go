package disk

import (
	"errors"
	"io/fs"
)

// Replace puts a file with this content, and the permissions of a new one, in the
// place of what has its name, if there is any. When it returns without an error that is
// durable; whenever the power fails before, the former file is there, or the new one. It
// uses the name with ".new" behind it.
func Replace(d Disk, name string, content []byte) error {
	temporary := name + ".new"
	// A leftover would keep its permissions.
	if err := d.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.Create(temporary)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(content, 0); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.Rename(temporary, name); err != nil {
		return err
	}
	return d.Sync()
}
