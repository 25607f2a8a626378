package wallet

import (
	"bytes"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/spv"
	"minimint/actors/module/wallet/walletwire"
	"minimint/storage"
)

// A burial is a payment and where its transaction was shown to be.
type burial struct {
	spend
	version *walletwire.Version
	height  uint32
}

// findBurial checks a proof that a payment is in an agreed block. While members
// see agreed blocks orphaned it settles nothing: what such a block holds may have
// to be broadcast again.
func findBurial(r storage.Reader, w *walletwire.Burial) (burial, error) {
	s, known, open := lookup(r, w.GetTxid())
	if !known {
		return burial{}, misbehaviour("burial of a transaction that does not exist")
	}
	if !open {
		return burial{}, withoutValue("transaction is buried")
	}
	version, unsigned := s.version(w.GetTxid())
	place, err := spv.Verify(w.GetInclusion(), unsigned)
	if err != nil {
		return burial{}, misbehaviour("burial: %v", err)
	}
	height, ok := heightOf(r, place.Block)
	if !ok {
		return burial{}, misbehaviour("burial in a block that is not agreed on")
	}
	if frozen(r) {
		return burial{}, withoutValue("members see a reorganisation of blocks that were agreed on")
	}
	return burial{spend: s, version: version, height: height}, nil
}

// applyBurial settles a payment whose transaction was shown in an agreed block
// (V4): the only way a payment ends, whoever sends the proof.
func (m *Module) applyBurial(tx storage.Tx, env contract.Env, w *walletwire.Burial) error {
	b, err := findBurial(tx, w)
	if err != nil {
		return err
	}
	m.settle(tx, env.Ledger(), b.spend, b.version)
	setStatus(tx, b.spend, &walletwire.PegOutStatus{
		Txid: w.GetTxid(), State: walletwire.PegOutState_PEG_OUT_STATE_BURIED, Height: b.height,
	})
	return nil
}

// settle makes the buried version's change a coin, gives the rest of the
// reserve to the federation and deletes the payment, all its versions and what
// there is to sign and broadcast (H60: counted once, broadcast no more).
func (m *Module) settle(tx storage.Tx, ledger contract.Ledger, s spend, buried *walletwire.Version) {
	newest := s.newest()
	reserve := uint64(0)
	for _, to := range s.record.GetRecipients() {
		reserve += to.GetMaxFeeSats()
	}
	ledger.Liability(lineReserve, -msat(reserve-newest.GetFeeSats()))
	ledger.Liability(lineSurplus, msat(reserve-buried.GetFeeSats()))
	ledger.Asset(lineChange, -msat(newest.GetChangeSats()))
	if sats := buried.GetChangeSats(); sats > 0 {
		at := wire.OutPoint{Hash: coins.Parse(buried.GetTransaction()).TxHash(), Index: coins.ChangeOutput}
		addCoin(tx, ledger, coins.Coin{At: at, Contract: descriptor.Contract(buried.GetChangeContract()), Sats: sats})
	}
	for _, v := range s.record.GetVersions() {
		txid := coins.Parse(v.GetTransaction()).TxHash()
		tx.Delete(key(keyBroadcast, txid[:]))
		var signatures [][]byte
		for k := range tx.Scan(key(keySignature, txid[:])) {
			signatures = append(signatures, bytes.Clone(k))
		}
		for _, k := range signatures {
			tx.Delete(k)
		}
	}
	tx.Delete(key(keySpend, s.id))
}

// PendingBroadcasts returns the bitcoin transactions, with witness, that belong
// on the chain and are not buried yet, ascending by txid. r is the module's scope.
func PendingBroadcasts(r storage.Reader) [][]byte {
	var out [][]byte
	for _, v := range r.Scan([]byte{keyBroadcast}) {
		out = append(out, bytes.Clone(v))
	}
	return out
}

// A Wanted is a signed payment that waits to be found in a block.
type Wanted struct {
	// TxIDs of its versions, any of which settles it.
	TxIDs []chainhash.Hash
	// Since is the agreed height when it was accepted: it can only be above.
	Since uint32
}

// WantedBurials returns the payments that can be in a block, oldest first. r is
// the module's scope.
func WantedBurials(r storage.Reader) []Wanted {
	var out []Wanted
	for s := range spends(r) {
		want := Wanted{Since: s.record.GetSinceHeight()}
		for _, v := range s.record.GetVersions() {
			if v.GetSigned() {
				want.TxIDs = append(want.TxIDs, coins.Parse(v.GetTransaction()).TxHash())
			}
		}
		if want.TxIDs != nil {
			out = append(out, want)
		}
	}
	return out
}
