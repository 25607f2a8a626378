package consensus_test

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/bolt"
	"minimint/storage/disk"
)

// BenchmarkFigures measures how a member that was away comes back: with 10,000 small
// epochs of others, of one signed transaction each, and with a snapshot at epoch
// 100,000 and the thousand epochs that follow it. Four members run in one goroutine, with
// real peer actors, messages as bytes, certificates, and bbolt on disk.
//
// A figure is the time that the member needs on an idle core: what all four
// members take of the CPU between two ticks of their clocks, but at least the 100 ms
// that a tick is. The median of b.N rounds.
func BenchmarkFigures(b *testing.B) {
	for _, c := range []struct {
		name             string
		epochs, snapshot int
	}{{"catchup_s_10k_epochs", 10_000, 0}, {"rebuild_s_100k_epochs", 1_000, 100_000}} {
		b.Run(c.name, func(b *testing.B) {
			source := filepath.Join(b.TempDir(), "source.db")
			next := generate(b, source, c.snapshot, c.epochs)
			var figures []float64
			for b.Loop() {
				b.StopTimer()
				h := comeback(b, source, c.snapshot > 0)
				b.StartTimer()
				figures = append(figures, h.run(b, next).Seconds())
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rounds.Quantile(figures, 0.5), c.name)
		})
	}
}

// comeback is a house whose last member has nothing.
func comeback(b *testing.B, source string, pruned bool) *house {
	h := newHouseOf(b, 4, func(n *node) {
		if pruned {
			n.past.Retain = 1000
		}
		path := filepath.Join(b.TempDir(), "state.db")
		if n.self < 3 {
			copyStore(b, source, path)
		}
		s, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		n.real, n.disk = s, disk.NewMemory()
		b.Cleanup(func() { _ = s.Close() })
	})
	h.tamper = func(_, _ int, m proto.Message) proto.Message {
		raw, err := proto.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		other := m.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(raw, other); err != nil {
			b.Fatal(err)
		}
		return other
	}
	return h
}

// run lets time pass until the last member has come to an epoch.
func (h *house) run(b *testing.B, next messages.Epoch) (took time.Duration) {
	at := func() (e messages.Epoch) {
		snap, err := h.nodes[3].real.View()
		if err != nil {
			b.Fatal(err)
		}
		defer snap.Release()
		return history.ReadPosition(snap).Next
	}
	for at() < next {
		before := cpu()
		h.tick(1)
		took += max(cpu()-before, 100*time.Millisecond)
		if took > 10*time.Minute {
			b.Fatalf("at epoch %d", at())
		}
	}
	for _, n := range h.nodes {
		n.stage.Stop(n.pid)
		if len(n.faults) > 0 {
			b.Errorf("faults of %v", n.faults)
		}
		if err := n.real.Close(); err != nil {
			b.Error(err)
		}
	}
	return took
}

func cpu() time.Duration {
	user, system := rounds.CPU()
	return user + system
}

// generate writes the store of a member at epoch start+epochs: the state that so
// many epochs leave, and the last of them as they were.
func generate(b *testing.B, path string, start, epochs int) messages.Epoch {
	store, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	n := newNode(b, consensustest.NewStage(), 4)
	g := generator{node: n, store: store, contribution: func(e messages.Epoch) outcome.Contribution { return txs(signedDeposit(b, uint64(e))) }}
	g.fill(start)
	g.apply(epochs)
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	return g.position.Next
}

// generator writes a past.
type generator struct {
	*node
	store        storage.Store
	position     history.Position
	contribution func(messages.Epoch) outcome.Contribution
}

// fill puts three pairs into the state for each of so many epochs, as an epoch with
// one transaction does, and the statement of the last of them.
func (g *generator) fill(epochs int) {
	if epochs == 0 {
		return
	}
	err := g.store.Update(func(tx storage.Tx) error {
		for i := range epochs {
			key := domain.Hash(domain.TransactionID, binary.BigEndian.AppendUint64(nil, uint64(i)))
			for _, c := range []struct {
				scope storage.Scope
				size  int
			}{
				{storage.Replicated("core/accepted"), 12},
				{transition.ModuleScope("mint"), 60},
				{transition.ModuleScope("wallet"), 40},
			} {
				value := make([]byte, c.size)
				full := c.scope.Key(key[:])
				tx.Put(full, value)
				g.position.State.Add(full, value)
				g.position.Size += uint64(8 + len(full) + len(value))
			}
		}
		chain := statement.Chain{Federation: consensustest.Federation, Next: messages.Epoch(epochs - 1)}
		said := chain.Add(statement.Header{State: g.position.StateHash(), Size: g.position.Size})
		g.position.Next, g.position.Previous = chain.Next, chain.Previous
		history.Begin(tx, g.keys.Certify(said).Attested())
		history.WritePosition(tx, g.position)
		return nil
	})
	if err != nil {
		g.Fatal(err)
	}
}

// apply adds so many epochs, every 500th with a certificate.
func (g *generator) apply(epochs int) {
	for done := 0; done < epochs; done += 500 {
		g.commit(min(500, epochs-done))
	}
}

func (g *generator) commit(epochs int) {
	err := g.store.Update(func(tx storage.Tx) error {
		chain := statement.Chain{Federation: consensustest.Federation, Next: g.position.Next, Previous: g.position.Previous}
		for range epochs {
			o := made(chain.Next, g.contribution(chain.Next))
			ov := storage.NewOverlay(tx)
			if _, err := g.rules.Apply(ov, o, func(messages.WitnessID) bool { return true }); err != nil {
				return err
			}
			transition.NotePresence(ov, o)
			g.position.Follow(ov.Changes())
			ov.ApplyTo(tx)
			said := chain.Add(statement.Header{Outcome: o.Digest(consensustest.Federation), State: g.position.StateHash(), Size: g.position.Size})
			history.WriteEpoch(tx, said, o.Encode())
			if chain.Next == g.position.Next+messages.Epoch(epochs) {
				history.WriteCertificate(tx, g.keys.Certify(said))
			}
		}
		g.position.Next, g.position.Previous = chain.Next, chain.Previous
		history.WritePosition(tx, g.position)
		return nil
	})
	if err != nil {
		g.Fatal(err)
	}
}

// signedDeposit is a transaction whose signature must be checked.
func signedDeposit(b *testing.B, id uint64) *transaction.Transaction {
	secret, public := btcec.PrivKeyFromBytes([]byte{31: 5})
	d := transaction.Draft{
		Inputs:  []transaction.Item{{Kind: consensustest.Kind, Body: consensustest.Input('d', id, 9, schnorr.SerializePubKey(public)...)}},
		Outputs: []transaction.Item{{Kind: consensustest.Kind, Body: consensustest.Output(id, 9)}},
	}
	sig, err := transaction.Sign(d, consensustest.Federation, []*btcec.PrivateKey{secret})
	if err != nil {
		b.Fatal(err)
	}
	tx, err := transaction.Build(d, sig)
	if err != nil {
		b.Fatal(err)
	}
	return tx
}

// copyStore copies a store, pair by pair.
func copyStore(b *testing.B, from, to string) {
	source, err := bolt.Open(from, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	target, err := bolt.Open(to, bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	snap, err := source.View()
	if err != nil {
		b.Fatal(err)
	}
	err = target.Update(func(tx storage.Tx) error {
		for k, v := range snap.Scan(nil) {
			tx.Put(k, v)
		}
		return nil
	})
	snap.Release()
	for _, e := range []error{err, source.Close(), target.Close()} {
		if e != nil {
			b.Fatal(e)
		}
	}
}
