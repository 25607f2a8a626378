//go:build real

package lightning_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/chain/btcd/simnet"
	"minimint/actors/clock"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/lnd"
	"minimint/cmd/minimint-dev/lightning"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// program is a program that these tests need.
func program(t *testing.T, variable string) string {
	path := os.Getenv(variable)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s names no program: %v (make test-real sets it)", variable, err)
	}
	return path
}

const virtual = uint64(1)<<40 | 7<<16 | 1

// world is two lnd with a channel, and the adapter of the gateway's.
type world struct {
	t           *testing.T
	ctx         context.Context
	alice, gate *lightning.Node
	node        *lnd.Node
	changes     chan struct{}
}

func newWorld(t *testing.T) *world {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	bitcoin, err := simnet.Start(simnet.Config{Binary: program(t, "MINIMINT_BTCD"), Dir: filepath.Join(dir, "btcd"), Sleep: time.Sleep, Blocks: simnet.MatureBlocks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bitcoin.Stop() })
	w := &world{t: t, ctx: ctx}
	start := func(name string, gateway bool) *lightning.Node {
		n, err := lightning.Start(ctx, lightning.Config{Binary: program(t, "MINIMINT_LND"), Dir: filepath.Join(dir, name), Name: name, Bitcoin: bitcoin, Gateway: gateway})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Stop)
		return n
	}
	w.alice, w.gate = start("alice", false), start("gate", true)
	w.must(w.gate.Fund(ctx, 100_000_000))
	w.must(w.gate.Open(ctx, w.alice, 10_000_000, 4_000_000))
	w.dial()
	return w
}

func (w *world) dial() {
	var err error
	w.node, err = lnd.Dial(lnd.Config{
		Address: w.gate.RPC, Certificate: w.gate.Certificate(), Macaroon: w.gate.Macaroon(),
		Virtual: func(scid uint64) bool { return scid == virtual }, Timer: clock.Timer{}, Log: slog.New(slog.DiscardHandler),
	})
	w.must(err)
	w.t.Cleanup(w.node.Close)
	w.changes = make(chan struct{}, 1000)
	w.node.Watch(func() { w.changes <- struct{}{} })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// until looks again whenever the adapter says that something is new.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	look := time.NewTicker(500 * time.Millisecond) // a restart is told to nobody
	defer look.Stop()
	for !done() {
		select {
		case <-w.changes:
		case <-look.C:
		case <-w.ctx.Done():
			w.t.Fatalf("waiting until %s: %v", what, w.ctx.Err())
		}
	}
}

func (w *world) state(hash messages.Digest) lnnode.Payment {
	p, err := w.node.Payment(w.ctx, hash)
	if err != nil && !errors.Is(err, lnnode.ErrOffline) {
		w.t.Fatal(err)
	}
	return p
}

func order(i lightning.Invoice) lnnode.Order {
	return lnnode.Order{Invoice: i.Text, Hash: i.Hash, MaxFee: 10_000, MaxDelay: 500, Patience: 30 * time.Second}
}

func secret() (preimage [32]byte, hash messages.Digest) {
	_, _ = rand.Read(preimage[:])
	return preimage, sha256.Sum256(preimage[:])
}

// TestOutgoing: payments end as lnd says, once, and what is in flight stays so
// while lnd is killed.
func TestOutgoing(t *testing.T) {
	w := newWorld(t)
	info, err := w.node.Info(w.ctx)
	if err != nil || hex.EncodeToString(info.Key[:]) != w.gate.Key || info.Network != "simnet" || !info.Synced || info.Local == 0 || info.Remote == 0 {
		t.Errorf("info %+v, %v", info, err)
	}

	paid, err := w.alice.Invoice(w.ctx, 12_345_000, 3600)
	w.must(err)
	w.must(w.node.Pay(w.ctx, order(paid)))
	w.must(w.node.Pay(w.ctx, order(paid)))
	w.until("the invoice is paid", func() bool { return w.state(paid.Hash).State == lnnode.Succeeded })
	if p := w.state(paid.Hash); messages.Digest(sha256.Sum256(p.Preimage[:])) != paid.Hash {
		t.Errorf("preimage %x", p.Preimage)
	}
	if got, _, err := w.alice.Paid(w.ctx, paid.Hash); err != nil || got != 12_345_000 {
		t.Errorf("alice got %d msat, %v", got, err)
	}

	much, err := w.alice.Invoice(w.ctx, 9_000_000_000, 3600)
	w.must(err)
	w.must(w.node.Pay(w.ctx, order(much)))
	w.until("it cannot be paid", func() bool { return w.state(much.Hash).State == lnnode.Failed })
	t.Logf("too much: %s", w.state(much.Hash).Reason)

	foreign := lightning.Invoice{Text: bolt11.Make(bolt11.Draft{Hash: messages.Digest{1}, Amount: 1000, Created: time.Now(), Life: time.Hour}, simnet.Params, key(t)).Text, Hash: messages.Digest{1}}
	foreign.Text = foreign.Text[:len(foreign.Text)-1] + "q" // a wrong checksum
	if err := w.node.Pay(w.ctx, order(foreign)); !errors.Is(err, lnnode.ErrRefused) {
		t.Errorf("unreadable: %v", err)
	}

	preimage, hash := secret()
	held, err := w.alice.Hold(w.ctx, hash, 55_000)
	w.must(err)
	w.must(w.node.Pay(w.ctx, order(held)))
	w.must(w.alice.Held(w.ctx, hash))
	w.gate.Kill()
	if p, err := w.node.Payment(w.ctx, hash); !errors.Is(err, lnnode.ErrOffline) {
		t.Errorf("without lnd: %v, %v", p, err)
	}
	w.must(w.gate.Restart(w.ctx))
	w.must(w.gate.Rejoin(w.ctx, w.alice))
	if p := w.state(hash); p.State != lnnode.InFlight {
		t.Errorf("after the crash: %v", p.State)
	}
	w.must(w.node.Pay(w.ctx, order(held)))
	w.must(w.alice.Settle(w.ctx, preimage))
	w.until("what was in flight is paid", func() bool { return w.state(hash).State == lnnode.Succeeded })
}

func key(t *testing.T) *btcec.PrivateKey {
	k, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestIncoming: forwards to the virtual channel wait for their answer, also while the
// adapter is away and while lnd is killed.
func TestIncoming(t *testing.T) {
	w := newWorld(t)
	var gate [33]byte
	raw, err := hex.DecodeString(w.gate.Key)
	w.must(err)
	copy(gate[:], raw)
	invoice := func(hash messages.Digest) string {
		return bolt11.Make(bolt11.Draft{
			Hash: hash, Secret: [32]byte{9}, Amount: 250_000, Created: time.Now(), Life: time.Hour, FinalDelay: 30,
			Hints: [][]bolt11.Hop{{{Node: gate, Channel: virtual, Base: 2000, Rate: 1000, Delay: 80}}},
		}, simnet.Params, key(t)).Text
	}
	type end struct {
		preimage [32]byte
		err      error
	}
	pay := func(hash messages.Digest) chan end {
		done := make(chan end, 1)
		go func() {
			preimage, _, err := w.alice.Pay(w.ctx, invoice(hash))
			done <- end{preimage, err}
		}()
		return done
	}
	held := func(hash messages.Digest) lnnode.Forward {
		var f lnnode.Forward
		w.until("the forward comes", func() bool {
			list, _ := w.node.Forwards(w.ctx)
			for _, x := range list {
				if x.Hash == hash {
					f = x
					return true
				}
			}
			return false
		})
		return f
	}

	preimage, hash := secret()
	done := pay(hash)
	f := held(hash)
	if f.Virtual != virtual || f.Out != 250_000 || f.In != 252_250 || f.Expiry <= f.AutoFail {
		t.Errorf("forward %+v", f)
	}
	w.must(w.node.Answer(w.ctx, f.Circuit, (*lnnode.Preimage)(&preimage)))
	if e := <-done; e.err != nil || e.preimage != preimage {
		t.Errorf("settled: %x, %v", e.preimage, e.err)
	}

	_, hash = secret()
	done = pay(hash)
	w.must(w.node.Answer(w.ctx, held(hash).Circuit, nil))
	if e := <-done; !errors.Is(e.err, lightning.ErrUnpaid) {
		t.Errorf("refused: %v", e.err)
	}

	preimage, hash = secret()
	done = pay(hash)
	held(hash)
	w.node.Close() // the gateway dies
	w.dial()
	held(hash)
	w.gate.Kill()
	w.must(w.gate.Restart(w.ctx))
	w.must(w.gate.Rejoin(w.ctx, w.alice))
	w.must(w.node.Answer(w.ctx, held(hash).Circuit, (*lnnode.Preimage)(&preimage)))
	if e := <-done; e.err != nil || e.preimage != preimage {
		t.Errorf("settled after two crashes: %x, %v", e.preimage, e.err)
	}
}
