package purse

import (
	"errors"
	"fmt"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/client/token"
	"minimint/actors/module/mint"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// HandOver takes free notes of exactly amount out of the store and puts them
// into op, as one change. It reports false, and does nothing, if there are none;
// a reissue can make them.
func (p *Purse) HandOver(tx storage.Tx, op *clientwire.Operation, amount messages.Amount) bool {
	_, free := p.own(tx, op.GetId())
	return p.handOver(tx, op, free, amount)
}

func (p *Purse) handOver(tx storage.Tx, op *clientwire.Operation, from []book.Note, amount messages.Amount) bool {
	picked, ok := notes.SelectExact(tiersOf(from), amount)
	if !ok || len(picked) == 0 {
		return false
	}
	var list []token.Note
	for _, i := range picked {
		in := p.unlock(from[i])
		list = append(list, token.Note{Tier: in.tier, Spend: in.spend, Nonce: in.nonce, Signature: in.signature})
		book.DeleteNote(tx, in.nonce)
	}
	op.Notes = token.New(p.cfg.Federation, list).Wire()
	op.State = clientwire.State_STATE_DONE
	book.Put(tx, op)
	return true
}

// Settle performs what an accepted attempt did: its inputs are gone, its notes,
// made with the signatures of a [Harvest], are there. Notes that are still
// reserved by op, which an attempt that was not accepted wanted, become free. It
// writes op, in whatever state the caller has put it, or hands notes over if op
// is a spend that wants them. What that means for op's parent is written with it.
func (p *Purse) Settle(tx storage.Tx, op *clientwire.Operation, h *Harvest) {
	for _, nonce := range h.attempt.GetInputs() {
		book.DeleteNote(tx, tbs.Nonce(nonce))
	}
	p.free(tx, op.GetId(), false)
	var made []book.Note
	for i, out := range h.outputs {
		n := book.Note{Nonce: out.nonce, Note: &clientwire.Note{
			Tier: out.tier, Tweak: h.attempt.GetTweak(), Position: out.position, Signature: h.signatures[i].Bytes(),
		}}
		book.PutNote(tx, n)
		made = append(made, n)
	}
	op.FeeMsat = uint64(h.fee)
	if op.GetKind() == clientwire.Kind_KIND_SPEND && !op.GetCancelled() && !h.attempt.GetCancels() {
		if !p.handOver(tx, op, made, messages.Amount(op.GetAmountMsat())) {
			panic(fmt.Sprintf("purse: operation %d made other notes than it wanted", op.GetId()))
		}
		return
	}
	book.Put(tx, op)
	markParent(tx, op)
}

// Release gives the notes of an operation that has failed back, and writes op and what
// that means for its parent. doubtful says that the federation knows one of them as spent.
func (p *Purse) Release(tx storage.Tx, op *clientwire.Operation, doubtful bool) {
	p.free(tx, op.GetId(), doubtful)
	book.Put(tx, op)
	markParent(tx, op)
}

// markParent notes on a spend what became of its notes when somebody tried to
// take them back, and on a deposit that it has arrived.
func markParent(tx storage.Tx, op *clientwire.Operation) {
	parent := book.Operation(tx, op.GetParent())
	if parent == nil {
		return
	}
	done := op.GetState() == clientwire.State_STATE_DONE
	switch op.GetKind() {
	case clientwire.Kind_KIND_RECLAIM:
		parent.Cancelled = done
		parent.Redeemed = op.GetCode() == uint32(messages.RejectNoteSpent)
	case clientwire.Kind_KIND_CLAIM:
		switch {
		case parent.GetState() != clientwire.State_STATE_PENDING:
			return
		case done:
			parent.State, parent.EndedMs, parent.Text = clientwire.State_STATE_DONE, op.GetEndedMs(), ""
		default:
			parent.Text = "a deposit was found and could not be claimed: " + op.GetText()
		}
	default:
		return
	}
	book.Put(tx, parent)
}

func (p *Purse) free(tx storage.Tx, id uint64, doubtful bool) {
	for _, n := range book.Notes(tx) {
		if n.GetOperation() == id {
			n.Operation, n.Doubtful = 0, doubtful
			book.PutNote(tx, n)
		}
	}
}

// Reserves reports whether own notes wait for the end of an operation.
func Reserves(r storage.Reader, id uint64) bool {
	for _, n := range book.Notes(r) {
		if n.GetOperation() == id {
			return true
		}
	}
	return false
}

// Reclaiming returns the pending operation that takes back what a spend handed over, 0 if
// there is none. A second one would find the notes spent, and note that on the spend.
func Reclaiming(r storage.Reader, spend uint64) uint64 {
	for _, id := range book.Pending(r) {
		if op := book.Operation(r, id); op.GetKind() == clientwire.Kind_KIND_RECLAIM && op.GetParent() == spend {
			return id
		}
	}
	return 0
}

// wanted is one note that an attempt asked for.
type wanted struct {
	tier, position uint32
	nonce          tbs.Nonce
}

// A Harvest gathers members' blind shares for one attempt until they make notes.
type Harvest struct {
	purse      *Purse
	attempt    *clientwire.Attempt
	fee        messages.Amount
	size       int // outputs of the transaction, of all modules
	outputs    []wanted
	issuances  []*tbs.Issuance
	answers    []tbs.Answer // of members not known to lie
	judged     []bool       // by member: its shares were found right or wrong
	signatures []tbs.Signature
}

// Harvest begins to gather for an attempt of a stored operation.
func (p *Purse) Harvest(a *clientwire.Attempt) *Harvest {
	tx, err := transaction.Decode(a.GetTransaction())
	if err != nil {
		panic(fmt.Sprintf("purse: stored transaction: %v", err))
	}
	h := &Harvest{purse: p, attempt: a, fee: tx.Fee(), size: len(tx.Outputs())}
	tweak := keys.Tweak(a.GetTweak())
	for i, item := range tx.Outputs() {
		if item.Kind != mint.Kind {
			continue
		}
		out, err := mint.DecodeOutput(item.Body)
		if err != nil {
			panic(fmt.Sprintf("purse: stored output: %v", err))
		}
		issuance, err := p.issuance(tweak, out.Tier, uint32(i))
		if err != nil {
			panic(fmt.Sprintf("purse: stored output: %v", err))
		}
		h.outputs = append(h.outputs, wanted{out.Tier, uint32(i), p.cfg.Ring.Note(tweak, out.Tier, uint32(i)).Nonce})
		h.issuances = append(h.issuances, issuance)
	}
	if len(h.issuances) == 0 {
		h.signatures = []tbs.Signature{}
	} else {
		h.judged = make([]bool, p.cfg.Mint.Tiers[0].Keys.Size())
	}
	return h
}

// Done reports whether the notes are complete and verified.
func (h *Harvest) Done() bool { return h.signatures != nil }

// Add takes the shares of a member, by output of the transaction, and reports
// who is now known to have answered wrongly. Only the first answer of a member
// that is not found wrong counts. Notes are made as soon as n−f right members
// have answered; later answers are judged alone, so that liars who come late
// are known as well. The error is one of randomness.
func (h *Harvest) Add(from messages.PeerID, shares [][]byte) (liars []messages.PeerID, err error) {
	index := uint32(from) + 1
	if len(h.issuances) == 0 || h.judged[from] || h.has(index) {
		return nil, nil
	}
	answer := tbs.Answer{Index: index}
	if len(shares) == h.size {
		for _, o := range h.outputs {
			share, err := tbs.DecodeBlindShare(shares[o.position])
			if err != nil {
				break
			}
			answer.Shares = append(answer.Shares, share)
		}
	}
	if len(answer.Shares) != len(h.outputs) {
		h.judged[from] = true
		return []messages.PeerID{from}, nil
	}
	h.answers = append(h.answers, answer)
	return h.finalize()
}

func (h *Harvest) has(index uint32) bool {
	for _, a := range h.answers {
		if a.Index == index {
			return true
		}
	}
	return false
}

func (h *Harvest) finalize() (liars []messages.PeerID, err error) {
	t := h.purse.cfg.Mint.Tiers[0].Keys.Threshold()
	if len(h.answers) < t {
		return nil, nil
	}
	candidates := h.answers
	if h.Done() { // the newest, together with t−1 that were right
		candidates = append(h.answers[len(h.answers)-1:len(h.answers):len(h.answers)], h.answers[:t-1]...)
	}
	signatures, wrong, err := tbs.Finalize(h.issuances, candidates, h.purse.cfg.Random)
	for _, index := range wrong {
		from := messages.PeerID(index - 1)
		h.judged[from] = true
		liars = append(liars, from)
		h.drop(index)
	}
	switch {
	case err == nil && !h.Done():
		h.signatures = signatures
	case err != nil && !isTooFew(err):
		return liars, err
	}
	return liars, nil
}

func (h *Harvest) drop(index uint32) {
	kept := h.answers[:0]
	for _, a := range h.answers {
		if a.Index != index {
			kept = append(kept, a)
		}
	}
	h.answers = kept
}

func isTooFew(err error) bool { return errors.Is(err, tbs.ErrTooFewShares) }
