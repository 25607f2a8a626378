package aba_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// subject is the proposer that tests agree about.
const subject messages.PeerID = 0

type packet struct {
	from, to  messages.PeerID
	statement frames.Statement
}

// network is a federation whose links lose nothing and deliver in any order
// that the test chooses. Faulty members have no agreement: the test speaks for
// them.
type network struct {
	quorum  protocol.Quorum
	seed    uint64
	absent  bool
	without []string
	nodes   []*aba.Agreement // by member; nil for faulty ones
	coin    func(messages.PeerID) aba.Coin
	said    [][]frames.Statement // by member: everything to everybody, which is its journal
	outputs [][]bool
	pending []packet
	faults  []protocol.Fault
	asked   []string // who asked whom to repeat itself
	broken  []string // what went wrong, by an invariant that holds at every step
}

type setup struct {
	n, faulty int // the last members are the faulty ones
	seed      uint64
	absent    bool
	without   []string
	coin      func(messages.PeerID) aba.Coin // a hashCoin of the seed if nil
}

func newNetwork(s setup) *network {
	net := &network{
		quorum: protocol.NewQuorum(s.n), seed: s.seed, absent: s.absent, without: s.without,
		nodes: make([]*aba.Agreement, s.n), coin: s.coin,
		said: make([][]frames.Statement, s.n), outputs: make([][]bool, s.n),
	}
	if net.coin == nil {
		net.coin = func(i messages.PeerID) aba.Coin {
			return &hashCoin{seed: net.seed, self: i, faulty: net.quorum.F}
		}
	}
	for i := range s.n - s.faulty {
		net.boot(messages.PeerID(i))
	}
	return net
}

func (net *network) boot(i messages.PeerID) {
	net.nodes[i] = aba.New(aba.Config{
		Quorum: net.quorum, Self: i, Epoch: 7, Proposer: subject, Coin: net.coin(i), Absent: net.absent,
	})
	net.nodes[i].Without(net.without...)
}

// honest returns the members that have an agreement.
func (net *network) honest() []messages.PeerID {
	var ids []messages.PeerID
	for i, node := range net.nodes {
		if node != nil {
			ids = append(ids, messages.PeerID(i))
		}
	}
	return ids
}

func (net *network) isHonest(i messages.PeerID) bool { return net.nodes[i] != nil }

func (net *network) input(i messages.PeerID, bit bool) protocol.Step[bool] {
	return net.perform(i, net.nodes[i].Input(bit))
}

// perform does what a member's step asks for, and checks what must always hold.
func (net *network) perform(i messages.PeerID, step protocol.Step[bool]) protocol.Step[bool] {
	for _, say := range step.Say {
		if say.To != nil {
			net.broken = append(net.broken, fmt.Sprintf("%d speaks to %d alone", i, *say.To))
		}
		net.said[i] = append(net.said[i], say.Statement)
		net.toAll(i, say.Statement)
	}
	net.outputs[i] = append(net.outputs[i], step.Outputs...)
	for _, f := range step.Faults {
		net.faults = append(net.faults, f)
		if net.isHonest(f.Peer) {
			net.broken = append(net.broken, fmt.Sprintf("%d blames honest: %v %v", i, f, f.Evidence))
		}
	}
	for _, peer := range net.nodes[i].Missed() {
		net.asked = append(net.asked, fmt.Sprintf("%d asks %d", i, peer))
		net.resend(peer, i)
	}
	return step
}

func (net *network) toAll(from messages.PeerID, statement frames.Statement) {
	for _, to := range net.honest() {
		if to != from {
			net.pending = append(net.pending, packet{from, to, statement})
		}
	}
}

// resend is what a peer answers when it is asked for all that it has said.
func (net *network) resend(from, to messages.PeerID) {
	for _, statement := range net.said[from] {
		net.pending = append(net.pending, packet{from, to, statement})
	}
}

// hand gives a statement to a member outside of the queue: a faulty member may
// say anything to anybody at any time.
func (net *network) hand(from, to messages.PeerID, statement frames.Statement) protocol.Step[bool] {
	return net.perform(to, net.nodes[to].Handle(from, statement))
}

// deliver takes packet k out of the queue and hands it over.
func (net *network) deliver(k int) protocol.Step[bool] {
	p := net.pending[k]
	net.pending[k] = net.pending[len(net.pending)-1]
	net.pending = net.pending[:len(net.pending)-1]
	return net.hand(p.from, p.to, p.statement)
}

// deliverIf delivers the pending packets that match, in order, until none does.
func (net *network) deliverIf(match func(packet) bool) int {
	for count := 0; ; count++ {
		k := slices.IndexFunc(net.pending, match)
		if k < 0 {
			return count
		}
		p := net.pending[k]
		net.pending = slices.Delete(net.pending, k, k+1)
		net.hand(p.from, p.to, p.statement)
	}
}

// settle delivers everything that is pending or comes up.
func (net *network) settle() { net.deliverIf(func(packet) bool { return true }) }

// disagreement returns why the federation is not where it should be once
// everything was delivered; "" if it is.
func (net *network) disagreement() string {
	if len(net.broken) > 0 {
		return net.broken[0]
	}
	var common []bool
	for _, i := range net.honest() {
		if len(net.outputs[i]) != 1 {
			return fmt.Sprintf("Termination: %d has outputs %v: %v", i, net.outputs[i], net.nodes[i])
		}
		if common != nil && !slices.Equal(common, net.outputs[i]) {
			return fmt.Sprintf("Agreement: %d has %v, others have %v", i, net.outputs[i], common)
		}
		common = net.outputs[i]
	}
	return ""
}

// A scheduler chooses which of the pending packets is delivered next.
type scheduler func(net *network, rng *rand.Rand) int

var schedulers = map[string]scheduler{
	"random": func(net *network, rng *rand.Rand) int { return rng.IntN(len(net.pending)) },
	"newest": func(net *network, _ *rand.Rand) int { return len(net.pending) - 1 },
	"node-order": func(net *network, _ *rand.Rand) int {
		return best(net, func(p packet) int { return -int(p.to) })
	},
	"one-behind": func(net *network, rng *rand.Rand) int {
		return best(net, func(p packet) int { return min(int(p.to), 1)*1000 + rng.IntN(1000) })
	},
	"apart": func(net *network, rng *rand.Rand) int {
		return best(net, func(p packet) int { return 1000*pull(p.to, p.statement) + rng.IntN(1000) })
	},
}

// schedulerNames lists the schedulers in a fixed order.
var schedulerNames = []string{"random", "newest", "node-order", "one-behind", "apart"}

func best(net *network, score func(packet) int) int {
	top, at := 0, -1
	for k, p := range net.pending {
		if s := score(p); at < 0 || s > top {
			top, at = s, k
		}
	}
	return at
}

// pull is 1 for statements that pull a member to its own side, even members to
// 0 and odd ones to 1, and 0 for those that pull it to the other: honest
// members are kept in different states for as long as that is possible.
func pull(to messages.PeerID, statement frames.Statement) int {
	side := to%2 == 1
	agrees := true
	switch s := statement.(type) {
	case frames.Input:
		agrees = s.Bit == side
	case frames.BVal:
		agrees = s.Bit == side
	case frames.Aux:
		agrees = s.Bit == side
	case frames.Conf:
		agrees = s.Bits.Has(side)
	case frames.Term:
		agrees = s.Bit == side
	default: // the same to both sides
	}
	if agrees {
		return 1
	}
	return 0
}

// A voter makes up what a faulty member says to an honest one.
type voter func(net *network, rng *rand.Rand, from, to messages.PeerID) frames.Statement

var voters = map[string]voter{
	"silent": nil,
	"noise": func(net *network, rng *rand.Rand, from, to messages.PeerID) frames.Statement {
		return vote(net, rng, from, to, rng.IntN(2) == 1)
	},
	"two-faced": func(net *network, rng *rand.Rand, from, to messages.PeerID) frames.Statement {
		return vote(net, rng, from, to, to%2 == 1)
	},
	"against-coin": func(net *network, rng *rand.Rand, from, to messages.PeerID) frames.Statement {
		round := net.nodes[to].Round()
		coin := coinBit(net.seed, round)
		if round%3 < 2 {
			coin = round%3 == 0
		}
		return vote(net, rng, from, to, !coin)
	},
}

// voterNames lists the voters in a fixed order.
var voterNames = []string{"silent", "noise", "two-faced", "against-coin"}

// vote makes a statement of any kind about a round near the receiver's.
func vote(net *network, rng *rand.Rand, from, to messages.PeerID, bit bool) frames.Statement {
	round := net.nodes[to].Round() + uint32(rng.IntN(3))
	if rng.IntN(4) == 0 {
		round -= min(round, uint32(rng.IntN(4)))
	}
	tossed := round - round%3 + 2
	switch rng.IntN(10) {
	case 0:
		return frames.Input{Proposer: subject, Bit: bit}
	case 1, 2, 3:
		return frames.BVal{Proposer: subject, Round: round, Bit: bit != (rng.IntN(4) == 0)}
	case 4, 5:
		return frames.Aux{Proposer: subject, Round: round, Bit: bit}
	case 6:
		return frames.Conf{Proposer: subject, Round: tossed, Bits: frames.SetOf(bit)}
	case 7:
		return frames.Conf{Proposer: subject, Round: tossed, Bits: 3}
	case 8:
		share := coinShare(net.seed, from, tossed)
		if rng.IntN(2) == 0 {
			share[0]++
		}
		return frames.CoinShare{Proposer: subject, Round: tossed, Share: share}
	default:
		return frames.Term{Proposer: subject, Bit: bit}
	}
}

// storm delivers everything in the scheduler's order, while faulty members put
// in votes for as long as their budget lasts and links repeat themselves.
func (net *network) storm(rng *rand.Rand, next scheduler, lie voter, budget int) {
	for len(net.pending) > 0 && len(net.broken) == 0 {
		if budget--; budget < 0 {
			lie = nil
		}
		net.turn(rng, next, lie)
	}
}

// turn is one step of a storm: a faulty vote or a delivery.
func (net *network) turn(rng *rand.Rand, next scheduler, lie voter) {
	honest := net.honest()
	if first := len(honest); lie != nil && first < len(net.nodes) && rng.IntN(2) == 0 {
		from := messages.PeerID(first + rng.IntN(len(net.nodes)-first))
		to := honest[rng.IntN(first)]
		net.hand(from, to, lie(net, rng, from, to))
		return
	}
	if len(net.pending) == 0 {
		return
	}
	k := next(net, rng)
	if rng.IntN(20) == 0 {
		net.pending = append(net.pending, net.pending[k])
	}
	net.deliver(k)
}
