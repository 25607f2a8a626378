package wallet

import (
	"minimint/actors/module/contract"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/storage"
)

// coinbaseMaturity is how deep a coinbase must be below the agreed tip before
// its outputs count; bitcoin asks for that depth below the real tip.
const coinbaseMaturity = 100

// ApplyInput implements contract.Module: it claims a deposit, once and for ever.
func (m *Module) ApplyInput(tx storage.Tx, env contract.Env, body []byte) (contract.Worth, error) {
	p, rejection := pegin.Check(m.lock, body)
	if rejection != nil {
		return contract.Worth{}, rejection
	}
	if frozen(tx) {
		return contract.Worth{}, messages.RejectForNow(messages.RejectDepositsFrozen,
			"deposits are frozen: members see a reorganisation of blocks that were agreed on")
	}
	height, ok := heightOf(tx, p.Block())
	if !ok && !mutant.Removed(mutant.BlockAgreed) {
		tip, _ := m.AgreedTip(tx)
		return contract.Worth{}, messages.RejectForNow(messages.RejectBlockUnknown,
			"block %s is not agreed on; heights %d to %d are", p.Block(), m.cfg.Birthday, tip)
	}
	if tip, _ := m.AgreedTip(tx); p.Coinbase() && tip < height+coinbaseMaturity {
		return contract.Worth{}, messages.RejectForNow(messages.RejectBlockUnknown,
			"a coinbase counts %d blocks later, from agreed height %d", coinbaseMaturity, height+coinbaseMaturity)
	}
	claim := key(keyClaimed, bitcoinOutPoint(p.OutPoint()))
	if tx.Get(claim) != nil {
		return contract.Worth{}, messages.Reject(messages.RejectPegInClaimed, "deposit %s was claimed before", p.OutPoint())
	}
	fee := m.pegInFee(tx)
	if p.Amount() <= fee {
		return contract.Worth{}, messages.RejectForNow(messages.RejectPegInTooSmall,
			"deposit of %s does not exceed the fee of %s for spending it", p.Amount(), fee)
	}
	tx.Put(claim, []byte{1})
	sats, _ := p.Amount().WholeSat()
	addCoin(tx, env.Ledger(), coins.Coin{At: p.OutPoint(), Contract: p.Contract(), Sats: sats})
	return contract.Worth{Amount: p.Amount(), Fee: fee}, nil
}

// pegInFee is the least fee of a deposit now: at the agreed rate, what the
// federation will pay to spend it, so that dust cannot eat up its reserves.
func (m *Module) pegInFee(r storage.Reader) messages.Amount {
	sats := m.feeRate(r).Fee(coins.VBytes(m.lock.InputWeight()))
	fee, err := messages.FromSat(sats)
	if err != nil {
		panic("wallet: fee rate beyond its bound")
	}
	return max(fee, m.cfg.PegInFee)
}
