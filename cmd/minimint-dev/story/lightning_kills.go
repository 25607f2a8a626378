package story

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/cmd/minimint-dev/lightning"
	"minimint/cmd/minimint-dev/stage"
)

// killSat is paid in each payment that is disturbed, and killSpan the time within
// which something is killed: a payment takes less.
const (
	killSat  = 4_000
	killSpan = 900 * time.Millisecond
)

// A target can be killed, and brought back.
type target struct {
	name   string
	kill   func() string
	revive func(context.Context) error
}

func (t *lightningStory) targets() []target {
	return []target{
		{"the gateway", t.killGateway, func(ctx context.Context) error { return t.ln.StartGateway(ctx) }},
		{"the gateway's lnd", t.killNode, t.reviveNode},
		{fmt.Sprintf("member %d", victim), t.killMember, t.reviveMember},
	}
}

// kills are steps that each kill something at a random moment of a payment. The same
// seed draws the same targets and moments.
func (t *lightningStory) kills(n int, seed uint64) []step {
	draw := rand.New(rand.NewPCG(seed, 0))
	targets := t.targets()
	var steps []step
	for i := range n {
		at, delay := targets[i%len(targets)], time.Duration(draw.Int64N(int64(killSpan)))
		disturb, whose := t.sendDisturbed, "Alice begins to pay an invoice of the far node"
		if i/len(targets)%2 == 1 {
			disturb, whose = t.receiveDisturbed, "The far node begins to pay an invoice of Bob"
		}
		title := fmt.Sprintf("%s, and %s is killed with -9 after %d ms", whose, at.name, delay.Milliseconds())
		steps = append(steps, step{title, func(ctx context.Context) ([]string, error) { return disturb(ctx, at, delay) }})
	}
	return steps
}

// strike kills the target after a while, and brings it back.
func (at target) strike(ctx context.Context, delay time.Duration) (string, error) {
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	line := at.kill()
	return line, at.revive(ctx)
}

// sendDisturbed: whatever happens, alice either has the preimage, and the far node its
// money, or nobody has got anything.
func (t *lightningStory) sendDisturbed(ctx context.Context, at target, delay time.Duration) ([]string, error) {
	before, invoice, err := t.farInvoice(ctx, killSat)
	if err != nil {
		return nil, err
	}
	done := t.payInBackground(invoice)
	line, err := at.strike(ctx, delay)
	lines := []string{line}
	if err != nil {
		return lines, err
	}
	o := <-done
	if o.err == nil {
		more, err := t.sent(ctx, before, invoice, o.a, killSat)
		return append(lines, more...), err
	}
	if o.a.Code != exitReject {
		return lines, o.err
	}
	now, err := t.lookAtAll(ctx)
	if err != nil {
		return lines, err
	}
	got, state, err := t.ln.Far.Paid(ctx, invoice.Hash)
	if err != nil {
		return lines, err
	}
	fees := stage.LightningFees()
	if state == lndwire.Invoice_SETTLED || got != 0 || before.alice-now.alice > int64(fees.Contract+fees.Claim) {
		return lines, fmt.Errorf("it failed (%w), the far node's invoice is %s, and alice had %s and has %s", o.err, state, sat(before.alice), sat(now.alice))
	}
	return append(lines, "it failed, and the money is back: "+first(o.a.Reports)), t.moved(ctx, before, 0)
}

// outcome is how a command ended.
type outcome struct {
	a   stage.Answer
	err error
}

// payInBackground has alice pay.
func (t *lightningStory) payInBackground(invoice lightning.Invoice) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		a, err := t.alice.Run(payment(invoice.Text)...)
		done <- outcome{a, err}
	}()
	return done
}

// receiveDisturbed: whatever happens, either the far node has paid and bob has the money,
// or nobody has got anything.
func (t *lightningStory) receiveDisturbed(ctx context.Context, at target, delay time.Duration) ([]string, error) {
	before, a, err := t.invoice(ctx, killSat)
	if err != nil {
		return nil, err
	}
	end := payFrom(ctx, t.ln.Far, a)
	line, err := at.strike(ctx, delay)
	lines := []string{line}
	if err != nil {
		return lines, err
	}
	e := <-end
	switch {
	case errors.Is(e.err, lightning.ErrUnpaid):
		return append(lines, "it failed, and the far node has its money: "+e.err.Error()), t.moved(ctx, before, 0)
	case e.err != nil:
		return lines, e.err
	}
	line, err = t.arrived(before, a, killSat)
	if err != nil {
		return lines, err
	}
	more, err := t.received(ctx, before, a, e, killSat)
	return append(append(lines, line), more...), err
}
