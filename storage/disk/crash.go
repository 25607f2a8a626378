package disk

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is what a disk writes wholly or not at all.
const sector = 512

// inode is a file without a name.
type inode struct {
	content []byte
	// synced is the durable length, old the durable content if it is not the
	// first synced bytes of content any more. Appending needs no copy.
	synced int
	old    []byte
}

func (n *inode) writeAt(p []byte, offset int) {
	n.touch(offset)
	if gap := offset + len(p) - len(n.content); gap > 0 {
		n.content = append(n.content, make([]byte, gap)...)
	}
	copy(n.content[offset:], p)
}

func (n *inode) resize(size int) {
	n.touch(size)
	if gap := size - len(n.content); gap > 0 {
		n.content = append(n.content, make([]byte, gap)...)
	}
	n.content = n.content[:size]
}

// touch saves the durable content before a change at offset or behind.
func (n *inode) touch(offset int) {
	if n.old == nil && offset < n.synced {
		n.old = bytes.Clone(n.content[:n.synced])
	}
}

func (n *inode) sync() { n.synced, n.old = len(n.content), nil }

func (n *inode) durable() []byte {
	if n.old != nil {
		return n.old
	}
	return n.content[:n.synced]
}

// afterCrash returns the names and contents that a power failure leaves. Names
// change in their order, as journaling file systems keep it: some first ones
// of the pending changes are done, the others lost.
func afterCrash(durable map[string]*inode, pending []change, seed uint64) map[string]*inode {
	random := rand.New(rand.NewPCG(seed, 0))
	names := maps.Clone(durable)
	for _, c := range pending[:random.IntN(len(pending)+1)] {
		c(names)
	}
	left := map[*inode]*inode{} // one file may bear two names for a moment
	for _, name := range slices.Sorted(maps.Keys(names)) {
		node := names[name]
		if left[node] == nil {
			content := tear(node.durable(), node.content, random)
			left[node] = &inode{content: content, synced: len(content)}
		}
		names[name] = left[node]
	}
	return names
}

// tear returns what is left of a file that was old on the disk and was about
// to become wanted. Its length is either or between; each sector is either,
// and where the file has grown it may also hold zeros or what somebody else
// left there.
func tear(old, wanted []byte, random *rand.Rand) []byte {
	shorter, longer := min(len(old), len(wanted)), max(len(old), len(wanted))
	size := len(wanted)
	switch random.IntN(4) {
	case 0:
		size = len(old)
	case 1, 2:
		size = shorter + random.IntN(longer-shorter+1)
	}
	// Half of the time only the length is torn, which is what mostly happens
	// to a file that is appended to.
	inOrder := random.IntN(2) == 0
	left := make([]byte, size)
	for from := 0; from < size; from += sector {
		to := min(from+sector, size)
		part := left[from:to]
		fate := random.IntN(8)
		if to <= shorter && bytes.Equal(old[from:to], wanted[from:to]) {
			fate = 0
		}
		switch {
		case inOrder || fate < 4:
			paste(part, old, from)
			paste(part, wanted, from)
		case fate < 7:
			paste(part, old, from)
		default:
			for i := range part {
				part[i] = byte(random.Uint32())
			}
			paste(part, old, from)
		}
	}
	return left
}

// paste copies what content has at offset over part.
func paste(part, content []byte, offset int) {
	if offset < len(content) {
		copy(part, content[offset:])
	}
}
