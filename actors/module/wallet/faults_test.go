package wallet_test

import (
	"errors"
	"testing"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/spv"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/faulttest"
)

// unsigned returns a federation with a payment of one input that nobody has
// signed, and its transaction's id.
func unsigned(t *testing.T) (*federation, []byte) {
	f := funded(t, 300_000)
	at, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000})
	if err != nil {
		t.Fatal(err)
	}
	return f, f.status(at).GetTxid()
}

// TestEveryFault raises every misbehaviour that the wallet knows, by one item of
// one member.
func TestEveryFault(t *testing.T) {
	text := func(t *testing.T, err error) string {
		t.Helper()
		var wrong *contract.Misbehaviour
		if !errors.As(err, &wrong) {
			t.Fatalf("error %v", err)
		}
		return wrong.Text
	}
	observed := func(change func(f *federation, o *walletwire.Observation)) func(t *testing.T) string {
		return func(t *testing.T) string {
			f := funded(t)
			height, hash := f.observer().AgreedTip(f.state())
			o := &walletwire.Observation{BaseHeight: height, BaseHash: hash[:]}
			change(f, o)
			return text(t, f.item(0, observation(o)))
		}
	}
	signed := func(of ...[]byte) func(t *testing.T) string {
		return func(t *testing.T) string {
			f, id := unsigned(t)
			return text(t, f.item(3, signatures(id, of...)))
		}
	}
	buried := func(id []byte, p *walletwire.Inclusion) []byte {
		return canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Burial{Burial: &walletwire.Burial{Txid: id, Inclusion: p}}})
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"item: %v":   func(t *testing.T) string { return text(t, newFederation(t).item(0, []byte("noise"))) },
		"empty item": func(t *testing.T) string { return text(t, newFederation(t).item(0, nil)) },
		"%v":         observed(func(_ *federation, o *walletwire.Observation) { o.BaseHash = o.GetBaseHash()[1:] }),
		"observation with a fee rate of %d": observed(func(_ *federation, o *walletwire.Observation) {
			o.FeeRate = 100_001
		}),
		"observation builds on height %d, which is not agreed on": observed(func(_ *federation, o *walletwire.Observation) {
			o.BaseHeight++
		}),
		"second observation in one epoch": observed(func(f *federation, o *walletwire.Observation) {
			o.FeeRate = 1000
			if err := f.item(0, observation(o)); err != nil {
				f.t.Fatal(err)
			}
			o.FeeRate = 2000
		}),
		"signatures of a transaction that does not exist": func(t *testing.T) string {
			f, _ := unsigned(t)
			return text(t, f.item(3, signatures(make([]byte, 32), make([]byte, 64))))
		},
		"%d signatures for %d inputs":       signed(make([]byte, 64), make([]byte, 64)),
		"signature of %d bytes of input %d": signed(make([]byte, 63)),
		"bad signature of input %d":         signed(make([]byte, 64)),
		"burial of a transaction that does not exist": func(t *testing.T) string {
			f, _ := unsigned(t)
			return text(t, f.item(2, buried(make([]byte, 32), nil)))
		},
		"burial: %v": func(t *testing.T) string {
			f, id := unsigned(t)
			return text(t, f.item(2, buried(id, nil)))
		},
		"burial in a block that is not agreed on": func(t *testing.T) string {
			f, id := unsigned(t)
			f.run(nil)
			f.broadcast()
			f.world.Mine(1)
			proof, err := spv.Prove(f.world.Block(f.world.Height()), 1)
			if err != nil {
				t.Fatal(err)
			}
			return text(t, f.item(2, buried(id, proof)))
		},
	}, "misbehaviour")
}
