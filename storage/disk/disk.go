// Package disk is the little that an append-only file needs of a file system,
// so that the simulator can put another one underneath: Dir is a directory of
// the operating system, Memory one whose power can fail.
//
// The promises are those of POSIX and no more. What was written is durable
// after Sync of the file and not before; until then a power failure keeps any
// part of it, in any order. A name that was created, renamed or removed is
// durable after Sync of the Disk. Rename replaces its target atomically.
package disk

import "io"

// A Disk is one flat directory. Names must not contain a path separator.
type Disk interface {
	// Open opens an existing file. If there is none, the error is
	// fs.ErrNotExist.
	Open(name string) (File, error)
	// Create makes an empty file and opens it. A file of that name loses its
	// content.
	Create(name string) (File, error)
	// Rename gives a file another name. A file that had it is gone; who has
	// it open keeps it.
	Rename(from, to string) error
	// Remove removes a file. If there is none, the error is fs.ErrNotExist.
	Remove(name string) error
	// Sync makes the names durable.
	Sync() error
}

// A File is open for reading and writing. WriteAt beyond its end fills the
// gap with zeros.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Size returns the length in bytes.
	Size() (int64, error)
	// Truncate makes the file shorter, or longer with zeros.
	Truncate(size int64) error
	// Sync makes content and length durable. After it has failed, nobody
	// knows what is durable, and a second Sync may succeed without cause.
	Sync() error
	io.Closer
}
