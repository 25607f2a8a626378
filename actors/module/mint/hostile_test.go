package mint_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

const spendFee, issueFee = 3, 5 // of a house

// coin is one note and the order that asks for it.
type coin struct {
	tier        uint32
	order, note []byte
	secret      *btcec.PrivateKey
}

// bank is a federation in which a user owns notes that were paid for.
type bank struct {
	*federation
	coins []coin
}

// open deposits enough and issues n notes of each tier, in one epoch.
func openBank(t *testing.T, n int, exponents ...uint32) *bank {
	t.Helper()
	h := newHouse(30, exponents...)
	b := &bank{federation: found(h)}
	var d transaction.Draft
	for tier := range exponents {
		for range n {
			o := h.order(tier)
			b.coins = append(b.coins, coin{tier: exponents[tier], order: h.output(o), note: h.note(t, o), secret: o.secret})
			d.Outputs = append(d.Outputs, minted(b.coins[len(b.coins)-1].order))
			d.Fee += issueFee
		}
	}
	d.Inputs = []transaction.Item{deposit(0, b.worth(b.coins...)+d.Fee)}
	if res := b.run(t, []*transaction.Transaction{pay(t, d)}); len(res.Accepted) != 1 {
		t.Fatalf("%v", codes(res))
	}
	return b
}

func (b *bank) worth(coins ...coin) (sum messages.Amount) {
	for _, c := range coins {
		sum += mint.Amount(c.tier)
	}
	return sum
}

// spend pays coins out of the till, less the fee, under a number that makes
// transactions differ.
func (b *bank) spend(t *testing.T, number uint64, coins ...coin) *transaction.Transaction {
	t.Helper()
	var d transaction.Draft
	var secrets []*btcec.PrivateKey
	for _, c := range coins {
		d.Inputs, secrets = append(d.Inputs, minted(c.note)), append(secrets, c.secret)
	}
	d.Fee = messages.Amount(spendFee * len(coins))
	d.Outputs = []transaction.Item{{Kind: tillKind, Body: tillBody(number, b.worth(coins...)-d.Fee)}}
	return pay(t, d, secrets...)
}

func list(txs ...*transaction.Transaction) []*transaction.Transaction { return txs }

// Counterfeits: nothing but the federation's signature on this nonce, under this
// tier's key, makes a note.
func TestCounterfeits(t *testing.T) {
	b := openBank(t, 2, 3, 6)
	cheap, cheap2, dear := b.coins[0], b.coins[1], b.coins[2]
	point := func(c coin) bls.G1 {
		in, err := mint.DecodeInput(c.note)
		if err != nil {
			t.Fatal(err)
		}
		p, err := bls.DecodeG1(in.Signature.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	with := func(c coin, p bls.G1) coin {
		in, err := mint.DecodeInput(c.note)
		if err != nil {
			t.Fatal(err)
		}
		if in.Signature, err = tbs.DecodeSignature(p.Bytes()); err != nil {
			t.Fatal(err)
		}
		c.note = in.Encode()
		return c
	}
	as := func(c coin, tier uint32) coin {
		in, err := mint.DecodeInput(c.note)
		if err != nil {
			t.Fatal(err)
		}
		in.Tier, c.tier = tier, tier
		c.note = in.Encode()
		return c
	}
	renamed := func(c coin) coin {
		in, err := mint.DecodeInput(c.note)
		if err != nil {
			t.Fatal(err)
		}
		in.Nonce = tbs.Nonce(xonly(dear.secret))
		c.note, c.secret = in.Encode(), dear.secret
		return c
	}
	delta := bls.MulG1(bls.NewScalar(7))
	other := newHouse(31, 3, 6)
	alien := other.order(1)
	for name, coins := range map[string][]coin{
		"a cheap note as a dear one":             {as(cheap, 6)},
		"a dear note as a cheap one":             {as(dear, 3)},
		"the signature of another note":          {with(cheap, point(cheap2))},
		"signature negated":                      {with(cheap, point(cheap).Neg())},
		"a public point":                         {with(cheap, bls.MulG1(bls.NewScalar(1)))},
		"another nonce":                          {renamed(cheap)},
		"two whose errors cancel in a sum":       {with(cheap, point(cheap).Add(delta)), with(cheap2, point(cheap2).Add(delta.Neg()))},
		"the sum of two signatures for one":      {with(cheap, point(cheap).Add(point(cheap2)))},
		"two with their signatures exchanged":    {with(cheap, point(cheap2)), with(cheap2, point(cheap))},
		"a note of a federation of other keys":   {{tier: 6, note: other.note(t, alien), secret: alien.secret}},
		"one forged note among two that are not": {cheap, with(dear, point(cheap2)), cheap2},
	} {
		before := b.hash(t)
		wantCodes(t, name, b.run(t, list(b.spend(t, 1, coins...))), messages.RejectNoteInvalid)
		if b.hash(t) != before {
			t.Errorf("%s left a trace", name)
		}
	}
	if res := b.run(t, list(b.spend(t, 1, b.coins...))); len(res.Accepted) != 1 {
		t.Errorf("the real ones: %v", codes(res))
	}
}

func xonly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(secret.PubKey().SerializeCompressed()[1:])
}

// A note is spent by the owner of its nonce alone: whoever saw it in a transaction
// cannot take it, add to it, or change where it goes.
func TestNotesAreNotBearer(t *testing.T) {
	b := openBank(t, 2, 6)
	victim, mine := b.coins[0], b.coins[1]
	seen := b.spend(t, 1, victim)
	thief := func(d transaction.Draft, secrets ...*btcec.PrivateKey) *transaction.Transaction {
		d.Fee = 2 * spendFee
		return pay(t, d, secrets...)
	}
	out := []transaction.Item{{Kind: tillKind, Body: tillBody(66, 128-2*spendFee)}}
	both := []transaction.Item{minted(victim.note), minted(mine.note)}
	rerouted, err := transaction.Build(transaction.Draft{Inputs: seen.Inputs(), Outputs: out, Fee: seen.Fee()}, seen.Signature())
	if err != nil {
		t.Fatal(err)
	}
	for name, tx := range map[string]*transaction.Transaction{
		"with his key in place of the owner's": thief(transaction.Draft{Inputs: both, Outputs: out}, mine.secret, mine.secret),
		"with his key alone":                   thief(transaction.Draft{Inputs: both, Outputs: out}, mine.secret),
		"the keys in another order":            thief(transaction.Draft{Inputs: both, Outputs: out}, mine.secret, victim.secret),
		"the owner's signature, another end":   rerouted,
	} {
		wantCodes(t, name, b.run(t, list(tx)), messages.RejectSignature)
	}
}

// Fedimint refuses a used blind nonce at submission only, so two members' transactions of one epoch can carry it, and one client's money is gone.
func TestV6BlindNonceReuse(t *testing.T) {
	b := openBank(t, 1, 3, 6)
	order := func(number uint64, bodies ...[]byte) *transaction.Transaction {
		var d transaction.Draft
		for _, body := range bodies {
			out, err := mint.DecodeOutput(body)
			if err != nil {
				t.Fatal(err)
			}
			d.Outputs, d.Fee = append(d.Outputs, minted(body)), d.Fee+issueFee+mint.Amount(out.Tier)
		}
		d.Inputs = []transaction.Item{deposit(number, d.Fee)}
		d.Fee = messages.Amount(issueFee * len(bodies))
		return pay(t, d)
	}
	fresh := b.house.output(b.house.order(0))
	tweaked := func(body []byte, tier uint32, tweak byte) []byte {
		out, err := mint.DecodeOutput(body)
		if err != nil {
			t.Fatal(err)
		}
		out.Tier, out.Tweak[0] = tier, tweak
		return out.Encode()
	}
	wantCodes(t, "twice in a transaction", b.run(t, list(order(1, fresh, tweaked(fresh, 3, 9)))), messages.RejectDuplicate)
	wantCodes(t, "in two of an epoch", b.run(t, list(order(2, fresh)), list(order(3, tweaked(fresh, 3, 9)))), messages.RejectBlindNonceUsed)
	wantCodes(t, "in a later epoch", b.run(t, list(order(4, fresh), order(5, b.coins[0].order))), messages.RejectBlindNonceUsed, messages.RejectBlindNonceUsed)
	wantCodes(t, "in another tier", b.run(t, list(order(6, tweaked(fresh, 6, 0)))))
	if got := b.audit(t); got.Assets != got.Liabilities {
		t.Errorf("audit %+v", got)
	}
}

// A nonce names one note in all tiers: of two notes with one nonce, made by one
// client, the first is the only one that is ever spent.
func TestOneNonceInTwoTiers(t *testing.T) {
	h := newHouse(33, 3, 6)
	f := found(h)
	o := h.order(0)
	in, err := mint.DecodeInput(h.note(t, o))
	if err != nil {
		t.Fatal(err)
	}
	r, err := bls.RandomScalar(h.random)
	if err != nil {
		t.Fatal(err)
	}
	issuance, err := tbs.NewIssuance(h.tiers[1].Keys, in.Nonce, r)
	if err != nil {
		t.Fatal(err)
	}
	twin := order{tier: 1, issuance: issuance, secret: o.secret}
	d := transaction.Draft{Outputs: []transaction.Item{minted(h.output(o)), minted(h.output(twin))}, Fee: 2 * issueFee}
	d.Inputs = []transaction.Item{deposit(1, 8+64+d.Fee)}
	b := &bank{federation: f, coins: []coin{
		{tier: 3, note: h.note(t, o), secret: o.secret}, {tier: 6, note: h.note(t, twin), secret: o.secret},
	}}
	res := b.run(t, list(pay(t, d)), list(b.spend(t, 1, b.coins...)), list(b.spend(t, 2, b.coins[0]), b.spend(t, 3, b.coins[1])))
	wantCodes(t, "two notes of one nonce", res, messages.RejectDuplicate, messages.RejectNoteSpent)
}

// H64: the original noticed forged notes only when all money together did not cover
// them. After a theft of keys they verify; no tier redeems more than it issued, whatever
// the others hold.
func TestH64ForgedNotesStopAtTheirTier(t *testing.T) {
	b := openBank(t, 1, 3, 6)
	o := b.house.order(0)
	forged := b.spend(t, 2, coin{tier: 3, note: b.house.note(t, o), secret: o.secret}) // the other tier could pay for it
	res := b.run(t, list(b.spend(t, 1, b.coins[0]), forged), list(b.spend(t, 3, b.coins[1])))
	wantCodes(t, "a note that nobody paid for", res, messages.RejectInsolvent)
	if len(res.Accepted) != 2 || res.Rejected[0].Tx != forged.ID() || b.audit(t).Assets != b.audit(t).Liabilities {
		t.Errorf("%+v, audit %+v", res, b.audit(t))
	}
}

// Two tiers under one key would make every cheap note a dear one.
func TestTiersMustHaveKeysOfTheirOwn(t *testing.T) {
	h := newHouse(34, 3, 6)
	h.tiers[1].Keys = h.tiers[0].Keys
	if _, err := mint.New(mint.Config{Tiers: h.tiers, Rand: h.random}); err == nil {
		t.Error("accepted")
	}
}

// The original did the dear checks for whatever came: here form, tiers and duplicates come before signatures, those before points, and points before pairings.
func TestH29CheapChecksComeFirst(t *testing.T) {
	b := openBank(t, 1, 6)
	noPoint := bytes.Repeat([]byte{0xff}, 48)
	bad := func(i int) []byte {
		return canonical.Marshal(&mintwire.Input{Tier: 6, Nonce: binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i+1)), Signature: noPoint})
	}
	d := transaction.Draft{Fee: 1}
	for i := range transaction.MaxItems - 1 {
		d.Inputs = append(d.Inputs, minted(bad(i)))
	}
	last := func(body []byte) *transaction.Transaction {
		with := d
		with.Inputs = append(append([]transaction.Item(nil), d.Inputs...), minted(body))
		return pay(t, with, b.coins[0].secret)
	}
	blind := canonical.Marshal(&mintwire.Output{Tier: 6, BlindNonce: noPoint, Tweak: make([]byte, mint.TweakSize)})
	oneBad := transaction.Draft{Inputs: []transaction.Item{minted(b.coins[0].note)}, Outputs: []transaction.Item{minted(blind)}}
	for _, c := range []struct {
		name string
		tx   *transaction.Transaction
		want messages.RejectionCode
	}{
		{"a duplicate after 511 bad points", last(bad(0)), messages.RejectDuplicate},
		{"a wrong tier after 511 bad points", last(canonical.Marshal(&mintwire.Input{Tier: 5, Nonce: make([]byte, 32), Signature: noPoint})), messages.RejectTier},
		{"a short signature after 511 bad points", last(canonical.Marshal(&mintwire.Input{Tier: 6, Nonce: make([]byte, 32), Signature: noPoint[1:]})), messages.RejectMalformed},
		{"512 bad points, badly signed", last(bad(600)), messages.RejectSignature},
		{"a bad blind nonce, badly signed", pay(t, oneBad, b.house.order(0).secret), messages.RejectSignature},
		{"a bad blind nonce, well signed", pay(t, oneBad, b.coins[0].secret), messages.RejectMalformed},
	} {
		wantCodes(t, c.name, b.run(t, list(c.tx)), c.want)
	}
}
