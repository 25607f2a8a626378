package wallet_test

import (
	"testing"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/spv"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Two deposits to one address in one block, and one later, are three claims.
func TestSeveralDepositsToOneAddress(t *testing.T) {
	f := funded(t)
	first := f.pay(1, 50_000)
	f.mine(1 + delay)
	if _, err := f.claim(f.proof(1, first).Bytes()); err != nil {
		t.Fatal(err)
	}
	a, b := f.pay(1, 60_000), f.pay(1, 60_000)
	f.mine(2)
	c := f.pay(1, 60_000)
	f.mine(1 + delay)
	for _, at := range []wire.OutPoint{a, b, c} {
		if _, err := f.claim(f.proof(1, at).Bytes()); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		_, err := f.claim(f.proof(1, at).Bytes())
		wantCode(t, err, messages.RejectPegInClaimed, true)
	}
}

// A deposit that does not pay for its own spending is refused for now, one
// that does brings its value and asks for that fee.
func TestDustDeposits(t *testing.T) {
	f := funded(t)
	fee := int64(f.summary().GetPegInFeeMsat() / 1000)
	if fee < 2*131 || fee > 2*133 {
		t.Fatalf("fee of %d sat for about 132 vbytes at 2 sat/vB", fee)
	}
	dust, enough := f.pay(1, fee), f.pay(1, fee+1)
	f.mine(1 + delay)
	_, err := f.claim(f.proof(1, dust).Bytes())
	wantCode(t, err, messages.RejectPegInTooSmall, false)
	worth, err := f.claim(f.proof(1, enough).Bytes())
	if err != nil || worth.Fee != messages.Amount(fee)*messages.Sat || worth.Amount != worth.Fee+messages.Sat {
		t.Errorf("%+v, %v", worth, err)
	}
}

func TestConfiguredFeesAreTheLeast(t *testing.T) {
	cfg := config()
	cfg.PegInFee = 5_000_000
	m, err := wallet.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := funded(t)
	f.modules[members] = m
	if got := f.summary().GetPegInFeeMsat(); got != 5_000_000 {
		t.Errorf("fee %d", got)
	}
}

// The one who signs a claim is the one whose key the address was made of.
func TestClaimNamesTheTweakKey(t *testing.T) {
	f := funded(t)
	at, other := f.pay(1, 30_000), f.pay(2, 30_000)
	f.mine(1 + delay)
	v := f.check(contract.Items{Inputs: [][]byte{f.proof(1, at).Bytes(), f.proof(2, other).Bytes()}})
	if v.Rejection != nil || len(v.Keys) != 2 || v.Keys[0][0] != tweakKey(1) || v.Keys[1][0] != tweakKey(2) {
		t.Errorf("%+v", v)
	}
	block := f.world.Block(f.world.Height() - delay)
	if _, err := pegin.Build(f.observer().Descriptor(), block, at, tweakKey(2)); err == nil {
		t.Error("a proof with another's key")
	}
	found, err := pegin.Find(f.observer().Descriptor(), block, tweakKey(2))
	if err != nil || len(found) != 1 || found[0] != other {
		t.Errorf("found %v, %v", found, err)
	}
}

// A block reward counts only when bitcoin lets it be spent.
func TestCoinbaseDepositWaitsForItsMaturity(t *testing.T) {
	f := funded(t)
	address, err := pegin.Address(f.observer().Descriptor(), tweakKey(1))
	if err != nil {
		t.Fatal(err)
	}
	script, _ := txscript.PayToAddrScript(address)
	f.world.MineTo(script, 1)
	b := f.world.Block(f.world.Height())
	proof := f.proof(1, wire.OutPoint{Hash: b.Transactions[0].TxHash()}).Bytes()
	f.mine(99 + delay)
	_, err = f.claim(proof)
	wantCode(t, err, messages.RejectBlockUnknown, false)
	f.mine(1)
	if _, err := f.claim(proof); err != nil {
		t.Error(err)
	}
}

// A peg-out to a deposit address of the federation is a deposit.
func TestPegOutToOwnDepositAddress(t *testing.T) {
	f := funded(t, 300_000)
	address, err := pegin.Address(f.observer().Descriptor(), tweakKey(7))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.withdraw(wallet.PegOut{Address: address.EncodeAddress(), Sats: 100_000, MaxFeeSats: 5000}); err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	id := f.broadcast()[0].TxHash()
	f.mine(1 + delay)
	if _, err := f.claim(f.proof(7, wire.OutPoint{Hash: id}).Bytes()); err != nil {
		t.Error(err)
	}
}

// Only a sound proof in an agreed block buries a payment (H103).
func TestBurialNeedsProofInAnAgreedBlock(t *testing.T) {
	f := funded(t, 300_000)
	at, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000})
	if err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	tx := f.broadcast()[0]
	f.world.Mine(1)
	good, err := spv.Prove(f.world.Block(f.world.Height()), 1)
	if err != nil {
		t.Fatal(err)
	}
	id := tx.TxHash()
	send := func(txid []byte, p *walletwire.Inclusion) error {
		return f.item(2, canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Burial{Burial: &walletwire.Burial{Txid: txid, Inclusion: p}}}))
	}
	wantMisbehaviour(t, send(id[:], good)) // the block is not agreed on yet
	f.world.Mine(delay)
	f.run(map[messages.PeerID]edit{0: votesOnly, 1: votesOnly, 2: votesOnly, 3: votesOnly})
	broken := &walletwire.Inclusion{Header: good.GetHeader(), Index: 1, Branch: [][]byte{make([]byte, 32)}, Coinbase: good.GetCoinbase(), CoinbaseBranch: good.GetCoinbaseBranch()}
	wantMisbehaviour(t, send(id[:], broken))
	wantMisbehaviour(t, send(id[:], nil))
	wantMisbehaviour(t, send(make([]byte, 32), good))
	wantMisbehaviour(t, send(nil, good))
	if s := f.status(at); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BROADCAST {
		t.Fatalf("status %v", s)
	}
	if err := send(id[:], good); err != nil {
		t.Fatal(err)
	}
	wantCode(t, send(id[:], good), messages.RejectItemWithoutValue, true)
	// H65: the outcome tells which bitcoin transaction it was, and where it is.
	if s := f.status(at); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BURIED || s.GetHeight() != f.world.Height()-delay || string(s.GetTxid()) != string(id[:]) {
		t.Errorf("status %v", s)
	}
}

// votesOnly withholds burials.
func votesOnly(items [][]byte) [][]byte {
	var out [][]byte
	for _, body := range items {
		item := new(walletwire.Item)
		if canonical.Unmarshal(body, item, 1<<20) == nil && item.GetBurial() == nil {
			out = append(out, body)
		}
	}
	return out
}

// Every query answers with data or a typed rejection, also before anything
// was agreed on.
func TestQueriesNeverPanic(t *testing.T) {
	f := newFederation(t)
	if q := f.quote(wallet.PegOut{Address: home, Sats: 1000}); q.GetReasonCode() != uint32(messages.RejectNoFunds) {
		t.Errorf("quote %v", q)
	}
	if q := f.quote(wallet.PegOut{Address: home, Sats: 1 << 63}); q.GetReasonCode() != uint32(messages.RejectAmountOverflow) {
		t.Errorf("quote %v", q)
	}
	h := query(t, f.observer(), f.state(), "height", nil, new(walletwire.Height))
	if h.GetHeight() != birthday-1 || h.GetHash() != nil {
		t.Errorf("height %v", h)
	}
	if s := f.summary(); s.GetHeight() != birthday-1 || s.GetCoins() != 0 {
		t.Errorf("summary %v", s)
	}
	for _, c := range []struct {
		method string
		body   []byte
		code   messages.RejectionCode
		final  bool
	}{
		{"nonsense", nil, messages.RejectUnknownQuery, true},
		{"quote", []byte("noise"), messages.RejectMalformed, true},
		{"block", []byte("noise"), messages.RejectMalformed, true},
		{"block", canonical.Marshal(&walletwire.BlockRequest{Height: birthday}), messages.RejectNotFound, false},
	} {
		_, err := f.observer().Query(f.state(), c.method, c.body)
		wantCode(t, err, c.code, c.final)
	}
	f.run(nil)
	b := query(t, f.observer(), f.state(), "block", &walletwire.BlockRequest{Height: birthday}, new(walletwire.Block))
	if chainhash.Hash(b.GetHash()) != hashAt(f.world, birthday) {
		t.Errorf("block %v", b)
	}
	if f.observer().Outcome(f.state(), messages.OutPoint{}) != nil || f.observer().Share(f.state(), messages.OutPoint{}) != nil {
		t.Error("an unknown output has an outcome")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*wallet.Config){
		"no birthday":      func(c *wallet.Config) { c.Birthday = 0 },
		"no minimum":       func(c *wallet.Config) { c.MinFeeRate = 0 },
		"default too low":  func(c *wallet.Config) { c.DefaultFeeRate = c.MinFeeRate - 1 },
		"default too high": func(c *wallet.Config) { c.DefaultFeeRate = c.MaxFeeRate + 1 },
		"absurd maximum":   func(c *wallet.Config) { c.MaxFeeRate = 1 << 40 },
		"absurd fee":       func(c *wallet.Config) { c.PegInFee = messages.MaxAmount + 1 },
		"other's secret":   func(c *wallet.Config) { c.Secret = secretOf(1) },
		"no member":        func(c *wallet.Config) { c.Secret, c.Me = secretOf(10), members },
		"no network":       func(c *wallet.Config) { c.Network = nil },
		"threshold":        func(c *wallet.Config) { c.Threshold = members + 1 },
	} {
		cfg := config()
		spoil(&cfg)
		if _, err := wallet.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	cfg := config()
	cfg.Network = &chaincfg.MainNetParams
	m, err := wallet.New(cfg)
	if err != nil || m.Kind() != wallet.Kind || !m.Kind().Valid() || m.FinalityDelay() != delay {
		t.Errorf("%v, %v", m, err)
	}
}
