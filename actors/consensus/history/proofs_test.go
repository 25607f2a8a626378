package history_test

import (
	"reflect"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/storage"
	"minimint/storage/memory"
)

// chained is a store with the epochs before n, of which some are certified.
func chained(t fatal, keys consensustest.Keys, n int, certified ...messages.Epoch) (*memory.Store, []statement.Statement) {
	t.Helper()
	s := memory.New()
	chain := statement.Chain{Federation: consensustest.Federation}
	var list []statement.Statement
	for e := range n {
		list = append(list, chain.Add(statement.Header{Size: uint64(e)}))
	}
	write(t, s, func(tx storage.Tx) {
		for _, said := range list {
			history.WriteEpoch(tx, said, outcome.Outcome{Epoch: said.Epoch}.Encode())
		}
		for _, e := range certified {
			history.WriteCertificate(tx, keys.Certify(list[e]))
		}
	})
	return s, list
}

func TestProofs(t *testing.T) {
	keys := consensustest.NewKeys(4)
	s, list := chained(t, keys, 10, 3, 5, 6)
	read(t, s, func(r storage.Reader) {
		for _, c := range []struct {
			from   messages.Epoch
			limit  int
			want   int
			signed bool
		}{
			{0, 100, 7, true},
			{0, 5, 4, true},
			{0, 4, 4, true},
			{0, 3, 3, false},
			{6, 100, 1, true},
			{7, 100, 3, false},
			{9, 1, 1, false},
			{10, 1, 0, false},
			{^messages.Epoch(0), 9, 0, false},
		} {
			p := history.ReadProof(r, c.from, c.limit)
			if len(p.Headers) != c.want || (p.Signature != nil) != c.signed || p.From != c.from {
				t.Errorf("%+v: %d headers, signed %t", c, len(p.Headers), p.Signature != nil)
				continue
			}
			if got := p.Statements(consensustest.Federation, 0); !reflect.DeepEqual(got, append([]statement.Statement{}, list[min(c.from, 10):][:c.want]...)) {
				t.Errorf("%+v: other statements", c)
			}
			if cert, ok := p.Certificate(consensustest.Federation, 0); ok != c.signed || ok && !keys.Valid(cert) {
				t.Errorf("%+v: certificate %t", c, ok)
			}
		}
		if c := history.NewestCertificate(r); c == nil || c.Statement != list[6] {
			t.Errorf("newest %+v", c)
		}
		if _, ok := history.FindCertificate(r, 4); ok {
			t.Error("epoch 4 has a certificate")
		}
		if got := history.RecentStatements(r, 10, 3); !reflect.DeepEqual(got, list[7:]) {
			t.Errorf("recent: %d", len(got))
		}
		if got := history.RecentStatements(r, 2, 8); len(got) != 2 {
			t.Errorf("recent before 2: %d", len(got))
		}
	})
	read(t, memory.New(), func(r storage.Reader) {
		if history.NewestCertificate(r) != nil || history.Oldest(r, 4) != 4 {
			t.Error("an empty store has a past")
		}
	})
}

// An older certificate that comes late does not hide the newest.
func TestNewestCertificateStays(t *testing.T) {
	keys := consensustest.NewKeys(1)
	s, list := chained(t, keys, 4, 2)
	write(t, s, func(tx storage.Tx) { history.WriteCertificate(tx, keys.Certify(list[1])) })
	read(t, s, func(r storage.Reader) {
		if c := history.NewestCertificate(r); c.Statement.Epoch != 2 {
			t.Errorf("newest is %d", c.Statement.Epoch)
		}
	})
}

func TestPrune(t *testing.T) {
	keys := consensustest.NewKeys(1)
	s, _ := chained(t, keys, 10, 0, 1, 2, 3, 7)
	oldest := func() (e messages.Epoch) {
		read(t, s, func(r storage.Reader) { e = history.Oldest(r, 10) })
		return e
	}
	for i, c := range []struct {
		floor messages.Epoch
		limit int
		want  messages.Epoch
	}{{0, 9, 0}, {3, 2, 2}, {3, 2, 3}, {3, 2, 3}, {6, 9, 6}} {
		write(t, s, func(tx storage.Tx) { history.Prune(tx, c.floor, c.limit) })
		if got := oldest(); got != c.want {
			t.Errorf("step %d: oldest is %d, want %d", i, got, c.want)
		}
	}
	read(t, s, func(r storage.Reader) {
		if _, ok := history.FindStatement(r, 5); ok {
			t.Error("a statement is left")
		}
		if _, ok := history.FindCertificate(r, 7); !ok || history.NewestCertificate(r) == nil {
			t.Error("what is kept was forgotten")
		}
	})
}

// Begin leaves nothing of another past.
func TestBegin(t *testing.T) {
	keys := consensustest.NewKeys(1)
	s, _ := chained(t, keys, 10, 0, 9)
	far := keys.Certify(statement.Statement{Epoch: 5, Previous: messages.Digest{9}})
	write(t, s, func(tx storage.Tx) { history.Begin(tx, far.Attested()) })
	read(t, s, func(r storage.Reader) {
		for e := range messages.Epoch(10) {
			_, ok := history.FindStatement(r, e)
			_, outcome := history.FindOutcome(r, e, 4)
			if ok != (e == 5) || outcome {
				t.Errorf("epoch %d: statement %t, outcome %t", e, ok, outcome)
			}
		}
		if c := history.NewestCertificate(r); c == nil || c.Statement != far.Statement || history.Oldest(r, 6) != 6 {
			t.Errorf("newest %+v", c)
		}
	})
	shares := statement.Attested{Statement: statement.Statement{Epoch: 7}, Shares: []statement.Share{{}}}
	write(t, s, func(tx storage.Tx) { history.Begin(tx, shares) })
	read(t, s, func(r storage.Reader) {
		if got, ok := history.FindStatement(r, 7); !ok || got != shares.Statement || history.NewestCertificate(r) != nil {
			t.Errorf("with shares only: statement %v, %t, certificate %v", got, ok, history.NewestCertificate(r))
		}
	})
}

func TestEvidenceAndAlarm(t *testing.T) {
	keys := consensustest.NewKeys(4)
	s := memory.New()
	contradiction := func(e messages.Epoch, member int, size uint64) statement.Contradiction {
		one, other := statement.Statement{Epoch: e}, statement.Statement{Epoch: e, Header: statement.Header{Size: size}}
		return statement.Contradiction{Member: messages.PeerID(member), One: keys.Share(member, one), Other: keys.Share(member, other)}
	}
	alarm := history.Alarm{
		Epoch: 4, Text: "why", Own: statement.Statement{Epoch: 4},
		Shares: []statement.Share{keys.Share(3, statement.Statement{Epoch: 4, Previous: messages.Digest{1}})},
	}
	certified := keys.Certify(alarm.Shares[0].Statement)
	write(t, s, func(tx storage.Tx) {
		for _, c := range []statement.Contradiction{contradiction(5, 1, 7), contradiction(2, 3, 7), contradiction(5, 1, 8)} {
			history.WriteEvidence(tx, c)
		}
		history.WriteAlarm(tx, alarm)
		history.WriteAlarm(tx, history.Alarm{Epoch: 9, Text: "later", Certified: &certified})
	})
	read(t, s, func(r storage.Reader) {
		got := history.ReadEvidence(r)
		if len(got) != 2 || got[0].Member != 3 || got[1].Other.Statement.Header.Size != 7 {
			t.Fatalf("%d pieces of evidence", len(got))
		}
		for _, c := range got {
			if !c.Valid(keys) {
				t.Error("evidence was damaged")
			}
		}
		a, rings := history.ReadAlarm(r)
		if !rings || a.Text != "why" || a.Own != alarm.Own || len(a.Shares) != 1 || !keys.ValidShare(a.Shares[0]) || a.Certified != nil {
			t.Errorf("alarm %t %+v", rings, a)
		}
	})
	other := memory.New()
	alarm.Certified = &certified
	write(t, other, func(tx storage.Tx) { history.WriteAlarm(tx, alarm) })
	read(t, other, func(r storage.Reader) {
		if a, _ := history.ReadAlarm(r); a.Certified == nil || !keys.Valid(*a.Certified) {
			t.Error("the certificate was lost")
		}
	})
	read(t, memory.New(), func(r storage.Reader) {
		if _, rings := history.ReadAlarm(r); rings {
			t.Error("an empty store rings")
		}
	})
}
