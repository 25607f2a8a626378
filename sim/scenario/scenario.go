// Package scenario describes worlds by a few words, as a command line or a paper
// does, and measures them.
//
//	s := scenario.Scenario{Nodes: 7, Faulty: []string{"crash", "silent"}, Network: "world", Users: 50, Seed: 1}
//	r, err := s.Measure(ctx, scenario.Extent{Warm: 3, Epochs: 20})
//
// Names of networks and faults are in [Networks] and [Faults]; a new adversary is
// one line in the list of faults. [ReadFile] reads a scenario that somebody wrote
// down.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"minimint/messages"
	"minimint/sim/check"
	"minimint/sim/measure"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// A Scenario says which world it is. Nodes must be set.
type Scenario struct {
	// Nodes is n, up to MaxNodes.
	Nodes int
	// Faulty are names of faults, for the members with the highest numbers.
	Faulty []string
	// Network is what FindNetwork reads; "" is lan.
	Network string
	// Users is how many there are. Without a Pause each has one transaction under
	// way at all times: that many are the batch. With one, each makes a transaction
	// so often on average.
	Users int
	Pause time.Duration
	// Filler is by how many bytes a transaction is longer than it must be; then it
	// is about 120.
	Filler int
	Seed   uint64
	// Real uses the cryptography that ships.
	Real  bool
	Trace *sched.Trace
	// Events befall the world while it is measured. Whatever they left apart or down
	// is for Mend.
	Events []Event
}

// MaxNodes is the most members of a simulated federation.
const MaxNodes = messages.MaxPeers

// Config returns the world of a scenario, and what is to be done once it is made.
func (s Scenario) Config() (world.Config, func(*world.World), error) {
	if s.Nodes < 1 || s.Nodes > MaxNodes {
		return world.Config{}, nil, fmt.Errorf("%d nodes; there must be 1 to %d", s.Nodes, MaxNodes)
	}
	if s.Users < 0 || s.Filler < 0 || s.Pause < 0 {
		return world.Config{}, nil, errors.New("the numbers of users, bytes and seconds must not be negative")
	}
	if len(s.Faulty) > s.Nodes {
		return world.Config{}, nil, fmt.Errorf("%d faulty nodes of %d", len(s.Faulty), s.Nodes)
	}
	for i, e := range s.Events {
		if err := e.check(s.Nodes); err != nil {
			return world.Config{}, nil, fmt.Errorf("event %d, at %v: %w", i+1, e.At, err)
		}
	}
	name := s.Network
	if name == "" {
		name = "lan"
	}
	n, err := FindNetwork(name)
	if err != nil {
		return world.Config{}, nil, err
	}
	cfg := world.Config{
		Nodes: s.Nodes, Seed: s.Seed, Real: s.Real, Prices: n.prices(), Sync: n.Sync, Trace: s.Trace, Watch: check.All(),
		Network: network.Config{Delay: n.Delay, Bandwidth: n.Bandwidth},
		Load:    world.Load{Users: s.Users, Habits: workload.Habits{Pause: s.Pause, Filler: s.Filler}},
	}
	if s.Pause == 0 {
		cfg.Load.Habits.Most = 1
	}
	plan, err := s.corrupt(&cfg)
	return cfg, plan, err
}

// corrupt makes the last members faulty. It returns what is to be done once the
// world is made.
func (s Scenario) corrupt(cfg *world.Config) (func(*world.World), error) {
	members := map[string][]messages.PeerID{}
	for i, name := range s.Faulty {
		members[name] = append(members[name], messages.PeerID(s.Nodes-len(s.Faulty)+i))
	}
	var plans []func(*world.World)
	for i, name := range s.Faulty {
		if slices.Contains(s.Faulty[:i], name) {
			continue // it has joined, with all that have this fault
		}
		f, err := FindFault(name)
		if err != nil {
			return nil, err
		}
		f.Join(cfg, members[name]...)
		if f.Unleash != nil {
			plans = append(plans, func(w *world.World) { f.Unleash(w, members[name]...) })
		}
	}
	return func(w *world.World) {
		for _, plan := range plans {
			plan(w)
		}
	}, nil
}

// New makes the world of a scenario, and a meter in it.
func (s Scenario) New() (*world.World, *measure.Meter, error) {
	cfg, unleash, err := s.Config()
	if err != nil {
		return nil, nil, err
	}
	m := measure.Attach(&cfg)
	w := world.New(cfg)
	unleash(w)
	for _, e := range s.Events {
		w.After(Settled+e.At, func() { e.happen(w) })
	}
	return w, m, nil
}

// MaxFaulty returns f for n nodes: how many of them may be faulty.
func MaxFaulty(n int) int { return (n - 1) / 3 }

// Repeat returns a fault so many times.
func Repeat(name string, times int) []string {
	out := make([]string, times)
	for i := range out {
		out[i] = name
	}
	return out
}

// Extent says how long to measure.
type Extent struct {
	// Warm is how many epochs go by first, counted from when links are up and those
	// that crash have done so, and Epochs how many are measured.
	Warm, Epochs int
	// Patience is how much virtual time all of it may take; 0 is ten minutes.
	Patience time.Duration
}

// ErrStuck says that epochs did not come in the virtual time allowed.
var ErrStuck = errors.New("the federation did not get that far")

// Measure makes the world, warms it up, and measures it.
func (s Scenario) Measure(ctx context.Context, x Extent) (measure.Result, error) {
	w, m, err := s.New()
	if err != nil {
		return measure.Result{}, err
	}
	if s.Users == 0 {
		return measure.Result{}, errors.New("without users there is nothing to measure")
	}
	if x.Patience == 0 {
		x.Patience = 10 * time.Minute
	}
	for w.Now() < Settled {
		if err := ctx.Err(); err != nil {
			return measure.Result{}, err
		}
		w.Run(100 * step)
	}
	if err := reach(ctx, w, x, x.Warm); err != nil {
		return measure.Result{}, err
	}
	m.Begin()
	if err := reach(ctx, w, x, x.Epochs+1); err != nil { // one is open now
		return measure.Result{}, err
	}
	r := m.End()
	for _, v := range w.Violations() {
		return r, fmt.Errorf("a rule did not hold: %s", v)
	}
	return r, nil
}

// Settled is when, after the beginning of a world, everybody has links: users
// that began before their node did try again after a second or two.
const Settled = 2500 * time.Millisecond

// step is how often is looked whether enough epochs are there: seldom, so that a
// turn is not the unit of it, and often enough for the fastest network.
const step = time.Millisecond

// reach lets time pass until all honest nodes are so many epochs further than the
// first of them is now.
func reach(ctx context.Context, w *world.World, x Extent, epochs int) error {
	_, first := honest(w)
	for {
		last, _ := honest(w)
		if last >= first+messages.Epoch(epochs) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.Now() > x.Patience {
			return fmt.Errorf("%w: %d epochs in %v", ErrStuck, last, w.Now())
		}
		w.Run(step)
	}
}

// honest returns where the last and the first of the honest nodes are.
func honest(w *world.World) (last, first messages.Epoch) {
	var all []messages.Epoch
	for i := range w.Nodes() {
		if n := w.Node(i); n.Honest() {
			all = append(all, n.Next())
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	return slices.Min(all), slices.Max(all)
}
