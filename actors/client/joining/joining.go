// Package joining is how a newcomer finds the federation that an invite names: an
// actor asks the invited members for its configuration, and believes none of them alone.
package joining

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/lines"
	"minimint/actors/client/restore"
	"minimint/actors/module/mint"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/timing"
	"minimint/messages/wire"
	"minimint/storage"
)

// Errors of Join.
var (
	// ErrJoined says that the store belongs to a federation already.
	ErrJoined = errors.New("this client has joined a federation already; use another directory")
	// ErrInvite says that an invite does not lead to a federation.
	ErrInvite = errors.New("the invite does not lead to its federation")
)

// Config is what Join needs. All fields are required unless they say otherwise.
type Config struct {
	System *actor.ActorSystem
	Spawn  *spawn.System
	// Clock takes timing.Subscribe.
	Clock *actor.PID
	// Store is the newcomer's own, which no client has open.
	Store     storage.Store
	Connector lines.Connector
	// Rand must be unpredictable.
	Rand io.Reader
	// Restore begins a search for the notes of the words. Optional.
	Restore bool
	// Now stands in the record of that search. Optional.
	Now time.Time
}

// Joined is what a newcomer learns.
type Joined struct {
	Federation *federation.Config
	Words      string
	// Reports name members that answered wrongly.
	Reports []string
}

// Join fetches the configuration of the federation that an invite names, and
// writes it and the seed words to cfg.Store. It believes a configuration whose
// public keys make the invited id and that f+1 members give alike, since fees and
// addresses are not part of the id. words are the newcomer's own, checked by
// keys.CleanWords, or empty for new ones. With Restore of cfg the
// client looks for the notes and deposits of these words when it is opened. ctx bounds
// the wait; without an answer nothing is written.
func Join(ctx context.Context, cfg Config, invite federation.Invite, words string) (Joined, error) {
	snap, err := cfg.Store.View()
	if err != nil {
		return Joined{}, err
	}
	already := book.Membership(snap) != nil
	snap.Release()
	if already {
		return Joined{}, ErrJoined
	}
	invite.Members = distinct(invite.Members)
	if words == "" {
		if words, err = keys.NewWords(cfg.Rand); err != nil {
			return Joined{}, err
		}
	}
	session, err := cfg.Connector.Session(invite.Federation)
	if err != nil {
		return Joined{}, err
	}
	found := make(chan Joined, 1)
	pid := cfg.System.Root.Spawn(cfg.Spawn.RootProps(spawn.Restart(carrier.RestartPause), func() actor.Actor {
		return &joiner{cfg: cfg, invite: invite, session: session, found: found, configs: make([]*federation.Config, len(invite.Members))}
	}))
	defer func() { _ = cfg.System.Root.StopFuture(pid).Wait() }()
	var j Joined
	select {
	case j = <-found:
	case <-ctx.Done():
		return Joined{}, fmt.Errorf("%w: too few of its %d members gave the same answer in time", ErrInvite, len(invite.Members))
	}
	if _, err := mint.FromFederation(j.Federation); err != nil {
		return Joined{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	j.Words = words
	err = cfg.Store.Update(func(tx storage.Tx) error {
		if book.Membership(tx) != nil {
			return ErrJoined
		}
		book.PutMembership(tx, &clientwire.Membership{Federation: j.Federation.Bytes(), Words: words})
		if cfg.Restore {
			op := new(clientwire.Operation)
			if !cfg.Now.IsZero() {
				op.BeganMs = cfg.Now.UnixMilli()
			}
			restore.Begin(tx, op)
		}
		return nil
	})
	return j, err
}

// distinct drops members that are listed twice: they have one voice.
func distinct(members []federation.Member) []federation.Member {
	var out []federation.Member
	for _, m := range members {
		if !slices.ContainsFunc(out, func(o federation.Member) bool { return o.Identity.Equal(m.Identity) }) {
			out = append(out, m)
		}
	}
	return out
}

// joiner is the actor that asks the invited members for the configuration.
type joiner struct {
	cfg     Config
	invite  federation.Invite
	session lines.Session
	found   chan<- Joined

	talk    []*actor.PID
	configs []*federation.Config // by place in the invite
	reports []string
	done    bool
}

// Receive implements actor.Actor.
func (j *joiner) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(j.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
		for i, member := range j.invite.Members {
			pid := ctx.Spawn(j.cfg.Spawn.Props(spawn.Restart(carrier.RestartPause), lines.New(j.session, messages.PeerID(i), member)))
			ctx.Send(pid, lines.Ask{Key: 0, Request: &wire.ClientRequest{Request: &wire.ClientRequest_Config{Config: &wire.ConfigWanted{}}}})
			j.talk = append(j.talk, pid)
		}
	case *timing.Tick:
		for _, l := range j.talk {
			ctx.Send(l, m)
		}
	case lines.Heard:
		j.heard(m)
	}
}

func (j *joiner) heard(m lines.Heard) {
	if j.done {
		return
	}
	config, err := federation.Decode(m.Reply.GetConfig().GetBody())
	switch {
	case err != nil:
		j.report(m.Peer, "its configuration cannot be read")
		return
	case config.ID() != j.invite.Federation || !listed(config, j.invite.Members[m.Peer]):
		j.report(m.Peer, "configuration of another federation")
		return
	}
	j.configs[m.Peer] = config
	if j.count(config) < config.Faulty()+1 {
		return
	}
	for i, other := range j.configs {
		if other != nil && !bytes.Equal(other.Bytes(), config.Bytes()) {
			j.report(messages.PeerID(i), "another configuration than others give")
		}
	}
	j.done = true
	j.found <- Joined{Federation: config, Reports: j.reports}
}

func (j *joiner) count(config *federation.Config) int {
	n := 0
	for _, other := range j.configs {
		if other != nil && bytes.Equal(other.Bytes(), config.Bytes()) {
			n++
		}
	}
	return n
}

// listed reports whether an invited member is one of the federation: its word
// would not count otherwise.
func listed(config *federation.Config, invited federation.Member) bool {
	return slices.ContainsFunc(config.Members, func(m federation.Member) bool { return m.Identity.Equal(invited.Identity) })
}

func (j *joiner) report(peer messages.PeerID, what string) {
	j.reports = append(j.reports, fmt.Sprintf("member at %s: %s", j.invite.Members[peer].Address, what))
}
