package inquirer_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/carrier"
	"minimint/actors/client/inquirer"
	"minimint/actors/client/lines"
	"minimint/actors/client/orders"
	"minimint/actors/clock"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
)

// nobody is a federation without members, so that a question has no answer.
type nobody struct{}

func (nobody) Session(messages.FederationID) (lines.Session, error) { return nil, nil }

type receiver func(actor.Context)

func (r receiver) Receive(ctx actor.Context) { r(ctx) }

// A question that comes while the desk waits for its benches to stop is kept for the next
// incarnation. A bench that were spawned for it would never be stopped, nor the desk and
// whoever waits for it.
func TestQuestionWhileTheDeskEnds(t *testing.T) {
	const asking, ending = "*inquirer.desk orders.Ask", "*inquirer.bench *actor.Stopping"
	met := map[string]chan struct{}{asking: make(chan struct{}, 4), ending: make(chan struct{}, 4)}
	release := make(chan struct{})
	log := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(spawn.Logger(log))
	defer system.Shutdown()
	s := spawn.New(spawn.Config{
		Timer: clock.Timer{}, Rand: rand.Reader, Log: log, Exit: func(string, any) {},
		Middleware: []actor.ReceiverMiddleware{func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
				what := fmt.Sprintf("%T %T", ctx.Actor(), env.Message)
				next(ctx, env)
				if ch := met[what]; ch != nil {
					ch <- struct{}{}
				}
				if what == ending {
					<-release
				}
			}
		}},
	})
	root := system.Root
	spawned := func(fn func(actor.Context)) *actor.PID {
		return root.Spawn(s.RootProps(spawn.StopOnly(), func() actor.Actor { return receiver(fn) }))
	}
	ticker, asker := spawned(func(actor.Context) {}), spawned(func(actor.Context) {})
	w := &carrier.World{Federation: new(federation.Config), Connector: nobody{}, Spawn: s, Log: log, Clock: ticker}
	desk := root.Spawn(s.RootProps(spawn.StopOnly(), inquirer.New(w, new(inquirer.Kept))))
	root.RequestWithCustomSender(desk, orders.Ask{Key: "1"}, asker)
	<-met[asking]
	ended := make(chan error, 1)
	go func() { ended <- root.StopFuture(desk).Wait() }()
	<-met[ending]
	other := spawned(func(actor.Context) {})
	root.RequestWithCustomSender(desk, orders.Ask{Key: "2"}, other)
	<-met[asking]
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
