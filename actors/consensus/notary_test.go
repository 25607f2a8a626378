package consensus_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

// Every epoch is certified as soon as n−f members have committed it, by each of
// them, without another commit: the certificate is written with the next epoch, or
// soon if there is none.
func TestEpochsAreCertified(t *testing.T) {
	h := newHouse(t, 4, nil)
	h.tick(1)
	for e := range messages.Epoch(5) {
		h.agree(h.small(), 0, 1, 2)
		h.tick(1)
		for i, n := range h.nodes[:3] {
			if n.commits != int(e)+1 || n.certified() != e {
				t.Errorf("member %d after epoch %d: %d commits, certified %d", i, e, n.commits, n.certified())
			}
		}
	}
	h.tick(2)
	for i, n := range h.nodes[:3] {
		if n.certified() != 5 || n.commits != 6 || len(n.faults) != 0 {
			t.Errorf("member %d: certified %d in %d commits, faults of %v", i, n.certified(), n.commits, n.faults)
		}
		n.read(func(r storage.Reader) {
			for e := range messages.Epoch(5) {
				if c, ok := history.FindCertificate(r, e); !ok || !n.keys.Valid(c) {
					t.Errorf("member %d, epoch %d: %t", i, e, ok)
				}
			}
		})
	}
}

// n−f−1 members certify nothing.
func TestNoCertificateOfTooFew(t *testing.T) {
	h := newHouse(t, 7, nil)
	h.cut[4], h.cut[5], h.cut[6] = true, true, true
	h.agree(h.small(), first(4)...)
	h.tick(30)
	if got := h.nodes[0].certified(); got != 0 {
		t.Errorf("certified %d", got)
	}
	h.cut[4] = false
	h.nodes[4].tell(toconsensus.Agreed{Outcome: h.agreed[0]})
	h.tick(30)
	for _, n := range h.nodes[:5] {
		if n.certified() != 1 {
			t.Errorf("member %d: certified %d", n.self, n.certified())
		}
	}
}

// What was lost is repaired: by repetition when a link comes up, and by asking now
// and then if none does.
func TestLostSharesAreRepaired(t *testing.T) {
	for _, how := range []string{"link", "ticks", "restart"} {
		h := newHouse(t, 4, nil)
		copy(h.cut, []bool{true, true, true, true}) // nothing arrives, and nobody knows
		h.agree(h.small(), first(4)...)
		h.tick(3)
		if got := h.nodes[0].certified(); got != 0 {
			t.Fatalf("certified %d", got)
		}
		copy(h.cut, make([]bool, 4))
		switch how {
		case "link":
			h.link(3, true)
			h.link(2, true)
			h.tick(2)
		case "ticks":
			h.tick(40)
		default:
			for i, n := range h.nodes {
				n.restart(uint64(i))
			}
			h.tick(40)
		}
		for i, n := range h.nodes {
			if n.certified() != 1 || len(n.faults) != 0 {
				t.Errorf("%s: member %d certified %d, faults of %v", how, i, n.certified(), n.faults)
			}
		}
	}
}

// NothingIsSignedBeforeItIsDurable: whatever becomes of a commit, a share is only
// sent of what a restart finds; and it is the same share.
func TestNothingIsSignedBeforeItIsDurable(t *testing.T) {
	for name, plan := range map[string]func(*memory.Store){
		"lost":    func(s *memory.Store) { s.LoseCommit(1) },
		"kept":    func(s *memory.Store) { s.KeepCommit(1) },
		"refused": func(s *memory.Store) { s.FailWrite(3) },
		"good":    func(*memory.Store) {},
	} {
		n := started(t, 4)
		n.peers[1].Take()
		plan(n.store)
		n.tell(toconsensus.Agreed{Outcome: made(0, txs(consensustest.Deposit('d', 1, 1)))})
		before := consensustest.Of[topeer.Share](n.peers[1].Take())
		if (len(before) > 0) != (name == "good") {
			t.Errorf("%s: %d shares sent", name, len(before))
		}
		n.stage.Pass(time.Second)
		n.stage.Exits = nil
		n.restart(1)
		n.tell(toconsensus.PeerUp{Peer: 1})
		after := consensustest.Of[topeer.Share](n.peers[1].Take())
		if int(n.position().Next) != len(after) {
			t.Errorf("%s: after the restart at epoch %d, %d shares sent", name, n.position().Next, len(after))
		}
		if len(before)*len(after) > 0 && !bytes.Equal(before[0].Share.Signature, after[0].Share.Signature) {
			t.Errorf("%s: another share after the restart", name)
		}
	}
}

// twist changes one byte of a member's replicated state on its disk, so that the
// member takes what it computes from it for right.
func (n *node) twist() {
	n.Helper()
	n.stage.Stop(n.pid)
	n.store = n.store.Clone()
	err := n.store.Update(func(tx storage.Tx) error {
		var key, value []byte
		for k, v := range storage.ScanReplicated(tx) {
			if bytes.Contains(k, []byte("module/vault")) && len(v) > 0 {
				key, value = bytes.Clone(k), bytes.Clone(v)
			}
		}
		value[0] ^= 1
		tx.Put(key, value)
		p := history.ReadPosition(tx)
		p.State = statehash.Compute(tx)
		history.WritePosition(tx, p)
		return nil
	})
	if err != nil {
		n.Fatal(err)
	}
	n.start()
}

// A member whose state is twisted finds out with the next epoch, stops for good and
// keeps the evidence; the others go on.
func TestDivergedMemberStops(t *testing.T) {
	h := newHouse(t, 4, nil)
	h.agree(h.small(), first(4)...)
	bad := h.nodes[3]
	bad.twist()
	h.tick(1)
	h.agree(h.small(), first(4)...)
	a, rings := bad.alarm()
	if !rings || a.Epoch != 1 || len(a.Shares)+len(a.Text) == 0 {
		t.Fatalf("alarm %t %+v", rings, a)
	}
	if len(a.Shares) != 2 || a.Shares[0].Statement == a.Own || !bad.keys.ValidShare(a.Shares[0]) || !bad.keys.ValidShare(a.Shares[1]) {
		t.Errorf("evidence: %d shares", len(a.Shares))
	}
	if got := consensustest.Of[tohbbft.Halt](bad.hbbft.Take()); len(got) == 0 {
		t.Error("HBBFT was not told")
	}
	for e := range messages.Epoch(3) {
		h.agree(h.small(), first(4)...)
		h.tick(3)
		h.same(0, 1, 2)
		for _, n := range h.nodes[:3] {
			if _, rings := n.alarm(); rings || n.certified() != e+3 {
				t.Errorf("member %d: alarm %t, certified %d", n.self, rings, n.certified())
			}
		}
	}
	for _, restarted := range []bool{false, true} {
		if restarted {
			bad.restart(1)
			if got := consensustest.Of[tohbbft.EpochCommitted](bad.hbbft.Take()); len(got) != 0 {
				t.Error("HBBFT was told to go on")
			}
		}
		if bad.position().Next > 2 {
			t.Errorf("it went on to epoch %d", bad.position().Next)
		}
		if r := bad.refused(consensustest.Deposit('d', 99, 1)); r.Final {
			t.Errorf("refused with %v", r)
		}
		bad.tell(toconsensus.WantContribution{Epoch: bad.position().Next})
		if got := consensustest.Of[tohbbft.Contribution](bad.hbbft.Take()); len(got) != 0 {
			t.Error("it contributes")
		}
		bad.alive()
	}
}

// A liar's wrong shares cost one search, are its fault, and keep no certificate
// from being made.
func TestWrongSharesAreFound(t *testing.T) {
	h := newHouse(t, 4, nil)
	h.tamper = func(from, _ int, m proto.Message) proto.Message {
		if s, ok := m.(*wire.OutcomeShare); ok && from == 0 {
			s.Share = h.nodes[0].keys.Members[0].Sign(statement.Statement{Epoch: 1 << 40})
		}
		return m
	}
	h.agree(h.small(), 0, 1, 2) // the liar's share is among the first three
	h.nodes[3].tell(toconsensus.Agreed{Outcome: h.agreed[0]})
	h.tick(3)
	for _, n := range h.nodes[1:] {
		if n.certified() != 1 || !slices.Equal(n.faults, []messages.PeerID{0}) {
			t.Errorf("member %d: certified %d, faults of %v", n.self, n.certified(), n.faults)
		}
	}
}

// Who signs two statements about one epoch has left a proof for everybody.
func TestTwoOutcomesAreEvidence(t *testing.T) {
	n := started(t, 4)
	n.agree(txs(consensustest.Deposit('d', 1, 1)))
	var own statement.Statement
	n.read(func(r storage.Reader) { own, _ = history.FindStatement(r, 0) })
	other := own
	other.Header.State[0] ^= 1
	for _, s := range []statement.Statement{own, other} {
		n.tell(toconsensus.ShareTold{Peer: 3, Share: n.keys.Share(3, s)})
	}
	n.tick(3)
	got := n.evidence()
	if len(got) != 1 || !got[0].Valid(n.keys) || got[0].Member != 3 {
		t.Errorf("%d pieces of evidence", len(got))
	}
	if !slices.Equal(n.faults, []messages.PeerID{3}) {
		t.Errorf("faults of %v", n.faults)
	}
	if _, rings := n.alarm(); rings {
		t.Error("one liar stops this member")
	}
}

// f liars that sign something else, and wrong shares of others in any number, stop
// nobody; f+1 right ones do.
func TestLiarsStopNobody(t *testing.T) {
	n := started(t, 7)
	n.agree(txs(consensustest.Deposit('d', 1, 1)))
	var other statement.Statement
	n.read(func(r storage.Reader) { other, _ = history.FindStatement(r, 0) })
	other.Header.Outcome[0] ^= 1
	for _, liar := range []int{1, 2} {
		n.tell(toconsensus.ShareTold{Peer: messages.PeerID(liar), Share: n.keys.Share(liar, other)})
	}
	forged := n.keys.Share(3, statement.Statement{Epoch: 1 << 40})
	forged.Statement = other
	n.tell(toconsensus.ShareTold{Peer: 3, Share: forged})
	if _, rings := n.alarm(); rings {
		t.Fatal("f liars and a wrong share stop this member")
	}
	n.tell(toconsensus.ShareTold{Peer: 4, Share: n.keys.Share(4, other)})
	if a, rings := n.alarm(); !rings || len(a.Shares) != 3 {
		t.Errorf("f+1 others: alarm %t with %d shares", rings, len(a.Shares))
	}
}

// A certificate for something else is proof enough, one that n−f members did not
// sign is a fault.
func TestForeignCertificate(t *testing.T) {
	n := started(t, 4)
	n.agree(txs(consensustest.Deposit('d', 1, 1)))
	var own statement.Statement
	n.read(func(r storage.Reader) { own, _ = history.FindStatement(r, 0) })
	other := own
	other.Header.State[5] ^= 1
	wrong := n.keys.Certify(own)
	wrong.Statement = other
	n.tell(toconsensus.CertificateTold{Peer: 2, Certificate: wrong})
	n.tick(1)
	if _, rings := n.alarm(); rings || !slices.Equal(n.faults, []messages.PeerID{2}) {
		t.Fatalf("alarm %t, faults of %v", rings, n.faults)
	}
	n.tell(toconsensus.CertificateTold{Peer: 1, Certificate: n.keys.Certify(own)})
	n.tick(2)
	if n.certified() != 1 {
		t.Error("a certificate of a peer was not taken")
	}
	n.tell(toconsensus.CertificateTold{Peer: 3, Certificate: n.keys.Certify(other)})
	if a, rings := n.alarm(); !rings || a.Certified == nil || a.Certified.Statement != other {
		t.Errorf("alarm %t %+v", rings, a)
	}
}
