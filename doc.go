// Package minimint is a federation of nodes, run by people who need not trust
// each other, that holds bitcoin together and issues private e-cash against it.
// The packages are described in ARCHITECTURE.md; here are only the version and the
// test of the import ladder.
package minimint

// Version is that of all programs; members report it too.
const Version = "0.1.0"
