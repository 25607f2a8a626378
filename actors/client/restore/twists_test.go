package restore_test

import (
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/mint/mintwire"
	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// forge changes answers of one kind; one that cannot be read as that is left alone.
func forge[M proto.Message](r *wire.ClientReply, m M, change func(M)) {
	if canonical.Unmarshal(r.GetAnswer().GetBody(), m, 1<<20) == nil {
		change(m)
		r.GetAnswer().Body = canonical.Marshal(m)
	}
}

func flipHash(w *mintwire.Slices) {
	for _, h := range w.GetHashes() {
		h[0] ^= 1
	}
}

// hide replaces everything that is issued.
func hide(w *mintwire.Slice) {
	for i, e := range w.GetEntries() {
		if e.GetIssued() != nil {
			w.Entries[i] = &mintwire.Entry{Spent: make([]byte, 32)}
		}
	}
}

// shift gives each share for another entry.
func shift(w *mintwire.Shares) {
	for i := range w.GetShares() {
		if i > 0 && len(w.Shares[i]) == 48 && len(w.Shares[i-1]) == 48 { // entries are of other sizes
			w.Shares[i-1], w.Shares[i] = w.Shares[i], w.Shares[i-1]
		}
	}
}
