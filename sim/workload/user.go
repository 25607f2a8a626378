package workload

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/sim/network"
	"minimint/sim/sched"
)

// Habits say how users behave.
type Habits struct {
	// Pause is the mean time between two transactions of a user. Without one
	// a user makes the next when the last is decided.
	Pause time.Duration
	// Most is how many undecided transactions a user has at once; 0 is 4.
	Most int
	// Filler is how many bytes a transaction is longer than it must be.
	Filler int
	// Copies is to how many nodes each transaction is given; 0 is 1.
	Copies int
	// Cheats is the share of transactions that are made twice, to spend the same
	// coin or claim the same deposit at another node.
	Cheats float64
}

// Watch is told what users hear. Node is who said it.
type Watch struct {
	Acknowledged func(node messages.PeerID, tx *transaction.Transaction)
	Decided      func(node messages.PeerID, tx *transaction.Transaction, accepted bool)
}

// UserConfig is what a user needs.
type UserConfig struct {
	Machine    *sched.Machine
	Net        *network.Net
	Federation *federation.Config
	Habits     Habits
	Watch      Watch
}

// patience is how long a user waits for a reply before asking another node; a
// node waits for a decision for as long as it is asked to.
const (
	patience = 40 * time.Second
	wait     = 30 * time.Second
	nudge    = time.Second
)

// A User has links to all nodes that it needs, makes transactions, and asks until
// each of them is decided.
type User struct {
	cfg     UserConfig
	host    *network.Host
	random  *rand.Rand
	key     identity.Pin
	linked  []bool
	open    []bool // a link was asked for
	coins   []coin
	pending []*errand
	next    uint64
	stopped bool
}

type coin struct {
	at     messages.OutPoint
	amount messages.Amount
}

// errand is one transaction on its way to a decision.
type errand struct {
	tx           *transaction.Transaction
	node         int
	request      uint64 // 0: none is open
	asked        time.Duration
	acknowledged bool
	again        time.Duration // do not ask before
}

// NewUser makes a user, who begins at once.
func NewUser(cfg UserConfig) *User {
	if cfg.Habits.Most == 0 {
		cfg.Habits.Most = 4
	}
	u := &User{
		cfg: cfg, random: cfg.Machine.Loop().Rand("user/" + cfg.Machine.String()),
		linked: make([]bool, cfg.Federation.Size()), open: make([]bool, cfg.Federation.Size()),
	}
	for i := range u.key {
		u.key[i] = byte(u.random.Uint32())
	}
	u.host = cfg.Net.Attach(network.HostConfig{
		Machine: cfg.Machine, Key: u.key, Party: gate.Party{Federation: cfg.Federation.ID()}, Port: port{u},
	})
	cfg.Machine.After(u.pause(), u.act)
	cfg.Machine.After(nudge, u.nudge)
	return u
}

// Stop ends the making of transactions; those that are pending go on.
func (u *User) Stop() { u.stopped = true }

// Pending counts the transactions without a decision.
func (u *User) Pending() int { return len(u.pending) }

func (u *User) pause() time.Duration {
	return time.Duration(u.random.ExpFloat64() * float64(max(u.cfg.Habits.Pause, time.Millisecond)))
}

// act makes a transaction and comes back.
func (u *User) act() {
	if u.stopped {
		return
	}
	if len(u.pending) < u.cfg.Habits.Most {
		u.make()
	}
	if u.cfg.Habits.Pause > 0 {
		u.cfg.Machine.After(u.pause(), u.act)
	}
}

// make spends a coin or claims a deposit.
func (u *User) make() {
	var in transaction.Item
	var sum messages.Amount
	if len(u.coins) > 0 && u.random.IntN(4) > 0 {
		i := u.random.IntN(len(u.coins))
		in, sum = Spend(u.coins[i].at), u.coins[i].amount
		u.coins = append(u.coins[:i], u.coins[i+1:]...)
	} else {
		var id [16]byte
		for i := range id {
			id[i] = byte(u.random.Uint32())
		}
		sum = messages.Amount(1 + u.random.IntN(1_000_000))
		in = Deposit(id, sum)
	}
	u.submit(u.build(in, sum))
	if u.random.Float64() < u.cfg.Habits.Cheats {
		u.submit(u.build(in, sum))
	}
}

func (u *User) build(in transaction.Item, sum messages.Amount) *transaction.Transaction {
	d := transaction.Draft{Inputs: []transaction.Item{in}}
	first := messages.Amount(1 + u.random.Uint64N(uint64(sum)))
	d.Outputs = append(d.Outputs, Coin(first, u.cfg.Habits.Filler))
	if rest := sum - first; rest > 0 {
		d.Outputs = append(d.Outputs, Coin(rest, 0))
	}
	tx, err := transaction.Build(d, nil)
	if err != nil {
		panic(fmt.Sprintf("workload: %v", err))
	}
	return tx
}

// submit gives a transaction to nodes.
func (u *User) submit(tx *transaction.Transaction) {
	first := u.random.IntN(len(u.linked))
	for i := range max(u.cfg.Habits.Copies, 1) {
		e := &errand{tx: tx, node: (first + i) % len(u.linked)}
		u.pending = append(u.pending, e)
		u.ask(e)
	}
}

// ask has the errand's node told, if it can be reached.
func (u *User) ask(e *errand) {
	if !u.linked[e.node] {
		u.dial(e.node)
		return
	}
	u.next++
	e.request, e.asked = u.next, u.cfg.Machine.Loop().Now()
	r := &wire.ClientRequest{Id: e.request}
	if e.acknowledged {
		id, witness := e.tx.ID(), e.tx.WitnessID()
		r.Request = &wire.ClientRequest_Await{Await: &wire.Await{Txid: id[:], WitnessId: witness[:], WaitMs: uint32(wait / time.Millisecond)}}
	} else {
		r.Request = &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: e.tx.Bytes()}}
	}
	u.host.Send(u.target(e.node).Address(), sessionRoute, r)
}

// The routes of a client's link, as a wallet program names them.
const (
	sessionRoute = "session"
	clientRoute  = "client"
)

func (u *User) target(node int) remote.Target {
	m := u.cfg.Federation.Members[node]
	return remote.Target{Socket: m.Address, Key: identity.PinOf(m.Identity), Policy: gate.Policy{
		Owner: strconv.Itoa(node), Routes: map[string]string{clientRoute: strconv.Itoa(node)},
		Receives: []proto.Message{&wire.ClientReply{}}, Sender: sessionRoute, Limits: gate.PeerLimits(),
	}}
}

func (u *User) dial(node int) {
	if !u.open[node] {
		u.open[node] = true
		u.host.Dial(u.target(node), u.key)
	}
}

// move has an errand go on at the next node, after a while: a faulty one may take it
// and do nothing about it, again and again.
func (u *User) move(e *errand, after time.Duration) {
	e.request, e.acknowledged = 0, false
	e.node = (e.node + 1) % len(u.linked)
	e.again = u.cfg.Machine.Loop().Now() + after
}

// nudge looks after errands that nobody answers.
func (u *User) nudge() {
	now := u.cfg.Machine.Loop().Now()
	for _, e := range u.pending {
		switch {
		case e.request != 0 && now-e.asked > patience:
			u.move(e, 0)
			u.ask(e)
		case e.request == 0 && now >= e.again:
			if !u.linked[e.node] && u.open[e.node] && now-e.again > patience {
				u.move(e, 0)
			}
			u.ask(e)
		}
	}
	u.cfg.Machine.After(nudge, u.nudge)
}

// hear takes a reply.
func (u *User) hear(node int, m *wire.ClientReply) {
	for i, e := range u.pending {
		if e.request != m.GetId() || e.node != node {
			continue
		}
		e.request = 0
		switch r := m.GetReply().(type) {
		case *wire.ClientReply_Submitted:
			e.acknowledged = true
			u.cfg.Watch.Acknowledged(messages.PeerID(node), e.tx)
			u.ask(e)
		case *wire.ClientReply_Status:
			switch {
			case r.Status.GetAccepted() != nil:
				u.decided(i, true)
			case r.Status.GetRejected().GetFinal():
				u.decided(i, false)
			default:
				u.move(e, nudge)
			}
		case *wire.ClientReply_Refusal:
			if r.Refusal.GetFinal() {
				u.decided(i, false)
			} else {
				u.move(e, nudge)
			}
		}
		return
	}
}

func (u *User) decided(i int, accepted bool) {
	e := u.pending[i]
	u.pending = append(u.pending[:i], u.pending[i+1:]...)
	u.cfg.Watch.Decided(messages.PeerID(e.node), e.tx, accepted)
	if accepted {
		for j, out := range e.tx.Outputs() {
			u.coins = append(u.coins, coin{at: messages.OutPoint{Tx: e.tx.ID(), Index: uint32(j)}, amount: amount(out.Body)})
		}
	}
	if u.cfg.Habits.Pause == 0 {
		u.act()
	}
}

// nodeOf reads which node an owner of a link is for.
func nodeOf(owner string) int {
	node, err := strconv.Atoi(owner)
	if err != nil {
		panic("workload: link of " + owner)
	}
	return node
}

// port is the user as its host sees it.
type port struct{ *User }

// Deliver implements network.Port.
func (p port) Deliver(in network.Inbound, release func()) {
	defer release()
	p.hear(nodeOf(in.Target), in.Message.(*wire.ClientReply))
}

// Tell implements network.Port.
func (p port) Tell(owner string, e link.Event) {
	node := nodeOf(owner)
	switch e.(type) {
	case *link.Up:
		p.linked[node] = true
		for _, x := range p.pending {
			if x.node == node && x.request == 0 {
				p.ask(x)
			}
		}
	case *link.Down:
		p.linked[node], p.open[node] = false, false
		for _, x := range p.pending {
			if x.node == node {
				p.move(x, nudge)
			}
		}
	}
}

// Up implements network.Port.
func (port) Up(*gate.Gate, uint64) {}
