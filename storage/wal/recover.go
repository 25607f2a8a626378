package wal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errDamaged says that there is no whole record at a position. Whether that is
// a torn tail or corruption depends on what comes behind.
var errDamaged = errors.New("no whole record")

// recover finds the end of the log in an existing file and makes it the end of
// the file.
func (l *Log) recover() error {
	size, err := l.file.Size()
	if err != nil {
		return err
	}
	base, err := l.readPreamble(size)
	if err != nil {
		return err
	}
	end, err := l.wholeRecords(size)
	if err != nil {
		return err
	}
	if end < base {
		return fmt.Errorf("%w: the record at byte %d was durable before the file got its name", ErrCorrupt, end)
	}
	if end < size {
		witness, err := l.findWitness(end, size)
		if err != nil {
			return err
		}
		if witness > 0 {
			return fmt.Errorf("%w: the record at byte %d was durable before that at byte %d was written",
				ErrCorrupt, end, witness)
		}
		if err := l.file.Truncate(end); err != nil {
			return err
		}
	}
	// The records may have been written by a process that died before it
	// synced them, and be no further than in the memory of this machine. The
	// caller will act on them.
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.end, l.synced, l.truncated = end, end, size-end
	return nil
}

// readPreamble reads the salt and returns the base. A log gets its name when
// its preamble is durable, so there is no crash that leaves another.
func (l *Log) readPreamble(size int64) (base int64, err error) {
	if size < int64(preambleBytes) {
		return 0, fmt.Errorf("%w: %d bytes are no log", ErrCorrupt, size)
	}
	b := make([]byte, preambleBytes)
	if err := readFull(l.file, b, 0); err != nil {
		return 0, err
	}
	p, ok := parsePreamble(b)
	if !ok {
		return 0, fmt.Errorf("%w: it does not begin like a log", ErrCorrupt)
	}
	l.salt = p.salt
	return p.base, nil
}

// wholeRecords returns where the whole records at the beginning end.
func (l *Log) wholeRecords(size int64) (int64, error) {
	in := newScanner(l, size)
	for {
		at := in.position
		_, err := in.next()
		if errors.Is(err, errDamaged) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// findWitness searches behind the damaged record at position damaged for the
// header of a record that was appended when that one was durable. It returns
// its position, or 0. The search cannot rely on lengths, which may be damaged
// too, so it tries every byte.
func (l *Log) findWitness(damaged, size int64) (int64, error) {
	buffer := make([]byte, bufferBytes)
	for at := damaged + 1; at+headerBytes <= size; {
		window := buffer[:min(int64(len(buffer)), size-at)]
		if err := readFull(l.file, window, at); err != nil {
			return 0, err
		}
		for ; len(window) >= headerBytes; window = window[1:] {
			if h, ok := parseHeader(window[:headerBytes], l.salt, at); ok && h.synced > damaged {
				return at, nil
			}
			at++
		}
	}
	return 0, nil
}

// scanner reads records one after another.
type scanner struct {
	in       *bufio.Reader
	salt     uint64
	position int64 // of the next record
	size     int64 // where reading must end
}

func newScanner(l *Log, size int64) *scanner {
	start := int64(preambleBytes)
	section := io.NewSectionReader(l.file, start, size-start)
	return &scanner{in: bufio.NewReaderSize(section, bufferBytes), salt: l.salt, position: start, size: size}
}

// next returns the next record. The error is errDamaged if there is no whole
// one before the end.
func (s *scanner) next() ([]byte, error) {
	rest := s.size - s.position - headerBytes
	if rest < 0 {
		return nil, errDamaged
	}
	var b [headerBytes]byte
	if _, err := io.ReadFull(s.in, b[:]); err != nil {
		return nil, err
	}
	h, ok := parseHeader(b[:], s.salt, s.position)
	if !ok || int64(h.length) > rest {
		return nil, errDamaged
	}
	payload := make([]byte, h.length)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return nil, err
	}
	if checksum(payload) != h.payloadCRC {
		return nil, errDamaged
	}
	s.position += headerBytes + int64(h.length)
	return payload, nil
}

// readFull fills b from offset. Ending early is an error: the length of the
// file is known.
func readFull(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	return err
}
