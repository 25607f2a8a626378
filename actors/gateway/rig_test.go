package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/gateway"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/sim/sched"
	"minimint/storage"
	"minimint/storage/memory"
)

var epoch = time.Unix(1_700_000_000, 0)

// reporter is a test, of this library or the other.
type reporter interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// rig is a gateway on one simulated machine, its Lightning node and another one, and
// the federations that it works in. Time is virtual, and a crash is a new machine.
type rig struct {
	t          reporter
	loop       *sched.Loop
	net        *fake.Network
	gate, shop *fake.Node
	banks      []*bank
	store      *memory.Store
	machine    *sched.Machine
	system     *actor.ActorSystem
	top, ear   *actor.PID
	boots      int
	asked      uint64
	told       map[uint64]*talk.Reply
	panics     int
	node       lnnode.Node // instead of gate, if it is set
}

func newRig(t reporter, seed uint64, federations int) *rig {
	return newRigOf(t, sched.Config{Seed: seed}, federations)
}

// newRigOf lets a test choose what happens next.
func newRigOf(t reporter, cfg sched.Config, federations int) *rig {
	r := &rig{t: t, loop: sched.New(cfg), net: fake.New(&chaincfg.SimNetParams, 100), store: memory.New(), told: map[uint64]*talk.Reply{}}
	r.gate, r.shop = r.net.Node("gate", 10_000_000), r.net.Node("shop", 10_000_000)
	for i := range federations {
		r.banks = append(r.banks, newBank(r.loop, byte(i+1)))
	}
	r.boot()
	return r
}

func (r *rig) log() *slog.Logger {
	out := io.Discard
	if os.Getenv("MINIMINT_TEST_LOG") != "" {
		out = os.Stderr
	}
	return slog.New(slog.NewTextHandler(out, nil))
}

// boot starts the gateway's process, from what its store has.
func (r *rig) boot() {
	r.boots++
	m := r.loop.Machine(r.boots)
	r.machine, r.system, r.store = m, m.System(r.log()), r.store.Clone()
	s := spawn.New(spawn.Config{
		Timer: m, Rand: m.Rand("spawn", 0), Log: r.log(), Mailbox: m.Mailbox, Dispatcher: sched.Dispatcher(),
		Exit:    func(string, any) { m.Kill() },
		Observe: func(spawn.Failure) { r.panics++ },
	})
	start := func(p actor.Producer) *actor.PID {
		return r.system.Root.Spawn(s.RootProps(spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second}), p))
	}
	node := lnnode.Node(r.gate)
	if r.node != nil {
		node = r.node
	}
	r.top = start(gateway.New(gateway.Config{
		Spawn: s, Clock: start(m.Clock(0)), Timer: m, Store: r.store, Node: node, Network: &chaincfg.SimNetParams,
		API: "http://gate.example", Name: "Gate", Log: r.log(), Now: epoch.Add(r.loop.Now()),
	}))
	r.ear = start(func() actor.Actor { return ear{r.told} })
	for _, b := range r.banks {
		p := purse{bank: b, system: r.system, clerk: start(func() actor.Actor { return &clerk{bank: b, machine: m} })}
		r.system.Root.Send(r.top, gateway.Join{Federation: b.config, Ring: b.ring, Purse: p})
	}
}

// ear hears what the gateway tells clients.
type ear struct{ told map[uint64]*talk.Reply }

// Receive implements actor.Actor.
func (e ear) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(gateway.Told); ok {
		e.told[m.Number] = m.Reply
	}
}

// run lets time pass; a gateway that has died comes back.
func (r *rig) run(d time.Duration) {
	for end := r.loop.Now() + d; r.loop.Now() < end; {
		r.loop.Run(min(end, r.loop.Now()+100*time.Millisecond))
		if r.machine.Dead() {
			r.boot()
		}
	}
}

// crash kills the gateway and starts it again.
func (r *rig) crash() {
	r.machine.Kill()
	r.boot()
}

// until lets time pass until something holds.
func (r *rig) until(what string, limit time.Duration, holds func() bool) {
	r.t.Helper()
	for end := r.loop.Now() + limit; !holds(); r.run(100 * time.Millisecond) {
		if r.loop.Now() > end {
			r.t.Fatalf("after %v: still not %s", limit, what)
		}
	}
}

// ask sends a request and returns its reply when there is one.
func (r *rig) ask(request *talk.Request) *talk.Reply {
	r.t.Helper()
	n, boot := r.send(request), r.boots
	r.until("answered", 40*time.Second, func() bool {
		if r.boots != boot { // the request is lost
			n, boot = r.send(request), r.boots
		}
		return r.told[n] != nil
	})
	reply, err := talk.ReadReply(talk.Encode(r.told[n]))
	if err != nil {
		r.t.Fatalf("reply is not one: %v", err)
	}
	return reply
}

func (r *rig) send(request *talk.Request) uint64 {
	read, err := talk.ReadRequest(talk.Encode(request))
	if err != nil {
		r.t.Fatalf("request is none: %v", err)
	}
	r.asked++
	r.system.Root.RequestWithCustomSender(r.top, gateway.Ask{Number: r.asked, Request: read}, r.ear)
	return r.asked
}

// payment returns the gateway's record of a contract.
func (r *rig) payment(id terms.ID) (p *ledgerwire.Payment) {
	r.view(func(s storage.Reader) { p = ledger.Payment(s, id) })
	return p
}

func (r *rig) purchase(b *bank, hash messages.Digest) (p *ledgerwire.Purchase) {
	r.view(func(s storage.Reader) { p = ledger.Purchase(s, b.id(), hash) })
	return p
}

func (r *rig) view(fn func(storage.Reader)) {
	snap, err := r.store.Clone().View()
	if err != nil {
		r.t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

// secret is a preimage with a name.
func secret(name string) lnnode.Preimage { return sha256.Sum256([]byte("preimage " + name)) }

func person(name string) *btcec.PrivateKey {
	seed := sha256.Sum256([]byte("person " + name))
	key, _ := btcec.PrivKeyFromBytes(seed[:])
	return key
}

func xonly(k *btcec.PrivateKey) [32]byte { return [32]byte(schnorr.SerializePubKey(k.PubKey())) }

// user is somebody who pays an invoice.
type user struct {
	rig      *rig
	bank     *bank
	key      *btcec.PrivateKey
	invoice  bolt11.Invoice
	contract terms.Outgoing
	id       terms.ID
	request  *talk.Request

	preimage []byte
	refunded bool
}

// payer funds a contract for an invoice, with what change changes.
func (r *rig) payer(name string, invoice bolt11.Invoice, change func(*terms.Outgoing)) *user {
	b := r.banks[0]
	u := &user{rig: r, bank: b, key: person(name), invoice: invoice}
	fee, err := gateway.DefaultSend.Of(invoice.Amount)
	if err != nil {
		r.t.Fatal(err)
	}
	u.contract = terms.Outgoing{
		PaymentHash: invoice.Hash, Amount: invoice.Amount + fee, GatewayKey: xonly(b.ring.Gateway()), UserKey: xonly(u.key), Expiry: b.height + 200,
	}
	if change != nil {
		change(&u.contract)
	}
	u.id = u.contract.ID(b.id())
	b.open(u.contract)
	u.request, err = talk.Pay(b.id(), u.id, invoice.Text, u.key)
	if err != nil {
		r.t.Fatal(err)
	}
	u.request.WaitMs = 2_000
	return u
}

// want asks the gateway once, believes nothing that does not prove itself, and returns
// the reply.
func (u *user) want() *talk.Reply {
	u.rig.t.Helper()
	reply := u.rig.ask(u.request)
	switch m := reply.GetReply().(type) {
	case *talkwire.Reply_Paid:
		if !terms.Reveals(m.Paid.GetPreimage(), u.invoice.Hash) {
			u.rig.t.Fatalf("a preimage of something else")
		}
		u.preimage = m.Paid.GetPreimage()
	case *talkwire.Reply_Forfeit:
		f := terms.Forfeit{Gateway: [32]byte(m.Forfeit.GetGateway()), Signature: [64]byte(m.Forfeit.GetSignature())}
		if err := f.Verify(u.bank.id(), u.id); err != nil || f.Gateway != u.contract.GatewayKey {
			u.rig.t.Fatalf("a forfeit that is none: %v", err)
		}
		if u.rig.payment(u.id).GetState() != ledgerwire.PaymentState_PAYMENT_FORFEITED {
			u.rig.t.Fatalf("a forfeit is shown and not written")
		}
		if c := u.bank.contract(u.id[:]); c.GetState() == lightningwire.State_STATE_FUNDED {
			c.State = lightningwire.State_STATE_FORFEITED
			u.refunded = true
		}
	}
	return reply
}

// insist asks until there is an end.
func (u *user) insist() *talk.Reply {
	u.rig.t.Helper()
	for range 200 {
		reply := u.want()
		switch reply.GetReply().(type) {
		case *talkwire.Reply_Paid, *talkwire.Reply_Forfeit:
			return reply
		}
		u.rig.run(500 * time.Millisecond)
	}
	u.rig.t.Fatalf("the gateway comes to no end")
	return nil
}

// wantForfeit asks until the contract is forfeited, for a reason that has a word in it.
func (u *user) wantForfeit(word string) {
	u.rig.t.Helper()
	reply := u.insist()
	if f := reply.GetForfeit(); f == nil || !strings.Contains(f.GetReason(), word) {
		u.rig.t.Fatalf("reply %v, want a forfeit that says %q", reply, word)
	}
}

// check is about everything, when nothing goes on any more: the user has exactly one of
// preimage and money, and the gateway has been paid for what it has paid.
func (u *user) check() {
	u.rig.t.Helper()
	state := u.bank.state(u.id)
	paid := u.rig.shop.Paid(u.invoice.Hash)
	switch {
	case paid && state == lightningwire.State_STATE_CLAIMED && !u.refunded:
	case !paid && u.refunded && state == lightningwire.State_STATE_FORFEITED:
	default:
		u.rig.t.Errorf("contract %s is %s, invoice paid: %v, refunded: %v, record %v", u.id, state, paid, u.refunded, u.rig.payment(u.id))
	}
}

// balanced checks that all books add up, and that nobody fetched money twice.
func (r *rig) balanced() {
	r.t.Helper()
	for _, fault := range r.net.Check() {
		r.t.Error(fault)
	}
	for i, b := range r.banks {
		if len(b.twice) > 0 {
			r.t.Errorf("federation %d: money of contracts was fetched that had none: %v", i, b.twice)
		}
	}
}

// offer is what a user sells who wants to be paid, with the invoice that goes with it.
func (r *rig) offer(b *bank, name string, amount messages.Amount, change func(*terms.Offer)) (terms.Offer, bolt11.Invoice) {
	preimage := secret(name)
	draft := terms.Offer{Amount: amount, ClaimKey: xonly(person(name)), Expiry: b.height + 500}
	if change != nil {
		change(&draft)
	}
	o, err := terms.Seal(bytes.NewReader(bytes.Repeat([]byte(name), 64)), b.seal, draft, preimage)
	if err != nil {
		r.t.Fatal(err)
	}
	b.secrets[o.PaymentHash] = preimage
	return o, r.invoice(b, o, name)
}

// invoice shows the way to an offer by the gateway's virtual channel.
func (r *rig) invoice(b *bank, o terms.Offer, name string) bolt11.Invoice {
	number := uint32(0)
	for i, other := range r.banks {
		if other == b {
			number = uint32(i) + 1
		}
	}
	return bolt11.Make(bolt11.Draft{
		Hash: o.PaymentHash, Secret: sha256.Sum256([]byte("secret " + name)), Amount: o.Amount, Description: name, Created: epoch, Life: time.Hour, FinalDelay: 18,
		Hints: [][]bolt11.Hop{{{Node: r.gate.Key(), Channel: deal.Channel(number), Base: uint32(gateway.DefaultReceive.Base), Rate: gateway.DefaultReceive.PPM, Delay: 40}}},
	}, &chaincfg.SimNetParams, person(name))
}

// register tells the gateway of an offer.
func (r *rig) register(b *bank, o terms.Offer) *talk.Reply {
	r.t.Helper()
	id := b.id()
	r.until("heights are known", 10*time.Second, func() bool {
		reply := r.ask(&talk.Request{Federation: id[:], Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: o.Wire()}}})
		return reply.GetRefusal().GetCode() != uint32(messages.RejectBusy) || r.loop.Now() > time.Minute
	})
	return r.ask(&talk.Request{Federation: id[:], Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: o.Wire()}}})
}

// received tells how the shop's payment of a hash stands.
func (r *rig) received(hash messages.Digest) lnnode.State {
	p, err := r.shop.Payment(context.Background(), hash)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.State
}
