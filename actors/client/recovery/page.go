package recovery

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Limits of answers, in bytes; entries and shares are well below.
const (
	maxEntry  = 512
	maxHashes = 64 << 10
	maxShares = 64 * mint.SharesSize
)

// entriesField is the number of the entries in mintwire.Slice.
const entriesField = 1

// A page is a run of entries as a member gave them.
type page struct {
	raw  [][]byte // each entry's canonical bytes
	list []*mintwire.Entry
}

// readPage reads the answer to "slice" and cuts it to its first most entries.
// Entries beyond are there if the log has grown meanwhile.
func readPage(body []byte, most uint64) (page, error) {
	w := new(mintwire.Slice)
	if canonical.Count(body, entriesField) > mint.PageSize {
		return page{}, fmt.Errorf("more than %d entries", mint.PageSize)
	}
	if err := canonical.Unmarshal(body, w, mint.PageSize*maxEntry); err != nil {
		return page{}, err
	}
	p := page{list: w.GetEntries()}
	for rest := body; len(rest) > 0; {
		_, _, tag := protowire.ConsumeTag(rest)
		entry, n := protowire.ConsumeBytes(rest[tag:]) // Unmarshal has found nothing else
		p.raw = append(p.raw, entry)
		rest = rest[tag+n:]
	}
	if uint64(len(p.list)) > most {
		p.list, p.raw = p.list[:most], p.raw[:most]
	}
	return p, nil
}

// text is what two members that give the same entries give alike.
func (p page) text() string { return string(canonical.Marshal(&mintwire.Slice{Entries: p.list})) }

// readSlices reads the answer to "slices": hashes from the slice on that was asked for,
// and how many entries there are.
func readSlices(body []byte) (hashes []messages.Digest, entries uint64, err error) {
	w := new(mintwire.Slices)
	if err := canonical.Unmarshal(body, w, maxHashes); err != nil {
		return nil, 0, err
	}
	for _, h := range w.GetHashes() {
		if len(h) != len(messages.Digest{}) {
			return nil, 0, fmt.Errorf("hash of %d bytes", len(h))
		}
		hashes = append(hashes, messages.Digest(h))
	}
	return hashes, w.GetEntries(), nil
}

// readShares reads the answer to "shares".
func readShares(body []byte) ([][]byte, error) {
	w := new(mintwire.Shares)
	if err := canonical.Unmarshal(body, w, maxShares); err != nil {
		return nil, err
	}
	if len(w.GetShares()) > mint.SharesSize {
		return nil, fmt.Errorf("%d shares", len(w.GetShares()))
	}
	return w.GetShares(), nil
}

// entriesOf joins the entries of pages, read and as bytes.
func entriesOf(pages []page) (list []*mintwire.Entry, raw [][]byte) {
	for _, p := range pages {
		list, raw = append(list, p.list...), append(raw, p.raw...)
	}
	return list, raw
}

// clip bounds what a member's text can do to a record.
func clip(err error) string { return fmt.Sprintf("%.120s", err.Error()) }
