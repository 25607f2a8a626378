package tbs_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/crypto/tsig/tsigtest"
)

func TestNewTierKeysRefuses(t *testing.T) {
	keys, _ := tbstest.Tier(source(18), federation, 2, 3)
	if _, err := tbs.NewTierKeys(tbs.Config{Federation: federation, Threshold: 1, Group: keys.Group(), Members: []bls.G2{keys.Group(), bls.G2Generator()}}); err == nil {
		t.Error("keys of different polynomials were accepted")
	}
	if _, err := tbs.NewTierKeys(tbs.Config{Federation: federation, Threshold: 1, Group: bls.G2Identity(), Members: []bls.G2{bls.G2Identity()}}); err == nil {
		t.Error("the identity was accepted as a key")
	}
}

func TestSecretsBelongToTheirKeyAndDoNotPrint(t *testing.T) {
	deal := tsigtest.Deal(source(58), 2, 3)
	keys, _ := tbstest.Tier(source(58), federation, 2, 3)
	for index, s := range map[uint32]bls.Scalar{0: deal.Secrets[0], 2: deal.Secrets[0], 3: bls.NewScalar(0), 4: deal.Secrets[2]} {
		if _, err := tbs.NewSecretShare(keys, index, s); err == nil {
			t.Errorf("a wrong secret was taken for index %d", index)
		}
	}
	secret, err := tbs.NewSecretShare(keys, 1, deal.Secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	factor := scalar(t, source(59))
	nonce := nonceOf(77)
	issuance := issue(t, keys, nonce, factor)
	type holder struct {
		Secret   *tbs.SecretShare
		Issuance *tbs.Issuance
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		for _, value := range []any{secret, *secret, issuance, *issuance, holder{secret, issuance}} {
			got := strings.ToLower(fmt.Sprintf(verb, value))
			for _, s := range []bls.Scalar{deal.Secrets[0], factor} {
				if strings.Contains(got, hex.EncodeToString(s.Bytes()[8:])) {
					t.Errorf("%s prints a secret: %s", verb, got)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v %s", secret, issuance); got != "tbs.SecretShare(1) tbs.Issuance" {
		t.Errorf("print as %s", got)
	}
	if secret.Index() != 1 {
		t.Errorf("index %d", secret.Index())
	}
	secret.Wipe()
	defer func() {
		if recover() == nil {
			t.Error("a wiped secret signed")
		}
	}()
	secret.Sign(issuance.BlindNonce())
}
