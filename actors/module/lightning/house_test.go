package lightning_test

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/banktest"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/wallet"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// Notes of every house: some twenty of 131 sat, enough for one contract each.
const money = 2_700

var tiers = func() (out []uint32) {
	for e := range uint32(18) {
		out = append(out, e)
	}
	return out
}()

// Fees of every house, all different.
var fees = lightning.Fees{Contract: 1_100, Claim: 1_010, Offer: 1_001, Listing: 1_200}

// keysOf deals the keys for preimages of n members, once.
var keysOf = func() func(n int) tenctest.Keys {
	var mu sync.Mutex
	dealt := map[int]tenctest.Keys{}
	return func(n int) tenctest.Keys {
		mu.Lock()
		defer mu.Unlock()
		k, ok := dealt[n]
		if !ok {
			k = tenctest.Deal(rand.NewChaCha8([32]byte{7, byte(n)}), tenctest.Config{
				Role: domain.LightningPreimage, Threshold: n - (n-1)/3, Members: n,
			})
			dealt[n] = k
		}
		return k
	}
}()

// config is that of member me of n; −1 has no secret.
func config(me, n int) lightning.Config {
	keys := keysOf(n)
	cfg := lightning.Config{Seal: terms.Sealer{Federation: banktest.Federation, Keys: keys.Public}, Fees: fees}
	if me >= 0 {
		cfg.Secret = &keys.Secrets[me]
	}
	return cfg
}

// person is the key of somebody, told apart by a letter.
func person(letter byte) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{letter}, 32))
	return key
}

func xonly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secret.PubKey()))
}

// The people of these tests.
var user, gateway, stranger = person('u'), person('g'), person('x')

var preimage = [32]byte{'p', 'r', 'e'}

func hashOf(preimage [32]byte) messages.Digest { return sha256.Sum256(preimage[:]) }

// A house is a bank with this module, and somebody's notes.
type house struct {
	*banktest.Bank
	notes []banktest.Note
}

func open(t testing.TB) *house { return openOf(t, 4, fees) }

func openOf(t testing.TB, n int, fees lightning.Fees) *house {
	t.Helper()
	return openWith(t, n, func(cfg *lightning.Config) { cfg.Fees = fees })
}

func openWith(t testing.TB, n int, change func(*lightning.Config)) *house {
	t.Helper()
	h := &house{Bank: banktest.New(t, banktest.Config{Members: n, Tiers: tiers, Also: func(me int) contract.Module {
		cfg := config(me, n)
		change(&cfg)
		m, err := lightning.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}})}
	h.notes = h.Fund(money)
	return h
}

func (h *house) module(p messages.PeerID) *lightning.Module {
	return h.Members[p].Also.(*lightning.Module)
}

func (h *house) height() uint32 { return h.Summary().GetHeight() }

// outgoing are the terms of a contract over 50,000 msat that expires after some
// blocks.
func (h *house) outgoing(blocks uint32) terms.Outgoing {
	return terms.Outgoing{
		PaymentHash: hashOf(preimage), Amount: 50_000, GatewayKey: xonly(gateway), UserKey: xonly(user), Expiry: h.height() + blocks,
	}
}

// offer sells preimage, or what else is encrypted.
func (h *house) offer(blocks uint32, secret [32]byte) terms.Offer {
	h.Helper()
	o, err := terms.Seal(rand.NewChaCha8([32]byte{9}), h.module(0).Seal(), terms.Offer{
		Amount: 40_000, ClaimKey: xonly(user), Expiry: h.height() + blocks,
	}, secret)
	if err != nil {
		h.Fatal(err)
	}
	return o
}

// A deal is a transaction in the making.
type deal struct {
	inputs  []terms.Input
	secrets []*btcec.PrivateKey
	outputs []terms.Output
	// fee instead of the least one, if set.
	fee messages.Amount
	// gain is what the contracts of the inputs hold, cost what the outputs do.
	gain, cost messages.Amount
}

// tx makes a transaction: notes pay what is missing. All that is left but one msat,
// which makes it unlike all others, is fee, or notes for change if the deal says
// what the fee is.
func (h *house) tx(d deal) *transaction.Transaction {
	h.Helper()
	least := messages.Amount(len(d.inputs)) * fees.Claim
	for _, out := range d.outputs {
		switch {
		case out.Offer != nil:
			least += fees.Offer
		case out.Listing != nil:
			least += fees.Listing
		default:
			least += fees.Contract
		}
	}
	exact := d.fee != 0
	if exact {
		least = d.fee
	}
	var draft transaction.Draft
	for _, in := range d.inputs {
		draft.Inputs = append(draft.Inputs, transaction.Item{Kind: lightning.Kind, Body: in.Encode()})
	}
	secrets := slices.Clone(d.secrets)
	gain := d.gain
	for gain < d.cost+least+1 {
		if len(h.notes) == 0 {
			h.notes = h.Fund(money)
		}
		n := h.notes[0] // the largest are first
		h.notes = h.notes[1:]
		draft.Inputs, secrets, gain = append(draft.Inputs, n.Item()), append(secrets, n.Secret), gain+banktest.Worth(n)
	}
	orders := []banktest.Order{h.Order(0)}
	draft.Fee = gain - d.cost - 1
	if exact {
		draft.Fee, orders = least, h.Orders(gain-d.cost-least)
	}
	for _, o := range orders {
		draft.Outputs = append(draft.Outputs, o.Item())
	}
	for _, out := range d.outputs {
		draft.Outputs = append(draft.Outputs, transaction.Item{Kind: lightning.Kind, Body: out.Encode()})
	}
	return h.Sign(draft, secrets...)
}

// fund is a transaction that opens an outgoing contract.
func (h *house) fund(o terms.Outgoing) *transaction.Transaction {
	h.Helper()
	return h.tx(deal{outputs: []terms.Output{{Outgoing: &o}}, cost: o.Amount})
}

func (h *house) announce(o terms.Offer) *transaction.Transaction {
	h.Helper()
	return h.tx(deal{outputs: []terms.Output{{Offer: &o}}})
}

func (h *house) buy(o terms.Offer) *transaction.Transaction {
	h.Helper()
	return h.tx(deal{outputs: []terms.Output{purchase(o.ID(banktest.Federation))}, cost: o.Amount})
}

// purchase is the gateway's of an offer.
func purchase(id terms.ID) terms.Output {
	return terms.Output{Purchase: &terms.Purchase{Offer: id, RefundKey: xonly(gateway)}}
}

// take takes a contract's money with the secret of the input's key.
func (h *house) take(in terms.Input, holds messages.Amount, secret *btcec.PrivateKey) *transaction.Transaction {
	h.Helper()
	in.Key = xonly(secret)
	return h.tx(deal{inputs: []terms.Input{in}, secrets: []*btcec.PrivateKey{secret}, gain: holds})
}

// An edit changes what a member's module wants in an epoch.
type edit func(items [][]byte) [][]byte

func silent([][]byte) [][]byte { return nil }

// round is one epoch of what all members want, with what they are made to say and
// these transactions; busy says whether there was anything.
func (h *house) round(edits map[messages.PeerID]edit, txs ...*transaction.Transaction) (res transition.Result, busy bool) {
	h.Helper()
	parts := make([]outcome.Contribution, len(h.Members))
	parts[0].Transactions = txs
	for i := range h.Members {
		p := messages.PeerID(i)
		for _, body := range h.Propose(p) {
			parts[i].Items = append(parts[i].Items, transaction.Item{Kind: wallet.Kind, Body: body})
		}
		items := h.shares(p)
		if edit := edits[p]; edit != nil {
			items = edit(items)
		}
		for _, body := range items {
			parts[i].Items = append(parts[i].Items, transaction.Item{Kind: lightning.Kind, Body: body})
		}
		busy = busy || len(parts[i].Items) > 0
	}
	if !busy && len(txs) == 0 {
		return res, false
	}
	return h.Run(parts...), busy
}

// shares is what a member's module proposes now.
func (h *house) shares(p messages.PeerID) (items [][]byte) {
	h.Helper()
	h.View(p, lightning.Kind, func(r storage.Reader) { items = h.module(p).Propose(r, nil) })
	return items
}

// rest lets the members agree until nobody wants anything; nobody may be at fault.
func (h *house) rest() {
	h.Helper()
	for range 50 {
		res, busy := h.round(nil)
		if len(res.Faults) > 0 {
			h.Fatalf("correct members are at fault: %v", res.Faults)
		}
		if !busy {
			return
		}
	}
	h.Fatal("members want something for ever")
}

// blocks passes.
func (h *house) blocks(n int) {
	h.Helper()
	h.Chain.Mine(n)
	h.rest()
}

// until mines until the agreed height is at least this.
func (h *house) until(height uint32) {
	h.Helper()
	for h.height() < height {
		h.blocks(1)
	}
}

// refused expects that these are refused in one epoch, for this reason.
func (h *house) refused(what string, code messages.RejectionCode, txs ...*transaction.Transaction) {
	h.Helper()
	res := h.Run(banktest.Of(txs...))
	for _, got := range banktest.Codes(res) {
		if got != code {
			h.Errorf("%s: refused for %d, want %d: %s", what, got, code, res.Rejected[0].Rejection.Text)
		}
	}
	if len(res.Rejected) != len(txs) {
		h.Errorf("%s: %d of %d refused", what, len(res.Rejected), len(txs))
	}
}

// replay expects that history replayed ends in the same state.
func (h *house) replay() {
	h.Helper()
	if h.Replay() != h.Hash() {
		h.Error("a replay ends in another state")
	}
}

func secretsOf(secrets ...*btcec.PrivateKey) []*btcec.PrivateKey { return secrets }

// reseal is resealed for the members of a house.
func reseal(h *house, o terms.Offer, secret [32]byte) terms.Offer {
	h.Helper()
	return resealed(h.module(0).Seal(), o, secret)
}

// resealed encrypts anything of 32 bytes under terms whose payment hash may be of
// something else, as a user might who wants to cheat.
func resealed(to terms.Sealer, o terms.Offer, secret [32]byte) terms.Offer {
	o.Ciphertext = nil
	label := domain.Hash(domain.Label, to.Federation[:], []byte("lightning offer"), canonical.Marshal(o.Wire()))
	c, err := tenc.Encrypt(rand.NewChaCha8([32]byte{10}), to.Keys, label[:], secret[:])
	if err != nil {
		panic(err)
	}
	o.Ciphertext = c.Encode()
	return o
}

// listing is a gateway's word about itself, for some blocks.
func (h *house) listing(secret *btcec.PrivateKey, serial uint64, blocks uint32) terms.Listing {
	h.Helper()
	l, err := terms.List(banktest.Federation, terms.Gateway{
		Node: [33]byte(person('n').PubKey().SerializeCompressed()), Channel: 8 << 40, API: "https://gateway.example:8080/v1", Name: "a gateway",
		Send: terms.Fee{Base: 2_000, PPM: 3_000}, Receive: terms.Fee{Base: 1_000, PPM: 1_000}, ExpiryMargin: 40,
		Serial: serial, Expiry: h.height() + blocks,
	}, secret)
	if err != nil {
		h.Fatal(err)
	}
	return l
}
