// Package autopsy reads what a member left behind when it was killed: from copies
// of its files, so that the member itself, when it comes back, finds them as it
// left them.
package autopsy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/bolt"
	"minimint/storage/disk"
	"minimint/storage/statehash"
	"minimint/storage/wal"
)

// The files of a member that are looked at.
const (
	stateFile = "state.db"
	poolFile  = "pool.log"
)

// Config says whose remains to examine, and what for.
type Config struct {
	// DataDir is the member's, of whom no process may run.
	DataDir    string
	Federation messages.FederationID
	Members    int
	// From is the first epoch whose outcome is wanted.
	From messages.Epoch
	// Acknowledged are transactions that the member has promised to keep.
	Acknowledged []*transaction.Transaction
	// Whole has the state hash computed from the whole state. That takes time.
	Whole bool
}

// Remains are what was found.
type Remains struct {
	// Next is the first epoch that is not committed.
	Next messages.Epoch
	// State is the hash that the member keeps; Whole the same from the whole state,
	// if that was asked for.
	State, Whole messages.Digest
	// Outcomes are the digests of epochs Config.From, From+1, … before Next.
	Outcomes []messages.Digest
	// Lost lists acknowledged transactions that are neither decided nor waiting.
	Lost []messages.TxID
}

// Examine reads a member's files. An error says that they cannot be read, which is
// worth a report: the member will not be able to read them either.
func Examine(cfg Config) (r Remains, err error) {
	dir, err := os.MkdirTemp("", "minimint-autopsy-")
	if err != nil {
		return r, fmt.Errorf("autopsy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, name := range []string{stateFile, poolFile} {
		if err := duplicate(filepath.Join(cfg.DataDir, name), filepath.Join(dir, name)); err != nil {
			return r, fmt.Errorf("autopsy: %w", err)
		}
	}
	store, err := bolt.Open(filepath.Join(dir, stateFile), bolt.Options{NoSync: true})
	if err != nil {
		return r, fmt.Errorf("autopsy: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	snap, err := store.View()
	if err != nil {
		return r, fmt.Errorf("autopsy: %w", err)
	}
	defer snap.Release()
	if err := r.state(cfg, snap); err != nil {
		return r, fmt.Errorf("autopsy: %w", err)
	}
	if err := r.pool(cfg, snap, dir); err != nil {
		return r, fmt.Errorf("autopsy: %w", err)
	}
	return r, nil
}

// state reads position and outcomes.
func (r *Remains) state(cfg Config, snap storage.Reader) (err error) {
	defer func() { // what cannot be read back is a panic of the code that reads it
		if reason := recover(); reason != nil {
			err = fmt.Errorf("state: %v", reason)
		}
	}()
	position := history.ReadPosition(snap)
	r.Next, r.State = position.Next, position.StateHash()
	for e := cfg.From; e < r.Next; e++ {
		o, ok := history.FindOutcome(snap, e, cfg.Members)
		if !ok {
			return fmt.Errorf("the outcome of epoch %d is missing, the next is %d", e, r.Next)
		}
		r.Outcomes = append(r.Outcomes, o.Digest(cfg.Federation))
	}
	if cfg.Whole {
		whole := statehash.Compute(snap)
		r.Whole = whole.Sum()
	}
	return nil
}

// pool looks for what was acknowledged. A record of the pool's file ends with the
// transaction.
func (r *Remains) pool(cfg Config, snap storage.Reader, dir string) error {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return err
	}
	log, err := wal.Open(d, poolFile, rand.Reader)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it is a copy, and was only read
	var records [][]byte
	for record, err := range log.Records() {
		if err != nil {
			return err
		}
		records = append(records, record)
	}
	for _, tx := range cfg.Acknowledged {
		if !decided(snap, tx) && !waits(records, tx) {
			r.Lost = append(r.Lost, tx.ID())
		}
	}
	return nil
}

func decided(snap storage.Reader, tx *transaction.Transaction) bool {
	_, accepted := transition.FindAccepted(snap, tx.ID())
	_, refused := refusals.Find(snap, tx.WitnessID())
	return accepted || refused
}

func waits(records [][]byte, tx *transaction.Transaction) bool {
	for _, record := range records {
		if bytes.HasSuffix(record, tx.Bytes()) {
			return true
		}
	}
	return false
}

// duplicate copies a file. A missing one stays missing if a member that was killed
// at its first start may not have made it.
func duplicate(from, to string) (err error) {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(from) == poolFile {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
