// Package clienttest is a federation inside a test: members with the real mint,
// wallet and transition, each with a store of its own, behind the port through
// which a client reaches members. There is no consensus: what one member pools is
// an epoch of all at once.
//
// Members can be dead, silent, slow or lying, see [Member]. Keys are dealt by one
// hand, so the money is worth nothing.
package clienttest

import (
	"bytes"
	"crypto/ed25519"
	crand "crypto/rand"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tenc"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// Config says what federation to make.
type Config struct {
	Members             int
	Tiers               uint32 // 2^0 … 2^(Tiers-1) msat
	SpendFee, IssueFee  messages.Amount
	PegInFee, PegOutFee messages.Amount
	// FinalityDelay of the wallet, in blocks.
	FinalityDelay uint32
	Lightning     lightning.Fees
}

// Federation is the whole.
type Federation struct {
	Config  *federation.Config
	Members []*Member
	// Chain is the bitcoin chain that all members follow.
	Chain *fake.Chain

	// Screen is asked about every submission before the member itself looks at it;
	// a rejection is the member's answer. Set it before clients are there.
	Screen func(*transaction.Transaction) *messages.Rejection

	mu    sync.Mutex
	epoch messages.Epoch
	hold  bool // nobody proposes shares of preimages
	// sound are the transactions that need not be checked again: the most of what a test
	// costs is curves.
	sound map[messages.WitnessID]bool
	mint  mint.Config // read from Config once, without secrets
	// links are told when an epoch is applied.
	links  []open
	system *actor.ActorSystem
	rng    *rand.ChaCha8
}

// A Member is one node. Its switches may be set at any time.
type Member struct {
	id         messages.PeerID
	store      *memory.Store
	transition *transition.Transition
	rejected   map[messages.WitnessID]*messages.Rejection
	wallet     *wallet.Module
	lightning  *lightning.Module
	node       *fake.Node
	faults     faults
}

// firstBlock is the first height that the wallet agrees on.
const firstBlock = 1

// blocks that there are at the beginning.
const blocks = 20

// New makes a federation; seed decides all keys.
func New(cfg Config, seed byte) *Federation {
	f := &Federation{Chain: fake.New(&chaincfg.SimNetParams), rng: rand.NewChaCha8([32]byte{seed})}
	f.Chain.Mine(blocks)
	var dealings []tsigtest.Dealing
	var tiers []mint.PublicTier
	live := cfg.Members - (cfg.Members-1)/3
	for e := range cfg.Tiers {
		d := tsigtest.Deal(f.rng, live, cfg.Members)
		dealings = append(dealings, d)
		tiers = append(tiers, mint.PublicTier{Exponent: e, Key: publicKey(d, live)})
	}
	walletConfig := wallet.Config{
		Network: &chaincfg.SimNetParams, Threshold: live, FinalityDelay: cfg.FinalityDelay, Birthday: firstBlock,
		MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000, PegInFee: cfg.PegInFee, PegOutFee: cfg.PegOutFee,
	}
	var secrets []*btcec.PrivateKey
	for i := range cfg.Members {
		key, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{seed, byte(i) + 1}, 16))
		secrets = append(secrets, key)
		walletConfig.Keys = append(walletConfig.Keys, key.PubKey())
	}
	preimages := preimageKeys(cfg, seed)
	f.Config = f.configure(cfg, publicPreimageKey(preimages, cfg), []federation.Module{
		{Kind: lightning.Kind, Genesis: lightning.Genesis(), Terms: lightning.Config{Fees: cfg.Lightning}.Terms()},
		{Kind: mint.Kind, Genesis: mint.Genesis(tiers), Terms: mint.Terms(cfg.SpendFee, cfg.IssueFee)},
		{Kind: wallet.Kind, Genesis: walletConfig.Genesis(), Terms: walletConfig.Terms()},
	})
	var err error
	if f.mint, err = mint.FromFederation(f.Config); err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	for i := range cfg.Members {
		f.Members = append(f.Members, f.member(messages.PeerID(i), dealings, secrets[i], preimages.Secrets[i]))
	}
	return f
}

func publicKey(d tsigtest.Dealing, threshold int) federation.ThresholdKey {
	k := federation.ThresholdKey{Threshold: threshold, Group: d.Group.Bytes()}
	for _, m := range d.Members {
		k.Members = append(k.Members, m.Bytes())
	}
	return k
}

// configure fills in what a client never looks at.
func (f *Federation) configure(cfg Config, preimages federation.ThresholdKey, modules []federation.Module) *federation.Config {
	c := federation.Config{Name: "test", Modules: modules, Session: messages.Digest{1}}
	blank := func(threshold, size int) federation.ThresholdKey {
		k := federation.ThresholdKey{Threshold: threshold, Group: bytes.Repeat([]byte{1}, size)}
		for range cfg.Members {
			k.Members = append(k.Members, bytes.Repeat([]byte{2}, size))
		}
		return k
	}
	faulty := (cfg.Members - 1) / 3
	c.Coin, c.Contributions = blank(faulty+1, 96), blank(faulty+1, 32)
	c.Certificate, c.Preimages = blank(cfg.Members-faulty, 96), preimages
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace"}
	for i := range cfg.Members {
		public, _, err := ed25519.GenerateKey(f.rng)
		if err != nil {
			panic(fmt.Sprintf("clienttest: identity: %v", err))
		}
		c.Members = append(c.Members, federation.Member{Name: names[i%len(names)], Address: fmt.Sprintf("member%d:1", i), Identity: public})
	}
	config, err := federation.New(c)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	return config
}

// Fresh returns a federation with the same keys and terms and without a past.
func (f *Federation) Fresh() *Federation {
	out := &Federation{Config: f.Config, mint: f.mint, Chain: fake.New(&chaincfg.SimNetParams), rng: f.branch()}
	out.Chain.Mine(blocks)
	for _, m := range f.Members {
		out.Members = append(out.Members, &Member{
			id: m.id, transition: m.transition, wallet: m.wallet, lightning: m.lightning, // rules, without state
			store: memory.New(), rejected: map[messages.WitnessID]*messages.Rejection{}, node: out.Chain.Node(),
		})
	}
	return out
}

// Fork returns a federation that goes on from here in its own way, without the
// faults and clients of this one.
func (f *Federation) Fork() *Federation {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &Federation{Config: f.Config, mint: f.mint, Chain: f.Chain.Fork(), rng: f.rng, epoch: f.epoch}
	for _, m := range f.Members {
		out.Members = append(out.Members, &Member{
			id: m.id, transition: m.transition, wallet: m.wallet, lightning: m.lightning, store: m.store.Clone(), rejected: maps.Clone(m.rejected), node: out.Chain.Node(),
		})
	}
	return out
}

// member makes one node with its secrets.
func (f *Federation) member(id messages.PeerID, dealings []tsigtest.Dealing, secret *btcec.PrivateKey, preimage tenc.SecretShare) *Member {
	mintConfig := f.mint
	mintConfig.Tiers = slices.Clone(f.mint.Tiers)
	for i := range mintConfig.Tiers {
		scalar, err := bls.DecodeScalar(dealings[i].Secrets[id].Bytes())
		if err != nil {
			panic(fmt.Sprintf("clienttest: %v", err))
		}
		if mintConfig.Tiers[i].Secret, err = tbs.NewSecretShare(mintConfig.Tiers[i].Keys, uint32(id)+1, scalar); err != nil {
			panic(fmt.Sprintf("clienttest: %v", err))
		}
	}
	mintConfig.Rand = crand.Reader // federations that are made of one another use it at once
	mintModule, err := mint.New(mintConfig)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	walletConfig, err := wallet.FromFederation(f.Config)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	walletConfig.Secret, walletConfig.Me = secret, id
	walletModule, err := wallet.New(walletConfig)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	lightningModule := f.lightningModule(preimage)
	return &Member{
		id: id, store: memory.New(), rejected: map[messages.WitnessID]*messages.Rejection{}, wallet: walletModule, lightning: lightningModule, node: f.Chain.Node(),
		transition: transition.New(f.Config.ID(), []contract.Module{lightningModule, mintModule, walletModule, Faucet{}}),
	}
}

// submit is what a member does with a transaction: it refuses it, or pools it,
// which makes an epoch here.
func (f *Federation) submit(m *Member, tx *transaction.Transaction) *messages.Rejection {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Screen != nil {
		if r := f.Screen(tx); r != nil {
			return r
		}
	}
	if !f.sound[tx.WitnessID()] { // members have the same rules: it is enough that one has looked
		if r := m.transition.Check([]*transaction.Transaction{tx})[0]; r != nil {
			return r
		}
		if f.sound == nil {
			f.sound = map[messages.WitnessID]bool{}
		}
		f.sound[tx.WitnessID()] = true
	}
	snap, err := m.store.View()
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	rejection := m.transition.Try(snap, f.epoch, tx)
	_, done := transition.FindAccepted(snap, tx.ID())
	snap.Release()
	if rejection != nil || done {
		return rejection
	}
	f.apply(outcome.Contribution{Transactions: []*transaction.Transaction{tx}}, m.id)
	return nil
}

func (m *Member) view(fn func(storage.Reader)) {
	snap, err := m.store.View()
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	defer snap.Release()
	fn(snap)
}

// apply makes an epoch of one member's contribution.
func (f *Federation) apply(c outcome.Contribution, from messages.PeerID) {
	all := make([]outcome.Contribution, len(f.Members))
	all[from] = c
	f.applyAll(all)
}

// applyAll makes an epoch, and those that follow from it.
func (f *Federation) applyAll(contributions []outcome.Contribution) {
	f.applyOnce(contributions)
	f.reveal()
}

func (f *Federation) applyOnce(contributions []outcome.Contribution) {
	o := outcome.Outcome{Epoch: f.epoch}
	for i, c := range contributions {
		o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: c.Encode()})
	}
	for _, m := range f.Members {
		m.apply(o)
	}
	f.epoch++
	for _, o := range f.links {
		f.system.Root.Send(o.pid, committed{})
	}
}

func (m *Member) apply(o outcome.Outcome) {
	snap, err := m.store.View()
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	ov := storage.NewOverlay(snap)
	res, err := m.transition.Apply(ov, o, func(messages.WitnessID) bool { return false })
	if err != nil || len(res.Faults) > 0 {
		panic(fmt.Sprintf("clienttest: epoch %d: %v %v", o.Epoch, err, res.Faults))
	}
	if err := m.store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	snap.Release()
	for _, r := range res.Rejected {
		m.rejected[r.Witness] = r.Rejection
	}
}
