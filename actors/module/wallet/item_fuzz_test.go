package wallet_test

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// FuzzItem sends whole consensus items through the module, at all members of a
// federation with everything under way: items that correct members would send now,
// changed by an edit script, in any order and from any member. All members agree on
// what an item is worth, which is nothing, a refusal or a fault; the books balance
// after each; and correct members are neither blamed nor kept busy for ever by it.
func FuzzItem(f *testing.F) {
	fed := newFederation(f)
	fed.run(nil)
	fed.deposit(1, 400_000)
	fed.deposit(2, 300_000)
	pay := func() {
		if _, _, err := fed.withdraw(wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000}); err != nil {
			f.Fatal(err)
		}
	}
	pay()
	fed.run(nil)
	fed.broadcast()
	fed.mine(1)
	pay()
	fed.world.Mine(delay + 2) // to be voted for; then the first payment can be buried
	var pool [][]byte
	for p := range members {
		pool = append(pool, fed.modules[p].Propose(fed.states[p], fed.see(fed.nodes[p]))...)
	}
	pool = append(pool, burials(f, fed)...)
	for i := range byte(len(pool)) {
		f.Add([]byte{i, i, 0, i + 1, 3, 1, 2, 5, 77, i, 1, 0})
		f.Add([]byte{i, 0, 2, 1, 9, 200, 1, 3, i, 2, 0})
	}
	f.Fuzz(func(t *testing.T, plan []byte) {
		outer := fed.t
		fed.t = t
		defer fed.restore(outer, fed.save())()
		s := &editor{rest: plan}
		for range 8 {
			if len(s.rest) == 0 {
				break
			}
			item := bytes.Clone(pool[s.next(len(pool))])
			from := messages.PeerID(s.next(members))
			for range s.next(4) {
				item = s.edit(item)
			}
			err := fed.item(from, item)
			var fault *contract.Misbehaviour
			var refused *messages.Rejection
			if err != nil && !errors.As(err, &fault) && !errors.As(err, &refused) {
				t.Fatal(err)
			}
			if s.next(3) == 2 {
				fed.epoch++
			}
		}
		fed.epoch++
		for n := 0; ; n++ {
			if n == 20 {
				t.Fatal("still busy")
			}
			if !fed.runEpoch(nil) {
				break
			}
			for p, verdicts := range fed.verdict {
				var fault *contract.Misbehaviour
				for _, err := range verdicts {
					if errors.As(err, &fault) {
						t.Fatalf("correct member %d: %v", p, err)
					}
				}
			}
		}
	})
}

// burials are items that correct members would send one epoch later.
func burials(f *testing.F, fed *federation) (items [][]byte) {
	undo := fed.restore(fed.t, fed.save())
	fed.runEpoch(map[messages.PeerID]edit{0: votesOnly, 1: votesOnly, 2: votesOnly, 3: votesOnly})
	for _, body := range fed.modules[0].Propose(fed.states[0], fed.see(fed.nodes[0])) {
		item := new(walletwire.Item)
		if canonical.Unmarshal(body, item, 1<<20) == nil && item.GetBurial() != nil {
			items = append(items, body)
		}
	}
	undo()
	if len(items) == 0 {
		f.Fatal("there is nothing to bury")
	}
	return items
}

// saved is what a federation of a test was.
type saved struct {
	marks []storage.Savepoint
	env   env
	epoch messages.Epoch
}

func (f *federation) save() saved {
	s := saved{epoch: f.epoch, env: env{facts: maps.Clone(f.env.facts), assets: maps.Clone(f.env.assets), owed: maps.Clone(f.env.owed)}}
	for _, ov := range f.states {
		s.marks = append(s.marks, ov.Savepoint())
	}
	return s
}

func (f *federation) restore(t testing.TB, s saved) func() {
	return func() {
		for i, ov := range f.states {
			ov.Rollback(s.marks[i])
		}
		f.t, f.epoch, *f.env = t, s.epoch, s.env
	}
}

// editor changes items as its bytes say.
type editor struct{ rest []byte }

func (e *editor) next(n int) int {
	if len(e.rest) == 0 {
		return 0
	}
	b := e.rest[0]
	e.rest = e.rest[1:]
	return int(b) % n
}

// edit changes one thing: a byte, or something that stays in canonical form.
func (e *editor) edit(body []byte) []byte {
	item := new(walletwire.Item)
	if kind := e.next(4); kind == 0 || canonical.Unmarshal(body, item, 1<<20) != nil {
		if len(body) > 0 {
			body[(e.next(256)<<8|e.next(256))%len(body)] ^= byte(1 + e.next(255))
		}
		return body
	}
	switch kind := item.GetKind().(type) {
	case *walletwire.Item_Observation:
		o := kind.Observation
		switch e.next(5) {
		case 0:
			o.BaseHeight += uint32(e.next(9)) - 4
		case 1:
			o.FeeRate = uint64(e.next(256)) << e.next(64)
		case 2:
			e.list(&o.NextHashes)
		case 3:
			e.flip(o.GetBaseHash())
		case 4:
			o.BaseHash = nil
		}
	case *walletwire.Item_Signatures:
		e.flip(kind.Signatures.GetTxid())
		e.list(&kind.Signatures.Signatures)
	case *walletwire.Item_Burial:
		proof := kind.Burial.GetInclusion()
		switch e.next(6) {
		case 0:
			e.flip(kind.Burial.GetTxid())
		case 1:
			e.flip(proof.GetHeader())
		case 2:
			proof.Index += uint32(e.next(9)) - 4
		case 3:
			e.list(&proof.Branch)
		case 4:
			e.list(&proof.CoinbaseBranch)
		case 5:
			e.flip(proof.GetCoinbase())
		}
	}
	return canonical.Marshal(item)
}

// flip changes a byte, or nothing.
func (e *editor) flip(b []byte) {
	if at := e.next(256); len(b) > 0 && at < 255 {
		b[at%len(b)] ^= byte(e.next(256))
	}
}

// list drops, repeats, swaps or damages an element.
func (e *editor) list(list *[][]byte) {
	n := len(*list)
	if n == 0 {
		*list = append(*list, bytes.Repeat([]byte{byte(e.next(256))}, e.next(70)))
		return
	}
	at := e.next(n)
	switch e.next(4) {
	case 0:
		*list = append((*list)[:at], (*list)[at+1:]...)
	case 1:
		*list = append(*list, (*list)[at])
	case 2:
		(*list)[0], (*list)[at] = (*list)[at], (*list)[0]
	case 3:
		e.flip((*list)[at])
	}
}
