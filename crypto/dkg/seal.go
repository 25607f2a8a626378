package dkg

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/hpke"

	"minimint/crypto/domain"
)

// Shares travel sealed with HPKE (RFC 9180, base mode: the envelope is signed anyway) to a key that the recipient made for this run only,
// so that it can give the key away if it has to prove what it got.
const (
	sealKeySize  = 32 // X25519
	sealOverhead = 16 // of ChaCha20-Poly1305
)

var suite = hpke.NewSuite(hpke.KEM_X25519_HKDF_SHA256, hpke.KDF_HKDF_SHA256, hpke.AEAD_ChaCha20Poly1305)

var errSealed = errors.New("dkg: sealed message does not open")

// sealInfoTag starts the info string of HPKE.
const sealInfoTag = domain.DKGSeal

// sealInfo binds a sealed message to its run, dealer and recipient.
func sealInfo(session [32]byte, dealer, to int) []byte {
	indices := binary.BigEndian.AppendUint16(nil, uint16(dealer))
	return domain.Frame([]byte(sealInfoTag), session[:], binary.BigEndian.AppendUint16(indices, uint16(to)))
}

// seal encrypts to a public key that checkSealKey has passed. The seed gives the ephemeral key and must be secret.
func seal(public, info, plaintext []byte, seed [32]byte) []byte {
	key, err := hpke.KEM_X25519_HKDF_SHA256.Scheme().UnmarshalBinaryPublicKey(public)
	if err != nil {
		panic("dkg: seal to an unchecked key: " + err.Error())
	}
	sender, err := suite.NewSender(key, info)
	if err != nil {
		panic("dkg: seal: " + err.Error())
	}
	enc, sealer, err := sender.Setup(bytes.NewReader(seed[:]))
	if err != nil {
		panic("dkg: seal to an unchecked key: " + err.Error())
	}
	ciphertext, err := sealer.Seal(plaintext, nil)
	if err != nil {
		panic("dkg: seal: " + err.Error())
	}
	return append(enc, ciphertext...)
}

// open decrypts what was sealed to the public key of secret.
func open(secret, info, sealed []byte) ([]byte, error) {
	if len(sealed) < sealKeySize {
		return nil, errSealed
	}
	key, err := hpke.KEM_X25519_HKDF_SHA256.Scheme().UnmarshalBinaryPrivateKey(secret)
	if err != nil {
		return nil, errSealed
	}
	receiver, err := suite.NewReceiver(key, info)
	if err != nil {
		return nil, errSealed
	}
	opener, err := receiver.Setup(sealed[:sealKeySize])
	if err != nil {
		return nil, errSealed
	}
	plaintext, err := opener.Open(sealed[sealKeySize:], nil)
	if err != nil {
		return nil, errSealed
	}
	return plaintext, nil
}

// sealPublic returns the public key of a secret of 32 bytes.
func sealPublic(secret []byte) ([]byte, error) {
	key, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return key.PublicKey().Bytes(), nil
}

// checkSealKey refuses the points of small order, to which nothing can be sealed.
func checkSealKey(public []byte) error {
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	probe, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, sealKeySize))
	if err != nil {
		panic("dkg: probe key: " + err.Error())
	}
	if _, err := probe.ECDH(key); err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	return nil
}
