// Package wallet is the module that holds the federation's bitcoin: deposits
// (peg-in), withdrawals (peg-out), and what members must agree on for both.
//
// # Inputs and outputs
//
// An input is a [pegin.Proof]: it shows that a block which the federation has
// agreed on holds a transaction that pays to the federation under a key of the
// claimant, and that key must sign. Each bitcoin output is claimed at most once,
// for ever (H1). It brings its value; its fee is at least what spending it will
// cost later. An output is a [PegOut]: it costs the amount and the declared
// maximum fee; the bitcoin transaction that pays it must not need more (H5), and
// what is not used when it is buried belongs to the federation.
//
// # What members agree on
//
// Members never ask their bitcoin node while they apply anything. What the node
// shows enters as items, in the order of consensus:
//
//   - Observation: the block at the agreed height as the member's chain has it,
//     votes for the blocks above it that are old enough, and a fee rate. n−f
//     equal votes for a block make it agreed. One observation per member and epoch
//     counts (H22), a newer one replaces the older, and heights never shrink
//     (H26). If f+1 members have another block at an agreed height, deposits
//     freeze until n−f have the agreed one again (H51).
//   - Signatures: a member's signatures of a peg-out. Each is verified when it
//     arrives; the first n−f in the order of consensus make the witness, so all
//     members build the same bytes.
//   - Burial: proof that a peg-out is in an agreed block. Nothing else ends one,
//     and anybody's proof does.
//
// # Life of a peg-out
//
//	accepted ── coins leave the spendable set, change is booked as pending
//	signing  ── until n−f members have signed
//	broadcast── [PendingBroadcasts] until it is buried
//	buried   ── change becomes a coin, everything but the status is deleted
//
// The chain actor (package minimint/actors/chain) is this module's service.
package wallet

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// Kind is the module's name.
const Kind messages.ModuleKind = "wallet"

// Config is what all members and clients must know alike, and at a member its
// own secret.
type Config struct {
	Federation messages.FederationID
	Network    *chaincfg.Params
	// Keys of the members by PeerID; Threshold is n−f.
	Keys      []*btcec.PublicKey
	Threshold int
	// FinalityDelay is how many blocks must lie above a block before a member
	// votes for it.
	FinalityDelay uint32
	// Birthday is the first height that is agreed on, at least 1. Deposits in
	// older blocks cannot be claimed.
	Birthday uint32
	// MinFeeRate ≤ DefaultFeeRate ≤ MaxFeeRate bound estimates and stand in
	// for missing ones.
	MinFeeRate, DefaultFeeRate, MaxFeeRate coins.FeeRate
	// PegInFee and PegOutFee are the least that an input and an output add to
	// the fee of their transaction.
	PegInFee, PegOutFee messages.Amount

	// Secret is the member's own key; nil for those who only verify. It
	// belongs to Keys[Me].
	Secret *btcec.PrivateKey
	Me     messages.PeerID
}

// A Module applies the rules of the wallet. It holds no state, so any number of
// goroutines may use it.
type Module struct {
	cfg  Config
	lock *descriptor.Descriptor
}

var (
	_ contract.Module   = (*Module)(nil)
	_ contract.Proposer = (*Module)(nil)
	_ contract.Querier  = (*Module)(nil)
	_ contract.Answerer = (*Module)(nil)
)

// highestFeeRate bounds MaxFeeRate, so that no fee overflows: 100,000 sat/vB.
const highestFeeRate coins.FeeRate = 100_000_000

// New checks cfg and returns its module.
func New(cfg Config) (*Module, error) {
	lock, err := descriptor.New(descriptor.Config{
		Federation: cfg.Federation, Network: cfg.Network, Keys: cfg.Keys, Threshold: cfg.Threshold,
	})
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	switch {
	case cfg.Birthday == 0:
		return nil, errors.New("wallet: birthday must be at least height 1")
	case cfg.MinFeeRate == 0 || cfg.MinFeeRate > cfg.DefaultFeeRate ||
		cfg.DefaultFeeRate > cfg.MaxFeeRate || cfg.MaxFeeRate > highestFeeRate:
		return nil, fmt.Errorf("wallet: fee rates %d, %d, %d: want 0 < min ≤ default ≤ max ≤ %d",
			cfg.MinFeeRate, cfg.DefaultFeeRate, cfg.MaxFeeRate, highestFeeRate)
	case cfg.PegInFee > messages.MaxAmount || cfg.PegOutFee > messages.MaxAmount:
		return nil, fmt.Errorf("wallet: fees %s and %s: %w", cfg.PegInFee, cfg.PegOutFee, messages.ErrAmount)
	case cfg.Secret != nil && (int(cfg.Me) >= len(cfg.Keys) || !cfg.Secret.PubKey().IsEqual(cfg.Keys[cfg.Me])):
		return nil, fmt.Errorf("wallet: secret is not that of member %d", cfg.Me)
	}
	return &Module{cfg: cfg, lock: lock}, nil
}

// Kind implements contract.Module.
func (m *Module) Kind() messages.ModuleKind { return Kind }

// Descriptor returns how the federation's coins are locked.
func (m *Module) Descriptor() *descriptor.Descriptor { return m.lock }

// FinalityDelay is how many blocks must lie above a block that is voted for.
func (m *Module) FinalityDelay() uint32 { return m.cfg.FinalityDelay }

// Check implements contract.Module: peg-in proofs are checked against their own
// headers, addresses and amounts of peg-outs against network and dust limit.
func (m *Module) Check(batch []contract.Items) []contract.Verdict {
	verdicts := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		verdicts[i] = m.checkOne(items)
	}
	return verdicts
}

func (m *Module) checkOne(items contract.Items) contract.Verdict {
	var v contract.Verdict
	for _, body := range items.Inputs {
		proof, rejection := pegin.Check(m.lock, body)
		if rejection != nil {
			return contract.Verdict{Rejection: rejection}
		}
		v.Keys = append(v.Keys, [][32]byte{proof.Key()})
	}
	for _, body := range items.Outputs {
		if _, rejection := decodePegOut(m.cfg.Network, body); rejection != nil {
			return contract.Verdict{Rejection: rejection}
		}
	}
	return v
}

// maxItem bounds a consensus item in bytes: the signatures of a peg-out with
// the most inputs take 9 KiB, a burial with a large coinbase more.
const maxItem = 60 << 10

// ApplyItem implements contract.Module.
func (m *Module) ApplyItem(tx storage.Tx, env contract.Env, from messages.PeerID, body []byte) error {
	if int(from) >= len(m.cfg.Keys) {
		panic(fmt.Sprintf("wallet: item of member %d of %d", from, len(m.cfg.Keys)))
	}
	item := new(walletwire.Item)
	if err := canonical.Unmarshal(body, item, maxItem); err != nil {
		return misbehaviour("item: %v", err)
	}
	switch kind := item.GetKind().(type) {
	case *walletwire.Item_Observation:
		return m.applyObservation(tx, env, from, kind.Observation)
	case *walletwire.Item_Signatures:
		return m.applySignatures(tx, from, kind.Signatures)
	case *walletwire.Item_Burial:
		return m.applyBurial(tx, env, kind.Burial)
	default:
		return misbehaviour("empty item")
	}
}

// EndEpoch implements contract.Module. Nothing waits for the end of an epoch.
func (m *Module) EndEpoch(storage.Tx, contract.Env) error { return nil }

func misbehaviour(format string, args ...any) error {
	return &contract.Misbehaviour{Text: fmt.Sprintf(format, args...)}
}

// withoutValue refuses an item of a correct member that came too late.
func withoutValue(why string) error {
	return messages.Reject(messages.RejectItemWithoutValue, "%s", why)
}
