package lightning_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/moduletest"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/faulttest"
	"minimint/storage"
)

// withHeights is the module with items that agree on a height, as the wallet does.
type withHeights struct{ *lightning.Module }

const heightItem = 'H'

func heightScene(height uint32) moduletest.Scene {
	return moduletest.Scene{Item: binary.BigEndian.AppendUint32([]byte{heightItem}, height)}
}

func (m withHeights) ApplyItem(tx storage.Tx, env contract.Env, from messages.PeerID, body []byte) error {
	if len(body) != 5 || body[0] != heightItem {
		return m.Module.ApplyItem(tx, env, from, body)
	}
	if old := env.Fact(contract.FactHeight); old != nil && binary.BigEndian.Uint32(body[1:]) <= binary.BigEndian.Uint32(old) {
		return messages.Reject(messages.RejectItemWithoutValue, "heights ascend")
	}
	env.Publish(contract.FactHeight, body[1:])
	return m.EndEpoch(tx, env)
}

// The contract suite of modules, over every way in and every way out.
func TestContractSuite(t *testing.T) {
	cfg := config(0, 4)
	valid, invalid := sealedFor(now+40, cfg.Seal, 1), sealedFor(now+40, cfg.Seal, 2)
	invalid.PaymentHash[0] ^= 1
	invalid = resealed(cfg.Seal, invalid, preimage)
	validID, invalidID := valid.ID(banktest.Federation), invalid.ID(banktest.Federation)
	paid, late, given := outgoingUntil(now+10), outgoingUntil(now+11), outgoingUntil(now+12)
	forfeit, err := terms.Forgo(banktest.Federation, given.ID(banktest.Federation), gateway)
	if err != nil {
		t.Fatal(err)
	}
	output := func(out terms.Output) moduletest.Scene { return moduletest.Scene{Output: out.Encode()} }
	input := func(in terms.Input) moduletest.Scene { return moduletest.Scene{Input: in.Encode()} }
	scenes := []moduletest.Scene{
		heightScene(now), output(terms.Output{Outgoing: &paid}), output(terms.Output{Outgoing: &late}), output(terms.Output{Outgoing: &given}),
		output(terms.Output{Offer: &valid}), output(terms.Output{Offer: &invalid}), output(purchase(validID)),
		output(purchase(invalidID)), output(listingOf(t, gateway, 1, now+20)), output(listingOf(t, gateway, 2, now+10)),
		input(terms.Input{Contract: paid.ID(banktest.Federation), Way: terms.Preimage, Key: xonly(gateway), Preimage: preimage}),
		input(terms.Input{Contract: given.ID(banktest.Federation), Way: terms.Forfeited, Key: xonly(user), Forfeit: forfeit}),
	}
	for p := range 3 {
		scenes = append(scenes, moduletest.Scene{Item: shareOf(t, p, valid, 4), From: messages.PeerID(p)},
			moduletest.Scene{Item: shareOf(t, p+1, invalid, 4), From: messages.PeerID(p + 1)})
	}
	scenes = append(scenes,
		input(terms.Input{Contract: validID, Way: terms.Claim, Key: xonly(user)}), input(terms.Input{Contract: invalidID, Way: terms.Return, Key: xonly(gateway)}),
		heightScene(now+11), input(terms.Input{Contract: late.ID(banktest.Federation), Way: terms.Expired, Key: xonly(user)}), heightScene(now+2000),
	)
	moduletest.Run(t, moduletest.Play{
		New: func() contract.Module {
			m, err := lightning.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return withHeights{m}
		},
		Scenes: scenes,
	})
}

// TestEveryFault raises every misbehaviour that the module knows, by one item of
// one member.
func TestEveryFault(t *testing.T) {
	of := func(change func(s *terms.Share)) func(t *testing.T) string {
		return func(t *testing.T) string {
			d := newDesk(t, config(-1, 4))
			d.at(now)
			o := sealedFor(now+5, d.Seal(), 1)
			id := o.ID(banktest.Federation)
			for _, out := range []terms.Output{{Offer: &o}, purchase(id)} {
				wantCode(t, "purchase", d.output(out), 0)
			}
			s, err := terms.DecodeShare(shareOf(t, 1, o, 4))
			if err != nil {
				t.Fatal(err)
			}
			change(&s)
			body := s.Encode()
			if s.Contract == (terms.ID{}) {
				body = []byte("no item")
			}
			var wrong *contract.Misbehaviour
			if err := d.item(1, body); !errors.As(err, &wrong) {
				t.Fatalf("error %v", err)
			}
			return wrong.Text
		}
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"item: %v": of(func(s *terms.Share) { s.Contract = terms.ID{} }),
		"share for a contract that is not there to be decrypted": of(func(s *terms.Share) { s.Contract[0] ^= 1 }),
		"share: %v":     of(func(s *terms.Share) { s.Bytes = [tenc.ShareSize]byte{} }),
		"share: %v (2)": of(func(s *terms.Share) { s.Bytes[tenc.ShareSize-32] ^= 1 }),
	}, "misbehaviour")
}
