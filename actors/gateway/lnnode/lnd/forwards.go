package lnd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"google.golang.org/grpc"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/messages"
)

// forwards is what lnd holds for the present stream; Node.mu guards it.
type forwards struct {
	stream grpc.ClientStream // nil: not connected
	held   []lnnode.Forward  // in the order in which they came
}

// drop forgets a forward and reports whether it was held.
func (f *forwards) drop(c lnnode.Circuit) bool {
	at := slices.IndexFunc(f.held, func(x lnnode.Forward) bool { return x.Circuit == c })
	if at < 0 {
		return false
	}
	f.held = slices.Delete(f.held, at, at+1)
	return true
}

var bothStream = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// intercept keeps a stream of forwards open as long as the Node lives.
func (n *Node) intercept() {
	defer n.group.Done()
	for n.ctx.Err() == nil {
		err := n.receive()
		n.mu.Lock()
		n.forwards = forwards{} // lnd offers again what it holds
		n.mu.Unlock()
		if n.ctx.Err() != nil {
			return
		}
		n.cfg.Log.Warn("no forwards from lnd", slog.Any("error", err))
		n.wake()
		pause, done := context.WithCancel(n.ctx)
		cancel := n.cfg.Timer.After(again, done)
		<-pause.Done()
		cancel()
	}
}

// receive takes forwards until the stream breaks.
func (n *Node) receive() error {
	ctx, cancel := context.WithCancel(n.ctx)
	defer cancel()
	stream, err := n.conn.NewStream(ctx, bothStream, "/routerrpc.Router/HtlcInterceptor")
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.forwards.stream = stream
	n.mu.Unlock()
	for {
		var got lndwire.ForwardHtlcInterceptRequest
		if err := stream.RecvMsg(&got); err != nil {
			return err
		}
		held, err := n.offered(&got)
		if err != nil {
			return err
		}
		if held {
			n.wake()
		}
	}
}

// offered holds a forward to a virtual channel, and lets all others go on.
func (n *Node) offered(got *lndwire.ForwardHtlcInterceptRequest) (held bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f, err := forward(got)
	switch {
	case !n.cfg.Virtual(got.GetOutgoingRequestedChanId()):
		return false, n.reply(f.Circuit, &lndwire.ForwardHtlcInterceptResponse{Action: lndwire.ResolveHoldForwardAction_RESUME})
	case err != nil, len(n.forwards.held) == maxHeld:
		n.cfg.Log.Warn("forward refused", slog.Any("error", err), slog.Int("held", len(n.forwards.held)))
		return false, n.reply(f.Circuit, failure())
	}
	n.forwards.drop(f.Circuit) // offered twice
	n.forwards.held = append(n.forwards.held, f)
	return true, nil
}

func forward(got *lndwire.ForwardHtlcInterceptRequest) (lnnode.Forward, error) {
	f := lnnode.Forward{
		Circuit: lnnode.Circuit{Channel: got.GetIncomingCircuitKey().GetChanId(), HTLC: got.GetIncomingCircuitKey().GetHtlcId()},
		Virtual: got.GetOutgoingRequestedChanId(), Expiry: got.GetIncomingExpiry(), AutoFail: uint32(max(got.GetAutoFailHeight(), 0)),
	}
	if len(got.GetPaymentHash()) != len(f.Hash) {
		return f, fmt.Errorf("payment hash of %d bytes", len(got.GetPaymentHash()))
	}
	copy(f.Hash[:], got.GetPaymentHash())
	var err error
	if f.In, err = messages.NewAmount(got.GetIncomingAmountMsat()); err != nil {
		return f, err
	}
	f.Out, err = messages.NewAmount(got.GetOutgoingAmountMsat())
	return f, err
}

// failure tells the payer to try another way; lnd allows no word that is clearer.
func failure() *lndwire.ForwardHtlcInterceptResponse {
	return &lndwire.ForwardHtlcInterceptResponse{
		Action: lndwire.ResolveHoldForwardAction_FAIL, FailureCode: lndwire.Failure_TEMPORARY_CHANNEL_FAILURE,
	}
}

// reply runs under mu, so that one goroutine sends at a time. lnd ends the stream
// over an answer for what it does not hold.
func (n *Node) reply(c lnnode.Circuit, r *lndwire.ForwardHtlcInterceptResponse) error {
	r.IncomingCircuitKey = &lndwire.CircuitKey{ChanId: c.Channel, HtlcId: c.HTLC}
	return n.forwards.stream.SendMsg(r)
}

// Forwards implements lnnode.Node.
func (n *Node) Forwards(context.Context) ([]lnnode.Forward, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.forwards.stream == nil {
		return nil, lnnode.ErrOffline
	}
	return slices.Clone(n.forwards.held), nil
}

// Answer implements lnnode.Node.
func (n *Node) Answer(_ context.Context, c lnnode.Circuit, preimage *lnnode.Preimage) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.forwards.drop(c) {
		return nil
	}
	r := failure()
	if preimage != nil {
		r = &lndwire.ForwardHtlcInterceptResponse{Action: lndwire.ResolveHoldForwardAction_SETTLE, Preimage: preimage[:]}
	}
	if err := n.reply(c, r); err != nil {
		return offline(err) // the stream is over, and lnd offers the forward again
	}
	return nil
}
