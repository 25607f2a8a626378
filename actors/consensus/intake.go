package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/pool"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/wal"
)

// intake is the pool together with the file that makes it survive.
//
// A record of the file is the first epoch that could decide about a
// transaction, 8 bytes big-endian, and the transaction. The epoch tells a refusal
// that ended the wait of this submission from one that came before it: clients
// submit again what was refused for the moment, and such a transaction, once
// acknowledged, must not be taken for decided at the next start.
type intake struct {
	pool     *pool.Pool
	file     *wal.Log
	verified verdicts
}

const epochSize = 8

// errRecord says that a record of the pool's file was not written by us.
var errRecord = errors.New("no record of a pool")

// openIntake reads the pool back; what was decided meanwhile is left out.
func openIntake(cfg Config, snap storage.Reader) (*intake, error) {
	file, err := wal.Open(cfg.PoolDisk, cfg.PoolFile, cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("pool file: %w", err)
	}
	in := &intake{pool: pool.New(), file: file}
	var waiting []pool.Entry
	for record, err := range file.Records() {
		if err != nil {
			return nil, errors.Join(fmt.Errorf("pool file: %w", err), file.Close())
		}
		e, err := decodeEntry(record)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("pool file: %w", err), file.Close())
		}
		if !decided(e, snap) {
			waiting = append(waiting, e)
		}
	}
	in.restore(waiting, cfg.Transition)
	return in, nil
}

func decodeEntry(record []byte) (pool.Entry, error) {
	if len(record) < epochSize {
		return pool.Entry{}, fmt.Errorf("%w: %d bytes", errRecord, len(record))
	}
	tx, err := transaction.Decode(record[epochSize:])
	if err != nil {
		return pool.Entry{}, fmt.Errorf("%w: %w", errRecord, err)
	}
	return pool.Entry{Transaction: tx, Since: messages.Epoch(binary.BigEndian.Uint64(record))}, nil
}

func decided(e pool.Entry, snap storage.Reader) bool {
	if _, accepted := transition.FindAccepted(snap, e.Transaction.ID()); accepted {
		return true
	}
	refusal, refused := refusals.Find(snap, e.Transaction.WitnessID())
	return refused && refusal.Epoch >= e.Since
}

// restore pools what waited before the stop. It is checked anew: the rules may
// be those of another version than the one that acknowledged it, and a verdict
// that only this member holds must never come from a file.
func (in *intake) restore(waiting []pool.Entry, rules *transition.Transition) {
	txs := make([]*transaction.Transaction, len(waiting))
	for i, e := range waiting {
		txs[i] = e.Transaction
	}
	for i, rejection := range rules.Check(txs) {
		in.pool.Restore(waiting[i])
		if rejection == nil {
			in.verified.add(waiting[i].Transaction.WitnessID())
		}
	}
}

// add pools a transaction whose stateless checks passed. It is durable after the
// next sync. An error means that the file is broken.
func (in *intake) add(tx *transaction.Transaction, since messages.Epoch) (*messages.Rejection, error) {
	e := pool.Entry{Transaction: tx, Since: since}
	if rejection := in.pool.Add(e); rejection != nil {
		return rejection, nil
	}
	in.verified.add(tx.WitnessID())
	if err := in.file.Append(encodeEntry(e)); err != nil {
		return nil, fmt.Errorf("pool file: %w", err)
	}
	return nil, nil
}

func (in *intake) sync() error {
	if err := in.file.Sync(); err != nil {
		return fmt.Errorf("pool file: %w", err)
	}
	return nil
}

// drop takes what an epoch decided out of the pool.
func (in *intake) drop(res transition.Result, log *slog.Logger) {
	accepted := make(map[messages.TxID]bool, len(res.Accepted))
	for _, id := range res.Accepted {
		accepted[id] = true
	}
	refused := make(map[messages.WitnessID]bool, len(res.Rejected))
	for _, r := range res.Rejected {
		refused[r.Witness] = true
	}
	in.pool.Remove(func(id messages.TxID) bool { return accepted[id] }, func(id messages.WitnessID) bool { return refused[id] })
	if !in.mostlyGarbage() {
		return
	}
	// The old file serves as well if this fails; if it does not, the next use
	// of it says so.
	if err := in.file.Rewrite(in.records()); err != nil {
		log.Error("cannot shrink the pool file", slog.Any("error", err))
	}
}

// slack is how much of the file may be garbage at least.
const slack = 1 << 20

// mostlyGarbage reports whether decided transactions are more than slack and
// more than what is live. So rewriting costs no more than appending did.
func (in *intake) mostlyGarbage() bool {
	const frame = epochSize + 20 // of a record
	live := int64(in.pool.Bytes() + frame*in.pool.Len())
	return in.file.Size()-live > max(slack, live)
}

func (in *intake) records() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for e := range in.pool.All() {
			if !yield(encodeEntry(e), nil) {
				return
			}
		}
	}
}

func encodeEntry(e pool.Entry) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(e.Since)), e.Transaction.Bytes()...)
}

func (in *intake) close() { _ = in.file.Close() } // everything acknowledged is synced already

// maxVerdicts bounds how many signed forms are remembered as verified.
const maxVerdicts = 1 << 16

// verdicts remembers which signed forms passed the stateless checks, the newest.
type verdicts struct {
	set   map[messages.WitnessID]bool
	order []messages.WitnessID
}

func (v *verdicts) has(id messages.WitnessID) bool { return v.set[id] }

func (v *verdicts) add(id messages.WitnessID) {
	if v.set == nil {
		v.set = map[messages.WitnessID]bool{}
	}
	if v.set[id] {
		return
	}
	if len(v.order) >= maxVerdicts {
		delete(v.set, v.order[0])
		v.order = v.order[1:]
	}
	v.set[id] = true
	v.order = append(v.order, id)
}
