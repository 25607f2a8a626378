// Package wal is an append-only log of records in one file. What an actor must
// not forget across a crash, but need not look up by key, goes here: one Append
// and one Sync cost a single flush of the disk, however many records they
// carry.
//
//	log, err := wal.Open(directory, "journal", rand.Reader)
//	for record, err := range log.Records() { … }  // after a restart
//	err = log.Append(vote, echo)                  // for every message
//	err = log.Sync()                              // then send what was said
//	err = log.Rewrite(wal.Of(live...))            // when most of it is garbage
//
// # What is promised
//
// After any crash Open yields a prefix of the records that were appended, in
// their order, and the prefix contains all that had been appended when the
// last successful Sync began. A power failure may leave the last records in
// pieces, with gaps: such a torn tail is cut off silently, see Truncated.
//
// Damage to a record that had been synced before a later one was appended, or
// that was there when the log was rewritten, is no accident of that kind. Open
// then returns ErrCorrupt and changes nothing, because whoever forgets what it
// has said may contradict itself. Damage to the records of the very last Sync
// cannot be told from a torn tail.
//
// Rewrite replaces all records or none.
//
// # Errors
//
// After an error of Append or Sync the log is broken and returns that error
// for ever: what a disk did with data that it failed to flush is unknown. A
// record beyond MaxRecord is a bug of the caller and panics.
//
// A Log belongs to one goroutine. Two logs must not share a file; there is no
// lock.
package wal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"minimint/storage/disk"
)

// MaxRecord bounds a record, in bytes. It is part of the format.
const MaxRecord = 32 << 20

// bufferBytes is the size of reads and of the writes of Rewrite.
const bufferBytes = 64 << 10

var (
	// ErrCorrupt says that durable records are damaged.
	ErrCorrupt = errors.New("log is corrupt")
	// ErrClosed is returned by a Log after Close.
	ErrClosed = errors.New("log is closed")
)

// A Log is an open log. Make one with Open.
type Log struct {
	disk disk.Disk
	name string
	salt uint64

	file disk.File
	// end is where the next record goes, synced the part of it that is
	// certainly on the disk.
	end, synced int64
	truncated   int64
	err         error // why the log refuses to work, or nil
	buffer      []byte
}

// Open opens the log of that name, or makes an empty one. It reads all of it,
// cuts off a torn tail, and makes durable what it found, so that everything
// that Records yields will be found again. The error is ErrCorrupt if durable
// records are damaged.
//
// A new log takes eight bytes from random. They keep records whose content
// others have chosen from being made to look like parts of the log.
func Open(d disk.Disk, name string, random io.Reader) (*Log, error) {
	l := &Log{disk: d, name: name}
	// What a crash inside Rewrite or creation has left.
	if err := d.Remove(l.temporary()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	file, err := d.Open(name)
	switch {
	case err == nil:
		l.file = file
		err = l.recover()
	case errors.Is(err, fs.ErrNotExist):
		err = l.create(random)
	}
	if err != nil {
		if l.file != nil {
			err = errors.Join(err, l.file.Close())
		}
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	return l, nil
}

func (l *Log) create(random io.Reader) error {
	var salt [8]byte
	if _, err := io.ReadFull(random, salt[:]); err != nil {
		return fmt.Errorf("draw salt: %w", err)
	}
	l.salt = byteOrder.Uint64(salt[:])
	return l.replace(Of())
}

// Size returns the length of the file in bytes, for deciding when to Rewrite.
func (l *Log) Size() int64 { return l.end }

// Truncated returns how many bytes Open cut off. If the last process ended
// without a crash of the machine, it should be 0.
func (l *Log) Truncated() int64 { return l.truncated }

// Records visits all records in the order in which they were appended, synced
// or not. Each is a slice of its own. If one cannot be read, the error comes
// with a nil record, and the visit ends.
func (l *Log) Records() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := l.err; err != nil {
			yield(nil, err)
			return
		}
		in := newScanner(l, l.end)
		for in.position < l.end {
			record, err := in.next()
			if err != nil {
				yield(nil, fmt.Errorf("read log %s: %w", l.name, err))
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// Of yields the given records, for Rewrite.
func Of(records ...[]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, record := range records {
			if !yield(record, nil) {
				return
			}
		}
	}
}

// Append adds records at the end, which are durable after the next Sync. It
// keeps no reference to them.
func (l *Log) Append(records ...[]byte) error {
	if l.err != nil {
		return l.err
	}
	l.buffer = l.buffer[:0]
	for _, record := range records {
		at := l.end + int64(len(l.buffer))
		l.buffer = appendRecord(l.buffer, header{salt: l.salt, position: at, synced: l.synced}, record)
	}
	if len(l.buffer) == 0 {
		return nil
	}
	if _, err := l.file.WriteAt(l.buffer, l.end); err != nil {
		return l.breakDown("append to", err)
	}
	l.end += int64(len(l.buffer))
	if cap(l.buffer) > MaxRecord/8 {
		l.buffer = nil // one large record is no reason to keep so much memory
	}
	return nil
}

// Sync makes everything durable that was appended. Without anything new it
// costs nothing.
func (l *Log) Sync() error {
	if l.err != nil || l.synced == l.end {
		return l.err
	}
	if err := l.file.Sync(); err != nil {
		return l.breakDown("sync", err)
	}
	l.synced = l.end
	return nil
}

func (l *Log) breakDown(doing string, err error) error {
	l.err = fmt.Errorf("%s log %s: %w", doing, l.name, err)
	return l.err
}

// Rewrite replaces the content by the given records, atomically and durably;
// they may come from Records. If they end with an error, or cannot be written,
// Rewrite returns it, and the log is as before and can be used, unless the
// error came too late to tell: then it is broken.
func (l *Log) Rewrite(records iter.Seq2[[]byte, error]) error {
	if l.err != nil {
		return l.err
	}
	if err := l.replace(records); err != nil {
		return fmt.Errorf("rewrite log %s: %w", l.name, err)
	}
	return nil
}

// Close closes the file without Sync. Closing twice is harmless.
func (l *Log) Close() error {
	if errors.Is(l.err, ErrClosed) {
		return nil
	}
	l.err = fmt.Errorf("log %s: %w", l.name, ErrClosed)
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close log %s: %w", l.name, err)
	}
	return nil
}

func (l *Log) temporary() string { return l.name + ".new" }

// replace puts a file with the given records in the place of the present one,
// if there is one.
func (l *Log) replace(records iter.Seq2[[]byte, error]) error {
	file, err := l.disk.Create(l.temporary())
	if err != nil {
		return err
	}
	end, err := writeAll(file, l.salt, records)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(err, file.Close(), l.disk.Remove(l.temporary()))
	}
	// From here on either file may be the one that a restart finds.
	err = l.disk.Rename(l.temporary(), l.name)
	if err == nil {
		err = l.disk.Sync()
	}
	if err != nil {
		return errors.Join(l.breakDown("replace", err), file.Close())
	}
	old := l.file
	l.file, l.end, l.synced = file, end, end
	if old != nil {
		_ = old.Close() // nobody will ever read it again
	}
	return nil
}

// writeAll writes a whole log and returns its length.
func writeAll(file disk.File, salt uint64, records iter.Seq2[[]byte, error]) (int64, error) {
	end := int64(preambleBytes)
	out := bufio.NewWriterSize(io.NewOffsetWriter(file, end), bufferBytes)
	var encoded []byte
	for record, err := range records {
		if err != nil {
			return 0, err
		}
		// The preamble vouches for all of them, so that none needs to vouch
		// for those before it.
		encoded = appendRecord(encoded[:0], header{salt: salt, position: end}, record)
		if _, err := out.Write(encoded); err != nil {
			return 0, err
		}
		end += int64(len(encoded))
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	_, err := file.WriteAt(preamble{salt: salt, base: end}.encode(), 0)
	return end, err
}
