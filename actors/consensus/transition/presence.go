package transition

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/storage"
)

// Remembered is how many outcomes back the state knows who contributed.
// HoneyBadgerBFT's schedule of coins depends on it, so it is replicated: whoever
// begins with a snapshot knows it too.
const Remembered = 3

var presenceKey = []byte("recent")

// Contributors returns who contributed to the newest outcomes, ascending: of the
// newest outcome first, at most Remembered, fewer while there are fewer.
func Contributors(state storage.Reader) [][]messages.PeerID {
	var list [][]messages.PeerID
	for b := storage.ScopedReader(state, presenceScope).Get(presenceKey); len(b) > 0; {
		size := presenceSize(b)
		if size > len(b) {
			panic(fmt.Sprintf("transition: stored presence ends after %d of %d bytes", len(b), size))
		}
		var who []messages.PeerID
		for at := 2; at < size; at += 2 {
			who = append(who, messages.PeerID(binary.BigEndian.Uint16(b[at:])))
		}
		list, b = append(list, who), b[size:]
	}
	return list
}

// presenceSize is the length of the first outcome's list in b: a count, and that
// many members, of two bytes each.
func presenceSize(b []byte) int {
	if len(b) < 2 {
		return 2
	}
	return 2 + 2*int(binary.BigEndian.Uint16(b))
}

// NotePresence puts the contributors of an outcome before those of the outcomes
// before it, and forgets the oldest. It belongs to every epoch, beside Apply.
func NotePresence(ov *storage.Overlay, o outcome.Outcome) {
	scoped := storage.Scoped(ov, presenceScope)
	before := scoped.Get(presenceKey)
	list := binary.BigEndian.AppendUint16(nil, uint16(len(o.Contributions)))
	for _, m := range o.Contributions {
		list = binary.BigEndian.AppendUint16(list, uint16(m.Peer))
	}
	older := bytes.Clone(before)
	end := 0
	for range Remembered - 1 {
		if end < len(older) {
			end += presenceSize(older[end:])
		}
	}
	scoped.Put(presenceKey, append(list, older[:end]...))
}

// Absences says by PeerID who contributed to neither of the last two outcomes, and to
// neither of the two that end one earlier; nil where there are not two. It is a function
// of the state, so all members run the same schedule of coins.
func Absences(state storage.Reader, members int) (absent, before []bool) {
	recent := Contributors(state)
	return absentees(recent, 0, members), absentees(recent, 1, members)
}

// absentees is for the two outcomes of which the newer has an age.
func absentees(recent [][]messages.PeerID, age, members int) []bool {
	if len(recent) < age+2 {
		return nil
	}
	out := make([]bool, members)
	for i := range out {
		id := messages.PeerID(i)
		out[i] = !slices.Contains(recent[age], id) && !slices.Contains(recent[age+1], id)
	}
	return out
}
