package setup

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/dkg"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage/wal"
)

// maxRecord bounds a record: a message and a few bytes.
const maxRecord = dkg.MaxMessage + 64

// openJournal opens the journal of a member. It is the journal of one set of
// terms: whoever wants others starts with another.
func openJournal(cfg Config, me messages.PeerID) (*wal.Log, error) {
	log, err := wal.Open(cfg.Disk, cfg.Journal, cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("setup: open journal: %w", err)
	}
	digest := cfg.Terms.Digest()
	want := canonical.Marshal(&setupwire.Record{Kind: &setupwire.Record_Terms{Terms: append(digest[:], cfg.Terms.Members[me]...)}})
	for first, err := range log.Records() {
		if err == nil && !bytes.Equal(first, want) {
			err = errors.New("it is of other terms, or of another member; move it away to begin anew")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("setup: journal %s: %w", cfg.Journal, err), log.Close())
		}
		return log, nil
	}
	if err = log.Append(want); err == nil {
		err = log.Sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("setup: write journal: %w", err), log.Close())
	}
	return log, nil
}

// keep makes a record durable. A failure panics: what is not kept must not be
// acted on.
func (c *Ceremony) keep(r *setupwire.Record) {
	err := c.journal.Append(canonical.Marshal(r))
	if err == nil {
		err = c.journal.Sync()
	}
	if err != nil {
		panic(fmt.Sprintf("setup: write journal: %v", err))
	}
}

// resume tells the attempts again what was kept. What they ask for was done or
// will be done again; only their state matters.
func (c *Ceremony) resume() error {
	for b, err := range c.journal.Records() {
		r := new(setupwire.Record)
		if err == nil {
			err = canonical.Unmarshal(b, r, maxRecord)
		}
		if err == nil {
			err = c.replay(r)
		}
		if err != nil {
			return fmt.Errorf("setup: read journal: %w", err)
		}
	}
	if c.current != nil {
		c.log.Info("setup resumes", slog.Uint64("attempt", uint64(c.current.Number())), slog.String("phase", c.current.Phase()))
	}
	return nil
}

func (c *Ceremony) replay(r *setupwire.Record) error {
	switch k := r.GetKind().(type) {
	case *setupwire.Record_Begin:
		own, err := agreement.DecodeHello(k.Begin)
		if err != nil {
			return err
		}
		if by, ok := c.cfg.Terms.Index(own.Identity); !ok || by != c.me || !own.Wants(c.cfg.Terms) {
			return errors.New("an attempt that begins with a hello that is not this member's")
		}
		c.enter(own)
	case *setupwire.Record_Terms:
	case *setupwire.Record_Hello, *setupwire.Record_Message, *setupwire.Record_GaveUp:
		if c.current == nil {
			return fmt.Errorf("%T before an attempt has begun", k)
		}
		return c.replayInto(r)
	}
	return nil
}

// replayInto tells the attempt that has begun what it was told before.
func (c *Ceremony) replayInto(r *setupwire.Record) error {
	switch k := r.GetKind().(type) {
	case *setupwire.Record_Hello:
		h, err := agreement.DecodeHello(k.Hello)
		if err != nil {
			return err
		}
		c.current.Hello(h)
	case *setupwire.Record_Message:
		c.current.Message(k.Message)
	case *setupwire.Record_GaveUp:
		c.current.GiveUp()
	}
	return nil
}
