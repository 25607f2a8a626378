package client_test

import (
	"testing"

	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/wire"
)

// asks is a question about a contract.
func asks(id terms.ID, known *orders.Answer) orders.Ask {
	m := orders.Ask{Key: "contract", Module: lightning.Kind, Method: "contract", Body: lightning.ContractRequest(id)}
	if known != nil {
		m.Known, m.Keep = *known, true
	}
	return m
}

// state waits for the next answer about a contract and returns its state.
func (w *world) state(id terms.ID, a orders.Answer) lightning.Status {
	w.Helper()
	if a.Code != 0 {
		w.Fatalf("answer %+v", a)
	}
	s, err := lightning.ReadStatus(w.f.Config.ID(), id, []byte(a.Body))
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// Who asks is told each new state as soon as f+1 members have it, whatever one of them
// says, and an answer that he has is not told again.
func TestAskFollowsAContract(t *testing.T) {
	for name, fault := range map[string]func(*clienttest.Member){
		"no fault": func(*clienttest.Member) {},
		"dead":     func(m *clienttest.Member) { m.SetDead(true) },
		"silent":   func(m *clienttest.Member) { m.SetSilent(true) },
		"nonsense": func(m *clienttest.Member) {
			m.SetTwist(func(r *wire.ClientReply) { r.Reply = &wire.ClientReply_Info{Info: &wire.Info{}} })
		},
		"another answer each time": func(m *clienttest.Member) {
			n := byte(0)
			m.SetTwist(func(r *wire.ClientReply) {
				if a := r.GetAnswer(); a != nil {
					n++
					a.Body = append(a.Body, n)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			height := w.f.Observe()
			alice, bob := w.user(), w.user()
			w.fund(alice, 100_000)
			o := w.outgoing(alice, bob, height+3)
			id := o.ID(w.f.Config.ID())
			who, user := w.rig.Customer(), w.rig.Customer()
			fault(w.f.Members[0])
			who.Tell(alice.PID(), asks(id, nil))
			a := hear[orders.Answer](w, who)
			if a.Code != messages.RejectContractUnknown || a.Key != "contract" {
				t.Fatalf("%+v", a)
			}
			who.Tell(alice.PID(), asks(id, &a))
			w.order(alice, user, fund("fund", o.Amount, terms.Output{Outgoing: &o}))
			a = hear[orders.Answer](w, who)
			if s := w.state(id, a); s.State != lightningwire.State_STATE_FUNDED {
				t.Fatalf("%+v", s)
			}
			who.Tell(alice.PID(), asks(id, &a))
			in := terms.Input{Contract: id, Way: terms.Preimage, Key: o.GatewayKey, Preimage: preimage}
			w.order(bob, user, redeem("claim", o.Amount, in, &clientwire.Redeem{Gateway: true}))
			a = hear[orders.Answer](w, who)
			if s := w.state(id, a); s.State != lightningwire.State_STATE_CLAIMED || s.Preimage == nil || *s.Preimage != preimage {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// Many questions of one asker are all answered, and what was withdrawn is not.
func TestAskManyAndForget(t *testing.T) {
	w := newWorld(t)
	w.f.Observe()
	alice := w.user()
	who := w.rig.Customer()
	ask := func(key string, keep bool) {
		m := orders.Ask{Key: key, Module: lightning.Kind, Method: "summary", Keep: keep}
		if keep {
			m.Known = orders.Answer{Body: "what nobody says"}
		}
		who.Tell(alice.PID(), m)
	}
	want := map[string]bool{}
	for i := range 20 {
		key := string(rune('a' + i))
		want[key] = true
		ask(key, i%2 == 0)
	}
	for len(want) > 0 {
		a := hear[orders.Answer](w, who)
		if !want[a.Key] {
			t.Fatalf("answer to %q", a.Key)
		}
		delete(want, a.Key)
	}
	silence := func(silent bool) { // so that no answer is on its way
		for _, m := range w.f.Members {
			m.SetSilent(silent)
		}
	}
	silence(true)
	ask("forgotten", false)
	who.Tell(alice.PID(), orders.Forget{Key: "forgotten"})
	ask("replaced", false)
	ask("replaced", false)
	ask("last", false)
	who.Tell(alice.PID(), orders.Follow{ID: 99})
	hear[orders.Ended](w, who) // all of this was taken
	silence(false)
	seen := map[string]int{}
	for seen["last"] == 0 || seen["replaced"] == 0 {
		seen[hear[orders.Answer](w, who).Key]++
	}
	if seen["forgotten"] > 0 || seen["replaced"] > 1 {
		t.Errorf("answers %v", seen)
	}
}
