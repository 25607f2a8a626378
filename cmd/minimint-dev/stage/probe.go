package stage

import (
	"context"

	"minimint/cmd/minimintd/probe"
	"minimint/messages/federation"
	"minimint/messages/wire"
)

// Ask asks one member what it says of itself.
func Ask(ctx context.Context, f *federation.Config, member int) (*wire.Info, error) {
	return probe.Ask(ctx, f, member)
}
