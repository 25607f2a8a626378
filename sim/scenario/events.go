package scenario

import (
	"errors"
	"fmt"
	"time"

	"minimint/sim/world"
)

// An Event befalls a world once. Exactly one of the fields below At is set; nodes are
// numbers from 0.
type Event struct {
	// At counts from when measuring begins, which is Settled after the beginning.
	At time.Duration `yaml:"at"`
	// Partition separates nodes of different groups. Those in no group are not
	// touched, and what was apart stays apart.
	Partition [][]int `yaml:"partition"`
	// Heal joins all that is apart.
	Heal bool `yaml:"heal"`
	// Kill ends the processes of nodes. What they wrote stays.
	Kill []int `yaml:"kill"`
	// PowerFailure ends nodes, with what their disks had not made durable.
	PowerFailure []int `yaml:"power-failure"`
	// Start starts nodes that are down.
	Start []int `yaml:"start"`
}

// check tells what is wrong with an event among so many nodes.
func (e Event) check(nodes int) error {
	kinds, lists := 0, append([][]int{e.Kill, e.PowerFailure, e.Start}, e.Partition...)
	for _, set := range []bool{e.Partition != nil, e.Heal, e.Kill != nil, e.PowerFailure != nil, e.Start != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return errors.New("it must say one of partition, heal, kill, power-failure and start")
	case e.At < 0:
		return errors.New("it must not be before the beginning")
	case len(e.Partition) == 1:
		return errors.New("a partition has at least two groups")
	}
	named := make([]bool, nodes)
	for _, list := range lists {
		for _, i := range list {
			if i < 0 || i >= nodes {
				return fmt.Errorf("there is no node %d; there are 0 to %d", i, nodes-1)
			}
			if named[i] {
				return fmt.Errorf("node %d is named twice", i)
			}
			named[i] = true
		}
	}
	return nil
}

// happen lets it befall a world now.
func (e Event) happen(w *world.World) {
	if e.Heal {
		w.Net().Heal()
	}
	w.Net().Partition(e.Partition...)
	for _, i := range e.Kill {
		w.Node(i).Kill()
	}
	for _, i := range e.PowerFailure {
		w.Node(i).PowerFailure()
	}
	for _, i := range e.Start {
		w.Node(i).Restart()
	}
}

// Mend undoes what events did: the network is whole again, and honest nodes run.
func Mend(w *world.World) {
	w.Net().Heal()
	for i := range w.Nodes() {
		if n := w.Node(i); n.Honest() {
			n.Restart()
		}
	}
}
