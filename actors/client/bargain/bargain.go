// Package bargain is what a user looks at before he pays or asks to be paid over
// Lightning: whether an invoice can be paid from here, which gateway shall do it and
// for how much, and what exactly is agreed with it.
//
//	invoice, err := bargain.Read(text, network, now)
//	choice, err := bargain.ToSend(candidates, bargain.Wish{Amount: invoice.Amount})
//	contract, err := bargain.Contract(invoice, choice, height, userKey)
//
// Everything here is a function of its arguments. Errors are what a person can act on;
// they wrap one of the Err values, so programs can tell them apart.
package bargain

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/notes"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/transaction"
)

// Why something cannot be paid or received. What is no invoice, or one of another
// network, is bolt11.ErrInvoice.
var (
	ErrExpired    = errors.New("the invoice has expired")
	ErrAmountless = errors.New("the invoice names no amount")
	ErrOwn        = errors.New("the invoice is your own")
	ErrFee        = errors.New("the fee is above your limit")
	ErrGateway    = errors.New("no gateway can be used")
	ErrAmount     = errors.New("the amount cannot be paid through a contract")
	ErrDelay      = errors.New("the payment could be under way for too long")
	ErrOffer      = errors.New("the offer is not that of the invoice")
	ErrText       = errors.New("the invoice cannot be made")
)

// hurry is how long an invoice must still be good for when its payment begins.
const hurry = 20 * time.Second

// Read reads an invoice that somebody wants to pay. now may be zero, if nobody knows
// the time: then it is taken for not expired.
func Read(text string, network *chaincfg.Params, now time.Time) (bolt11.Invoice, error) {
	i, err := bolt11.Read(text, network)
	switch {
	case err != nil:
		return bolt11.Invoice{}, err
	case i.Amount == 0:
		return i, fmt.Errorf("%w; ask for one with an amount", ErrAmountless)
	case !now.IsZero() && !now.Before(i.Until):
		return i, fmt.Errorf("%w, at %s; ask for a new one", ErrExpired, i.Until.UTC().Format(time.DateTime))
	case !now.IsZero() && i.Until.Sub(now) < hurry:
		return i, fmt.Errorf("%w, or will within %s; ask for a new one", ErrExpired, hurry)
	}
	return i, nil
}

// A Candidate is a listed gateway and what the user has seen of it.
type Candidate struct {
	lightning.Listed
	Paid, Failed uint64
}

// A Wish is what a user wants of a gateway.
type Wish struct {
	Amount messages.Amount
	// MaxFee bounds what the gateway takes; 0 is no bound.
	MaxFee messages.Amount
	// Only, if set, is the key of the one gateway to use.
	Only []byte
	// Avoid are keys of gateways that are not to be used; for sending, unless there is no
	// other.
	Avoid [][]byte
	// Claim is what the federation takes for emptying a contract.
	Claim messages.Amount
}

func (w Wish) wants(c Candidate) bool {
	if len(w.Only) > 0 {
		return bytes.Equal(w.Only, c.Key[:])
	}
	return !slices.ContainsFunc(w.Avoid, func(k []byte) bool { return bytes.Equal(k, c.Key[:]) })
}

// A Choice is a gateway and its fee.
type Choice struct {
	Candidate
	Fee messages.Amount
}

// ToSend returns the gateway that shall make a payment: of those that operators have
// vetted, or else of the others, the one that is cheapest when its failures are
// counted in.
func ToSend(list []Candidate, w Wish) (Choice, error) {
	if err := payable(w); err != nil {
		return Choice{}, err
	}
	price := func(c Candidate) (messages.Amount, error) { return c.Send.Of(w.Amount) }
	choice, err := choose(list, w, price)
	if errors.Is(err, ErrGateway) && len(w.Avoid) > 0 {
		w.Avoid = nil
		return choose(list, w, price)
	}
	return choice, err
}

// ToReceive returns the gateway through which a payment shall come. Its fee is paid by
// whoever pays, on top of the amount.
func ToReceive(list []Candidate, w Wish) (Choice, error) {
	if err := payable(w); err != nil {
		return Choice{}, err
	}
	return choose(list, w, func(c Candidate) (messages.Amount, error) {
		if c.Receive.Base >= math.MaxUint32 {
			return 0, messages.ErrAmount // no invoice can say that
		}
		return c.Receive.Of(w.Amount)
	})
}

// payable checks that a contract of the amount is worth emptying (V10).
func payable(w Wish) error {
	switch {
	case w.Amount == 0 || w.Amount > messages.MaxAmount:
		return fmt.Errorf("%w: it must be 1 msat to %s", ErrAmount, messages.MaxAmount)
	case w.Amount <= w.Claim:
		return fmt.Errorf("%w: %s does not exceed the fee of %s for taking it", ErrAmount, w.Amount, w.Claim)
	}
	return nil
}

// CheckWorth checks that a contract of the amount leaves something for whoever takes it,
// in notes, after a fee of claim: what fees eat up would be lost (V10).
func CheckWorth(t notes.Terms, amount, claim messages.Amount) error {
	if left, err := amount.Sub(claim); err == nil {
		if made, _, err := t.Change(left, transaction.MaxItems); errors.Is(err, notes.ErrTooMany) || len(made) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: after the federation's fees %s would leave nothing", ErrAmount, amount)
}

// CheckKey checks the length of a gateway's key; none is fine.
func CheckKey(key []byte) error {
	if n := len(key); n != 0 && n != 32 {
		return fmt.Errorf("%w: a gateway's key has 32 bytes, not %d", ErrGateway, n)
	}
	return nil
}

func choose(list []Candidate, w Wish, price func(Candidate) (messages.Amount, error)) (Choice, error) {
	var best *Choice
	var dear messages.Amount // the least fee above the limit
	for _, c := range list {
		fee, err := price(c)
		switch {
		case err != nil || !w.wants(c):
			continue
		case w.MaxFee > 0 && fee > w.MaxFee:
			if dear == 0 || fee < dear {
				dear = fee
			}
			continue
		}
		if next := (Choice{Candidate: c, Fee: fee}); best == nil || better(next, *best, w.Amount) {
			best = &next
		}
	}
	switch {
	case best != nil:
		return *best, nil
	case dear > 0:
		return Choice{}, fmt.Errorf("%w of %s: the cheapest gateway takes %s", ErrFee, w.MaxFee, dear)
	case len(w.Only) > 0:
		return Choice{}, fmt.Errorf("%w: %x is not listed in the federation", ErrGateway, w.Only)
	case len(list) == 0:
		return Choice{}, fmt.Errorf("%w: none is listed in the federation", ErrGateway)
	default:
		return Choice{}, fmt.Errorf("%w: none of the %d that are listed is left", ErrGateway, len(list))
	}
}

// better reports whether a is to be preferred to b. The order is total, so that it
// does not matter in which order gateways are listed.
func better(a, b Choice, amount messages.Amount) bool {
	if a.Vetted != b.Vetted {
		return a.Vetted
	}
	// Cost in terms of success: (fee + a thousandth of the amount) · tries / successes,
	// as if each gateway had failed once and paid once before.
	price := func(c Choice) (hi, lo uint64) {
		return bits.Mul64(uint64(c.Fee+amount/1000)+1, c.Paid+c.Failed+2)
	}
	if d := compareRatio(price, a, b); d != 0 {
		return d < 0
	}
	return bytes.Compare(a.Key[:], b.Key[:]) < 0
}

// compareRatio compares price(a)/(a.Paid+1) with price(b)/(b.Paid+1), in whole
// numbers, rounded down: who is that close is as good.
func compareRatio(price func(Choice) (hi, lo uint64), a, b Choice) int {
	ratio := func(c Choice) uint64 {
		hi, lo := price(c)
		if hi >= c.Paid+1 {
			return math.MaxUint64
		}
		q, _ := bits.Div64(hi, lo, c.Paid+1)
		return q
	}
	switch x, y := ratio(a), ratio(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}

// routeBlocks is how many blocks the hops of a payment may take beyond those that the
// invoice asks for itself: five hops of the usual 80, and some.
const routeBlocks = 432

// Contract returns the terms of a contract with the chosen gateway for an invoice.
// It expires late enough for the gateway to find a way and to take its money after
// the last moment at which it could have to pay, and no later.
func Contract(i bolt11.Invoice, c Choice, height uint32, user [32]byte) (terms.Outgoing, error) {
	amount, err := i.Amount.Add(c.Fee)
	if err != nil {
		return terms.Outgoing{}, fmt.Errorf("%w: with a fee of %s: %w", ErrAmount, c.Fee, err)
	}
	life := uint64(c.ExpiryMargin) + uint64(i.FinalDelay) + routeBlocks
	hinted := uint64(0)
	for _, way := range i.Hints {
		sum := uint64(0)
		for _, hop := range way {
			sum += uint64(hop.Delay)
		}
		hinted = max(hinted, sum)
	}
	if life += hinted; life > lightning.MaxLife || uint64(height)+life > math.MaxUint32 {
		return terms.Outgoing{}, fmt.Errorf("%w: %d blocks, at most %d are possible", ErrDelay, life, lightning.MaxLife)
	}
	return terms.Outgoing{
		PaymentHash: i.Hash, Amount: amount, GatewayKey: c.Key, UserKey: user, Expiry: height + uint32(life),
	}, nil
}

// Behind returns the listed gateways that say that theirs is the virtual channel which an
// invoice leads to: its payee is a user of this federation. Anybody can say that, so there
// can be several: those that operators have vetted come first.
func Behind(i bolt11.Invoice, list []Candidate) []Candidate {
	var out []Candidate
	for _, c := range list {
		if slices.ContainsFunc(i.Hints, func(way []bolt11.Hop) bool {
			return len(way) == 1 && way[0].Node == c.Node && way[0].Channel == c.Channel
		}) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Candidate) int {
		switch {
		case a.Vetted == b.Vetted:
			return 0
		case a.Vetted:
			return -1
		default:
			return 1
		}
	})
	return out
}

// soon is how many blocks an offer must still be good for when it is bought.
const soon = 2

// CheckOffer checks that an offer is one for the invoice, so that buying it pays it, or
// costs nothing but fees. Errors wrap ErrOffer.
func CheckOffer(o terms.Offer, i bolt11.Invoice, height uint32, seal terms.Sealer) error {
	switch {
	case o.PaymentHash != i.Hash:
		return fmt.Errorf("%w: it is of the payment hash %s", ErrOffer, o.PaymentHash)
	case o.Amount != i.Amount:
		return fmt.Errorf("%w: it costs %s and not %s", ErrOffer, o.Amount, i.Amount)
	case uint64(o.Expiry) <= uint64(height)+soon:
		return fmt.Errorf("%w: it expires at height %d", ErrOffer, o.Expiry)
	}
	if _, err := o.Verify(seal); err != nil {
		return fmt.Errorf("%w: %w", ErrOffer, err)
	}
	return nil
}

// What an own invoice may say.
const (
	MaxDescription = 500 // bytes
	MaxInvoiceLife = 7 * 24 * time.Hour
	DefaultLife    = time.Hour
)

// A Receipt is an own invoice to be made.
type Receipt struct {
	Amount      messages.Amount
	Description string
	Life        time.Duration
	Created     time.Time
	// Height is the agreed one.
	Height uint32
	// Claim is what the federation takes for emptying a contract.
	Claim messages.Amount
}

// Check returns an error that wraps ErrText or ErrAmount if no such invoice can be made.
func (r Receipt) Check() error {
	switch {
	case !utf8.ValidString(r.Description):
		return fmt.Errorf("%w: its description is not UTF-8", ErrText)
	case len(r.Description) > MaxDescription:
		return fmt.Errorf("%w: a description of %d bytes, at most %d are allowed", ErrText, len(r.Description), MaxDescription)
	case r.Life < time.Minute || r.Life > MaxInvoiceLife:
		return fmt.Errorf("%w: it would be good for %s; between a minute and %s is possible", ErrText, r.Life, MaxInvoiceLife)
	}
	return payable(Wish{Amount: r.Amount, Claim: r.Claim})
}

// Blocks that an offer lasts longer than its invoice: payments that come at the last
// moment, with time for the gateway to see to them. Blocks can come twice as fast as
// they should for long.
const offerSlack = 36

// Expiry is the height at which the offer for the invoice ends.
func (r Receipt) Expiry() uint32 {
	blocks := uint64(2*r.Life/(10*time.Minute)) + offerSlack
	return uint32(min(uint64(r.Height)+min(blocks, lightning.MaxLife), math.MaxUint32))
}

// hintDelay is what an invoice asks payers to add for the gateway: how long it may
// take to buy the offer before its own Lightning node must fail the payment.
// finalDelay is that of the payee, who is not there.
const (
	hintDelay  = 80
	finalDelay = 24
)

// Invoice makes the invoice for an offer, signed with a key that means nothing.
func (r Receipt) Invoice(o terms.Offer, g terms.Gateway, secret [32]byte, network *chaincfg.Params, key *btcec.PrivateKey) bolt11.Invoice {
	hop := bolt11.Hop{Node: g.Node, Channel: g.Channel, Base: uint32(g.Receive.Base), Rate: g.Receive.PPM, Delay: hintDelay}
	if hop.Rate > 0 {
		hop.Base++ // nodes on the way round down, the gateway rounds up
	}
	return bolt11.Make(bolt11.Draft{
		Hash: o.PaymentHash, Secret: secret, Amount: o.Amount, Description: r.Description, Created: r.Created, Life: r.Life,
		FinalDelay: finalDelay, Hints: [][]bolt11.Hop{{hop}},
	}, network, key)
}
