package deal

import (
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// Wanted is a request to pay, and all that decides over it.
type Wanted struct {
	Federation messages.FederationID
	// Key is the gateway's in this federation.
	Key     [32]byte
	Terms   Terms
	Costs   Costs
	Network *chaincfg.Params
	Request *talkwire.Pay
	// Contract is what the federation says of it.
	Contract lightning.Status
	Agreed   uint32 // height of the federation
	Node     lnnode.Info
	Now      time.Time
	// Exposure is what is at stake in the federation without this contract's.
	Exposure messages.Amount
}

// A Plan is how a contract is to be paid.
type Plan struct {
	Invoice bolt11.Invoice
	// MaxFee is what routing may cost.
	MaxFee messages.Amount
	// Deadline is the height by which all timelocks of the payment must have ended.
	Deadline uint32
	// Virtual is the gateway's own channel that the invoice leads to: then the offer
	// behind it is bought, and the node has nothing to do. 0 if there is none.
	Virtual uint64
}

// Outgoing decides over a request to pay. The error is a *messages.Rejection, a *Never
// or a *Later.
func Outgoing(w Wanted) (Plan, error) {
	o, err := w.asked()
	if err != nil {
		return Plan{}, err
	}
	// From here on it is the user who asks, and the money waits for us.
	inv, err := bolt11.Read(w.Request.GetInvoice(), w.Network)
	switch {
	case err != nil:
		return Plan{}, never("%v", err)
	case inv.Hash != o.PaymentHash:
		return Plan{}, never("the contract is for payment hash %s, the invoice for %s", o.PaymentHash, inv.Hash)
	case inv.Amount == 0:
		return Plan{}, never("the invoice names no amount")
	case !w.Now.Before(inv.Until):
		return Plan{}, never("the invoice has expired")
	case inv.Payee == w.Node.Key:
		return Plan{}, never("the invoice is the gateway's own")
	}
	p := Plan{Invoice: inv, Virtual: own(inv, w.Node.Key)}
	if p.MaxFee, err = w.afford(inv.Amount, o.Amount); err != nil {
		return Plan{}, err
	}
	if !w.Node.Synced {
		return Plan{}, later("the gateway's Lightning node does not know the newest block")
	}
	p.Deadline = o.Expiry - min(o.Expiry, w.Terms.Margin)
	if p.Virtual != 0 {
		// The federation of the offer decides in a few epochs, and nothing is locked.
		if o.Expiry <= max(w.Agreed, w.Node.Height)+Safety {
			return Plan{}, never("the contract expires too soon, at height %d", o.Expiry)
		}
		return p, nil
	}
	_, err = p.MaxDelay(max(w.Agreed, w.Node.Height))
	return p, err
}

// asked checks that the user asks for the payment of a contract of this gateway that
// waits for it.
func (w Wanted) asked() (*terms.Outgoing, error) {
	o := w.Contract.Outgoing
	switch {
	case o == nil || o.GatewayKey != w.Key:
		return nil, messages.Reject(messages.RejectContractParty, "contract %s is not with this gateway", w.Contract.ID)
	case talk.VerifyPay(w.Federation, w.Request, o.UserKey) != nil:
		return nil, messages.Reject(messages.RejectUnauthorized, "the request is not signed with the contract's user key")
	case w.Contract.State != lightningwire.State_STATE_FUNDED:
		return nil, messages.Reject(messages.RejectContractClosed, "the money of contract %s is gone", w.Contract.ID)
	}
	return o, nil
}

// afford returns what routing may cost.
func (w Wanted) afford(amount, held messages.Amount) (messages.Amount, error) {
	fee, err := w.Terms.Send.Of(amount)
	if err != nil {
		return 0, never("the invoice's amount is out of range")
	}
	if w.Terms.Payment > 0 && amount > w.Terms.Payment {
		return 0, never("the gateway pays at most %s at once", w.Terms.Payment)
	}
	if price, err := amount.Add(fee); err != nil || held < price {
		return 0, never("the contract holds %s; the invoice of %s costs %s more", held, amount, fee)
	}
	claiming, err := w.Costs.Claiming(held)
	if err != nil {
		return 0, never("the contract holds %s, which cannot be claimed: %v", held, err)
	}
	budget, err := (held - amount).Sub(claiming)
	if err != nil {
		return 0, never("the contract holds %s, which does not pay for claiming it", held)
	}
	if !Bearable(w.Terms, w.Exposure, held) {
		return 0, ErrExposed
	}
	return budget, nil
}

// ErrExposed says that the gateway would have more at stake than the operator allows.
var ErrExposed error = &Never{"the gateway has as much at stake in this federation as it wants"}

// Bearable reports whether a contract may be added to what is at stake in a federation. It
// is to be asked again in the transaction that writes the contract down.
func Bearable(t Terms, exposure, held messages.Amount) bool {
	at, err := exposure.Add(held)
	return err == nil && (t.Exposure == 0 || at <= t.Exposure)
}

// own returns the virtual channel of the gateway that an invoice leads to, 0 if it
// leads elsewhere.
func own(inv bolt11.Invoice, node [33]byte) uint64 {
	for _, way := range inv.Hints {
		if len(way) == 0 {
			continue
		}
		if hop := way[len(way)-1]; hop.Node == node && Virtual(hop.Channel) {
			return hop.Channel
		}
	}
	return 0
}

// MaxDelay returns in how many blocks the payment's timelocks may end at the latest, seen
// from a height: what a way needs beyond the last hop is the node's to find out. The
// error is a *Never.
func (p Plan) MaxDelay(height uint32) (uint32, error) {
	need := p.Invoice.FinalDelay + padding
	if left := p.Deadline - min(p.Deadline, height); left >= need {
		return min(left, maxDelay), nil
	}
	if mutant.Removed(mutant.TimeToClaim) {
		return maxDelay, nil
	}
	return 0, never("the contract leaves too few blocks: the payment's timelocks need %d and must end at height %d, and it is %d", need, p.Deadline, height)
}
