package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/module/wallet/walletwire"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/memory"
)

// desk is a client whose actors run in the caller's goroutine, before a federation
// of which one member answers what a plan says. Time passes in ticks of the test.
type desk struct {
	f      *clienttest.Federation
	system *actor.ActorSystem
	spawn  *spawn.System
	clock  *actor.PID
	ticked []*actor.PID
	liar   int
	twist  func(*wire.ClientReply) *wire.ClientReply
	// awaits are requests that nobody has an answer to yet.
	awaits []asked
	log    bytes.Buffer
}

// asked is a request of a line.
type asked struct {
	member int
	line   *actor.PID
	m      *wire.ClientRequest
}

type never struct{}

// After implements spawn.Timer: nothing that failed comes back.
func (never) After(time.Duration, func()) func() { return func() {} }

func newDesk(t testing.TB, f *clienttest.Federation) *desk {
	d := &desk{f: f}
	log := slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelError}))
	d.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	t.Cleanup(d.system.Shutdown)
	d.spawn = spawn.New(spawn.Config{
		Timer: never{}, Rand: rand.Reader, Log: log, Exit: func(string, any) {}, Dispatcher: actor.NewSynchronizedDispatcher(1 << 20),
	})
	d.clock = d.run(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*timing.Subscribe); ok {
			d.ticked = append(d.ticked, m.PID)
		}
	})
	return d
}

func (d *desk) run(f actor.ReceiveFunc) *actor.PID {
	return d.system.Root.Spawn(d.spawn.RootProps(spawn.StopOnly(), func() actor.Actor { return f }))
}

// Session implements client.Connector.
func (d *desk) Session(messages.FederationID) (client.Session, error) { return d, nil }

// Connect implements client.Session.
func (d *desk) Connect(owner *actor.PID, member federation.Member) *actor.PID {
	i := 0
	for !d.f.Config.Members[i].Identity.Equal(member.Identity) {
		i++
	}
	d.system.Root.Send(owner, &link.Up{})
	return d.run(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*wire.ClientRequest); ok {
			d.answer(asked{member: i, line: owner, m: m})
		}
	})
}

// answer answers a request, or keeps it. What the liar is asked is answered at once.
func (d *desk) answer(a asked) {
	reply := d.f.Answer(d.f.Members[a.member], a.m)
	if a.member == d.liar && d.twist != nil {
		if reply == nil {
			reply = &wire.ClientReply{Id: a.m.GetId(), Reply: &wire.ClientReply_Status{Status: &wire.Status{}}}
		}
		reply = d.twist(proto.CloneOf(reply))
		if reply == nil {
			return
		}
	}
	if reply == nil {
		d.awaits = append(d.awaits, a)
		return
	}
	d.system.Root.Send(a.line, reply)
}

// pass lets half seconds pass until an operation has ended.
func (d *desk) pass(c *client.Client, id uint64, ticks int) *client.Operation {
	for range ticks {
		waiting := d.awaits
		d.awaits = nil
		for _, a := range waiting {
			d.answer(a)
		}
		for _, pid := range d.ticked {
			d.system.Root.Send(pid, &timing.Tick{Now: time.Unix(1_700_000_000, 0)})
		}
	}
	op, err := c.Operation(id)
	if err != nil {
		panic(err)
	}
	return op
}

// twister changes replies as a plan says.
type twister struct{ rest, noise []byte }

func (w *twister) next(n int) int {
	if len(w.rest) == 0 {
		return 0
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return int(b) % n
}

// reply returns what the liar says instead, nil for nothing.
func (w *twister) reply(r *wire.ClientReply) *wire.ClientReply {
	decided, status := r.GetStatus().GetAccepted(), r.GetStatus()
	switch w.next(16) {
	case 1:
		return nil
	case 2: // bytes of the fuzzer's own
		own := new(wire.ClientReply)
		if proto.Unmarshal(w.noise, own) == nil {
			if w.next(2) == 0 {
				own.Id = r.GetId()
			}
			return own
		}
	case 3:
		r.Reply = &wire.ClientReply_Status{Status: &wire.Status{Accepted: &wire.Decided{Epoch: uint64(w.next(9))}}}
	case 4:
		r.Reply = &wire.ClientReply_Status{Status: &wire.Status{Rejected: w.refusal()}}
	case 5:
		r.Reply = &wire.ClientReply_Refusal{Refusal: w.refusal()}
	case 6:
		r.Reply = &wire.ClientReply_Answer{Answer: &wire.Answer{Body: w.noise}}
	case 7:
		r.Reply = &wire.ClientReply_Submitted{}
	case 8:
		r.Id += uint64(w.next(3))
	case 9:
		if decided != nil {
			decided.Epoch += uint64(w.next(3))
		}
	case 10:
		for _, o := range decided.GetOutputs() {
			w.spoil(&o.Share)
			w.spoil(&o.Outcome)
		}
	case 11:
		if n := len(decided.GetOutputs()); n > 0 {
			decided.Outputs[0], decided.Outputs[n-1] = decided.GetOutputs()[n-1], decided.GetOutputs()[0]
			decided.Outputs = decided.GetOutputs()[:n-w.next(n)]
		}
	case 12:
		if decided != nil {
			decided.Outputs = append(decided.GetOutputs(), &wire.OutputAnswer{Share: w.noise}, nil)
		}
	case 13:
		if status != nil {
			status.Rejected = w.refusal() // both at once
		}
	case 14:
		q := new(walletwire.Quote)
		if a := r.GetAnswer(); a != nil && canonical.Unmarshal(a.GetBody(), q, len(a.GetBody())) == nil {
			q.FeeSats, q.MaxFeeSats, q.ReasonCode = uint64(w.next(255))<<(4*w.next(16)), uint64(w.next(255))<<(4*w.next(16)), uint32(w.next(3))
			a.Body = canonical.Marshal(q)
		}
	case 15:
		if a := r.GetAnswer(); a != nil {
			w.spoil(&a.Body)
		}
	}
	return r
}

func (w *twister) refusal() *wire.Refusal {
	return &wire.Refusal{Code: uint32(w.next(35)), Final: w.next(2) == 1, Text: strings.Repeat("é\xff", w.next(3)*400)}
}

// spoil changes a byte, or the length.
func (w *twister) spoil(b *[]byte) {
	switch n := len(*b); w.next(4) {
	case 0:
		if n > 0 {
			(*b)[w.next(n)] ^= byte(1 + w.next(255))
		}
	case 1:
		*b = (*b)[:w.next(n+1)]
	case 2:
		*b = append(*b, byte(w.next(256)))
	}
}

// config is for the desk's client with a store.
func (d *desk) config(store storage.Store) client.Config {
	return client.Config{
		System: d.system, Spawn: d.spawn, Clock: d.clock, Store: store, Connector: d,
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return d.f.Chain.Node(), nil },
		Rand:   rand.Reader, Log: slog.New(slog.DiscardHandler), Linger: 4,
	}
}

// rich is a federation and the store of a client that has made a deposit.
func rich(t testing.TB) (*clienttest.Federation, *memory.Store, messages.Amount) {
	// As few keys as a deposit and a withdrawal can do with: each client reads them.
	f, store, ctx := deal(20), memory.New(), context.Background()
	d := newDesk(t, f)
	if _, err := client.Join(ctx, d.config(store), f.Config.Invite(), ""); err != nil {
		t.Fatal(err)
	}
	if err := store.Update(func(tx storage.Tx) error {
		for i := range byte(12) {
			book.AddTweak(tx, keys.Tweak{1, i}) // which saves grinding them
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c, err := client.Open(d.config(store))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id, err := c.Deposit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f.Chain.PayTo(d.pass(c, id, 0).GetDeposit().GetAddress(), 5_000)
	f.Chain.Mine(4)
	f.Observe()
	if op := d.pass(c, id, 40); op.GetState() != clientwire.State_STATE_DONE {
		t.Fatalf("deposit %v\n%s", op, d.log.String())
	}
	b, err := c.Balance()
	if err != nil {
		t.Fatal(err)
	}
	return f, store, b.Free
}

// swapped is a store that can be exchanged for another, so that one client, which
// takes long to open, lives many lives.
type swapped struct{ storage.Store }

// life is a client on a desk, and what it begins each life with.
type life struct {
	desk   *desk
	client *client.Client
	store  *swapped
	start  *clienttest.Federation
	base   *memory.Store
	ticked []*actor.PID
	had    messages.Amount
}

func newLife(t testing.TB) *life {
	l := &life{}
	l.start, l.base, l.had = rich(t)
	l.desk, l.store = newDesk(t, l.start), &swapped{l.base.Clone()}
	var err error
	if l.client, err = client.Open(l.desk.config(l.store)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.client.Close)
	l.ticked = l.desk.ticked
	return l
}

// again begins a life, in which one member says what w makes of its answers.
func (l *life) again(w *twister) {
	l.store.Store, l.desk.f = l.base.Clone(), l.start.Fork()
	l.desk.awaits, l.desk.ticked = nil, slices.Clip(l.ticked)
	l.desk.liar, l.desk.twist = w.next(len(l.start.Members)), w.reply
	l.desk.log.Reset()
}

// FuzzAnswers: one member of four answers whatever a plan makes of the right
// answers, and bytes of the fuzzer. The operation ends well all the same, the money
// is right to the millisatoshi, nothing panics, and only the liar is reported.
func FuzzAnswers(f *testing.F) {
	l := newLife(f)
	token := l.start.Token(1 << 16)
	address, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		f.Fatal(err)
	}
	for _, way := range []byte{0, 2, 4, 9, 10, 14} {
		f.Add(bytes.Repeat([]byte{way % 3, way % 4, way, 1, way, 3}, 6), []byte{8, 1, 0x2a, 0})
	}
	f.Fuzz(func(t *testing.T, plan, noise []byte) {
		w := &twister{rest: plan, noise: noise}
		kind := w.next(3)
		l.again(w)
		var id uint64
		var err error
		switch kind {
		case 0:
			id, err = l.client.Receive(t.Context(), token)
		case 1:
			id, err = l.client.Withdraw(t.Context(), address.EncodeAddress(), 700, 0)
		case 2:
			id, err = l.client.Spend(t.Context(), 5<<12)
		}
		if err != nil {
			t.Fatal(err)
		}
		op := l.desk.pass(l.client, id, 50)
		if op.GetState() != clientwire.State_STATE_DONE {
			t.Fatalf("ended as %v", op)
		}
		want := l.had - messages.Amount(op.GetFeeMsat())
		switch kind {
		case 0:
			want += 1 << 16
		case 1:
			want -= messages.Amount(700+op.GetWithdrawal().GetMaxFeeSats()) * messages.Sat
			if len(op.GetWithdrawal().GetTxid()) != 32 {
				t.Fatalf("withdrawal %v", op.GetWithdrawal())
			}
		case 2:
			want -= 5 << 12
		}
		b, err := l.client.Balance()
		if err != nil || b.Free != want || b.Reserved+b.Doubtful != 0 {
			t.Fatalf("balance %+v, want %s: %v, %v", b, want, err, op)
		}
		who := fmt.Sprintf("member %d ", l.desk.liar)
		for _, r := range op.GetReports() {
			if !strings.HasPrefix(r, who) || !utf8.ValidString(r) {
				t.Fatalf("report %q, the liar is member %d", r, l.desk.liar)
			}
		}
		if strings.Contains(l.desk.log.String(), "panicked") {
			t.Fatal(l.desk.log.String())
		}
	})
}
