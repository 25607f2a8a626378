package deal_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/purse"
	"minimint/actors/gateway/deal"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/mint"
	"minimint/actors/module/moduletest"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// dealt is a federation with notes of at most 2^9 msat.
var dealt = sync.OnceValue(func() *clienttest.Federation {
	return clienttest.New(clienttest.Config{Members: 1, Tiers: 10, FinalityDelay: 1}, 9)
})

const words = "legal winner thank year wave sausage worth useful legal winner thank yellow"

// claim makes the transaction that claims a contract, as the gateway's client does, and
// returns what it leaves, what it pays and what the mint asks of it.
func claim(t *rapid.T, money mint.Config, fee, held messages.Amount) (left, paid, asked messages.Amount, err error) {
	federation := dealt().Config.ID()
	p := purse.New(purse.Config{Federation: federation, Mint: money, Ring: keys.NewRing(words, federation), Random: rand.NewChaCha8([32]byte{1})})
	op := &clientwire.Operation{Id: 1, Kind: clientwire.Kind_KIND_REDEEM}
	in := terms.Input{Way: terms.Preimage, Key: xonly(person('g'))}
	order := purse.Order{Inputs: []purse.Extra{{Item: transaction.Item{Kind: lightning.Kind, Body: in.Encode()}, Amount: held, Fee: fee, Key: person('g')}}}
	err = memory.New().Update(func(tx storage.Tx) error {
		book.AddTweak(tx, keys.Tweak{1})
		return p.Prepare(tx, op, order)
	})
	if err != nil {
		return 0, 0, 0, err
	}
	tx, rejection := transaction.Decode(op.GetAttempts()[0].GetTransaction())
	if rejection != nil {
		t.Fatal(rejection)
	}
	module, err := mint.New(money)
	if err != nil {
		t.Fatal(err)
	}
	err = memory.New().Update(func(state storage.Tx) error {
		for i, item := range tx.Outputs() {
			w, err := module.ApplyOutput(storage.Scoped(state, storage.Local("mint")), moduletest.NewEnv(state), messages.OutPoint{Tx: tx.ID(), Index: uint32(i)}, item.Body)
			if err != nil {
				return err
			}
			left, asked = left+w.Amount, asked+w.Fee
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return left, tx.Fee(), asked, nil
}

// What claiming is taken to cost is what the client then pays and the mint asks, whatever the
// fees and denominations are, also of contracts far above twice the largest tier; and what the
// client cannot claim is known before anything is paid.
func TestClaimingCostsWhatTheMintAsks(t *testing.T) {
	money, err := mint.FromFederation(dealt().Config)
	if err != nil {
		t.Fatal(err)
	}
	money.Rand = rand.NewChaCha8([32]byte{2})
	all := money.Tiers
	rapid.Check(t, func(rt *rapid.T) {
		low := rapid.IntRange(0, len(all)-1).Draw(rt, "smallest tier")
		money.Tiers = all[low:rapid.IntRange(low+1, len(all)).Draw(rt, "tiers")]
		money.IssueFee = messages.Amount(rapid.Uint64Range(0, 20).Draw(rt, "issue"))
		money.SpendFee = messages.Amount(rapid.Uint64Range(0, 20).Draw(rt, "spend"))
		largest := messages.Amount(1) << money.Tiers[len(money.Tiers)-1].Exponent
		fee := messages.Amount(rapid.Uint64Range(0, 300).Draw(rt, "claim"))
		held := messages.Amount(rapid.Uint64Range(1, uint64(60*largest)).Draw(rt, "held"))
		costs := deal.Costs{Claim: fee, Notes: purse.Terms(money)}
		cost, refused := costs.Claiming(held)
		left, paid, asked, err := claim(rt, money, fee, held)
		if (refused != nil) != (err != nil) {
			rt.Fatalf("%s: taken for %v, and is %v", held, refused, err)
		}
		if err != nil {
			return
		}
		if left+cost != held || paid != cost || asked+fee > cost {
			rt.Errorf("%s leaves %s: taken to cost %s; %s are paid, %s asked", held, left, cost, paid, asked+fee)
		}
	})
}

// Above twice the largest tier a contract is paid out in more notes than its amount has
// bits, and above what one transaction holds it cannot be claimed at all.
func TestManyNotes(t *testing.T) {
	w := want(t, invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Costs.Notes = tiers(11, 10) })
	p, err := deal.Outgoing(w)
	if err != nil {
		t.Fatal(err)
	}
	// 103,100 are 99 notes of 2^10, 1,034 each with its fee, and 734: one of 2^9, 2^7 and 2^6.
	if claiming := messages.Amount(200 + 102*10); p.MaxFee != 3_300-claiming {
		t.Errorf("routing may cost %s", p.MaxFee)
	}
	w = want(t, invoice(100_000), func(w *deal.Wanted, _ *terms.Outgoing) { w.Costs.Notes = tiers(8, 0) })
	if p, err := deal.Outgoing(w); err == nil || !strings.Contains(err.Error(), "cannot be claimed") {
		t.Errorf("plan %+v, %v", p, err)
	}
}
