// Package minimint is a federation of nodes, run by people who need not trust
// each other, that holds bitcoin together and issues private e-cash against it.
// The packages are described in ARCHITECTURE.md; there is no code here but the
// test of the import ladder.
package minimint
