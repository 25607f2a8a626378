package mint_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/mint"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	public "minimint/messages/federation"
	"minimint/storage"
)

// FuzzGenesis: the keys and terms of a configuration, which a client takes from
// strangers, are a mint or an error.
func FuzzGenesis(f *testing.F) {
	random := rand.NewChaCha8([32]byte{40})
	var tiers []mint.PublicTier
	for _, exponent := range []uint32{0, 4} {
		d := tsigtest.Deal(random, threshold, members)
		key := public.ThresholdKey{Threshold: threshold, Group: d.Group.Bytes()}
		for _, m := range d.Members {
			key.Members = append(key.Members, m.Bytes())
		}
		tiers = append(tiers, mint.PublicTier{Exponent: exponent, Key: key})
	}
	f.Add(mint.Genesis(tiers), mint.Terms(1, 2))
	f.Add(mint.Genesis(tiers[1:]), mint.Terms(0, messages.MaxAmount))
	f.Add([]byte{}, []byte{})
	base := *consensustest.Config(members)
	f.Fuzz(func(t *testing.T, genesis, terms []byte) {
		base.Modules = []public.Module{{Kind: mint.Kind, Genesis: genesis, Terms: terms}}
		c, err := public.New(base)
		if err != nil {
			return
		}
		cfg, err := mint.FromFederation(c)
		if err != nil {
			return
		}
		cfg.Rand = bytes.NewReader(nil)
		m, err := mint.New(cfg)
		if err != nil {
			return
		}
		if spend, issue := m.Fees(); !bytes.Equal(mint.Terms(spend, issue), terms) || len(m.Tiers()) == 0 {
			t.Fatalf("fees %s and %s, %d tiers", spend, issue, len(m.Tiers()))
		}
	})
}

// FuzzQuery: whatever a client asks is answered in few bytes or refused.
func FuzzQuery(f *testing.F) {
	b := openBank(&testing.T{}, 2, 3, 6)
	f.Add("slices", []byte{})
	f.Add("slices", make([]byte, 8))
	f.Add("slice", make([]byte, 8))
	f.Add("slice", bytes.Repeat([]byte{0xff}, 8))
	f.Fuzz(func(t *testing.T, method string, body []byte) {
		snap := b.view(t)
		defer snap.Release()
		answer, err := b.house.member(0).Query(storage.ScopedReader(snap, transition.ModuleScope(mint.Kind)), method, body)
		var refused *messages.Rejection
		if err != nil && !errors.As(err, &refused) || len(answer) > 256<<10 {
			t.Fatalf("%d bytes, %v", len(answer), err)
		}
	})
}
