package station

import (
	"context"
	"encoding/hex"
	"strings"

	"minimint/actors/gateway"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/operator"
	"minimint/messages"
	"minimint/storage"
)

// Bounds of a list of payments.
const (
	defaultPayments = 100
	maxPayments     = 1000
)

// Payments implements operator.Operator.
func (s *Station) Payments(_ context.Context, page operator.Page) ([]operator.Payment, error) {
	limit := min(page.Limit, maxPayments)
	if limit <= 0 {
		limit = defaultPayments
	}
	out := []operator.Payment{}
	err := s.view(func(r storage.Reader) error {
		for _, e := range ledger.History(r, page.After, limit) {
			if e.Payment != nil {
				out = append(out, sent(e.Payment))
			} else {
				out = append(out, received(e.Purchase))
			}
		}
		return nil
	})
	return out, err
}

// sent is what an operator sees of an outgoing contract. Its fee is known if the invoice
// was read.
func sent(p *ledgerwire.Payment) operator.Payment {
	out := operator.Payment{
		Number: p.GetNumber(), Direction: "send", Internal: p.GetVirtual() != 0, Federation: hex.EncodeToString(p.GetFederation()),
		Hash: hex.EncodeToString(p.GetPaymentHash()), Contract: hex.EncodeToString(p.GetContract()), AmountMsat: messages.Amount(p.GetAmountMsat()),
		RouteMsat: messages.Amount(p.GetRoutingMsat()), State: word(p.GetState().String()), Reason: p.GetReason(), BeganMs: p.GetBeganMs(), EndedMs: p.GetEndedMs(),
	}
	if p.GetAmountMsat() > 0 {
		out.FeeMsat = messages.Amount(p.GetHeldMsat() - p.GetAmountMsat())
	}
	return out
}

// received is what an operator sees of an offer that was bought, or nearly.
func received(p *ledgerwire.Purchase) operator.Payment {
	out := operator.Payment{
		Number: p.GetNumber(), Direction: "receive", Internal: len(p.GetContract()) > 0, Federation: hex.EncodeToString(p.GetFederation()),
		Hash: hex.EncodeToString(p.GetOffer().GetPaymentHash()), AmountMsat: messages.Amount(p.GetOffer().GetAmountMsat()),
		State: word(p.GetState().String()), Reason: p.GetReason(), BeganMs: p.GetBeganMs(), EndedMs: p.GetEndedMs(),
	}
	if p.GetInMsat() > 0 {
		out.FeeMsat = messages.Amount(p.GetInMsat() - p.GetOffer().GetAmountMsat())
	}
	return out
}

// word is the name of a state without what it is a state of.
func word(state string) string {
	_, w, _ := strings.Cut(state, "_")
	return strings.ToLower(w)
}

// Connect implements operator.Operator. It asks members over the network, so it lasts as
// long as ctx lets it.
func (s *Station) Connect(ctx context.Context, c operator.Connect) (operator.Federation, error) {
	id, err := s.join(ctx, c)
	if err != nil {
		return operator.Federation{}, err
	}
	return s.one(ctx, id)
}

// Set implements operator.Operator.
func (s *Station) Set(ctx context.Context, set operator.Settings) (operator.Federation, error) {
	m, err := s.named(set.Federation)
	if err != nil {
		return operator.Federation{}, err
	}
	for _, fee := range []*operator.Fee{set.Send, set.Receive} {
		if fee != nil && (fee.PPM > 1_000_000 || fee.BaseMsat > messages.MaxAmount) {
			return operator.Federation{}, operator.Input("a fee is at most 1,000,000 millionths, and a base that can be paid")
		}
	}
	adjusted, err := call[gateway.Adjusted](ctx, s, func(n uint64) any {
		return gateway.Adjust{Number: n, Federation: m.id, Change: func(f *ledgerwire.Federation) { change(f, set) }}
	})
	if err == nil {
		err = adjusted.Err
	}
	if err != nil {
		return operator.Federation{}, err
	}
	return s.one(ctx, m.id)
}

// change sets what is given, and leaves the rest.
func change(f *ledgerwire.Federation, set operator.Settings) {
	if fee := set.Send; fee != nil {
		f.SendBaseMsat, f.SendPpm = uint64(fee.BaseMsat), fee.PPM
	}
	if fee := set.Receive; fee != nil {
		f.ReceiveBaseMsat, f.ReceivePpm = uint64(fee.BaseMsat), fee.PPM
	}
	if l := set.Limits; l != nil {
		f.PaymentLimitMsat, f.ExposureLimitMsat = uint64(l.PaymentMsat), uint64(l.ExposureMsat)
	}
}

// Deposit implements operator.Operator.
func (s *Station) Deposit(ctx context.Context, d operator.Deposit) (operator.Deposited, error) {
	m, err := s.named(d.Federation)
	if err != nil {
		return operator.Deposited{}, err
	}
	id, err := m.user.Deposit(ctx)
	if err != nil {
		return operator.Deposited{}, err
	}
	op, err := m.user.Operation(id)
	return operator.Deposited{Address: op.GetDeposit().GetAddress(), Operation: id}, err
}

// Withdraw implements operator.Operator.
func (s *Station) Withdraw(ctx context.Context, w operator.Withdraw) (operator.Withdrawn, error) {
	m, err := s.named(w.Federation)
	if err != nil {
		return operator.Withdrawn{}, err
	}
	if amount, err := messages.FromSat(w.Sats); err != nil || amount == 0 {
		return operator.Withdrawn{}, operator.Input("%d sat cannot be withdrawn", w.Sats)
	}
	id, err := m.user.Withdraw(ctx, w.Address, w.Sats, w.LimitSats)
	return operator.Withdrawn{Operation: id}, err
}
