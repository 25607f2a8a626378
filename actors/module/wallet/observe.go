package wallet

import (
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/view"
	"minimint/actors/module/wallet/walletwire"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// agreedIn lends the agreed blocks of a state to the counting of views.
func agreedIn(r storage.Reader) view.Agreed {
	return func(height uint32) (chainhash.Hash, bool) { return BlockAt(r, height) }
}

// view returns what a member last said. Terms may have changed since then, so
// its fee rate is brought within the limits of today.
func (m *Module) view(r storage.Reader, p messages.PeerID) (v view.View, epochAfter uint64, ok bool) {
	raw := r.Get(viewKey(p))
	if raw == nil {
		return view.View{}, 0, false
	}
	record := read(raw, new(walletwire.MemberView))
	v, err := view.Decode(record.GetObservation(), m.cfg.Birthday-1)
	if err != nil {
		panic(fmt.Sprintf("wallet: stored view of member %d: %v", p, err))
	}
	if v.Rate != 0 {
		v.Rate = m.bounded(v.Rate)
	}
	return v, record.GetEpochAfter(), true
}

// views returns what the members last said, by PeerID; nil where nothing.
func (m *Module) views(r storage.Reader) []*view.View {
	out := make([]*view.View, len(m.cfg.Keys))
	for p := range out {
		if v, _, ok := m.view(r, messages.PeerID(p)); ok {
			out[p] = &v
		}
	}
	return out
}

func (m *Module) applyObservation(tx storage.Tx, env contract.Env, from messages.PeerID, w *walletwire.Observation) error {
	v, err := view.Decode(w, m.cfg.Birthday-1)
	if err != nil {
		return misbehaviour("%v", err)
	}
	tip, _ := m.AgreedTip(tx)
	switch {
	case v.Rate != 0 && v.Rate != m.bounded(v.Rate):
		return misbehaviour("observation with a fee rate of %d", v.Rate)
	case v.Base > tip:
		return misbehaviour("observation builds on height %d, which is not agreed on", v.Base)
	}
	now := uint64(env.Epoch()) + 1
	old, epoch, ok := m.view(tx, from)
	if ok && epoch == now {
		if mutant.Removed(mutant.OneObservation) && int(from)+1 < len(m.cfg.Keys) {
			return m.applyObservation(tx, env, from+1, w)
		}
		return misbehaviour("second observation in one epoch")
	}
	v = v.Trim(agreedIn(tx), tip)
	if ok && v.Equal(old.Trim(agreedIn(tx), tip)) {
		return withoutValue("observation says nothing new")
	}
	tx.Put(viewKey(from), canonical.Marshal(&walletwire.MemberView{Observation: v.Wire(), EpochAfter: now}))

	views := m.views(tx)
	m.agreeRate(tx, views)
	m.agreeBlocks(tx, env, views)
	m.judgeConflict(tx, views)
	return nil
}

// agreeRate takes the median of what members last said; of fewer than n−f
// values, none is believed. A member without an estimate speaks for the default.
func (m *Module) agreeRate(tx storage.Tx, views []*view.View) {
	var rates []coins.FeeRate
	for _, v := range views {
		switch {
		case v == nil:
		case v.Rate == 0:
			rates = append(rates, m.cfg.DefaultFeeRate)
		default:
			rates = append(rates, v.Rate)
		}
	}
	if len(rates) < m.cfg.Threshold {
		return
	}
	if median := view.Median(rates); median != m.feeRate(tx) {
		tx.Put(key(keyFeeRate), be64(uint64(median)))
	}
}

// agreeBlocks records blocks above the tip as long as n−f members have the same
// one. Whoever contradicts an agreed block has no say in what follows it.
func (m *Module) agreeBlocks(tx storage.Tx, env contract.Env, views []*view.View) {
	for {
		tip, _ := m.AgreedTip(tx)
		var votes []chainhash.Hash
		for _, v := range views {
			if v == nil {
				continue
			}
			if _, conflicts := v.Conflict(agreedIn(tx)); conflicts {
				continue
			}
			if h, ok := v.At(tip + 1); ok {
				votes = append(votes, h)
			}
		}
		winner, ok := view.Majority(votes, m.cfg.Threshold)
		if !ok {
			return
		}
		height := be32(tip + 1)
		tx.Put(key(keyHeight, height), winner[:])
		tx.Put(key(keyBlock, winner[:]), height)
		tx.Put(key(keyAgreed), height)
		env.Publish(contract.FactHeight, height)
	}
}

// judgeConflict freezes deposits when f+1 members, so at least one honest one,
// have another block at an agreed height, and thaws them when n−f have the
// agreed tip.
func (m *Module) judgeConflict(tx storage.Tx, views []*view.View) {
	tip, agreed := m.AgreedTip(tx)
	conflicts, confirms := 0, 0
	for _, v := range views {
		if v == nil {
			continue
		}
		if _, ok := v.Conflict(agreedIn(tx)); ok {
			conflicts++
		} else if h, ok := v.At(tip); ok && h == agreed {
			confirms++
		}
	}
	switch {
	case conflicts > len(m.cfg.Keys)-m.cfg.Threshold && !frozen(tx):
		tx.Put(key(keyFrozen), []byte{1})
	case confirms >= m.cfg.Threshold && frozen(tx):
		tx.Delete(key(keyFrozen))
	}
}
