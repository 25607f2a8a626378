package recovery_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/recovery"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/memory"
)

// long is two slices and a tail, with own notes at the edges: entry → note; true in
// spent says that it is spent there.
var long = sync.OnceValue(func() (l struct {
	*ledger
	unspent map[int]own
},
) {
	const size = 2*mint.SliceSize + 2345
	all := make([]*mintwire.Entry, size)
	for i := range all {
		all[i] = foreign(i)
	}
	l.unspent = map[int]own{}
	for i, at := range []int{0, mint.SliceSize - 1, mint.SliceSize, mint.SliceSize + 99, mint.SliceSize + 100, 2*mint.SliceSize - 1, 2 * mint.SliceSize, size - 1} {
		o := own{tweaks()[i%2], uint32(i % tiers), uint32(i)}
		l.unspent[at] = o
		all[at] = o.issued()
	}
	for i, at := range []int{1, 500, mint.SliceSize + 5} { // these are spent in another slice, or the tail
		o := own{tweaks()[2], 0, uint32(i)}
		all[at] = o.issued()
		all[at+mint.SliceSize+50] = o.spent()
	}
	l.ledger = newLedger(all)
	return l
})

func wantNotes(t rapid.TB, got []recovery.Note, want map[int]own) {
	t.Helper()
	places := map[int]bool{}
	var batch [][]tbs.Note
	for _, n := range got {
		at := int(n.GetEntry())
		o, ok := want[at]
		if !ok || places[at] || n.Nonce != o.nonce() || !proto.Equal(n.Recovered, recovered(o, at)) {
			t.Fatalf("entry %d: got %v", at, n.Recovered)
		}
		places[at] = true
		batch = append(batch, []tbs.Note{{Keys: owner.Tiers[o.tier].Keys, Nonce: n.Nonce, Signature: n.Signature}})
	}
	if len(places) != len(want) {
		t.Fatalf("%d notes, want %d", len(places), len(want))
	}
	if len(batch) == 0 {
		return
	}
	valid, err := tbs.VerifyBatch(batch, config().Random)
	if err != nil || slices.Contains(valid, false) {
		t.Fatalf("signatures %v, %v", valid, err)
	}
}

// Completeness: every own unspent note of a log is found with a valid signature, and
// nothing else; privacy: what is asked for are whole slices.
func TestFindsEverythingInWholeRanges(t *testing.T) {
	l := long()
	s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
	out := drive(s, []member{l.honest, l.honest, l.honest, l.honest}, first, func() {})
	if out.err != nil || len(out.faults) > 0 {
		t.Fatalf("%v, faults of %v", out.err, out.faults)
	}
	wantNotes(t, out.notes, l.unspent)
	entries := map[uint64]bool{}
	shares := map[messages.PeerID]map[uint64]bool{}
	for _, a := range out.asked {
		switch a.q.Method {
		case "slice":
			entries[a.q.From] = true
		case "shares":
			if shares[a.to] == nil {
				shares[a.to] = map[uint64]bool{}
			}
			shares[a.to][a.q.From] = true
		}
	}
	for at := uint64(0); at < uint64(len(l.entries)); at += mint.PageSize {
		if !entries[at] {
			t.Errorf("the entries from %d on were not read", at)
		}
	}
	complete := 0
	for _, from := range shares {
		for at := range from {
			if at%mint.SharesSize != 0 {
				t.Errorf("shares from %d on were asked for", at)
			}
		}
		if len(from) == (len(l.entries)+mint.SharesSize-1)/mint.SharesSize {
			complete++
		}
	}
	if complete < 3 {
		t.Errorf("%d members were asked for all shares", complete)
	}
}

// Privacy: what members are asked does not depend on which entries of a slice are own, nor on
// how many.
func TestQuestionsTellNothing(t *testing.T) {
	var transcript []pending
	for _, places := range [][]int{{250}, {3}, {0, 99, 100, 449}} {
		list := make([]*mintwire.Entry, 450)
		for i := range list {
			list[i] = foreign(i)
		}
		want := map[int]own{}
		for i, at := range places {
			want[at] = own{tweaks()[0], 1, uint32(i)}
			list[at] = want[at].issued()
		}
		l := newLedger(list)
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		out := drive(s, []member{l.honest, l.honest, l.honest, l.honest}, first, func() {})
		wantNotes(t, out.notes, want)
		if transcript == nil {
			transcript = out.asked
		}
		if !slices.Equal(out.asked, transcript) {
			t.Errorf("own notes at %v: asked %v", places, out.asked)
		}
	}
}

// Soundness: outputs that copy an own tweak, or an own blind nonce to another place,
// are not taken for own ones, and neither are those of others.
func TestCopiesAreNotOwn(t *testing.T) {
	o := own{tweaks()[0], 1, 4}
	blind := o.issued().GetIssued().GetOutput().GetBlindNonce()
	list := []*mintwire.Entry{
		issue(o.tweak, 1, 4, append([]byte{1}, blind[1:]...)),
		issue(o.tweak, 1, 5, blind),
		issue(o.tweak, 2, 4, blind),
		issue(o.tweak, 9, 4, blind),
		issue(tweaks()[1], 1, 4, blind),
		issue(keys.Tweak{1}, 1, 4, blind),
		(own{tweaks()[1], 0, 0}).spent(),
	}
	scan := recovery.NewScan(owner, 0, nil)
	if err := scan.Read(list); err != nil || len(scan.Found()) != 0 {
		t.Fatalf("found %v, %v", scan.Found(), err)
	}
	if err := scan.Read([]*mintwire.Entry{o.issued()}); err != nil || len(scan.Found()) != 1 || scan.Found()[0].GetEntry() != uint64(len(list)) {
		t.Fatalf("found %v, %v", scan.Found(), err)
	}
}

// A log that says what this program does not know is an error, not a guess.
func TestUnknownEntries(t *testing.T) {
	for name, e := range map[string]*mintwire.Entry{
		"nothing": {},
		"both":    {Issued: foreign(1).Issued, Spent: make([]byte, 32)},
		"nonce":   {Spent: make([]byte, 31)},
		"tweak":   {Issued: &mintwire.Issued{Output: &mintwire.Output{Tweak: make([]byte, 15), BlindNonce: make([]byte, 48)}}},
		"output":  {Issued: &mintwire.Issued{}},
	} {
		if err := recovery.NewScan(owner, 0, nil).Read([]*mintwire.Entry{e}); !errors.Is(err, recovery.ErrLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Resumption: a search that ends at any slice goes on there with the store, reads no slice
// twice, and finds the same.
func TestGoesOnWhereItWas(t *testing.T) {
	l := long()
	for stop := 1; stop <= 2; stop++ {
		store := memory.New()
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		saved := 0
		drive(s, []member{l.honest, l.honest, l.honest, l.honest}, first, func() {
			if saved++; saved <= stop {
				update(t, store, func(tx storage.Tx) { recovery.Advance(tx, s.Scan()) })
			}
		})
		var again *recovery.Scan
		view(t, store, func(r storage.Reader) { again = recovery.Resume(r, owner) })
		if got := again.Next(); got != uint64(stop*mint.SliceSize) {
			t.Fatalf("goes on at %d after %d slices", got, stop)
		}
		s = recovery.NewSearch(config(), again)
		out := drive(s, []member{l.honest, l.honest, l.honest, l.honest}, first, func() {})
		wantNotes(t, out.notes, l.unspent)
		for _, a := range out.asked {
			if a.q.Method == "slice" && a.q.From < uint64(stop*mint.SliceSize) {
				t.Fatalf("entry %d was read again after %d slices", a.q.From, stop)
			}
		}
	}
}

// A note is added once, however often it is found, and not if an operation of this
// store asked for it: it may have been handed over since.
func TestAddedOnce(t *testing.T) {
	l := long()
	s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
	out := drive(s, []member{l.honest, l.honest, l.honest, l.honest}, first, func() {})
	store := memory.New()
	handed := l.unspent[0].tweak
	op := &clientwire.Operation{Id: 2, Restore: &clientwire.Restore{}}
	update(t, store, func(tx storage.Tx) {
		putOperation(tx, &clientwire.Operation{Attempts: []*clientwire.Attempt{{Tweak: handed[:]}}})
		recovery.Adopt(tx, op, out.notes)
	})
	want, worth := 0, uint64(0)
	for _, o := range l.unspent {
		if o.tweak != handed {
			want, worth = want+1, worth+1<<o.tier
		}
	}
	held := heldNotes(t, store)
	if len(held) != want || op.GetRestore().GetNotes() != uint32(want) || op.GetAmountMsat() != worth {
		t.Fatalf("%d notes and %v, want %d of %d msat", len(held), op, want, worth)
	}
	update(t, store, func(tx storage.Tx) {
		for _, n := range held { // handed over
			deleteNote(tx, n.Nonce)
		}
		if left := recovery.Missing(tx, s.Found()); len(left) != 0 {
			t.Errorf("%d notes are missing", len(left))
		}
		recovery.Adopt(tx, op, out.notes)
	})
	if held := heldNotes(t, store); len(held) != 0 || op.GetRestore().GetNotes() != uint32(want) {
		t.Errorf("%d notes came back", len(held))
	}
}

// What is stored of notes goes when they are spent.
func TestSpentIsForgotten(t *testing.T) {
	store := memory.New()
	o := own{tweaks()[0], 0, 0}
	fill := func(scan *recovery.Scan, list ...*mintwire.Entry) {
		for i := len(list); i < mint.SliceSize; i++ {
			list = append(list, foreign(i))
		}
		if err := scan.Read(list); err != nil {
			t.Fatal(err)
		}
		update(t, store, func(tx storage.Tx) { recovery.Advance(tx, scan) })
	}
	fill(recovery.NewScan(owner, 0, nil), o.issued())
	var again *recovery.Scan
	view(t, store, func(r storage.Reader) { again = recovery.Resume(r, owner) })
	if len(again.Found()) != 1 || again.Found()[0].Nonce != o.nonce() {
		t.Fatalf("stored %v", again.Found())
	}
	fill(again, o.spent())
	view(t, store, func(r storage.Reader) { again = recovery.Resume(r, owner) })
	if len(again.Found()) != 0 || again.Next() != 2*mint.SliceSize {
		t.Fatalf("stored %v up to %d", again.Found(), again.Next())
	}
}
