package wallet

import (
	"bytes"
	"errors"

	"google.golang.org/protobuf/proto"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// maxQuery bounds a request in bytes.
const maxQuery = 512

// Query implements contract.Querier. Requests and answers are canonical
// messages of package walletwire:
//
//	"quote"    QuoteRequest → Quote    what a peg-out costs now, or why it is impossible
//	"height"   (empty) → Height        newest agreed block, whether deposits are frozen
//	"block"    BlockRequest → Block    agreed block at a height
//	"pegouts"  (empty) → PegOuts       payments that are not buried
//	"summary"  (empty) → Summary       coins, fee rate, height, fees
func (m *Module) Query(r storage.Reader, method string, body []byte) ([]byte, error) {
	var answer proto.Message
	var err error
	switch method {
	case "quote":
		answer, err = m.quote(r, body)
	case "height":
		answer = m.height(r)
	case "block":
		answer, err = m.block(r, body)
	case "pegouts":
		answer = m.pegOuts(r)
	case "summary":
		answer = m.summary(r)
	default:
		err = messages.Reject(messages.RejectUnknownQuery, "the wallet answers quote, height, block, pegouts and summary, not %.40q", method)
	}
	if err != nil {
		return nil, err
	}
	return canonical.Marshal(answer), nil
}

// quoteBlocks is how long a quote is meant to be used: fee rates move with blocks.
const quoteBlocks = 1

func (m *Module) quote(r storage.Reader, body []byte) (*walletwire.Quote, error) {
	w := new(walletwire.QuoteRequest)
	if err := canonical.Unmarshal(body, w, maxQuery); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "quote: %v", err)
	}
	tip, _ := m.AgreedTip(r)
	answer := &walletwire.Quote{FeeRate: uint64(m.feeRate(r)), ValidUntil: tip + quoteBlocks}
	p, err := m.price(r, PegOut{Address: w.GetAddress(), Sats: w.GetSats()})
	if err != nil {
		var reason *messages.Rejection
		if !errors.As(err, &reason) {
			return nil, err
		}
		answer.ReasonCode, answer.Reason = uint32(reason.Code), reason.Text
		return answer, nil
	}
	// Room for a rate half as high again and one input more.
	more := coins.FeeRate(answer.FeeRate + answer.FeeRate/2).Fee(p.VBytes + coins.VBytes(m.lock.InputWeight()))
	answer.FeeSats, answer.MaxFeeSats, answer.Vbytes = p.Fee, max(more, p.Fee), uint32(p.VBytes)
	return answer, nil
}

// price plans a peg-out without doing it. Every refusal is a typed one (H13).
func (m *Module) price(r storage.Reader, out PegOut) (*coins.Plan, error) {
	o, rejection := decodePegOut(m.cfg.Network, out.Bytes())
	if rejection != nil {
		return nil, rejection
	}
	if err := room(r); err != nil {
		return nil, err
	}
	o.MaxFeeSats = uint64(messages.MaxAmount / messages.Sat)
	// The change script of a quote is as long as any.
	pay, err := m.payment(r, o, messages.OutPoint{})
	if err != nil {
		return nil, err
	}
	return coins.Select(spendable(r), pay)
}

func (m *Module) height(r storage.Reader) *walletwire.Height {
	height, hash := m.AgreedTip(r)
	out := &walletwire.Height{Height: height, DepositsFrozen: frozen(r)}
	if _, ok := BlockAt(r, height); ok {
		out.Hash = hash[:]
	}
	return out
}

func (m *Module) block(r storage.Reader, body []byte) (*walletwire.Block, error) {
	w := new(walletwire.BlockRequest)
	if err := canonical.Unmarshal(body, w, maxQuery); err != nil {
		return nil, messages.Reject(messages.RejectMalformed, "block: %v", err)
	}
	hash, ok := BlockAt(r, w.GetHeight())
	if !ok {
		return nil, messages.RejectForNow(messages.RejectNotFound, "no block is agreed on at height %d", w.GetHeight())
	}
	return &walletwire.Block{Height: w.GetHeight(), Hash: hash[:]}, nil
}

func (m *Module) pegOuts(r storage.Reader) *walletwire.PegOuts {
	out := new(walletwire.PegOuts)
	for s := range spends(r) {
		v := s.newest()
		txid := coins.Parse(v.GetTransaction()).TxHash()
		state := walletwire.PegOutState_PEG_OUT_STATE_SIGNING
		if v.GetSigned() {
			state = walletwire.PegOutState_PEG_OUT_STATE_BROADCAST
		}
		for _, to := range s.record.GetRecipients() {
			out.Pending = append(out.Pending, &walletwire.PendingPegOut{
				Transaction: to.GetTransaction(), Index: to.GetIndex(), Address: to.GetAddress(), Sats: to.GetSats(),
				Txid: txid[:], FeeSats: v.GetFeeSats(), State: state, SinceHeight: s.record.GetSinceHeight(),
			})
		}
	}
	return out
}

func (m *Module) summary(r storage.Reader) *walletwire.Summary {
	at := m.height(r)
	out := &walletwire.Summary{
		Height: at.GetHeight(), Hash: at.GetHash(), DepositsFrozen: at.GetDepositsFrozen(), FeeRate: uint64(m.feeRate(r)),
		PegInFeeMsat: uint64(m.pegInFee(r)), PegOutFeeMsat: uint64(m.cfg.PegOutFee),
	}
	out.Coins, out.CoinsSats = coinTotals(r)
	for s := range spends(r) {
		out.Pending++
		out.ChangeSats += s.newest().GetChangeSats()
	}
	return out
}

// Outcome implements contract.Answerer: a PegOutStatus with the bitcoin txid
// (H65). Confirmations follow from its height and the agreed one.
func (m *Module) Outcome(r storage.Reader, at messages.OutPoint) []byte {
	return bytes.Clone(r.Get(key(keyStatus, federationOutPoint(at))))
}

// Share implements contract.Answerer. No member has anything of its own to add.
func (m *Module) Share(storage.Reader, messages.OutPoint) []byte { return nil }
