package wallet

import (
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// MaxPending bounds the peg-outs that are not buried yet; one more is refused
// for now, it never panics.
const MaxPending = 32

// maxPegOut bounds an encoded output: addresses are at most 90 characters.
const maxPegOut = 256

// A PegOut asks for a payment in bitcoin.
type PegOut struct {
	// Address of the federation's network: P2PKH, P2SH, P2WPKH, P2WSH or P2TR.
	Address string
	Sats    uint64
	// MaxFeeSats is what the bitcoin transaction may cost at most. All of it is
	// paid; it leaves room for raising the fee, and what is not used when the
	// payment is buried stays with the federation.
	MaxFeeSats uint64
}

// Bytes is the canonical encoding, the body of an output.
func (o PegOut) Bytes() []byte {
	return canonical.Marshal(&walletwire.PegOut{Address: o.Address, Sats: o.Sats, MaxFeeSats: o.MaxFeeSats})
}

// An order is a peg-out that passed all checks that need no state.
type order struct {
	PegOut
	script []byte
	cost   messages.Amount // amount and maximum fee
}

func decodePegOut(network *chaincfg.Params, b []byte) (*order, *messages.Rejection) {
	w := new(walletwire.PegOut)
	if err := canonical.Unmarshal(b, w, maxPegOut); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "peg-out: %v", err)
	}
	o := &order{PegOut: PegOut{Address: w.GetAddress(), Sats: w.GetSats(), MaxFeeSats: w.GetMaxFeeSats()}}
	var rejection *messages.Rejection
	if o.script, rejection = coins.RecipientScript(network, o.Address); rejection != nil {
		return nil, rejection
	}
	if dust := coins.DustLimit(o.script); o.Sats < dust {
		return nil, messages.Reject(messages.RejectDust, "%d sat are dust for that address; at least %d are needed", o.Sats, dust)
	}
	amount, err1 := messages.FromSat(o.Sats)
	fee, err2 := messages.FromSat(o.MaxFeeSats)
	if err1 != nil || err2 != nil {
		return nil, messages.Reject(messages.RejectAmountOverflow, "peg-out of %d sat with a fee of %d sat", o.Sats, o.MaxFeeSats)
	}
	cost, err := amount.Add(fee)
	if err != nil {
		return nil, messages.Reject(messages.RejectAmountOverflow, "peg-out of %d sat with a fee of %d sat", o.Sats, o.MaxFeeSats)
	}
	o.cost = cost
	return o, nil
}

// ApplyOutput implements contract.Module: it takes coins for the payment and
// leaves it to the members to sign. Amount and maximum fee leave the user at
// once, so that nothing can make a promised payment too expensive.
func (m *Module) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, body []byte) (contract.Worth, error) {
	o, rejection := decodePegOut(m.cfg.Network, body)
	if rejection != nil {
		return contract.Worth{}, rejection
	}
	if err := room(tx); err != nil {
		return contract.Worth{}, err
	}
	pay, err := m.payment(tx, o, at)
	if err != nil {
		return contract.Worth{}, err
	}
	p, err := coins.Select(spendable(tx), pay)
	if err != nil {
		return contract.Worth{}, err
	}
	for _, c := range p.Coins {
		removeCoin(tx, env.Ledger(), c)
	}
	env.Ledger().Asset(lineChange, msat(p.Change))
	env.Ledger().Liability(lineReserve, msat(o.MaxFeeSats-p.Fee))
	m.open(tx, at, o, p, p.Transaction(pay))
	return contract.Worth{Amount: o.cost, Fee: m.cfg.PegOutFee}, nil
}

// payment is what an order asks of bitcoin at the agreed fee rate.
func (m *Module) payment(r storage.Reader, o *order, at messages.OutPoint) (coins.Payment, error) {
	change, err := m.lock.Lock(m.lock.Change(at))
	if err != nil {
		return coins.Payment{}, messages.Reject(messages.RejectModuleOwn, "%v", err)
	}
	return coins.Payment{
		Script: o.script, Sats: o.Sats, MaxFee: o.MaxFeeSats,
		Rate: m.feeRate(r), Change: change.PkScript, InputWeight: m.lock.InputWeight(),
	}, nil
}

// open records a payment that is to be signed.
func (m *Module) open(tx storage.Tx, at messages.OutPoint, o *order, p *coins.Plan, unsigned *wire.MsgTx) {
	height, _ := m.AgreedTip(tx)
	version := &walletwire.Version{Transaction: coins.Serialize(unsigned, false), FeeSats: p.Fee, ChangeSats: p.Change}
	txid := unsigned.TxHash()
	if p.Change > 0 {
		change := m.lock.Change(at)
		version.ChangeContract = change[:]
		// Our change can never pass for a deposit (V13).
		tx.Put(key(keyClaimed, bitcoinOutPoint(wire.OutPoint{Hash: txid, Index: coins.ChangeOutput})), []byte{1})
	}
	number := readUint(tx.Get(key(keyNext)))
	tx.Put(key(keyNext), be64(number+1))
	s := spend{id: be64(number), record: &walletwire.Spend{
		Recipients: []*walletwire.Recipient{{
			Transaction: at.Tx[:], Index: at.Index, Sats: o.Sats, MaxFeeSats: o.MaxFeeSats, Address: o.Address,
		}},
		Versions: []*walletwire.Version{version}, SinceHeight: height,
	}}
	for _, c := range p.Coins {
		s.record.Coins = append(s.record.Coins, coinRecord(c))
	}
	s.put(tx)
	tx.Put(key(keyVersion, txid[:]), s.id)
	setStatus(tx, s, &walletwire.PegOutStatus{Txid: txid[:], State: walletwire.PegOutState_PEG_OUT_STATE_SIGNING})
}

// room refuses a payment too many (V7).
func room(r storage.Reader) error {
	pending := 0
	for range r.Scan([]byte{keySpend}) {
		pending++
	}
	if pending >= MaxPending {
		return messages.RejectForNow(messages.RejectPegOutLimit, "%d peg-outs wait for their blocks; try again when some are buried", pending)
	}
	return nil
}
