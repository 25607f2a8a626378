package attempt

import (
	"slices"
	"testing"

	"minimint/actors/setup/setupwire"
	"minimint/messages"
)

// Who is waited for is named, and giving up is told to all that can hear.
func TestGiveUp(t *testing.T) {
	w := newWorld(t, 3, 1)
	w.begin(0, w.hello(0, nil))
	if got := w.all[0].Waiting(); !slices.Equal(got, []messages.PeerID{1, 2}) || w.all[0].Phase() != "hello" {
		t.Fatal(got)
	}
	lone, _ := New(w.terms, w.secrets[1], w.hello(1, nil))
	if s := lone.GiveUp(); s.Failed == nil || s.Failed.Kind != "silent" || s.Keep != nil || s.Send != nil {
		t.Fatal(s)
	}
	w.begin(1, w.hello(1, nil))
	w.begin(2, w.hello(2, nil))
	w.tamper = func(from, _ messages.PeerID, p *setupwire.Packet) *setupwire.Packet {
		if from == 2 && p.GetMessage() != nil {
			return nil
		}
		return p
	}
	for range 4 {
		w.run2()
	}
	if got := w.all[0].Waiting(); !slices.Equal(got, []messages.PeerID{2}) {
		t.Fatal(got)
	}
	w.perform(0, w.all[0].GiveUp())
	w.crash(0)
	if f := w.all[0].Failure(); f == nil || f.Kind != "silent" {
		t.Fatal("a crash makes it forget that it gave up")
	}
	for range 4 {
		w.run2()
	}
	for i, f := range w.failed {
		if f == nil || f.Kind != "silent" || f.Proven || f.By != 0 || !slices.Equal(f.Accused, []messages.PeerID{2}) {
			t.Errorf("member %d: %v", i, f)
		}
	}
}

// Whatever arrives in place of a message changes nothing.
func TestNoise(t *testing.T) {
	w := newWorld(t, 2, 1)
	w.begin(0, w.hello(0, nil))
	h := w.hello(1, nil)
	w.perform(0, w.all[0].Hello(h))
	for _, s := range []Step{w.all[0].Hello(h), w.all[0].Message([]byte("nonsense"))} {
		if s.Ignored == "" || s.Keep != nil || s.Failed != nil {
			t.Error(s)
		}
	}
	for _, s := range []*setupwire.Status{{}, {Attempt: 1}, {Attempt: 2, Held: []uint32{1, 1}}, {Attempt: 1, Held: []uint32{1, 1, 1}}} {
		if step := w.all[0].Supply(1, s); step.Ignored == "" || step.Send != nil {
			t.Errorf("%v: %v", s, step)
		}
	}
	if s := w.all[0].Supply(1, &setupwire.Status{Attempt: 1, Held: []uint32{1, 1}, Session: []byte("short")}); len(s.Send) != 2 {
		t.Error("hellos are not compared")
	}
}

// A member that has begun another attempt ends this one for those that hear of
// it, once, and nobody takes its word for proof.
func TestLeft(t *testing.T) {
	w := newWorld(t, 3, 1)
	for i := range w.all {
		w.begin(i, w.hello(i, nil))
	}
	f := w.all[0].Left(2).Failed
	if f == nil || f.Kind != "left" || f.Proven || f.By != 0 || !slices.Equal(f.Accused, []messages.PeerID{2}) {
		t.Fatalf("%v", f)
	}
	if again := w.all[0].Left(1); again.Failed != nil || w.all[0].Failure().Accused[0] != 2 {
		t.Errorf("%v", w.all[0].Failure())
	}
}
