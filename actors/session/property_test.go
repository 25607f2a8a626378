package session_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history/refusals"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// OneReply: whatever is asked, whoever answers or does not, every request gets
// exactly one reply in the end.
func TestEveryRequestGetsOneReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stage := consensustest.NewStage()
		defer stage.Close()
		r := newRig(discard{t: t, TB: new(testing.T)}).alone()
		asked, replies := uint64(0), map[uint64]int{}
		count := func(got []*wire.ClientReply) {
			for _, m := range got {
				replies[m.GetId()]++
			}
		}
		txOf := func(t *rapid.T) *transaction.Transaction {
			return consensustest.Deposit('d', rapid.Uint64Range(0, 3).Draw(t, "transaction"), 1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				asked++
				var m *wire.ClientRequest
				switch rapid.IntRange(0, 5).Draw(t, "kind") {
				case 0:
					m = submit(asked, txOf(t).Bytes())
				case 1:
					m = await(asked, txOf(t), time.Duration(rapid.IntRange(0, 100_000).Draw(t, "wait"))*time.Millisecond)
				case 2:
					m = query(asked, "vault", "item", nil)
				case 3:
					m = info(asked)
				default:
					m = &wire.ClientRequest{Id: asked}
				}
				count(r.ask(m))
			},
			"answer": func(t *rapid.T) {
				for _, m := range append(r.consensus.Take(), r.module.Take()...) {
					fate := rapid.IntRange(0, 3).Draw(t, "fate") // lost, once, refused, twice
					for range fate {
						switch m := m.(type) {
						case toconsensus.Submit:
							a := toconsensus.Submitted{Request: m.Request}
							if fate == 2 {
								a.Rejection = messages.Reject(messages.RejectBusy, "no")
							}
							r.stage.Send(r.consensus, r.session, a)
						case tomodule.Query:
							r.stage.Send(r.module, r.session, tomodule.Answered{Request: m.Request})
						case tomodule.Describe:
							a := tomodule.Described{Request: m.Request}
							if fate != 2 {
								a.Outputs = make([]tomodule.Output, rapid.IntRange(0, 3).Draw(t, "outputs"))
							}
							r.stage.Send(r.module, r.session, a)
						}
					}
				}
				count(r.replies())
			},
			"commit": func(t *rapid.T) {
				accept(r, txOf(t), rapid.Bool().Draw(t, "accepted"))
				r.stage.Send(r.consensus, r.session, toconsensus.EpochCommitted{})
				count(r.replies())
			},
			"pass": func(t *rapid.T) {
				count(r.pass(time.Duration(rapid.IntRange(1, 30).Draw(t, "seconds")) * time.Second))
			},
			"": func(*rapid.T) {},
		})
		count(r.pass(3 * time.Minute))
		for id := range asked {
			if replies[id+1] != 1 {
				t.Fatalf("request %d got %d replies", id+1, replies[id+1])
			}
		}
	})
}

// accept writes a decision as the processor would.
func accept(r *rig, tx *transaction.Transaction, accepted bool) {
	err := r.store.Update(func(s storage.Tx) error {
		if !accepted {
			list := refusals.Read(s)
			list.Write(s, tx.WitnessID(), refusals.Refusal{Tx: tx.ID(), Rejection: messages.Reject(messages.RejectNoteSpent, "spent")})
			return nil
		}
		ov := storage.NewOverlay(s)
		o := outcome.Outcome{Contributions: []outcome.Member{{Contribution: txs(tx).Encode()}}}
		_, err := r.rules.Apply(ov, o, func(messages.WitnessID) bool { return false })
		ov.ApplyTo(s)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// discard is a testing.TB that fails a property.
type discard struct {
	testing.TB
	t *rapid.T
}

func (d discard) Cleanup(fn func())            { d.t.Cleanup(fn) }
func (d discard) Helper()                      {}
func (d discard) Fatal(args ...any)            { d.t.Fatal(args...) }
func (d discard) Fatalf(f string, args ...any) { d.t.Fatalf(f, args...) }
func (d discard) Errorf(f string, args ...any) { d.t.Errorf(f, args...) }

// FuzzRequest: no bytes that decode to a request end the session, and each gets a
// reply at once or when the time is over.
func FuzzRequest(f *testing.F) {
	for _, m := range []*wire.ClientRequest{
		info(1), query(2, "vault", "item", []byte("open")), submit(3, consensustest.Deposit('d', 1, 1).Bytes()),
		await(4, consensustest.Deposit('d', 1, 1), time.Second),
		{Id: 5, Request: &wire.ClientRequest_Config{}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(wire.ClientRequest)
		if proto.Unmarshal(b, m) != nil {
			return
		}
		r := newRig(t).real()
		replies := append(r.ask(m), r.pass(2*time.Minute)...)
		if len(replies) != 1 || replies[0].GetId() != m.GetId() {
			t.Fatalf("replies %v", replies)
		}
		r.alive()
	})
}
