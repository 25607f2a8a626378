package clienttest

import (
	"testing"

	"minimint/actors/client"
)

// Done waits for an operation that must succeed; err is that of its beginning. There is no
// deadline but the test's: on a busy machine another one would judge the machine.
func Done(t testing.TB, c *client.Client, id uint64, err error) *client.Operation {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	op, err := c.Await(t.Context(), id, nil)
	if err != nil {
		t.Fatalf("operation %d: %v\n%v", id, err, op)
	}
	return op
}

// Deposit makes a deposit address, and returns its operation.
func Deposit(t testing.TB, c *client.Client) *client.Operation {
	t.Helper()
	id, err := c.Deposit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	op, err := c.Operation(id)
	if err != nil {
		t.Fatal(err)
	}
	return op
}
