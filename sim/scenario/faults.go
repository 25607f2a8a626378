package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/sim/world"
)

// A Fault is a way in which a member can be faulty.
type Fault struct {
	Name, About string
	// Corrupt says what is in the member's place.
	Corrupt func(messages.PeerID) world.Faulty
	// Unleash plans what happens to it. Optional.
	Unleash func(*world.World, messages.PeerID)
}

// Crash is the name of the fault that the f of tables and figures have.
const Crash = "crash"

// crashes is when members that crash do.
const crashes = time.Second

// Faults are all that have a name.
func Faults() []Fault {
	return []Fault{
		{Name: Crash, About: "its process ends after a second and does not come back", Corrupt: shipped, Unleash: func(w *world.World, who messages.PeerID) {
			w.After(crashes, w.Node(int(who)).Kill)
		}},
		{Name: "restart", About: "its process ends every two seconds and starts again half a second later", Corrupt: shipped, Unleash: func(w *world.World, who messages.PeerID) {
			n := w.Node(int(who))
			var again func()
			again = func() {
				n.Kill()
				w.After(crashes/2, n.Restart)
				w.After(2*crashes, again)
			}
			w.After(crashes, again)
		}},
		{Name: "silent", About: "it holds its links and never says anything", Corrupt: func(who messages.PeerID) world.Faulty {
			return world.Faulty{Peer: who, Process: func(*world.Corrupt) world.Process { return silent{} }}
		}},
	}
}

// FindFault returns the fault of a name.
func FindFault(name string) (Fault, error) {
	all := Faults()
	if i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	known := make([]string, len(all))
	for i, f := range all {
		known[i] = f.Name
	}
	return Fault{}, fmt.Errorf("no fault is called %q; there are %s", name, strings.Join(known, ", "))
}

// shipped is a member that is as it should be, and for which no rule is checked.
func shipped(who messages.PeerID) world.Faulty { return world.Faulty{Peer: who} }

// silent is a process that hears and says nothing.
type silent struct{}

// Hear implements world.Process.
func (silent) Hear(messages.PeerID, proto.Message) {}

// Linked implements world.Process.
func (silent) Linked(messages.PeerID, bool) {}
