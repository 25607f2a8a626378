package chain

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"minimint/actors/chain/fake"
	"minimint/actors/module/wallet"
	"minimint/messages/chainview"
	"minimint/messages/tochain"
	"minimint/storage"
)

// evil is a bitcoin node that lies where it is told to.
type evil struct {
	*fake.Node
	t     *testing.T
	hash  func(uint32, chainhash.Hash) chainhash.Hash
	block func(*wire.MsgBlock) *wire.MsgBlock
	tip   func(uint32) uint32
	send  func(*wire.MsgTx) error
	rate  func() uint64
	calls int
}

func (e *evil) FeeRate() (uint64, error) {
	if e.rate != nil {
		return e.rate(), nil
	}
	return e.Node.FeeRate()
}

func (e *evil) Tip() (uint32, error) {
	if e.calls++; e.calls == 1000 {
		e.t.Error("the chain actor asks for ever")
	}
	if e.calls >= 1000 {
		return 0, fake.ErrUnusable
	}
	tip, err := e.Node.Tip()
	if e.tip != nil {
		tip = e.tip(tip)
	}
	return tip, err
}

func (e *evil) BlockHash(height uint32) (chainhash.Hash, error) {
	hash, err := e.Node.BlockHash(height)
	if e.hash != nil {
		hash, err = e.hash(height, hash), nil
	}
	return hash, err
}

func (e *evil) Block(hash chainhash.Hash) (*wire.MsgBlock, error) {
	b, err := e.Node.Block(hash)
	if e.block != nil && err == nil {
		b = e.block(b)
	}
	return b, err
}

func (e *evil) Broadcast(tx *wire.MsgTx) error {
	if e.send != nil {
		return e.send(tx)
	}
	return e.Node.Broadcast(tx)
}

// evilWorld is a world whose actor has that node.
func evilWorld(t *testing.T) (*world, *evil) {
	w := newWorld(t)
	e := &evil{Node: w.node, t: t}
	w.backend = e
	w.start()
	return w, e
}

// A node that answers with nothing where a hash belongs, as a null in JSON is
// read, makes its member neither propose what the others blame it for, nor do so
// again and again.
func TestEmptyHashesAreNoVotes(t *testing.T) {
	for at := uint32(birthday); at < birthday+4; at++ {
		w, e := evilWorld(t)
		w.chain.Mine(12)
		e.hash = func(height uint32, hash chainhash.Hash) chainhash.Hash {
			if height == at {
				return chainhash.Hash{}
			}
			return hash
		}
		w.tick(time.Second)
		w.commit()
		w.tick(time.Second)
		w.commit()
		if w.height() != at-1 {
			t.Errorf("agreed on height %d though the node does not show block %d", w.height(), at)
		}
		if w.ask(1); w.status[0].Problem == "" {
			t.Error("no problem reported")
		}
		e.hash = nil
		w.tick(time.Second)
		w.commit()
		if w.height() != 12-delay {
			t.Errorf("height %d when the node is well again", w.height())
		}
	}
}

// A node that shows other transactions than its block holds proves nothing.
func TestBlockThatDoesNotHoldItsTransactions(t *testing.T) {
	for name, forge := range map[string]func(*wire.MsgBlock, *wire.MsgTx){
		"added":    func(b *wire.MsgBlock, tx *wire.MsgTx) { b.Transactions = append(b.Transactions, tx) },
		"replaced": func(b *wire.MsgBlock, tx *wire.MsgTx) { b.Transactions[0] = tx },
		"alone":    func(b *wire.MsgBlock, tx *wire.MsgTx) { b.Transactions = []*wire.MsgTx{tx, tx} },
		"empty":    func(b *wire.MsgBlock, _ *wire.MsgTx) { b.Transactions = nil },
	} {
		w, e := evilWorld(t)
		w.chain.Mine(10)
		w.payOut()
		tx := w.chain.Mempool()[0]
		e.block = func(b *wire.MsgBlock) *wire.MsgBlock {
			b = b.Copy()
			forge(b, tx)
			return b
		}
		w.chain.MineWithout()
		w.chain.MineWithout()
		w.tick(time.Second)
		w.commit()
		if len(w.last().Burials) != 0 {
			t.Errorf("%s: a forged burial was reported", name)
		}
		// When the node tells the truth the burial is found, also in blocks that it
		// lied about.
		w.chain.Mine(1 + delay)
		w.tick(time.Second)
		w.commit()
		e.block = nil
		w.tick(time.Second)
		w.commit()
		w.read(func(r storage.Reader) {
			if len(wallet.WantedBurials(r)) != 0 {
				t.Errorf("%s: burial was not found", name)
			}
		})
	}
}

// A tip that never stays the same, as behind a proxy to two nodes, does not keep
// the actor busy.
func TestFlappingTipIsNoReasonToSpin(t *testing.T) {
	w, e := evilWorld(t)
	w.chain.Mine(20)
	e.tip = func(tip uint32) uint32 { return tip - uint32(e.calls%3) }
	asked := uint64(0)
	e.rate = func() uint64 { asked++; return 1000 + 2000*(asked*asked%5) } // and its estimate jumps
	w.tick(time.Second)
	w.commit()
	calls, epoch := e.calls, w.epoch
	for range 100 {
		w.tick(time.Second)
		w.commit()
	}
	if e.calls-calls > 110 || w.epoch-epoch > 3 {
		t.Errorf("%d surveys and %d epochs in 100 seconds", e.calls-calls, w.epoch-epoch)
	}
}

// A node whose answers take longer than a resend interval is slow, not lost:
// what it says is used.
func TestSlowNodeIsHeard(t *testing.T) {
	w, e := evilWorld(t)
	w.chain.Mine(20)
	heard := 0
	e.tip = func(tip uint32) uint32 {
		if e.calls < 10 {
			heard = len(w.reports)
			for range 5 {
				w.tick(20 * time.Second) // that long it takes
			}
		}
		return tip
	}
	w.tick(time.Second)
	if heard == 0 {
		t.Error("nothing was heard from a slow node")
	}
}

// A miner whose block reward has a script of almost a megabyte makes proofs that
// no item can hold, for all peg-outs that he mines with it. They are left out;
// votes and other burials go on.
func TestHugeCoinbaseSilencesNobody(t *testing.T) {
	w, e := evilWorld(t)
	w.chain.Mine(10)
	const stuck = 9
	e.send = func(*wire.MsgTx) error { return nil }
	for range stuck {
		w.payOut()
	}
	e.send = nil
	w.tick(10 * time.Second)
	w.tick(time.Second) // more than one survey offers
	w.chain.MineTo(bytes.Repeat([]byte{txscript.OP_RETURN}, 950_000), 1)
	w.chain.Mine(delay)
	w.tick(time.Second)
	w.commit()
	id := w.payOut()
	w.chain.Mine(1 + delay)
	w.tick(time.Second)
	w.commit()
	if w.height() != w.chain.Height()-delay {
		t.Errorf("height %d, want %d", w.height(), w.chain.Height()-delay)
	}
	w.read(func(r storage.Reader) {
		if wanted := wallet.WantedBurials(r); len(wanted) != stuck || isWanted(wanted, id) {
			t.Errorf("%d payments wait to be buried", len(wanted))
		}
	})
	if n := len(w.last().Burials); n != 0 {
		t.Errorf("%d burials reported", n)
	}
}

// A node that refuses a transaction is not offered it at every look.
func TestRefusedBroadcastIsRepeatedRarely(t *testing.T) {
	w, e := evilWorld(t)
	w.chain.Mine(10)
	offered := 0
	e.send = func(*wire.MsgTx) error { offered++; return errors.New("no") }
	w.payOut()
	for range 5 {
		w.tick(time.Second)
	}
	if offered != 1 {
		t.Errorf("offered %d times within one interval", offered)
	}
	w.tick(10 * time.Second)
	if offered != 2 {
		t.Errorf("offered %d times after the interval", offered)
	}
	if w.ask(1); w.status[0].Problem == "" {
		t.Error("no problem reported")
	}
}

// Absurd heights overflow nothing.
func TestAbsurdTips(t *testing.T) {
	w, e := evilWorld(t)
	w.chain.Mine(20)
	for _, tip := range []uint32{0, 1, 1<<32 - 1, 1 << 31} {
		e.tip = func(uint32) uint32 { return tip }
		w.tick(time.Second)
		w.commit()
		w.system.Root.Send(w.subject, tochain.Look{})
	}
	if w.height() > 20 {
		t.Errorf("height %d of 20 agreed", w.height())
	}
	if len(w.last().Blocks) > chainview.MaxBlocks {
		t.Errorf("%d blocks", len(w.last().Blocks))
	}
}

// A crash of the worker loses one survey and no more: when it is ready again the
// actor looks again. Whoever else answers is not listened to.
func TestCrashOfTheWorkerLosesOneSurvey(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(12)
	e := &evil{Node: w.node, t: t}
	bell := new(alarm)
	w.backend, w.timer = e, bell
	e.tip = func(tip uint32) uint32 {
		if e.calls == 1 {
			panic("crash")
		}
		return tip
	}
	before := len(w.reports)
	w.start()
	if len(w.reports) != before || bell.fn == nil {
		t.Fatal("the worker did not crash")
	}
	bell.fn() // the back-off is over
	if w.last().Tip != 12 {
		t.Errorf("%+v", w.last())
	}
	n := len(w.reports)
	w.system.Root.RequestWithCustomSender(w.subject, finding{seen: true, view: chainview.Observation{Tip: 99}}, w.others)
	w.system.Root.Send(w.subject, ready{})
	if len(w.reports) != n || w.last().Tip != 12 {
		t.Error("the answer to a lost survey was taken")
	}
}

// alarm is a timer whose first alarm a test lets ring.
type alarm struct{ fn func() }

func (a *alarm) After(_ time.Duration, fn func()) func() {
	if a.fn == nil {
		a.fn = fn
	}
	return func() {}
}

// Quiescence: whatever the node does, each event is agreed on in a few epochs,
// nothing is proposed twice, and a chain that stays as it is leaves nothing to
// propose, also after restarts. When the node is well again all payments end.
func TestQuiescence(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w, e := evilWorld(t)
		w.chain.Mine(10)
		w.tick(time.Second)
		w.commit()
		pick := func(n int, name string) int { return rapid.IntRange(0, n-1).Draw(r, name) }
		for range rapid.IntRange(3, 12).Draw(r, "steps") {
			switch pick(9, "step") {
			case 0:
				w.chain.Mine(1 + pick(12, "blocks"))
			case 1:
				w.chain.Reorg(delay, delay+1)
			case 2:
				w.node.SetLag(uint32(pick(9, "lag")))
			case 3:
				w.node.SetDown(true)
			case 4:
				w.node.SetDown(false)
			case 5:
				w.chain.SetFeeRate(rapid.SampledFrom([]uint64{0, 1, 1000, 4000, 1 << 33}).Draw(r, "rate"))
			case 6:
				w.node.FailAfter(pick(12, "calls"))
			case 7:
				w.start() // beside the old one, as if it had not stopped yet
			case 8:
				w.node.SetDown(false)
				w.node.SetLag(0)
				if w.tick(time.Second); w.height() == w.chain.Height()-delay {
					w.payOut()
				}
			}
			for _, passed := range []time.Duration{time.Second, time.Second, time.Minute, time.Second} {
				w.tick(passed)
				w.commit()
			}
			before := w.epoch
			for range 3 {
				w.tick(time.Minute)
				w.commit()
			}
			if w.epoch != before {
				r.Fatalf("%d epochs though nothing happens", w.epoch-before)
			}
		}
		w.node.SetDown(false)
		w.node.SetLag(0)
		w.tick(time.Minute)
		w.chain.Mine(1 + delay)
		for range 5 {
			w.tick(time.Minute)
			w.commit()
		}
		w.read(func(s storage.Reader) {
			if n := len(wallet.WantedBurials(s)); n != 0 || w.height() != w.chain.Height()-delay {
				r.Fatalf("%d payments are not buried, height %d of %d", n, w.height(), w.chain.Height())
			}
		})
		if e.calls > 400 {
			r.Fatalf("the node was asked %d times", e.calls)
		}
	})
}
