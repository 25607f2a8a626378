package quorum

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/messages"
)

func accepted(epoch messages.Epoch) *Verdict { return &Verdict{Accepted: true, Epoch: epoch} }
func refused(code messages.RejectionCode) *Verdict {
	return &Verdict{Code: code, Final: true, Text: fmt.Sprint(code)}
}
func later(code messages.RejectionCode) *Verdict { return &Verdict{Code: code} }
func early(code messages.RejectionCode) *Verdict {
	return &Verdict{Code: code, Final: true, Early: true}
}

func TestBallot(t *testing.T) {
	for _, c := range []struct {
		name  string
		said  []*Verdict // by member, of four
		want  string
		liars []messages.PeerID
	}{
		{"nobody", []*Verdict{nil, nil, nil, nil}, "", nil},
		{"one is no quorum", []*Verdict{accepted(1), nil, nil, nil}, "", nil},
		{"two agree", []*Verdict{accepted(1), nil, accepted(1), nil}, "accepted in epoch 1", nil},
		{"two epochs are no agreement", []*Verdict{accepted(1), accepted(2), nil, nil}, "", nil},
		{"another epoch is a lie", []*Verdict{accepted(1), accepted(1), accepted(2), nil}, "accepted in epoch 1", []messages.PeerID{2}},
		{"final refusal is a lie", []*Verdict{accepted(1), accepted(1), nil, refused(10)}, "accepted in epoch 1", []messages.PeerID{3}},
		{"refusal for now is none", []*Verdict{accepted(1), accepted(1), nil, later(13)}, "accepted in epoch 1", nil},
		{"refusal at submission is none", []*Verdict{accepted(1), accepted(1), nil, early(10)}, "accepted in epoch 1", nil},
		{"refused", []*Verdict{refused(10), refused(10), nil, nil}, "rejected (10)", nil},
		{"two reasons are no agreement", []*Verdict{refused(10), refused(11), nil, nil}, "", nil},
		{"final and for now differ", []*Verdict{refused(13), later(13), nil, nil}, "", nil},
		{"for now", []*Verdict{later(13), later(13), nil, nil}, "rejected for now (13)", nil},
		{"final goes before for now", []*Verdict{later(13), later(13), refused(10), refused(10)}, "rejected (10)", nil},
		{"acceptance goes before refusal", []*Verdict{refused(10), refused(10), accepted(3), accepted(3)}, "accepted in epoch 3", []messages.PeerID{0, 1}},
		{"early and late count alike", []*Verdict{early(10), refused(10), nil, nil}, "rejected (10)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewBallot(GroupOf(4))
			for i, v := range c.said {
				if v != nil {
					b.Say(messages.PeerID(i), *v)
				}
			}
			got := ""
			if v, ok := b.Verdict(); ok {
				got = v.String()
			}
			if got != c.want || !slices.Equal(b.Liars(), c.liars) {
				t.Errorf("%q, liars %v; want %q, %v", got, b.Liars(), c.want, c.liars)
			}
		})
	}
}

func TestAcceptanceIsAMembersLastWord(t *testing.T) {
	b := NewBallot(GroupOf(4))
	b.Say(0, *accepted(1))
	b.Say(0, *refused(10))
	b.Say(1, *later(13))
	b.Say(1, *accepted(1))
	if v, ok := b.Verdict(); !ok || !v.Accepted {
		t.Errorf("%v, %v", v, ok)
	}
}

// Validity: while at most f members lie, whatever they say and in whatever
// order, the verdict is what the honest ones say, and a result of a poll is an
// honest answer. Once all honest ones have spoken there is one.
func TestAtMostFLiarsDecideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := GroupOf(rapid.IntRange(1, 10).Draw(t, "n"))
		liars := rapid.IntRange(0, g.F).Draw(t, "liars")
		order := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := range g.N {
				if !yield(i) {
					return
				}
			}
		})).Draw(t, "order")
		ballot, poll := NewBallot(g), NewPoll(g)
		for _, i := range order {
			v, a := *accepted(5), Answer{Body: "truth"}
			if i < liars {
				v = *rapid.SampledFrom([]*Verdict{accepted(6), refused(10), later(13)}).Draw(t, "lie")
				a = rapid.SampledFrom([]Answer{{Body: "lie"}, {Code: 26}, {Body: "truth"}}).Draw(t, "answer")
			}
			ballot.Say(messages.PeerID(i), v)
			poll.Answer(messages.PeerID(i), a)
			if got, ok := ballot.Verdict(); ok && !got.equal(*accepted(5)) {
				t.Fatalf("verdict %s", got)
			}
			if got, ok := poll.Result(); ok && got.Body != "truth" {
				t.Fatalf("answer %v", got)
			}
		}
		if _, ok := ballot.Verdict(); !ok {
			t.Fatal("no verdict")
		}
		if _, ok := poll.Result(); !ok || !poll.Complete() || poll.Answered() != g.N {
			t.Fatal("no answer")
		}
		for _, p := range append(ballot.Liars(), poll.Dissenters()...) {
			if int(p) >= liars {
				t.Fatalf("member %d is blamed and honest", p)
			}
		}
	})
}

func TestPollComparesCodesAndNotTexts(t *testing.T) {
	p := NewPoll(GroupOf(4))
	p.Answer(0, Answer{Code: 26, Text: "not here"})
	p.Answer(1, Answer{Code: 26, Text: "unknown"})
	p.Answer(2, Answer{Code: 26, Final: true})
	if a, ok := p.Result(); !ok || a.Final {
		t.Errorf("%v, %v", a, ok)
	}
	if got := p.Dissenters(); !slices.Equal(got, []messages.PeerID{2}) {
		t.Errorf("dissenters %v", got)
	}
}

// One answer with a certificate is the result, however many say something else.
func TestProvenAnswer(t *testing.T) {
	p := NewPoll(GroupOf(4))
	for id := range messages.PeerID(3) {
		p.Answer(id, Answer{Body: "lie"})
	}
	p.Prove(3, Answer{Body: "true"})
	if a, ok := p.Result(); !ok || a.Body != "true" {
		t.Errorf("%q, %t", a.Body, ok)
	}
	if got := p.Dissenters(); !slices.Equal(got, []messages.PeerID{0, 1, 2}) {
		t.Errorf("dissenters %v", got)
	}
}
