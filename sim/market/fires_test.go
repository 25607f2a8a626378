package market

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/consensus/transition"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/moduletest"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/sim/check/checktest"
	"minimint/sim/market/gateways"
	"minimint/sim/market/process"
	"minimint/sim/world"
	"minimint/storage"
)

// still is a market in which nothing has happened: no process has begun, no time has
// passed, and no rule is broken. What a test finds in it, the test has put there.
type still struct {
	*testing.T
	*Market
	auditor *auditor
	people  []*Person
	gateway *gateways.Gateway
}

func newStill(t *testing.T) *still {
	t.Helper()
	w := world.New(world.Config{Nodes: 1, Seed: 1, Market: true})
	m := New(w, Config{People: 2, Gateways: 1, Habits: Habits{Pause: time.Second}})
	return &still{T: t, Market: m, auditor: &auditor{market: m}, people: m.people, gateway: m.network.Gateways[0]}
}

func update(t *testing.T, store storage.Store, fn func(storage.Tx)) {
	t.Helper()
	if err := store.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// did puts an operation into the records of a process.
func (s *still) did(p *process.Process, op *clientwire.Operation) *clientwire.Operation {
	s.Helper()
	p.Write(func(tx storage.Tx) { book.Add(tx, op) })
	return op
}

// has gives a process a note of 8 msat.
func (s *still) has(p *process.Process, n *clientwire.Note) {
	s.Helper()
	n.Tier = 3
	p.Write(func(tx storage.Tx) { book.PutNote(tx, book.Note{Nonce: tbs.Nonce{1}, Note: n}) })
}

// funded has the only node know of a contract that holds money. No line of the audit says
// so.
func (s *still) funded(o terms.Outgoing) {
	s.Helper()
	update(s.T, s.world.Node(0).Store(), func(tx storage.Tx) {
		env := moduletest.NewEnv(tx)
		env.Publish(contract.FactHeight, binary.BigEndian.AppendUint32(nil, s.world.Chain().Height()))
		scope := storage.Scoped(tx, transition.ModuleScope(lightning.Kind))
		if _, err := s.lightning.ApplyOutput(scope, env, messages.OutPoint{Tx: messages.Digest{1}}, terms.Output{Outgoing: &o}.Encode()); err != nil {
			s.Fatal(err)
		}
	})
}

// done is an operation of a kind that has ended well.
func done(kind clientwire.Kind, amount uint64) *clientwire.Operation {
	return &clientwire.Operation{Kind: kind, State: clientwire.State_STATE_DONE, AmountMsat: amount}
}

// pays is a payment of an invoice, in a state, with what its payer takes for the preimage.
func pays(inv bolt11.Invoice, state clientwire.State, preimage lnnode.Preimage) *clientwire.Operation {
	return &clientwire.Operation{Kind: clientwire.Kind_KIND_PAY, State: state, Pay: &clientwire.Pay{PaymentHash: inv.Hash[:], Preimage: preimage[:]}}
}

// named gives an operation a reference.
func named(op *clientwire.Operation, reference string) *clientwire.Operation {
	op.Reference = reference
	return op
}

// claims is a bargain of 1000 msat whose taker knows the preimage.
func (s *still) claims() *bargain {
	s.agree(claims, s.people[0], s.people[1], 1000)
	return s.bargains[0]
}

// cheats is a swindle of the first of the people.
func (s *still) cheats() *swindle {
	s.people[0].habits.Trick = tooLittle.String()
	s.Market.swindle(s.people[0], s.gateway, 1000)
	return s.swindles[0]
}

// pay has somebody whom nobody knows pay an invoice.
func (s *still) pay(inv bolt11.Invoice) { s.network.Node("stranger", gateways.Wealth).Send(inv) }

// by is an invoice that is paid by way of the gateway, where it waits.
func (s *still) by(preimage lnnode.Preimage) bolt11.Invoice {
	d := s.network.Shop.Draft(1000, preimage, s.network.Now())
	d.Hints = [][]bolt11.Hop{{{Node: s.gateway.Node.Key(), Channel: 1 << 60}}}
	key, _ := btcec.PrivKeyFromBytes([]byte{5})
	return bolt11.Make(d, &chaincfg.SimNetParams, key)
}

// wrong is no preimage of any invoice.
var wrong = lnnode.Preimage{0xee}

// fires are ways to break a rule, and what the auditor says of each: nothing else, and
// nothing if it is not looked at. The rules are in the order of the package comment.
var fires = []struct {
	name string
	do   func(*still)
	want []string
}{
	{name: "nothing happens", do: func(*still) {}},
	{name: "a record without money", do: func(s *still) {
		s.did(s.people[0].Process, done(clientwire.Kind_KIND_RECEIVE, 8))
	}, want: []string{"books: person 0 has 0 msat, of which 0 may be spent; by its records it should have 8"}},
	{name: "a gateway's record without money", do: func(s *still) {
		s.did(s.gateway.Process, done(clientwire.Kind_KIND_RECLAIM, 8))
	}, want: []string{"books: gateway 0 has 0 msat, of which 0 may be spent; by its records it should have 8"}},
	{name: "money without a record", do: func(s *still) {
		s.has(s.people[0].Process, &clientwire.Note{})
	}, want: []string{"books: person 0 has 8 msat", "notes: the mint of node 0 owes 0 msat, and all people have 8"}},
	{name: "doubtful money", do: func(s *still) {
		s.has(s.people[0].Process, &clientwire.Note{Doubtful: true})
		s.did(s.people[0].Process, done(clientwire.Kind_KIND_RECEIVE, 8))
	}, want: []string{"books: person 0 has 8 msat that may be spent", "notes: the mint"}},
	{name: "reserved money", do: func(s *still) {
		s.has(s.people[0].Process, &clientwire.Note{Operation: 1})
		s.did(s.people[0].Process, done(clientwire.Kind_KIND_RECEIVE, 8))
	}, want: []string{"books: person 0 has 8 msat that may be spent", "notes: the mint"}},
	{name: "money that the mint does not owe", do: func(s *still) {
		s.has(s.people[0].Process, &clientwire.Note{})
		s.did(s.people[0].Process, done(clientwire.Kind_KIND_RECEIVE, 8))
	}, want: []string{"notes: the mint of node 0 owes 0 msat, and all people have 8"}},
	{name: "a deposit that does not come", do: func(s *still) {
		op := s.did(s.people[0].Process, done(clientwire.Kind_KIND_DEPOSIT, 0))
		s.people[0].Paid[op.GetId()] = 5
	}, want: []string{"deposits: person 0 paid 5 sat to the address of operation 1, and has claimed 0 msat"}},
	{name: "a deposit that comes twice", do: func(s *still) {
		op := s.did(s.people[0].Process, done(clientwire.Kind_KIND_DEPOSIT, 0))
		s.people[0].Paid[op.GetId()] = 5
		for range 2 {
			claim := done(clientwire.Kind_KIND_CLAIM, 5000)
			claim.Parent, claim.FeeMsat = op.GetId(), 5000 // so that the books are right
			s.did(s.people[0].Process, claim)
		}
	}, want: []string{"deposits: person 0 paid 5 sat to the address of operation 1, and has claimed 10000 msat"}},
	{name: "a belief without a preimage", do: func(s *still) {
		inv := s.network.Shop.Invoice(1000, s.network.Preimage(), s.network.Now())
		s.pay(inv)
		s.did(s.people[0].Process, pays(inv, clientwire.State_STATE_DONE, wrong))
	}, want: []string{"payments: person 0 believes in payment 1 without its preimage"}},
	{name: "a payment that nobody got", do: func(s *still) {
		preimage := s.network.Preimage()
		s.did(s.people[0].Process, pays(s.network.Shop.Invoice(1000, preimage, s.network.Now()), clientwire.State_STATE_DONE, preimage))
	}, want: []string{"payments: person 0 has paid invoice"}},
	{name: "a payment that the payee's records do not have", do: func(s *still) {
		preimage := s.network.Preimage()
		inv := s.network.Shop.Invoice(1000, preimage, s.network.Now())
		s.did(s.people[0].Process, pays(inv, clientwire.State_STATE_DONE, preimage))
		s.did(s.people[1].Process, &clientwire.Operation{
			Kind: clientwire.Kind_KIND_INVOICE, State: clientwire.State_STATE_FAILED, Invoice: &clientwire.Invoice{PaymentHash: inv.Hash[:]},
		})
	}, want: []string{"and nobody has got it", "is STATE_FAILED: ; it was paid 1 times"}},
	{name: "an invoice that nobody paid", do: func(s *still) {
		s.did(s.people[1].Process, &clientwire.Operation{
			Kind: clientwire.Kind_KIND_INVOICE, State: clientwire.State_STATE_DONE, Invoice: &clientwire.Invoice{PaymentHash: wrong[:]},
		})
	}, want: []string{"is STATE_DONE: ; it was paid 0 times"}},
	{name: "a payment of which the shop does not tell", do: func(s *still) {
		s.network.Visits = append(s.network.Visits, s.by(s.network.Preimage()))
		s.network.Shop.Stop()
	}, want: []string{"payments: the shop's payment"}},
	{name: "a payment that is in flight", do: func(s *still) {
		s.network.Visit(s.by(s.network.Preimage()).Text)
	}, want: []string{"is still in flight"}},
	{name: "a refund of what was paid", do: func(s *still) {
		inv := s.network.Shop.Invoice(1000, s.network.Preimage(), s.network.Now())
		s.pay(inv)
		s.did(s.people[0].Process, pays(inv, clientwire.State_STATE_FAILED, wrong))
	}, want: []string{"payments: person 0 has its money back for payment 1, which was made"}},
	{name: "a refund by a gateway that gives money away", do: func(s *still) {
		inv := s.network.Shop.Invoice(1000, s.network.Preimage(), s.network.Now())
		s.pay(inv)
		s.did(s.people[0].Process, pays(inv, clientwire.State_STATE_FAILED, wrong))
		s.gateway.Twist = gateways.Twists()[0]
	}},
	{name: "a forward without its preimage", do: func(s *still) {
		s.network.Visit(s.by(s.network.Preimage()).Text)
		held, err := s.gateway.Node.Forwards(process.Over())
		if err == nil {
			err = s.gateway.Node.Answer(process.Over(), held[0].Circuit, &wrong)
		}
		if err != nil {
			s.Fatal(err)
		}
	}, want: []string{"lightning: gateway 0 takes a forward with the preimage of another hash"}},
	{name: "a gateway that pays for nothing", do: func(s *still) {
		s.gateway.Node.Send(s.network.Shop.Invoice(1000, s.network.Preimage(), s.network.Now()))
	}, want: []string{"gateways: gateway 0 has 1010 msat less than it should"}},
	{name: "a faulty gateway that pays for nothing", do: func(s *still) {
		s.gateway.Node.Send(s.network.Shop.Invoice(1000, s.network.Preimage(), s.network.Now()))
		s.gateway.Twist = gateways.Twists()[0]
	}},
	{name: "a contract that nobody paid for", do: func(s *still) {
		s.funded(*s.claims().outgoing)
	}, want: []string{"contracts: bargain 0 (claims) was not paid for and is STATE_FUNDED"}},
	{name: "a contract that has not ended", do: func(s *still) {
		b := s.claims()
		s.funded(*b.outgoing)
		s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_FUND, 0), b.name("fund")))
		s.did(s.people[1].Process, named(done(clientwire.Kind_KIND_REDEEM, 0), b.name(terms.Preimage.String())))
	}, want: []string{"contracts: bargain 0 (claims) is STATE_FUNDED"}},
	{name: "a contract whose money nobody has", do: func(s *still) {
		s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_FUND, 0), s.claims().name("fund")))
	}, want: []string{"contracts: the money of bargain 0 (claims) was taken 0 times"}},
	{name: "a contract whose money two have", do: func(s *still) {
		b := s.claims()
		b.plan = races
		s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_FUND, 0), b.name("fund")))
		s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_REDEEM, 0), b.name(terms.Expired.String())))
		s.did(s.people[1].Process, named(done(clientwire.Kind_KIND_REDEEM, 0), b.name(terms.Preimage.String())))
	}, want: []string{"contracts: the money of bargain 0 (races) was taken 2 times"}},
	{name: "a swindler's money that nobody has", do: func(s *still) {
		s.funded(*s.cheats().outgoing)
	}, want: []string{"contracts: swindle 65536 (too little) is STATE_FUNDED, and its money was taken back 0 times"}},
	{name: "a swindler with his money and as much again", do: func(s *still) {
		x := s.cheats()
		s.funded(*x.outgoing)
		for _, way := range []terms.Way{terms.Expired, terms.Forfeited} {
			s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_REDEEM, 0), x.name(way.String())))
		}
	}, want: []string{"contracts: swindle 65536 (too little) is STATE_FUNDED, and its money was taken back 2 times"}},
}

// Each rule of the auditor is broken in a world, and only the auditor says so.
func TestAuditorFires(t *testing.T) {
	for _, f := range fires {
		t.Run(f.name, func(t *testing.T) {
			s := newStill(t)
			f.do(s)
			s.auditor.Quiet()
			checktest.Expect(t, s.world, f.want...)
		})
	}
}

// In the middle of a bargain a contract holds money.
func TestContractsThatHoldMoney(t *testing.T) {
	w := world.New(world.Config{Nodes: 1, Seed: 1, Market: true})
	m := New(w, Config{People: 2, Blocks: time.Second, Habits: Habits{Pause: 200 * time.Millisecond, Deposits: 1, Sats: 10_000}})
	funded := func() bool {
		for _, b := range m.bargains {
			if s, ok := m.contract(b.id); ok && s.State == lightningwire.State_STATE_FUNDED {
				return true
			}
		}
		return false
	}
	if !w.RunUntil(30*time.Second, funded) {
		t.Fatalf("no bargain was funded: %s", m)
	}
	(&auditor{market: m}).Quiet()
	for _, v := range w.Violations() {
		if v.Rule == "contracts" && strings.Contains(v.Text, "contracts at node 0 hold") {
			return
		}
	}
	t.Errorf("violations %v", w.Violations())
}

// What cannot be read says so, whoever has written it.
func TestMalformedFires(t *testing.T) {
	s := newStill(t)
	s.network.Visit("nonsense")
	s.people[0].Start()
	s.gateway.Start()
	s.network.Ask(s.people[0].Process, s.gateway.API, &talk.Request{}, func(*talk.Reply, error) {})
	s.world.Run(time.Second)
	checktest.Expect(t, s.world, "health: an invoice cannot be read", "health: person 0 asks a gateway")
}

// What has no end yet is named, and a market is not quiet before it is over.
func TestPending(t *testing.T) {
	pending := func(kind clientwire.Kind) *clientwire.Operation {
		return &clientwire.Operation{Kind: kind, State: clientwire.State_STATE_PENDING, Text: "a member"}
	}
	for _, f := range []struct {
		name string
		do   func(*still)
		want string
	}{
		{"nothing", func(*still) {}, ""},
		{"an operation", func(s *still) { s.did(s.people[0].Process, pending(clientwire.Kind_KIND_REISSUE)) }, "person 0: KIND_REISSUE 1: a member"},
		{"a gateway's", func(s *still) { s.did(s.gateway.Process, pending(clientwire.Kind_KIND_REISSUE)) }, "gateway 0: KIND_REISSUE 1: a member"},
		{"an address", func(s *still) { s.did(s.people[0].Process, pending(clientwire.Kind_KIND_DEPOSIT)) }, ""},
		{"a deposit", func(s *still) {
			s.people[0].Paid[s.did(s.people[0].Process, pending(clientwire.Kind_KIND_DEPOSIT)).GetId()] = 5
		}, "person 0: deposit 1"},
		{"notes taken out", func(s *still) { s.did(s.people[0].Process, done(clientwire.Kind_KIND_SPEND, 8)) }, "person 0: notes of 1 that nobody has"},
		{"notes received", func(s *still) { s.people[1].inbox = []string{"a token"} }, "person 1: notes that are not cashed"},
		{"a bargain", func(s *still) { s.claims() }, "bargain 0 (claims) is not funded"},
		{"a bargain's funding", func(s *still) {
			s.did(s.people[0].Process, named(pending(clientwire.Kind_KIND_DEPOSIT), s.claims().name("fund")))
		}, "bargain 0 (claims) is being funded: a member"},
		{"a bargain's money", func(s *still) {
			s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_FUND, 0), s.claims().name("fund")))
		}, "bargain 0 (claims) is not taken by WAY_PREIMAGE"},
		{"a swindle", func(s *still) { s.cheats() }, "swindle 65536 (too little) is not funded"},
		{"a swindler's money", func(s *still) {
			s.did(s.people[0].Process, named(done(clientwire.Kind_KIND_FUND, 0), s.cheats().name("fund")))
		}, "swindle 65536 (too little) is not taken by WAY_EXPIRED"},
		{"the shop's payment", func(s *still) { s.network.Visit(s.by(s.network.Preimage()).Text) }, "the shop's payment"},
	} {
		t.Run(f.name, func(t *testing.T) {
			s := newStill(t)
			f.do(s)
			want := 0
			if f.want != "" {
				want = 1
			}
			if s.Pending() != want || !strings.Contains(s.Waits(), f.want) {
				t.Errorf("%d pending: %s; want %q", s.Pending(), s.Waits(), f.want)
			}
		})
	}
}
