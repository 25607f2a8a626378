package bolt11_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/bolt11"
)

var key, _ = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))

func draft() bolt11.Draft {
	return bolt11.Draft{
		Hash: messages.Digest{1}, Secret: [32]byte{2}, Amount: 250_000, Description: "a coffee", Created: time.Unix(1_700_000_000, 0),
		Life: 10 * time.Minute, FinalDelay: 40,
		Hints: [][]bolt11.Hop{{{Node: [33]byte(key.PubKey().SerializeCompressed()), Channel: 1<<40 | 5, Base: 1000, Rate: 100, Delay: 80}}},
	}
}

// TestMadeIsRead: what is made says what was asked for.
func TestMadeIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draft()
		d.Amount = messages.Amount(rapid.Uint64Range(0, uint64(messages.MaxAmount)).Draw(t, "amount"))
		d.Description = rapid.StringN(0, 80, 600).Draw(t, "description")
		d.FinalDelay = rapid.Uint32Range(0, math.MaxUint16).Draw(t, "delay")
		d.Life = time.Duration(rapid.Int64Range(1, 1<<30).Draw(t, "life")) * time.Second
		copy(d.Secret[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		hop := d.Hints[0][0]
		hop.Channel = rapid.Uint64().Draw(t, "channel")
		d.Hints = [][]bolt11.Hop{{hop}, {hop, hop}}[:rapid.IntRange(0, 2).Draw(t, "hints")]
		got := bolt11.Make(d, &chaincfg.SimNetParams, key)
		want := bolt11.Invoice{
			Text: got.Text, Hash: d.Hash, Amount: d.Amount, Payee: [33]byte(key.PubKey().SerializeCompressed()), Secret: d.Secret,
			Until: d.Created.Add(d.Life), FinalDelay: d.FinalDelay, Description: d.Description, Hints: d.Hints,
		}
		if len(d.Hints) == 0 {
			want.Hints = nil
		}
		if !got.Until.Equal(want.Until) {
			t.Fatalf("until %v, want %v", got.Until, want.Until)
		}
		got.Until = want.Until
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("made %+v, want %+v", got, want)
		}
	})
}

// Examples of BOLT #11 itself, with the key and the preimage that it names.
const (
	coffee = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
	any    = "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql"
)

func TestExamplesOfBOLT11(t *testing.T) {
	i, err := bolt11.Read(coffee, &chaincfg.MainNetParams)
	if err != nil {
		t.Fatal(err)
	}
	if i.Hash.String() != "0001020304050607080900010203040506070809000102030405060708090102" || i.Amount != 250_000_000 || i.Description != "1 cup coffee" ||
		!i.Until.Equal(time.Unix(1496314658+60, 0)) || i.Secret != [32]byte(bytes.Repeat([]byte{0x11}, 32)) || i.FinalDelay != 24 {
		t.Errorf("read %+v", i)
	}
	i, err = bolt11.Read(" LIGHTNING:"+strings.ToUpper(any)+"\n", &chaincfg.MainNetParams)
	if err != nil || i.Amount != 0 || i.Description != "Please consider supporting this project" {
		t.Errorf("read %+v, %v", i, err)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		network *chaincfg.Params
		want    string
	}{
		"empty":           {"", &chaincfg.MainNetParams, ""},
		"another network": {coffee, &chaincfg.SimNetParams, "for the network mainnet"},
		"regtest":         {bolt11.Make(draft(), &chaincfg.RegressionNetParams, key).Text, &chaincfg.MainNetParams, "for the network regtest"},
		"one letter":      {strings.Replace(coffee, "q5xys", "q5xyx", 1), &chaincfg.MainNetParams, ""},
		"too long":        {coffee + strings.Repeat("q", bolt11.MaxLength), &chaincfg.MainNetParams, "characters"},
		"half":            {coffee[:100], &chaincfg.MainNetParams, ""},
	} {
		if _, err := bolt11.Read(c.text, c.network); !errors.Is(err, bolt11.ErrInvoice) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := draft()
	for len(many.Hints) <= bolt11.MaxHints {
		many.Hints = append(many.Hints, many.Hints[0])
	}
	defer func() {
		if recover() == nil {
			t.Error("too many hints are made")
		}
	}()
	bolt11.Make(many, &chaincfg.SimNetParams, key)
}

// asking is a signed invoice with another amount in its text.
func asking(t *testing.T, amount string) string {
	t.Helper()
	human, data, err := bech32.DecodeNoLimit(bolt11.Make(draft(), &chaincfg.MainNetParams, key).Text)
	if err != nil {
		t.Fatal(err)
	}
	human = human[:len("lnbc")] + amount
	data = data[:len(data)-104]
	signed, err := bech32.ConvertBits(data, 5, 8, true)
	if err != nil {
		t.Fatal(err)
	}
	compact := ecdsa.SignCompact(key, chainhash.HashB(append([]byte(human), signed...)), true)
	signature, err := bech32.ConvertBits(append(compact[1:], compact[0]-31), 8, 5, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := bech32.Encode(human, append(data, signature...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Amounts beyond 64 bits do not come out as what is left of them.
func TestAmountsDoNotWrap(t *testing.T) {
	for amount, want := range map[string]messages.Amount{
		"": 0, "20m": 2_000_000_000, "1": 100_000_000_000, "30p": 3, "7n": 700, "9u": 900_000, "21000000": messages.MaxAmount,
	} {
		if i, err := bolt11.Read(asking(t, amount), &chaincfg.MainNetParams); err != nil || i.Amount != want {
			t.Errorf("%s: %s, %v", amount, i.Amount, err)
		}
	}
	for _, amount := range []string{"184467440738m", "184467441", "184467440737096u", "184467440737095517n", "21000001", "18446744073709551615m", "0", "0m"} {
		if i, err := bolt11.Read(asking(t, amount), &chaincfg.MainNetParams); !errors.Is(err, bolt11.ErrInvoice) || !errors.Is(err, messages.ErrAmount) {
			t.Errorf("%s: %s, %v", amount, i.Amount, err)
		}
	}
}

// FuzzRead: no text crashes the reader, and what is read is within its bounds.
func FuzzRead(f *testing.F) {
	f.Add(coffee)
	f.Add(any)
	f.Add(bolt11.Make(draft(), &chaincfg.SimNetParams, key).Text)
	f.Fuzz(func(t *testing.T, text string) {
		for _, network := range []*chaincfg.Params{&chaincfg.MainNetParams, &chaincfg.SimNetParams} {
			i, err := bolt11.Read(text, network)
			if err != nil {
				if !errors.Is(err, bolt11.ErrInvoice) {
					t.Fatalf("%v", err)
				}
				continue
			}
			if i.Amount > messages.MaxAmount || len(i.Hints) > bolt11.MaxHints || len(i.Text) > bolt11.MaxLength {
				t.Fatalf("read %+v", i)
			}
			again, err := bolt11.Read(i.Text, network)
			if err != nil || !reflect.DeepEqual(again, i) {
				t.Fatalf("read twice: %+v, %+v, %v", i, again, err)
			}
		}
	})
}
