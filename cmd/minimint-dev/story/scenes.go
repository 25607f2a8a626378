package story

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What is paid in the story.
const (
	depositSat  = 1_000_000
	paymentSat  = 20_000
	secondSat   = 250_000
	withdrawSat = 100_000
	exitReject  = 3
)

func (t *Story) bitcoin(context.Context) ([]string, error) {
	if err := t.stage.StartBitcoin(); err != nil {
		return nil, err
	}
	height, err := t.stage.Bitcoin().Height()
	return []string{fmt.Sprintf("btcd answers at %s, height %d", t.stage.Bitcoin().RPC().Address, height)}, err
}

func (t *Story) ceremony(ctx context.Context) ([]string, error) {
	if err := t.stage.Ceremony(ctx); err != nil {
		return nil, err
	}
	return []string{"federation " + t.stage.Federation.ID().String()}, nil
}

func (t *Story) start(ctx context.Context) ([]string, error) {
	var lines []string
	for i := range t.stage.Federation.Members {
		if err := t.stage.StartNode(ctx, i, "minimintd", "run"); err != nil {
			return lines, err
		}
		m := t.stage.Federation.Members[i]
		lines = append(lines, fmt.Sprintf("member %d (%s) listens at %s, process %d", i, m.Name, m.Address, t.stage.Node(i).PID()))
	}
	return lines, t.connected(ctx)
}

// connected waits until every running member sees every other one.
func (t *Story) connected(ctx context.Context) error {
	return t.until(ctx, func() (bool, error) {
		running := 0
		links := 0
		for i := range t.stage.Federation.Members {
			if t.stage.Node(i) == nil {
				continue
			}
			running++
			info, err := t.ask(ctx, i)
			if err != nil {
				return false, err
			}
			for _, p := range info.GetPeers() {
				if p.GetConnected() {
					links++
				}
			}
		}
		return links == running*(running-1), nil
	})
}

func (t *Story) join(context.Context) ([]string, error) {
	invite := t.stage.Federation.Invite().String()
	for _, u := range []interface {
		Join(string) (string, error)
	}{t.alice, t.bob} {
		got, err := u.Join(invite)
		if err != nil {
			return nil, err
		}
		if got != t.stage.Federation.ID().String() {
			return nil, fmt.Errorf("joined federation %s", got)
		}
	}
	return []string{"invite " + clip(invite, 60)}, nil
}

func (t *Story) deposit(ctx context.Context) ([]string, error) {
	a, err := t.alice.Run("deposit-address")
	if err != nil {
		return nil, err
	}
	address := a.Text("address")
	if _, err := t.stage.Bitcoin().Pay(address, depositSat); err != nil {
		return nil, err
	}
	if err := t.stage.Bitcoin().Mine(1 + t.stage.FinalityDelay()); err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("%d sat sent to %s and buried under %d blocks", depositSat, clip(address, 30), t.stage.FinalityDelay())}
	a, err = t.alice.Run("await-deposit", address)
	if err != nil {
		return lines, err
	}
	balance, err := t.alice.Balance()
	if err != nil {
		return lines, err
	}
	if balance <= depositSat*1000*9/10 || balance > depositSat*1000 {
		return lines, fmt.Errorf("alice has %s after a deposit of %d sat", sat(balance), depositSat)
	}
	if err := t.same(ctx); err != nil {
		return lines, err
	}
	return append(lines, fmt.Sprintf("alice has %s in notes, %s after she asked", sat(balance), round(a.Took))), nil
}

func (t *Story) startLying(ctx context.Context) ([]string, error) {
	t.stage.StopNode(liar)
	if err := t.stage.StartNode(ctx, liar, "minimint-dev", "liar"); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("process %d", t.stage.Node(liar).PID())}, t.connected(ctx)
}

// liar and victim are the members that the story needs, one after the other: the
// federation bears one bad member at a time.
const (
	liar   = 2
	victim = 3
)

func (t *Story) payBesideLiar(context.Context) ([]string, error) {
	lines, reports, err := t.pay(paymentSat)
	if err != nil {
		return lines, err
	}
	name := fmt.Sprintf("member %d (%s)", liar, t.stage.Federation.Members[liar].Name)
	named := ""
	for _, r := range strings.Split(reports, "\n") {
		if strings.Contains(r, name) {
			named = r
		}
	}
	if named == "" {
		return lines, fmt.Errorf("nobody named %s; what was said: %q", name, reports)
	}
	return append(lines, "both wallets went on, and said: "+clip(named, 160)), nil
}

func (t *Story) stopLying(ctx context.Context) ([]string, error) {
	t.stage.StopNode(liar)
	if err := t.stage.StartNode(ctx, liar, "minimintd", "run"); err != nil {
		return nil, err
	}
	if err := t.connected(ctx); err != nil {
		return nil, err
	}
	return nil, t.same(ctx)
}

// pay moves notes from alice to bob and returns what both wallets reported.
func (t *Story) pay(amount int64) (lines []string, reports string, err error) {
	before, err := t.bob.Balance()
	if err != nil {
		return nil, "", err
	}
	spend, err := t.alice.Run("spend", strconv.FormatInt(amount, 10))
	if err != nil {
		return nil, "", err
	}
	t.token = spend.Text("notes")
	receive, err := t.bob.Run("receive", t.token)
	if err != nil {
		return nil, "", err
	}
	after, err := t.bob.Balance()
	if err != nil {
		return nil, "", err
	}
	if got := after - before; got <= amount*1000*99/100 || got > amount*1000 {
		return nil, "", fmt.Errorf("bob got %s of a payment of %d sat", sat(got), amount)
	}
	lines = []string{
		fmt.Sprintf("alice hands over notes of %d sat as text: %s", amount, clip(t.token, 40)),
		fmt.Sprintf("bob reissued them within %s (a whole program run) and has %s", round(receive.Took), sat(after)),
	}
	return lines, spend.Reports + receive.Reports, nil
}

func (t *Story) doubleSpend(context.Context) ([]string, error) {
	before, err := t.bob.Balance()
	if err != nil {
		return nil, err
	}
	mallory := t.stage.User("mallory")
	if _, err := mallory.Join(t.stage.Federation.Invite().String()); err != nil {
		return nil, err
	}
	a, err := mallory.Run("receive", t.token)
	if err == nil {
		return nil, errors.New("the same notes were accepted a second time")
	}
	if a.Code != exitReject {
		return nil, fmt.Errorf("refused with exit code %d, want %d: %w", a.Code, exitReject, err)
	}
	after, err2 := t.bob.Balance()
	if err2 != nil || after != before {
		return nil, fmt.Errorf("bob had %s and has %s: %w", sat(before), sat(after), err2)
	}
	return []string{"a third wallet tried: " + clip(a.Reports, 160)}, nil
}

func (t *Story) kill(ctx context.Context) ([]string, error) {
	pid := t.stage.Node(victim).PID()
	t.stage.KillNode(victim)
	lines, _, err := t.pay(secondSat)
	if err != nil {
		return lines, err
	}
	info, err := t.ask(ctx, 0)
	if err != nil {
		return lines, err
	}
	t.epoch = info.GetNextEpoch()
	return append([]string{fmt.Sprintf("process %d is gone", pid)}, lines...), nil
}

func (t *Story) comeBack(ctx context.Context) ([]string, error) {
	if err := t.stage.StartNode(ctx, victim, "minimintd", "run"); err != nil {
		return nil, err
	}
	if err := t.connected(ctx); err != nil {
		return nil, err
	}
	if err := t.same(ctx); err != nil {
		return nil, err
	}
	info, err := t.ask(ctx, victim)
	if err != nil {
		return nil, err
	}
	if info.GetNextEpoch() < t.epoch {
		return nil, fmt.Errorf("it is at epoch %d, the others were at %d when it was away", info.GetNextEpoch(), t.epoch)
	}
	lines := []string{fmt.Sprintf("it has caught up to epoch %d", info.GetNextEpoch())}
	// It takes part: with another member stopped, nothing can be agreed on
	// without it.
	t.stage.StopNode(liar)
	more, _, err := t.pay(paymentSat)
	if err != nil {
		return lines, fmt.Errorf("without member %d the returned member is needed: %w", liar, err)
	}
	if err := t.stage.StartNode(ctx, liar, "minimintd", "run"); err != nil {
		return lines, err
	}
	lines = append(lines, fmt.Sprintf("member %d rests meanwhile, so that no epoch ends without the one that returned:", liar))
	return append(lines, more...), t.connected(ctx)
}
