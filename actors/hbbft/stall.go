package hbbft

import (
	"log/slog"
	"time"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
)

// A Stall is that no epoch is committed although there is work, or that this member
// listens. Text says what it waits for, and for whom.
type Stall struct {
	Epoch messages.Epoch
	For   time.Duration
	Text  string
}

// relog is after what time a stall is logged again, if its cause has changed or not.
const (
	relogChanged = 10 * time.Second
	relogSame    = time.Minute
)

// stall is what the log says of one.
type stall struct {
	text string
	at   time.Duration // of the stall, when it was logged
	on   bool
}

// watch looks, at a tick, whether epochs go on. It is for people: what may help is the
// core's business.
func (h *Instance) watch() {
	s := h.stalled()
	if s == nil {
		if h.stall.on {
			h.stall = stall{}
			h.log.Info("the stall is over")
			h.tellStall(Stall{})
		}
		return
	}
	now := Stall{Epoch: s.Epoch, For: s.For, Text: s.String()}
	passed := now.For - h.stall.at
	if !h.stall.on || passed >= relogSame || passed >= relogChanged && now.Text != h.stall.text {
		h.stall = stall{text: now.Text, at: now.For, on: true}
		h.log.Warn("epochs do not go on", epochOf(now.Epoch), slog.Duration("for", now.For.Round(time.Second)), slog.String("cause", now.Text))
	}
	h.tellStall(now)
}

func (h *Instance) stalled() *honeybadger.Stall {
	switch {
	case h.told.halted: // which its alarm says
		return nil
	case h.core != nil:
		return h.core.Stalled()
	case h.told.known:
		return h.recall.stalled(h.told.committed.Next, h.cfg.Core.Self)
	}
	return h.recall.stalled(h.journal.mark.position.Next, h.cfg.Core.Self)
}

func (h *Instance) tellStall(s Stall) {
	if h.cfg.Stalled != nil {
		h.cfg.Stalled(s)
	}
}
