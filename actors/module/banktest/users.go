package banktest

import (
	"bytes"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// A Deposit is bitcoin that was paid to the federation, and the key that may
// claim it.
type Deposit struct {
	At     wire.OutPoint
	Secret *btcec.PrivateKey
}

// Key is the tweak key of the deposit's address.
func (d Deposit) Key() [32]byte { return xonly(d.Secret) }

func xonly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secret.PubKey()))
}

func (b *Bank) secret() *btcec.PrivateKey {
	var seed [32]byte
	_, _ = b.random.Read(seed[:])
	key, _ := btcec.PrivKeyFromBytes(seed[:])
	return key
}

// Pay puts a deposit into the mempool, under a fresh key.
func (b *Bank) Pay(sats int64) Deposit {
	b.Helper()
	d := Deposit{Secret: b.secret()}
	address, err := pegin.Address(b.Members[0].Wallet.Descriptor(), d.Key())
	if err != nil {
		b.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		b.Fatal(err)
	}
	d.At = b.Chain.Pay(script, sats)
	return d
}

// Proof proves a deposit from the block of the chain that holds it.
func (b *Bank) Proof(d Deposit) *pegin.Proof {
	b.Helper()
	for h := b.Chain.Height(); h > 0; h-- {
		block := b.Chain.Block(h)
		if slices.ContainsFunc(block.Transactions, func(tx *wire.MsgTx) bool { return tx.TxHash() == d.At.Hash }) {
			p, err := pegin.Build(b.Members[0].Wallet.Descriptor(), block, d.At, d.Key())
			if err != nil {
				b.Fatal(err)
			}
			return p
		}
	}
	b.Fatalf("deposit %s is in no block", d.At)
	return nil
}

// Claim makes notes of deposits. What no note represents is fee.
func (b *Bank) Claim(deposits ...Deposit) (*transaction.Transaction, []Order) {
	b.Helper()
	var inputs []transaction.Item
	var secrets []*btcec.PrivateKey
	sum := messages.Amount(0)
	for _, d := range deposits {
		p := b.Proof(d)
		inputs, secrets = append(inputs, transaction.Item{Kind: wallet.Kind, Body: p.Bytes()}), append(secrets, d.Secret)
		sum += p.Amount()
	}
	least := messages.Amount(len(deposits)) * messages.Amount(b.Summary().GetPegInFeeMsat())
	if sum < least {
		b.Fatalf("deposits of %s do not pay their fee of %s", sum, least)
	}
	orders := b.Orders(sum - least)
	d := transaction.Draft{Inputs: inputs, Fee: sum - worthOf(orders)}
	for _, o := range orders {
		d.Outputs = append(d.Outputs, o.Item())
	}
	return b.Sign(d, secrets...), orders
}

// Fund makes a deposit, waits until it is agreed on, and returns it as notes.
func (b *Bank) Fund(sats int64) []Note {
	b.Helper()
	d := b.Pay(sats)
	b.Mine(1 + FinalityDelay)
	tx, orders := b.Claim(d)
	b.Accepted(tx)
	return b.Notes(tx.ID(), orders)
}

// Summary is what the wallet says about itself.
func (b *Bank) Summary() *walletwire.Summary {
	b.Helper()
	return Ask(b, "summary", nil, new(walletwire.Summary))
}

// Quote is what the wallet says about a peg-out.
func (b *Bank) Quote(out wallet.PegOut) *walletwire.Quote {
	b.Helper()
	return Ask(b, "quote", &walletwire.QuoteRequest{Address: out.Address, Sats: out.Sats}, new(walletwire.Quote))
}

// An Order asks for a note, and knows how to unblind it.
type Order struct {
	Tier     uint32
	issuance *tbs.Issuance
	secret   *btcec.PrivateKey
}

// Item is the order as an output.
func (o Order) Item() transaction.Item {
	return transaction.Item{Kind: mint.Kind, Body: mint.Output{Tier: o.Tier, BlindNonce: o.issuance.BlindNonce().Bytes()}.Encode()}
}

// Order makes an order for one note.
func (b *Bank) Order(tier uint32) Order {
	b.Helper()
	o := Order{Tier: tier, secret: b.secret()}
	r, err := bls.RandomScalar(b.random)
	if err == nil {
		o.issuance, err = tbs.NewIssuance(deal(b.threshold(), b.cfg.Members, tier).keys, xonly(o.secret), r)
	}
	if err != nil {
		b.Fatal(err)
	}
	return o
}

// Orders makes orders for as much of an amount as notes and their fees represent.
func (b *Bank) Orders(amount messages.Amount) []Order {
	b.Helper()
	var out []Order
	for _, e := range slices.Backward(b.cfg.Tiers) {
		for one := mint.Amount(e) + b.cfg.IssueFee; amount >= one; amount -= one {
			out = append(out, b.Order(e))
		}
	}
	return out
}

func worthOf(orders []Order) (sum messages.Amount) {
	for _, o := range orders {
		sum += mint.Amount(o.Tier)
	}
	return sum
}

// A Note is money, and the key that spends it.
type Note struct {
	Tier   uint32
	Body   []byte
	Secret *btcec.PrivateKey
}

// Item is the note as an input.
func (n Note) Item() transaction.Item { return transaction.Item{Kind: mint.Kind, Body: n.Body} }

// Worth is what notes are worth together.
func Worth(notes ...Note) (sum messages.Amount) {
	for _, n := range notes {
		sum += mint.Amount(n.Tier)
	}
	return sum
}

// Notes collects the blind shares of orders that are the first outputs of an
// accepted transaction, from these members or else from the first n−f.
func (b *Bank) Notes(tx messages.TxID, orders []Order, from ...messages.PeerID) []Note {
	b.Helper()
	if from == nil {
		for p := range b.threshold() {
			from = append(from, messages.PeerID(p))
		}
	}
	answers := make([]tbs.Answer, len(from))
	for i, p := range from {
		answers[i].Index = uint32(p) + 1
		b.View(p, mint.Kind, func(r storage.Reader) {
			for j := range orders {
				share, err := tbs.DecodeBlindShare(b.Members[p].Mint.Share(r, messages.OutPoint{Tx: tx, Index: uint32(j)}))
				if err != nil {
					b.Fatalf("share of member %d for order %d: %v", p, j, err)
				}
				answers[i].Shares = append(answers[i].Shares, share)
			}
		})
	}
	issuances := make([]*tbs.Issuance, len(orders))
	for i, o := range orders {
		issuances[i] = o.issuance
	}
	signatures, liars, err := tbs.Finalize(issuances, answers, b.random)
	if err != nil || len(liars) > 0 {
		b.Fatalf("notes of %s: %v, liars %v", tx, err, liars)
	}
	notes := make([]Note, len(orders))
	for i, o := range orders {
		notes[i] = Note{Tier: o.Tier, Secret: o.secret, Body: mint.Input{Tier: o.Tier, Nonce: xonly(o.secret), Signature: signatures[i]}.Encode()}
	}
	return notes
}

// Sign makes a transaction of a draft, signed by the keys of its inputs.
func (b *Bank) Sign(d transaction.Draft, secrets ...*btcec.PrivateKey) *transaction.Transaction {
	b.Helper()
	sig, err := transaction.Sign(d, Federation, secrets)
	if err != nil {
		b.Fatal(err)
	}
	tx, err := transaction.Build(d, sig)
	if err != nil {
		b.Fatal(err)
	}
	return tx
}

// Transfer pays cost, the price of other outputs, with notes, and orders notes
// for the change: the first outputs. What no note represents is fee.
func (b *Bank) Transfer(notes []Note, cost messages.Amount, outputs ...transaction.Item) (*transaction.Transaction, []Order) {
	b.Helper()
	d := transaction.Draft{}
	var secrets []*btcec.PrivateKey
	for _, n := range notes {
		d.Inputs, secrets = append(d.Inputs, n.Item()), append(secrets, n.Secret)
	}
	least := messages.Amount(len(notes))*b.cfg.SpendFee + messages.Amount(len(outputs))*b.cfg.PegOutFee
	if Worth(notes...) < cost+least {
		b.Fatalf("notes of %s do not pay %s and a fee of %s", Worth(notes...), cost, least)
	}
	change := b.Orders(Worth(notes...) - cost - least)
	for _, o := range change {
		d.Outputs = append(d.Outputs, o.Item())
	}
	d.Outputs = append(d.Outputs, outputs...)
	d.Fee = Worth(notes...) - cost - worthOf(change)
	return b.Sign(d, secrets...), change
}

// PegOut withdraws with notes. The peg-out is the last output.
func (b *Bank) PegOut(notes []Note, out wallet.PegOut) (*transaction.Transaction, []Order) {
	b.Helper()
	cost, err := messages.FromSat(out.Sats + out.MaxFeeSats)
	if err != nil {
		b.Fatal(err)
	}
	return b.Transfer(notes, cost, transaction.Item{Kind: wallet.Kind, Body: out.Bytes()})
}

// Home is a bitcoin address that belongs to nobody here.
func Home() string {
	address, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		panic("banktest: " + err.Error())
	}
	return address.EncodeAddress()
}

// Broadcast offers to the chain what the state wants on it, and returns that.
func (b *Bank) Broadcast() []*wire.MsgTx {
	b.Helper()
	var out []*wire.MsgTx
	b.View(0, wallet.Kind, func(r storage.Reader) {
		for _, raw := range wallet.PendingBroadcasts(r) {
			tx := new(wire.MsgTx)
			if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
				b.Fatal(err)
			}
			if err := b.Chain.Broadcast(tx); err != nil {
				b.Fatal(err)
			}
			out = append(out, tx)
		}
	})
	return out
}
