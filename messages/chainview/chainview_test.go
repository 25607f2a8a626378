package chainview

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/messages/canonical"
	"minimint/messages/chainview/chainviewwire"
)

func sample() Observation {
	return Observation{
		Tip: 120, BaseHeight: 108, BaseHash: chainhash.Hash{1}, Blocks: []chainhash.Hash{{2}, {3}}, FeeRate: 2500,
		Burials: []Burial{{TxID: chainhash.Hash{4}, Inclusion: []byte("proof")}},
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for name, want := range map[string]Observation{"full": sample(), "empty": {}, "lagging": {Tip: 5, BaseHeight: 9}} {
		got, err := Decode(want.Encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	short := &chainviewwire.Observation{BaseHash: make([]byte, 31)}
	zero := &chainviewwire.Observation{BaseHash: make([]byte, 32)}
	many := &chainviewwire.Observation{}
	for range MaxBlocks + 1 {
		many.Blocks = append(many.Blocks, make([]byte, 32))
	}
	for name, b := range map[string][]byte{
		"no protobuf": {0xff}, "short hash": canonical.Marshal(short), "zero hash": canonical.Marshal(zero),
		"zero block":      canonical.Marshal(&chainviewwire.Observation{Blocks: [][]byte{make([]byte, 32)}}),
		"large proof":     Observation{Burials: []Burial{{Inclusion: make([]byte, MaxInclusion+1)}}}.Encode(),
		"too many blocks": canonical.Marshal(many), "trailing": append(sample().Encode(), 0),
	} {
		if _, err := Decode(b); !errors.Is(err, ErrObservation) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Whatever is in blocks, an observation that keeps to the limits can be read.
func TestLargestObservation(t *testing.T) {
	o := sample()
	o.Blocks = make([]chainhash.Hash, MaxBlocks)
	for i := range o.Blocks {
		o.Blocks[i][0] = 1
	}
	o.Burials = nil
	for range MaxBurials {
		o.Burials = append(o.Burials, Burial{TxID: chainhash.Hash{1}, Inclusion: make([]byte, MaxInclusion)})
	}
	if _, err := Decode(o.Encode()); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(sample().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := Decode(b); err == nil && !bytes.Equal(o.Encode(), b) {
			t.Errorf("%x decodes to %+v, which encodes to %x", b, o, o.Encode())
		}
	})
}
