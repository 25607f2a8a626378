package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/cmd/minimint-dev/lightning"
	"minimint/cmd/minimint-dev/stage"
	"minimint/messages"
)

// invoiceLife is how long invoices of the far node are good, in seconds.
const invoiceLife = 3600

func (t *lightningStory) send(ctx context.Context) ([]string, error) {
	before, invoice, err := t.farInvoice(ctx, sendSat)
	if err != nil {
		return nil, err
	}
	a, err := t.alice.Run(payment(invoice.Text)...)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("the far node asks for %d sat: %s", sendSat, clip(invoice.Text, 50)), "alice is told: " + first(a.Reports)}
	more, err := t.sent(ctx, before, invoice, a, sendSat)
	return append(lines, more...), err
}

// first is the first line.
func first(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// sent checks a payment of alice's that arrived: by her books, the gateway's and those
// of both lnd.
func (t *lightningStory) sent(ctx context.Context, before view, invoice lightning.Invoice, a stage.Answer, sats int64) ([]string, error) {
	amount := sats * 1000
	if err := proves(a.Text("preimage"), invoice.Hash); err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("paid within %s (a whole program run), preimage %.16s…", round(a.Took), a.Text("preimage"))}
	got, state, err := t.ln.Far.Paid(ctx, invoice.Hash)
	if err != nil {
		return lines, err
	}
	if int64(got) != amount || state != lndwire.Invoice_SETTLED {
		return lines, fmt.Errorf("the far lnd has %s for its invoice, which is %s", sat(int64(got)), state)
	}
	if err := t.moved(ctx, before, amount); err != nil {
		return lines, err
	}
	now, err := t.lookAtAll(ctx)
	if err != nil {
		return lines, err
	}
	if s, p := status(now.near.payments, invoice.Hash.String()); s != lndwire.Payment_SUCCEEDED || p.GetPaymentPreimage() != a.Text("preimage") || p.GetValueMsat() != amount {
		return lines, fmt.Errorf("the near lnd knows the payment as %v", p)
	}
	fee, gatewayFee := a.Number("fee_msat"), a.Number("gateway_fee_msat")
	if before.alice-now.alice != amount+fee {
		return lines, fmt.Errorf("alice had %s and has %s: %d sat and a fee of %s were paid", sat(before.alice), sat(now.alice), sats, sat(fee))
	}
	lines = append(lines,
		fmt.Sprintf("alice has %s less: %d sat, and %s in fees, of which the gateway gets %s", sat(before.alice-now.alice), sats, sat(fee), sat(gatewayFee)),
		fmt.Sprintf("lnd says the same: near's payment succeeded, far's invoice is settled, %d sat went through the channel", sats))
	return lines, t.earned(ctx, before.till+amount+gatewayFee-int64(stage.LightningFees().Claim))
}

// invoice has bob make an invoice, and returns its operation and what everybody had
// before.
func (t *lightningStory) invoice(ctx context.Context, sats int64) (before view, operation stage.Answer, err error) {
	if before, err = t.lookAtAll(ctx); err != nil {
		return before, operation, err
	}
	operation, err = t.bob.Run("ln", "invoice", "--description", "for bob", fmt.Sprint(sats))
	return before, operation, err
}

// farInvoice is an invoice of the far node, and what everybody had before.
func (t *lightningStory) farInvoice(ctx context.Context, sats messages.Amount) (before view, invoice lightning.Invoice, err error) {
	if before, err = t.lookAtAll(ctx); err != nil {
		return before, invoice, err
	}
	invoice, err = t.ln.Far.Invoice(ctx, sats*messages.Sat, invoiceLife)
	return before, invoice, err
}

// arrived waits for bob's money and checks it.
func (t *lightningStory) arrived(before view, invoice stage.Answer, sats int64) (string, error) {
	a, err := t.bob.Run("await", fmt.Sprint(invoice.Number("operation")))
	if err != nil {
		return "", err
	}
	now, err := t.bob.Balance()
	if err != nil {
		return "", err
	}
	if got := now - before.bob; got != sats*1000-a.Number("fee_msat") {
		return "", fmt.Errorf("bob had %s and has %s: %d sat were paid, for a fee of %s", sat(before.bob), sat(now), sats, sat(a.Number("fee_msat")))
	}
	return fmt.Sprintf("bob has %s more: %d sat, less a fee of %s", sat(now-before.bob), sats, sat(a.Number("fee_msat"))), nil
}

func (t *lightningStory) receive(ctx context.Context) ([]string, error) {
	before, a, err := t.invoice(ctx, receiveSat)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("bob asks for %d sat: %s", receiveSat, clip(a.Text("invoice"), 50))}
	begin := time.Now()
	end := payFrom(ctx, t.ln.Far, a)
	line, err := t.arrived(before, a, receiveSat)
	if err != nil {
		return lines, errors.Join(err, (<-end).err)
	}
	lines = append(lines, line)
	more, err := t.received(ctx, before, a, <-end, receiveSat)
	return append(append(lines, fmt.Sprintf("%s after the far node began", round(time.Since(begin)))), more...), err
}

// ended is how a payment of an lnd ended.
type ended struct {
	preimage [32]byte
	fee      messages.Amount
	err      error
}

// payFrom has an lnd pay an invoice of bob's.
func payFrom(ctx context.Context, n *lightning.Node, a stage.Answer) <-chan ended {
	done := make(chan ended, 1)
	go func() {
		var e ended
		e.preimage, e.fee, e.err = n.Pay(ctx, a.Text("invoice"))
		done <- e
	}()
	return done
}

// received checks a payment of the far node's to bob: by the books of both lnd and of
// the gateway.
func (t *lightningStory) received(ctx context.Context, before view, a stage.Answer, e ended, sats int64) ([]string, error) {
	if e.err != nil {
		return nil, fmt.Errorf("bob has the money, and the far lnd: %w", e.err)
	}
	hash, err := messages.ParseDigest(a.Text("payment_hash"))
	if err != nil {
		return nil, err
	}
	if err := proves(fmt.Sprintf("%x", e.preimage), hash); err != nil {
		return nil, err
	}
	amount := sats * 1000
	if err := t.moved(ctx, before, -(amount + int64(e.fee))); err != nil {
		return nil, err
	}
	now, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	if s, _ := status(now.far.payments, hash.String()); s != lndwire.Payment_SUCCEEDED {
		return nil, fmt.Errorf("the far lnd says that its payment is %s", s)
	}
	fees := stage.LightningFees()
	return []string{fmt.Sprintf("lnd says the same: far's payment succeeded, %d sat and a fee of %s went through the channel", sats, sat(int64(e.fee)))},
		t.earned(ctx, before.till-amount-int64(fees.Offer+fees.Contract))
}

func (t *lightningStory) within(ctx context.Context) ([]string, error) {
	before, a, err := t.invoice(ctx, internalSat)
	if err != nil {
		return nil, err
	}
	p, err := t.alice.Run(payment(a.Text("invoice"))...)
	if err != nil {
		return nil, err
	}
	lines := []string{"alice is told: " + first(p.Reports), fmt.Sprintf("paid within %s (a whole program run)", round(p.Took))}
	hash, err := messages.ParseDigest(a.Text("payment_hash"))
	if err != nil {
		return lines, err
	}
	if err := proves(p.Text("preimage"), hash); err != nil {
		return lines, err
	}
	line, err := t.arrived(before, a, internalSat)
	if err != nil {
		return lines, err
	}
	lines = append(lines, line)
	now, err := t.lookAtAll(ctx)
	if err != nil {
		return lines, err
	}
	if before.alice-now.alice != internalSat*1000+p.Number("fee_msat") || p.Number("gateway_fee_msat") != 0 {
		return lines, fmt.Errorf("alice had %s and has %s; fees %s, of which gateway %s", sat(before.alice), sat(now.alice), sat(p.Number("fee_msat")), sat(p.Number("gateway_fee_msat")))
	}
	same := func(a, b side) bool {
		return a.balance == b.balance && len(a.payments) == len(b.payments) && len(a.invoices) == len(b.invoices)
	}
	if !same(before.near, now.near) || !same(before.far, now.far) || before.till != now.till {
		return lines, fmt.Errorf("it touched Lightning or the gateway: %+v, then %+v", before, now)
	}
	return append(lines, fmt.Sprintf("both lnd: no payment, no invoice, not a millisatoshi moved; nor at the gateway. Alice paid %s in fees", sat(p.Number("fee_msat")))), nil
}

func (t *lightningStory) unroutable(ctx context.Context) ([]string, error) {
	before, err := t.lookAtAll(ctx)
	if err != nil {
		return nil, err
	}
	invoice, err := nobody(lostSat)
	if err != nil {
		return nil, err
	}
	a, err := t.alice.Run(payment(invoice.Text)...)
	if err == nil {
		return nil, errors.New("an invoice of a node that does not exist was paid")
	}
	if a.Code != exitReject {
		return nil, fmt.Errorf("ended with exit code %d, want %d: %w", a.Code, exitReject, err)
	}
	reason := a.Reports[strings.LastIndex(strings.TrimSpace(a.Reports), "\n")+1:]
	lines := []string{fmt.Sprintf("alice is told within %s: %s", round(a.Took), clip(reason, 200))}
	if !strings.Contains(a.Reports, "route") {
		return lines, errors.New("that is not the reason")
	}
	now, err := t.lookAtAll(ctx)
	if err != nil {
		return lines, err
	}
	fees := stage.LightningFees()
	if lost := before.alice - now.alice; lost != int64(fees.Contract+fees.Claim) {
		return lines, fmt.Errorf("alice had %s and has %s", sat(before.alice), sat(now.alice))
	}
	if s, _ := status(now.near.payments, invoice.Hash.String()); s != lndwire.Payment_FAILED {
		return lines, fmt.Errorf("the near lnd says that the payment is %s", s)
	}
	if now.near.balance != before.near.balance || now.far.balance != before.far.balance || now.till != before.till {
		return lines, fmt.Errorf("money moved: %+v, then %+v", before, now)
	}
	return append(lines, fmt.Sprintf("she has all of it back but the federation's fees, %s; the near lnd says that the payment failed", sat(before.alice-now.alice))), nil
}
