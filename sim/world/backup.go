package world

import (
	"slices"
	"time"

	"minimint/messages"
	"minimint/sim/disk"
)

// A Backup is a copy of a node's disk.
type Backup struct {
	image   disk.Image
	at      time.Duration
	skipped messages.Epoch // that the node has no commit of, and nobody was told yet
}

// Took returns when it was made.
func (b Backup) Took() time.Duration { return b.at }

// gap is a time of which a node knows nothing any more, since its disk was replaced by
// a copy from before it.
type gap struct{ from, to time.Duration }

// journal is the file that holds what HBBFT said, as package node names it.
const journal = "journal.log"

// Backup copies its disk.
func (m *Node) Backup() Backup { return Backup{m.disk.Image(), m.world.Now(), m.skipped} }

// RestoreBackup ends its process and puts a copy of its disk in the place of what is
// there. What it promised in between it does not know, see Forgot.
func (m *Node) RestoreBackup(b Backup) {
	m.Kill()
	m.disk.Restore(b.image)
	m.skipped = b.skipped
	m.gaps = append(m.gaps, gap{b.at, m.world.Now()})
	m.trace("restored", b.at.String())
}

// RestoreJournal does so with the journal alone: state and pool stay what they are. A
// backup from before the first start has none, so the journal is lost.
func (m *Node) RestoreJournal(b Backup) {
	m.Kill()
	m.disk.RestoreFile(b.image, journal)
	m.trace("restored", journal, b.at.String())
}

// Forgot reports whether what it promised at some time may be unknown to it, since its
// disk was replaced.
func (m *Node) Forgot(at time.Duration) bool {
	return slices.ContainsFunc(m.gaps, func(g gap) bool { return g.from <= at && at <= g.to })
}
