package buyer

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
)

// forwards is what a buyer knows of the HTLCs for its offer.
type forwards struct {
	node   *actor.PID       // caller
	held   []lnnode.Forward // that are not answered
	since  int              // tick of the first of them
	answer []lnnode.Circuit // that are being answered
	spent  []lnnode.Circuit // that were given back, and buy nothing any more
}

// reply answers a forward, or gives it back. What the node did not write down it holds
// again.
func (f *forwards) reply(ctx actor.Context, at lnnode.Circuit, preimage *lnnode.Preimage) {
	if preimage == nil && !slices.Contains(f.spent, at) {
		f.spent = append(f.spent, at)
	}
	if !slices.Contains(f.answer, at) {
		f.answer = append(f.answer, at)
		ctx.Request(f.node, caller.AnswerCall{At: at, Preimage: preimage})
	}
}

// replied takes the node's word that it has an answer.
func (f *forwards) replied(at lnnode.Circuit) {
	f.answer = slices.DeleteFunc(f.answer, func(c lnnode.Circuit) bool { return c == at })
}

// giveBack gives back again what was given back before.
func (f *forwards) giveBack(ctx actor.Context) {
	f.held = slices.DeleteFunc(f.held, func(h lnnode.Forward) bool {
		again := slices.Contains(f.spent, h.Circuit)
		if again {
			f.reply(ctx, h.Circuit, nil)
		}
		return again
	})
}

// names reports whether a forward is one that a record is about.
func names(rec *ledgerwire.Purchase, at lnnode.Circuit) bool {
	return slices.ContainsFunc(rec.GetCircuits(), func(c *ledgerwire.Circuit) bool { return c.GetChannel() == at.Channel && c.GetHtlc() == at.HTLC })
}
