package chain

import "github.com/asynkron/protoactor-go/actor"

// worker is the child that waits for the bitcoin node so that its parent need
// not. It says when it is ready, at first and after a crash that lost a survey;
// it accepts a survey and answers with a finding.
type worker struct{ backend Backend }

// ready is the first message of every incarnation of a worker.
type ready struct{}

func newWorker(b Backend) actor.Producer {
	return func() actor.Actor { return &worker{backend: b} }
}

// Receive implements actor.Actor.
func (w *worker) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Request(ctx.Parent(), ready{})
	case survey:
		ctx.Request(ctx.Sender(), m.run(w.backend))
	}
}
