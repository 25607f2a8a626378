package clienttest

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/lightning"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// preimageKeys deals the keys to which preimages are encrypted. They are drawn from
// the seed alone, so that the keys of notes are what they were without them.
func preimageKeys(cfg Config, seed byte) tenctest.Keys {
	return tenctest.Deal(rand.NewChaCha8([32]byte{seed, 'p'}), tenctest.Config{
		Role: domain.LightningPreimage, Threshold: cfg.Members - (cfg.Members-1)/3, Members: cfg.Members,
	})
}

// publicPreimageKey is what stands of it in the configuration.
func publicPreimageKey(k tenctest.Keys, cfg Config) federation.ThresholdKey {
	group := k.Public.GroupKey()
	out := federation.ThresholdKey{Threshold: k.Public.Threshold(), Group: group[:]}
	for i := range cfg.Members {
		member := k.Public.MemberKey(i + 1)
		out.Members = append(out.Members, member[:])
	}
	return out
}

// lightningModule makes the module of one member.
func (f *Federation) lightningModule(secret tenc.SecretShare) *lightning.Module {
	cfg, err := lightning.FromFederation(f.Config)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	cfg.Secret = &secret
	m, err := lightning.New(cfg)
	if err != nil {
		panic(fmt.Sprintf("clienttest: %v", err))
	}
	return m
}

// Hold keeps the members from revealing preimages, until it is called with false.
func (f *Federation) Hold(hold bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hold = hold; !hold {
		f.reveal()
	}
}

// reveal makes epochs until no member has a share of a preimage to propose.
func (f *Federation) reveal() {
	for !f.hold {
		contributions := make([]outcome.Contribution, len(f.Members))
		items := 0
		for i, m := range f.Members {
			m.view(func(r storage.Reader) {
				for _, body := range m.lightning.Propose(storage.ScopedReader(r, transition.ModuleScope(lightning.Kind)), nil) {
					contributions[i].Items = append(contributions[i].Items, transaction.Item{Kind: lightning.Kind, Body: body})
					items++
				}
			})
		}
		if items == 0 {
			return
		}
		f.applyOnce(contributions)
	}
}

// Pass mines so many blocks and has the federation agree on them. It returns the
// agreed height.
func (f *Federation) Pass(blocks uint32) uint32 {
	f.Chain.Mine(int(blocks))
	return f.Observe()
}

// Audit sums up what the federation has and owes, in msat; notes, bitcoin, contracts.
func (f *Federation) Audit() (assets, liabilities messages.Amount) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Members[0].view(func(r storage.Reader) {
		total, _ := transition.Audit(r)
		assets, liabilities = messages.Amount(total.Assets), messages.Amount(total.Liabilities)
	})
	return assets, liabilities
}

// branching guards the randomness of federations of which others are made at once.
var branching sync.Mutex

// branch is randomness of a federation's own.
func (f *Federation) branch() *rand.ChaCha8 {
	branching.Lock()
	defer branching.Unlock()
	var seed [32]byte
	_, _ = f.rng.Read(seed[:]) // it never fails
	return rand.NewChaCha8(seed)
}
