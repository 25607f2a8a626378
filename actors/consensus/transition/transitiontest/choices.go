package transitiontest

import "pgregory.net/rapid"

// Choices are where the decisions of a test come from.
type Choices interface {
	// Choose returns a number from 0 to n-1. The first of them should be the dull
	// ones: they are what a shrunk or empty input chooses.
	Choose(what string, n int) int
}

// Drawn returns the choices of a property test.
func Drawn(t *rapid.T) Choices { return drawn{t} }

type drawn struct{ t *rapid.T }

// Choose implements Choices.
func (d drawn) Choose(what string, n int) int { return rapid.IntRange(0, n-1).Draw(d.t, what) }

// Read returns the choices of a fuzz input, a byte for each or two where there
// are more than 256; beyond its end all of them are 0.
func Read(input []byte) Choices { return &read{input} }

type read struct{ rest []byte }

// Choose implements Choices.
func (r *read) Choose(_ string, n int) int {
	chosen := r.next()
	if n > 256 {
		chosen = chosen<<8 | r.next()
	}
	return chosen % n
}

func (r *read) next() int {
	if len(r.rest) == 0 {
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return int(b)
}

// one reports whether one case in n is chosen.
func one(c Choices, what string, n int) bool { return c.Choose(what, n) == n-1 }
