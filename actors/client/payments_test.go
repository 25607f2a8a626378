package client_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// api is the address of bob's gateway.
const api = "https://bob.example"

// house is a gateway of a world: bob's client, and what the gateway does when asked.
type house struct {
	*world
	bob     *client.Client
	who     *clienttest.Customer
	listing terms.Listing

	mu     sync.Mutex
	offers map[messages.Digest]terms.Offer
	pays   []*talkwire.Pay
	onPay  func(*talkwire.Pay) (*talk.Reply, error)
	onFind func(messages.Digest) (*talk.Reply, error)
	onMake func(terms.Offer) (*talk.Reply, error)
}

func node(letter byte) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes([]byte(strings.Repeat(string(letter), 32)))
	return key
}

// newHouse lists bob as a gateway that answers Register and Find as it should; tests
// say what it does about payments.
func newHouse(t *testing.T) *house {
	t.Helper()
	return houseOf(newWorld(t))
}

func houseOf(w *world) *house {
	w.Helper()
	h := &house{world: w, offers: map[messages.Digest]terms.Offer{}}
	height := w.f.Observe()
	h.bob, h.who = w.user(), w.rig.Customer()
	w.fund(h.bob, 120_000)
	h.listing = h.list(h.bob, terms.Gateway{
		Node: [33]byte(node('n').PubKey().SerializeCompressed()), Channel: 77, API: api, Name: "Bob's", Send: terms.Fee{Base: 1000, PPM: 10_000},
		Receive: terms.Fee{Base: 10, PPM: 5}, ExpiryMargin: 6, Serial: 1, Expiry: height + 900,
	})
	w.rig.Gateways.Serve(api, h.answer)
	return h
}

func (h *house) list(c *client.Client, g terms.Gateway) terms.Listing {
	h.Helper()
	l, err := terms.List(h.f.Config.ID(), g, h.ringOf(c).Gateway())
	if err != nil {
		h.Fatal(err)
	}
	if op := h.order(c, h.who, fund(fmt.Sprintf("list/%s/%d", g.API, g.Serial), 0, terms.Output{Listing: &l})); op.GetState() != clientwire.State_STATE_DONE {
		h.Fatal(op)
	}
	return l
}

func (h *house) answer(r *talk.Request) (*talk.Reply, error) {
	if b, err := talk.ReadRequest(talk.Encode(r)); err != nil || string(b.GetFederation()) != string(idOf(h.f)) {
		h.Errorf("request %v: %v", r, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m := r.GetRequest().(type) {
	case *talkwire.Request_Pay:
		h.pays = append(h.pays, m.Pay)
		return h.onPay(m.Pay)
	case *talkwire.Request_Register:
		o, err := terms.OfferOf(m.Register.GetOffer())
		if err != nil {
			h.Error(err)
		}
		if h.onMake != nil {
			return h.onMake(o)
		}
		h.offers[o.PaymentHash] = o
		return &talk.Reply{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}}, nil
	case *talkwire.Request_Find:
		hash := messages.Digest(m.Find.GetPaymentHash())
		if h.onFind != nil {
			return h.onFind(hash)
		}
		if o, ok := h.offers[hash]; ok {
			return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: o.Wire()}}, nil
		}
		return talk.Refuse(messages.Reject(messages.RejectNotFound, "no such offer")), nil
	}
	return nil, errors.New("no request")
}

func idOf(f *clienttest.Federation) []byte { id := f.Config.ID(); return id[:] }

// set changes what the gateway does about payments.
func (h *house) set(fn func(*talkwire.Pay) (*talk.Reply, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onPay = fn
}

func paidWith(preimage [32]byte) *talk.Reply {
	return &talk.Reply{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: preimage[:]}}}
}

// forgo is the gateway's forfeit of a contract.
func (h *house) forgo(m *talkwire.Pay, reason string) *talk.Reply {
	f, err := terms.Forgo(h.f.Config.ID(), terms.ID(m.GetContract()), h.ringOf(h.bob).Gateway())
	if err != nil {
		h.Error(err)
	}
	return &talk.Reply{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: f.Gateway[:], Signature: f.Signature[:], Reason: reason}}}
}

// claim takes the money of an outgoing contract for bob.
func (h *house) claim(m *talkwire.Pay, amount messages.Amount) *client.Operation {
	h.Helper()
	in := terms.Input{Contract: terms.ID(m.GetContract()), Way: terms.Preimage, Key: h.listing.Key, Preimage: preimage}
	return h.order(h.bob, h.rig.Customer(), redeem(fmt.Sprintf("claim/%x", m.GetContract()), amount, in, &clientwire.Redeem{Gateway: true}))
}

// invoiceOf is an invoice of somebody outside.
func invoiceOf(amount messages.Amount, edit ...func(*bolt11.Draft)) bolt11.Invoice {
	d := bolt11.Draft{
		Hash: paymentHash(), Secret: [32]byte{'s'}, Amount: amount, Description: "a book", Created: clienttest.Now, Life: time.Hour, FinalDelay: 24,
	}
	for _, e := range edit {
		e(&d)
	}
	return bolt11.Make(d, &chaincfg.SimNetParams, node('x'))
}

const price = messages.Amount(50_000)

// The whole of a payment: the fee is known before, the gateway has all it needs, the
// preimage is in the record, and every amount is right to the msat.
func TestPayThroughAGateway(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	had := h.fund(alice, 100_000)
	invoice := invoiceOf(price)
	q, err := alice.Quote(h.ctx, invoice.Text, client.PayOptions{})
	if err != nil || q.Fee != 1500 || q.Gateway.Key != h.listing.Key || q.Internal || q.Invoice.Amount != price {
		t.Fatalf("quote %+v, %v", q, err)
	}
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) {
		if m.GetInvoice() != invoice.Text {
			t.Errorf("asked to pay %q", m.GetInvoice())
		}
		return paidWith(preimage), nil
	})
	id, err := alice.Pay(h.ctx, invoice.Text, client.PayOptions{})
	op := h.done(alice, id, err)
	if string(op.GetPay().GetPreimage()) != string(preimage[:]) || op.GetAmountMsat() != uint64(price) {
		t.Errorf("record %v", op)
	}
	if got, want := h.balance(alice), had-price-messages.Amount(op.GetFeeMsat()); got != want || op.GetFeeMsat() < 1500 {
		t.Errorf("alice has %s, want %s with fees of %d", got, want, op.GetFeeMsat())
	}
	// What the gateway was asked is signed by the contract's user, and it is paid.
	m := h.pays[0]
	w := h.contract(terms.ID(m.GetContract()))
	if w.Outgoing == nil || w.Outgoing.Amount != price+1500 || w.Outgoing.PaymentHash != invoice.Hash || w.Outgoing.GatewayKey != h.listing.Key {
		t.Fatalf("contract %+v", w)
	}
	if err := talk.VerifyPay(h.f.Config.ID(), m, w.Outgoing.UserKey); err != nil {
		t.Error(err)
	}
	before := h.balance(h.bob)
	took := h.claim(m, price+1500)
	if got, want := h.balance(h.bob), before+price+1500-messages.Amount(took.GetFeeMsat()); got != want {
		t.Errorf("bob has %s, want %s", got, want)
	}
	// Paid is paid.
	again, err := alice.Pay(h.ctx, invoice.Text, client.PayOptions{})
	if err != nil || again != id {
		t.Errorf("paid again: %d, %v", again, err)
	}
	if g, err := alice.Gateways(h.ctx); err != nil || len(g) != 1 || g[0].Paid != 1 || g[0].Failed != 0 {
		t.Errorf("gateways %+v, %v", g, err)
	}
}

// contract asks the federation about a contract.
func (h *house) contract(id terms.ID) lightning.Status {
	h.Helper()
	h.who.Tell(h.bob.PID(), asks(id, nil))
	return h.state(id, hear[orders.Answer](h.world, h.who))
}

// H86: the original's users took any answer of their gateway for success. Here a forfeit
// gives the money back at once, with the gateway's reason.
func TestH86ForfeitRefundsAtOnce(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	had := h.fund(alice, 100_000)
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "no route\n\x1b[31m"), nil })
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	h.refunded(alice, id, err, had, "no route")
	if g, err := alice.Gateways(h.ctx); err != nil || len(g) != 1 || g[0].Failed != 1 {
		t.Errorf("gateways %+v, %v", g, err)
	}
	// What failed can be tried again, and it is another payment.
	h.set(func(*talkwire.Pay) (*talk.Reply, error) { return paidWith(preimage), nil })
	again, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	if h.done(alice, again, err); again == id {
		t.Error("the same operation")
	}
	if h.pays[0].GetContract() == nil || string(h.pays[0].GetContract()) == string(h.pays[len(h.pays)-1].GetContract()) {
		t.Error("the same contract")
	}
}

// A retry goes to another gateway, whose fee may be higher, and the quote says so.
func TestRetryAvoidsWhoFailed(t *testing.T) {
	h := newHouse(t)
	alice, carol := h.user(), h.user()
	h.fund(carol, 20_000)
	had := h.fund(alice, 120_000)
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "no route"), nil })
	dear := h.listing.Gateway
	dear.API, dear.Send.Base, dear.Channel = "https://carol.example", 2000, 78
	carols := h.list(carol, dear)
	h.rig.Gateways.Serve(dear.API, func(*talk.Request) (*talk.Reply, error) { return paidWith(preimage), nil })
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	h.refunded(alice, id, err, had, "no route")
	if q, err := alice.Quote(h.ctx, invoiceOf(price).Text, client.PayOptions{}); err != nil || q.Fee != 2500 || q.Gateway.Key != carols.Key {
		t.Errorf("quote %+v, %v", q, err)
	}
	id, err = alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	if op := h.done(alice, id, err); op.GetPay().GetGatewayFeeMsat() != 2500 {
		t.Errorf("%v", op)
	}
}

// refunded waits for a payment that must fail, and checks that its money came back,
// once.
func (h *house) refunded(c *client.Client, id uint64, err error, had messages.Amount, reason string) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	op, err := c.Await(h.ctx, id, nil)
	var failure *client.FailedError
	if !errors.As(err, &failure) || op.GetCause() != clientwire.Cause_CAUSE_REFUNDED || !strings.Contains(op.GetText(), reason) || strings.ContainsAny(op.GetText(), "\x1b\n") {
		h.Errorf("ended with %v, %s, want %q", err, op.GetCause(), reason)
	}
	if got, want := h.balance(c), had-messages.Amount(op.GetFeeMsat()); got != want {
		h.Errorf("balance %s, want %s", got, want)
	}
	ops, err := c.Operations()
	refunds := 0
	for _, o := range ops {
		if o.GetKind() == clientwire.Kind_KIND_REDEEM && o.GetParent() == id && o.GetState() == clientwire.State_STATE_DONE {
			refunds++
		}
	}
	if err != nil || refunds != 1 { // V11
		h.Errorf("%d refunds, %v", refunds, err)
	}
	if len(op.GetPay().GetPreimage()) > 0 {
		h.Error("refunded and paid")
	}
}

// H74: the original's users could not get an expired contract's money back. Whatever
// a gateway says but a preimage or its forfeit, or if it says nothing: at the height of
// expiry the money comes back, and not before.
func TestH74MoneyComesBackAtExpiry(t *testing.T) {
	wrong := preimage
	wrong[3]++
	for name, c := range map[string]struct {
		reply  func(h *house, m *talkwire.Pay) (*talk.Reply, error)
		report string
	}{
		"silent":         {func(*house, *talkwire.Pay) (*talk.Reply, error) { return nil, nil }, ""},
		"unreachable":    {func(*house, *talkwire.Pay) (*talk.Reply, error) { return nil, errors.New("connection refused") }, ""},
		"wrong preimage": {func(*house, *talkwire.Pay) (*talk.Reply, error) { return paidWith(wrong), nil }, "wrong preimage"},
		"unsigned forfeit": {func(h *house, m *talkwire.Pay) (*talk.Reply, error) {
			r := h.forgo(m, "x")
			r.GetForfeit().Signature[5] ^= 1
			return r, nil
		}, "not signed"},
		"forfeit of another contract": {func(h *house, m *talkwire.Pay) (*talk.Reply, error) {
			return h.forgo(&talkwire.Pay{Contract: make([]byte, 32)}, "x"), nil
		}, "not signed"},
		"forfeit of another gateway": {func(h *house, m *talkwire.Pay) (*talk.Reply, error) {
			f, err := terms.Forgo(h.f.Config.ID(), terms.ID(m.GetContract()), node('z'))
			return &talk.Reply{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: f.Gateway[:], Signature: f.Signature[:]}}}, err
		}, "not signed"},
		"refusal": {func(*house, *talkwire.Pay) (*talk.Reply, error) {
			return talk.Refuse(messages.Reject(messages.RejectUnauthorized, "I do not like you")), nil
		}, ""},
		"always pending": {func(*house, *talkwire.Pay) (*talk.Reply, error) {
			return &talk.Reply{Reply: &talkwire.Reply_Pending{Pending: &talkwire.Pending{Text: "soon"}}}, nil
		}, ""},
		"nonsense": {func(*house, *talkwire.Pay) (*talk.Reply, error) {
			return &talk.Reply{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}}, nil
		}, "wrong kind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			alice := h.user()
			had := h.fund(alice, 100_000)
			h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return c.reply(h, m) })
			id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
			if err != nil {
				t.Fatal(err)
			}
			expiry := h.funded(alice, id)
			now := h.f.Observe()
			h.f.Pass(expiry - now - 1)
			if op, _ := alice.Operation(id); op.GetState() != clientwire.State_STATE_PENDING {
				t.Fatalf("over before its time: %v", op)
			}
			h.f.Pass(1)
			h.refunded(alice, id, nil, had, fmt.Sprintf("height %d", expiry))
			op, _ := alice.Operation(id)
			if reports := strings.Join(op.GetReports(), ";"); !strings.Contains(reports, c.report) || (c.report == "") != (reports == "") {
				t.Errorf("reports %q", reports)
			}
		})
	}
}

// funded waits until a payment waits for its gateway, and returns when it expires.
func (h *house) funded(c *client.Client, id uint64) uint32 {
	h.Helper()
	h.step(c, id, func(op *client.Operation) bool { return op.GetPay().GetStep() == clientwire.PayStep_PAY_STEP_WAIT })
	op, err := c.Operation(id)
	if err != nil {
		h.Fatal(err)
	}
	return op.GetPay().GetExpiry()
}

// A gateway that claims and never answers has shown the preimage to the federation:
// the user finds it there.
func TestPreimageIsFoundInTheFederation(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	h.fund(alice, 100_000)
	h.set(func(*talkwire.Pay) (*talk.Reply, error) { return nil, nil })
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.funded(alice, id)
	for len(h.asked()) == 0 {
		h.rig.Wait()
	}
	h.claim(h.asked()[0], price+1500)
	if op := h.done(alice, id, nil); string(op.GetPay().GetPreimage()) != string(preimage[:]) {
		t.Errorf("record %v", op)
	}
}

func (h *house) asked() []*talkwire.Pay {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*talkwire.Pay(nil), h.pays...)
}

// step waits until an operation that is pending has come so far.
func (h *house) step(c *client.Client, id uint64, reached func(*client.Operation) bool) {
	h.Helper()
	for {
		op, err := c.Operation(id)
		if err != nil || op.GetState() == clientwire.State_STATE_FAILED {
			h.Fatalf("%v, %v", op, err)
		}
		if reached(op) {
			return
		}
		h.rig.Wait()
	}
}
