package stage

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"

	"minimint/actors/chain/btcd/simnet"
)

// finalityDelay is how many blocks must lie above a block before the members
// of a staged federation vote for it.
const finalityDelay = 3

// FinalityDelay is how many blocks bury another, for this federation.
func (s *Stage) FinalityDelay() uint32 { return finalityDelay }

// FreshAddress returns a bitcoin address that nobody has used, and its script.
func (s *Stage) FreshAddress() (string, []byte, error) {
	var key [20]byte
	if _, err := rand.Read(key[:]); err != nil {
		return "", nil, fmt.Errorf("stage: %w", err)
	}
	address, err := btcutil.NewAddressWitnessPubKeyHash(key[:], simnet.Params)
	if err != nil {
		return "", nil, fmt.Errorf("stage: %w", err)
	}
	script, err := txscript.PayToAddrScript(address)
	return address.EncodeAddress(), script, err
}

// Confirmed returns how much a transaction that is in a block pays to a script,
// 0 if btcd has no such transaction in a block.
func (s *Stage) Confirmed(txid string, script []byte) (int64, error) {
	var tx struct {
		Confirmations int64 `json:"confirmations"`
		Vout          []struct {
			Value  float64 `json:"value"`
			Script struct {
				Hex string `json:"hex"`
			} `json:"scriptPubKey"`
		} `json:"vout"`
	}
	if err := s.chain.Call(&tx, "getrawtransaction", txid, 1); err != nil || tx.Confirmations < 1 {
		return 0, nil // btcd answers with an error until it has the transaction
	}
	sum := btcutil.Amount(0)
	for _, out := range tx.Vout {
		if out.Script.Hex == hex.EncodeToString(script) {
			sats, err := btcutil.NewAmount(out.Value)
			if err != nil {
				return 0, fmt.Errorf("stage: amount of %s: %w", txid, err)
			}
			sum += sats
		}
	}
	return int64(sum), nil
}
