package hbbft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/storage/wal"
)

// rewriteBytes is the size of the journal from which on garbage is dropped. In
// steady state it is rewritten once in so many bytes of votes and proposals.
const rewriteBytes = 4 << 20

// A journal is the log of what this member said, and of where it was.
//
// A record is one byte that tells its kind and then a statement, as a frame
// that holds nothing else, or a mark.
type journal struct {
	log      *wal.Log
	era      messages.Era
	members  int
	unsynced bool
	mark     mark
	marked   bool                 // the log holds a mark
	said     uint64               // binding records ever written
	restored []honeybadger.Record // what the log held when it was opened
	limit    int64                // size from which on it is rewritten
}

// A mark says where the member was when it was written; the last one counts.
type mark struct {
	position honeybadger.Position
	silent   messages.Epoch
	said     uint64   // binding records before it
	heard    []uint64 // by PeerID, see recall; nil: nothing
}

const (
	kindStatement = 1
	kindMark      = 2
)

// openJournal opens the log and reads it back.
func openJournal(cfg Config) (*journal, error) {
	log, err := wal.Open(cfg.Disk, cfg.File, cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", cfg.File, err)
	}
	j := &journal{log: log, era: cfg.Core.Era, members: cfg.Core.Members, unsynced: cfg.Unsynced, limit: rewriteBytes}
	for record, err := range log.Records() {
		if err == nil {
			err = j.read(record)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read journal %s: %w", cfg.File, err), log.Close())
		}
	}
	return j, nil
}

var errRecord = errors.New("no record of a journal")

func (j *journal) read(record []byte) error {
	if len(record) == 0 {
		return fmt.Errorf("%w: it is empty", errRecord)
	}
	body := record[1:]
	switch record[0] {
	case kindMark:
		m, ok := decodeMark(body, j.members)
		if !ok {
			return fmt.Errorf("%w: a mark of %d bytes", errRecord, len(body))
		}
		j.mark, j.marked, j.said = m, true, m.said
		return nil
	case kindStatement:
		f, err := frames.Decode(body)
		if err != nil {
			return fmt.Errorf("%w: %w", errRecord, err)
		}
		if len(f.Statements) != 1 || int(f.Statements[0].Slot()) >= j.members {
			return fmt.Errorf("%w: %d statements", errRecord, len(f.Statements))
		}
		if f.Era == j.era {
			j.restored = append(j.restored, honeybadger.Record{Epoch: f.Epoch, Statement: f.Statements[0]})
		}
		if binding(honeybadger.Record{Statement: f.Statements[0]}) {
			j.said++
		}
		return nil
	}
	return fmt.Errorf("%w: kind %d", errRecord, record[0])
}

// begin makes the first mark durable.
func (j *journal) begin() error {
	j.marked, j.mark.said = true, j.said
	if err := j.log.Append(encodeMark(j.mark, j.members)); err != nil {
		return fmt.Errorf("begin journal: %w", err)
	}
	if j.unsynced {
		return nil
	}
	if err := j.log.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// write adds records, and the mark if there is a new one, and makes durable what
// must be before it is said. When it is time, the log is replaced by all that is
// still needed, which contains them.
func (j *journal) write(records []honeybadger.Record, marked bool, live func() []honeybadger.Record) error {
	before, bind := j.said, 0
	for _, r := range records {
		if binding(r) {
			bind++
		}
	}
	j.said += uint64(bind)
	if j.log.Size() >= j.limit {
		var whole [][]byte
		for _, r := range live() {
			whole = append(whole, j.encode(r))
		}
		j.mark.said = j.said
		whole = append(whole, encodeMark(j.mark, j.members))
		if err := j.log.Rewrite(wal.Of(whole...)); err != nil {
			return fmt.Errorf("rewrite journal: %w", err)
		}
		j.limit = max(rewriteBytes, 2*j.log.Size())
		return nil
	}
	var more [][]byte
	if marked {
		j.mark.said = before
		more = append(more, encodeMark(j.mark, j.members))
	}
	for _, r := range records {
		more = append(more, j.encode(r))
	}
	if err := j.log.Append(more...); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	if bind == 0 || j.unsynced || mutant.Removed(mutant.SyncJournal) {
		return nil
	}
	if err := j.log.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// binding reports whether a crash that forgets the record could make this member
// say the opposite. Shares are the same whenever they are made, and a mark that
// is too old is put right by the processor.
func binding(r honeybadger.Record) bool {
	switch r.Statement.(type) {
	case frames.CoinShare, frames.DecryptionShare:
		return false
	case frames.Value, frames.Echo, frames.Ready, frames.Pull, frames.Input, frames.BVal, frames.Aux, frames.Conf, frames.Term:
		return true
	}
	panic(fmt.Sprintf("hbbft: record of unknown type %T", r.Statement))
}

func (j *journal) encode(r honeybadger.Record) []byte {
	f := frames.Frame{Era: j.era, Epoch: r.Epoch, Statements: []frames.Statement{r.Statement}}
	return append([]byte{kindStatement}, frames.Encode(f)...)
}

func (j *journal) close() error { return j.log.Close() }

// encodeMark writes four numbers, one for each member, and then, for each absence, 0
// if it is unknown, 1 if it is nobody, or 2 and one byte per member.
func encodeMark(m mark, members int) []byte {
	b := []byte{kindMark}
	for _, e := range []messages.Epoch{m.position.Next, m.position.Certified, m.silent} {
		b = binary.BigEndian.AppendUint64(b, uint64(e))
	}
	b = binary.BigEndian.AppendUint64(b, m.said)
	for i := range members {
		heard := uint64(0)
		if m.heard != nil {
			heard = m.heard[i]
		}
		b = binary.BigEndian.AppendUint64(b, heard)
	}
	for _, a := range m.position.Absences {
		switch {
		case !a.Known:
			b = append(b, 0)
		case a.Absent == nil:
			b = append(b, 1)
		default:
			b = append(b, 2)
			for _, absent := range a.Absent {
				bit := byte(0)
				if absent {
					bit = 1
				}
				b = append(b, bit)
			}
		}
	}
	return b
}

func decodeMark(b []byte, members int) (mark, bool) {
	var m mark
	if len(b) < 8*(4+members) {
		return mark{}, false
	}
	number := func() uint64 {
		x := binary.BigEndian.Uint64(b)
		b = b[8:]
		return x
	}
	m.position.Next, m.position.Certified, m.silent = messages.Epoch(number()), messages.Epoch(number()), messages.Epoch(number())
	m.said, m.heard = number(), make([]uint64, members)
	for i := range m.heard {
		m.heard[i] = number()
	}
	for i := range m.position.Absences {
		a := &m.position.Absences[i]
		if len(b) == 0 || b[0] > 2 || b[0] == 2 && len(b) < 1+members {
			return mark{}, false
		}
		kind := b[0]
		a.Known, b = kind > 0, b[1:]
		if kind < 2 {
			continue
		}
		a.Absent = make([]bool, members)
		for p := range a.Absent {
			a.Absent[p] = b[p] == 1
		}
		b = b[members:]
	}
	return m, len(b) == 0 && m.position.Certified <= m.position.Next
}
