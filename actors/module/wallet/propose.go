package wallet

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/view"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
	"minimint/storage"
)

// Propose implements contract.Proposer. seen is an encoded
// [chainview.Observation]. What it returns vanishes from the next call once the
// state has it; an unchanged chain and settled payments give nothing.
func (m *Module) Propose(r storage.Reader, seen []byte) [][]byte {
	if m.cfg.Secret == nil {
		return nil
	}
	out := m.proposeSignatures(r)
	chain, err := chainview.Decode(seen)
	if seen == nil || err != nil {
		return out // the chain actor has nothing to say yet
	}
	if v, ok := m.proposeView(r, chain); ok {
		out = append(out, canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Observation{Observation: v.Wire()}}))
	}
	return append(out, m.proposeBurials(r, chain)...)
}

// proposeSignatures signs whatever this member has not signed.
func (m *Module) proposeSignatures(r storage.Reader) [][]byte {
	var out [][]byte
	for s := range spends(r) {
		for _, v := range s.record.GetVersions() {
			if v.GetSigned() {
				continue
			}
			unsigned := coins.Parse(v.GetTransaction())
			txid := unsigned.TxHash()
			if r.Get(signatureKey(txid[:], m.cfg.Me)) != nil {
				continue
			}
			out = append(out, canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Signatures{Signatures: m.sign(s, unsigned)}}))
		}
	}
	return out
}

// proposeBurials passes on the proofs that this member would accept itself: its
// bitcoin node may be broken, and what is refused would be proposed for ever.
func (m *Module) proposeBurials(r storage.Reader, chain chainview.Observation) [][]byte {
	var out [][]byte
	for _, b := range chain.Burials {
		w := &walletwire.Burial{Txid: b.TxID[:], Inclusion: new(walletwire.Inclusion)}
		if canonical.Unmarshal(b.Inclusion, w.Inclusion, maxItem) != nil {
			continue // too large for an item
		}
		if _, err := findBurial(r, w); err != nil {
			continue
		}
		if raw := canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Burial{Burial: w}}); len(raw) <= maxItem {
			out = append(out, raw)
		}
	}
	return out
}

// proposeView returns what this member's node shows, if the others need to
// know: blocks to vote for that its last view lacks or has otherwise, a conflict
// with an agreed block or the end of one, or a fee rate that moved by more than
// a quarter. A fee rate that drifts slowly, or is unknown, waits until there is
// another reason.
func (m *Module) proposeView(r storage.Reader, chain chainview.Observation) (view.View, bool) {
	tip, agreed := m.AgreedTip(r)
	if chain.BaseHeight > tip || chain.BaseHeight < m.cfg.Birthday-1 ||
		(chain.BaseHash == chainhash.Hash{}) != (chain.BaseHeight == m.cfg.Birthday-1) {
		return view.View{}, false // the node lags behind the agreed height
	}
	v := view.View{Base: chain.BaseHeight, Hashes: append([]chainhash.Hash{chain.BaseHash}, chain.Blocks...)}
	v = v.Trim(agreedIn(r), tip)
	if chain.FeeRate != 0 {
		v.Rate = m.bounded(coins.FeeRate(chain.FeeRate))
	}
	old, _, ok := m.view(r, m.cfg.Me)
	if !ok {
		old = view.View{Base: m.cfg.Birthday - 1, Hashes: make([]chainhash.Hash, 1)}
	}
	old = old.Trim(agreedIn(r), tip)
	if v.Rate == 0 {
		v.Rate = old.Rate
	}
	moved := v.Rate != 0 && view.Moved(old.Rate, v.Rate)
	_, conflicts := v.Conflict(agreedIn(r))
	_, conflicted := old.Conflict(agreedIn(r))
	confirms := func(v view.View) bool { h, ok := v.At(tip); return ok && h == agreed }
	return v, moved || conflicts != conflicted || conflicts && !v.SameBlocks(old) ||
		!conflicts && v.News(old, tip) || frozen(r) && confirms(v) && !confirms(old)
}
