package story

import (
	"context"
	"errors"
	"fmt"

	"minimint/actors/gateway/operator"
	"minimint/cmd/minimint-dev/stage"
	"minimint/messages"
)

// interrupted has alice pay an invoice that the far node holds, kills something while
// the payment is in flight, has the far node take the payment, and brings back what was
// killed. Then everything must be as if nothing had happened.
func (t *lightningStory) interrupted(ctx context.Context, kill func() string, revive func(context.Context) error) ([]string, error) {
	before, err := t.lookAtAll(ctx)
	if err != nil {
		return nil, err
	}
	preimage, hash, err := secret()
	if err != nil {
		return nil, err
	}
	invoice, err := t.ln.Far.Hold(ctx, hash, crashSat*messages.Sat)
	if err != nil {
		return nil, err
	}
	done := t.payInBackground(invoice)
	if err := t.ln.Far.Held(ctx, hash); err != nil {
		select {
		case o := <-done:
			return nil, errors.Join(err, o.err)
		default:
			return nil, err
		}
	}
	lines := []string{fmt.Sprintf("the far node has %d sat before it, and has not taken them; %s", crashSat, kill())}
	if err := t.ln.Far.Settle(ctx, preimage); err != nil {
		return lines, err
	}
	if err := revive(ctx); err != nil {
		return lines, err
	}
	o := <-done
	if o.err != nil {
		return lines, o.err
	}
	more, err := t.sent(ctx, before, invoice, o.a, crashSat)
	return append(lines, more...), err
}

func (t *lightningStory) killGateway() string {
	pid := t.ln.Gateway().PID()
	t.ln.KillGateway()
	return fmt.Sprintf("process %d is gone", pid)
}

func (t *lightningStory) killNode() string {
	pid := t.ln.Near.Process().PID()
	t.ln.Near.Kill()
	return fmt.Sprintf("process %d is gone", pid)
}

func (t *lightningStory) reviveNode(ctx context.Context) error {
	if err := t.ln.Near.Restart(ctx); err != nil {
		return err
	}
	return t.ln.Near.Rejoin(ctx, t.ln.Far)
}

func (t *lightningStory) killMember() string {
	pid := t.stage.Node(victim).PID()
	t.stage.KillNode(victim)
	return fmt.Sprintf("process %d is gone", pid)
}

func (t *lightningStory) reviveMember(ctx context.Context) error {
	if err := t.stage.StartNode(ctx, victim, "minimintd", "run"); err != nil {
		return err
	}
	return t.connected(ctx)
}

func (t *lightningStory) sendWithoutGateway(ctx context.Context) ([]string, error) {
	return t.interrupted(ctx, t.killGateway, t.ln.StartGateway)
}

func (t *lightningStory) sendWithoutNode(ctx context.Context) ([]string, error) {
	return t.interrupted(ctx, t.killNode, t.reviveNode)
}

func (t *lightningStory) sendWithoutMember(ctx context.Context) ([]string, error) {
	lines, err := t.interrupted(ctx, t.killMember, func(context.Context) error { return nil })
	if err != nil {
		return lines, err
	}
	if err := t.reviveMember(ctx); err != nil {
		return lines, err
	}
	return append(lines, "it was done without that member, which is back now"), t.same(ctx)
}

// resting are the members without which nothing is agreed on.
var resting = []int{liar, victim}

// held has the far node pay an invoice of bob's while so many members are dead that
// the gateway cannot buy its offer: the payment waits at the gateway's lnd. Then
// something else is killed, and all come back.
func (t *lightningStory) held(ctx context.Context, kill func() string, revive func(context.Context) error) ([]string, error) {
	before, a, err := t.invoice(ctx, crashSat)
	if err != nil {
		return nil, err
	}
	t.stage.KillNodes(resting...)
	end := payFrom(ctx, t.ln.Far, a)
	if err := t.holds(ctx, a); err != nil {
		return nil, errors.Join(err, t.failed(end))
	}
	lines := []string{fmt.Sprintf("bob asks for %d sat; members %d and %d are killed too, so lnd holds the payment; %s", crashSat, liar, victim, kill())}
	if err := revive(ctx); err != nil {
		return lines, err
	}
	for _, i := range resting {
		if err := t.stage.StartNode(ctx, i, "minimintd", "run"); err != nil {
			return lines, err
		}
	}
	line, err := t.arrived(before, a, crashSat)
	if err != nil {
		return lines, errors.Join(err, t.failed(end))
	}
	more, err := t.received(ctx, before, a, <-end, crashSat)
	return append(append(lines, line), more...), err
}

// failed is the error of a payment that has ended.
func (t *lightningStory) failed(end <-chan ended) error {
	select {
	case e := <-end:
		return e.err
	default:
		return nil
	}
}

// holds waits until the gateway has written down that it buys the offer behind an
// invoice of bob's: then its node holds the payment.
func (t *lightningStory) holds(ctx context.Context, a stage.Answer) error {
	return t.until(ctx, func() (bool, error) {
		var list struct {
			Payments []operator.Payment `json:"payments"`
		}
		err := t.ln.Operator().Read(&list, "payments", "--limit", "1")
		return len(list.Payments) == 1 && list.Payments[0].Hash == a.Text("payment_hash"), err
	})
}

func (t *lightningStory) receiveWithoutGateway(ctx context.Context) ([]string, error) {
	return t.held(ctx, t.killGateway, t.ln.StartGateway)
}

func (t *lightningStory) receiveWithoutNode(ctx context.Context) ([]string, error) {
	return t.held(ctx, t.killNode, t.reviveNode)
}

func (t *lightningStory) receiveWithoutMember(ctx context.Context) ([]string, error) {
	before, a, err := t.invoice(ctx, crashSat)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("bob asks for %d sat; %s", crashSat, t.killMember())}
	end := payFrom(ctx, t.ln.Far, a)
	line, err := t.arrived(before, a, crashSat)
	if err != nil {
		return lines, errors.Join(err, t.failed(end))
	}
	more, err := t.received(ctx, before, a, <-end, crashSat)
	lines = append(append(lines, line), more...)
	if err != nil {
		return lines, err
	}
	if err := t.reviveMember(ctx); err != nil {
		return lines, err
	}
	return lines, t.same(ctx)
}
