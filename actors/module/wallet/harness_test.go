package wallet_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/proto"

	"minimint/actors/chain/fake"
	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/spv"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
	"minimint/storage"
	"minimint/storage/memory"
)

const (
	members  = 4
	needed   = 3
	delay    = 2
	birthday = 5
)

// secretOf derives a test key; seed is not 0.
func secretOf(seed byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{seed}, 32))
	return k
}

func tweakKey(seed byte) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secretOf(seed).PubKey()))
}

func config() wallet.Config {
	cfg := wallet.Config{
		Federation: messages.FederationID{1, 2, 3}, Network: &chaincfg.SimNetParams, Threshold: needed,
		FinalityDelay: delay, Birthday: birthday, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000,
		PegInFee: 1000, PegOutFee: 2000,
	}
	for i := range members {
		cfg.Keys = append(cfg.Keys, secretOf(byte(10+i)).PubKey())
	}
	return cfg
}

// A federation is the state that all members have alike, the members' modules
// with their bitcoin nodes, and an observer without a secret. Whatever is
// applied is applied by all of them to copies that must stay equal.
type federation struct {
	t       testing.TB
	world   *fake.Chain
	nodes   []*fake.Node
	modules []*wallet.Module // members, then the observer
	states  []*storage.Overlay
	env     *env
	epoch   messages.Epoch
	issued  int64 // notes and fees: what transactions took out of or put into other modules, msat
	txs     byte
	verdict map[messages.PeerID][]error // of the last epoch's items
}

func newFederation(t testing.TB) *federation {
	f := &federation{t: t, world: fake.New(&chaincfg.SimNetParams)}
	f.world.Mine(birthday + delay)
	for i := range members + 1 {
		cfg := config()
		if i < members {
			cfg.Secret, cfg.Me = secretOf(byte(10+i)), messages.PeerID(i)
			f.nodes = append(f.nodes, f.world.Node())
		}
		m, err := wallet.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := memory.New().View()
		if err != nil {
			t.Fatal(err)
		}
		f.modules, f.states = append(f.modules, m), append(f.states, storage.NewOverlay(snapshot))
	}
	f.env = newEnv()
	return f
}

func (f *federation) observer() *wallet.Module { return f.modules[members] }

func (f *federation) state() storage.Reader { return f.states[members] }

// env lends what the core would.
type env struct {
	epoch  messages.Epoch
	facts  map[string][]byte
	assets map[string]int64
	owed   map[string]int64
}

func newEnv() *env {
	return &env{facts: map[string][]byte{}, assets: map[string]int64{}, owed: map[string]int64{}}
}

func (e *env) Epoch() messages.Epoch          { return e.epoch }
func (e *env) Fact(name string) []byte        { return e.facts[name] }
func (e *env) Publish(name string, v []byte)  { e.facts[name] = v }
func (e *env) Ledger() contract.Ledger        { return e }
func (e *env) Asset(line string, d int64)     { e.assets[line] += d }
func (e *env) Liability(line string, d int64) { e.owed[line] += d }

// all does the same on every copy of the state and returns the one result. An
// error leaves no trace.
func (f *federation) all(do func(*wallet.Module, storage.Tx, *env) error) error {
	f.t.Helper()
	var result error
	var sum []byte
	for i, m := range f.modules {
		scratch := newEnv()
		scratch.epoch = f.epoch
		mark := f.states[i].Savepoint()
		err := do(m, f.states[i], scratch)
		if err != nil {
			f.states[i].Rollback(mark)
		} else {
			f.states[i].Release(mark)
		}
		if i > 0 && fmt.Sprint(err) != fmt.Sprint(result) {
			f.t.Fatalf("member %d says %v, others %v", i, err, result)
		}
		if now := dump(f.states[i]); i > 0 && !bytes.Equal(now, sum) {
			f.t.Fatalf("member %d has another state", i)
		} else {
			sum = now
		}
		if result = err; i == members && err == nil {
			for k, v := range scratch.facts {
				f.env.facts[k] = v
			}
			for k, v := range scratch.assets {
				f.env.assets[k] += v
			}
			for k, v := range scratch.owed {
				f.env.owed[k] += v
			}
		}
	}
	return result
}

func dump(r storage.Reader) []byte {
	h := sha256.New()
	for k, v := range r.Scan(nil) {
		fmt.Fprintf(h, "%x=%x\n", k, v)
	}
	return h.Sum(nil)
}

// audit checks the books against the state (H60): every satoshi counted once,
// no line below zero, and what is held is exactly what is owed.
func (f *federation) audit() {
	f.t.Helper()
	sum := query(f.t, f.observer(), f.state(), "summary", nil, new(walletwire.Summary))
	if got, want := f.env.assets["coins"], int64(sum.GetCoinsSats())*1000; got != want {
		f.t.Fatalf("books say %d msat of coins, state %d", got, want)
	}
	if got, want := f.env.assets["change"], int64(sum.GetChangeSats())*1000; got != want {
		f.t.Fatalf("books say %d msat of change, state %d", got, want)
	}
	assets, owed := f.env.assets["coins"]+f.env.assets["change"], f.env.owed["peg-out-reserve"]+f.env.owed["surplus"]+f.issued
	if len(f.env.assets) > 2 || len(f.env.owed) > 2 || slices.Min([]int64{f.env.owed["peg-out-reserve"], f.env.owed["surplus"], f.issued}) < 0 || assets != owed {
		f.t.Fatalf("books: assets %v, liabilities %v and %d issued", f.env.assets, f.env.owed, f.issued)
	}
}

// see returns what a node shows, as the chain actor would report it.
func (f *federation) see(n *fake.Node) []byte {
	base, _ := f.observer().AgreedTip(f.state())
	tip, err := n.Tip()
	if err != nil {
		return nil
	}
	o := chainview.Observation{Tip: tip, BaseHeight: base}
	if base >= birthday {
		if o.BaseHash, err = n.BlockHash(base); err != nil {
			return o.Encode()
		}
	}
	agreed, ok := wallet.BlockAt(f.state(), base)
	for h := base + 1; h+delay <= tip && len(o.Blocks) < chainview.MaxBlocks && (!ok || agreed == o.BaseHash); h++ {
		hash, _ := n.BlockHash(h)
		o.Blocks = append(o.Blocks, hash)
	}
	o.FeeRate, _ = n.FeeRate()
	for _, want := range wallet.WantedBurials(f.state()) {
		for h := want.Since + 1; h <= base; h++ {
			hash, _ := n.BlockHash(h)
			b, err := n.Block(hash)
			if err != nil {
				continue
			}
			for i, tx := range b.Transactions {
				if tx.TxHash() == want.TxIDs[0] {
					inclusion, _ := spv.Prove(b, i)
					o.Burials = append(o.Burials, chainview.Burial{TxID: want.TxIDs[0], Inclusion: canonical.Marshal(inclusion)})
				}
			}
		}
	}
	return o.Encode()
}

// An edit changes what a member proposes.
type edit func(items [][]byte) [][]byte

func silent([][]byte) [][]byte { return nil }

// run applies epochs until nobody proposes anything, and returns how many.
func (f *federation) run(edits map[messages.PeerID]edit) int {
	f.t.Helper()
	for n := 0; ; n++ {
		if n == 100 {
			f.t.Fatal("still busy after 100 epochs")
		}
		if !f.runEpoch(edits) {
			return n
		}
	}
}

func (f *federation) runEpoch(edits map[messages.PeerID]edit) bool {
	f.t.Helper()
	proposals := make([][][]byte, members)
	busy := false
	for p := range members {
		proposals[p] = f.modules[p].Propose(f.states[p], f.see(f.nodes[p]))
		if e := edits[messages.PeerID(p)]; e != nil {
			proposals[p] = e(proposals[p])
		}
		busy = busy || len(proposals[p]) > 0
	}
	if !busy {
		return false
	}
	f.verdict = map[messages.PeerID][]error{}
	for p, items := range proposals {
		for _, body := range items {
			err := f.item(messages.PeerID(p), body)
			f.verdict[messages.PeerID(p)] = append(f.verdict[messages.PeerID(p)], err)
		}
	}
	f.epoch++
	return true
}

func (f *federation) item(from messages.PeerID, body []byte) error {
	f.t.Helper()
	err := f.all(func(m *wallet.Module, tx storage.Tx, e *env) error { return m.ApplyItem(tx, e, from, body) })
	f.audit()
	return err
}

// mine adds blocks, shows them to all members, and lets them agree.
func (f *federation) mine(n int) {
	f.t.Helper()
	f.world.Mine(n)
	f.run(nil)
}

// pay puts a deposit under the key of seed into the mempool.
func (f *federation) pay(seed byte, sats int64) wire.OutPoint {
	f.t.Helper()
	address, err := pegin.Address(f.observer().Descriptor(), tweakKey(seed))
	if err != nil {
		f.t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.world.Pay(script, sats)
}

// proof proves a deposit from the block that holds it.
func (f *federation) proof(seed byte, at wire.OutPoint) *pegin.Proof {
	f.t.Helper()
	for h := f.world.Height(); h > 0; h-- {
		b := f.world.Block(h)
		for _, tx := range b.Transactions {
			if tx.TxHash() == at.Hash {
				p, err := pegin.Build(f.observer().Descriptor(), b, at, tweakKey(seed))
				if err != nil {
					f.t.Fatal(err)
				}
				return p
			}
		}
	}
	f.t.Fatalf("deposit %s is in no block", at)
	return nil
}

// claim applies a peg-in input.
func (f *federation) claim(body []byte) (contract.Worth, error) {
	f.t.Helper()
	if v := f.check(contract.Items{Inputs: [][]byte{body}}); v.Rejection != nil {
		return contract.Worth{}, v.Rejection
	}
	var worth contract.Worth
	err := f.all(func(m *wallet.Module, tx storage.Tx, e *env) (err error) {
		worth, err = m.ApplyInput(tx, e, body)
		return err
	})
	if err == nil {
		f.issued += int64(worth.Amount)
	}
	f.audit()
	return worth, err
}

func (f *federation) check(items contract.Items) contract.Verdict {
	return f.observer().Check([]contract.Items{items})[0]
}

// deposit does a whole peg-in.
func (f *federation) deposit(seed byte, sats int64) wire.OutPoint {
	f.t.Helper()
	at := f.pay(seed, sats)
	f.mine(1 + delay)
	if _, err := f.claim(f.proof(seed, at).Bytes()); err != nil {
		f.t.Fatal(err)
	}
	return at
}

// withdraw applies a peg-out output.
func (f *federation) withdraw(out wallet.PegOut) (messages.OutPoint, contract.Worth, error) {
	f.t.Helper()
	f.txs++
	return f.withdrawAt(messages.OutPoint{Tx: messages.TxID{f.txs, 0xee}, Index: 1}, out)
}

func (f *federation) withdrawAt(at messages.OutPoint, out wallet.PegOut) (messages.OutPoint, contract.Worth, error) {
	f.t.Helper()
	if v := f.check(contract.Items{Outputs: [][]byte{out.Bytes()}}); v.Rejection != nil {
		return at, contract.Worth{}, v.Rejection
	}
	var worth contract.Worth
	err := f.all(func(m *wallet.Module, tx storage.Tx, e *env) (err error) {
		worth, err = m.ApplyOutput(tx, e, at, out.Bytes())
		return err
	})
	if err == nil {
		f.issued -= int64(worth.Amount)
	}
	f.audit()
	return at, worth, err
}

func (f *federation) status(at messages.OutPoint) *walletwire.PegOutStatus {
	f.t.Helper()
	out := new(walletwire.PegOutStatus)
	if err := canonical.Unmarshal(f.observer().Outcome(f.state(), at), out, 100); err != nil {
		f.t.Fatal(err)
	}
	return out
}

// broadcast sends what the state wants on the chain, and returns it.
func (f *federation) broadcast() []*wire.MsgTx {
	f.t.Helper()
	var out []*wire.MsgTx
	for _, raw := range wallet.PendingBroadcasts(f.state()) {
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
			f.t.Fatal(err)
		}
		if err := f.world.Broadcast(tx); err != nil {
			f.t.Fatal(err)
		}
		out = append(out, tx)
	}
	return out
}

func query[M proto.Message](t testing.TB, m *wallet.Module, r storage.Reader, method string, request proto.Message, answer M) M {
	t.Helper()
	var body []byte
	if request != nil {
		body = canonical.Marshal(request)
	}
	raw, err := m.Query(r, method, body)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	if err := canonical.Unmarshal(raw, answer, 1<<20); err != nil {
		t.Fatal(err)
	}
	return answer
}

func (f *federation) quote(out wallet.PegOut) *walletwire.Quote {
	f.t.Helper()
	return query(f.t, f.observer(), f.state(), "quote", &walletwire.QuoteRequest{Address: out.Address, Sats: out.Sats}, new(walletwire.Quote))
}

func (f *federation) summary() *walletwire.Summary {
	f.t.Helper()
	return query(f.t, f.observer(), f.state(), "summary", nil, new(walletwire.Summary))
}

// recipient is a P2WPKH address that the test holds the key of.
func recipient(net *chaincfg.Params) string {
	a, err := btcutil.NewAddressWitnessPubKeyHash(btcutil.Hash160(secretOf(99).PubKey().SerializeCompressed()), net)
	if err != nil {
		panic(err)
	}
	return a.EncodeAddress()
}

func wantCode(t *testing.T, err error, code messages.RejectionCode, final bool) {
	t.Helper()
	var r *messages.Rejection
	if !errors.As(err, &r) || r.Code != code || r.Final != final {
		t.Errorf("error %v, want rejection %d, final %t", err, code, final)
	}
}

func wantMisbehaviour(t *testing.T, err error) {
	t.Helper()
	var m *contract.Misbehaviour
	if !errors.As(err, &m) {
		t.Errorf("error %v, want misbehaviour", err)
	}
}

func (f *federation) height() uint32 {
	h, _ := f.observer().AgreedTip(f.state())
	if raw := f.env.facts[contract.FactHeight]; raw != nil && binary.BigEndian.Uint32(raw) != h {
		f.t.Fatalf("fact says %x, state %d", raw, h)
	}
	return h
}

func hashAt(c *fake.Chain, h uint32) chainhash.Hash { return c.Block(h).BlockHash() }
