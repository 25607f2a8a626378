package wallet_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/spv"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
)

// Attacks that worked once.

// many deposits n equal amounts in one block and claims them.
func (f *federation) many(n int, sats int64) {
	f.t.Helper()
	for range n {
		f.pay(1, sats)
	}
	f.mine(1 + delay)
	for _, tx := range f.world.Block(f.world.Height() - delay).Transactions[1:] {
		if _, err := f.claim(f.proof(1, wire.OutPoint{Hash: tx.TxHash()}).Bytes()); err != nil {
			f.t.Fatal(err)
		}
	}
}

func signatures(txid []byte, of ...[]byte) []byte {
	return canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Signatures{Signatures: &walletwire.Signatures{Txid: txid, Signatures: of}}})
}

// A liar's contribution has room for a thousand items of 36 bytes, each of
// which once made every member derive the keys of all inputs of a payment: half
// a minute of work per epoch. What is too short to be right is refused first.
func TestTinySignatureItemsCostLittle(t *testing.T) {
	f := funded(t)
	f.many(60, 5000)
	at, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 250_000, MaxFeeSats: 40_000})
	if err != nil {
		t.Fatal(err)
	}
	txid := f.status(at).GetTxid()
	short := make([][]byte, 60)
	for i := range short {
		short[i] = []byte{1}
	}
	for name, body := range map[string][]byte{
		"no signatures": signatures(txid), "short ones": signatures(txid, short...), "one too many": signatures(txid, append(short, nil)...),
	} {
		wantMisbehaviour(t, f.item(3, body))
		cost := testing.AllocsPerRun(3, func() { _ = f.observer().ApplyItem(f.states[members], newEnv(), 3, body) })
		if most := 1000.; cost > most { // the keys of 60 inputs take 20 times as many
			t.Errorf("%s: refused after %.0f allocations", name, cost)
		}
	}
	f.run(nil)
	if len(f.broadcast()) != 1 {
		t.Error("the payment was not signed")
	}
}

// While members see agreed blocks orphaned, nothing is settled by a proof in one
// of them: the payment may not be on the chain that wins, and nobody would
// broadcast it again.
func TestBurialWaitsWhileAgreedBlocksAreOrphaned(t *testing.T) {
	f := funded(t, 300_000)
	at, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000})
	if err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	other := f.world.Fork() // in which the payment is never mined
	f.broadcast()
	f.world.Mine(1 + delay)
	others := map[messages.PeerID]edit{0: votesOnly, 1: votesOnly, 2: votesOnly, 3: votesOnly}
	f.run(others)
	proof, err := spv.Prove(f.world.Block(f.height()), 1)
	if err != nil {
		t.Fatal(err)
	}
	other.Mine(5)
	f.nodes[0].Follow(other)
	f.nodes[1].Follow(other)
	for range 3 {
		f.runEpoch(others)
	}
	if !f.summary().GetDepositsFrozen() {
		t.Fatal("not frozen")
	}
	id := f.status(at).GetTxid()
	burial := canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Burial{Burial: &walletwire.Burial{Txid: id, Inclusion: proof}}})
	wantCode(t, f.item(2, burial), messages.RejectItemWithoutValue, true)
	if n := f.run(nil); n != 0 {
		t.Errorf("%d epochs of proposing what is refused", n)
	}
	if len(wallet.PendingBroadcasts(f.state())) != 1 {
		t.Error("the payment is broadcast no more")
	}
	f.nodes[0].Follow(f.world)
	f.nodes[1].Follow(f.world)
	f.run(nil)
	if s := f.status(at); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BURIED {
		t.Errorf("status %v after the agreed chain came back", s)
	}
}

// A broken service makes its member neither misbehave nor propose for ever.
func TestBrokenReportsAreNotProposed(t *testing.T) {
	f := funded(t, 300_000, 200_000)
	at, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000})
	if err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	f.broadcast()
	f.world.Mine(1 + delay)
	f.run(map[messages.PeerID]edit{0: votesOnly, 1: votesOnly, 2: votesOnly, 3: votesOnly})
	b := f.world.Block(f.height())
	good, err := spv.Prove(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	id := b.Transactions[1].TxHash()
	if !bytes.Equal(id[:], f.status(at).GetTxid()) {
		t.Fatal("another transaction is in the block")
	}
	foreign, err := spv.Prove(f.world.Block(f.height()-delay-1), 1) // the last deposit
	if err != nil {
		t.Fatal(err)
	}
	forged := proto.CloneOf(good)
	forged.Branch[0][3] ^= 1
	wrongIndex := proto.CloneOf(good)
	wrongIndex.Index = 0
	base, hash := f.observer().AgreedTip(f.state())
	report := func(burials ...chainview.Burial) []byte {
		return chainview.Observation{Tip: base + delay, BaseHeight: base, BaseHash: hash, Burials: burials}.Encode()
	}
	for name, inclusion := range map[string]*walletwire.Inclusion{
		"forged branch": forged, "proof of another": foreign, "wrong index": wrongIndex, "nothing": {},
	} {
		if got := f.modules[0].Propose(f.state(), report(chainview.Burial{TxID: id, Inclusion: canonical.Marshal(inclusion)})); got != nil {
			t.Errorf("%s: %d items proposed", name, len(got))
		}
	}
	if got := f.modules[0].Propose(f.state(), report(chainview.Burial{TxID: id, Inclusion: canonical.Marshal(good)})); len(got) != 1 {
		t.Errorf("%d items for a good proof", len(got))
	}
}

// Terms may change: fee rates that members said and agreed on before are brought
// within today's limits, and stop nobody.
func TestFeeRatesOfEarlierTerms(t *testing.T) {
	f := newFederation(t)
	f.world.SetFeeRate(90_000)
	f.run(nil)
	if f.summary().GetFeeRate() != 90_000 {
		t.Fatalf("%v", f.summary())
	}
	for i := range f.modules {
		cfg := config()
		cfg.MaxFeeRate = 50_000
		if i < members {
			cfg.Secret, cfg.Me = secretOf(byte(10+i)), messages.PeerID(i)
		}
		m, err := wallet.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		f.modules[i] = m
	}
	if got := f.summary().GetFeeRate(); got != 50_000 {
		t.Errorf("fee rate %d above the limit", got)
	}
	f.world.SetFeeRate(0)
	f.mine(2)
	if got := f.summary().GetFeeRate(); got != 50_000 {
		t.Errorf("fee rate %d", got)
	}
}
