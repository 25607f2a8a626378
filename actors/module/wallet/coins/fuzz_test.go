package coins

import (
	"testing"
	"unicode/utf8"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
)

// FuzzRecipientScript: an address is refused in words that can be sent, or has one
// script, of a kind that bitcoin pays to, and one spelling.
func FuzzRecipientScript(f *testing.F) {
	for _, address := range []string{
		"", "sb1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq9u64ck", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
		"Rcdd8WWfAcxTXHxyYKUPMNGVNx3ZKVbVEa", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
		"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, network := range []*chaincfg.Params{&chaincfg.SimNetParams, &chaincfg.MainNetParams} {
			script, refusal := RecipientScript(network, text)
			if (script == nil) == (refusal == nil) {
				t.Fatalf("script %x and refusal %v", script, refusal)
			}
			if refusal != nil {
				if refusal.Code == 0 || refusal.Text == "" || !utf8.ValidString(refusal.Text) {
					t.Fatalf("refusal %+v", refusal)
				}
				continue
			}
			class, addresses, _, err := txscript.ExtractPkScriptAddrs(script, network)
			if err != nil || len(addresses) != 1 || addresses[0].EncodeAddress() != text {
				t.Fatalf("%q pays to %v of class %v: %v", text, addresses, class, err)
			}
		}
	})
}
