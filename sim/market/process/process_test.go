package process

import (
	"errors"
	"testing"

	"minimint/actors/spawn"
	"minimint/sim/check/checktest"
	"minimint/sim/world"
)

// A process says of itself that it is not well, unless its disk was made to fail.
func TestHealthFires(t *testing.T) {
	w := world.New(world.Config{Nodes: 1, Seed: 1, Market: true})
	p := New(Config{World: w, Name: "somebody", Number: 1000})
	p.failed(spawn.Failure{Child: "notes", Reason: "a bug", Decision: spawn.Exited})
	p.exited("notes", "a bug")
	p.Begin = func() error { return errors.New("no") }
	p.Start()
	p.Kill()
	p.planned = true
	p.failed(spawn.Failure{Child: "notes", Reason: "disk"})
	p.exited("notes", "disk")
	checktest.Expect(t, w, "health: somebody: actor notes: a bug (exit)", "health: somebody: actor notes ends the process: a bug", "health: somebody: does not start: no")
}
