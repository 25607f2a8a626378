package setup

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/actors/spawn"
	"minimint/crypto/dkg"
	"minimint/messages"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/storage/disk"
)

func TestSetup(t *testing.T) {
	for n := 1; n <= 4; n++ {
		r := newRig(t, n)
		for i := range n {
			r.start(i)
		}
		all := r.finish(0) // without loss, nobody needs a tick
		if all[0].Config.Members[n-1].Name != fmt.Sprint("member ", n-1) || all[0].Config.Members[0].Address != "host0:1" || !all[0].Secrets.Complete() {
			t.Fatal("the configuration is not what members said")
		}
	}
}

// Power may fail at any change of a member's disk; the supervisor brings it
// back, and all finish.
func TestPowerFailsAtEveryWrite(t *testing.T) {
	for step, reached := 1, true; reached; step++ {
		t.Run(fmt.Sprint("change ", step), func(t *testing.T) {
			r := newRig(t, 2)
			r.start(1)
			produce, err := New(r.config(0)) // makes the journal
			if err != nil {
				t.Fatal(err)
			}
			r.disks[0].StopAt(step)
			props := r.spawn.RootProps(spawn.Restart(spawn.Backoff{Min: 1, Max: 1}), produce)
			if _, err := r.as.Root.SpawnNamed(props, name(0)); err != nil {
				t.Fatal(err)
			}
			r.finish(1)
			reached = r.failures.Load() > 0
			if !reached && step < 10 {
				t.Fatalf("a whole run makes %d changes only", step-1)
			}
		})
	}
}

// A member may be killed in any round and started again by its operator.
func TestKilledInEveryRound(t *testing.T) {
	phases := []string{"hello", "commit", "echo", "reveal", "deal", "confirm"}
	for at, phase := range phases {
		t.Run(phase, func(t *testing.T) {
			r := newRig(t, 3)
			for _, i := range []int{1, 2, 0} {
				r.start(i)
			}
			for e := range r.events[0] {
				// It may pass through a round without stopping there, even to the end.
				if p, ok := e.(Progress); !ok || slices.Index(phases, p.Phase) >= at {
					break
				}
			}
			r.kill(0)
			r.start(0)
			r.finish(1)
		})
	}
}

// A crash between keeping and sending loses what was to be sent; the member says
// it again.
func TestSaysAgainAfterCrash(t *testing.T) {
	r := newRig(t, 2)
	lose := func(to int, p *setupwire.Packet) bool { return to == 1 && p.GetMessage() != nil }
	r.lose.Store(&lose)
	r.start(0)
	r.start(1)
	for await[Progress](r, 0).Phase != "echo" {
		continue
	}
	r.kill(0)
	r.lose.Store(nil)
	r.start(0)
	r.finish(1)
}

// Packets may get lost; ticks make up for it.
func TestLossIsMadeUpForByTicks(t *testing.T) {
	r := newRig(t, 3)
	subscribed := make(chan *actor.PID, 10)
	r.clock = r.as.Root.Spawn(r.spawn.RootProps(spawn.StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if s, ok := ctx.Message().(*timing.Subscribe); ok {
				subscribed <- s.PID
			}
		})
	}))
	r.deaf(2)
	for i := range 3 {
		r.start(i)
		<-subscribed
	}
	for i := range 2 {
		for p := await[Progress](r, i); p.Phase != "commit" || !slices.Equal(p.Waiting, []messages.PeerID{2}); p = await[Progress](r, i) {
			continue
		}
	}
	r.lose.Store(nil)
	for _, pid := range r.peers[:2] {
		r.as.Root.Send(pid, &timing.Tick{})
		r.as.Root.Send(pid, &link.Down{})
	}
	r.as.Root.Send(r.peers[2], &link.Up{})
	r.finish(1)
}

// Members that were given other terms say where they differ. Corrected, they
// finish; a journal of other terms is not used.
func TestTermsDiffer(t *testing.T) {
	r := newRig(t, 2)
	r.start(0)
	mine := r.terms
	r.terms.Wallet.FinalityDelay = 6
	r.start(1)
	for i := range 2 {
		if d := await[TermsDiffer](r, i); d.Peer != messages.PeerID(1-i) || len(d.Differences) != 1 || !strings.Contains(d.Differences[0], "finality delay") {
			t.Fatal(d)
		}
	}
	r.kill(1)
	r.terms = mine
	if _, err := New(r.config(1)); err == nil || !strings.Contains(err.Error(), "other terms") {
		t.Fatal(err)
	}
	if err := r.disks[1].Remove("journal"); err != nil {
		t.Fatal(err)
	}
	r.start(1)
	r.finish(1)
}

// An attempt that somebody gives up is over; after all have restarted, another
// ends well.
func TestGiveUpAndRestart(t *testing.T) {
	r := newRig(t, 3)
	r.deaf(1)
	for _, i := range []int{0, 2, 1} { // so that nobody misses the hello of the deaf one
		r.start(i)
	}
	for p := await[Progress](r, 0); p.Phase != "commit" || !slices.Equal(p.Waiting, []messages.PeerID{1}); p = await[Progress](r, 0) {
		continue
	}
	r.as.Root.Send(r.peers[0], GiveUp{})
	for _, i := range []int{0, 2} {
		f := await[Failed](r, i)
		if f.Kind != "silent" || !slices.Equal(f.Accused, []messages.PeerID{1}) || f.By != 0 || f.Proven || f.Attempt != 1 {
			t.Fatal(f.String())
		}
	}
	r.lose.Store(nil)
	r.as.Root.Send(r.peers[0], Restart{})
	r.as.Root.Send(r.peers[0], Restart{}) // one too many
	if f := await[Failed](r, 1); f.Kind != "left" || !slices.Equal(f.Accused, []messages.PeerID{0}) {
		t.Fatal(f.String())
	}
	for p := await[Progress](r, 0); p.Attempt != 3; p = await[Progress](r, 0) {
		continue
	}
	r.as.Root.Send(r.peers[1], Restart{})
	r.as.Root.Send(r.peers[2], Restart{})
	for _, f := range r.finish(1) {
		if f.Config.Size() != 3 {
			t.Fatal(f)
		}
	}
	r.as.Root.Send(r.peers[0], Restart{Force: true})
	if await[Refused](r, 0).Text == "" {
		t.Fatal("refused without a reason")
	}
}

// After it has confirmed, a member does not leave without being forced to.
func TestConfirmedMemberDoesNotLeave(t *testing.T) {
	r := newRig(t, 2)
	confirms := func(to int, p *setupwire.Packet) bool {
		m, err := dkg.Decode(p.GetMessage())
		return to == 0 && err == nil && m.Round() == dkg.RoundConfirm
	}
	r.lose.Store(&confirms)
	r.start(0)
	r.start(1)
	for p := await[Progress](r, 0); p.Phase != "confirm" || !slices.Equal(p.Waiting, []messages.PeerID{1}); p = await[Progress](r, 0) {
		continue
	}
	r.as.Root.Send(r.peers[0], Restart{})
	if e := await[Refused](r, 0); !strings.Contains(e.Text, "confirmed") {
		t.Fatal(e)
	}
	r.lose.Store(nil)
	r.as.Root.Send(r.peers[0], &timing.Tick{})
	r.finish(1)
}

func TestNewRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"no members":            func(c *Config) { c.Terms.Members = nil },
		"peers":                 func(c *Config) { c.Peers = c.Peers[1:] },
		"none of the":           func(c *Config) { c.Secrets, _ = keystore.New(stream("stranger")) },
		"is over":               func(c *Config) { s := *c.Secrets; s.Ceremony = keystore.Secret{}; c.Secrets = &s },
		disk.ErrCrashed.Error(): func(c *Config) { d := disk.NewMemory(); d.StopAt(1); c.Disk = d },
	} {
		r := newRig(t, 2)
		cfg := r.config(0)
		spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// Packets of strangers, and what is no packet, change nothing.
func TestNoise(t *testing.T) {
	r := newRig(t, 2)
	r.start(0)
	await[Progress](r, 0)
	stranger := agreement.Greeting{Terms: r.terms, Attempt: 1, Address: "x:1"}
	secrets, err := keystore.New(stream("stranger"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := stranger.Sign(secrets, stream("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*setupwire.Packet{
		{},
		{Kind: &setupwire.Packet_Hello{Hello: []byte("nonsense")}},
		{Kind: &setupwire.Packet_Hello{Hello: h.Bytes()}},
		{Kind: &setupwire.Packet_Message{Message: []byte("nonsense")}},
		{Kind: &setupwire.Packet_Status{Status: &setupwire.Status{Attempt: 1, Finished: true}}},
		{Kind: &setupwire.Packet_Status{}},
	} {
		r.as.Root.Send(r.peers[0], p)
	}
	r.start(1)
	r.finish(1)
}
