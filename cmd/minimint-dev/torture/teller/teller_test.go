package teller

import (
	"context"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/client/keys"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/actors/node/nodetest"
	"minimint/cmd/minimint-dev/exchange"
	"minimint/cmd/minimint-dev/torture/line"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// members answer like those of a federation in which every transaction that was
// taken is accepted in epoch 5, unless an input of it is spent; change makes them
// do something else. Tests run in time that passes only while everybody waits, so that
// one answer is dealt with before the next one is given.
type members struct {
	dealt  nodetest.Federation
	mint   mint.Config
	change func(member int, r *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error)

	mu    sync.Mutex
	taken map[string]*transaction.Transaction
	spent map[string]string // by input: txid
}

func (f *members) Ask(ctx context.Context, to int, r *wire.ClientRequest) (*wire.ClientReply, error) {
	select { // members answer in their order
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(1+to) * time.Millisecond):
	}
	f.mu.Lock()
	reply := f.honest(to, r)
	f.mu.Unlock()
	if f.change != nil {
		return f.change(to, r, reply)
	}
	return reply, nil
}

func (f *members) honest(to int, r *wire.ClientRequest) *wire.ClientReply {
	if s := r.GetSubmit(); s != nil {
		tx, err := transaction.Decode(s.GetTransaction())
		if err != nil {
			panic(err)
		}
		id := tx.ID().String()
		f.taken[id] = tx
		free := func(in transaction.Item) bool { return f.spent[string(in.Body)] == "" }
		if all := tx.Inputs(); !slices.ContainsFunc(all, func(in transaction.Item) bool { return !free(in) }) {
			for _, in := range all { // all of them or none
				f.spent[string(in.Body)] = id
			}
		}
		return &wire.ClientReply{Reply: &wire.ClientReply_Submitted{Submitted: &wire.Submitted{}}}
	}
	tx := f.taken[fmt.Sprintf("%x", r.GetAwait().GetTxid())]
	if tx == nil {
		return status(&wire.Status{})
	}
	for _, in := range tx.Inputs() {
		if f.spent[string(in.Body)] != tx.ID().String() {
			return rejected(messages.RejectNoteSpent, true)
		}
	}
	return status(&wire.Status{Accepted: f.shares(to, tx)})
}

// shares are a member's shares of the notes that a transaction asks for.
func (f *members) shares(member int, tx *transaction.Transaction) *wire.Decided {
	d := &wire.Decided{Epoch: 5}
	for _, item := range tx.Outputs() {
		out, err := mint.DecodeOutput(item.Body)
		if err != nil {
			panic(err)
		}
		at := slices.IndexFunc(f.mint.Tiers, func(t mint.Tier) bool { return t.Exponent == out.Tier })
		scalar, err1 := bls.DecodeScalar(f.dealt.Secrets[member].Tiers[at])
		secret, err2 := tbs.NewSecretShare(f.mint.Tiers[at].Keys, uint32(member)+1, scalar)
		blind, err3 := tbs.DecodeBlindNonce(out.BlindNonce)
		if err1 != nil || err2 != nil || err3 != nil {
			panic(fmt.Sprint(err1, err2, err3))
		}
		d.Outputs = append(d.Outputs, &wire.OutputAnswer{Share: secret.Sign(blind).Bytes()})
	}
	return d
}

func status(s *wire.Status) *wire.ClientReply {
	return &wire.ClientReply{Reply: &wire.ClientReply_Status{Status: s}}
}

func rejected(code messages.RejectionCode, final bool) *wire.ClientReply {
	return status(&wire.Status{Rejected: &wire.Refusal{Code: uint32(code), Final: final}})
}

// open makes a teller with so many notes, and what it reports.
func open(t *testing.T, f *members, count int) (*Teller, *[]string) {
	t.Helper()
	rng := mrand.NewChaCha8([32]byte{3})
	f.dealt = nodetest.New(rng, nodetest.Terms{Tiers: []uint32{Tier}}, "a:1", "b:1", "c:1", "d:1")
	f.taken, f.spent = map[string]*transaction.Transaction{}, map[string]string{}
	var err error
	if f.mint, err = mint.FromFederation(f.dealt.Config); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var reports []string
	teller := &Teller{asks: f, ledger: newLedger(4), cfg: Config{
		Federation: f.dealt.Config, Workers: 1, Patience: time.Minute,
		Violation: func(check, text string) {
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, check+": "+text)
		},
	}}
	if teller.desk, err = exchange.NewDesk(f.dealt.Config, rng); err != nil {
		t.Fatal(err)
	}
	signature, err := tbs.DecodeSignature(bls.HashToG1("test", []byte("members here do not look at it")).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		spend, _ := btcec.PrivKeyFromBytes([]byte{byte(i + 1)})
		teller.put(token.Note{Tier: Tier, Spend: spend, Nonce: keys.NonceOf(spend), Signature: signature})
	}
	return teller, &reports
}

func TestTellerOfHonestMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teller, reports := open(t, &members{}, 5)
		rng := mrand.New(mrand.NewPCG(1, 1))
		for range 10 {
			teller.exchange(t.Context(), rng)
		}
		teller.rivals(t.Context(), rng, teller.draw(rng, 3))
		teller.single(t.Context(), rng, teller.draw(rng, 5), toLast)
		if len(*reports) != 0 || teller.Worth() != 5<<Tier {
			t.Errorf("%q, worth %s", *reports, teller.Worth())
		}
		if n := teller.Totals(); n.Submitted < 13 || n.Acknowledged != n.Submitted || n.Accepted+n.Rejected != n.Submitted || n.Rejected == 0 {
			t.Errorf("%+v", n)
		}
		promises := 0
		for m := range 4 {
			promises += len(teller.Acknowledged(m))
			if len(teller.Acknowledged(m)) != 0 {
				t.Errorf("promises of member %d that are fulfilled", m)
			}
		}
		if promises < 12 {
			t.Errorf("%d promises", promises)
		}
	})
}

// Members that go away and come back are no violation.
func TestTellerOfMembersThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		var mu sync.Mutex
		teller, reports := open(t, &members{change: func(_ int, _ *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls%2 == 1 {
				return nil, line.ErrGone
			}
			return honest, nil
		}}, 3)
		rng := mrand.New(mrand.NewPCG(1, 1))
		teller.single(t.Context(), rng, teller.draw(rng, 3), toAny)
		teller.rivals(t.Context(), rng, teller.draw(rng, 3))
		if len(*reports) != 0 || teller.Worth() != 3<<Tier {
			t.Errorf("%q, worth %s", *reports, teller.Worth())
		}
	})
}

// Each check fails when members do what it is there for.
func TestTellerFindsOut(t *testing.T) {
	type change = func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error)
	awaits := func(c change) change {
		return func(m int, r *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			if r.GetAwait() == nil {
				return honest, nil
			}
			return c(m, r, honest)
		}
	}
	for _, c := range []struct {
		name   string
		rivals bool
		change change
		want   string
	}{
		{"acknowledged and forgotten", false, awaits(func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			return nil, line.ErrGone // or pending for ever
		}), "acknowledged"},
		{"nobody takes it", false, func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			return nil, line.ErrGone
		}, "progress"},
		{"rejected for no reason", false, awaits(func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			return rejected(messages.RejectNoteInvalid, true), nil
		}), "legitimate"},
		{"refused at once for no reason", false, func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			return &wire.ClientReply{Reply: &wire.ClientReply_Refusal{Refusal: &wire.Refusal{Code: 9, Final: true}}}, nil
		}, "legitimate"},
		{"answered with something else", false, func(_ int, r *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			if r.GetSubmit() != nil {
				return status(&wire.Status{}), nil
			}
			return honest, nil
		}, "answer"},
		{"another epoch if one asks another member", false, awaits(func(m int, _ *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			if m == 1 {
				honest.GetStatus().GetAccepted().Epoch++
			}
			return honest, nil
		}), "outcome"},
		{"accepted and rejected", false, awaits(func(m int, _ *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			if m%2 == 1 {
				return rejected(messages.RejectNoteSpent, true), nil
			}
			return honest, nil
		}), "outcome"},
		{"shares that make no notes", false, awaits(func(m int, _ *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			honest.GetStatus().GetAccepted().GetOutputs()[0].Share = bls.HashToG1("test", []byte{byte(m)}).Bytes()
			return honest, nil
		}), "shares"},
		{"both of two are accepted", true, awaits(func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			return status(&wire.Status{Accepted: &wire.Decided{Epoch: 5}}), nil
		}), "double spend"},
		{"none of two is accepted", true, awaits(func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			return rejected(messages.RejectNoteSpent, true), nil
		}), "double spend"},
		{"the loser is told another reason", true, awaits(func(_ int, _ *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			if honest.GetStatus().GetRejected() != nil {
				return rejected(messages.RejectNoteInvalid, true), nil
			}
			return honest, nil
		}), "legitimate"},
		{"the loser is refused for the moment only", true, awaits(func(_ int, _ *wire.ClientRequest, honest *wire.ClientReply) (*wire.ClientReply, error) {
			if honest.GetStatus().GetRejected() != nil {
				return rejected(messages.RejectNoteSpent, false), nil
			}
			return honest, nil
		}), "legitimate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				teller, reports := open(t, &members{change: c.change}, 2)
				teller.cfg.Patience = time.Second // what never comes is asked for again and again
				rng := mrand.New(mrand.NewPCG(1, 1))
				if c.rivals {
					teller.rivals(t.Context(), rng, teller.draw(rng, 2))
				} else {
					teller.single(t.Context(), rng, teller.draw(rng, 2), toLast)
				}
				if !slices.ContainsFunc(*reports, func(r string) bool { return strings.HasPrefix(r, c.want+": ") }) {
					t.Errorf("%q, want %q", *reports, c.want)
				}
			})
		})
	}
}

// The end of a run is nobody's fault.
func TestTellerIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		teller, reports := open(t, &members{change: func(int, *wire.ClientRequest, *wire.ClientReply) (*wire.ClientReply, error) {
			cancel()
			return nil, line.ErrGone
		}}, 2)
		teller.Work(ctx, nil, 0)
		if len(*reports) != 0 {
			t.Errorf("%q", *reports)
		}
	})
}
