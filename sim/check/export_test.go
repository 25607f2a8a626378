package check

import "minimint/sim/world"

// Tight is Bounds with the least limits there are.
func Tight(w *world.World) world.Observer { return newBounds(w, limits{faults: MaxFaults}) }
