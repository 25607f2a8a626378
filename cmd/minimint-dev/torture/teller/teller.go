// Package teller keeps a federation busy with exchanges of notes, and keeps
// account of every acknowledgement.
//
// A wallet gives its transaction to all members, so that one that forgets what it
// acknowledged is not noticed. A teller gives most of its transactions to a single
// member, and once that has acknowledged one it never submits it again: nobody but
// that member can make it final. Some exchanges come in pairs that spend the same
// note and go to different members: exactly one of a pair must be accepted, the
// other refused because the note is spent, and what else it wanted to spend must
// be spendable as before.
package teller

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/cmd/minimint-dev/exchange"
	"minimint/cmd/minimint-dev/torture/line"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// Config says what to do.
type Config struct {
	Federation *federation.Config
	// Workers exchange at the same time, one transaction or pair each.
	Workers int
	Seed    uint64
	// Patience is how long a transaction may take to its end. It is counted from
	// its submission, so it includes the time for which members are away.
	Patience time.Duration
	// Violation is told what must not be. It is called on many goroutines.
	Violation func(check, text string)
}

// Tier is that of the notes that go round: 2^Tier msat each.
const Tier = 10

// asker puts questions to members: *line.Desk, and something simpler in tests.
type asker interface {
	Ask(ctx context.Context, to int, r *wire.ClientRequest) (*wire.ClientReply, error)
}

// A Teller exchanges.
type Teller struct {
	cfg    Config
	desk   *exchange.Desk
	lines  *line.Desk
	asks   asker // lines, outside of tests
	ledger *ledger

	mu  sync.Mutex
	pot []token.Note
}

// New returns a teller without money.
func New(cfg Config) (*Teller, error) {
	desk, err := exchange.NewDesk(cfg.Federation, rand.Reader)
	if err != nil {
		return nil, err
	}
	lines, err := line.Open(cfg.Federation)
	if err != nil {
		return nil, err
	}
	return &Teller{cfg: cfg, desk: desk, lines: lines, asks: lines, ledger: newLedger(len(cfg.Federation.Members))}, nil
}

// Close ends the teller's links.
func (t *Teller) Close() { t.lines.Close() }

// Fund exchanges money for count notes that go round; it must be worth exactly as
// much.
func (t *Teller) Fund(ctx context.Context, money []token.Note, count int) error {
	x, err := t.desk.New(money, slices.Repeat([]uint32{Tier}, count))
	if err != nil {
		return err
	}
	end, err := t.carry(ctx, mrand.New(mrand.NewPCG(t.cfg.Seed, 0)), x, t.everybody())
	if err != nil {
		return fmt.Errorf("teller: %w", err)
	}
	t.ledger.settled(x.Transaction, end.accepted)
	if !end.accepted {
		return fmt.Errorf("teller: the money is not good: %s", end.text)
	}
	return t.take(x, end)
}

// Worth is what all notes of the teller are worth, unless exchanges are under way.
func (t *Teller) Worth() messages.Amount {
	t.mu.Lock()
	defer t.mu.Unlock()
	return messages.Amount(len(t.pot)) * mint.Amount(Tier)
}

// Totals counts what was done so far.
func (t *Teller) Totals() Totals { return t.ledger.count() }

// Acknowledged returns every transaction that a member has acknowledged and whose
// end is not known, and those that ended since the last call.
func (t *Teller) Acknowledged(member int) []*transaction.Transaction { return t.ledger.take(member) }

// Promise returns a channel that is closed when a member acknowledges a transaction
// that it does not propose at once.
func (t *Teller) Promise(member int) <-chan struct{} { return t.ledger.watch(member) }

// Lines are the teller's links, for other questions.
func (t *Teller) Lines() *line.Desk { return t.lines }

// Work exchanges until stop is closed, finishes what was begun and returns; or
// returns at once when ctx ends. round makes the draws of one call differ from
// those of another.
func (t *Teller) Work(ctx context.Context, stop <-chan struct{}, round uint64) {
	var workers sync.WaitGroup
	for i := range t.cfg.Workers {
		workers.Go(func() {
			rng := mrand.New(mrand.NewPCG(t.cfg.Seed, round<<8|uint64(i)))
			for ctx.Err() == nil {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rng.IntN(int(thinking)))):
					t.exchange(ctx, rng)
				}
			}
		})
	}
	workers.Wait()
}

// thinking is the most that a worker pauses between two exchanges: without, one
// machine that runs everything would be busy with nothing else.
const thinking = 60 * time.Millisecond

// exchange draws and does one thing.
func (t *Teller) exchange(ctx context.Context, rng *mrand.Rand) {
	draw := rng.IntN(100)
	notes := t.draw(rng, 1+rng.IntN(3))
	switch {
	case len(notes) == 0: // all are under way
	case draw < 20 && len(notes) > 1:
		t.rivals(ctx, rng, notes)
	case draw < 40:
		t.single(ctx, rng, notes, toAll)
	case draw < 60:
		t.single(ctx, rng, notes, toAny)
	default:
		t.single(ctx, rng, notes, toLast)
	}
}

// Whom a transaction is given to.
type addressee uint8

const (
	toAll addressee = iota
	toAny
	// toLast is one of those members that wait before they propose it: for so long
	// nothing but its acknowledgement stands for it.
	toLast
)

func (t *Teller) addressees(rng *mrand.Rand, a addressee, tx *transaction.Transaction) []int {
	switch a {
	case toAll:
		return t.everybody()
	case toLast:
		for _, m := range rng.Perm(t.members()) {
			if waits(tx, m, t.members()) {
				return []int{m}
			}
		}
	case toAny:
	}
	return []int{rng.IntN(t.members())}
}

// waits reports whether a member that holds a transaction does not propose it at
// once: package pool has two begin, in an order that the id draws. If it did that
// in another way, points would only be less well aimed.
func waits(tx *transaction.Transaction, member, n int) bool {
	id := tx.ID()
	first := int(binary.BigEndian.Uint64(id[:8]) % uint64(n))
	return (member-first+n)%n >= 2
}

func (t *Teller) members() int { return len(t.cfg.Federation.Members) }

func (t *Teller) everybody() []int {
	all := make([]int, t.members())
	for i := range all {
		all[i] = i
	}
	return all
}

// single exchanges notes for as many in one transaction.
func (t *Teller) single(ctx context.Context, rng *mrand.Rand, notes []token.Note, to addressee) {
	x, err := t.desk.New(notes, slices.Repeat([]uint32{Tier}, len(notes)))
	if err != nil {
		t.violation("exchange", err.Error())
		return
	}
	end, err := t.carry(ctx, rng, x, t.addressees(rng, to, x.Transaction))
	if err != nil {
		t.lost(x.Transaction, err)
		return
	}
	switch {
	case !end.accepted:
		t.violation("legitimate", fmt.Sprintf("transaction %s is good, acknowledged by members %v, and rejected: code %d, %s",
			x.Transaction.ID(), t.ledger.by(x.Transaction), end.code, end.text))
	default:
		if err := t.take(x, end); err != nil {
			t.violation("shares", fmt.Sprintf("transaction %s was accepted in epoch %d: %v", x.Transaction.ID(), end.epoch, err))
		}
	}
	t.ledger.settled(x.Transaction, end.accepted)
}

// rivals submits two transactions that spend the same note to two members.
func (t *Teller) rivals(ctx context.Context, rng *mrand.Rand, notes []token.Note) {
	var x [2]*exchange.Exchange
	var ends [2]end
	var errs [2]error
	for i, given := range [][]token.Note{notes[:1], notes} {
		var err error
		if x[i], err = t.desk.New(given, slices.Repeat([]uint32{Tier}, len(given))); err != nil {
			t.violation("exchange", err.Error())
			return
		}
	}
	at := rng.Perm(t.members())
	seeds := [2]uint64{rng.Uint64(), rng.Uint64()}
	var both sync.WaitGroup
	for i := range x {
		both.Go(func() {
			ends[i], errs[i] = t.carry(ctx, mrand.New(mrand.NewPCG(seeds[i], 0)), x[i], at[i:i+1])
		})
	}
	both.Wait()
	for i := range x {
		if errs[i] != nil {
			t.lost(x[i].Transaction, errs[i])
		} else {
			t.ledger.settled(x[i].Transaction, ends[i].accepted)
		}
	}
	if errors.Join(errs[:]...) != nil {
		return
	}
	if ends[0].accepted == ends[1].accepted {
		t.violation("double spend", fmt.Sprintf("transactions %s and %s spend the same note: accepted %t and %t (%s; %s)",
			x[0].Transaction.ID(), x[1].Transaction.ID(), ends[0].accepted, ends[1].accepted, ends[0].text, ends[1].text))
		return
	}
	winner := 0
	if ends[1].accepted {
		winner = 1
	} else { // what the loser wanted to spend besides is as good as before
		t.put(notes[1:]...)
	}
	if loser := ends[1-winner]; loser.code != messages.RejectNoteSpent || !loser.final {
		t.violation("legitimate", fmt.Sprintf("transaction %s lost against another one and was rejected for another reason: code %d, %s",
			x[1-winner].Transaction.ID(), loser.code, loser.text))
	}
	if err := t.take(x[winner], ends[winner]); err != nil {
		t.violation("shares", fmt.Sprintf("transaction %s was accepted in epoch %d: %v", x[winner].Transaction.ID(), ends[winner].epoch, err))
	}
}

// lost reports a transaction without an end.
func (t *Teller) lost(tx *transaction.Transaction, err error) {
	if errors.Is(err, context.Canceled) { // the run ends
		return
	}
	if by := t.ledger.by(tx); len(by) > 0 {
		t.violation("acknowledged", fmt.Sprintf("transaction %s was acknowledged by members %v, and has no end: %v", tx.ID(), by, err))
		return
	}
	t.violation("progress", fmt.Sprintf("nobody takes transaction %s: %v", tx.ID(), err))
}

// take makes the fresh notes of an accepted exchange.
func (t *Teller) take(x *exchange.Exchange, e end) error {
	fresh, err := x.Finish(e.decided)
	if err == nil {
		t.put(fresh...)
	}
	return err
}

func (t *Teller) put(notes ...token.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pot = append(t.pot, notes...)
}

// draw takes at most so many notes out of the pot.
func (t *Teller) draw(rng *mrand.Rand, count int) []token.Note {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []token.Note
	for range min(count, len(t.pot)) {
		i := rng.IntN(len(t.pot))
		out = append(out, t.pot[i])
		t.pot = slices.Delete(t.pot, i, i+1)
	}
	return out
}

func (t *Teller) violation(check, text string) { t.cfg.Violation(check, text) }
