package market

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/token"
	"minimint/messages"
	"minimint/sim/market/gateways"
	"minimint/sim/market/process"
)

// A Person has a client: takes bitcoin in, hands notes to others, cashes theirs,
// changes its mind, and takes bitcoin out. What a person remembers does not depend on
// whether the client runs.
type Person struct {
	*process.Process
	market  *Market
	habits  Habits
	inbox   []string // tokens that it was given and has not begun to cash
	given   map[uint64]bool
	gone    map[uint64]bool // withdrawals that it has asked back
	asked   int             // deposits
	bills   []*bill         // invoices that it wants to pay
	billed  int
	asks    int // invoices that it has wanted to make
	resting bool
}

// Habits say how people behave.
type Habits struct {
	// Pause is the mean time between two wishes of a person.
	Pause time.Duration
	// Deposits is how often a person takes bitcoin in, Sats about how much.
	Deposits int
	Sats     int64
	// Regrets is the share of wishes that are taken back at once, or after the notes
	// have been handed over.
	Regrets float64
	// Patient people want nothing but money before all gateways are listed.
	Patient bool
	// Lightning is the share of wishes that are about invoices, where there are gateways.
	Lightning float64
	// Swindles is the share of payments in which a person tries to have a gateway pay for
	// nothing.
	Swindles float64
	// Trick is the one that swindlers know; any if it is empty.
	Trick string
}

func newPerson(m *Market, number, machine int) *Person {
	x := &Person{
		Process: process.New(process.Config{World: m.world, Name: fmt.Sprintf("person %d", number), Number: machine, Log: m.cfg.Log, Gateways: m.network.Links}),
		market:  m, habits: m.cfg.Habits,
		given: map[uint64]bool{}, gone: map[uint64]bool{},
	}
	x.Begin = func() error {
		x.Machine.After(x.pause(), x.act)
		x.Machine.After(process.Look, x.look)
		return nil
	}
	return x
}

func (x *Person) pause() time.Duration {
	return time.Duration(x.Random.ExpFloat64() * float64(x.habits.Pause))
}

// act begins something and comes back.
func (x *Person) act() {
	if x.resting {
		return
	}
	b, err := x.Client.Balance()
	if err != nil {
		panic(fmt.Sprintf("market: balance of %s: %v", x.Name, err))
	}
	dice := x.Random.IntN(20)
	if len(x.market.network.Gateways) > 0 && x.Random.Float64() < x.habits.Lightning && x.asked > 0 {
		dice = 100 + x.Random.IntN(2)
	}
	if x.habits.Patient && !x.market.Listed() {
		dice, b.Free = 0, 0
	}
	switch {
	case x.asked < x.habits.Deposits && (b.Free == 0 || dice == 0):
		x.asked++
		_, _ = x.Client.Deposit(process.Over())
	case dice == 101:
		x.ask(x.some(gateways.Capital * messages.Sat / 100))
	case b.Free == 0:
	case dice == 100 && x.Random.Float64() < x.habits.Swindles:
		x.market.swindle(x, x.market.network.Gateways[x.Random.IntN(len(x.market.network.Gateways))], x.some(b.Free/4))
	case dice == 100:
		x.buy(x.some(b.Free / 4))
	case dice < 9:
		_, _ = x.Client.Spend(process.Over(), x.some(b.Free))
	case dice < 10:
		_, _ = x.Client.Reissue(process.Over(), x.some(b.Free))
	case dice < 16:
		if others := x.market.others(x); len(others) > 0 {
			x.market.bargain(x, others[x.Random.IntN(len(others))], x.some(b.Free))
		}
	case dice < 18:
		_, _ = x.Client.Withdraw(process.Over(), payee, 1000+x.Random.Uint64N(5000), 0)
	}
	x.Machine.After(x.pause(), x.act)
}

// some is a part of what a person has: most often a round sum, which few notes make, and
// sometimes a crooked one.
func (x *Person) some(free messages.Amount) messages.Amount {
	sum := 1 + messages.Amount(x.Random.Uint64N(uint64(free)))
	if x.Random.IntN(5) > 0 {
		low := max(bits.Len64(uint64(sum))-3, 0)
		return sum >> low << low
	}
	return sum
}

// payee is where withdrawals go.
var payee = func() string {
	to, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		panic("market: " + err.Error())
	}
	return to.EncodeAddress()
}()

// look does what a person does who looks at the screen.
func (x *Person) look() {
	ops := x.Operations()
	x.PayDeposits(x.habits.Sats)
	for _, op := range ops {
		switch op.GetKind() {
		case clientwire.Kind_KIND_SPEND:
			x.hand(op)
		case clientwire.Kind_KIND_INVOICE:
			x.shows(op)
		case clientwire.Kind_KIND_WITHDRAW:
			if op.GetState() == clientwire.State_STATE_PENDING && !x.gone[op.GetId()] {
				x.gone[op.GetId()] = true
				if x.Random.Float64() < x.habits.Regrets {
					_, _ = x.Client.Reclaim(process.Over(), op.GetId())
				}
			}
		default:
		}
	}
	x.inbox = slices.DeleteFunc(x.inbox, func(text string) bool { return cashes(ops, text) })
	for _, text := range x.inbox {
		_, _ = x.Client.Receive(process.Over(), text)
	}
	x.pays(ops)
	x.Machine.After(process.Look, x.look)
}

// hand gives notes that were taken out to somebody, perhaps wants them back all the
// same, or keeps them.
func (x *Person) hand(op *client.Operation) {
	if x.given[op.GetId()] || op.GetState() != clientwire.State_STATE_DONE {
		return
	}
	x.given[op.GetId()] = true
	text := client.Token(op)
	others := x.market.others(x)
	if len(others) > 0 {
		other := others[x.Random.IntN(len(others))]
		other.inbox = append(other.inbox, text)
	}
	if len(others) == 0 || x.Random.Float64() < x.habits.Regrets {
		_, _ = x.Client.Reclaim(process.Over(), op.GetId())
	}
}

// cashes reports whether one of the operations is the cashing of a token.
func cashes(ops []*client.Operation, text string) bool {
	t, err := token.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("market: token of our own: %v", err))
	}
	return slices.ContainsFunc(ops, func(op *client.Operation) bool {
		return op.GetKind() == clientwire.Kind_KIND_RECEIVE && proto.Equal(op.GetNotes(), t.Wire())
	})
}

// pending lists what has no end yet.
func (x *Person) pending() []string {
	list := x.Unfinished()
	for range x.inbox {
		list = append(list, x.Name+": notes that are not cashed")
	}
	for _, op := range x.Operations() {
		if op.GetKind() == clientwire.Kind_KIND_SPEND && op.GetState() == clientwire.State_STATE_DONE && !x.given[op.GetId()] {
			list = append(list, fmt.Sprintf("%s: notes of %d that nobody has", x.Name, op.GetId()))
		}
	}
	return list
}
