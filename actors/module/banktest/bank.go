// Package banktest is a federation for tests of money: members with the real
// transition, mint and wallet, each with a store and a bitcoin node of its own,
// and users who deposit, hold notes and withdraw. There are no actors, no network
// and no consensus: a test says what each epoch agreed on.
//
//	b := banktest.New(t, banktest.Config{})
//	notes := b.Fund(100_000)                        // a deposit, as notes
//	tx, change := b.Transfer(notes, cost, pegOut)   // signed by their owner
//	res := b.Run(banktest.Of(tx))                   // what member 0 proposed
//
// Every epoch is applied by all members. A test fails when two of them end with
// different results or states, or when the federation does not hold exactly what
// it owes.
package banktest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"
	"google.golang.org/protobuf/proto"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

// Federation is the id of every bank.
var Federation = messages.FederationID{0xba, 0x27}

// FinalityDelay and Birthday of every bank's wallet, in blocks.
const (
	FinalityDelay = 2
	Birthday      = 5
)

// Config says what bank to make; the zero Config is a usual one.
type Config struct {
	Members int      // 0: four
	Tiers   []uint32 // ascending exponents; nil: 2^0 … 2^29 msat
	// Fees that the modules ask for; see their Configs.
	SpendFee, IssueFee, PegInFee, PegOutFee messages.Amount
	// Also makes one more module that members run, if it is set; me is −1 for
	// whoever has no secrets. What it proposes, the test says.
	Also func(me int) contract.Module
}

// A Bank is the whole.
type Bank struct {
	testing.TB
	Chain   *fake.Chain
	Members []*Member

	cfg    Config
	epoch  messages.Epoch
	past   []outcome.Outcome
	random *rand.ChaCha8
}

// A Member is one node's rules and state.
type Member struct {
	Rules  *transition.Transition
	Mint   *mint.Module
	Wallet *wallet.Module
	Also   contract.Module // what Config.Also made
	// Node is what Settle asks about the chain; nil for a member without one.
	Node  Node
	Store *memory.Store
}

// New makes a bank of members that agree on everything that its chain has.
func New(t testing.TB, cfg Config) *Bank {
	t.Helper()
	if cfg.Members == 0 {
		cfg.Members = 4
	}
	if cfg.Tiers == nil {
		for e := range uint32(30) {
			cfg.Tiers = append(cfg.Tiers, e)
		}
	}
	b := &Bank{TB: t, Chain: fake.New(&chaincfg.SimNetParams), cfg: cfg, random: rand.NewChaCha8([32]byte{1})}
	b.Chain.Mine(Birthday + FinalityDelay)
	for i := range cfg.Members {
		m := &Member{Node: b.Chain.Node(), Store: memory.New()}
		b.Members = append(b.Members, m)
		b.Restart(messages.PeerID(i))
	}
	return b
}

// threshold is n−f.
func (b *Bank) threshold() int { return b.cfg.Members - (b.cfg.Members-1)/3 }

// Restart replaces a member's modules by fresh ones: all that it knows is in its
// store.
func (b *Bank) Restart(p messages.PeerID) {
	b.Helper()
	b.equip(b.Members[p], int(p))
}

// equip makes the modules of member me; −1 has no secrets.
func (b *Bank) equip(m *Member, me int) {
	b.Helper()
	var err error
	cfg := mint.Config{SpendFee: b.cfg.SpendFee, IssueFee: b.cfg.IssueFee, Rand: rand.NewChaCha8([32]byte{2, byte(me)})}
	for _, e := range b.cfg.Tiers {
		d := deal(b.threshold(), b.cfg.Members, e)
		tier := mint.Tier{Exponent: e, Keys: d.keys}
		if me >= 0 {
			tier.Secret = d.secrets[me]
		}
		cfg.Tiers = append(cfg.Tiers, tier)
	}
	if m.Mint, err = mint.New(cfg); err != nil {
		b.Fatal(err)
	}
	if m.Wallet, err = wallet.New(b.walletConfig(me)); err != nil {
		b.Fatal(err)
	}
	modules := []contract.Module{m.Mint, m.Wallet}
	if b.cfg.Also != nil {
		m.Also = b.cfg.Also(me)
		modules = append(modules, m.Also)
	}
	m.Rules = transition.New(Federation, modules)
}

func (b *Bank) walletConfig(me int) wallet.Config {
	cfg := wallet.Config{
		Federation: Federation, Network: &chaincfg.SimNetParams, Threshold: b.threshold(), FinalityDelay: FinalityDelay, Birthday: Birthday,
		MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000, PegInFee: b.cfg.PegInFee, PegOutFee: b.cfg.PegOutFee,
	}
	for i := range b.cfg.Members {
		secret, public := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{byte(i + 1)}, 32))
		cfg.Keys = append(cfg.Keys, public)
		if i == me {
			cfg.Secret, cfg.Me = secret, messages.PeerID(i)
		}
	}
	return cfg
}

// dealing is one tier's keys, dealt by one hand.
type dealing struct {
	keys    *tbs.TierKeys
	secrets []*tbs.SecretShare
}

var (
	dealingsMu sync.Mutex
	dealings   = map[[3]int]dealing{} // dealt once: it takes longer than most tests
)

func deal(threshold, members int, exponent uint32) dealing {
	dealingsMu.Lock()
	defer dealingsMu.Unlock()
	key := [3]int{threshold, members, int(exponent)}
	d, ok := dealings[key]
	if !ok {
		d.keys, d.secrets = tbstest.Tier(rand.NewChaCha8([32]byte{3, byte(members), byte(exponent)}), Federation, threshold, members)
		dealings[key] = d
	}
	return d
}

// Of is a contribution of transactions.
func Of(txs ...*transaction.Transaction) outcome.Contribution {
	return outcome.Contribution{Transactions: txs}
}

// Items is a contribution of items of one module.
func Items(kind messages.ModuleKind, bodies ...[]byte) outcome.Contribution {
	var c outcome.Contribution
	for _, body := range bodies {
		c.Items = append(c.Items, transaction.Item{Kind: kind, Body: body})
	}
	return c
}

// Run applies an epoch in which member i contributed parts[i].
func (b *Bank) Run(parts ...outcome.Contribution) transition.Result {
	b.Helper()
	raw := make([][]byte, len(parts))
	for i, c := range parts {
		raw[i] = c.Encode()
	}
	return b.Apply(raw...)
}

// Apply applies an epoch in which member i contributed these bytes.
func (b *Bank) Apply(raw ...[]byte) transition.Result {
	b.Helper()
	o := outcome.Outcome{Epoch: b.epoch}
	for i, c := range raw {
		o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: c})
	}
	var first transition.Result
	var state [32]byte
	for i, m := range b.Members {
		res := b.applyAt(m, o)
		if i == 0 {
			first, state = res, m.hash(b)
			continue
		}
		if !sameResult(first, res) {
			b.Fatalf("epoch %d: member %d has the result %+v, member 0 %+v", o.Epoch, i, res, first)
		}
		if m.hash(b) != state {
			b.Fatalf("epoch %d: member %d has another state than member 0", o.Epoch, i)
		}
	}
	if first.Totals.Assets != first.Totals.Liabilities {
		b.Fatalf("epoch %d: the federation holds %d msat and owes %d", o.Epoch, first.Totals.Assets, first.Totals.Liabilities)
	}
	b.epoch++
	b.past = append(b.past, o)
	return first
}

// Replay applies all that was ever agreed on at a member that was not there, has
// no node and no secret, and returns the state hash that it ends with.
func (b *Bank) Replay() [32]byte {
	b.Helper()
	observer := &Member{Store: memory.New()}
	b.equip(observer, -1)
	for _, o := range b.past {
		b.applyAt(observer, o)
	}
	return observer.hash(b)
}

func (b *Bank) applyAt(m *Member, o outcome.Outcome) transition.Result {
	b.Helper()
	snap, err := m.Store.View()
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Release()
	ov := storage.NewOverlay(snap)
	res, err := m.Rules.Apply(ov, o, func(messages.WitnessID) bool { return false })
	if err != nil {
		b.Fatalf("epoch %d stops the federation: %v", o.Epoch, err)
	}
	if err := m.Store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
		b.Fatal(err)
	}
	return res
}

func sameResult(x, y transition.Result) bool {
	return slices.Equal(x.Accepted, y.Accepted) && slices.Equal(x.Faults, y.Faults) && x.Totals == y.Totals &&
		slices.EqualFunc(x.Rejected, y.Rejected, func(a, b transition.Rejected) bool {
			return a.Witness == b.Witness && *a.Rejection == *b.Rejection
		})
}

// hash is the state hash of a member.
func (m *Member) hash(t testing.TB) [32]byte {
	t.Helper()
	snap, err := m.Store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	h := statehash.Compute(snap)
	return h.Sum()
}

// Hash is the state hash that all members have.
func (b *Bank) Hash() [32]byte {
	b.Helper()
	return b.Members[0].hash(b)
}

// Submit is what member 0 answers to a submission: nil if it would pool it.
func (b *Bank) Submit(tx *transaction.Transaction) *messages.Rejection {
	b.Helper()
	if r := b.Members[0].Rules.Check([]*transaction.Transaction{tx})[0]; r != nil {
		return r
	}
	snap, err := b.Members[0].Store.View()
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Release()
	return b.Members[0].Rules.Try(snap, b.epoch, tx)
}

// Accepted expects an epoch that accepts these transactions and nothing else.
func (b *Bank) Accepted(txs ...*transaction.Transaction) {
	b.Helper()
	res := b.Run(Of(txs...))
	if len(res.Accepted) != len(txs) || len(res.Rejected)+len(res.Faults) > 0 {
		b.Fatalf("accepted %d of %d; rejected %v, faults %v", len(res.Accepted), len(txs), Codes(res), res.Faults)
	}
}

// Codes returns why transactions were refused, in order.
func Codes(res transition.Result) []messages.RejectionCode {
	var out []messages.RejectionCode
	for _, r := range res.Rejected {
		out = append(out, r.Rejection.Code)
	}
	return out
}

// View lends a module's committed state at a member.
func (b *Bank) View(p messages.PeerID, kind messages.ModuleKind, fn func(storage.Reader)) {
	b.Helper()
	snap, err := b.Members[p].Store.View()
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Release()
	fn(storage.ScopedReader(snap, transition.ModuleScope(kind)))
}

// Ask puts a query to member 0's wallet.
func Ask[M proto.Message](b *Bank, method string, request proto.Message, answer M) M {
	b.Helper()
	var body []byte
	if request != nil {
		body = canonical.Marshal(request)
	}
	b.View(0, wallet.Kind, func(r storage.Reader) {
		raw, err := b.Members[0].Wallet.Query(r, method, body)
		if err == nil {
			err = canonical.Unmarshal(raw, answer, 1<<20)
		}
		if err != nil {
			b.Fatalf("%s: %v", method, err)
		}
	})
	return answer
}
