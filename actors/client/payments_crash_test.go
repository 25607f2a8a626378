package client_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/storage"
	"minimint/storage/memory"
)

// everyCommit runs a story again and again, with a store that dies in the n-th commit of
// it, the next and so on, before or after it is durable in turn, until there is
// none left. The story begins with money in the store, is what dies within begin, and
// ends with what the client of the next process finds.
func (h *house) everyCommit(n int, begin func(context.Context, *client.Client, byte) (uint64, error), end func(*client.Client, byte, messages.Amount)) {
	h.Helper()
	plans := []func(*memory.Store, int){(*memory.Store).LoseCommit, (*memory.Store).KeepCommit}
	first := n
	for died := true; died; n++ {
		store, run := memory.New(), byte(n)
		h.join(store, "")
		c, err := client.Open(h.rig.Config(h.f, store))
		if err != nil {
			h.Fatal(err)
		}
		had := h.fund(c, 60_000)
		c.Close()
		plans[n%2](store, n)
		died = h.dying(store, func(ctx context.Context, c *client.Client) (uint64, error) { return begin(ctx, c, run) })
		c, err = client.Open(h.rig.Config(h.f, store.Clone()))
		if err != nil {
			h.Fatal(err)
		}
		end(c, run, had)
		c.Close()
		if n > 40 {
			h.Fatal("it never ends")
		}
	}
	if n < 8 || n < first+3 {
		h.Errorf("only %d commits", n)
	}
}

// secretOf is the preimage of the invoice of a run.
func secretOf(run byte) [32]byte { return [32]byte{'r', 'u', 'n', run} }

func invoiceOfRun(run byte) bolt11.Invoice {
	return invoiceOf(30_000, func(d *bolt11.Draft) { d.Hash = sha256.Sum256(slice(secretOf(run))) })
}

func slice(b [32]byte) []byte { return b[:] }

// parts counts the parts of an operation that are done.
func (w *world) parts(c *client.Client, id uint64, kind clientwire.Kind) int {
	w.Helper()
	ops, err := c.Operations()
	if err != nil {
		w.Fatal(err)
	}
	n := 0
	for _, op := range ops {
		if op.GetParent() == id && op.GetKind() == kind && op.GetState() == clientwire.State_STATE_DONE {
			n++
		}
	}
	return n
}

// H71 and H77 for payments: whatever commit the client dies in, the invoice is paid
// once, from one contract, and nothing else is gone.
func TestH71CrashWhilePaying(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) {
		i, err := bolt11.Read(m.GetInvoice(), h.network())
		if err != nil {
			return nil, err
		}
		for run := byte(0); ; run++ {
			if s := secretOf(run); sha256.Sum256(s[:]) == i.Hash {
				return paidWith(s), nil
			}
		}
	})
	pay := func(ctx context.Context, c *client.Client, run byte) (uint64, error) {
		return c.Pay(ctx, invoiceOfRun(run).Text, client.PayOptions{})
	}
	h.everyCommit(1, pay, func(c *client.Client, run byte, had messages.Amount) {
		id, err := pay(h.ctx, c, run)
		op := h.done(c, id, err)
		if got, want := h.balance(c), had-30_000-messages.Amount(op.GetFeeMsat()); got != want {
			t.Errorf("run %d: balance %s, want %s", run, got, want)
		}
		if n := h.parts(c, id, clientwire.Kind_KIND_FUND); n != 1 {
			t.Errorf("run %d: %d contracts", run, n)
		}
		contracts := map[string]bool{}
		for _, m := range h.asked() {
			if m.GetInvoice() == invoiceOfRun(run).Text {
				contracts[string(m.GetContract())] = true
			}
		}
		if len(contracts) != 1 {
			t.Errorf("run %d: the gateway was asked about %d contracts", run, len(contracts))
		}
	})
}

// V11: a payment that is forfeited is refunded exactly once, whatever commit the client
// dies in.
func TestV11CrashWhileRefunding(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "no route"), nil })
	pay := func(ctx context.Context, c *client.Client, run byte) (uint64, error) {
		return c.Pay(ctx, invoiceOfRun(run).Text, client.PayOptions{})
	}
	h.everyCommit(6, pay, func(c *client.Client, run byte, had messages.Amount) { // until then it is as above
		ops, err := c.Operations()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range ops {
			if op.GetKind() == clientwire.Kind_KIND_PAY {
				h.refunded(c, op.GetId(), nil, had, "no route")
				return
			}
		}
		if got := h.balance(c); got != had { // it died before there was anything
			t.Errorf("run %d: balance %s, want %s", run, got, had)
		}
	})
}

// A receipt whose client dies in any commit is paid in the end: an invoice that was
// shown is served, and its money taken once.
func TestH71CrashWhileBeingPaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ask := func(ctx context.Context, c *client.Client, run byte) (uint64, error) {
		op, err := c.Invoice(ctx, client.InvoiceOptions{Amount: 4000, Description: fmt.Sprint(run)})
		if err != nil {
			return 0, err
		}
		h.sell(ctx, op)
		return op.GetId(), nil
	}
	h.everyCommit(1, ask, func(c *client.Client, run byte, had messages.Amount) {
		ops, err := c.Operations()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range ops {
			if op.GetKind() != clientwire.Kind_KIND_INVOICE {
				continue
			}
			h.step(c, op.GetId(), func(op *client.Operation) bool {
				return op.GetInvoice().GetStep() >= clientwire.InvoiceStep_INVOICE_STEP_WAIT
			})
			op, err = c.Operation(op.GetId())
			if err != nil {
				t.Fatal(err)
			}
			h.sell(h.ctx, op)
			op = h.done(c, op.GetId(), nil)
			if got, want := h.balance(c), had+4000-messages.Amount(op.GetFeeMsat()); got != want {
				t.Errorf("run %d: balance %s, want %s", run, got, want)
			}
			if n := h.parts(c, op.GetId(), clientwire.Kind_KIND_REDEEM); n != 1 {
				t.Errorf("run %d: %d claims", run, n)
			}
		}
	})
}

// spied is a store that shows what stands in it after every commit.
type spied struct {
	storage.Store
	fn func(storage.Reader)
}

func (s spied) Update(fn func(storage.Tx) error) error {
	err := s.Store.Update(fn)
	if snap, err := s.View(); err == nil {
		s.fn(snap)
		snap.Release()
	}
	return err
}

// A claim is never in the store before its receipt says that it claims. After a crash in
// between, the receipt would find that somebody has the money, and wait for ever.
func TestH71ReceiptKnowsItsClaim(t *testing.T) {
	h := newHouse(t)
	store := memory.New()
	h.join(store, "")
	c, err := client.Open(h.rig.Config(h.f, store))
	if err != nil {
		t.Fatal(err)
	}
	op, i := h.invoice(c, 4000)
	c.Close()
	d, claims := newDesk(t, h.f), 0
	c, err = client.Open(d.config(spied{store, func(r storage.Reader) {
		for _, part := range book.Operations(r) {
			if part.GetKind() != clientwire.Kind_KIND_REDEEM {
				continue
			}
			claims++
			if step := book.Operation(r, op.GetId()).GetInvoice().GetStep(); step != clientwire.InvoiceStep_INVOICE_STEP_CLAIM {
				t.Errorf("claimed at step %s", step)
			}
		}
	}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	h.buy(i.Hash, "buy")
	if op = d.pass(c, op.GetId(), 40); op.GetState() != clientwire.State_STATE_DONE || claims == 0 {
		t.Errorf("ended as %v after %d claims", op, claims)
	}
}

// sell has the gateway buy the offer of an invoice that can be seen, once.
func (h *house) sell(ctx context.Context, op *client.Operation) {
	h.Helper()
	i, err := bolt11.Read(op.GetInvoice().GetText(), h.network())
	if err != nil {
		h.Fatal(err)
	}
	h.mu.Lock()
	_, known := h.offers[i.Hash]
	h.mu.Unlock()
	if !known {
		h.Error("an invoice that no gateway knows was shown")
		return
	}
	if ctx.Err() == nil {
		h.buy(i.Hash, fmt.Sprintf("buy/%x", i.Hash))
	}
}
