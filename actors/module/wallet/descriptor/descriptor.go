// Package descriptor says how the federation's bitcoin is locked.
//
// Version 1 is P2WSH around a sorted multisig of one key per member, any
// threshold of which spend. Each coin has a [Contract], 32 bytes that say what it
// is for, and the keys of its script are tweaked by it ("pay to contract"):
//
//	P' = P + HMAC-SHA256(key: P compressed, message: contract)·G
//
// so that addresses look unrelated, anybody who knows the descriptor derives
// them offline, and each member spends with its own secret plus the same tweak.
// The HMAC is keyed by the member's key, so every member has another tweak and
// no linear relation between members' keys survives it. Keys are sorted after
// tweaking.
//
// The version stands beside every coin and inside every contract, so that coins
// of a later descriptor (FROST, say) can live beside these.
package descriptor

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"

	"minimint/crypto/domain"
	"minimint/messages"
)

// Version is the kind of lock that this package makes.
const Version = 1

// MaxMembers is how many keys OP_CHECKMULTISIG takes.
const MaxMembers = 20

// Config describes a federation's lock.
type Config struct {
	Federation messages.FederationID
	Network    *chaincfg.Params
	// Keys of the members by PeerID, 1 to MaxMembers, all different.
	Keys []*btcec.PublicKey
	// Threshold is how many members spend together.
	Threshold int
}

// A Descriptor makes the locks of one federation. It is read-only.
type Descriptor struct {
	cfg           Config
	witnessWeight int
}

// New checks c and returns its descriptor.
func New(c Config) (*Descriptor, error) {
	n := len(c.Keys)
	switch {
	case c.Network == nil:
		return nil, errors.New("descriptor without network")
	case n < 1 || n > MaxMembers:
		return nil, fmt.Errorf("descriptor with %d keys; 1 to %d are possible", n, MaxMembers)
	case c.Threshold < 1 || c.Threshold > n:
		return nil, fmt.Errorf("descriptor with threshold %d of %d keys", c.Threshold, n)
	}
	for i, k := range c.Keys {
		for j := range i {
			if k.IsEqual(c.Keys[j]) {
				return nil, fmt.Errorf("members %d and %d have the same key", j, i)
			}
		}
	}
	c.Keys = slices.Clone(c.Keys)
	d := &Descriptor{cfg: c}
	// The script has the same length for every contract.
	lock, err := d.Lock(Contract{})
	if err != nil {
		return nil, err
	}
	d.witnessWeight = witnessWeight(c.Threshold, len(lock.WitnessScript))
	return d, nil
}

// Network returns the bitcoin network of all addresses.
func (d *Descriptor) Network() *chaincfg.Params { return d.cfg.Network }

// A Contract says what a coin is for; it tweaks the keys that lock the coin.
type Contract [32]byte

// Deposit is the contract of deposits that the owner of an x-only key may claim.
func (d *Descriptor) Deposit(key [32]byte) Contract {
	return d.contract("deposit", key[:])
}

// Change is the contract of the change of the payment that begins with the
// federation output at: no two payments share one.
func (d *Descriptor) Change(at messages.OutPoint) Contract {
	return d.contract("change", at.Tx[:], binary.BigEndian.AppendUint32(nil, at.Index))
}

// The purpose is a field of its own, so that no key makes a deposit contract
// equal to a change contract.
func (d *Descriptor) contract(purpose string, fields ...[]byte) Contract {
	head := [][]byte{d.cfg.Federation[:], {Version}, []byte(purpose)}
	return domain.Hash(domain.PegInTweak, append(head, fields...)...)
}

// Address returns where to pay coins of a contract. It fails for one contract
// in 2^127.
func (d *Descriptor) Address(c Contract) (btcutil.Address, error) {
	lock, err := d.Lock(c)
	if err != nil {
		return nil, err
	}
	return btcutil.NewAddressWitnessScriptHash(lock.PkScript[2:], d.cfg.Network)
}

// A Lock is the script of one contract.
type Lock struct {
	WitnessScript []byte
	PkScript      []byte
	threshold     int
	keys          []*btcec.PublicKey // by PeerID
	order         []messages.PeerID  // as in the script
}

// Lock tweaks and sorts the keys. It fails for one contract in 2^127.
func (d *Descriptor) Lock(c Contract) (*Lock, error) {
	l := &Lock{threshold: d.cfg.Threshold}
	compressed := make([][]byte, len(d.cfg.Keys))
	for i, k := range d.cfg.Keys {
		tweaked, err := tweakPublic(k, c)
		if err != nil {
			return nil, err
		}
		l.keys, l.order = append(l.keys, tweaked), append(l.order, messages.PeerID(i))
		compressed[i] = tweaked.SerializeCompressed()
	}
	slices.SortFunc(l.order, func(a, b messages.PeerID) int { return bytes.Compare(compressed[a], compressed[b]) })

	script := txscript.NewScriptBuilder().AddInt64(int64(d.cfg.Threshold))
	for _, p := range l.order {
		script.AddData(compressed[p])
	}
	var err error
	if l.WitnessScript, err = script.AddInt64(int64(len(compressed))).AddOp(txscript.OP_CHECKMULTISIG).Script(); err != nil {
		return nil, fmt.Errorf("multisig script: %w", err)
	}
	program := sha256.Sum256(l.WitnessScript)
	l.PkScript = append([]byte{txscript.OP_0, txscript.OP_DATA_32}, program[:]...)
	return l, nil
}

// errTweak has a chance of one in 2^127, so nobody will ever see it.
var errTweak = errors.New("contract gives no valid key")

func tweakOf(key *btcec.PublicKey, c Contract) (*btcec.ModNScalar, error) {
	mac := hmac.New(sha256.New, key.SerializeCompressed())
	mac.Write(c[:])
	t := new(btcec.ModNScalar)
	if overflow := t.SetByteSlice(mac.Sum(nil)); overflow || t.IsZero() {
		return nil, errTweak
	}
	return t, nil
}

func tweakPublic(key *btcec.PublicKey, c Contract) (*btcec.PublicKey, error) {
	t, err := tweakOf(key, c)
	if err != nil {
		return nil, err
	}
	var p, tg, sum btcec.JacobianPoint
	key.AsJacobian(&p)
	btcec.ScalarBaseMultNonConst(t, &tg)
	btcec.AddNonConst(&p, &tg, &sum)
	if sum.Z.IsZero() {
		return nil, errTweak
	}
	sum.ToAffine()
	return btcec.NewPublicKey(&sum.X, &sum.Y), nil
}

// TweakSecret returns the secret of the key that a contract makes of secret's.
func TweakSecret(secret *btcec.PrivateKey, c Contract) (*btcec.PrivateKey, error) {
	t, err := tweakOf(secret.PubKey(), c)
	if err != nil {
		return nil, err
	}
	if t.Add(&secret.Key).IsZero() {
		return nil, errTweak
	}
	return btcec.PrivKeyFromScalar(t), nil
}
