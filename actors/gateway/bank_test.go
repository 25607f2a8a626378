package gateway_test

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
	"minimint/sim/sched"
)

// bank is a federation and the gateway's client in it, as far as a gateway can see
// them. It outlives every crash of the gateway.
type bank struct {
	loop   *sched.Loop
	config *federation.Config
	seal   terms.Sealer
	ring   *keys.Ring

	height    uint32
	cash      messages.Amount // of the gateway
	contracts []*lightningwire.Contract
	secrets   map[messages.Digest][32]byte // what offers hold
	listings  []*lightningwire.Listing
	ops       []*clientwire.Operation

	// slow is how long one step takes; refuse says why an operation fails.
	slow   func() time.Duration
	refuse func(*clientwire.Operation) string
	// hold keeps preimages from being revealed.
	hold bool
	// shares has members tell their shares to whoever bought, before and beside that.
	shares bool
	// counted is called when the gateway counts its e-cash.
	counted func()
	// looks are the questions about contracts that the client has, most the most of them ever.
	looks, most int
	// twice are contracts of which money was wanted that had none.
	twice []string
}

// configs are federations that were made, by seed: making one takes long.
var configs [3]*federation.Config

func newBank(loop *sched.Loop, seed byte) *bank {
	if configs[seed] == nil {
		configs[seed] = clienttest.New(clienttest.Config{Members: 1, Tiers: 24, FinalityDelay: 1}, seed).Config
	}
	config := configs[seed]
	module, err := lightning.FromFederation(config)
	if err != nil {
		panic(err)
	}
	const words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	return &bank{
		loop: loop, config: config, seal: module.Seal, ring: keys.NewRing(words, config.ID()), height: 100, cash: 10_000_000,
		secrets: map[messages.Digest][32]byte{}, slow: func() time.Duration { return 50 * time.Millisecond },
		refuse: func(*clientwire.Operation) string { return "" },
	}
}

func (b *bank) id() messages.FederationID { return b.config.ID() }

func (b *bank) contract(id []byte) *lightningwire.Contract {
	for _, c := range b.contracts {
		if string(c.GetId()) == string(id) {
			return c
		}
	}
	return nil
}

func (b *bank) state(id terms.ID) lightningwire.State { return b.contract(id[:]).GetState() }

// open funds an outgoing contract, as a user does.
func (b *bank) open(o terms.Outgoing) {
	id := o.ID(b.id())
	b.contracts = append(b.contracts, &lightningwire.Contract{
		Id: id[:], State: lightningwire.State_STATE_FUNDED, Transaction: make([]byte, 32), Terms: &lightningwire.Contract_Outgoing{Outgoing: o.Wire()},
	})
}

// announce keeps an offer, as the module does.
func (b *bank) announce(o terms.Offer) {
	id := o.ID(b.id())
	b.contracts = append(b.contracts, &lightningwire.Contract{Id: id[:], State: lightningwire.State_STATE_OFFERED, Terms: &lightningwire.Contract_Offer{Offer: o.Wire()}})
}

// buy puts an offer before the members, who reveal what it holds.
func (b *bank) buy(id []byte, refund [32]byte) {
	c := b.contract(id)
	c.State, c.RefundKey, c.Transaction = lightningwire.State_STATE_DECRYPTING, refund[:], make([]byte, 32)
	b.reveal(c)
}

func (b *bank) reveal(c *lightningwire.Contract) {
	b.loop.After(b.slow(), func() {
		if b.hold {
			b.reveal(c)
			return
		}
		hash := messages.Digest(c.GetOffer().GetPaymentHash())
		secret, ok := b.secrets[hash]
		c.State = lightningwire.State_STATE_INVALID
		if ok && sha256.Sum256(secret[:]) == hash {
			c.State, c.Preimage = lightningwire.State_STATE_VALID, secret[:]
		}
	})
}

// carry does what an operation is about, all or nothing, and returns why not.
func (b *bank) carry(op *clientwire.Operation) string {
	if text := b.refuse(op); text != "" {
		return text
	}
	if op.GetKind() == clientwire.Kind_KIND_REDEEM {
		return b.redeem(op.GetRedeem())
	}
	return b.fund(op)
}

func (b *bank) fund(op *clientwire.Operation) string {
	cost := messages.Amount(0)
	announced := map[string]bool{}
	for _, p := range op.GetFund().GetOutputs() {
		out, err := terms.DecodeOutput(p.GetBody())
		if err != nil {
			return err.Error()
		}
		cost += messages.Amount(p.GetAmountMsat())
		switch {
		case out.Offer != nil:
			id := out.Offer.ID(b.id())
			if b.contract(id[:]) != nil {
				return "the offer was announced before"
			}
			announced[string(id[:])] = true
		case out.Purchase != nil:
			if c := b.contract(out.Purchase.Offer[:]); !announced[string(out.Purchase.Offer[:])] && c.GetState() != lightningwire.State_STATE_OFFERED {
				return "there is no such offer to be bought"
			}
		}
	}
	if cost > b.cash {
		return "there are not enough notes"
	}
	b.cash -= cost
	for _, p := range op.GetFund().GetOutputs() {
		switch out, _ := terms.DecodeOutput(p.GetBody()); {
		case out.Offer != nil:
			b.announce(*out.Offer)
		case out.Purchase != nil:
			b.buy(out.Purchase.Offer[:], out.Purchase.RefundKey)
		case out.Listing != nil:
			b.listings = []*lightningwire.Listing{out.Listing.Wire()}
		}
	}
	return ""
}

func (b *bank) redeem(r *clientwire.Redeem) string {
	in, err := terms.DecodeInput(r.GetInput())
	if err != nil {
		return err.Error()
	}
	c := b.contract(in.Contract[:])
	switch {
	case in.Way == terms.Preimage && c.GetState() == lightningwire.State_STATE_FUNDED && b.height < c.GetOutgoing().GetExpiry() &&
		terms.Reveals(in.Preimage[:], messages.Digest(c.GetOutgoing().GetPaymentHash())) && string(in.Key[:]) == string(c.GetOutgoing().GetGatewayKey()):
		c.State, c.Preimage = lightningwire.State_STATE_CLAIMED, in.Preimage[:]
		b.cash += messages.Amount(c.GetOutgoing().GetAmountMsat())
	case in.Way == terms.Return && c.GetState() == lightningwire.State_STATE_INVALID && string(in.Key[:]) == string(c.GetRefundKey()):
		c.State = lightningwire.State_STATE_REFUNDED
		b.cash += messages.Amount(c.GetOffer().GetAmountMsat())
	default:
		b.twice = append(b.twice, in.Contract.String())
		return "the contract's money is gone"
	}
	return ""
}

// clerk is the UserClient of the gateway's client: package orders is what it does.
type clerk struct {
	bank    *bank
	machine *sched.Machine
	follow  map[uint64][]*actor.PID
	asks    []question
}

type question struct {
	who *actor.PID
	ask orders.Ask
}

// What a clerk tells itself, later.
type (
	finish struct{ id uint64 }
	reply  struct{ q question }
)

// Receive implements actor.Actor.
func (c *clerk) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.follow = map[uint64][]*actor.PID{}
		for _, op := range c.bank.ops {
			c.later(ctx, c.bank.slow(), finish{op.GetId()})
		}
	case orders.Begin:
		ctx.Respond(orders.Begun{Reference: m.Op.GetReference(), ID: c.begin(ctx, m.Op)})
	case orders.Follow:
		c.follow[m.ID] = append(c.follow[m.ID], ctx.Sender())
		c.tell(ctx, c.bank.ops[m.ID-1])
	case orders.Recall:
		op := c.bank.ops[m.ID-1]
		op.Cancelled = true
	case finish:
		op := c.bank.ops[m.id-1]
		if op.GetState() != clientwire.State_STATE_PENDING {
			return
		}
		switch text := c.bank.refuse(op); {
		case op.GetCancelled():
			op.State, op.Text = clientwire.State_STATE_FAILED, "cancelled"
		case text == "wait":
			c.later(ctx, c.bank.slow(), m)
			return
		default:
			op.State = clientwire.State_STATE_DONE
			if text = c.bank.carry(op); text != "" {
				op.State, op.Text = clientwire.State_STATE_FAILED, text
			}
		}
		c.tell(ctx, op)
	case orders.Ask:
		q := question{ctx.Sender(), m}
		c.asks = append(slices.DeleteFunc(c.asks, func(o question) bool { return o.who.Equal(q.who) && o.ask.Key == m.Key }), q)
		c.later(ctx, c.bank.slow(), reply{q})
	case orders.Forget:
		c.asks = slices.DeleteFunc(c.asks, func(o question) bool { return o.who.Equal(ctx.Sender()) && o.ask.Key == m.Key })
	case reply:
		c.reply(ctx, m)
	}
	c.bank.looks = 0
	for _, q := range c.asks {
		if q.ask.Method == "contract" {
			c.bank.looks++
		}
	}
	c.bank.most = max(c.bank.most, c.bank.looks)
}

func (c *clerk) later(ctx actor.Context, d time.Duration, m any) {
	root, self := ctx.ActorSystem().Root, ctx.Self()
	c.machine.After(d, func() { root.Send(self, m) })
}

func (c *clerk) begin(ctx actor.Context, op *clientwire.Operation) uint64 {
	for _, known := range c.bank.ops {
		if known.GetReference() == op.GetReference() {
			return known.GetId()
		}
	}
	op = proto.CloneOf(op)
	op.Id, op.State = uint64(len(c.bank.ops))+1, clientwire.State_STATE_PENDING
	c.bank.ops = append(c.bank.ops, op)
	c.later(ctx, c.bank.slow(), finish{op.GetId()})
	return op.GetId()
}

func (c *clerk) tell(ctx actor.Context, op *clientwire.Operation) {
	if op.GetState() == clientwire.State_STATE_PENDING {
		return
	}
	if c.bank.shares && op.GetState() == clientwire.State_STATE_DONE {
		for _, p := range op.GetFund().GetOutputs() {
			if out, _ := terms.DecodeOutput(p.GetBody()); out.Offer != nil {
				secret := c.bank.secrets[out.Offer.PaymentHash]
				op.Fund.Preimage = secret[:]
			}
		}
	}
	for _, who := range c.follow[op.GetId()] {
		ctx.Request(who, orders.Ended{ID: op.GetId(), Op: proto.CloneOf(op)})
	}
	delete(c.follow, op.GetId())
}

func (c *clerk) reply(ctx actor.Context, m reply) {
	at := slices.IndexFunc(c.asks, func(q question) bool { return q.who.Equal(m.q.who) && q.ask.Key == m.q.ask.Key })
	if at < 0 {
		return
	}
	q := c.asks[at]
	a := orders.Answer{Key: q.ask.Key}
	if q.ask.Method == "gateways" {
		list := &lightningwire.Gateways{Height: c.bank.height}
		for _, l := range c.bank.listings {
			list.Gateways = append(list.Gateways, &lightningwire.GatewayEntry{Listing: l})
		}
		a.Body = string(canonical.Marshal(list))
	} else {
		r := new(lightningwire.ContractRequest)
		if err := canonical.Unmarshal(q.ask.Body, r, 100); err != nil {
			panic(err)
		}
		if found := c.bank.contract(r.GetId()); found != nil {
			a.Body = string(canonical.Marshal(found))
		} else {
			a.Code = messages.RejectContractUnknown
		}
	}
	if known := q.ask.Known; q.ask.Keep && known.Body == a.Body && known.Code == a.Code && (a.Body != "" || a.Code != 0) {
		c.later(ctx, 100*time.Millisecond, m)
		return
	}
	c.asks = slices.Delete(c.asks, at, at+1)
	ctx.Request(q.who, a)
}

// purse is the gateway's port to a clerk.
type purse struct {
	bank   *bank
	system *actor.ActorSystem
	clerk  *actor.PID
}

// Tell implements gateway.Purse.
func (p purse) Tell(to *actor.PID, order any) {
	p.system.Root.RequestWithCustomSender(p.clerk, order, to)
}

// Balance implements gateway.Purse.
func (p purse) Balance() (free, reserved messages.Amount, err error) {
	if p.bank.counted != nil {
		p.bank.counted()
	}
	return p.bank.cash, 0, nil
}
