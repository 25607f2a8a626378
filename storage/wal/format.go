package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The file, all numbers big-endian:
//
//	preamble  magic (8) ‖ salt (8) ‖ base (8) ‖ CRC of these (4)
//	record    length (4) ‖ CRC of payload (4) ‖ synced (8) ‖ CRC of header (4) ‖ payload
//
// Every CRC is CRC-32C. That of a header also covers the salt and the position
// of the record in the file, neither of which is written there. So a header is
// recognised only where it was written, and bytes that others put into a
// payload do not pass for one: they would have to know the salt.
//
// base is the length of the file when it got its name, all of it durable.
// synced is the length that was durable when the record was appended. They
// tell a torn tail from corruption: if the record at position p is damaged,
// but base or a later record vouches for more than p bytes, then it was
// damaged after it had been stored safely.
const (
	magic         = "mintlog1"
	preambleBytes = len(magic) + 8 + 8 + 4
	headerBytes   = 4 + 4 + 8 + 4
)

var (
	byteOrder  = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// preamble begins a file.
type preamble struct {
	salt uint64
	base int64
}

func (p preamble) encode() []byte {
	b := make([]byte, 0, preambleBytes)
	b = append(b, magic...)
	b = byteOrder.AppendUint64(b, p.salt)
	b = byteOrder.AppendUint64(b, uint64(p.base))
	return byteOrder.AppendUint32(b, checksum(b))
}

// parsePreamble reads a preamble from preambleBytes bytes.
func parsePreamble(b []byte) (preamble, bool) {
	body, sum := b[:preambleBytes-4], byteOrder.Uint32(b[preambleBytes-4:])
	p := preamble{
		salt: byteOrder.Uint64(body[len(magic):]),
		base: int64(byteOrder.Uint64(body[len(magic)+8:])),
	}
	return p, bytes.HasPrefix(body, []byte(magic)) && sum == checksum(body)
}

// header precedes a payload. salt and position are its context.
type header struct {
	salt     uint64
	position int64
	synced   int64

	length     int
	payloadCRC uint32
}

// appendRecord appends h, completed for payload, and payload.
func appendRecord(b []byte, h header, payload []byte) []byte {
	if len(payload) > MaxRecord {
		panic(fmt.Sprintf("wal: record of %d bytes, want at most %d", len(payload), MaxRecord))
	}
	start := len(b)
	b = byteOrder.AppendUint32(b, uint32(len(payload)))
	b = byteOrder.AppendUint32(b, checksum(payload))
	b = byteOrder.AppendUint64(b, uint64(h.synced))
	b = byteOrder.AppendUint32(b, headerCRC(h.salt, h.position, b[start:]))
	return append(b, payload...)
}

// parseHeader reads the header that was written at position. b is headerBytes
// long. It returns false if there is none.
func parseHeader(b []byte, salt uint64, position int64) (header, bool) {
	length, synced := byteOrder.Uint32(b), int64(byteOrder.Uint64(b[8:]))
	// The bounds come first: they are cheap, and a search for headers asks
	// at every byte.
	if length > MaxRecord || synced < 0 || synced > position {
		return header{}, false
	}
	h := header{
		salt: salt, position: position, synced: synced,
		length: int(length), payloadCRC: byteOrder.Uint32(b[4:]),
	}
	body, sum := b[:headerBytes-4], byteOrder.Uint32(b[headerBytes-4:])
	return h, sum == headerCRC(salt, position, body)
}

func headerCRC(salt uint64, position int64, body []byte) uint32 {
	var context [16]byte
	byteOrder.PutUint64(context[:], salt)
	byteOrder.PutUint64(context[8:], uint64(position))
	return crc32.Update(checksum(context[:]), castagnoli, body)
}
