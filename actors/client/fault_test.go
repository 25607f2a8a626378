package client_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"minimint/actors/client"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage/memory"
)

// reported waits until an operation's actor has gone and checks that its reports
// are just these, by their beginnings, in any order.
func (w *world) reported(c *client.Client, id uint64, want ...string) {
	w.Helper()
	op, err := c.Linger(w.ctx, id)
	if err != nil {
		w.Fatal(err)
	}
	missing := want
	for _, r := range op.GetReports() {
		found := -1
		for i, prefix := range missing {
			if strings.HasPrefix(r, prefix) {
				found = i
			}
		}
		if found < 0 {
			w.Errorf("unexpected report %q", r)
			continue
		}
		missing = append(append([]string{}, missing[:found]...), missing[found+1:]...)
	}
	for _, m := range missing {
		w.Errorf("no report %q in %q", m, op.GetReports())
	}
}

// The original believed whoever answered first: here one member out of four misbehaves in every way there is, the money arrives and the liar is named.
func TestH28OneBadMember(t *testing.T) {
	wrongShare := func(r *wire.ClientReply) {
		outputs := r.GetStatus().GetAccepted().GetOutputs()
		for i := range outputs { // right shares, of other outputs
			outputs[i].Share = outputs[(i+1)%len(outputs)].GetShare()
		}
		if len(outputs) > 0 {
			outputs[0].Share = outputs[len(outputs)-1].GetShare()
		}
	}
	for _, c := range []struct {
		name string
		set  func(*world)
		want []string
	}{
		{"dead", func(w *world) { w.f.Members[1].SetDead(true) }, nil},
		{"silent", func(w *world) { w.f.Members[1].SetSilent(true) }, nil},
		{"wrong shares", func(w *world) { w.f.Members[1].SetTwist(wrongShare) }, []string{"member 1 (bob): bad blind share"}},
		{"no shares", func(w *world) {
			w.f.Members[1].SetTwist(func(r *wire.ClientReply) {
				for _, o := range r.GetStatus().GetAccepted().GetOutputs() {
					o.Share = nil
				}
			})
		}, []string{"member 1 (bob): bad blind share"}},
		{"too few outputs", func(w *world) {
			w.f.Members[1].SetTwist(func(r *wire.ClientReply) {
				if d := r.GetStatus().GetAccepted(); d != nil {
					d.Outputs = d.GetOutputs()[:1]
				}
			})
		}, []string{"member 1 (bob): bad blind share"}},
		{"another epoch", func(w *world) {
			w.f.Members[1].SetTwist(func(r *wire.ClientReply) {
				if d := r.GetStatus().GetAccepted(); d != nil {
					d.Epoch += 7
				}
			})
		}, []string{"member 1 (bob): wrong status"}},
		{"rejects what was accepted", func(w *world) {
			w.f.Members[1].SetTwist(func(r *wire.ClientReply) {
				if s := r.GetStatus(); s != nil {
					s.Accepted, s.Rejected = nil, &wire.Refusal{Code: uint32(messages.RejectNoteSpent), Final: true, Text: "no"}
				}
			})
		}, []string{"member 1 (bob): wrong status"}},
		{"nonsense", func(w *world) {
			w.f.Members[1].SetTwist(func(r *wire.ClientReply) {
				r.Reply = &wire.ClientReply_Info{Info: &wire.Info{}}
			})
		}, []string{"member 1 (bob): reply of the wrong kind"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			alice := w.user()
			text := w.f.Token(123_456)
			c.set(w)
			id, err := alice.Receive(w.ctx, text)
			op := w.done(alice, id, err)
			if got, want := w.balance(alice), 123_456-messages.Amount(op.GetFeeMsat()); got != want {
				t.Errorf("balance %s, want %s", got, want)
			}
			if c.want != nil {
				w.reported(alice, id, c.want...)
			} else if len(op.GetReports()) > 0 {
				t.Errorf("reports %q", op.GetReports())
			}
		})
	}
}

// A member that gives another configuration, and one that gives that of another
// federation, are named and not believed.
func TestJoinWithLiars(t *testing.T) {
	w := newWorld(t)
	w.f.Members[0].SetTwist(func(r *wire.ClientReply) {
		if c := r.GetConfig(); c != nil {
			c.Body[40] ^= 1 // in the session: another id
		}
	})
	store := memory.New()
	j := w.join(store, "")
	if j.Federation.ID() != w.f.Config.ID() || len(strings.Fields(j.Words)) != 12 {
		t.Errorf("joined %s with %q", j.Federation.ID(), j.Words)
	}
	if _, err := client.Join(w.ctx, w.rig.Config(w.f, store), w.f.Config.Invite(), ""); err == nil {
		t.Error("joined twice")
	}
}

// With more than f members away nothing is believed and nothing is lost: the
// operation waits, says why, and ends when they are back.
func TestWaitsForMembers(t *testing.T) {
	w := newWorld(t)
	alice := w.user()
	text := w.f.Token(50_000)
	w.f.Members[0].SetDead(true)
	w.f.Members[1].SetDead(true)
	id, err := alice.Receive(w.ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	op, err := alice.Await(w.ctx, id, func(op *client.Operation) {
		if strings.Contains(op.GetText(), "no link to alice bob") {
			w.f.Members[0].SetDead(false)
		}
	})
	if err != nil {
		t.Fatalf("%v\n%v", err, op)
	}
}

// The public keys make the id, and fees do not: a liar's configuration with other
// terms is one of the right id, and is believed only if f+1 members give it.
func TestJoinBelievesNoSingleMember(t *testing.T) {
	w := newWorld(t)
	dear := *w.f.Config
	dear.Name = "a trap"
	lie, err := federation.New(dear)
	if err != nil || lie.ID() != w.f.Config.ID() {
		t.Fatal(lie, err)
	}
	w.f.Members[0].SetTwist(func(r *wire.ClientReply) {
		if c := r.GetConfig(); c != nil {
			c.Body = lie.Bytes()
		}
	})
	w.f.Members[1].SetSilent(true)
	w.f.Members[2].SetSilent(true)
	ctx, cancel := context.WithTimeout(w.ctx, 200*time.Millisecond)
	defer cancel()
	invite := w.f.Config.Invite()
	invite.Members = append(invite.Members, invite.Members[0]) // no second voice
	store := memory.New()
	if j, err := client.Join(ctx, w.rig.Config(w.f, store), invite, ""); !errors.Is(err, client.ErrInvite) {
		t.Errorf("joined %q with one honest member and one liar: %v", j.Federation.Name, err)
	}
	if _, err := client.Open(w.rig.Config(w.f, store)); !errors.Is(err, client.ErrNotJoined) {
		t.Errorf("open after a failed join: %v", err)
	}
	w.f.Members[1].SetSilent(false)
	w.f.Members[2].SetSilent(false)
	if j := w.join(store, ""); j.Federation.Name != "test" {
		t.Errorf("joined %q", j.Federation.Name)
	}
}

// Time passes only while members are not at work, so that one that is slow is not
// asked again and again, which would make it slower: see clienttest.
func TestSlowMembersAreNotAskedAgain(t *testing.T) {
	w := newWorld(t)
	alice, text := w.user(), w.f.Token(1<<12)
	var asked atomic.Int64
	w.f.Screen = func(*transaction.Transaction) *messages.Rejection {
		if asked.Add(1) == 1 {
			for until := w.rig.Beats() + 120; w.rig.Beats() < until; { // a minute, if time passed
				runtime.Gosched()
			}
		}
		return nil
	}
	id, err := alice.Receive(w.ctx, text)
	w.done(alice, id, err)
	if n := asked.Load(); n != int64(len(w.f.Members)) {
		t.Errorf("asked %d times", n)
	}
}
