package quorum_test

import (
	"slices"
	"testing"

	"minimint/actors/client/quorum"
	"minimint/messages"
)

// FuzzQuorum: f of n members say anything, in any order and as often as they like;
// the others say what is true, sooner or later. What is believed is true, it is
// believed when all have spoken, and nobody is called a liar who is none.
func FuzzQuorum(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 0, 1, 9, 1, 0, 1, 2, 3, 200, 5, 1, 0, 3, 1, 7, 4})
	f.Add([]byte("some of these members lie whenever they are asked"))
	f.Fuzz(func(t *testing.T, plan []byte) {
		next := func(n int) int {
			if len(plan) == 0 {
				return 0
			}
			b := plan[0]
			plan = plan[1:]
			return int(b) % n
		}
		group := quorum.GroupOf([]int{4, 7, 1, 3}[next(4)])
		liars := map[messages.PeerID]bool{}
		for range group.F {
			liars[messages.PeerID(next(group.N))] = true
		}
		verdict := func() quorum.Verdict {
			v := quorum.Verdict{Accepted: next(2) == 0, Final: next(2) == 0, Early: next(2) == 0, Text: string(rune('a' + next(9)))}
			if v.Accepted {
				v.Epoch, v.Final, v.Early = messages.Epoch(next(3)), false, false
			} else {
				v.Code = messages.RejectionCode(1 + next(3))
			}
			return v
		}
		answer := func() quorum.Answer {
			return quorum.Answer{Body: string(rune('a' + next(3))), Code: messages.RejectionCode(next(3)), Final: next(2) == 0, Text: string(rune('a' + next(9)))}
		}
		truth, fact := verdict(), answer()
		ballot, poll := quorum.NewBallot(group), quorum.NewPoll(group)
		say := func(p messages.PeerID) {
			v, a := truth, fact
			v.Text, a.Text = string(rune('a'+next(9))), string(rune('a'+next(9)))
			if liars[p] {
				v, a = verdict(), answer()
			}
			ballot.Say(p, v)
			poll.Answer(p, a)
		}
		check := func(must bool) {
			v, ok := ballot.Verdict()
			if ok && (v.Accepted != truth.Accepted || v.Epoch != truth.Epoch || v.Code != truth.Code || v.Final != truth.Final) || must && !ok {
				t.Fatalf("believed %v, %t; the truth is %v", v, ok, truth)
			}
			a, ok := poll.Result()
			if ok && (a.Body != fact.Body || a.Code != fact.Code || a.Final != fact.Final) || must && !ok {
				t.Fatalf("believed %v, %t; the truth is %v", a, ok, fact)
			}
			for _, p := range slices.Concat(ballot.Liars(), poll.Dissenters()) {
				if !liars[p] {
					t.Fatalf("member %d is called a liar", p)
				}
			}
		}
		for range 40 {
			say(messages.PeerID(next(group.N)))
			check(false)
		}
		for p := range group.N {
			say(messages.PeerID(p))
		}
		check(true)
	})
}
