package user_test

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/client/user"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/node/nodetest"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/federation"
)

// till is a gateway over HTTP that knows every preimage, and never claims.
type till struct {
	*testing.T
	mu     sync.Mutex
	offers map[string]*talk.Reply
	secret [32]byte
}

// ServeHTTP implements http.Handler.
func (g *till) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		g.Error(err)
	}
	q, err := talk.ReadRequest(b)
	if err != nil || r.URL.Path != talk.Path {
		g.Errorf("%s: %v", r.URL, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	reply := talk.Refuse(messages.Reject(messages.RejectNotFound, "I do not know it"))
	switch m := q.GetRequest().(type) {
	case *talkwire.Request_Pay:
		reply = &talk.Reply{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: g.secret[:]}}}
	case *talkwire.Request_Register:
		g.offers[string(m.Register.GetOffer().GetPaymentHash())] = &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: m.Register.GetOffer()}}
		reply = &talk.Reply{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}}
	case *talkwire.Request_Find:
		if o := g.offers[string(m.Find.GetPaymentHash())]; o != nil {
			reply = o
		}
	}
	w.Header().Set("Content-Type", talk.ContentType)
	if _, err := w.Write(talk.Encode(reply)); err != nil {
		g.Error(err)
	}
}

// order has a user's client carry out an order, and returns its end.
func order(h *house, u *user.User, op *client.Operation) *client.Operation {
	h.Helper()
	root, sys := u.Actors()
	ended := make(chan *client.Operation, 1)
	root.Spawn(sys.RootProps(spawn.StopOnly(), func() actor.Actor { return &customer{u: u, op: op, ended: ended} }))
	select {
	case op := <-ended:
		return op
	case <-h.ctx.Done():
		h.Fatal("no end of an order")
		return nil
	}
}

type customer struct {
	u     *user.User
	op    *client.Operation
	ended chan<- *client.Operation
}

// Receive implements actor.Actor.
func (c *customer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Request(c.u.PID(), orders.Begin{Op: c.op})
	case orders.Begun:
		ctx.Request(c.u.PID(), orders.Follow{ID: m.ID})
	case orders.Ended:
		c.ended <- m.Op
	}
}

// deposit gives a user bitcoin that has become notes.
func (h *house) deposit(u *user.User, sats int64) {
	h.Helper()
	op := clienttest.Deposit(h, u.Client)
	h.chain.PayTo(op.GetDeposit().GetAddress(), sats)
	h.chain.Mine(20)
	h.done(u, op.GetId(), nil)
}

// list puts a gateway on the list, which u pays for.
func (h *house) list(u *user.User, api string) {
	h.Helper()
	words, err := u.Words()
	if err != nil {
		h.Fatal(err)
	}
	id := h.federation.Config.ID()
	node, _ := btcec.PrivKeyFromBytes([]byte{1})
	l, err := terms.List(id, terms.Gateway{
		Node: [33]byte(node.PubKey().SerializeCompressed()), Channel: 5, API: api, Send: terms.Fee{Base: 1000}, Serial: 1, Expiry: h.chain.Height() + 500,
	}, keys.NewRing(words, id).Gateway())
	if err != nil {
		h.Fatal(err)
	}
	op := order(h, u, &client.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: "list", Fund: &clientwire.Fund{
		Outputs: []*clientwire.Piece{{Body: terms.Output{Listing: &l}.Encode()}},
	}})
	if op.GetState() != clientwire.State_STATE_DONE {
		h.Fatal(op)
	}
}

// Over real links, nodes and HTTP: an invoice of somebody outside is paid through a
// gateway, and one of a user of the same federation without it.
func TestLightningOnRealNodes(t *testing.T) {
	h := newHouseOf(t, nodetest.Terms{More: []federation.Module{
		{Kind: lightning.Kind, Genesis: lightning.Genesis(), Terms: lightning.Config{Fees: lightning.Fees{Contract: 10, Offer: 10, Claim: 10, Listing: 10}}.Terms()},
	}}, nil)
	g := &till{T: t, offers: map[string]*talk.Reply{}, secret: [32]byte{'t'}}
	s := httptest.NewServer(g)
	defer s.Close()
	alice, carol := h.user(), h.user()
	h.chain.Mine(10)
	h.deposit(alice, 60_000)
	h.list(alice, s.URL)

	payee, _ := btcec.PrivKeyFromBytes([]byte{2})
	invoice := bolt11.Make(bolt11.Draft{
		Hash: sha256.Sum256(g.secret[:]), Secret: [32]byte{1}, Amount: 1_000_000, Created: time.Now(), Life: time.Hour, FinalDelay: 20,
	}, &chaincfg.SimNetParams, payee)
	begin := time.Now()
	id, err := alice.Pay(h.ctx, invoice.Text, client.PayOptions{})
	op := h.done(alice, id, err)
	t.Logf("paid through a gateway in %s", time.Since(begin))
	if op.GetPay().GetGatewayFeeMsat() != 1000 || len(op.GetPay().GetPreimage()) != 32 {
		t.Errorf("%v", op)
	}

	for range 3 {
		begin = time.Now()
		asked, err := carol.Invoice(h.ctx, client.InvoiceOptions{Amount: 500_000})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("asked in %s", time.Since(begin))
		begin = time.Now()
		id, err = alice.Pay(h.ctx, asked.GetInvoice().GetText(), client.PayOptions{})
		op = h.done(alice, id, err)
		t.Logf("paid within the federation in %s", time.Since(begin))
		if op.GetPay().GetOffer() == nil || op.GetPay().GetGatewayFeeMsat() != 0 {
			t.Errorf("%v", op)
		}
		got := h.done(carol, asked.GetId(), nil)
		t.Logf("received after %s", time.Since(begin))
		if string(got.GetInvoice().GetPreimage()) != string(op.GetPay().GetPreimage()) {
			t.Error("payer and payee know different preimages")
		}
	}
}
