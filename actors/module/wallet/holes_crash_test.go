package wallet_test

import (
	"testing"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
)

// H51: the original panicked on signet. A wallet works on every network that it names,
// and its addresses are of that network.
func TestH51EveryNetwork(t *testing.T) {
	for name, prefix := range map[string]string{"mainnet": "bc1q", "testnet3": "tb1q", "signet": "tb1q", "regtest": "bcrt1q", "simnet": "sb1q"} {
		cfg := config()
		var err error
		if cfg.Network, err = wallet.Network(name); err != nil {
			t.Fatal(err)
		}
		m, err := wallet.New(cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		address, err := pegin.Address(m.Descriptor(), tweakKey(1))
		if err != nil || address.EncodeAddress()[:len(prefix)] != prefix {
			t.Errorf("%s: address %v, %v", name, address, err)
		}
	}
}

// H60: the original never deleted a payment: it broadcast it for ever, looked for it in
// every block, and counted its change as pending and as a coin, which hid deficits. Here
// burial ends it: its change is counted once, and cannot be spent before.
func TestH60BuriedPaymentIsForgotten(t *testing.T) {
	f := funded(t, 300_000)
	at, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000})
	if err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	tx := f.broadcast()[0]
	change := uint64(tx.TxOut[1].Value) + uint64(tx.TxOut[0].Value) - 50_000 // whichever it is
	pending := func() int {
		return len(query(t, f.observer(), f.state(), "pegouts", nil, new(walletwire.PegOuts)).GetPending())
	}
	if s := f.summary(); s.GetCoins() != 0 || s.GetChangeSats() != change || pending() != 1 {
		t.Errorf("before burial: %d pending, %v; change of %d sat", pending(), s, change)
	}
	_, _, err = f.withdraw(wallet.PegOut{Address: home, Sats: 10_000, MaxFeeSats: 5000})
	wantCode(t, err, messages.RejectNoFunds, false) // change that is not buried pays for nothing

	f.mine(1 + delay)
	if s := f.summary(); s.GetCoins() != 1 || s.GetCoinsSats() != change || s.GetChangeSats() != 0 || pending() != 0 {
		t.Errorf("after burial: %d pending, %v", pending(), s)
	}
	if len(wallet.PendingBroadcasts(f.state()))+len(wallet.WantedBurials(f.state())) != 0 {
		t.Error("it is broadcast or looked for on and on")
	}
	if s := f.status(at); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BURIED {
		t.Errorf("status %v", s)
	}
	if _, _, err = f.withdraw(wallet.PegOut{Address: home, Sats: 10_000, MaxFeeSats: 5000}); err != nil {
		t.Error(err)
	}
}

// H65: the original called a payment final as soon as it was accepted, and never said
// which bitcoin transaction it was. Here the outcome tells that, and how far it is.
func TestH65OutcomeNamesTheBitcoinTransaction(t *testing.T) {
	f := funded(t, 300_000)
	at, _, err := f.withdraw(wallet.PegOut{Address: recipient(&chaincfg.SimNetParams), Sats: 50_000, MaxFeeSats: 5000})
	if err != nil {
		t.Fatal(err)
	}
	states := []walletwire.PegOutState{f.status(at).GetState()}
	f.run(nil)
	tx := f.broadcast()[0]
	id := tx.TxHash()
	states = append(states, f.status(at).GetState())
	f.world.Mine(1)
	height := f.world.Height()
	f.run(nil)
	states = append(states, f.status(at).GetState()) // in a block, but not deep enough
	f.mine(delay)
	states = append(states, f.status(at).GetState())
	want := []walletwire.PegOutState{
		walletwire.PegOutState_PEG_OUT_STATE_SIGNING, walletwire.PegOutState_PEG_OUT_STATE_BROADCAST,
		walletwire.PegOutState_PEG_OUT_STATE_BROADCAST, walletwire.PegOutState_PEG_OUT_STATE_BURIED,
	}
	for i := range want {
		if states[i] != want[i] {
			t.Errorf("states %v, want %v", states, want)
			break
		}
	}
	if s := f.status(at); string(s.GetTxid()) != string(id[:]) || s.GetHeight() != height {
		t.Errorf("status %v, want %s in block %d", s, id, height)
	}
}
