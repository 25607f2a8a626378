package carrier

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/lines"
	"minimint/actors/client/purse"
	"minimint/actors/client/quorum"
	"minimint/actors/module/lightning"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/spawn"
	"minimint/messages/federation"
	"minimint/storage"
)

// RestartPause is between the restarts of a client's actors.
var RestartPause = spawn.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// World is what the actors of one client share. It is complete before any of
// them starts, and only read afterwards.
type World struct {
	Federation *federation.Config
	Group      quorum.Group
	Ring       *keys.Ring
	Purse      *purse.Purse
	Lock       *descriptor.Descriptor // nil if the federation holds no bitcoin
	Lightning  *lightning.Config      // nil if it runs no Lightning module
	Store      storage.Store
	Connector  lines.Connector
	Spawn      *spawn.System
	Log        *slog.Logger
	// Linger is how many ticks an actor stays after its operation's end, for
	// members that have not answered yet and may turn out to lie.
	Linger int
	// Clock takes timing.Subscribe; User and Mint are UserClient and MintClient.
	Clock, User, Mint *actor.PID
}

// View calls fn with the newest committed state. A store that cannot be read is
// the end of whoever reads it; the panic says why.
func (w *World) View(fn func(storage.Reader)) {
	snap, err := w.Store.View()
	if err != nil {
		panic(fmt.Sprintf("client: open snapshot: %v", err))
	}
	defer snap.Release()
	fn(snap)
}

// Update commits what fn writes, and panics if it cannot.
func (w *World) Update(fn func(storage.Tx)) {
	_ = w.TryUpdate(func(tx storage.Tx) error { fn(tx); return nil }) // it returns what fn returns
}

// TryUpdate commits what fn writes, unless fn returns an error: then it returns
// that. It panics if the store fails.
func (w *World) TryUpdate(fn func(storage.Tx) error) error {
	var refusal error
	err := w.Store.Update(func(tx storage.Tx) error {
		refusal = fn(tx)
		return refusal
	})
	if err != nil && !errors.Is(err, refusal) {
		panic(fmt.Sprintf("client: commit: %v", err))
	}
	return refusal
}

// Load asks MintClient for the record of an operation; the answer is Loaded. It
// is the first thing that every incarnation of a carrier asks: MintClient answers
// in order, so that nothing which a former incarnation asked for is carried out,
// or answered, after Loaded.
type Load struct{ ID uint64 }

// Loaded brings a record as it is stored.
type Loaded struct{ Op *clientwire.Operation }

// Prepare asks MintClient for the next attempt of an operation; the answer is
// Prepared, Refused, or Settled if the operation could be ended at once.
type Prepare struct {
	Op    *clientwire.Operation
	Order purse.Order
}

// Settle asks MintClient to write the end of an operation whose attempt was
// accepted; the answer is Settled.
type Settle struct {
	Op      *clientwire.Operation
	Harvest *purse.Harvest
}

// Release asks MintClient to write the end of an operation that has failed and to
// free its notes; the answer is Settled.
type Release struct {
	Op *clientwire.Operation
	// Doubtful says that the federation knows one of the notes as spent.
	Doubtful bool
}

// Prepared brings the record back with an attempt, as it was written.
type Prepared struct{ Op *clientwire.Operation }

// Refused brings the record back as it was, because no attempt can be made.
type Refused struct {
	Op  *clientwire.Operation
	Err error
}

// Lost tells an operation that MintClient failed over what it asked for, and that no
// answer will come.
type Lost struct{}

// Settled brings the record back as it was written at the end.
type Settled struct{ Op *clientwire.Operation }

// Recall tells an operation that the user wants the money back.
type Recall struct{}

// Changed tells UserClient that the record of an operation was written.
type Changed struct{ ID uint64 }
