package seat

import (
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// A listing lives for listLife blocks and is replaced when listRest are left.
const (
	listLife = lightning.MaxListing / 2
	listRest = listLife / 3
)

// listing is what a GatewayClient does about the list.
type listing struct {
	errand  *errand // that puts it there, nil if there is none
	serial  uint64  // of that
	problem string
	retry   int    // tick before which nothing is tried again
	failed  uint64 // serial that will never be listed
}

// retryTicks is how long after a failure the listing is tried again: most likely there
// is too little e-cash.
const retryTicks = 60

// list makes sure that the federation lists what the gateway says now.
func (g *gatewayClient) list(ctx actor.Context) {
	if g.height == 0 || g.node.Key == [33]byte{} || g.listing.errand != nil || g.ticks < g.listing.retry {
		return
	}
	var f *ledgerwire.Federation
	g.w.View(func(r storage.Reader) { f = ledger.Federation(r, g.seat.ID) })
	want := g.wanted(f)
	if g.listed != nil && g.says(*g.listed, want) {
		g.listing.problem = ""
		return
	}
	if free, _, err := g.seat.Purse.Balance(); err != nil || free == 0 {
		g.listing.problem = "there is no e-cash to pay for the listing"
		return
	}
	signed, err := g.sign(f, want)
	if err != nil {
		g.listing.problem = err.Error()
		return
	}
	reference := fmt.Sprintf("gateway/list/%d", signed.Serial)
	g.begin(ctx, &clientwire.Operation{
		Kind: clientwire.Kind_KIND_FUND, Reference: reference,
		Fund: &clientwire.Fund{Outputs: []*clientwire.Piece{{Body: terms.Output{Listing: &signed}.Encode()}}},
	})
	g.listing.errand = g.errand(reference)
	g.listing.serial = signed.Serial
}

// sign returns the listing that was begun last if it says what is wanted, or else makes
// one. The serial is written before anybody sees it, so each is used once.
func (g *gatewayClient) sign(f *ledgerwire.Federation, want terms.Gateway) (terms.Listing, error) {
	if f.GetListing() != nil {
		old, err := terms.ListingOf(f.GetListing())
		if err == nil && old.Serial != g.listing.failed && (g.listed == nil || old.Serial > g.listed.Serial) && g.says(old, want) {
			return old, nil
		}
	}
	want.Serial = f.GetSerial() + 1
	if g.listed != nil {
		want.Serial = max(want.Serial, g.listed.Serial+1)
	}
	signed, err := terms.List(g.seat.ID, want, g.seat.Ring.Gateway())
	if err != nil {
		return terms.Listing{}, err
	}
	g.w.Write(func(tx storage.Tx) {
		f := ledger.Federation(tx, g.seat.ID)
		f.Serial, f.Listing = signed.Serial, signed.Wire()
		ledger.PutFederation(tx, f)
	})
	return signed, nil
}

// wanted is what the gateway has to say, but for the serial.
func (g *gatewayClient) wanted(f *ledgerwire.Federation) terms.Gateway {
	return terms.Gateway{
		Key: g.seat.Key(), Node: g.node.Key, Channel: deal.Channel(f.GetNumber()), API: g.w.API, Name: g.w.Name,
		Send: sendFee(f), Receive: receiveFee(f), ExpiryMargin: deal.Margin, Expiry: g.height + listLife,
	}
}

// says reports whether a listing says what is wanted, for long enough.
func (g *gatewayClient) says(l terms.Listing, want terms.Gateway) bool {
	want.Serial, want.Expiry = l.Serial, l.Expiry
	return want == l.Gateway && l.Expiry >= g.height+listRest
}

// announced takes the end of a listing. The list itself tells whether it is there.
func (g *gatewayClient) announced(m Ended) {
	serial := g.listing.serial
	g.listing = listing{retry: g.ticks + AgainTicks}
	switch {
	case m.Err != nil:
		g.listing.problem = m.Err.Error()
	case m.Op.GetState() != clientwire.State_STATE_DONE:
		g.listing.problem = m.Op.GetText()
	default:
		return
	}
	g.listing.retry, g.listing.failed = g.ticks+retryTicks, serial
	g.w.Log.Warn("the gateway cannot be listed", slog.String("federation", g.seat.ID.String()), slog.String("reason", g.listing.problem))
}

func sendFee(f *ledgerwire.Federation) terms.Fee {
	return terms.Fee{Base: messages.Amount(f.GetSendBaseMsat()), PPM: f.GetSendPpm()}
}

func receiveFee(f *ledgerwire.Federation) terms.Fee {
	return terms.Fee{Base: messages.Amount(f.GetReceiveBaseMsat()), PPM: f.GetReceivePpm()}
}

// Terms is what the gateway wants in a federation.
func Terms(f *ledgerwire.Federation) deal.Terms {
	return deal.Terms{
		Send: sendFee(f), Receive: receiveFee(f), Margin: deal.Margin,
		Payment: messages.Amount(f.GetPaymentLimitMsat()), Exposure: messages.Amount(f.GetExposureLimitMsat()),
	}
}
