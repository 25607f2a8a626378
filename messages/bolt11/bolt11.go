// Package bolt11 reads and makes Lightning invoices (BOLT #11), with lnd's codec and
// the rules that money needs on top: an invoice is of one network, is signed, names an
// amount that can be, and carries the payment secret that keeps the hops on the way
// from probing who is paid (BOLT #4).
//
// The text of an invoice is a stranger's. What is longer than [MaxLength] is not looked
// at; everything that cannot be read or is not allowed wraps [ErrInvoice].
package bolt11

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/lightningnetwork/lnd/lnwire"
	"github.com/lightningnetwork/lnd/zpay32"

	"minimint/messages"
)

// MaxLength bounds the text of an invoice, MaxHints the ways that it shows.
const (
	MaxLength = 2048
	MaxHints  = 8
)

// ErrInvoice says that something is no invoice that can be paid here.
var ErrInvoice = errors.New("invalid invoice")

// An Invoice is what a recipient asks for.
type Invoice struct {
	// Text is the invoice itself.
	Text string
	// Hash is the payment hash, the SHA-256 of the preimage.
	Hash messages.Digest
	// Amount is in msat; 0 leaves it to the payer.
	Amount messages.Amount
	// Payee is the recipient's node key, a compressed point of secp256k1.
	Payee [33]byte
	// Secret is the payment secret.
	Secret [32]byte
	// Until is when the recipient no longer wants it.
	Until time.Time
	// FinalDelay is how many blocks the recipient's HTLC must at least last; where the
	// invoice does not say, it is lnd's 24, above the 18 of BOLT #11.
	FinalDelay uint32
	// Description is for people; empty if the invoice only has a hash of it.
	Description string
	// Hints are ways to the payee from nodes that everybody knows.
	Hints [][]Hop
}

// A Hop is one channel of a way to the payee.
type Hop struct {
	// Node is the node that the channel leaves from, by its compressed key.
	Node [33]byte
	// Channel is its short channel id.
	Channel uint64
	// Base, in msat, and Rate, in millionths of the amount, are the fee.
	Base, Rate uint32
	// Delay is the difference of the time locks, in blocks.
	Delay uint16
}

// Read reads an invoice of a network. It may be expired; see [Invoice.Until].
func Read(text string, network *chaincfg.Params) (Invoice, error) {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "lightning:")
	if len(text) > MaxLength {
		return Invoice{}, fmt.Errorf("%w: %d characters, at most %d are allowed", ErrInvoice, len(text), MaxLength)
	}
	if other := networkOf(text, network); other != "" {
		return Invoice{}, fmt.Errorf("%w: it is for the network %s, not for %s", ErrInvoice, other, network.Name)
	}
	got, err := zpay32.Decode(text, network, zpay32.WithErrorOnUnknownFeatureBit())
	if err != nil {
		return Invoice{}, fmt.Errorf("%w: %w", ErrInvoice, err)
	}
	i := Invoice{Text: text, Hash: *got.PaymentHash, Until: got.Timestamp.Add(got.Expiry())}
	if i.Amount, err = amountOf(got.MilliSat); err == nil && wraps(text) {
		err = messages.ErrAmount
	}
	if err != nil {
		return Invoice{}, fmt.Errorf("%w: its amount: %w", ErrInvoice, err)
	}
	if i.Secret, err = got.PaymentAddr.UnwrapOrErr(errors.New("no payment secret")); err != nil {
		return Invoice{}, fmt.Errorf("%w: %w", ErrInvoice, err)
	}
	if delay := got.MinFinalCLTVExpiry(); delay <= math.MaxUint16 {
		i.FinalDelay = uint32(delay)
	} else {
		return Invoice{}, fmt.Errorf("%w: its last hop is to last %d blocks", ErrInvoice, delay)
	}
	if len(got.RouteHints) > MaxHints {
		return Invoice{}, fmt.Errorf("%w: %d route hints, at most %d are allowed", ErrInvoice, len(got.RouteHints), MaxHints)
	}
	copy(i.Payee[:], got.Destination.SerializeCompressed())
	if got.Description != nil {
		i.Description = *got.Description
	}
	for _, hint := range got.RouteHints {
		var way []Hop
		for _, h := range hint {
			hop := Hop{Channel: h.ChannelID, Base: h.FeeBaseMSat, Rate: h.FeeProportionalMillionths, Delay: h.CLTVExpiryDelta}
			copy(hop.Node[:], h.NodeID.SerializeCompressed())
			way = append(way, hop)
		}
		i.Hints = append(i.Hints, way)
	}
	return i, nil
}

// amountOf checks an amount that may be missing.
func amountOf(m *lnwire.MilliSatoshi) (messages.Amount, error) {
	switch {
	case m == nil:
		return 0, nil
	case *m == 0:
		return 0, messages.ErrAmount
	}
	return messages.NewAmount(uint64(*m))
}

// wraps reports whether the amount in a text that could be decoded is beyond all money:
// the codec multiplies by the unit without looking, so that a part of it may be left.
func wraps(text string) bool {
	human := text[:strings.LastIndexByte(text, '1')]
	unit := map[byte]uint64{'m': 100_000_000, 'u': 100_000, 'n': 100, 'p': 1}[human[len(human)-1]]
	if unit == 0 {
		unit = 100_000_000_000
	} else {
		human = human[:len(human)-1]
	}
	digits := human[len(strings.TrimRight(human, "0123456789")):]
	n, err := strconv.ParseUint(digits, 10, 64)
	return digits != "" && (err != nil || n > uint64(math.MaxUint64)/unit)
}

// networkOf names the network of an invoice if it is another one that is known.
func networkOf(text string, mine *chaincfg.Params) string {
	prefix := func(p *chaincfg.Params) string { return "ln" + p.Bech32HRPSegwit }
	best := ""
	name := ""
	for _, p := range []*chaincfg.Params{
		&chaincfg.MainNetParams, &chaincfg.TestNet3Params, &chaincfg.SigNetParams, &chaincfg.RegressionNetParams, &chaincfg.SimNetParams,
	} {
		// The digits of the amount, or the separator 1, follow the prefix.
		rest, ok := strings.CutPrefix(text, prefix(p))
		if ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' && len(prefix(p)) > len(best) {
			best, name = prefix(p), p.Name
		}
	}
	if best == prefix(mine) {
		return ""
	}
	return name
}

// A Draft is an invoice to be made.
type Draft struct {
	Hash        messages.Digest
	Secret      [32]byte
	Amount      messages.Amount // 0 leaves it to the payer
	Description string
	Created     time.Time
	Life        time.Duration
	FinalDelay  uint32
	Hints       [][]Hop
}

// Make makes and signs an invoice; the key is the payee's node key. What nobody could
// pay or read panics: amounts, hints and descriptions are the caller's to bound.
func Make(d Draft, network *chaincfg.Params, key *btcec.PrivateKey) Invoice {
	options := []func(*zpay32.Invoice){
		zpay32.Description(d.Description), zpay32.Expiry(d.Life), zpay32.CLTVExpiry(uint64(d.FinalDelay)), zpay32.PaymentAddr(d.Secret),
		zpay32.Features(lnwire.NewFeatureVector(lnwire.NewRawFeatureVector(lnwire.TLVOnionPayloadRequired, lnwire.PaymentAddrRequired, lnwire.MPPOptional), lnwire.Features)),
	}
	if d.Amount > 0 {
		options = append(options, zpay32.Amount(lnwire.MilliSatoshi(d.Amount)))
	}
	for _, way := range d.Hints {
		var hint []zpay32.HopHint
		for _, h := range way {
			node, err := btcec.ParsePubKey(h.Node[:])
			if err != nil {
				panic(fmt.Sprintf("bolt11: hint by the node %x: %v", h.Node, err))
			}
			hint = append(hint, zpay32.HopHint{
				NodeID: node, ChannelID: h.Channel, FeeBaseMSat: h.Base, FeeProportionalMillionths: h.Rate, CLTVExpiryDelta: h.Delay,
			})
		}
		options = append(options, zpay32.RouteHint(hint))
	}
	raw, err := zpay32.NewInvoice(network, d.Hash, d.Created, options...)
	if err != nil {
		panic(fmt.Sprintf("bolt11: %v", err))
	}
	text, err := raw.Encode(zpay32.MessageSigner{SignCompact: func(msg []byte) ([]byte, error) {
		return ecdsa.SignCompact(key, chainhash.HashB(msg), true), nil
	}})
	if err != nil {
		panic(fmt.Sprintf("bolt11: %v", err))
	}
	made, err := Read(text, network)
	if err != nil {
		panic(fmt.Sprintf("bolt11: made what cannot be read: %v", err))
	}
	return made
}
