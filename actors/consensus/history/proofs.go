package history

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/wire"
	"minimint/storage"
)

// FindStatement returns what this member says about an epoch, and false if it has
// forgotten or does not know.
func FindStatement(r storage.Reader, epoch messages.Epoch) (statement.Statement, bool) {
	b := storage.ScopedReader(r, statementScope).Get(epochKey(epoch))
	if b == nil {
		return statement.Statement{}, false
	}
	return decodeStatement(b, epoch), true
}

func decodeStatement(b []byte, epoch messages.Epoch) statement.Statement {
	w := new(wire.Statement)
	mustDecode(b, w)
	s, err := statement.Read(w)
	if err != nil || s.Epoch != epoch {
		panic(fmt.Sprintf("history: stored statement of epoch %d is of epoch %d: %v", epoch, s.Epoch, err))
	}
	return s
}

// RecentStatements returns the statements of the newest epochs before next, at
// most limit, ascending.
func RecentStatements(r storage.Reader, next messages.Epoch, limit uint64) []statement.Statement {
	var list []statement.Statement
	for e := next - min(next, messages.Epoch(limit)); e < next; e++ {
		if s, ok := FindStatement(r, e); ok {
			list = append(list, s)
		}
	}
	return list
}

// WriteCertificate keeps a certificate of an epoch that is, or was, in the store.
func WriteCertificate(tx storage.Tx, c statement.Certificate) {
	key := epochKey(c.Statement.Epoch)
	storage.Scoped(tx, certificateScope).Put(key, c.Signature)
	position := storage.Scoped(tx, positionScope)
	if b := position.Get(certifiedKey); b == nil || epochOf(b) < c.Statement.Epoch {
		position.Put(certifiedKey, key)
	}
}

// FindCertificate returns the certificate of an epoch, and false if this member
// has none.
func FindCertificate(r storage.Reader, epoch messages.Epoch) (statement.Certificate, bool) {
	b := storage.ScopedReader(r, certificateScope).Get(epochKey(epoch))
	s, ok := FindStatement(r, epoch)
	if b == nil || !ok {
		return statement.Certificate{}, false
	}
	return statement.Certificate{Statement: s, Signature: bytes.Clone(b)}, true
}

// NewestCertificate returns the certificate of the newest epoch that has one, nil
// if none has.
func NewestCertificate(r storage.Reader) *statement.Certificate {
	b := storage.ScopedReader(r, positionScope).Get(certifiedKey)
	if b == nil {
		return nil
	}
	c, ok := FindCertificate(r, epochOf(b))
	if !ok {
		panic(fmt.Sprintf("history: the certificate of epoch %d is lost", epochOf(b)))
	}
	return &c
}

// ReadProof returns the headers of consecutive epochs from a given one on, at most
// limit of them. They end with the last epoch among them that is certified; if none
// is, all are returned, without a signature. There are none if this member does not
// know the first.
func ReadProof(r storage.Reader, from messages.Epoch, limit int) statement.Proof {
	p := statement.Proof{From: from}
	for key, b := range storage.ScopedReader(r, statementScope).ScanFrom(nil, epochKey(from)) {
		if uint64(epochOf(key)) != uint64(from)+uint64(len(p.Headers)) || len(p.Headers) == limit {
			break
		}
		s := decodeStatement(b, epochOf(key))
		if len(p.Headers) == 0 {
			p.Previous = s.Previous
		}
		p.Headers = append(p.Headers, s.Header)
	}
	certified, at := []byte(nil), messages.Epoch(0)
	for key, b := range storage.ScopedReader(r, certificateScope).ScanFrom(nil, epochKey(from)) {
		if uint64(epochOf(key)-from) >= uint64(len(p.Headers)) {
			break
		}
		certified, at = b, epochOf(key)
	}
	if certified != nil {
		p.Headers, p.Signature = p.Headers[:at-from+1], bytes.Clone(certified)
	}
	return p
}

// Oldest returns the first epoch whose outcome this member can serve, next if
// there is none.
func Oldest(r storage.Reader, next messages.Epoch) messages.Epoch {
	for key := range storage.ScopedReader(r, outcomeScope).Scan(nil) {
		return epochOf(key)
	}
	return next
}

// Prune forgets outcomes, statements and certificates of the epochs below floor,
// the oldest first, at most limit of each.
func Prune(tx storage.Tx, floor messages.Epoch, limit int) {
	for _, scope := range []storage.Scope{outcomeScope, statementScope, certificateScope} {
		scoped := storage.Scoped(tx, scope)
		var old [][]byte
		for key := range scoped.Scan(nil) {
			if epochOf(key) >= floor || len(old) == limit {
				break
			}
			old = append(old, slices.Clone(key))
		}
		for _, key := range old {
			scoped.Delete(key)
		}
	}
}

// Begin makes the past begin with an epoch of which only the statement is known: the
// state came as a snapshot.
func Begin(tx storage.Tx, a statement.Attested) {
	Prune(tx, ^messages.Epoch(0), -1)
	storage.Scoped(tx, positionScope).Delete(certifiedKey)
	storage.Scoped(tx, statementScope).Put(epochKey(a.Statement.Epoch), a.Statement.Bytes())
	if c, ok := a.Certificate(); ok {
		WriteCertificate(tx, c)
	}
}

// MaxEvidence is how many contradictions are kept, the first ones.
const MaxEvidence = 1000

// WriteEvidence keeps the proof that a member signed two statements about one
// epoch, the first one of that member and epoch.
func WriteEvidence(tx storage.Tx, c statement.Contradiction) {
	scoped := storage.Scoped(tx, evidenceScope)
	key := binary.BigEndian.AppendUint16(epochKey(c.One.Statement.Epoch), uint16(c.Member))
	kept := 0
	for range scoped.Scan(nil) {
		kept++
	}
	if scoped.Get(key) == nil && kept < MaxEvidence {
		scoped.Put(key, c.Encode())
	}
}

// ReadEvidence returns the contradictions that are kept, ascending by epoch and
// member.
func ReadEvidence(r storage.Reader) []statement.Contradiction {
	var list []statement.Contradiction
	for _, b := range storage.ScopedReader(r, evidenceScope).Scan(nil) {
		c, err := statement.DecodeContradiction(b)
		if err != nil {
			panic(fmt.Sprintf("history: stored evidence: %v", err))
		}
		list = append(list, c)
	}
	return list
}
