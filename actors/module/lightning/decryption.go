package lightning

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"minimint/actors/module/contract"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/storage"
)

// maxShares bounds how many shares one proposal has: 10 kB and a few milliseconds.
// Tasks beyond it wait for the next epoch, in the order of their purchase.
const maxShares = 64

// Propose implements contract.Proposer: this member's shares of what waits to be
// decrypted, oldest first, each until the state has it. seen is not used: the
// module has no service.
func (m *Module) Propose(r storage.Reader, _ []byte) [][]byte {
	if m.cfg.Secret == nil {
		return nil
	}
	me := messages.PeerID(m.cfg.Secret.Index() - 1)
	var out [][]byte
	for _, raw := range r.Scan(key(keyTask)) {
		if len(out) == maxShares {
			break
		}
		id := terms.ID(raw)
		if r.Get(shareKey(id, me)) != nil {
			continue
		}
		out = append(out, terms.Share{Contract: id, Bytes: [tenc.ShareSize]byte(m.share(stored(r, id)))}.Encode())
	}
	return out
}

// share is this member's of a bought offer. The randomness of its proof is mixed with
// secret and statement, so a source that repeats itself is as good as any, and
// proposals repeat too.
func (m *Module) share(c *lightningwire.Contract) []byte {
	share, err := tenc.DecryptShare(zeros{}, *m.cfg.Secret, m.sealed(c))
	if err != nil {
		panic(fmt.Sprintf("lightning: %v", err))
	}
	return share.Encode()
}

// Share implements contract.Answerer: of an output that bought an offer, this member's
// share, until consensus has revealed the preimage; see [Reveal].
func (m *Module) Share(r storage.Reader, at messages.OutPoint) []byte {
	id := r.Get(fundingKey(at))
	if m.cfg.Secret == nil || id == nil {
		return nil
	}
	c := stored(r, terms.ID(id))
	if c.GetState() != lightningwire.State_STATE_DECRYPTING {
		return nil
	}
	return m.share(c)
}

// Reveal opens an offer with what members answered as their shares of the output that
// bought it, by PeerID; nil and noise are nobody's share. STATE_VALID, with the
// preimage, and STATE_INVALID are what consensus will find as well, STATE_DECRYPTING says
// that there are too few shares. An error says that offer is none of the federation's.
//
// So a buyer is independent of whose items get into outcomes, and an epoch faster.
func Reveal(to terms.Sealer, o terms.Offer, answers [][]byte) (State, *[terms.PreimageSize]byte, error) {
	sealed, err := o.Verify(to)
	if err != nil {
		return 0, nil, fmt.Errorf("lightning: %w", err)
	}
	var shares []tenc.Share
	for p, b := range answers[:min(len(answers), to.Keys.Members())] {
		if share, err := tenc.DecodeShare(p+1, b); err == nil {
			shares = append(shares, share)
		}
	}
	state, preimage := found(sealed.Open(shares), o.PaymentHash)
	if preimage == nil {
		return state, nil, nil
	}
	return state, (*[terms.PreimageSize]byte)(preimage), nil
}

// found is what an opening says about an offer: its preimage, that there is none, or
// nothing yet.
func found(opening tenc.Opening, hash messages.Digest) (State, []byte) {
	switch {
	case opening.Status == tenc.Incomplete:
		return lightningwire.State_STATE_DECRYPTING, nil
	case opening.Status == tenc.Opened && terms.Reveals(opening.Plaintext, hash):
		return lightningwire.State_STATE_VALID, opening.Plaintext
	default:
		return lightningwire.State_STATE_INVALID, nil
	}
}

// zeros is a reader of zeros.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// sealed returns the ciphertext of an offer that was announced, whose proof was
// checked then.
func (m *Module) sealed(c *lightningwire.Contract) tenc.Verified {
	v, err := offerOf(c).Verify(m.cfg.Seal)
	if err != nil {
		panic(fmt.Sprintf("lightning: stored offer: %v", err))
	}
	return v
}

func shareKey(id terms.ID, member messages.PeerID) []byte {
	return binary.BigEndian.AppendUint16(key(keyShare, id[:]), uint16(member))
}

// ApplyItem implements contract.Module: it takes one member's share of an open
// decryption, once. A share is verified when it arrives, so that none can spoil
// the opening and it is plain who sent a bad one; a share that comes late blames
// nobody, and neither does silence (H20, H21, H27).
func (m *Module) ApplyItem(tx storage.Tx, _ contract.Env, from messages.PeerID, body []byte) error {
	if int(from) >= m.cfg.Seal.Keys.Members() {
		panic(fmt.Sprintf("lightning: item of member %d of %d", from, m.cfg.Seal.Keys.Members()))
	}
	s, err := terms.DecodeShare(body)
	if err != nil {
		return misbehaviour("item: %v", err)
	}
	c := stored(tx, s.Contract)
	switch {
	case c == nil || c.GetTransaction() == nil || c.GetOffer() == nil:
		// What a correct member has seen bought is remembered for at least Retention blocks.
		return misbehaviour("share for a contract that is not there to be decrypted")
	case c.GetState() != lightningwire.State_STATE_DECRYPTING:
		return withoutValue("the preimage is revealed")
	case tx.Get(shareKey(s.Contract, from)) != nil:
		return withoutValue("the member has given its share")
	}
	share, err := tenc.DecodeShare(int(from)+1, s.Bytes[:])
	if err != nil {
		return misbehaviour("share: %v", err)
	}
	sealed := m.sealed(c)
	if _, err := sealed.VerifyShare(share); err != nil {
		return misbehaviour("share: %v", err)
	}
	tx.Put(shareKey(s.Contract, from), s.Bytes[:])
	m.open(tx, c, sealed)
	return nil
}

// open reveals the preimage when n−f members have given their shares. It is called
// after each, so all members open with the same ones.
func (m *Module) open(tx storage.Tx, c *lightningwire.Contract, sealed tenc.Verified) {
	var shares []tenc.Share
	var keys [][]byte
	for k, raw := range tx.Scan(key(keyShare, c.GetId())) {
		share, err := tenc.DecodeShare(int(binary.BigEndian.Uint16(k[len(k)-2:]))+1, raw)
		if err != nil {
			panic(fmt.Sprintf("lightning: stored share: %v", err))
		}
		shares, keys = append(shares, share), append(keys, bytes.Clone(k))
	}
	c.State, c.Preimage = found(sealed.Open(shares), offerOf(c).PaymentHash)
	if c.GetState() == lightningwire.State_STATE_DECRYPTING {
		return
	}
	store(tx, c)
	tx.Delete(key(keyTask, be64(c.GetNumber())))
	for _, k := range keys {
		tx.Delete(k)
	}
}

func misbehaviour(format string, args ...any) error {
	return &contract.Misbehaviour{Text: fmt.Sprintf(format, args...)}
}

// withoutValue refuses an item of a correct member that came too late.
func withoutValue(why string) error {
	return messages.Reject(messages.RejectItemWithoutValue, "%s", why)
}
