package view

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"pgregory.net/rapid"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
)

const below = 4 // agreement starts at 5

// chain agrees on blocks 5 to 9, named by their height.
func chain(height uint32) (chainhash.Hash, bool) {
	return chainhash.Hash{byte(height)}, height > below && height < 10
}

func at(base uint32, blocks ...byte) View {
	v := View{Base: base}
	for _, b := range blocks {
		v.Hashes = append(v.Hashes, chainhash.Hash{b})
	}
	return v
}

func TestTrim(t *testing.T) {
	for _, c := range []struct {
		name      string
		in, want  View
		conflicts bool
	}{
		{"votes", at(9, 9, 10, 11), at(9, 9, 10, 11), false},
		{"older base", at(7, 7, 8, 9, 10), at(9, 9, 10), false},
		{"lagging", at(6, 6, 7), at(7, 7), false},
		{"before the first", at(4, 0, 5, 6), at(6, 6), false},
		{"nothing yet", at(4, 0), at(4, 0), false},
		{"orphan", at(9, 99, 100), at(9, 99), true},
		{"orphan in the middle", at(7, 7, 98, 9, 10), at(8, 98), true},
		{"orphan at the first", at(4, 0, 95, 6), at(5, 95), true},
		{"fork above the tip", at(9, 9, 110), at(9, 9, 110), false},
	} {
		got := c.in.Trim(chain, 9)
		if _, conflicts := c.in.Conflict(chain); !got.Equal(c.want) || conflicts != c.conflicts {
			t.Errorf("%s: %v, conflict %t", c.name, got, conflicts)
		}
		if again := got.Trim(chain, 9); !again.Equal(got) {
			t.Errorf("%s: trimmed twice is %v", c.name, again)
		}
	}
}

func TestNews(t *testing.T) {
	old := at(9, 9, 10, 11)
	for _, c := range []struct {
		name string
		v    View
		want bool
	}{
		{"the same", at(9, 9, 10, 11), false},
		{"less", at(9, 9, 10), false},
		{"more", at(9, 9, 10, 11, 12), true},
		{"another", at(9, 9, 10, 111), true},
		{"nothing", at(9, 9), false},
		{"lagging", at(7, 7), false},
	} {
		if got := c.v.News(old, 9); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestMoved(t *testing.T) {
	for _, c := range []struct {
		from, to coins.FeeRate
		want     bool
	}{{4000, 4000, false}, {4000, 5000, false}, {4000, 3000, false}, {4000, 5001, true}, {4000, 2999, true}, {0, 1, true}, {0, 0, false}} {
		if got := Moved(c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: %t", c.from, c.to, got)
		}
	}
}

// Validity: of n−f to n rates, f of them a liar's, the median lies between two
// honest ones, and is the same in any order.
func TestMedianIsHonest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.IntRange(0, 5).Draw(t, "f")
		rate := rapid.Custom(func(t *rapid.T) coins.FeeRate {
			return coins.FeeRate(rapid.OneOf(rapid.Uint64Range(1, 100), rapid.SampledFrom([]uint64{0, 1 << 63, 1<<64 - 1})).Draw(t, "rate"))
		})
		honest := rapid.SliceOfN(rate, f+1, 2*f+1).Draw(t, "honest") // f more may be silent
		lies := rapid.SliceOfN(rate, f, f).Draw(t, "lies")
		all := rapid.Permutation(append(slices.Clone(honest), lies...)).Draw(t, "order")
		before := slices.Clone(all)
		got := Median(all)
		if got < slices.Min(honest) || got > slices.Max(honest) {
			t.Fatalf("median %d of %v and lies %v", got, honest, lies)
		}
		if !slices.Equal(all, before) {
			t.Fatal("the order of the members was changed")
		}
	})
}

func TestMajority(t *testing.T) {
	a, b := chainhash.Hash{1}, chainhash.Hash{2}
	for _, c := range []struct {
		votes []chainhash.Hash
		want  chainhash.Hash
		ok    bool
	}{
		{nil, chainhash.Hash{}, false},
		{[]chainhash.Hash{a, a}, chainhash.Hash{}, false},
		{[]chainhash.Hash{b, a, a, a}, a, true},
		{[]chainhash.Hash{a, b, a, b}, chainhash.Hash{}, false},
	} {
		if got, ok := Majority(c.votes, 3); got != c.want || ok != c.ok {
			t.Errorf("%v: %s, %t", c.votes, got, ok)
		}
	}
}

func FuzzDecode(f *testing.F) {
	seed := at(9, 9, 10)
	seed.Rate = 3000
	f.Add(canonical.Marshal(seed.Wire()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := new(walletwire.Observation)
		if canonical.Unmarshal(b, w, 1000) != nil {
			return
		}
		v, err := Decode(w, below)
		if err != nil {
			return
		}
		if len(v.Hashes) == 0 || len(v.Hashes) > 1+chainview.MaxBlocks || v.Base < below {
			t.Fatalf("%v", v)
		}
		if again, err := Decode(v.Wire(), below); err != nil || !again.Equal(v) {
			t.Fatalf("%v and %v, %v", v, again, err)
		}
	})
}
