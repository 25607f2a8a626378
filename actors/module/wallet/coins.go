package wallet

import (
	"iter"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// Lines of the audit.
const (
	lineCoins   = "coins"           // asset: spendable
	lineChange  = "change"          // asset: change of payments that are not buried
	lineSurplus = "surplus"         // liability to the members: declared fees that no miner got
	lineReserve = "peg-out-reserve" // liability: declared fees that may still go to miners
)

// msat converts to the unit of the audit. Twice the money supply fits.
func msat(sats uint64) int64 { return int64(sats) * int64(messages.Sat) }

func coinRecord(c coins.Coin) *walletwire.Coin {
	return &walletwire.Coin{LockVersion: descriptor.Version, Contract: c.Contract[:], Sats: c.Sats}
}

func addCoin(tx storage.Tx, ledger contract.Ledger, c coins.Coin) {
	tx.Put(coinKey(c.Sats, c.At), canonical.Marshal(coinRecord(c)))
	countCoins(tx, 1, int64(c.Sats))
	ledger.Asset(lineCoins, msat(c.Sats))
}

func removeCoin(tx storage.Tx, ledger contract.Ledger, c coins.Coin) {
	tx.Delete(coinKey(c.Sats, c.At))
	countCoins(tx, -1, -int64(c.Sats))
	ledger.Asset(lineCoins, -msat(c.Sats))
}

// spendable visits the coins, the largest first.
func spendable(r storage.Reader) iter.Seq[coins.Coin] {
	return func(yield func(coins.Coin) bool) {
		for k, v := range r.Scan([]byte{keyCoin}) {
			record, at := read(v, new(walletwire.Coin)), k[1+8:]
			c := coins.Coin{
				At:       wire.OutPoint{Hash: chainhash.Hash(at[:chainhash.HashSize]), Index: uint32(readUint(at[chainhash.HashSize:]))},
				Contract: descriptor.Contract(record.GetContract()),
				Sats:     record.GetSats(),
			}
			if !yield(c) {
				return
			}
		}
	}
}

// coinTotals returns how many coins can be spent and what they are worth.
func coinTotals(r storage.Reader) (count, sats uint64) {
	raw := r.Get(key(keyCoins))
	if raw == nil {
		return 0, 0
	}
	return readUint(raw[:8]), readUint(raw[8:])
}

func countCoins(tx storage.Tx, count, sats int64) {
	nowCount, nowSats := coinTotals(tx)
	tx.Put(key(keyCoins), append(be64(nowCount+uint64(count)), be64(nowSats+uint64(sats))...))
}
