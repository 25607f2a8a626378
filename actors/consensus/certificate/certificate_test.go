package certificate_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/certificate"
	"minimint/actors/consensus/consensustest"
	"minimint/messages"
	"minimint/messages/statement"
)

const members = 4

var keys = consensustest.NewKeys(members)

func config(self messages.PeerID) certificate.Config {
	return certificate.Config{Self: self, Members: members, Key: keys.Members[self]}
}

// said returns the statements of the epochs before n.
func said(n int) []statement.Statement {
	chain := statement.Chain{Federation: consensustest.Federation}
	var list []statement.Statement
	for e := range n {
		list = append(list, chain.Add(statement.Header{Size: uint64(e) + 1}))
	}
	return list
}

// lie returns another statement about the same epoch.
func lie(s statement.Statement, variant byte) statement.Statement {
	s.Header.State[variant] ^= 0xff
	return s
}

// forged is a share that does not belong to its statement.
func forged(member int, s statement.Statement) statement.Share {
	other := keys.Share(member, lie(s, 31))
	other.Statement = s
	return other
}

// forgery belongs to no statement that is made here.
var forgery = keys.Share(0, statement.Statement{Epoch: 1 << 60}).Signature

func kinds(faults []certificate.Fault) []certificate.Kind {
	var list []certificate.Kind
	for _, f := range faults {
		list = append(list, f.Kind)
	}
	return list
}

// committed returns the state of member 0 that has committed all statements.
func committed(t *testing.T, list []statement.Statement) *certificate.Collector {
	t.Helper()
	c := certificate.New(config(0), 0, nil, nil)
	for _, s := range list {
		if step := c.Committed(s); step.Share == nil || step.Share.Statement != s || !keys.ValidShare(*step.Share) {
			t.Fatalf("epoch %d was not signed", s.Epoch)
		}
	}
	return c
}

func TestSharesMakeACertificate(t *testing.T) {
	list := said(3)
	c := committed(t, list)
	if step := c.Heard(1, keys.Share(1, list[2])); step.Certificate != nil {
		t.Fatal("two shares of four make a certificate")
	}
	if step := c.Heard(1, keys.Share(1, list[2])); step.Certificate != nil || len(step.Faults) != 0 {
		t.Fatal("a repetition counts, or is a fault")
	}
	step := c.Heard(2, keys.Share(2, list[2]))
	if step.Certificate == nil || !keys.Valid(*step.Certificate) || step.Certificate.Statement != list[2] {
		t.Fatal("no certificate")
	}
	if c.Certified() != 3 {
		t.Errorf("certified %d: the newest certificate proves all before it", c.Certified())
	}
	if step := c.Heard(3, keys.Share(3, list[2])); step.Certificate != nil {
		t.Error("made twice")
	}
}

// Shares that come before the epoch is committed here wait for it.
func TestEarlyShares(t *testing.T) {
	list := said(4)
	c := committed(t, list[:2])
	for id := 1; id < members; id++ {
		for _, e := range []int{2, 3} {
			c.Heard(messages.PeerID(id), keys.Share(id, list[e]))
		}
	}
	if got := c.Beyond(); len(got) != 3 {
		t.Errorf("beyond us are %v", got)
	}
	if step := c.Committed(list[2]); step.Certificate == nil {
		t.Error("no certificate")
	}
	step := c.Committed(list[3])
	if step.Certificate != nil {
		t.Error("two in one tick")
	}
	if step = c.Tick(); step.Certificate == nil || c.Certified() != 4 {
		t.Errorf("certified %d at the tick", c.Certified())
	}
}

// What is too far away is not kept, what is old does no harm.
func TestWindow(t *testing.T) {
	list := said(30)
	c := committed(t, list[:20])
	for id := 1; id < members; id++ {
		for _, e := range []int{0, 5, 13, 22, 29} {
			if step := c.Heard(messages.PeerID(id), keys.Share(id, lie(list[e], 0))); len(step.Faults) != 0 || step.Divergence != nil {
				t.Errorf("epoch %d: %+v", e, step)
			}
		}
	}
	for _, s := range list[20:] {
		if step := c.Committed(s); step.Divergence != nil || len(step.Faults) != 0 {
			t.Errorf("epoch %d: %+v", s.Epoch, step)
		}
	}
}

// A wrong share is found when it does harm, once; its member's shares are then
// checked before they are used.
func TestLiarsAreFoundOnFailure(t *testing.T) {
	list := said(3)
	c := committed(t, list[:1])
	if step := c.Heard(1, forged(1, list[0])); len(step.Faults) != 0 {
		t.Fatal("shares on our own statement are not checked before they are needed")
	}
	step := c.Heard(2, keys.Share(2, list[0]))
	if step.Certificate != nil || !slices.Equal(kinds(step.Faults), []certificate.Kind{certificate.BadOutcomeShare}) || step.Faults[0].Peer != 1 {
		t.Fatalf("step %+v", step)
	}
	if step := c.Heard(1, keys.Share(1, list[0])); step.Certificate != nil {
		t.Error("a liar's second share for the epoch counts")
	}
	if step := c.Heard(3, keys.Share(3, list[0])); step.Certificate == nil || len(step.Faults) != 0 {
		t.Error("three right shares make no certificate")
	}
	c.Tick()
	c.Committed(list[1])
	if step := c.Heard(1, forged(1, list[1])); len(step.Faults) != 1 {
		t.Error("a suspect's share was not checked")
	}
}

// f+1 members that signed something else are right, whatever each of them says; f
// are not, and forged shares are none.
func TestDivergence(t *testing.T) {
	list := said(1)
	for name, c := range map[string]struct {
		shares  []statement.Share // of members 1, 2, 3
		diverge bool
		faults  int
	}{
		"one":               {[]statement.Share{keys.Share(1, lie(list[0], 0)), keys.Share(2, list[0])}, false, 0},
		"two alike":         {[]statement.Share{keys.Share(1, lie(list[0], 0)), keys.Share(2, lie(list[0], 0))}, true, 0},
		"two that differ":   {[]statement.Share{keys.Share(1, lie(list[0], 0)), keys.Share(2, lie(list[0], 1))}, true, 0},
		"one and a forgery": {[]statement.Share{keys.Share(1, lie(list[0], 0)), forged(2, lie(list[0], 0))}, false, 1},
		"two forgeries":     {[]statement.Share{forged(1, lie(list[0], 0)), forged(2, lie(list[0], 0)), keys.Share(3, list[0])}, false, 2},
	} {
		for _, early := range []bool{false, true} {
			col := certificate.New(config(0), 0, nil, nil)
			var all []certificate.Step
			if !early {
				all = append(all, col.Committed(list[0]))
			}
			for i, s := range c.shares {
				all = append(all, col.Heard(messages.PeerID(i+1), s))
			}
			if early {
				all = append(all, col.Committed(list[0]))
			}
			diverged, faults := false, 0
			for _, step := range all {
				faults += len(step.Faults)
				if d := step.Divergence; d != nil {
					diverged = true
					if d.Own != list[0] || len(d.Shares) != 2 || !keys.ValidShare(d.Shares[0]) || !keys.ValidShare(d.Shares[1]) {
						t.Errorf("%s: evidence of %d shares", name, len(d.Shares))
					}
				}
			}
			if diverged != c.diverge || faults != c.faults {
				t.Errorf("%s, early %t: diverged %t, %d faults", name, early, diverged, faults)
			}
			if diverged {
				if step := col.Committed(statement.Statement{Epoch: 1}); step.Share != nil {
					t.Errorf("%s: it goes on signing", name)
				}
			}
		}
	}
}

func TestContradictions(t *testing.T) {
	list := said(1)
	for name, c := range map[string]struct {
		first, second statement.Share
		kind          certificate.Kind
		evidence      bool
	}{
		"both signed":   {keys.Share(1, list[0]), keys.Share(1, lie(list[0], 0)), certificate.TwoOutcomes, true},
		"second forged": {keys.Share(1, list[0]), forged(1, lie(list[0], 0)), certificate.BadOutcomeShare, false},
		"first forged":  {forged(1, list[0]), keys.Share(1, lie(list[0], 0)), certificate.BadOutcomeShare, false},
		"both forged":   {forged(1, list[0]), forged(1, lie(list[0], 0)), certificate.BadOutcomeShare, false},
	} {
		for _, early := range []bool{false, true} {
			col := certificate.New(config(0), 0, nil, nil)
			if !early {
				col.Committed(list[0])
			}
			col.Heard(1, c.first)
			step := col.Heard(1, c.second)
			if !slices.Equal(kinds(step.Faults), []certificate.Kind{c.kind}) || (len(step.Evidence) == 1) != c.evidence {
				t.Errorf("%s, early %t: faults %v, %d pieces of evidence", name, early, step.Faults, len(step.Evidence))
			}
			if c.evidence && !step.Evidence[0].Valid(keys) {
				t.Errorf("%s: no evidence", name)
			}
			// However many more come, they cost nothing.
			for v := range byte(5) {
				if step := col.Heard(1, keys.Share(1, lie(list[0], v+1))); len(step.Faults) > 0 || len(step.Evidence) > 0 {
					t.Errorf("%s: %v", name, step.Faults)
				}
			}
		}
	}
}

func TestCertificatesOfOthers(t *testing.T) {
	list := said(40)
	c := committed(t, list[:2])
	wrong := keys.Certify(list[1])
	wrong.Statement = lie(list[1], 0)
	if step := c.HeardCertificate(1, wrong); !slices.Equal(kinds(step.Faults), []certificate.Kind{certificate.BadCertificate}) {
		t.Errorf("faults %v", step.Faults)
	}
	for range 100 { // nor is it heard for a while
		if step := c.HeardCertificate(1, wrong); len(step.Faults) != 0 {
			t.Fatal("two wrong ones were checked")
		}
		c.Tick()
	}
	if step := c.HeardCertificate(2, keys.Certify(list[1])); step.Certificate == nil || c.Certified() != 2 {
		t.Error("not taken")
	}
	if step := c.HeardCertificate(3, keys.Certify(list[39])); step.Proven != 40 {
		t.Errorf("proven %d", step.Proven)
	}
	c.Tick()
	if step := c.HeardCertificate(3, keys.Certify(list[30])); step.Proven != 0 {
		t.Error("what says nothing new was checked")
	}
	forgedAhead := keys.Certify(list[38])
	forgedAhead.Statement.Epoch = 1000
	if step := c.HeardCertificate(3, forgedAhead); len(step.Faults) != 1 {
		t.Error("what says nothing new costs the member its turn")
	}
	// Even when there is a certificate here, another one is proof enough.
	other := keys.Certify(lie(list[1], 3))
	if step := c.HeardCertificate(2, other); step.Divergence == nil || step.Divergence.Certified == nil {
		t.Error("no divergence")
	}
}

// While there is no certificate the share is sent again, ever more rarely, and who
// asks is answered with what there is.
func TestRepetition(t *testing.T) {
	list := said(3)
	c := committed(t, list[:2])
	var at []int
	for tick := 1; tick <= 2000; tick++ {
		if step := c.Tick(); step.Again {
			if step.Share == nil || step.Share.Statement != list[1] {
				t.Fatal("asks for nothing")
			}
			at = append(at, tick)
		}
	}
	if !slices.Equal(at, []int{10, 30, 70, 150, 310, 630, 1270, 1910}) {
		t.Errorf("asked again at %v", at)
	}
	if share, cert := c.Answer(1, 1); share == nil || share.Statement != list[1] || cert != nil {
		t.Error("no share")
	}
	if share, cert := c.Answer(1, 1); share != nil || cert != nil {
		t.Error("answered twice in one tick")
	}
	if share, cert := c.Answer(2, 2); share != nil || cert != nil {
		t.Error("answered about what it does not have")
	}
	c.Heard(1, keys.Share(1, list[1]))
	c.Heard(2, keys.Share(2, list[1]))
	c.Tick()
	for about := range messages.Epoch(2) {
		if share, cert := c.Answer(messages.PeerID(about+1), about); share != nil || cert == nil || cert.Statement != list[1] {
			t.Errorf("about epoch %d: no certificate", about)
		}
	}
	if shares, newest := c.Repeat(); len(shares) != 0 || newest == nil {
		t.Errorf("%d shares of certified epochs", len(shares))
	}
	if step := c.Tick(); step.Again {
		t.Error("asks for what it has")
	}
}

// A member that starts again, or that got epochs from others, signs what has no
// certificate and nothing else.
func TestBeginnings(t *testing.T) {
	list := said(12)
	newest := keys.Certify(list[9])
	c := certificate.New(config(0), 12, list[4:], &newest)
	shares, cert := c.Repeat()
	if cert == nil || len(shares) != 1 || shares[0].Statement != list[11] {
		t.Errorf("%d shares", len(shares))
	}
	c = certificate.New(config(0), 0, nil, nil)
	for _, s := range list[:11] {
		c.Learned(s)
	}
	if shares, _ := c.Repeat(); len(shares) != 0 || c.Certified() != 11 {
		t.Errorf("%d shares, certified %d", len(shares), c.Certified())
	}
	if step := c.Committed(list[11]); step.Share == nil {
		t.Error("the first epoch of its own was not signed")
	}
}

// Agreement and Liveness: whatever f liars send, in whatever order things come and
// whatever is lost, correct members never stop, never blame each other, and have a
// certificate for the newest epoch once nothing is lost any more.
func TestCorrectMembersGetCertificates(t *testing.T) {
	const n, f = 4, 1
	made := map[statement.Statement]statement.Share{} // making them takes most of the time
	lying := func(s statement.Statement, forge bool) statement.Share {
		if _, ok := made[s]; !ok {
			made[s] = keys.Share(0, s)
		}
		share := made[s]
		if forge {
			share.Signature = forgery
		}
		return share
	}
	rapid.Check(t, func(t *rapid.T) {
		list := said(rapid.IntRange(1, 3).Draw(t, "epochs"))
		var all []*certificate.Collector
		next := make([]int, n)
		type packet struct {
			from, to int
			share    *statement.Share
			again    bool
			cert     *statement.Certificate
		}
		var flying []packet
		perform := func(who int, step certificate.Step) {
			if step.Divergence != nil {
				t.Fatalf("member %d stops", who)
			}
			for _, fault := range step.Faults {
				if fault.Peer >= f {
					t.Fatalf("member %d blames %d: %s", who, fault.Peer, fault)
				}
			}
			if c := step.Certificate; c != nil && (!keys.Valid(*c) || c.Statement != list[c.Statement.Epoch]) {
				t.Fatalf("member %d certifies a lie", who)
			}
			for to := range n {
				if step.Share != nil && to != who && to >= f {
					flying = append(flying, packet{from: who, to: to, share: step.Share, again: step.Again})
				}
			}
		}
		for id := range n {
			all = append(all, certificate.New(config(messages.PeerID(id)), 0, nil, nil))
		}
		deliver := func(i int) {
			p := flying[i]
			flying = slices.Delete(flying, i, i+1)
			if p.cert != nil {
				perform(p.to, all[p.to].HeardCertificate(messages.PeerID(p.from), *p.cert))
				return
			}
			perform(p.to, all[p.to].Heard(messages.PeerID(p.from), *p.share))
			if p.again {
				share, cert := all[p.to].Answer(messages.PeerID(p.from), p.share.Statement.Epoch)
				if share != nil || cert != nil {
					flying = append(flying, packet{from: p.to, to: p.from, share: share, cert: cert})
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				id := rapid.IntRange(f, n-1).Draw(t, "member")
				if next[id] < len(list) {
					perform(id, all[id].Committed(list[next[id]]))
					next[id]++
				}
			},
			"deliver": func(t *rapid.T) {
				if len(flying) > 0 {
					deliver(rapid.IntRange(0, len(flying)-1).Draw(t, "which"))
				}
			},
			"lose": func(t *rapid.T) {
				if len(flying) > 0 {
					i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
					flying = slices.Delete(flying, i, i+1)
				}
			},
			"lie": func(t *rapid.T) {
				s := rapid.SampledFrom(list).Draw(t, "about")
				if rapid.Bool().Draw(t, "other") {
					s = lie(s, byte(rapid.IntRange(0, 1).Draw(t, "variant")))
				}
				share := lying(s, rapid.Bool().Draw(t, "forge"))
				to := rapid.IntRange(f, n-1).Draw(t, "to")
				perform(to, all[to].Heard(0, share))
			},
			"tick": func(t *rapid.T) {
				id := rapid.IntRange(f, n-1).Draw(t, "member")
				perform(id, all[id].Tick())
			},
		})
		for id := f; id < n; id++ {
			for ; next[id] < len(list); next[id]++ {
				perform(id, all[id].Committed(list[next[id]]))
			}
		}
		behind := func(c *certificate.Collector) bool { return c.Certified() < messages.Epoch(len(list)) }
		for tick := 0; tick < 700 && slices.ContainsFunc(all[f:], behind); tick++ {
			for id := f; id < n; id++ {
				perform(id, all[id].Tick())
			}
			for len(flying) > 0 {
				deliver(0)
			}
		}
		for id := f; id < n; id++ {
			if all[id].Certified() != messages.Epoch(len(list)) {
				t.Fatalf("member %d has certified %d of %d", id, all[id].Certified(), len(list))
			}
		}
	})
}

// What attests a statement is its certificate, or right shares of f+1 members: wrong
// ones are looked at once, and cost their members their place.
func TestAttest(t *testing.T) {
	list := said(10)
	c := committed(t, list)
	if a, _ := c.Attest(9); a != nil {
		t.Error("our own share is enough")
	}
	c.Heard(1, forged(1, list[9]))
	a, step := c.Attest(9)
	if a != nil || !slices.Equal(kinds(step.Faults), []certificate.Kind{certificate.BadOutcomeShare}) || step.Faults[0].Peer != 1 {
		t.Errorf("with a forged share: %v, faults %v", a, step.Faults)
	}
	if _, step = c.Attest(9); len(step.Faults) != 0 {
		t.Errorf("again faults %v", step.Faults)
	}
	c.Heard(2, keys.Share(2, list[9]))
	if a, _ = c.Attest(9); a == nil || a.Signature != nil || !a.Valid(keys, 2) || a.Statement != list[9] {
		t.Errorf("with two right shares: %v", a)
	}
	c.Heard(3, keys.Share(3, list[9]))
	if a, _ = c.Attest(9); a == nil || a.Signature == nil || !a.Valid(keys, 2) {
		t.Errorf("with three: %v", a)
	}
	for _, e := range []messages.Epoch{0, 8, 10, 11} {
		if a, _ := c.Attest(e); a != nil {
			t.Errorf("epoch %d is attested", e)
		}
	}
}
