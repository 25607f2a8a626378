package catchup_test

import (
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/catchup"
	"minimint/messages"
)

// However often a peer asks, it is served at the pace of ticks, and the newest
// of what it asked for is not forgotten.
func TestRequestsAreServedAtThePaceOfTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := catchup.NewRequests(3)
		served, ticks := map[messages.PeerID]int{}, 0
		waiting := map[messages.PeerID]messages.Epoch{}
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				q := catchup.Request{
					Peer: messages.PeerID(rapid.IntRange(0, 2).Draw(t, "peer")),
					From: messages.Epoch(rapid.Uint64Range(1, 9).Draw(t, "from")),
				}
				if r.Admit(q) {
					served[q.Peer]++
				} else {
					waiting[q.Peer] = q.From
				}
			},
			"tick": func(t *rapid.T) {
				ticks++
				for _, q := range r.Tick() {
					if waiting[q.Peer] != q.From {
						t.Fatalf("served %+v, want from %d", q, waiting[q.Peer])
					}
					delete(waiting, q.Peer)
					served[q.Peer]++
				}
				if len(waiting) > 0 {
					t.Fatalf("not served: %v", waiting)
				}
			},
			"": func(t *rapid.T) {
				for peer, times := range served {
					if times > ticks+4 {
						t.Fatalf("peer %d was served %d times in %d ticks", peer, times, ticks)
					}
				}
			},
		})
	})
}
