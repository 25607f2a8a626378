package load

import (
	"context"
	"fmt"
	"slices"

	"minimint/actors/client/token"
	"minimint/messages/transaction"
)

// Split exchanges notes for count notes of one tier, worth exactly as much, in one
// transaction.
func (g *Generator) Split(ctx context.Context, given []token.Note, tier uint32, count int) ([]token.Note, error) {
	x, err := g.desk.New(given, slices.Repeat([]uint32{tier}, count))
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	decided, err := g.clients[0].carry(ctx, x.Transaction)
	if err != nil {
		return nil, fmt.Errorf("load: split notes: %w", err)
	}
	fresh, err := x.Finish(decided)
	if err != nil {
		return nil, fmt.Errorf("load: split notes: %w", err)
	}
	return fresh, nil
}

// Payments makes, for each note, the transaction that exchanges it for so many
// smaller ones, all of one tier. pieces is a power of two.
func (g *Generator) Payments(list []token.Note, pieces int) ([]*transaction.Transaction, error) {
	var out []*transaction.Transaction
	for _, n := range list {
		tier := n.Tier
		for p := pieces; p > 1; p /= 2 {
			tier--
		}
		x, err := g.desk.New([]token.Note{n}, slices.Repeat([]uint32{tier}, pieces))
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		out = append(out, x.Transaction)
	}
	return out, nil
}
