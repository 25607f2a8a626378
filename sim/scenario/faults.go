package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minimint/messages"
	"minimint/sim/adversary"
	"minimint/sim/world"
)

// A Fault is a way in which members can be faulty. About is "" if the name says
// enough.
type Fault struct {
	Name, About string
	// Join makes these members of a world that is not made yet faulty. It is called
	// once for all that have the fault: they may collude.
	Join func(cfg *world.Config, members ...messages.PeerID)
	// Unleash plans what happens to them when the world is made. Optional.
	Unleash func(w *world.World, members ...messages.PeerID)
}

// Crash is the name of the fault that the f of tables and figures have.
const Crash = "crash"

// crashes is when members that crash do.
const crashes = time.Second

// Faults are all that have a name: one of this package, and those of package
// adversary, with dashes in their names.
func Faults() []Fault {
	all := []Fault{{
		Name: Crash, About: "its process ends after a second and does not come back", Join: unchecked, Unleash: func(w *world.World, members ...messages.PeerID) {
			for _, who := range members {
				w.After(crashes, w.Node(int(who)).Kill)
			}
		},
	}}
	for _, k := range adversary.All() {
		all = append(all, Fault{Name: strings.NewReplacer(",", "", " ", "-").Replace(k.Name), Join: k.Join})
	}
	return all
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

// unchecked members are as they should be, and no rule is checked for them.
func unchecked(cfg *world.Config, members ...messages.PeerID) {
	for _, who := range members {
		cfg.Faulty = append(cfg.Faulty, world.Faulty{Peer: who})
	}
}
