package client_test

import (
	"crypto/rand"

	"github.com/btcsuite/btcd/chaincfg"
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

func unmarshal(b []byte, m proto.Message) error {
	return canonical.Unmarshal(b, m, transaction.MaxSize)
}

// seal says whom preimages are encrypted to.
func (w *world) seal() terms.Sealer {
	w.Helper()
	c, err := lightning.FromFederation(w.f.Config)
	if err != nil {
		w.Fatal(err)
	}
	return c.Seal
}

// worthless is an offer under somebody's payment hash of who does not know its preimage:
// what is sealed is another one.
func (w *world) worthless(o terms.Offer) terms.Offer {
	w.Helper()
	o.Ciphertext = nil
	to := w.seal()
	label := domain.Hash(domain.Label, to.Federation[:], []byte("lightning offer"), canonical.Marshal(o.Wire()))
	c, err := tenc.Encrypt(rand.Reader, to.Keys, label[:], make([]byte, terms.PreimageSize))
	if err != nil {
		w.Fatal(err)
	}
	o.Ciphertext = c.Encode()
	return o
}

// network is that of invoices.
func (w *world) network() *chaincfg.Params { return &chaincfg.SimNetParams }
