package story

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/chain/btcd/simnet"
	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/cmd/minimint-dev/lightning"
	"minimint/cmd/minimint-dev/stage"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// What is paid in the story of Lightning, in satoshi.
const (
	sendSat     = 50_000
	receiveSat  = 30_000
	internalSat = 12_000
	lostSat     = 9_000 // to nobody
	crashSat    = 21_000
)

// lightningStory goes on where a federation, two users and a gateway with its lnd
// are. Each step is compared with what both lnd say themselves.
type lightningStory struct {
	*Story
	ln *stage.Lightning
}

// TellLightning plays the story of Lightning like Tell, and kills something so many
// times at moments that the seed draws. The stage needs an lnd.
func TellLightning(ctx context.Context, s *stage.Stage, out io.Writer, kills int, seed uint64) error {
	t := &lightningStory{Story: &Story{stage: s, alice: s.User("alice"), bob: s.User("bob")}}
	steps := append(append(t.opening(), t.scenes()...), t.kills(kills, seed)...)
	return play(ctx, out, append(steps, step{"The audit: assets equal liabilities, and every millisatoshi is somebody's", t.settled}))
}

func (t *lightningStory) scenes() []step {
	return []step{
		{"Alice pays an invoice of the far node with e-cash", t.send},
		{"The far node pays an invoice of Bob, who gets e-cash", t.receive},
		{"Alice pays Bob's invoice: same federation, so Lightning is not touched", t.within},
		{"Alice pays an invoice that nobody can reach, and has her money back", t.unroutable},
		{"The gateway is killed with -9 while Alice's payment is in flight", t.sendWithoutGateway},
		{"The gateway's lnd is killed with -9 while Alice's payment is in flight", t.sendWithoutNode},
		{"Member 3 is killed with -9 while Alice's payment is in flight", t.sendWithoutMember},
		{"The gateway is killed with -9 while its lnd holds a payment for Bob", t.receiveWithoutGateway},
		{"The gateway's lnd is killed with -9 while it holds a payment for Bob", t.receiveWithoutNode},
		{"Member 3 is dead while a payment for Bob comes in", t.receiveWithoutMember},
	}
}

// opening sets everything up.
func (t *lightningStory) opening() []step {
	return []step{
		{"A bitcoin node starts: btcd on the simulation network", t.bitcoin},
		{"Two Lightning nodes start: lnd, with a channel between them", t.nodes},
		{"Four members make their keys together, and their nodes start", t.federation},
		{"A gateway starts at the near lnd, joins, and deposits bitcoin", t.open},
		{"Alice and Bob join, and Alice deposits bitcoin", t.users},
	}
}

func (t *lightningStory) nodes(ctx context.Context) ([]string, error) {
	var err error
	if t.ln, err = t.stage.StartLightning(ctx); err != nil {
		return nil, err
	}
	v, err := t.look(ctx)
	return []string{
		fmt.Sprintf("near %.20s…, for the gateway, and far %.20s…, somebody else's", t.ln.Near.Key, t.ln.Far.Key),
		fmt.Sprintf("a channel of %d sat: near can send %s, far %s", t.ln.Channel(), sat(v.near.balance), sat(v.far.balance)),
	}, err
}

func (t *lightningStory) federation(ctx context.Context) ([]string, error) {
	lines, err := t.ceremony(ctx)
	if err != nil {
		return lines, err
	}
	_, err = t.start(ctx)
	return lines, err
}

func (t *lightningStory) users(ctx context.Context) ([]string, error) {
	if _, err := t.join(ctx); err != nil {
		return nil, err
	}
	lines, err := t.deposit(ctx)
	if err != nil {
		return lines, err
	}
	a, err := t.alice.Run("ln", "gateways")
	if err != nil {
		return lines, err
	}
	list, _ := a.Values["gateways"].([]any)
	if len(list) != 1 {
		return lines, fmt.Errorf("alice sees %d gateways", len(list))
	}
	g, _ := list[0].(map[string]any)
	return append(lines, fmt.Sprintf("alice finds gateway %q (key %.16s…) in the federation's list", g["name"], g["key"])), nil
}

// open starts the gateway and gives it e-cash, out of which it pays for its listing.
func (t *lightningStory) open(ctx context.Context) ([]string, error) {
	if err := t.ln.StartGateway(ctx); err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("process %d", t.ln.Gateway().PID())}
	if err := t.ln.Endow(ctx, depositSat); err != nil {
		return lines, err
	}
	free, err := t.ln.Balance()
	return append(lines, fmt.Sprintf("it has %s in notes, and the federation lists it", sat(free))), err
}

// side is what one lnd says of itself.
type side struct {
	balance  int64 // msat in channels
	payments []*lndwire.Payment
	invoices []*lndwire.Invoice
}

// view is what everybody has at one moment, in msat.
type view struct {
	near, far        side
	alice, bob, till int64
}

func (t *lightningStory) look(ctx context.Context) (v view, err error) {
	for n, to := range map[*lightning.Node]*side{t.ln.Near: &v.near, t.ln.Far: &v.far} {
		balance, err := n.Balance(ctx)
		if err != nil {
			return v, err
		}
		if to.payments, err = n.Payments(ctx); err != nil {
			return v, err
		}
		if to.invoices, err = n.Invoices(ctx); err != nil {
			return v, err
		}
		to.balance = int64(balance)
	}
	return v, nil
}

// lookAtAll has also the users' and the gateway's money.
func (t *lightningStory) lookAtAll(ctx context.Context) (view, error) {
	v, err := t.look(ctx)
	if err != nil {
		return v, err
	}
	if v.alice, err = t.alice.Balance(); err != nil {
		return v, err
	}
	if v.bob, err = t.bob.Balance(); err != nil {
		return v, err
	}
	v.till, err = t.ln.Balance()
	return v, err
}

// moved waits until exactly amount msat have gone from one lnd's side of the channel
// to the other's, as both say.
func (t *lightningStory) moved(ctx context.Context, before view, amount int64) error {
	var now view
	err := t.until(ctx, func() (bool, error) {
		var err error
		now, err = t.look(ctx)
		return now.far.balance == before.far.balance+amount && now.near.balance == before.near.balance-amount, err
	})
	if err != nil {
		return fmt.Errorf("near had %d msat and has %d, far had %d and has %d, where %d should have moved: %w",
			before.near.balance, now.near.balance, before.far.balance, now.far.balance, amount, err)
	}
	return nil
}

// earned waits until the gateway has what a payment leaves it with.
func (t *lightningStory) earned(ctx context.Context, want int64) error {
	var have int64
	err := t.until(ctx, func() (bool, error) {
		var err error
		have, err = t.ln.Balance()
		return have == want, err
	})
	if err != nil {
		return fmt.Errorf("the gateway has %s in e-cash, and should have %s: %w", sat(have), sat(want), err)
	}
	return nil
}

// status is what an lnd says of a payment, -1 if it has none of this hash.
func status(list []*lndwire.Payment, hash string) (lndwire.Payment_PaymentStatus, *lndwire.Payment) {
	for _, p := range list {
		if p.GetPaymentHash() == hash {
			return p.GetStatus(), p
		}
	}
	return -1, nil
}

// secret is a fresh preimage and its hash.
func secret() (preimage [32]byte, hash messages.Digest, err error) {
	_, err = rand.Read(preimage[:])
	return preimage, sha256.Sum256(preimage[:]), err
}

// proves checks a preimage, in hex, against a payment hash.
func proves(preimage string, hash messages.Digest) error {
	b, err := hex.DecodeString(preimage)
	if err != nil || sha256.Sum256(b) != hash {
		return fmt.Errorf("preimage %q is not that of %s", preimage, hash)
	}
	return nil
}

// nobody is an invoice of a node that does not exist.
func nobody(sats int64) (bolt11.Invoice, error) {
	key, err := btcec.NewPrivateKey()
	if err != nil {
		return bolt11.Invoice{}, err
	}
	_, hash, err := secret()
	return bolt11.Make(bolt11.Draft{
		Hash: hash, Secret: [32]byte(hash), Amount: messages.Amount(sats) * messages.Sat, Description: "to nobody", Created: time.Now(), Life: time.Hour, FinalDelay: 80,
	}, simnet.Params, key), err
}

// payment is the command that pays an invoice where nobody can be asked.
func payment(invoice string) []string { return []string{"ln", "pay", "--yes", invoice} }

// settled compares the books of everybody.
func (t *lightningStory) settled(ctx context.Context) ([]string, error) {
	lines, owed, err := t.balanced(ctx)
	if err != nil {
		return lines, err
	}
	v, err := t.lookAtAll(ctx)
	if err != nil {
		return lines, err
	}
	if held := v.alice + v.bob + v.till; held != owed {
		return lines, fmt.Errorf("alice has %s, bob %s, the gateway %s; the members owe %s in notes", sat(v.alice), sat(v.bob), sat(v.till), sat(owed))
	}
	lines = append(lines, fmt.Sprintf("alice %s, bob %s, gateway %s: together exactly the %s in notes that the members owe", sat(v.alice), sat(v.bob), sat(v.till), sat(owed)))
	if err := t.until(ctx, func() (bool, error) { // it counts what its node holds every few seconds
		a, err := t.ln.Operator().Run("info")
		return a.Number("open_payments") == 0 && a.Number("held_forwards") == 0, err
	}); err != nil {
		return lines, fmt.Errorf("the gateway says that payments are open, or forwards held: %w", err)
	}
	for _, p := range append(v.near.payments, v.far.payments...) {
		if s := p.GetStatus(); s != lndwire.Payment_SUCCEEDED && s != lndwire.Payment_FAILED {
			return lines, fmt.Errorf("lnd has a payment that is %s", s)
		}
	}
	return append(lines, fmt.Sprintf("lnd: near %s, far %s in the channel; nothing in flight", sat(v.near.balance), sat(v.far.balance))), nil
}
