package catchup_test

import (
	"strings"
	"testing"

	"minimint/actors/consensus/catchup"
	"minimint/messages"
	"minimint/messages/faulttest"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
)

// asking is a member that lacks everything, with one question to each peer.
func asking(t *testing.T) (p *catchup.Peers, asked map[messages.PeerID]catchup.Ask) {
	t.Helper()
	p, asked = newPeers(0), map[messages.PeerID]catchup.Ask{}
	for id := messages.PeerID(1); id < members; id++ {
		p.Ahead(id, length)
	}
	for _, a := range p.Ask() {
		asked[a.Peer] = a
	}
	return p, asked
}

// TestEveryFault raises every fault of a peer that serves epochs.
func TestEveryFault(t *testing.T) {
	one := func(t *testing.T, faults []catchup.Fault) string {
		t.Helper()
		if len(faults) != 1 {
			t.Fatalf("faults %v", faults)
		}
		return faults[0].Text
	}
	// outcomes has headers believed, and returns a question for outcomes.
	outcomes := func(t *testing.T) (*catchup.Peers, catchup.Ask) {
		t.Helper()
		p, asked := asking(t)
		for _, a := range asked {
			if faults, against := p.Headers(truth.headers(a.Peer, 0, length, true)); faults != nil || against != nil {
				t.Fatalf("the truth: %v, %v", faults, against)
			}
		}
		for _, a := range p.Ask() {
			if a.Count > 0 {
				return p, a
			}
		}
		t.Fatal("no outcome is asked for")
		return nil, catchup.Ask{}
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"served headers with a wrong certificate up to epoch %d": func(t *testing.T) string {
			p, asked := asking(t)
			for id := range asked {
				m := truth.headers(id, 0, length, true)
				m.Proof.Headers[3].State[0]++
				faults, _ := p.Headers(m)
				return one(t, faults)
			}
			return ""
		},
		"served wrong headers from epoch %d on": func(t *testing.T) string {
			p := newPeers(0)
			for id := messages.PeerID(1); id < members; id++ {
				p.Ahead(id, length)
			}
			for range 20 * members {
				for _, a := range append(p.Ask(), p.Tick()...) {
					from := truth
					if a.Peer == 1 {
						from = lies
					}
					if faults, _ := p.Headers(from.headers(a.Peer, 0, length, false)); len(faults) > 0 {
						return one(t, faults)
					}
				}
			}
			return ""
		},
		"served a wrong outcome of epoch %d": func(t *testing.T) string {
			p, a := outcomes(t)
			return one(t, p.Outcomes(lies.served(a.Peer, a, length, 1)))
		},
		"served an outcome of epoch %d that does not end": func(t *testing.T) string {
			p, a := outcomes(t)
			text := one(t, p.Outcomes(toconsensus.OutcomesServed{Peer: a.Peer, From: a.From, Part: make([]byte, topeer.PieceBytes-1)}))
			if !strings.Contains(text, "end") {
				t.Error(text)
			}
			return text
		},
	}, "p.lied")
}
