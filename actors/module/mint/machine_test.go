package mint_test

import (
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage/memory"
)

// The machine applies random epochs to the shipped transition and mint, and to a
// ledger that is so simple that it can be read in a minute. Some notes are
// counterfeits that verify, as after a theft of keys: the audit must stop them.

const (
	spendFee, issueFee = 3, 5 // of a house
	perTier            = 5
)

// coin is one note and the order that asks for it.
type coin struct {
	tier        uint32
	order, note []byte
	secret      *btcec.PrivateKey
}

// plan is a transaction as the simple ledger sees it.
type plan struct {
	tx       *transaction.Transaction
	spends   []int // coins, in the order of inputs
	deposits []uint64
	sums     []messages.Amount // of the deposits
	orders   []int             // coins
	payouts  []messages.Amount
	forged   bool // a note's signature is another's
	misspelt bool // the transaction's signature is wrong
}

// simple is the second model.
type simple struct {
	coins       []coin
	accepted    map[messages.TxID]bool
	spent       map[int]bool
	ordered     map[int]bool
	deposited   map[uint64]bool
	outstanding map[uint32]int64 // by tier
	till, fees  int64
}

func (s *simple) clone() *simple {
	c := &simple{
		coins: s.coins, accepted: map[messages.TxID]bool{}, spent: map[int]bool{}, ordered: map[int]bool{}, deposited: map[uint64]bool{},
		outstanding: map[uint32]int64{}, till: s.till, fees: s.fees,
	}
	for k := range s.accepted {
		c.accepted[k] = true
	}
	for k := range s.spent {
		c.spent[k] = true
	}
	for k := range s.ordered {
		c.ordered[k] = true
	}
	for k := range s.deposited {
		c.deposited[k] = true
	}
	for k, v := range s.outstanding {
		c.outstanding[k] = v
	}
	return c
}

// stateless is what Check should say.
func (s *simple) stateless(p plan) messages.RejectionCode {
	for _, list := range [][]int{p.spends, p.orders} {
		for i := range list {
			for j := range i {
				if list[i] == list[j] {
					return messages.RejectDuplicate
				}
			}
		}
	}
	switch {
	case p.misspelt:
		return messages.RejectSignature
	case p.forged:
		return messages.RejectNoteInvalid
	}
	return 0
}

// apply applies p to s, which is thrown away if the answer is not 0.
func (s *simple) apply(p plan) messages.RejectionCode {
	var in, out int64
	negative := false
	book := func(sum *int64, delta int64) { *sum += delta; negative = negative || *sum < 0 }
	tier := func(t uint32, delta int64) { n := s.outstanding[t]; book(&n, delta); s.outstanding[t] = n }
	for i, d := range p.deposits { // a plan's deposits come before its notes
		if s.deposited[d] {
			return messages.RejectPegInClaimed
		}
		s.deposited[d] = true
		in += int64(p.sums[i])
		book(&s.till, int64(p.sums[i]))
	}
	for _, c := range p.spends {
		if s.spent[c] {
			return messages.RejectNoteSpent
		}
		s.spent[c] = true
		worth := int64(1) << s.coins[c].tier
		in += worth
		tier(s.coins[c].tier, -worth)
	}
	for _, c := range p.orders {
		if s.ordered[c] {
			return messages.RejectBlindNonceUsed
		}
		s.ordered[c] = true
		worth := int64(1) << s.coins[c].tier
		out += worth
		tier(s.coins[c].tier, worth)
	}
	for _, a := range p.payouts {
		out += int64(a)
		book(&s.till, -int64(a))
	}
	fee := int64(p.tx.Fee())
	book(&s.fees, fee)
	switch {
	case in != out+fee:
		return messages.RejectUnbalanced
	case fee < int64(spendFee*len(p.spends)+issueFee*len(p.orders)):
		return messages.RejectFeeTooLow
	case negative || s.till < s.owed():
		return messages.RejectInsolvent
	}
	s.accepted[p.tx.ID()] = true
	return 0
}

// issued returns the coins that were asked for, ascending.
func (s *simple) issued() (out []int) {
	for c := range s.coins {
		if s.ordered[c] {
			out = append(out, c)
		}
	}
	return out
}

func (s *simple) owed() int64 {
	owed := s.fees
	for _, v := range s.outstanding {
		owed += v
	}
	return owed
}

// mintCoins makes notes of all tiers ahead, so that the machine runs fast.
func mintCoins(t *testing.T, h *house) (coins []coin) {
	t.Helper()
	for tier := range h.tiers {
		for range perTier {
			o := h.order(tier)
			coins = append(coins, coin{tier: h.tiers[tier].Exponent, order: h.output(o), note: h.note(t, o), secret: o.secret})
		}
	}
	return coins
}

// draw makes a transaction: mostly one that balances, often one that should not be.
func draw(t *rapid.T, s *simple) plan {
	var p plan
	d := transaction.Draft{}
	var secrets []*btcec.PrivateKey
	some := rapid.IntRange(0, len(s.coins)-1)
	issued := some
	if list := s.issued(); len(list) > 0 && rapid.IntRange(0, 4).Draw(t, "counterfeit") > 0 {
		issued = rapid.SampledFrom(list)
	}
	p.spends = rapid.SliceOfN(issued, 0, 2).Draw(t, "spends")
	p.orders = rapid.SliceOfN(some, 0, 2).Draw(t, "orders")
	p.payouts = rapid.SliceOfN(rapid.SampledFrom([]messages.Amount{0, 1, 64}), 0, 1).Draw(t, "payouts")
	var in, out messages.Amount
	for _, c := range p.spends {
		in += mint.Amount(s.coins[c].tier)
	}
	for _, c := range p.orders {
		out += mint.Amount(s.coins[c].tier)
		d.Outputs = append(d.Outputs, minted(s.coins[c].order))
	}
	for _, a := range p.payouts {
		out += a
		d.Outputs = append(d.Outputs, transaction.Item{Kind: tillKind, Body: tillBody(0, a)})
	}
	d.Fee = messages.Amount(spendFee*len(p.spends)+issueFee*len(p.orders)) + rapid.SampledFrom([]messages.Amount{0, 0, 9}).Draw(t, "tip")
	if in < out+d.Fee || len(p.spends) == 0 {
		p.deposits = append(p.deposits, rapid.Uint64Range(0, 9).Draw(t, "deposit"))
		p.sums = append(p.sums, out+d.Fee-min(in, out+d.Fee))
	} else if rapid.Bool().Draw(t, "balance") {
		d.Fee = in - out
	}
	switch rapid.IntRange(0, 9).Draw(t, "error") {
	case 0:
		d.Fee++
	case 1:
		d.Fee -= min(d.Fee, 1)
		if len(p.sums) > 0 && p.sums[0] > 0 {
			p.sums[0]--
		}
	}
	for i, number := range p.deposits {
		d.Inputs = append(d.Inputs, deposit(number, p.sums[i]))
	}
	for _, c := range p.spends {
		note := s.coins[c].note
		if rapid.IntRange(0, 15).Draw(t, "forge") == 0 {
			note, p.forged = swapSignature(note, s.coins[(c+1)%len(s.coins)].note), true
		}
		d.Inputs = append(d.Inputs, minted(note))
		secrets = append(secrets, s.coins[c].secret)
	}
	if rapid.IntRange(0, 15).Draw(t, "sign") == 0 {
		secrets, p.misspelt = append(secrets, s.coins[0].secret), true
	}
	p.tx = pay(t, d, secrets...)
	return p
}

// swapSignature returns a note with the signature of another.
func swapSignature(note, other []byte) []byte {
	a, err := mint.DecodeInput(note)
	if err != nil {
		panic(err)
	}
	b, err := mint.DecodeInput(other)
	if err != nil {
		panic(err)
	}
	a.Signature = b.Signature
	return a.Encode()
}

// expect is what the simple ledger makes of an epoch.
func (s *simple) expect(lists [][]plan) (*simple, string) {
	decided, text := map[messages.WitnessID]bool{}, ""
	for _, list := range lists {
		for _, p := range list {
			if decided[p.tx.WitnessID()] || s.accepted[p.tx.ID()] {
				continue
			}
			decided[p.tx.WitnessID()] = true
			code, next := s.stateless(p), s.clone()
			if code == 0 {
				code = next.apply(p)
			}
			if code == 0 {
				s = next
				text += fmt.Sprintf("accepted %.8s\n", p.tx.ID())
			}
			if code != 0 {
				text += fmt.Sprintf("refused %.8s for %d\n", p.tx.WitnessID(), code)
			}
		}
	}
	return s, text
}

// said is what the federation made of it, in the same words.
func said(res transition.Result, lists [][]plan) (text string) {
	accepted, refused, told := map[messages.TxID]bool{}, map[messages.WitnessID]messages.RejectionCode{}, map[messages.WitnessID]bool{}
	for _, id := range res.Accepted {
		accepted[id] = true
	}
	for _, r := range res.Rejected {
		refused[r.Witness] = r.Rejection.Code
	}
	for _, list := range lists {
		for _, p := range list {
			if told[p.tx.WitnessID()] {
				continue
			}
			told[p.tx.WitnessID()] = true
			// A refused form may have an accepted twin.
			if code, ok := refused[p.tx.WitnessID()]; ok {
				text += fmt.Sprintf("refused %.8s for %d\n", p.tx.WitnessID(), code)
				delete(refused, p.tx.WitnessID())
			} else if accepted[p.tx.ID()] {
				text += fmt.Sprintf("accepted %.8s\n", p.tx.ID())
				delete(accepted, p.tx.ID())
			}
		}
	}
	return text + fmt.Sprint(len(accepted)+len(refused), " more\n")
}

// Conservation, NoDoubleSpend, Finality, Agreement and Replay: what the shipped
// code accepts and refuses, and for which reason, is what the simple ledger does;
// assets equal what is owed to the millisatoshi; what was refused for ever is never
// accepted (H61); and whoever replays from any epoch on, with whatever he had
// verified before, ends in the same state (H45).
func TestMachine(t *testing.T) {
	h := newHouse(20, 0, 3, 6)
	coins := mintCoins(t, h)
	rapid.Check(t, func(t *rapid.T) {
		f, s := found(h), &simple{coins: coins}
		s = s.clone()
		var outcomes []outcome.Outcome
		var states []*memory.Store
		var before []plan
		ended := map[messages.WitnessID]bool{}  // what was refused for ever
		passes := map[messages.WitnessID]bool{} // what was checked before, as far as it is remembered
		for range rapid.IntRange(1, 4).Draw(t, "epochs") {
			o := outcome.Outcome{Epoch: f.epoch}
			lists := make([][]plan, rapid.IntRange(1, 3).Draw(t, "members"))
			for i := range lists {
				for range rapid.IntRange(0, 3).Draw(t, "transactions") {
					p := draw(t, s)
					if len(before) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
						p = rapid.SampledFrom(before).Draw(t, "which")
					}
					before = append(before, p)
					lists[i] = append(lists[i], p)
				}
				var c outcome.Contribution
				for _, p := range lists[i] {
					c.Transactions = append(c.Transactions, p.tx)
				}
				o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: c.Encode()})
			}
			outcomes, states = append(outcomes, o), append(states, f.store.Clone())
			was := f.hash(t)
			res := f.apply(t, o, func(id messages.WitnessID) bool { return passes[id] })
			next, want := s.expect(lists)
			if got := said(res, lists); got != want+"0 more\n" {
				t.Fatalf("epoch %d: the federation says\n%swhere the simple ledger says\n%s", o.Epoch, got, want)
			}
			if len(res.Accepted) == 0 && f.hash(t) != was {
				t.Fatal("nothing was accepted, but the state changed")
			}
			for _, p := range before {
				if next.accepted[p.tx.ID()] && !s.accepted[p.tx.ID()] && !p.misspelt && ended[p.tx.WitnessID()] {
					t.Fatalf("%.8s was refused for ever and accepted later", p.tx.ID())
				}
			}
			for _, r := range res.Rejected {
				ended[r.Witness] = ended[r.Witness] || r.Rejection.Final
			}
			if got := f.audit(t); got.Assets != next.till || got.Liabilities != next.owed() || got.Assets != got.Liabilities || res.Totals != got {
				t.Fatalf("audit %+v, want assets of %d and liabilities of %d", got, next.till, next.owed())
			}
			s = next
			for _, p := range before {
				passes[p.tx.WitnessID()] = passes[p.tx.WitnessID()] || s.stateless(p) == 0 && rapid.Bool().Draw(t, "remember")
			}
		}
		from := rapid.IntRange(0, len(outcomes)-1).Draw(t, "replay from")
		other := found(h)
		other.store = states[from]
		for _, o := range outcomes[from:] {
			other.apply(t, o, func(id messages.WitnessID) bool { return passes[id] })
		}
		if other.hash(t) != f.hash(t) {
			t.Fatalf("replay from epoch %d ends in another state", from)
		}
	})
}
