package outcome_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

func tx(t interface {
	Helper()
	Fatal(...any)
}, size int,
) *transaction.Transaction {
	t.Helper()
	made, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{{Kind: "mint", Body: make([]byte, size)}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// The frozen form: certificates sign this digest. Computed independently, from
// the schema and the tagged hash.
func TestFrozenOutcome(t *testing.T) {
	o := outcome.Outcome{Epoch: 5, Contributions: []outcome.Member{{Peer: 0, Contribution: []byte("first")}, {Peer: 3}}}
	const wantBytes = "080512071205666972737412020803"
	if got := hex.EncodeToString(o.Encode()); got != wantBytes {
		t.Errorf("bytes %s, want %s", got, wantBytes)
	}
	const wantDigest = "687779b1e5f240bd86602b884de959a6718147243defe9388967c0d34f7470fc"
	if got := o.Digest(messages.FederationID{9}).String(); got != wantDigest {
		t.Errorf("digest %s, want %s", got, wantDigest)
	}
	if o.Digest(messages.FederationID{8}) == o.Digest(messages.FederationID{9}) {
		t.Error("two federations have the same digest")
	}
}

func TestOutcomeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		o := outcome.Outcome{Epoch: messages.Epoch(rapid.Uint64().Draw(t, "epoch"))}
		for i := range n {
			if rapid.Bool().Draw(t, "in") {
				b := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "bytes")
				o.Contributions = append(o.Contributions, outcome.Member{Peer: messages.PeerID(i), Contribution: b})
			}
		}
		again, err := outcome.Decode(o.Encode(), n)
		if err != nil || !reflect.DeepEqual(again, o) {
			t.Fatalf("%v: %+v", err, again)
		}
		if last := len(o.Contributions) - 1; last >= 0 {
			if _, err := outcome.Decode(o.Encode(), int(o.Contributions[last].Peer)); !errors.Is(err, outcome.ErrOutcome) {
				t.Fatalf("a member that the federation does not have: %v", err)
			}
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	entry := func(member uint32, size int) *wire.MemberContribution {
		return &wire.MemberContribution{Member: member, Contribution: make([]byte, size)}
	}
	for name, b := range map[string][]byte{
		"unknown field":    {0x78, 1},
		"cut off":          {0x12, 9},
		"member twice":     canonical.Marshal(&wire.Outcome{Contributions: []*wire.MemberContribution{entry(1, 0), entry(1, 0)}}),
		"out of order":     canonical.Marshal(&wire.Outcome{Contributions: []*wire.MemberContribution{entry(2, 0), entry(1, 0)}}),
		"member 4 of 4":    canonical.Marshal(&wire.Outcome{Contributions: []*wire.MemberContribution{entry(4, 0)}}),
		"largest member":   canonical.Marshal(&wire.Outcome{Contributions: []*wire.MemberContribution{entry(1<<32-1, 0)}}),
		"long":             canonical.Marshal(&wire.Outcome{Contributions: []*wire.MemberContribution{entry(0, outcome.MaxContribution+1)}}),
		"all too long":     make([]byte, outcome.MaxSize(4)+1),
		"default written":  {0x08, 0},
		"epoch not varint": {0x09, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		if _, err := outcome.Decode(b, 4); !errors.Is(err, outcome.ErrOutcome) {
			t.Errorf("%s: %v, want ErrOutcome", name, err)
		}
	}
	full := canonical.Marshal(&wire.Outcome{Contributions: []*wire.MemberContribution{
		entry(0, outcome.MaxContribution), entry(1, outcome.MaxContribution), entry(2, outcome.MaxContribution), entry(3, outcome.MaxContribution),
	}})
	if _, err := outcome.Decode(full, 4); err != nil {
		t.Errorf("the largest outcome: %v", err)
	}
}

// The original's contributions had no limits: here two bytes on the wire, which can make an element of a list, are counted before anything is allocated.
func TestH29EmptyElementsCostNothing(t *testing.T) {
	flood := bytes.Repeat([]byte{0x12, 0}, 300<<10)
	transactions := bytes.Repeat([]byte{0x0a, 0}, 90<<10)
	contribution := func(b []byte) func() error {
		return func() error { _, err := outcome.DecodeContribution(b); return err }
	}
	for name, decode := range map[string]func() error{
		"outcome":                 func() error { _, err := outcome.Decode(flood, 4); return err },
		"items of a contribution": contribution(flood[:outcome.MaxContribution]),
		"transactions":            contribution(transactions),
		"far too long":            contribution(flood),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := decode()
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<10 {
			t.Errorf("%s: %d bytes allocated to refuse it", name, spent)
		}
	}
}

func TestContributionRefuses(t *testing.T) {
	good := tx(t, 1).Bytes()
	for name, w := range map[string]*wire.Contribution{
		"broken transaction":  {Transactions: [][]byte{good, good[1:]}},
		"empty transaction":   {Transactions: [][]byte{{}}},
		"kind":                {Items: []*wire.ModuleItem{{Kind: "Mint"}}},
		"no kind":             {Items: []*wire.ModuleItem{{}}},
		"long item":           {Items: []*wire.ModuleItem{{Kind: "mint", Body: make([]byte, transaction.MaxItemSize+1)}}},
		"too many items":      {Items: make([]*wire.ModuleItem, outcome.MaxModuleItems+1)},
		"too many, all empty": {Transactions: make([][]byte, outcome.MaxTransactions+1)},
	} {
		for i := range w.Items {
			if w.Items[i] == nil {
				w.Items[i] = &wire.ModuleItem{Kind: "mint"}
			}
		}
		if _, err := outcome.DecodeContribution(canonical.Marshal(w)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if c, err := outcome.DecodeContribution(nil); err != nil || len(c.Transactions)+len(c.Items) > 0 {
		t.Errorf("a proposal that could not be opened counts as empty: %+v, %v", c, err)
	}
}

// BuilderKeepsLimits: whatever is put in, in whatever order, the result is a
// contribution that every member can read, and says all that was taken.
func TestBuilderKeepsLimits(t *testing.T) {
	sizes := rapid.SampledFrom([]int{0, 1, 100, 127, 128, 16_001, transaction.MaxItemSize})
	made := map[int]*transaction.Transaction{}
	for _, size := range []int{1, 127, 16_001} {
		made[size] = tx(t, size)
	}
	rapid.Check(t, func(t *rapid.T) {
		var b outcome.Builder
		items, txs := 0, 0
		for range rapid.IntRange(0, 12).Draw(t, "things") {
			size := sizes.Draw(t, "size")
			for range rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 1, 1500}).Draw(t, "times") {
				if size%2 == 0 && b.Item(transaction.Item{Kind: "mint", Body: make([]byte, size)}) {
					items++
				}
				if size%2 == 1 && b.Transaction(made[size]) {
					txs++
				}
			}
		}
		encoded := b.Contribution().Encode()
		c, err := outcome.DecodeContribution(encoded)
		if err != nil || len(c.Items) != items || len(c.Transactions) != txs {
			t.Fatalf("%d bytes with %d items and %d transactions: %v, %d, %d", len(encoded), items, txs, err, len(c.Items), len(c.Transactions))
		}
		if !bytes.Equal(c.Encode(), encoded) {
			t.Fatal("encoded again it differs")
		}
	})
}

// What was refused takes no room from what comes later.
func TestBuilderRefusalTakesNoRoom(t *testing.T) {
	var b outcome.Builder
	for range outcome.MaxModuleItems {
		if !b.Item(transaction.Item{Kind: "mint"}) {
			t.Fatal("no room")
		}
	}
	for range 100 * outcome.MaxModuleItems {
		if b.Item(transaction.Item{Kind: "mint"}) {
			t.Fatal("more items than allowed")
		}
	}
	if !b.Transaction(tx(t, 1000)) {
		t.Error("no room for a transaction")
	}
}

func TestBuilderPanicsOnImpossibleItems(t *testing.T) {
	for name, it := range map[string]transaction.Item{
		"kind": {Kind: "MINT"}, "size": {Kind: "mint", Body: make([]byte, transaction.MaxItemSize+1)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			new(outcome.Builder).Item(it)
		}()
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{}, uint8(4))
	f.Add(outcome.Outcome{Epoch: 1, Contributions: []outcome.Member{{Peer: 2, Contribution: []byte{1}}}}.Encode(), uint8(4))
	f.Add(bytes.Repeat([]byte{0x12, 0}, 9), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		o, err := outcome.Decode(b, int(n))
		if err != nil {
			if !errors.Is(err, outcome.ErrOutcome) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		if !bytes.Equal(o.Encode(), b) {
			t.Fatal("encoded again it differs")
		}
		for _, m := range o.Contributions {
			if int(m.Peer) >= int(n) {
				t.Fatalf("member %d of %d", m.Peer, n)
			}
		}
	})
}

func FuzzDecodeContribution(f *testing.F) {
	f.Add([]byte{})
	f.Add(outcome.Contribution{Items: []transaction.Item{{Kind: "mint", Body: []byte{1}}}}.Encode())
	f.Add([]byte{0x0a, 0, 0x0a, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := outcome.DecodeContribution(b)
		if err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatal("encoded again it differs")
		}
	})
}
