//go:build real

package chain

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/btcd"
	"minimint/actors/chain/btcd/simnet"
	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
	"minimint/storage"
	"minimint/storage/memory"
)

// binary is btcd: what MINIMINT_BTCD names, else bin/btcd of this repository.
func binary(t *testing.T) string {
	path := os.Getenv("MINIMINT_BTCD")
	if path == "" {
		path, _ = filepath.Abs(filepath.Join("..", "..", "bin", "btcd"))
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("these tests need btcd: %v (make tools builds it; MINIMINT_BTCD names another)", err)
	}
	return path
}

func start(t *testing.T, cfg simnet.Config) *simnet.Node {
	t.Helper()
	cfg.Binary, cfg.Sleep = binary(t), time.Sleep
	node, err := simnet.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	return node
}

// real is a federation of four on one btcd, its state committed by hand.
type real struct {
	t       *testing.T
	node    *simnet.Node
	backend *btcd.Node
	modules []*wallet.Module
	state   *storage.Overlay
	epoch   messages.Epoch
	found   []chainview.Burial
}

func (r *real) Epoch() messages.Epoch   { return r.epoch }
func (r *real) Fact(string) []byte      { return nil }
func (r *real) Publish(string, []byte)  {}
func (r *real) Ledger() contract.Ledger { return r }
func (r *real) Asset(string, int64)     {}
func (r *real) Liability(string, int64) {}

const realDelay = 2

func newReal(t *testing.T) *real {
	r := &real{t: t, node: start(t, simnet.Config{Dir: t.TempDir(), Blocks: simnet.MatureBlocks})}
	var err error
	if r.backend, err = r.node.Backend(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.backend.Close)
	cfg := wallet.Config{
		Network: simnet.Params, Threshold: 3, FinalityDelay: realDelay, Birthday: simnet.MatureBlocks - 5,
		MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000,
	}
	var secrets []*btcec.PrivateKey
	for i := range 4 {
		secret, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{byte(10 + i)}, 32))
		secrets, cfg.Keys = append(secrets, secret), append(cfg.Keys, secret.PubKey())
	}
	for i, secret := range secrets {
		cfg.Secret, cfg.Me = secret, messages.PeerID(i)
		m, err := wallet.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.modules = append(r.modules, m)
	}
	snapshot, err := memory.New().View()
	if err != nil {
		t.Fatal(err)
	}
	r.state = storage.NewOverlay(snapshot)
	return r
}

// run surveys and applies until nobody wants anything.
func (r *real) run() {
	r.t.Helper()
	for range 100 {
		c := Chain{cfg: Config{Wallet: r.modules[0], ResendEvery: time.Second}}
		f := c.plan(r.state).run(r.backend)
		if f.problem != nil {
			r.t.Fatal(f.problem)
		}
		r.found = append(r.found, f.found...)
		f.view.Burials = r.found
		busy := false
		for p, m := range r.modules {
			for _, item := range m.Propose(r.state, f.view.Encode()) {
				busy = true
				mark := r.state.Savepoint()
				if err := m.ApplyItem(r.state, r, messages.PeerID(p), item); err != nil {
					r.state.Rollback(mark)
				} else {
					r.state.Release(mark)
				}
			}
		}
		r.epoch++
		if !busy {
			return
		}
	}
	r.t.Fatal("never quiet")
}

func (r *real) mine(n uint32) {
	r.t.Helper()
	if err := r.node.Mine(n); err != nil {
		r.t.Fatal(err)
	}
	r.run()
}

func (r *real) tip() uint32 {
	h, _ := r.modules[0].AgreedTip(r.state)
	return h
}

// A deposit, a peg-out and the spending of its change, on a real node with its
// real rules for relay and blocks.
func TestStoryOnRealBtcd(t *testing.T) {
	r := newReal(t)
	r.run()
	if want := uint32(simnet.MatureBlocks - realDelay); r.tip() != want {
		t.Fatalf("agreed on %d, want %d", r.tip(), want)
	}
	owner, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{99}, 32))
	key := [32]byte(schnorr.SerializePubKey(owner.PubKey()))
	lock := r.modules[0].Descriptor()
	address, err := pegin.Address(lock, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, sats := range []int64{300_000, 200_000} {
		if _, err := r.node.Pay(address.EncodeAddress(), sats); err != nil {
			t.Fatal(err)
		}
	}
	r.mine(1 + realDelay)
	hash, _ := wallet.BlockAt(r.state, r.tip())
	block, err := r.backend.Block(hash)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pegin.Find(lock, block, key)
	if err != nil || len(found) != 2 {
		t.Fatalf("found %v, %v", found, err)
	}
	for _, at := range found {
		proof, err := pegin.Build(lock, block, at, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.modules[0].ApplyInput(r.state, r, proof.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	for i, sats := range []uint64{400_000, 20_000} { // both coins, then the change
		out := wallet.PegOut{Address: address.EncodeAddress(), Sats: sats, MaxFeeSats: 50_000}
		if _, err := r.modules[0].ApplyOutput(r.state, r, messages.OutPoint{Index: uint32(i)}, out.Bytes()); err != nil {
			t.Fatal(err)
		}
		r.run() // signs
		r.run() // broadcasts, and again
		r.mine(1)
		if left := len(wallet.PendingBroadcasts(r.state)); left != 1 {
			t.Fatalf("payment %d: %d to broadcast", i, left)
		}
		r.mine(realDelay)
		if left := len(wallet.PendingBroadcasts(r.state)); left != 0 {
			t.Fatalf("payment %d is not buried", i)
		}
	}
}

// A reorganisation above the agreed height, and one below it, which every
// member's node reports.
func TestReorgOnRealBtcd(t *testing.T) {
	r := newReal(t)
	r.run()
	height, err := r.node.Height()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.node.Invalidate(height); err != nil {
		t.Fatal(err)
	}
	if tip, err := r.backend.Tip(); err != nil || tip != height-1 {
		t.Fatalf("tip %d, %v", tip, err)
	}
	before := r.tip()
	r.run()
	if r.tip() != before {
		t.Error("the agreed height shrank")
	}
	r.mine(3)
	if r.tip() != before+2 {
		t.Errorf("agreed on %d, want %d", r.tip(), before+2)
	}
	if err := r.node.Invalidate(r.tip()); err != nil {
		t.Fatal(err)
	}
	r.mine(6)
	if r.tip() != before+2 {
		t.Error("agreed on blocks above an orphan")
	}
	raw, err := r.modules[0].Query(r.state, "height", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := new(walletwire.Height)
	if err := canonical.Unmarshal(raw, answer, 1000); err != nil || !answer.GetDepositsFrozen() {
		t.Errorf("deposits are not frozen: %v, %v", answer, err)
	}
}

// The height survives a restart on simnet, and what was broadcast is known.
func TestRestartAndBroadcastOnRealBtcd(t *testing.T) {
	dir := t.TempDir()
	node, err := simnet.Start(simnet.Config{Binary: binary(t), Dir: dir, Sleep: time.Sleep, Blocks: 310})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Stop(); err != nil {
		t.Fatal(err)
	}
	node = start(t, simnet.Config{Dir: dir})
	backend, err := node.Backend()
	if err != nil {
		t.Fatal(err)
	}
	if tip, err := backend.Tip(); tip != 310 || err != nil {
		t.Fatalf("tip %d, %v", tip, err)
	}
	if _, err := backend.BlockHash(311); err == nil {
		t.Error("a block above the tip")
	}
	if rate, err := backend.FeeRate(); rate != 0 || err != nil {
		t.Errorf("fee rate %d, %v", rate, err)
	}
	at, err := node.Pay(minerAddress, 50_000)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	if err := node.Call(&text, "getrawtransaction", at.Hash.String()); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	tx := new(wire.MsgTx)
	if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if err := backend.Broadcast(tx); err != nil {
		t.Errorf("known to the mempool: %v", err)
	}
	if err := node.Mine(1); err != nil {
		t.Fatal(err)
	}
	if err := backend.Broadcast(tx); err != nil {
		t.Errorf("in the chain: %v", err)
	}
	if err := backend.Broadcast(wire.NewMsgTx(2)); err == nil {
		t.Error("an empty transaction was taken")
	}
}

// minerAddress is some address of simnet.
const minerAddress = "sb1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq2cwzcu"
