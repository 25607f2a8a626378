package spawn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// Logger is the option with which an actor system logs to log. The library logs
// messages that reach nobody, whole: among those of a wallet are notes, which are
// money. Here it logs their types.
func Logger(log *slog.Logger) actor.ConfigOption {
	quiet := slog.New(discreet{log.Handler()})
	return actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet })
}

// discreet is a handler that shows the types of messages.
type discreet struct{ slog.Handler }

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "message" && a.Value.Kind() != slog.KindString {
			a.Value = slog.StringValue(fmt.Sprintf("%T", a.Value.Any()))
		}
		out.AddAttrs(a)
		return true
	})
	return d.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return discreet{d.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }
