package client

import (
	"context"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/joining"
	"minimint/messages/federation"
)

// Errors of Join.
var (
	// ErrJoined says that the store belongs to a federation already.
	ErrJoined = joining.ErrJoined
	// ErrInvite says that an invite does not lead to a federation.
	ErrInvite = joining.ErrInvite
)

// Joined is what a newcomer learns.
type Joined = joining.Joined

// Join makes cfg.Store a client of the federation that an invite names, see
// joining.Join. Blocks, Gateways and Linger of cfg are not used.
func Join(ctx context.Context, cfg Config, invite federation.Invite, words string) (Joined, error) {
	return joining.Join(ctx, joining.Config{
		System: cfg.System, Spawn: cfg.Spawn, Clock: cfg.Clock, Store: cfg.Store, Connector: cfg.Connector,
		Rand: cfg.Rand, Restore: cfg.Restore, Now: cfg.Now,
	}, invite, words)
}

// Restore begins to look for all notes and deposits of the client's words that its
// store does not know of, or returns the operation that does so already. See package
// restore for what it finds.
func (c *Client) Restore(ctx context.Context) (uint64, error) {
	return c.call(ctx, begin{&Operation{Kind: clientwire.Kind_KIND_RESTORE}})
}
