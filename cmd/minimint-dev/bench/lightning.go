package bench

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/btcd"
	"minimint/actors/client"
	"minimint/actors/client/user"
	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/cmd/minimint-dev/lightning"
	"minimint/cmd/minimint-dev/stage"
	"minimint/messages"
)

// What the part lightning does, again and again.
const (
	lnRounds  = 50
	lnQuick   = 10
	lnAmount  = 1000 * messages.Sat
	lnInvoice = 3600 // seconds
	lnWarmUp  = 3    // rounds that are not counted: connections are made
)

// measureLightning measures payments on a federation with two lnd and a gateway of
// its own. Rounds take turns, so that what else the machine does hits all alike.
func measureLightning(ctx context.Context, cfg Config) (map[string]float64, error) {
	l := &lightningTrial{cfg: cfg, took: map[string][]float64{}, rounds: lnRounds}
	if cfg.Quick {
		l.rounds = lnQuick
	}
	err := onStage(ctx, cfg, lightningPart, func(s *stage.Stage) error {
		l.stage = s
		return l.measure(ctx)
	})
	if err != nil {
		return nil, err
	}
	return l.values(), nil
}

// lightningTrial is a federation with two users, two lnd and a gateway.
type lightningTrial struct {
	cfg        Config
	stage      *stage.Stage
	ln         *stage.Lightning
	alice, bob *user.User
	rounds     int
	took       map[string][]float64 // ms, by figure
}

func (l *lightningTrial) measure(ctx context.Context) error {
	l.cfg.progress("lightning: starting btcd, the nodes, two lnd and a gateway")
	if err := l.stage.Raise(ctx); err != nil {
		return err
	}
	l.ln = l.stage.Lightning()
	var err error
	if l.alice, err = join(ctx, l.stage, "alice"); err != nil {
		return err
	}
	defer func() { _ = l.alice.Close() }()
	if l.bob, err = join(ctx, l.stage, "bob"); err != nil {
		return err
	}
	defer func() { _ = l.bob.Close() }()
	if err := endow(ctx, l.stage, l.alice); err != nil {
		return err
	}
	l.cfg.progress("lightning: %d times: send, receive, within the federation, and lnd alone in both directions", l.rounds)
	for i := range lnWarmUp + l.rounds {
		if i == lnWarmUp {
			clear(l.took)
		}
		if err := l.round(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
	}
	return nil
}

// values are the figures. What lnd needs for the same payment is taken off as medians.
func (l *lightningTrial) values() map[string]float64 {
	v := map[string]float64{}
	for name, took := range l.took {
		v[name+"_ms_p50"] = rounds.Quantile(took, 0.5)
		if name != lndSend && name != lndReceive && name != arrived {
			v[name+"_ms_p95"] = rounds.Quantile(took, 0.95)
		}
	}
	v["ln_send_over_lnd_ms_p50"] = v["ln_send_ms_p50"] - v["lnd_send_ms_p50"]
	v["ln_receive_over_lnd_ms_p50"] = v["ln_receive_ms_p50"] - v["lnd_receive_ms_p50"]
	return v
}

// What a round measures.
const (
	send       = "ln_send"           // from Pay to the preimage
	lndSend    = "lnd_send"          // the gateway's lnd pays the same itself
	receive    = "ln_receive"        // from the payer's lnd to the user's notes
	lndReceive = "lnd_receive"       // the same to an invoice of the gateway's lnd
	internal   = "internal"          // from Pay to the preimage
	arrived    = "internal_received" // to the payee's notes
)

func (l *lightningTrial) round(ctx context.Context) error {
	for _, part := range []func(context.Context) error{l.lndSends, l.sends, l.lndReceives, l.receives, l.within} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// timed notes how long something took.
func (l *lightningTrial) timed(name string, do func() error) error {
	begin := time.Now()
	err := do()
	l.note(name, begin)
	return err
}

func (l *lightningTrial) note(name string, begin time.Time) {
	l.took[name] = append(l.took[name], float64(time.Since(begin))/float64(time.Millisecond))
}

// between has one lnd pay an invoice of the other.
func (l *lightningTrial) between(ctx context.Context, name string, payer, payee *lightning.Node) error {
	i, err := payee.Invoice(ctx, lnAmount, lnInvoice)
	if err != nil {
		return err
	}
	return l.timed(name, func() error {
		_, _, err := payer.Pay(ctx, i.Text)
		return err
	})
}

func (l *lightningTrial) lndSends(ctx context.Context) error {
	return l.between(ctx, lndSend, l.ln.Near, l.ln.Far)
}

func (l *lightningTrial) lndReceives(ctx context.Context) error {
	return l.between(ctx, lndReceive, l.ln.Far, l.ln.Near)
}

func (l *lightningTrial) sends(ctx context.Context) error {
	i, err := l.ln.Far.Invoice(ctx, lnAmount, lnInvoice)
	if err != nil {
		return err
	}
	return l.timed(send, func() error { return l.pay(ctx, i.Text) })
}

// pay has alice pay an invoice, and waits for the proof.
func (l *lightningTrial) pay(ctx context.Context, invoice string) error {
	id, err := l.alice.Pay(ctx, invoice, client.PayOptions{})
	if err != nil {
		return err
	}
	_, err = l.alice.Await(ctx, id, nil)
	return err
}

func (l *lightningTrial) receives(ctx context.Context) error {
	op, err := l.bob.Invoice(ctx, client.InvoiceOptions{Amount: lnAmount})
	if err != nil {
		return err
	}
	begin := time.Now()
	paid := make(chan error, 1)
	go func() {
		_, _, err := l.ln.Far.Pay(ctx, op.GetInvoice().GetText())
		paid <- err
	}()
	if _, err := l.bob.Await(ctx, op.GetId(), nil); err != nil {
		return err
	}
	l.note(receive, begin)
	return <-paid
}

func (l *lightningTrial) within(ctx context.Context) error {
	op, err := l.bob.Invoice(ctx, client.InvoiceOptions{Amount: lnAmount})
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := l.pay(ctx, op.GetInvoice().GetText()); err != nil {
		return err
	}
	l.note(internal, begin)
	_, err = l.bob.Await(ctx, op.GetId(), nil)
	l.note(arrived, begin)
	return err
}

// join makes a user on a stage, in this process.
func join(ctx context.Context, s *stage.Stage, name string) (*user.User, error) {
	cfg := user.Config{
		Dir: filepath.Join(s.Dir, "users", name), Now: time.Now(), Log: slog.New(slog.DiscardHandler),
		Blocks: func(p *chaincfg.Params) (client.Blocks, error) { return btcd.New(s.Bitcoin().RPC(), p) },
	}
	if _, err := user.Join(ctx, cfg, s.Federation.Invite(), ""); err != nil {
		return nil, err
	}
	return user.Open(cfg)
}

// endow gives a user a deposit.
func endow(ctx context.Context, s *stage.Stage, u *user.User) error {
	id, err := u.Deposit(ctx)
	if err != nil {
		return err
	}
	op, err := u.Operation(id)
	if err != nil {
		return err
	}
	if _, err := s.Bitcoin().Pay(op.GetDeposit().GetAddress(), deposit); err != nil {
		return err
	}
	if err := s.Bitcoin().Mine(1 + s.FinalityDelay()); err != nil {
		return err
	}
	_, err = u.Await(ctx, id, nil)
	return err
}
