// Package customer is people with wallets who pay each other, deposit and
// withdraw, each command a run of minimint-cli that may be killed at any moment.
//
// What a killed command has done is learnt as its user would: from the history and
// by waiting for what is pending. After a kill, and whenever it is asked for, a
// wallet's books are opened and must add up: its notes are worth what its
// operations brought in less what they gave away, in whatever state they are.
package customer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"minimint/cmd/minimint-dev/stage"
)

// Record is an operation, as the history shows it.
type Record struct {
	ID      uint64 `json:"operation"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Msat    uint64 `json:"msat"`
	FeeMsat uint64 `json:"fee_msat"`
	Code    uint32 `json:"code"`
	Text    string `json:"text"`
	Parent  uint64 `json:"parent"`
	Address string `json:"address"`
	Txid    string `json:"bitcoin_txid"`
	Notes   string `json:"notes"`
}

// Done reports whether the operation has come to a good end.
func (r *Record) Done() bool { return r != nil && r.State == "done" }

// Exit codes of minimint-cli.
const exitTimeout = 5

// Customer is one of them.
type Customer struct {
	user      *stage.User
	violation func(check, text string)
	rng       *mrand.Rand
	// last is the newest operation whose end is known.
	last uint64

	mu       sync.Mutex
	process  *os.Process // of the command that runs
	doomed   bool        // kill the next command
	killed   bool        // the command was
	kills    int
	commands int
	slowest  time.Duration
}

// New returns the customer who has a wallet. violation may be called on any
// goroutine.
func New(u *stage.User, seed uint64, violation func(check, text string)) *Customer {
	return &Customer{user: u, violation: violation, rng: mrand.New(mrand.NewPCG(seed, 1))}
}

// Name of the customer.
func (c *Customer) Name() string { return c.user.Name }

// Counts returns how many commands were run and how many of them were killed.
func (c *Customer) Counts() (commands, kills int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commands, c.kills
}

// Kill kills the command that the customer runs, or the next one soon after its
// start if there is none. It may be called from any goroutine.
func (c *Customer) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		c.doomed = true
		return
	}
	c.strike(c.process)
}

// strike kills the command that runs, if it is still that one.
func (c *Customer) strike(p *os.Process) {
	if c.process == p && !c.killed {
		c.killed = true
		c.kills++
		_ = p.Kill() // it may have ended this moment
	}
}

// infancy is within what time of its start a doomed command is killed.
const infancy = 200 * time.Millisecond

// run runs a command, and reports whether it was killed. Its other errors are the
// command's.
func (c *Customer) run(args ...string) (answer stage.Answer, killed bool, err error) {
	delay := time.Duration(c.rng.IntN(int(infancy)))
	answer, err = c.user.Watch(func(p *os.Process) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.process, c.killed = p, false
		c.commands++
		if c.doomed {
			c.doomed = false
			time.AfterFunc(delay, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.strike(p)
			})
		}
	}, args...)
	c.mu.Lock()
	c.process, killed = nil, c.killed && err != nil
	c.slowest = max(c.slowest, answer.Took)
	c.mu.Unlock()
	if killed {
		c.Audit()
	}
	return answer, killed, err
}

// Audit opens the customer's books, and reports if they do not add up. No command
// may run. It returns what the notes are worth, in millisatoshi.
func (c *Customer) Audit() int64 {
	b, err := audit(c.user.Dir)
	switch {
	case err != nil:
		c.violation("wallet", fmt.Sprintf("%s: %v", c.user.Name, err))
	case b.notes != b.brought:
		c.violation("wallet", fmt.Sprintf("%s has notes worth %d msat, and the history makes it %d", c.user.Name, b.notes, b.brought))
	}
	return b.notes
}

// errNeverBegun says that a command was killed before it had written anything.
var errNeverBegun = errors.New("nothing was begun")

// operate runs a command that begins an operation of a kind, and returns the
// operation's end, also if the command, and those after it, are killed. It returns
// errNeverBegun if the command left nothing behind.
func (c *Customer) operate(ctx context.Context, kind string, args ...string) (*Record, error) {
	answer, killed, err := c.run(args...)
	if err == nil {
		r := new(Record)
		if err := decode(answer.Values, r); err != nil {
			return nil, err
		}
		c.last = max(c.last, r.ID)
		return r, nil
	}
	id, findErr := c.find(ctx, kind)
	if findErr != nil {
		if !killed && errors.Is(findErr, errNeverBegun) {
			return nil, fmt.Errorf("%s: %w", args[0], err) // it was refused at once
		}
		return nil, findErr
	}
	return c.outcome(ctx, id)
}

// find returns the newest operation of a kind that is not known.
func (c *Customer) find(ctx context.Context, kind string) (uint64, error) {
	for ctx.Err() == nil {
		answer, killed, err := c.run("history")
		if killed {
			continue
		}
		if err != nil {
			return 0, err
		}
		var history struct {
			Operations []Record `json:"operations"`
		}
		if err := decode(answer.Values, &history); err != nil {
			return 0, err
		}
		found := uint64(0)
		for _, r := range history.Operations {
			if r.Kind == kind && r.ID > c.last {
				found = r.ID
			}
		}
		if found == 0 {
			return 0, errNeverBegun
		}
		return found, nil
	}
	return 0, ctx.Err()
}

// outcome waits for the end of an operation.
func (c *Customer) outcome(ctx context.Context, id uint64) (*Record, error) {
	number := strconv.FormatUint(id, 10)
	for ctx.Err() == nil {
		answer, killed, err := c.run("history", number)
		if killed {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := new(Record)
		if err := decode(answer.Values, r); err != nil {
			return nil, err
		}
		if r.State != "pending" || r.Kind == "deposit" {
			c.last = max(c.last, id)
			return r, nil
		}
		if answer, killed, err = c.run("await", number); err != nil && !killed && answer.Code == exitTimeout {
			return nil, fmt.Errorf("operation %d of %s does not end: %w", id, c.user.Name, err)
		}
	}
	return nil, ctx.Err()
}

// decode reads the answer of a command.
func decode(values map[string]any, into any) error {
	b, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// HandOut takes out notes of exactly so much.
func (c *Customer) HandOut(ctx context.Context, msat uint64) (string, error) {
	r, err := c.operate(ctx, "spend", "spend", fmt.Sprintf("%dmsat", msat))
	if err == nil && !r.Done() {
		err = fmt.Errorf("%s cannot hand out %d msat: %s", c.Name(), msat, r.Text)
	}
	if err != nil {
		return "", err
	}
	return r.Notes, nil
}
