package lightning

import (
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// ApplyOutput implements contract.Module.
func (m *Module) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, body []byte) (contract.Worth, error) {
	out, err := terms.DecodeOutput(body)
	if err != nil {
		return contract.Worth{}, messages.Reject(messages.RejectMalformed, "output: %v", err)
	}
	height, err := agreedHeight(env)
	if err != nil {
		return contract.Worth{}, err
	}
	pay := payment{ledger: env.Ledger(), at: at, height: height}
	switch {
	case out.Outgoing != nil:
		return m.fund(tx, pay, *out.Outgoing)
	case out.Offer != nil:
		return m.announce(tx, *out.Offer, height)
	case out.Purchase != nil:
		return m.buy(tx, pay, *out.Purchase)
	default:
		return m.list(tx, *out.Listing, height)
	}
}

// A payment is where an output stands that puts money into a contract, and when.
type payment struct {
	ledger contract.Ledger
	at     messages.OutPoint
	height uint32
}

// fund opens an outgoing contract. One with these terms that was funded before
// takes no more money (H9, V1): it would be lost, or paid for once and taken twice.
func (m *Module) fund(tx storage.Tx, pay payment, o terms.Outgoing) (contract.Worth, error) {
	id := o.ID(m.cfg.Seal.Federation)
	if stored(tx, id) != nil {
		return contract.Worth{}, messages.Reject(messages.RejectContractExists, "contract %s was funded before", id)
	}
	if err := m.takable(o.Amount); err != nil {
		return contract.Worth{}, err
	}
	if err := within(o.Expiry, pay.height, MaxLife); err != nil {
		return contract.Worth{}, err
	}
	store(tx, &lightningwire.Contract{
		Id: id[:], State: lightningwire.State_STATE_FUNDED, Transaction: pay.at.Tx[:], Index: pay.at.Index, Since: number(tx),
		Terms: &lightningwire.Contract_Outgoing{Outgoing: o.Wire()},
	})
	tx.Put(fundingKey(pay.at), id[:])
	pay.ledger.Liability(lineOutgoing, int64(o.Amount))
	return contract.Worth{Amount: o.Amount, Fee: m.cfg.Fees.Contract}, nil
}

// takable refuses what does not even pay for being taken out again (V10); for now, since
// what that costs may change.
func (m *Module) takable(amount messages.Amount) error {
	if amount <= m.cfg.Fees.Claim {
		return messages.RejectForNow(messages.RejectContractAmount, "a contract of %s does not exceed the fee of %s for taking it", amount, m.cfg.Fees.Claim)
	}
	return nil
}

// announce keeps an offer until somebody buys it or it expires; when too many wait,
// to the end of the epoch, so that they keep nobody from announcing and buying in one
// transaction. One that waits
// already is announced again for nothing but the fee: otherwise whoever sees an offer
// coming together with its purchase could announce it first, and the purchase would
// be refused for ever with it.
func (m *Module) announce(tx storage.Tx, o terms.Offer, height uint32) (contract.Worth, error) {
	id := o.ID(m.cfg.Seal.Federation)
	before := stored(tx, id)
	if before != nil && before.GetState() != lightningwire.State_STATE_OFFERED {
		return contract.Worth{}, messages.Reject(messages.RejectContractExists, "offer %s was bought before", id)
	}
	if err := m.takable(o.Amount); err != nil {
		return contract.Worth{}, err
	}
	if err := within(o.Expiry, height, MaxLife); err != nil {
		return contract.Worth{}, err
	}
	if before != nil {
		return contract.Worth{Fee: m.cfg.Fees.Offer}, nil
	}
	if openOffers(tx) < MaxOffers {
		due(tx, o.Expiry, keyContract, id[:])
	} else {
		tx.Put(key(keyExcess, id[:]), []byte{})
	}
	age := number(tx)
	c := &lightningwire.Contract{
		Id: id[:], State: lightningwire.State_STATE_OFFERED, Number: age, Since: age, Terms: &lightningwire.Contract_Offer{Offer: o.Wire()},
	}
	store(tx, c)
	putOffer(tx, c)
	return contract.Worth{Fee: m.cfg.Fees.Offer}, nil
}

// buy turns an offer into a contract, once, and makes its decryption a task of all
// members. The buyer names the offer and his own key and nothing else, so all that
// the offer says holds (H7), and there is no outcome that he could choose (H10, V1).
func (m *Module) buy(tx storage.Tx, pay payment, p terms.Purchase) (contract.Worth, error) {
	id := p.Offer
	c := stored(tx, id)
	if c.GetOffer() == nil {
		return contract.Worth{}, messages.RejectForNow(messages.RejectContractUnknown, "there is no offer %s (yet)", id)
	}
	if c.GetState() != lightningwire.State_STATE_OFFERED {
		return contract.Worth{}, messages.Reject(messages.RejectContractExists, "offer %s was bought before", id)
	}
	o := offerOf(c)
	if err := within(o.Expiry, pay.height, MaxLife); err != nil {
		return contract.Worth{}, err
	}
	takeOffer(tx, c)
	c.State, c.Transaction, c.Index = lightningwire.State_STATE_DECRYPTING, pay.at.Tx[:], pay.at.Index
	c.Number, c.RefundKey = number(tx), p.RefundKey[:]
	tx.Put(key(keyTask, be64(c.Number)), id[:])
	tx.Put(fundingKey(pay.at), id[:])
	store(tx, c)
	pay.ledger.Liability(lineIncoming, int64(o.Amount))
	return contract.Worth{Amount: o.Amount, Fee: m.cfg.Fees.Contract}, nil
}

// list puts a gateway on the list, or replaces what it said before. What it said
// last is remembered as long as anything that it said before could be valid, so
// that nobody can bring back an older word.
func (m *Module) list(tx storage.Tx, l terms.Listing, height uint32) (contract.Worth, error) {
	if err := within(l.Expiry, height, MaxListing); err != nil {
		return contract.Worth{}, err
	}
	until := l.Expiry
	if raw := tx.Get(key(keyGateway, l.Key[:])); raw != nil {
		old := read(raw, new(lightningwire.Listed))
		if serial := old.GetListing().GetGateway().GetSerial(); serial >= l.Serial {
			return contract.Worth{}, messages.Reject(messages.RejectListing, "gateway %x is listed with serial %d already", l.Key, serial)
		}
		until = max(until, old.GetUntil())
	} else if !m.vetted(l.Key) && m.strangers(tx) >= MaxGateways {
		return contract.Worth{}, messages.RejectForNow(messages.RejectBusy, "%d gateways are listed; try again when some have expired, or be vetted", MaxGateways)
	}
	tx.Put(key(keyGateway, l.Key[:]), canonical.Marshal(&lightningwire.Listed{Listing: l.Wire(), Until: until}))
	due(tx, until, keyGateway, l.Key[:])
	return contract.Worth{Fee: m.cfg.Fees.Listing}, nil
}

func (m *Module) vetted(gateway [32]byte) bool {
	for _, k := range m.cfg.Vetted {
		if k == gateway {
			return true
		}
	}
	return false
}

// strangers counts the listed gateways that are not vetted.
func (m *Module) strangers(r storage.Reader) int {
	n := 0
	for k := range r.Scan(key(keyGateway)) {
		if !m.vetted([32]byte(k[1:])) {
			n++
		}
	}
	return n
}
