package terms

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
)

// A Way is how a contract's money leaves it.
type Way = lightningwire.Way

// The ways. An outgoing contract has the first three, an incoming one the others.
const (
	Preimage  = lightningwire.Way_WAY_PREIMAGE // to the gateway, before expiry
	Expired   = lightningwire.Way_WAY_EXPIRED  // to the user, from expiry on
	Forfeited = lightningwire.Way_WAY_FORFEIT  // to the user, at once
	Claim     = lightningwire.Way_WAY_CLAIM    // to the user, whose preimage was right
	Return    = lightningwire.Way_WAY_RETURN   // to the buyer, since it was not
)

// An Input takes all that a contract holds. Key must sign the transaction, and be
// the one that the terms name for this way; so who must sign is known without
// looking at the state.
type Input struct {
	Contract ID
	Way      Way
	Key      [32]byte
	// Preimage of the way Preimage.
	Preimage [PreimageSize]byte
	// Forfeit of the way Forfeited.
	Forfeit Forfeit
}

// Encode returns the canonical bytes, the body of an input.
func (in Input) Encode() []byte {
	w := &lightningwire.Input{Contract: in.Contract[:], Way: in.Way, Key: in.Key[:]}
	switch in.Way {
	case Preimage:
		w.Witness = in.Preimage[:]
	case Forfeited:
		w.Witness = append(append(w.Witness, in.Forfeit.Gateway[:]...), in.Forfeit.Signature[:]...)
	default:
	}
	return canonical.Marshal(w)
}

// DecodeInput reads an input: form and lengths.
func DecodeInput(b []byte) (Input, error) {
	w := new(lightningwire.Input)
	if err := canonical.Unmarshal(b, w, maxInput); err != nil {
		return Input{}, err
	}
	witness := 0
	switch w.GetWay() {
	case Preimage:
		witness = PreimageSize
	case Forfeited:
		witness = keySize + signatureSize
	case Expired, Claim, Return:
	default:
		return Input{}, fmt.Errorf("no way out has the number %d", w.GetWay())
	}
	if err := lengths(field{"contract", w.GetContract(), len(ID{})}, field{"key", w.GetKey(), keySize}, field{"witness", w.GetWitness(), witness}); err != nil {
		return Input{}, err
	}
	in := Input{Contract: ID(w.GetContract()), Way: w.GetWay(), Key: [32]byte(w.GetKey())}
	switch in.Way {
	case Preimage:
		in.Preimage = [PreimageSize]byte(w.GetWitness())
	case Forfeited:
		in.Forfeit = Forfeit{Gateway: [32]byte(w.GetWitness()[:keySize]), Signature: [64]byte(w.GetWitness()[keySize:])}
	default:
	}
	return in, nil
}

// A Forfeit is a gateway's signature that gives an outgoing contract up: whoever
// holds the user key needs nothing else to take the money. A gateway that signed
// one must never pay.
type Forfeit struct {
	Gateway   [32]byte
	Signature [64]byte
}

// Forgo makes a forfeit with the secret of the contract's gateway key.
func Forgo(federation messages.FederationID, contract ID, secret *btcec.PrivateKey) (Forfeit, error) {
	signature, err := sign(secret, forfeitDigest(federation, contract))
	return Forfeit{Gateway: [32]byte(schnorr.SerializePubKey(secret.PubKey())), Signature: signature}, err
}

// Verify checks the signature. That the key is the contract's is for whoever
// knows the terms. Errors wrap ErrTerms.
func (f Forfeit) Verify(federation messages.FederationID, contract ID) error {
	return verifySignature(f.Gateway, forfeitDigest(federation, contract), f.Signature)
}

func forfeitDigest(federation messages.FederationID, contract ID) [32]byte {
	return domain.Hash(domain.Forfeit, federation[:], contract[:])
}
