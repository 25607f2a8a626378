package ledgertest

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/transition"
	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// Assets is what the federation holds, in msat.
func (b *Book) Assets() int64 {
	sum := int64(0)
	for _, sats := range b.coins {
		sum += sats * sat
	}
	return sum + b.change()*sat
}

func (b *Book) change() (sats int64) {
	for _, p := range b.payments {
		sats += p.change
	}
	return sats
}

// Liabilities is what it owes, in msat: to the owners of notes, to payments that
// may cost more than planned, and to its members.
func (b *Book) Liabilities() int64 {
	sum := b.fees + b.reserve + b.surplus
	for _, v := range b.owed {
		sum += v
	}
	return sum
}

// Lines are the running totals by module and name; those of zero are left out.
func (b *Book) Lines() map[string]transition.Totals {
	lines := map[string]transition.Totals{
		"core fees":              {Liabilities: b.fees},
		"wallet coins":           {Assets: b.Assets() - b.change()*sat},
		"wallet change":          {Assets: b.change() * sat},
		"wallet peg-out-reserve": {Liabilities: b.reserve},
		"wallet surplus":         {Liabilities: b.surplus},
	}
	for tier, v := range b.owed {
		lines[fmt.Sprintf("mint tier/%02d", tier)] = transition.Totals{Liabilities: v}
	}
	return lines
}

// Differs compares a committed state with the book and returns what is different,
// "" if nothing is.
func (b *Book) Differs(rules *transition.Transition, state storage.Reader) string {
	sum, lines := transition.Audit(state)
	if sum != (transition.Totals{Assets: b.Assets(), Liabilities: b.Liabilities()}) {
		return fmt.Sprintf("the federation holds and owes %+v, by the book %d and %d", sum, b.Assets(), b.Liabilities())
	}
	want := b.Lines()
	for _, l := range lines {
		name := fmt.Sprintf("%s %s", l.Module, l.Name)
		if want[name] != l.Totals {
			return fmt.Sprintf("%s is %+v, by the book %+v", name, l.Totals, want[name])
		}
		delete(want, name)
	}
	for name, v := range want {
		if v != (transition.Totals{}) {
			return fmt.Sprintf("there is no line %s, by the book it is %+v", name, v)
		}
	}
	for id, epoch := range b.Accepted {
		if record, ok := transition.FindAccepted(state, id); !ok || record.Epoch != epoch {
			return fmt.Sprintf("transaction %.8s is recorded as %+v, by the book it was accepted in epoch %d", id, record, epoch)
		}
	}
	if text := b.summary(rules, state); text != "" {
		return text
	}
	return b.pegOuts(rules, state)
}

// ask puts a query to a module, which must answer it.
func ask[M proto.Message](rules *transition.Transition, state storage.Reader, kind messages.ModuleKind, method string, body []byte, answer M) M {
	m := rules.Module(kind)
	raw, err := m.(contract.Querier).Query(storage.ScopedReader(state, transition.ModuleScope(kind)), method, body)
	must(err)
	must(canonical.Unmarshal(raw, answer, 1<<20))
	return answer
}

func (b *Book) summary(rules *transition.Transition, state storage.Reader) string {
	got := ask(rules, state, wallet.Kind, "summary", nil, new(walletwire.Summary))
	want := &walletwire.Summary{
		Height: b.Height(), DepositsFrozen: b.frozen, FeeRate: b.rate, PegInFeeMsat: uint64(b.DepositFee()), PegOutFeeMsat: transitiontest.PegOutFee,
		Coins: uint64(len(b.coins)), CoinsSats: uint64(b.Assets()/sat - b.change()), Pending: uint32(len(b.payments)), ChangeSats: uint64(b.change()),
	}
	if hash, ok := b.BlockAt(b.Height()); ok {
		want.Hash = hash[:]
	}
	if !proto.Equal(got, want) {
		return fmt.Sprintf("the wallet says %v, by the book %v", got, want)
	}
	entries := ask(rules, state, mint.Kind, "slices", make([]byte, 8), new(mintwire.Slices)).GetEntries()
	if n := uint64(len(b.spent) + len(b.ordered)); entries != n {
		return fmt.Sprintf("the recovery log has %d entries, by the book %d", entries, n)
	}
	return ""
}

// pegOuts compares the status of every peg-out that ever was.
func (b *Book) pegOuts(rules *transition.Transition, state storage.Reader) string {
	r := storage.ScopedReader(state, transition.ModuleScope(wallet.Kind))
	ready := 0
	for txid, at := range b.ever {
		want := &walletwire.PegOutStatus{Txid: txid[:], State: walletwire.PegOutState_PEG_OUT_STATE_SIGNING}
		if p, _ := b.find(txid); p == nil {
			want.State, want.Height = walletwire.PegOutState_PEG_OUT_STATE_BURIED, b.buriedAt[txid]
		} else if p.complete {
			want.State = walletwire.PegOutState_PEG_OUT_STATE_BROADCAST
			ready++
		}
		if got := rules.Module(wallet.Kind).(contract.Answerer).Outcome(r, at); !bytes.Equal(got, canonical.Marshal(want)) {
			return fmt.Sprintf("peg-out %s is %x, by the book %v", at, got, want)
		}
	}
	if n := len(wallet.PendingBroadcasts(r)); n != ready {
		return fmt.Sprintf("%d transactions wait for a block, by the book %d", n, ready)
	}
	return ""
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("ledgertest: %v", err))
	}
}
