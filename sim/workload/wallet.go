package workload

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"google.golang.org/protobuf/proto"

	"minimint/actors/chain/fake"
	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/token"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/sim/disk"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/storage"
)

// WalletConfig is what a wallet needs.
type WalletConfig struct {
	Number     int // of its machine
	Loop       *sched.Loop
	Net        *network.Net
	Federation *federation.Config
	Chain      *fake.Chain
	Habits     Habits
	// Failed is told when one of the client's actors fails.
	Failed func(spawn.Failure)
}

// deposits is how often a wallet takes bitcoin in, and depositSats how much.
const (
	deposits    = 2
	depositSats = 50_000
)

// A Wallet is a person with the client that ships (actors/client): takes bitcoin
// in, hands notes to others, cashes theirs, changes its mind, and takes bitcoin
// out. Its process can be killed at any time.
type Wallet struct {
	cfg         WalletConfig
	random      *rand.Rand
	disk        *disk.Disk
	incarnation uint64
	machine     *sched.Machine // nil while it is down
	hub         *network.Hub
	client      *client.Client
	others      []*Wallet
	inbox       []string // tokens that it was given and has not begun to cash
	given       map[uint64]bool
	paid        map[uint64]bool
	asked       int // deposits
	stopped     bool
}

// NewWallets makes wallets that know each other. They begin at once.
func NewWallets(n int, cfg WalletConfig) []*Wallet {
	all := make([]*Wallet, n)
	for i := range all {
		c := cfg
		c.Number += i
		w := &Wallet{
			cfg: c, random: cfg.Loop.Rand("wallet/" + strconv.Itoa(i)), disk: disk.New(cfg.Loop.Rand("wallet/disk/" + strconv.Itoa(i))),
			given: map[uint64]bool{}, paid: map[uint64]bool{},
		}
		all[i] = w
		w.join()
		w.Start()
	}
	for i, w := range all {
		w.others = slices.Delete(slices.Clone(all), i, i+1)
	}
	return all
}

// join writes what joining the federation would.
func (w *Wallet) join() {
	words, err := keys.NewWords(sched.Reader(w.random))
	if err == nil {
		store, _ := w.disk.Open(disk.Watch{})
		err = store.Update(func(tx storage.Tx) error {
			book.PutMembership(tx, &clientwire.Membership{Federation: w.cfg.Federation.Bytes(), Words: words})
			return nil
		})
	}
	if err != nil {
		panic(fmt.Sprintf("workload: %v", err))
	}
}

// Start runs the client, if it does not run.
func (w *Wallet) Start() {
	if w.machine != nil {
		return
	}
	w.incarnation++
	w.machine = w.cfg.Loop.Machine(w.cfg.Number)
	log := slog.New(slog.DiscardHandler)
	random := w.machine.Rand("client", w.incarnation)
	system := w.machine.System(log)
	s := spawn.New(spawn.Config{
		Timer: w.machine, Rand: random, Log: log, Dispatcher: sched.Dispatcher(), Mailbox: w.machine.Mailbox, Observe: w.cfg.Failed,
		Exit: func(string, any) {},
	})
	clock := system.Root.Spawn(s.RootProps(spawn.Restart(spawn.Backoff{}), w.machine.Clock(0)))
	w.hub = w.cfg.Net.NewHub(network.HubConfig{Machine: w.machine}, remote.Config{
		System: system, Log: log, Rand: random, Party: gate.Party{Federation: w.cfg.Federation.ID()},
	})
	store, _ := w.disk.Open(disk.Watch{})
	var err error
	w.client, err = client.Open(client.Config{
		System: system, Spawn: s, Clock: clock, Store: store, Connector: NewConnector(w.hub, w.random), Rand: random, Log: log,
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return w.cfg.Chain.Node(), nil },
	})
	if err != nil {
		panic(fmt.Sprintf("workload: open client: %v", err))
	}
	w.machine.After(w.pause(), w.act)
	w.machine.After(nudge, w.look)
}

// Kill ends the process.
func (w *Wallet) Kill() {
	if w.machine != nil {
		w.machine.Kill()
		w.hub.Vanish(true)
		w.machine, w.hub, w.client = nil, nil, nil
	}
}

// Stop ends the making of operations; those that are pending go on.
func (w *Wallet) Stop() { w.stopped = true }

func (w *Wallet) pause() time.Duration {
	return time.Duration(w.random.ExpFloat64() * float64(max(w.cfg.Habits.Pause, 100*time.Millisecond)))
}

// now is a context that is over: a call hands its request in and does not wait.
// What comes of it is in the store.
func now() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// act begins an operation and comes back.
func (w *Wallet) act() {
	if w.stopped {
		return
	}
	b, err := w.client.Balance()
	if err != nil {
		panic(fmt.Sprintf("workload: balance: %v", err))
	}
	switch dice := w.random.IntN(10); {
	case w.asked < deposits && (b.Free == 0 || dice == 0):
		w.asked++
		_, _ = w.client.Deposit(now())
	case b.Free == 0:
	case dice < 6:
		_, _ = w.client.Spend(now(), 1+messages.Amount(w.random.Uint64N(uint64(b.Free))))
	case dice < 7:
		_, _ = w.client.Reissue(now(), b.Free)
	case dice < 8:
		_, _ = w.client.Withdraw(now(), payee, 1000+w.random.Uint64N(5000), 0)
	}
	w.machine.After(w.pause(), w.act)
}

// payee is where withdrawals go.
var payee = func() string {
	to, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		panic("workload: " + err.Error())
	}
	return to.EncodeAddress()
}()

// look does what a person does who looks at the screen.
func (w *Wallet) look() {
	ops := w.operations()
	for _, op := range ops {
		switch op.GetKind() {
		case clientwire.Kind_KIND_DEPOSIT:
			if !w.paid[op.GetId()] {
				w.paid[op.GetId()] = true
				w.cfg.Chain.PayTo(op.GetDeposit().GetAddress(), depositSats)
			}
		case clientwire.Kind_KIND_SPEND:
			w.hand(op)
		default:
		}
	}
	if len(w.inbox) > 0 {
		w.inbox = slices.DeleteFunc(w.inbox, func(text string) bool { return cashes(ops, text) })
	}
	for _, text := range w.inbox {
		_, _ = w.client.Receive(now(), text)
	}
	w.machine.After(nudge, w.look)
}

// hand gives notes that were taken out to somebody, perhaps wants them back all the
// same, or keeps them.
func (w *Wallet) hand(op *client.Operation) {
	if w.given[op.GetId()] || op.GetState() != clientwire.State_STATE_DONE {
		return
	}
	w.given[op.GetId()] = true
	text := client.Token(op)
	if len(w.others) > 0 {
		other := w.others[w.random.IntN(len(w.others))]
		other.inbox = append(other.inbox, text)
	}
	if len(w.others) == 0 || w.random.Float64() < w.cfg.Habits.Cheats {
		_, _ = w.client.Reclaim(now(), op.GetId())
	}
}

// cashes reports whether one of the operations is the cashing of a token.
func cashes(ops []*client.Operation, text string) bool {
	t, err := token.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("workload: token of our own: %v", err))
	}
	return slices.ContainsFunc(ops, func(op *client.Operation) bool {
		return op.GetKind() == clientwire.Kind_KIND_RECEIVE && proto.Equal(op.GetNotes(), t.Wire())
	})
}

func (w *Wallet) operations() (ops []*client.Operation) {
	w.view(func(r storage.Reader) { ops = book.Operations(r) })
	return ops
}

func (w *Wallet) view(fn func(storage.Reader)) {
	snap, err := w.disk.Store().View()
	if err != nil {
		panic(fmt.Sprintf("workload: %v", err))
	}
	defer snap.Release()
	fn(snap)
}

// Pending counts what has no end yet.
func (w *Wallet) Pending() int {
	n := len(w.inbox)
	claimed := 0
	for _, op := range w.operations() {
		switch {
		case op.GetKind() == clientwire.Kind_KIND_CLAIM && op.GetState() == clientwire.State_STATE_DONE:
			claimed++
		case op.GetKind() == clientwire.Kind_KIND_SPEND && op.GetState() == clientwire.State_STATE_DONE && !w.given[op.GetId()]:
			n++
		case op.GetKind() != clientwire.Kind_KIND_DEPOSIT && op.GetState() == clientwire.State_STATE_PENDING:
			n++
		}
	}
	return n + max(len(w.paid)-claimed, 0)
}

// Holdings returns what the notes of a wallet are worth, and how much of that may
// be spent already.
func (w *Wallet) Holdings() (sure, doubtful messages.Amount) {
	w.view(func(r storage.Reader) {
		for _, n := range book.Notes(r) {
			worth := messages.Amount(1) << n.GetTier()
			if n.GetDoubtful() || n.GetOperation() != 0 {
				doubtful += worth
			} else {
				sure += worth
			}
		}
	})
	return sure, doubtful
}
