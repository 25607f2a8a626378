package lightning

import (
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// ApplyInput implements contract.Module: it takes all the money out of a contract,
// once. Whoever may take it depends on what the terms and the state say; that the
// key which the input names has signed is known.
func (m *Module) ApplyInput(tx storage.Tx, env contract.Env, body []byte) (contract.Worth, error) {
	in, err := terms.DecodeInput(body)
	if err != nil {
		return contract.Worth{}, messages.Reject(messages.RejectMalformed, "contract: %v", err)
	}
	height, err := agreedHeight(env)
	if err != nil {
		return contract.Worth{}, err
	}
	c := stored(tx, in.Contract)
	switch {
	case c == nil || c.GetState() == lightningwire.State_STATE_OFFERED:
		return contract.Worth{}, messages.RejectForNow(messages.RejectContractUnknown, "there is no money in a contract %s (yet)", in.Contract)
	case closed(c):
		return contract.Worth{}, messages.Reject(messages.RejectContractClosed, "the money of contract %s is gone", in.Contract)
	}
	var amount messages.Amount
	if c.GetOutgoing() != nil {
		amount, err = leaveOutgoing(env.Ledger(), c, in, height)
	} else {
		amount, err = leaveIncoming(env.Ledger(), c, in)
	}
	if err != nil {
		return contract.Worth{}, err
	}
	c.ClosedHeight = height
	store(tx, c)
	due(tx, forgottenAt(c), keyContract, c.GetId())
	return contract.Worth{Amount: amount, Fee: m.cfg.Fees.Claim}, nil
}

// leaveOutgoing decides over the money of an outgoing contract and says so in c.
func leaveOutgoing(ledger contract.Ledger, c *lightningwire.Contract, in terms.Input, height uint32) (messages.Amount, error) {
	o, err := terms.OutgoingOf(c.GetOutgoing())
	if err != nil {
		panic("lightning: stored contract: " + err.Error())
	}
	switch in.Way {
	case terms.Preimage:
		switch {
		case in.Key != o.GatewayKey:
			return 0, wrongParty(in, "gateway's")
		case !terms.Reveals(in.Preimage[:], o.PaymentHash):
			return 0, messages.Reject(messages.RejectPreimage, "this is not the preimage of %s", o.PaymentHash)
		case height >= o.Expiry:
			return 0, messages.Reject(messages.RejectExpiry, "contract %s expired at height %d", in.Contract, o.Expiry)
		}
		c.State, c.Preimage = lightningwire.State_STATE_CLAIMED, in.Preimage[:]
	case terms.Expired:
		switch {
		case in.Key != o.UserKey:
			return 0, wrongParty(in, "user's")
		case height < o.Expiry:
			return 0, messages.RejectForNow(messages.RejectContractNotReady, "contract %s expires at height %d, the agreed height is %d", in.Contract, o.Expiry, height)
		}
		c.State = lightningwire.State_STATE_REFUNDED
	case terms.Forfeited:
		switch {
		case in.Key != o.UserKey:
			return 0, wrongParty(in, "user's")
		case in.Forfeit.Gateway != o.GatewayKey:
			return 0, messages.Reject(messages.RejectForfeit, "forfeit is signed by %x, which is not the gateway of contract %s", in.Forfeit.Gateway, in.Contract)
		}
		c.State = lightningwire.State_STATE_FORFEITED
	default:
		return 0, wrongWay(in)
	}
	ledger.Liability(lineOutgoing, -int64(o.Amount))
	return o.Amount, nil
}

// leaveIncoming does the same for an incoming contract.
func leaveIncoming(ledger contract.Ledger, c *lightningwire.Contract, in terms.Input) (messages.Amount, error) {
	o := offerOf(c)
	var party [32]byte
	var ready, after lightningwire.State
	switch in.Way {
	case terms.Claim:
		party, ready, after = o.ClaimKey, lightningwire.State_STATE_VALID, lightningwire.State_STATE_CLAIMED
	case terms.Return:
		party, ready, after = [32]byte(c.GetRefundKey()), lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED
	default:
		return 0, wrongWay(in)
	}
	switch {
	case in.Key != party:
		return 0, wrongParty(in, "right")
	case c.GetState() == lightningwire.State_STATE_DECRYPTING:
		return 0, messages.RejectForNow(messages.RejectContractNotReady, "the preimage of contract %s is not revealed yet", in.Contract)
	case c.GetState() != ready:
		return 0, messages.Reject(messages.RejectContractParty, "the preimage of contract %s was revealed, and the money is the other side's", in.Contract)
	}
	c.State = after
	ledger.Liability(lineIncoming, -int64(o.Amount))
	return o.Amount, nil
}

func wrongParty(in terms.Input, whose string) error {
	return messages.Reject(messages.RejectContractParty, "%x is not the %s key of contract %s", in.Key, whose, in.Contract)
}

func wrongWay(in terms.Input) error {
	return messages.Reject(messages.RejectContractParty, "money of contract %s cannot leave it that way", in.Contract)
}
