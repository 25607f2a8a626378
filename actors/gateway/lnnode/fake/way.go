package fake

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"minimint/actors/gateway/lnnode"
	"minimint/messages"
	"minimint/messages/bolt11"
)

// Send pays an invoice without limits, in parts if amounts are given: these may be
// more or less than the invoice asks for. Payment tells how it ends.
func (n *Node) Send(inv bolt11.Invoice, parts ...messages.Amount) {
	if len(parts) == 0 {
		parts = []messages.Amount{inv.Amount}
	}
	n.net.mu.Lock()
	p := &payment{hash: inv.Hash, invoice: inv, parts: parts, tries: 1}
	p.State = lnnode.InFlight
	n.payments = append(n.payments, p)
	wake := n.leave(p, false)
	n.net.mu.Unlock()
	call(wake)
}

// Resolve ends a payment that was held: it arrives, or fails with a reason.
func (n *Node) Resolve(hash messages.Digest, reason string) {
	n.net.mu.Lock()
	var wake []func()
	if p := n.payment(hash); p != nil && p.State == lnnode.InFlight && len(p.parts) > 0 {
		if reason != "" {
			wake = n.fail(p, reason)
		} else {
			wake = n.arrive(p)
		}
	}
	n.net.mu.Unlock()
	call(wake)
}

// leave locks what a payment costs and carries it to its end, unless it is held.
func (n *Node) leave(p *payment, hold bool) []func() {
	cost := RouteFee
	p.extra = RouteFee
	for _, part := range p.parts {
		cost += part + p.hopFee(part)
		p.extra += p.hopFee(part)
	}
	if n.balance < cost {
		return n.fail(p, "the channels hold too little")
	}
	n.balance -= cost
	p.locked = cost
	if hold {
		return nil
	}
	return n.arrive(p)
}

// hop is the last one of the way that an invoice shows.
func (p *payment) hop() (bolt11.Hop, bool) {
	if len(p.invoice.Hints) == 0 {
		return bolt11.Hop{}, false
	}
	way := p.invoice.Hints[0]
	return way[len(way)-1], true
}

func (p *payment) hopFee(part messages.Amount) messages.Amount {
	hop, ok := p.hop()
	if !ok {
		return 0
	}
	return messages.Amount(hop.Base) + (part*messages.Amount(hop.Rate)+999_999)/1_000_000
}

// arrive carries a payment to the gateway that the invoice's hint names, where it waits,
// or to the node that made the invoice.
func (n *Node) arrive(p *payment) []func() {
	if hop, ok := p.hop(); ok {
		return n.forwarded(p, hop)
	}
	amount := messages.Amount(0)
	for _, part := range p.parts {
		amount += part
	}
	for _, payee := range n.net.nodes {
		for _, inv := range payee.invoices {
			if payee.Key() == p.invoice.Payee && inv.hash == p.hash && inv.paid == 0 && inv.amount == amount {
				inv.paid++
				payee.balance += amount
				p.locked -= amount
				n.succeed(p, inv.preimage)
				return []func(){n.changed, payee.changed}
			}
		}
	}
	return n.fail(p, "the recipient refuses: it does not know the payment, or not this amount")
}

// forwarded puts the parts before the node of the invoice's last hop.
func (n *Node) forwarded(p *payment, hop bolt11.Hop) []func() {
	at := slices.IndexFunc(n.net.nodes, func(g *Node) bool { return g.Key() == hop.Node })
	if at < 0 {
		return n.fail(p, "there is no route")
	}
	gate := n.net.nodes[at]
	n.net.channels++
	expiry := n.net.height + p.invoice.FinalDelay + uint32(hop.Delay)
	for i, out := range p.parts {
		gate.forwards = append(gate.forwards, &forward{from: n, by: p, Forward: lnnode.Forward{
			Circuit: lnnode.Circuit{Channel: n.net.channels, HTLC: uint64(i)}, Hash: p.hash, Virtual: hop.Channel,
			In: out + p.hopFee(out), Out: out, Expiry: expiry, AutoFail: expiry - min(expiry, autoFail),
		}})
	}
	p.waiting, p.parts = len(p.parts), nil
	return []func(){gate.changed}
}

// resolve ends a forward: the node takes the money, or the payer has it back.
func (n *Node) resolve(f *forward, preimage *lnnode.Preimage) []func() {
	n.forwards = slices.DeleteFunc(n.forwards, func(g *forward) bool { return g == f })
	p := f.by
	if preimage != nil && sha256.Sum256(preimage[:]) != f.Hash {
		n.net.fault("%s takes a forward with the preimage of another hash", n.name)
		preimage = nil
	}
	p.waiting--
	p.locked -= f.In
	if preimage == nil {
		f.from.balance += f.In
	} else {
		n.balance += f.In
		p.taken += f.In
		p.Preimage = *preimage
	}
	p.refused = p.refused || preimage == nil
	switch {
	case p.waiting > 0:
	case p.taken == 0:
		f.from.fail(p, "the recipient cannot be reached")
	default:
		if p.refused {
			n.net.fault("%s takes a part of the payment %s and refuses another", n.name, p.hash)
		}
		f.from.succeed(p, p.Preimage)
	}
	return []func(){n.changed, f.from.changed}
}

// succeed ends a payment whose money has gone, but for what routing costs.
func (n *Node) succeed(p *payment, preimage lnnode.Preimage) {
	n.net.lost += p.locked
	p.Fee, p.locked, p.parts = p.extra, 0, nil
	p.State, p.Preimage = lnnode.Succeeded, preimage
}

// fail ends a payment. What was locked is free again.
func (n *Node) fail(p *payment, reason string) []func() {
	n.balance += p.locked
	p.locked, p.parts = 0, nil
	p.State, p.Reason = lnnode.Failed, reason
	return []func(){n.changed}
}

func (n *Network) fault(format string, args ...any) {
	n.faults = append(n.faults, fmt.Sprintf(format, args...))
}

// Check returns what went wrong that must never: money that came from nowhere or is
// gone, a forward that was taken without its preimage, or one part of a payment
// without the other.
func (n *Network) Check() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := n.lost
	for _, node := range n.nodes {
		sum += node.balance
		for _, p := range node.payments {
			sum += p.locked
		}
	}
	out := slices.Clone(n.faults)
	if sum != n.total {
		out = append(out, fmt.Sprintf("the network holds %s, and had %s", sum, n.total))
	}
	return out
}

// Paid reports whether an invoice of this node was paid.
func (n *Node) Paid(hash messages.Digest) bool {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return slices.ContainsFunc(n.invoices, func(i *invoice) bool { return i.hash == hash && i.paid > 0 })
}
