// Package restore is the actor of an operation that finds the notes of its seed
// again.
//
//	accepts  Heard and Reach from its lines, carrier.Loaded, carrier.Lost and Adopted
//	         from MintClient, timing.Tick
//	sends    Ask to its lines, carrier.Load and Adopt to MintClient, carrier.Changed to
//	         UserClient
//
// What it asks and believes is said by package recovery. Each slice that was read is one
// commit with the operation's progress. Notes are added by MintClient, those of a slice in
// one commit with the record that counts them. After a crash it goes on from what
// stands in the store (H71).
//
// Notes are added as they are and not exchanged for fresh ones: if there is another
// device with the same words, its notes stay good. What one of the two spends, the
// other will find spent.
//
// The first search of a store also widens what WalletClient looks for in the bitcoin
// chain, see [Addresses], and waits until it has looked.
package restore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/lines"
	"minimint/actors/client/recovery"
	"minimint/actors/module/mint"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/wire"
	"minimint/storage"
)

// Config is what the actor needs; all fields are required.
type Config struct {
	World *carrier.World
	ID    uint64 // of the operation
	Tiers []mint.Tier
	// Random must be unpredictable to members.
	Random io.Reader
	// Chain says that WalletClient searches the bitcoin chain. Then the operation ends
	// when that has come to the tip.
	Chain bool
}

// Adopt asks MintClient to add the notes that are missing and to write the record; the
// answer is Adopted, or carrier.Lost if it failed over it.
type Adopt struct {
	Op    *clientwire.Operation
	Notes []recovery.Note
}

// Adopted brings the record back as it was written.
type Adopted struct{ Op *clientwire.Operation }

// restorer is the actor.
type restorer struct {
	cfg Config
	w   *carrier.World

	op     *clientwire.Operation // nil until it is loaded
	search *recovery.Search
	talk   []*actor.PID // lines, by member
	asked  []asked      // by member
	key    int          // of the last question
	down   []bool       // by member

	made []recovery.Note // that wait for MintClient
	end  bool            // there will be no more, or the search has failed
	busy bool            // MintClient has the record
	// dirty says that there is more to write when the record is back.
	dirty bool
}

// asked is the question that a member has.
type asked struct {
	key      int
	question recovery.Question
}

const maxReports = 64 // in a record

// New returns the producer of the actor of a stored operation.
func New(cfg Config) actor.Producer {
	return func() actor.Actor { return &restorer{cfg: cfg, w: cfg.World} }
}

// Receive implements actor.Actor.
func (r *restorer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Request(r.w.Mint, carrier.Load{ID: r.cfg.ID})
	case carrier.Loaded:
		if r.op == nil { // a former incarnation may have asked too
			r.load(ctx, m.Op)
		}
	case carrier.Lost: // what is written is known only to the store
		if r.op == nil || r.busy {
			panic(fmt.Sprintf("restore: MintClient failed over operation %d", r.cfg.ID))
		}
	default:
		if r.op != nil { // otherwise it was meant for a former incarnation
			r.carryOn(ctx, m)
		}
	}
}

// carryOn takes what comes once the record is there.
func (r *restorer) carryOn(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *timing.Tick:
		for _, l := range r.talk {
			ctx.Send(l, m)
		}
		r.search.Tick()
		r.ask(ctx)
		r.adopt(ctx)
	case lines.Reach:
		r.reach(ctx, m)
	case lines.Heard:
		r.heard(ctx, m)
	case Adopted:
		r.adopted(ctx, m.Op)
	}
}

// load begins where the store stands.
func (r *restorer) load(ctx actor.Context, op *clientwire.Operation) {
	if op.GetState() != clientwire.State_STATE_PENDING {
		ctx.Stop(ctx.Self())
		return
	}
	owner := recovery.Owner{Ring: r.w.Ring, Tiers: r.cfg.Tiers}
	var scan *recovery.Scan
	r.w.View(func(s storage.Reader) { scan = recovery.Resume(s, owner) })
	r.search = recovery.NewSearch(recovery.Config{Group: r.w.Group, Owner: owner, Random: r.cfg.Random}, scan)
	session, err := r.w.Connector.Session(r.w.Federation.ID())
	if err != nil {
		panic(fmt.Sprintf("restore: session of operation %d: %v", r.cfg.ID, err))
	}
	for i, m := range r.w.Federation.Members {
		props := r.w.Spawn.Props(spawn.Restart(carrier.RestartPause), lines.New(session, messages.PeerID(i), m))
		r.talk = append(r.talk, ctx.Spawn(props))
	}
	r.asked, r.down = make([]asked, r.w.Group.N), make([]bool, r.w.Group.N)
	ctx.Send(r.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
	r.op = op
	r.ask(ctx)
}

// ask gives every member that has nothing to do its next question.
func (r *restorer) ask(ctx actor.Context) {
	if r.end {
		return
	}
	for p := range r.talk {
		q, ok := r.search.Ask(messages.PeerID(p))
		if !ok {
			continue
		}
		r.key++
		r.asked[p] = asked{r.key, q}
		ctx.Send(r.talk[p], lines.Ask{Key: r.key, Request: &wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: &wire.Query{
			Module: string(mint.Kind), Method: q.Method, Body: binary.BigEndian.AppendUint64(nil, q.From),
		}}}})
	}
}

// heard takes a member's reply. A refusal is no answer, and the member is asked again.
func (r *restorer) heard(ctx actor.Context, m lines.Heard) {
	if r.end || m.Key != r.asked[m.Peer].key {
		return
	}
	answer, answered := m.Reply.GetReply().(*wire.ClientReply_Answer)
	if _, refused := m.Reply.GetReply().(*wire.ClientReply_Refusal); !answered && !refused {
		r.report(ctx, m.Peer, "reply of the wrong kind")
	}
	var body []byte
	if answered {
		body = answer.Answer.GetBody()
	}
	step, err := r.search.Hear(m.Peer, r.asked[m.Peer].question, body, answered)
	for _, f := range step.Faults {
		r.report(ctx, f.Peer, f.Text)
	}
	if errors.Is(err, recovery.ErrLog) || errors.Is(err, recovery.ErrMembers) {
		r.op.State, r.op.Cause, r.op.Text = clientwire.State_STATE_FAILED, clientwire.Cause_CAUSE_ANSWER, err.Error()
		r.end = true
		r.adopt(ctx)
		return
	} else if err != nil {
		panic(fmt.Sprintf("restore: operation %d: %v", r.cfg.ID, err))
	}
	r.perform(ctx, step)
	r.ask(ctx)
}

// perform carries out what follows from an answer.
func (r *restorer) perform(ctx actor.Context, step recovery.Step) {
	progress := r.op.GetRestore()
	progress.Scanned, progress.Entries = r.search.Progress()
	if step.Advanced {
		r.w.Update(func(tx storage.Tx) {
			recovery.Advance(tx, r.search.Scan())
			book.Put(tx, r.op)
		})
		ctx.Send(r.w.User, carrier.Changed{ID: r.cfg.ID})
	}
	r.end = step.Done
	if step.Located {
		r.w.View(func(s storage.Reader) { r.end = !r.search.Collect(recovery.Missing(s, r.search.Found())) })
		r.commit(ctx)
	}
	r.made = append(r.made, step.Notes...)
	r.adopt(ctx)
}

// adopt has MintClient add what was made, and write the end when that is all.
func (r *restorer) adopt(ctx actor.Context) {
	if r.busy || len(r.made) == 0 && !r.end {
		return
	}
	failed := r.op.GetState() != clientwire.State_STATE_PENDING
	over := r.end && (failed || r.searched())
	if len(r.made) == 0 && !over {
		if r.op.GetText() != searching {
			r.op.Text = searching
			r.commit(ctx)
		}
		return
	}
	op := proto.CloneOf(r.op)
	if over && !failed {
		op.State, op.Text = clientwire.State_STATE_DONE, ""
	}
	r.busy = true
	ctx.Request(r.w.Mint, Adopt{Op: op, Notes: r.made})
	r.made = nil
}

// searching is what a search waits for that has all notes.
const searching = "the bitcoin chain is being searched for deposits"

// searched reports whether the chain was searched to its tip, or nobody searches it.
func (r *restorer) searched() bool {
	all := !r.cfg.Chain
	if !all {
		r.w.View(func(s storage.Reader) { all = isSearched(s) })
	}
	return all
}

// adopted takes the record back, with what was noted meanwhile.
func (r *restorer) adopted(ctx actor.Context, op *clientwire.Operation) {
	notes, worth := op.GetRestore().GetNotes(), op.GetAmountMsat()
	r.busy, r.op.Restore.Notes, r.op.AmountMsat = false, notes, worth
	if op.GetState() != clientwire.State_STATE_PENDING {
		ctx.Stop(ctx.Self())
		return
	}
	if r.dirty {
		r.commit(ctx)
	}
	r.adopt(ctx)
}

// report records that a member answered wrongly, once for each kind of answer.
func (r *restorer) report(ctx actor.Context, peer messages.PeerID, what string) {
	line := fmt.Sprintf("member %d (%s): %s", peer, r.w.Federation.Members[peer].Name, what)
	if slices.Contains(r.op.GetReports(), line) || len(r.op.GetReports()) >= maxReports {
		return
	}
	r.w.Log.Warn("a member answered wrongly", slog.Uint64("operation", r.cfg.ID), slog.String("report", line))
	r.op.Reports = append(r.op.Reports, line)
	r.commit(ctx)
}

// reach notes that too few can be reached, for a user who wonders why it takes so long.
func (r *restorer) reach(ctx actor.Context, m lines.Reach) {
	r.down[m.Peer] = !m.Up
	text, down := "", 0
	for _, d := range r.down {
		if d {
			down++
		}
	}
	if down > r.w.Group.F {
		text = fmt.Sprintf("too few members can be reached: there is no link to %d of %d", down, r.w.Group.N)
	}
	if text != r.op.GetText() && !r.end {
		r.op.Text = text
		r.commit(ctx)
	}
}

// commit writes the record as it is, unless MintClient has it: then later.
func (r *restorer) commit(ctx actor.Context) {
	if r.dirty = r.busy; r.busy {
		return
	}
	r.w.Update(func(tx storage.Tx) { book.Put(tx, r.op) })
	ctx.Send(r.w.User, carrier.Changed{ID: r.cfg.ID})
}
