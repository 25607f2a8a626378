package storage

import (
	"bytes"
	"fmt"
	"iter"
)

// The first byte of every scoped key. The state hash and snapshots for other
// members select by it, so the values can never change.
const (
	kindReplicated byte = 'r'
	kindLocal      byte = 'l'
)

// maxScopeName is what one length byte can say.
const maxScopeName = 255

// A Scope is a name space for keys. It comes from Replicated or Local; the
// zero Scope is invalid. Scopes are comparable.
//
// A scoped key is kind ‖ length of name (one byte) ‖ name ‖ key. The length
// makes sure that no scope's prefix begins another's, so that a scan of one
// can never meet keys of the other, whatever the keys are.
type Scope struct{ prefix string }

// Replicated names a scope whose contents all members of a federation hold
// alike; the state hash covers them. It panics unless name is 1 to 255 bytes.
func Replicated(name string) Scope { return newScope(kindReplicated, name) }

// Local names a scope that belongs to this node only: its own shares, caches,
// the state hash itself. It panics unless name is 1 to 255 bytes. A replicated
// and a local scope of the same name are different scopes.
func Local(name string) Scope { return newScope(kindLocal, name) }

func newScope(kind byte, name string) Scope {
	if len(name) == 0 || len(name) > maxScopeName {
		panic(fmt.Sprintf("storage: scope name of %d bytes, want 1 to %d", len(name), maxScopeName))
	}
	return Scope{prefix: string([]byte{kind, byte(len(name))}) + name}
}

// IsReplicated says whether the state hash covers the scope.
func (s Scope) IsReplicated() bool { return s.prefix != "" && s.prefix[0] == kindReplicated }

// Name returns what the scope was named.
func (s Scope) Name() string {
	if s.prefix == "" {
		return ""
	}
	return s.prefix[2:]
}

// String returns the kind and the quoted name: replicated "mint".
func (s Scope) String() string {
	switch {
	case s.prefix == "":
		return "no scope"
	case s.IsReplicated():
		return fmt.Sprintf("replicated %q", s.Name())
	default:
		return fmt.Sprintf("local %q", s.Name())
	}
}

// Key returns the key that the unscoped reader has for key.
func (s Scope) Key(key []byte) []byte {
	if s.prefix == "" {
		panic("storage: the zero Scope holds no keys")
	}
	full := make([]byte, 0, len(s.prefix)+len(key))
	full = append(full, s.prefix...)
	return append(full, key...)
}

// SplitKey takes an unscoped key apart into its scope and the key inside it,
// which shares memory with full. It returns false if full was not written
// through a scope.
func SplitKey(full []byte) (scope Scope, key []byte, ok bool) {
	if len(full) < 2 || (full[0] != kindReplicated && full[0] != kindLocal) {
		return Scope{}, nil, false
	}
	end := 2 + int(full[1])
	if end == 2 || len(full) <= end {
		return Scope{}, nil, false
	}
	return Scope{prefix: string(full[:end])}, full[end:], true
}

// IsReplicated says whether an unscoped key lies in a replicated scope.
func IsReplicated(full []byte) bool {
	return len(full) > 0 && full[0] == kindReplicated
}

// ScanReplicated visits everything that members must hold alike, in all
// replicated scopes, with unscoped keys, ascending.
func ScanReplicated(r Reader) iter.Seq2[[]byte, []byte] {
	return r.Scan([]byte{kindReplicated})
}

// ScopedReader shows the part of r that lies in scope, under keys without the
// scope's prefix.
//
// Scoping twice nests name spaces. Both scopes must then be of one kind,
// because only the outermost decides whether the state hash covers a key; it
// panics otherwise.
func ScopedReader(r Reader, scope Scope) Reader {
	return newScopedReader(r, scope)
}

// Scoped is ScopedReader for a transaction: what it writes lies in scope.
func Scoped(tx Tx, scope Scope) Tx {
	return &scopedTx{scopedReader: newScopedReader(tx, scope), tx: tx}
}

type scopedReader struct {
	reader Reader
	scope  Scope
}

func newScopedReader(r Reader, scope Scope) *scopedReader {
	if scope.prefix == "" {
		panic("storage: reader scoped to the zero Scope")
	}
	if outer, ok := scopeOf(r); ok && outer.IsReplicated() != scope.IsReplicated() {
		panic(fmt.Sprintf("storage: scope %v inside %v", scope, outer))
	}
	return &scopedReader{reader: r, scope: scope}
}

func scopeOf(r Reader) (Scope, bool) {
	switch r := r.(type) {
	case *scopedReader:
		return r.scope, true
	case *scopedTx:
		return r.scope, true
	default:
		return Scope{}, false
	}
}

func (s *scopedReader) Get(key []byte) []byte { return s.reader.Get(s.scope.Key(key)) }

func (s *scopedReader) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return s.ScanFrom(prefix, nil)
}

func (s *scopedReader) ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte] {
	// The arguments belong to the caller again before the iteration begins.
	prefix, start = s.scope.Key(prefix), s.scope.Key(start)
	return func(yield func(key, value []byte) bool) {
		for full, value := range s.reader.ScanFrom(prefix, start) {
			if !yield(bytes.TrimPrefix(full, []byte(s.scope.prefix)), value) {
				return
			}
		}
	}
}

type scopedTx struct {
	*scopedReader
	tx Tx
}

// Put checks the inner key as well: with its prefix even an empty key would
// be long enough, and a key must mean the same in every scope.
func (s *scopedTx) Put(key, value []byte) {
	checkKey(key)
	s.tx.Put(s.scope.Key(key), value)
}

func (s *scopedTx) Delete(key []byte) {
	checkKey(key)
	s.tx.Delete(s.scope.Key(key))
}
