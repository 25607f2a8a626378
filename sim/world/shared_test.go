package world_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"minimint/messages/frames"
	"minimint/messages/wire"
	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// The receivers of a broadcast get one decoded frame together, which none of them
// changes, whether it is held, recorded, sent on, or evidence.
func TestNobodyChangesWhatAllShare(t *testing.T) {
	type delivered struct {
		message *wire.PeerFrame
		frame   *frames.Frame
		bytes   []byte
	}
	var all []delivered
	receivers := map[*frames.Frame]int{}
	cfg := world.Config{
		Nodes: 4, Seed: 5, Watch: check.All(),
		Load: world.Load{Users: 8, Habits: workload.Habits{Pause: 100 * time.Millisecond}},
		Network: network.Config{
			Delay: network.Uniform(5*time.Millisecond, 40*time.Millisecond),
			Watch: func(d network.Delivered) {
				if m, ok := d.Message.(*wire.PeerFrame); ok && d.Frame != nil {
					all = append(all, delivered{m, d.Frame, bytes.Clone(m.GetFrame())})
					receivers[d.Frame]++
				}
			},
		},
	}
	w := world.New(cfg)
	w.Run(2 * time.Second)
	w.Node(2).PowerFailure()
	w.Run(2 * time.Second)
	w.Heal()
	w.Settle(time.Minute)
	for _, d := range all {
		f, err := frames.Unpack(d.bytes)
		if err != nil || !bytes.Equal(d.bytes, d.message.GetFrame()) || !reflect.DeepEqual(f, *d.frame) {
			t.Fatalf("%x is %+v now, was %+v (%v)", d.message.GetFrame(), d.frame, f, err)
		}
	}
	if len(receivers) < 100 || len(all) < 2*len(receivers) {
		t.Errorf("%d frames, received %d times", len(receivers), len(all))
	}
	for _, v := range w.Violations() {
		t.Error(v)
	}
}
