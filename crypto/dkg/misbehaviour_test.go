package dkg

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestMisbehaviour runs scripts: who misbehaves how, and what the honest members say about it. Beside what the script shows, an honest
// member is never convicted, and whoever has the complaint alone comes to the same verdict.
func TestMisbehaviour(t *testing.T) {
	tried, raised := map[string]bool{}, map[Kind]bool{}
	datadriven.RunTest(t, "testdata/misbehaviour", func(t *testing.T, d *datadriven.TestData) string {
		var name string
		n, by := 3, 3
		d.ScanArgs(t, "how", &name)
		d.MaybeScanArgs(t, "n", &n)
		d.MaybeScanArgs(t, "by", &by)
		tried[name] = true
		net := newNetwork(t, config(n, attackKeys(n)...))
		attacks[name](net, by)
		net.run()
		for i, c := range net.members {
			if s := c.GiveUp(); i+1 != by && s.Fault != nil {
				net.perform(i+1, s)
				break
			}
		}
		for len(net.queue) > 0 {
			net.deliver()
		}
		for _, m := range net.seen {
			if m.fault != nil {
				raised[m.fault.Kind] = true
			}
		}
		return net.report(by)
	})
	for name := range attacks {
		if !tried[name] {
			t.Errorf("no script tries %s", name)
		}
	}
	for k := Malformed; k <= FalseComplaint; k++ {
		if !raised[k] {
			t.Errorf("no script raises %s", k)
		}
	}
}

// TestB6WrongDegree: whoever deals a polynomial of any other degree than the key's, higher or lower, for any key and in either
// group, is convicted by all, and there are no keys. In other implementations one such dealer gave the key another threshold, and
// nobody's share of it fitted.
func TestB6WrongDegree(t *testing.T) {
	for size := 2; size <= 4; size++ {
		keys := attackKeys(size)
		for at, key := range keys {
			for threshold := 1; threshold <= size; threshold++ {
				if threshold == key.Threshold {
					continue
				}
				net := newNetwork(t, config(size, keys...))
				net.lie(size, dealDegree(net, size, at, threshold-key.Threshold), nil)
				net.run()
				for i, m := range net.seen[:size-1] {
					if m.result != nil || m.finished || m.fault == nil || m.fault.Kind != WrongDegree || !slices.Equal(m.fault.Accused, []int{size}) {
						t.Fatalf("n=%d, %s of threshold %d dealt with %d: member %d has result %v, fault %v",
							size, key, key.Threshold, threshold, i+1, m.result != nil, m.fault)
					}
					// Somebody who was not there comes to the same verdict.
					if verdict, err := Judge(net.cfg, m.fault.Evidence); err != nil || verdict.String() != m.fault.String() || !verdict.Proven {
						t.Errorf("n=%d: judged %v, %v", size, verdict, err)
					}
				}
			}
		}
	}
}

func (n *network) report(by int) string {
	var out strings.Builder
	for i, m := range n.seen {
		if i+1 == by {
			continue
		}
		if m.fault == nil {
			fmt.Fprintf(&out, "%s\n", n.members[i])
			continue
		}
		fmt.Fprintf(&out, "%d: %s", i+1, m.fault)
		if m.fault.Detail != "" {
			fmt.Fprintf(&out, " (%s)", m.fault.Detail)
		}
		if m.finished {
			out.WriteString(", finished nevertheless")
		}
		out.WriteString("\n")
		if m.fault.Proven && !slices.Equal(m.fault.Accused, []int{by}) {
			fmt.Fprintf(&out, "AN HONEST MEMBER IS CONVICTED\n")
		}
		evidence, err := Decode(m.fault.Evidence.Bytes())
		if err != nil {
			n.t.Fatal(err)
		}
		if verdict, err := Judge(n.cfg, evidence); err != nil || verdict.String() != m.fault.String() {
			fmt.Fprintf(&out, "JUDGED OTHERWISE: %v %v\n", verdict, err)
		}
	}
	return out.String()
}

// A complaint is only as good as its signature and its session.
func TestJudgeRefusesWhatNobodySigned(t *testing.T) {
	net := newNetwork(t, config(3, attackKeys(3)...))
	attacks["wrong-share"](net, 3)
	net.run()
	m := net.seen[0].fault.Evidence
	forged := *m
	forged.from = 2
	other := net.cfg.clone()
	other.Session = sha256.Sum256([]byte("another"))
	for _, x := range []struct {
		cfg Config
		m   *Message
	}{{net.cfg, &forged}, {other, m}, {net.cfg, net.log[0][0]}, {Config{}, m}} {
		if f, err := Judge(x.cfg, x.m); err == nil {
			t.Errorf("%s judged: %s", x.m, f)
		}
	}
}

// The member that got wrong shares tells everybody, and everybody blames the dealer, though nobody else was cheated.
func TestBadShareToOneIsKnownToAll(t *testing.T) {
	net := newNetwork(t, config(4, attackKeys(4)...))
	attacks["wrong-share"](net, 3)
	net.run()
	for i, m := range net.seen {
		if i != 2 && (m.fault == nil || m.fault.Kind != BadShare || m.fault.By != 1 || !slices.Equal(m.fault.Accused, []int{3}) || !m.fault.Proven) {
			t.Errorf("member %d: %v", i+1, m.fault)
		}
	}
}

// A member that confirmed and then heard of a fault still takes part in the keys if all have confirmed.
func TestFinishedAfterFault(t *testing.T) {
	net := newNetwork(t, config(3, attackKeys(3)...))
	var held []*Message
	net.tamper = func(_, to int, m *Message) []*Message {
		if to == 1 && m.round == RoundConfirm {
			held = append(held, m)
			return nil
		}
		return []*Message{m}
	}
	net.run()
	if f := net.members[0].GiveUp().Fault; f == nil || f.Kind != Silent || !slices.Equal(f.Accused, []int{2, 3}) || f.Proven {
		t.Fatal(f)
	}
	// A wrong confirmation does not stand in the way of the right one, which others may have.
	net.members[0].Handle(net.resign(held[0], make([]byte, 64)))
	if net.members[0].Handle(held[0]).Finished || !net.members[0].Handle(held[1]).Finished {
		t.Fatal("not finished by the last confirmation")
	}
}

func TestFaultsHaveNames(t *testing.T) {
	for k := Malformed; k <= FalseComplaint; k++ {
		if strings.Contains(k.String(), "(") {
			t.Errorf("%d has no name", k)
		}
	}
	if s := fmt.Sprint(Kind(99), Round(99), Round(0), Group(9)); s != "kind(99) round(99) round(0) group(9)" {
		t.Error(s)
	}
}
