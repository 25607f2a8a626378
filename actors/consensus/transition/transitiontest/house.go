// Package transitiontest helps to test the rules of a federation as a whole: the
// real transition over the real mint and wallet.
//
//   - A [House] has the keys of all members, dealt by one hand, and notes that are
//     made ahead, so that drawing a transaction costs no pairing.
//   - A [World] is the bitcoin chain with the node of each member.
//   - A [Scribe] writes transactions and consensus items, good and bad ones, as its
//     [Choices] say: those of a property test, or the bytes of a fuzz input. What
//     it writes comes with what it means: a [Plan], an [Item].
//
// Package ledgertest has the second model, which says what must become of them.
package transitiontest

import (
	"fmt"
	"math/rand/v2"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/descriptor"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/messages"
)

// The federation of every house.
const (
	Members   = 4
	Threshold = 3
	// Liar is the member that may be faulty.
	Liar = messages.PeerID(Members - 1)
	// Delay is the wallet's finality delay, Birthday the first agreed height.
	Delay    = 2
	Birthday = 3
)

// The least fees of items, in msat.
const (
	SpendFee  = 2_000
	IssueFee  = 5_000
	PegInFee  = 1_000
	PegOutFee = 3_000
)

// The bounds of fee rates, in satoshi per 1000 virtual bytes.
const (
	MinRate     = 1_000
	DefaultRate = 2_000
	MaxRate     = 100_000
)

// Dust limits of the scripts that payments have, as every bitcoin node knows them,
// in satoshi.
const (
	DustOfKey    = 294 // P2WPKH
	DustOfScript = 330 // P2WSH
)

// tiers are the exponents of the notes: about 1,049, 16,777 and 134,218 sat.
var tiers = []uint32{20, 24, 27}

// perTier is how many notes of each tier there are.
const perTier = 7

// A Note is one that can be asked for and spent, with what its owner knows.
type Note struct {
	Tier uint32
	// Order is the body of the output that asks for it, Body that of the input
	// that spends it.
	Order, Body []byte
	secret      *btcec.PrivateKey
}

// A House is a federation's keys and rules. It is read-only.
type House struct {
	ID    messages.FederationID
	Notes []Note
	keys  []mint.Tier
	chain wallet.Config
	lock  *wallet.Module // an observer's, for scripts and addresses
}

// NewHouse deals the keys and makes the notes. It is always the same house.
func NewHouse() *House {
	random := rand.NewChaCha8([32]byte{'h', 'o', 'u', 's', 'e'})
	h := &House{ID: messages.FederationID{9}}
	for _, e := range tiers {
		keys, secrets := tbstest.Tier(random, h.ID, Threshold, Members)
		h.keys = append(h.keys, mint.Tier{Exponent: e, Keys: keys})
		for range perTier {
			h.Notes = append(h.Notes, makeNote(random, e, keys, secrets))
		}
	}
	h.chain = wallet.Config{
		Federation: h.ID, Network: &chaincfg.SimNetParams, Threshold: Threshold, FinalityDelay: Delay, Birthday: Birthday,
		MinFeeRate: MinRate, DefaultFeeRate: DefaultRate, MaxFeeRate: MaxRate, PegInFee: PegInFee, PegOutFee: PegOutFee,
	}
	for i := range Members {
		h.chain.Keys = append(h.chain.Keys, secretOf(byte(100+i)).PubKey())
	}
	h.lock = h.wallet(-1)
	return h
}

func makeNote(random *rand.ChaCha8, tier uint32, keys *tbs.TierKeys, secrets []*tbs.SecretShare) Note {
	var seed [32]byte
	_, _ = random.Read(seed[:])
	secret, public := btcec.PrivKeyFromBytes(seed[:])
	blinding, err := bls.RandomScalar(random)
	must(err)
	issuance, err := tbs.NewIssuance(keys, tbs.Nonce(schnorr.SerializePubKey(public)), blinding)
	must(err)
	var answers []tbs.Answer
	for _, s := range secrets[:Threshold] {
		answers = append(answers, tbs.Answer{Index: s.Index(), Shares: []tbs.BlindShare{s.Sign(issuance.BlindNonce())}})
	}
	signatures, _, err := tbs.Finalize([]*tbs.Issuance{issuance}, answers, random)
	must(err)
	return Note{
		Tier: tier, secret: secret,
		Order: mint.Output{Tier: tier, BlindNonce: issuance.BlindNonce().Bytes()}.Encode(),
		Body:  mint.Input{Tier: tier, Nonce: issuance.Note(signatures[0]).Nonce, Signature: signatures[0]}.Encode(),
	}
}

// Rules returns the rules of an observer that has just started.
func (h *House) Rules() *transition.Transition { return h.rules(-1) }

// RulesOf returns the rules of a member that has just started, with its wallet's
// secret.
func (h *House) RulesOf(member messages.PeerID) *transition.Transition { return h.rules(int(member)) }

func (h *House) rules(member int) *transition.Transition {
	m, err := mint.New(mint.Config{Tiers: h.keys, SpendFee: SpendFee, IssueFee: IssueFee, Rand: rand.NewChaCha8([32]byte{1})})
	must(err)
	return transition.New(h.ID, []contract.Module{h.wallet(member), m})
}

// Wallet returns the wallet module of a member, with its secret.
func (h *House) Wallet(member messages.PeerID) *wallet.Module { return h.wallet(int(member)) }

func (h *House) wallet(member int) *wallet.Module {
	cfg := h.chain
	if member >= 0 {
		cfg.Secret, cfg.Me = secretOf(byte(100+member)), messages.PeerID(member)
	}
	m, err := wallet.New(cfg)
	must(err)
	return m
}

// Descriptor says how the federation's bitcoin is locked.
func (h *House) Descriptor() *descriptor.Descriptor { return h.lock.Descriptor() }

// secretOf derives a key of the house; seed is not 0.
func secretOf(seed byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes([]byte{30: seed, 31: 1})
	return k
}

// xOnly is the public key that BIP 340 knows.
func xOnly(k *btcec.PrivateKey) [32]byte { return [32]byte(schnorr.SerializePubKey(k.PubKey())) }

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("transitiontest: %v", err))
	}
}
