package wallet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// The module's keys. Integers are big-endian, bitcoin hashes in internal order.
const (
	keyAgreed    = 'a' // → newest agreed height (4)
	keyHeight    = 'h' // height (4) → block hash
	keyBlock     = 'b' // block hash → height (4)
	keyView      = 'v' // member (2) → MemberView
	keyFeeRate   = 'r' // → agreed fee rate (8)
	keyFrozen    = 'f' // → present while deposits are frozen
	keyClaimed   = 'c' // bitcoin outpoint (36) → present for ever once claimed or ours
	keyCoin      = 'u' // complement of satoshi (8), bitcoin outpoint (36) → Coin
	keyCoins     = 'w' // → number of coins (8), their satoshi (8)
	keyNext      = 'n' // → number of the next spend (8)
	keySpend     = 's' // number (8) → Spend, until it is buried
	keyVersion   = 't' // bitcoin txid → number of its spend (8), for ever
	keySignature = 'g' // bitcoin txid, member (2) → Signatures, until there are enough
	keyBroadcast = 'x' // bitcoin txid → transaction with witness, until it is buried
	keyStatus    = 'o' // federation outpoint (36) → PegOutStatus, for ever
)

func key(prefix byte, parts ...[]byte) []byte {
	return append([]byte{prefix}, bytes.Join(parts, nil)...)
}

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func bitcoinOutPoint(o wire.OutPoint) []byte { return append(o.Hash[:], be32(o.Index)...) }

func federationOutPoint(o messages.OutPoint) []byte { return append(o.Tx[:], be32(o.Index)...) }

func viewKey(p messages.PeerID) []byte {
	return binary.BigEndian.AppendUint16([]byte{keyView}, uint16(p))
}

func signatureKey(txid []byte, p messages.PeerID) []byte {
	return binary.BigEndian.AppendUint16(key(keySignature, txid), uint16(p))
}

// coinKey sorts coins by value, the largest first.
func coinKey(sats uint64, at wire.OutPoint) []byte {
	return key(keyCoin, be64(^sats), bitcoinOutPoint(at))
}

// maxRecord bounds what one record may take; the largest is a spend.
const maxRecord = 1 << 20

// read decodes a record of ours; one that cannot be decoded is a broken store.
func read[M proto.Message](b []byte, m M) M {
	if err := canonical.Unmarshal(b, m, maxRecord); err != nil {
		panic(fmt.Sprintf("wallet: stored record: %v", err))
	}
	return m
}

func readUint(b []byte) uint64 {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// AgreedTip returns the newest agreed height and its block. Before anything is
// agreed it is the height below the birthday and the zero hash.
func (m *Module) AgreedTip(r storage.Reader) (uint32, chainhash.Hash) {
	raw := r.Get(key(keyAgreed))
	if raw == nil {
		return m.cfg.Birthday - 1, chainhash.Hash{}
	}
	height := uint32(readUint(raw))
	hash, ok := BlockAt(r, height)
	if !ok {
		panic(fmt.Sprintf("wallet: no block at the agreed height %d", height))
	}
	return height, hash
}

// BlockAt returns the agreed block at a height, false if there is none.
func BlockAt(r storage.Reader, height uint32) (chainhash.Hash, bool) {
	raw := r.Get(key(keyHeight, be32(height)))
	if raw == nil {
		return chainhash.Hash{}, false
	}
	return chainhash.Hash(raw), true
}

// heightOf returns the height of an agreed block.
func heightOf(r storage.Reader, block chainhash.Hash) (uint32, bool) {
	raw := r.Get(key(keyBlock, block[:]))
	return uint32(readUint(raw)), raw != nil
}

func frozen(r storage.Reader) bool { return r.Get(key(keyFrozen)) != nil }

// feeRate is what members agree that a virtual byte costs.
func (m *Module) feeRate(r storage.Reader) coins.FeeRate {
	if raw := r.Get(key(keyFeeRate)); raw != nil {
		return m.bounded(coins.FeeRate(readUint(raw)))
	}
	return m.cfg.DefaultFeeRate
}

func (m *Module) bounded(rate coins.FeeRate) coins.FeeRate {
	return min(max(rate, m.cfg.MinFeeRate), m.cfg.MaxFeeRate)
}

// A spend is a payment that is not buried yet.
type spend struct {
	id     []byte
	record *walletwire.Spend
}

// newest is the version that stands for the payment unless another is buried.
func (s spend) newest() *walletwire.Version {
	return s.record.GetVersions()[len(s.record.GetVersions())-1]
}

func (s spend) put(tx storage.Tx) {
	tx.Put(key(keySpend, s.id), canonical.Marshal(s.record))
}

// spends visits all payments that are not buried, oldest first.
func spends(r storage.Reader) iter.Seq[spend] {
	return func(yield func(spend) bool) {
		for k, v := range r.Scan([]byte{keySpend}) {
			if !yield(spend{id: k[1:], record: read(v, new(walletwire.Spend))}) {
				return
			}
		}
	}
}

// lookup finds the payment that a bitcoin transaction belongs to. known tells
// whether it ever existed, open whether it is not buried yet.
func lookup(r storage.Reader, txid []byte) (s spend, known, open bool) {
	id := r.Get(key(keyVersion, txid))
	if id == nil {
		return spend{}, false, false
	}
	raw := r.Get(key(keySpend, id))
	if raw == nil {
		return spend{}, true, false
	}
	return spend{id: bytes.Clone(id), record: read(raw, new(walletwire.Spend))}, true, true
}

// version returns the version of s with that txid, parsed.
func (s spend) version(txid []byte) (*walletwire.Version, *wire.MsgTx) {
	for _, v := range s.record.GetVersions() {
		tx := coins.Parse(v.GetTransaction())
		if hash := tx.TxHash(); bytes.Equal(hash[:], txid) {
			return v, tx
		}
	}
	panic("wallet: transaction is no version of its spend")
}

func setStatus(tx storage.Tx, s spend, status *walletwire.PegOutStatus) {
	for _, to := range s.record.GetRecipients() {
		at := messages.OutPoint{Tx: messages.TxID(to.GetTransaction()), Index: to.GetIndex()}
		tx.Put(key(keyStatus, federationOutPoint(at)), canonical.Marshal(status))
	}
}
