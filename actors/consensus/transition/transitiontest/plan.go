package transitiontest

import (
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
)

// A Plan is a transaction with what it means.
type Plan struct {
	Tx   *transaction.Transaction
	Ins  []In
	Outs []Out
	// Signed says that the signature is right.
	Signed bool
	origin *Plan // of a twin
}

// An In is one input. It spends a note unless Claim is set.
type In struct {
	Kind messages.ModuleKind
	Note int // of the house
	// Claim is the deposit that it claims, In the block that its proof shows.
	Claim *Deposit
	Block chainhash.Hash
	// Flaw is why its module refuses it by its form alone, Deep why by arithmetic on
	// curves; 0 if not.
	Flaw, Deep messages.RejectionCode
	body       []byte
	secret     *btcec.PrivateKey
}

// An Out is one output. It asks for a note unless Pay is set.
type Out struct {
	Kind messages.ModuleKind
	Note int
	Pay  *wallet.PegOut
	Flaw messages.RejectionCode
	body []byte
}

// A draft is a plan before it is signed.
type draft struct {
	ins  []In
	outs []Out
	fee  messages.Amount
}

func (h *House) spend(note int) In {
	n := h.Notes[note]
	return In{Kind: mint.Kind, Note: note, body: n.Body, secret: n.secret}
}

func (h *House) order(note int) Out {
	return Out{Kind: mint.Kind, Note: note, body: h.Notes[note].Order}
}

func pay(o wallet.PegOut) Out { return Out{Kind: wallet.Kind, Note: -1, Pay: &o, body: o.Bytes()} }

// signing says how a draft is signed.
type signing int

// The ways to sign; all but the first are wrong.
const (
	signWell signing = iota
	signNot
	signByAnother
	signElsewhere // for another federation
	signDamaged
)

const signings = 5

// plan signs a draft. It returns false if no transaction may look like that.
func (h *House) plan(d draft, how signing) (*Plan, bool) {
	var secrets []*btcec.PrivateKey
	t := transaction.Draft{Fee: d.fee}
	for _, in := range d.ins {
		t.Inputs = append(t.Inputs, transaction.Item{Kind: in.Kind, Body: in.body})
		if in.secret != nil {
			secrets = append(secrets, in.secret)
		}
	}
	for _, out := range d.outs {
		t.Outputs = append(t.Outputs, transaction.Item{Kind: out.Kind, Body: out.body})
	}
	federation := h.ID
	switch how {
	case signWell, signNot, signDamaged:
	case signByAnother:
		secrets = append(secrets, secretOf(77))
	case signElsewhere:
		federation[5] ^= 1
	}
	signature, err := transaction.Sign(t, federation, secrets)
	must(err)
	if how == signNot {
		signature = nil
	}
	if how == signDamaged && signature != nil {
		signature[40] ^= 1
	}
	tx, err := transaction.Build(t, signature)
	if err != nil {
		return nil, false
	}
	return &Plan{Tx: tx, Ins: d.ins, Outs: d.outs, Signed: how == signWell}, true
}

// Twin returns the same transaction with a signature that is wrong in its own
// way. A twin of a twin is one of the first.
func (p *Plan) Twin(way byte) *Plan {
	if p.origin != nil {
		p = p.origin
	}
	signature := make([]byte, 64)
	copy(signature, p.Tx.Signature())
	signature[36] ^= 0x80
	signature[37] ^= way
	tx, err := transaction.Build(transaction.Draft{Inputs: p.Tx.Inputs(), Outputs: p.Tx.Outputs(), Fee: p.Tx.Fee()}, signature)
	must(err)
	return &Plan{Tx: tx, Ins: p.Ins, Outs: p.Outs, origin: p}
}

// A Contribution is one member's list with what it means.
type Contribution struct {
	Peer messages.PeerID
	Raw  []byte
	// Void says that Raw cannot be decoded.
	Void  bool
	Items []Item
	Plans []*Plan
}

// Encode fills Raw in.
func (c Contribution) Encode() Contribution {
	var out outcome.Contribution
	for _, it := range c.Items {
		out.Items = append(out.Items, it.Item)
	}
	for _, p := range c.Plans {
		out.Transactions = append(out.Transactions, p.Tx)
	}
	c.Raw = out.Encode()
	return c
}

// Understood returns what a correct member put into an epoch with what it means;
// plans are the transactions that it may propose, by form.
func Understood(peer messages.PeerID, raw []byte, plans map[messages.WitnessID]*Plan) Contribution {
	decoded, err := outcome.DecodeContribution(raw)
	must(err)
	c := Contribution{Peer: peer, Raw: raw}
	for _, it := range decoded.Items {
		c.Items = append(c.Items, itemOf(it.Body))
	}
	for _, tx := range decoded.Transactions {
		c.Plans = append(c.Plans, plans[tx.WitnessID()])
	}
	return c
}

// Outcome is what an epoch agreed on, of contributions that ascend by member.
func Outcome(epoch messages.Epoch, contributions []Contribution) outcome.Outcome {
	o := outcome.Outcome{Epoch: epoch}
	for _, c := range contributions {
		o.Contributions = append(o.Contributions, outcome.Member{Peer: c.Peer, Contribution: c.Raw})
	}
	return o
}
