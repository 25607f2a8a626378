package wallet_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"minimint/actors/module/banktest"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// A replacement of Fedimint spent other coins than what it replaced, so that both could be mined and a withdrawal was paid twice.
func TestV2OneTransactionForOnePegOut(t *testing.T) {
	t.Run("proposed again", func(t *testing.T) {
		b := banktest.New(t, banktest.Config{})
		notes := append(b.Fund(300_000), b.Fund(200_000)...)
		tx, _ := b.PegOut(notes, wallet.PegOut{Address: home, Sats: 250_000, MaxFeeSats: 9000})
		if res := b.Run(banktest.Of(tx, tx), banktest.Of(tx), banktest.Of(tx)); len(res.Accepted) != 1 {
			t.Fatalf("accepted %d times", len(res.Accepted))
		}
		id := pendingID(t, b)
		late := map[messages.PeerID]banktest.Edit{1: withoutSignatures, 2: withoutSignatures}
		b.Settle(late)
		b.Chain.SetFeeRate(9000)
		b.Chain.Mine(1)
		b.Settle(late)
		b.Run(banktest.Of(tx), banktest.Of(tx))
		if rate := b.Summary().GetFeeRate(); rate != 9000 || len(b.Broadcast()) != 0 {
			t.Fatalf("rate %d, or signed too early", rate)
		}
		b.Restart(1)
		b.Settle(nil)
		b.Run(banktest.Of(tx))
		if signed := b.Broadcast(); len(signed) != 1 || signed[0].TxHash() != id {
			t.Errorf("%d transactions, the first is %s, want %s alone", len(signed), signed[0].TxHash(), id)
		}
	})
	t.Run("whatever happens", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			s := newStory(t, r)
			for range 3 {
				s.deposit(1, rapid.Int64Range(100_000, 400_000).Draw(r, "coin"))
			}
			s.payOut()
			for range rapid.IntRange(1, 5).Draw(r, "steps") {
				s.unsigned = rapid.Bool().Draw(r, "unsigned")
				switch rapid.IntRange(0, 4).Draw(r, "event") {
				case 0:
					s.payOut()
				case 1:
					s.world.SetFeeRate(rapid.Uint64Range(1000, 50_000).Draw(r, "rate"))
				case 2:
					s.world.Reorg(1+s.pick(delay, "depth"), delay+1)
				case 3:
					s.restart()
				case 4: // all that can happen to a wallet
				}
				s.step()
				s.sign()
				s.onlyOne()
			}
		})
	})
}

// withoutSignatures keeps signatures back.
func withoutSignatures(items [][]byte) [][]byte {
	return slices.DeleteFunc(slices.Clone(items), func(body []byte) bool {
		item := new(walletwire.Item)
		return canonical.Unmarshal(body, item, 1<<20) == nil && item.GetSignatures() != nil
	})
}

// restart gives all members fresh modules on what they have stored.
func (s *story) restart() {
	for i := range s.modules {
		cfg := config()
		if i < members {
			cfg.Secret, cfg.Me = secretOf(byte(10+i)), messages.PeerID(i)
		}
		m, err := wallet.New(cfg)
		if err != nil {
			s.r.Fatal(err)
		}
		s.modules[i] = m
	}
}

// sign checks that members would sign nothing but the transactions that accepted
// peg-outs had from the beginning. (Fee bumps will sign others: then compare their
// coins, as onlyOne does.)
func (s *story) sign() {
	for p, m := range s.modules[:members] {
		for _, body := range m.Propose(s.states[p], nil) {
			item := new(walletwire.Item)
			if err := canonical.Unmarshal(body, item, 1<<20); err != nil {
				s.r.Fatal(err)
			}
			txid := item.GetSignatures().GetTxid()
			if txid != nil && !slices.ContainsFunc(s.pegOuts, func(p *payment) bool { return bytes.Equal(p.txid, txid) }) {
				s.r.Fatalf("member %d signs %x, which was no peg-out's when it was accepted", p, txid)
			}
		}
	}
}

// onlyOne checks that all transactions that were ever signed for a peg-out have a
// coin in common, so that bitcoin takes one of them.
func (s *story) onlyOne() {
	s.t.Helper()
	all := map[chainhash.Hash]*wire.MsgTx{}
	for h := uint32(1); h <= s.world.Height(); h++ {
		for _, tx := range s.world.Block(h).Transactions {
			all[tx.TxHash()] = tx
		}
	}
	for _, raw := range wallet.PendingBroadcasts(s.state()) {
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
			s.r.Fatal(err)
		}
		all[tx.TxHash()] = tx
	}
	for _, p := range s.pegOuts {
		for id, tx := range all {
			if slices.ContainsFunc(tx.TxOut, func(o *wire.TxOut) bool { return bytes.Equal(o.PkScript, p.script) }) {
				p.signed[id] = tx
			}
		}
		for id, tx := range p.signed {
			for other, rival := range p.signed {
				if !shareCoin(tx, rival) {
					s.r.Fatalf("peg-out %s is paid by %s and by %s, with other coins", p.at, id, other)
				}
			}
		}
	}
}

func shareCoin(a, b *wire.MsgTx) bool {
	return slices.ContainsFunc(a.TxIn, func(x *wire.TxIn) bool {
		return slices.ContainsFunc(b.TxIn, func(y *wire.TxIn) bool { return x.PreviousOutPoint == y.PreviousOutPoint })
	})
}
