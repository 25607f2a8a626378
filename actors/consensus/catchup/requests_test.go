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
		type request struct {
			peer messages.PeerID
			from uint64
		}
		r := catchup.NewRequests[request](3)
		served, ticks := map[messages.PeerID]int{}, 0
		waiting := map[messages.PeerID]uint64{}
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				q := request{messages.PeerID(rapid.IntRange(0, 2).Draw(t, "peer")), rapid.Uint64Range(1, 9).Draw(t, "from")}
				if r.Admit(q.peer, q) {
					served[q.peer]++
				} else {
					waiting[q.peer] = q.from
				}
			},
			"tick": func(t *rapid.T) {
				ticks++
				for _, q := range r.Tick() {
					if waiting[q.peer] != q.from {
						t.Fatalf("served %+v, waiting is %d", q, waiting[q.peer])
					}
					delete(waiting, q.peer)
					served[q.peer]++
				}
				if len(waiting) > 0 {
					t.Fatalf("still waiting: %v", waiting)
				}
			},
			"": func(t *rapid.T) {
				for p, n := range served {
					if n > 4+ticks {
						t.Fatalf("peer %d was served %d times in %d ticks", p, n, ticks)
					}
				}
			},
		})
	})
}

// A hundred peers that all ask are served in turn, none of them much more often
// than another, and not more of them in a tick than there is time for.
func TestRequestsOfManyPeers(t *testing.T) {
	r := catchup.NewRequests[messages.PeerID](100)
	served := make([]int, 100)
	total := 0
	for range 100 {
		for id := range messages.PeerID(100) {
			if r.Admit(id, id) {
				served[id]++
				total++
			}
		}
		for _, id := range r.Tick() {
			served[id]++
			total++
		}
	}
	if total > 101*16 {
		t.Errorf("%d served in 100 ticks", total)
	}
	for id, n := range served {
		if n < 10 || n > 25 {
			t.Errorf("peer %d was served %d times", id, n)
		}
	}
}
