package recovery_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/quorum"
	"minimint/actors/client/recovery"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/messages"
	"minimint/messages/canonical"
)

const (
	members = 4
	tiers   = 3
	words   = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)

var federation = messages.FederationID{7}

// owner is whose notes the tests look for; secrets are the members', by tier.
var owner, secrets = func() (recovery.Owner, [][]*tbs.SecretShare) {
	o := recovery.Owner{Ring: keys.NewRing(words, federation)}
	var all [][]*tbs.SecretShare
	rng := rand.NewChaCha8([32]byte{1})
	for e := range uint32(tiers) {
		k, s := tbstest.Tier(rng, federation, 3, members)
		o.Tiers, all = append(o.Tiers, mint.Tier{Exponent: e, Keys: k}), append(all, s)
	}
	return o, all
}()

// tweaks pass the filter; grinding them takes a moment.
var tweaks = sync.OnceValue(func() (list []keys.Tweak) {
	rng := rand.NewChaCha8([32]byte{2})
	for len(list) < 4 {
		if t, ok, _ := owner.Ring.Grind(rng, 1<<22); ok {
			list = append(list, t)
		}
	}
	return list
})

// own is a note of the owner.
type own struct {
	tweak          keys.Tweak
	tier, position uint32
}

func (o own) nonce() tbs.Nonce { return owner.Ring.Note(o.tweak, o.tier, o.position).Nonce }

func (o own) issued() *mintwire.Entry {
	s := owner.Ring.Note(o.tweak, o.tier, o.position)
	issuance, err := tbs.NewIssuance(owner.Tiers[o.tier].Keys, s.Nonce, s.Blinding)
	if err != nil {
		panic(err)
	}
	return issue(o.tweak, o.tier, o.position, issuance.BlindNonce().Bytes())
}

func (o own) spent() *mintwire.Entry {
	n := o.nonce()
	return &mintwire.Entry{Spent: n[:]}
}

func issue(t keys.Tweak, tier, position uint32, blind []byte) *mintwire.Entry {
	return &mintwire.Entry{Issued: &mintwire.Issued{
		Output: &mintwire.Output{Tier: tier, BlindNonce: blind, Tweak: t[:]}, Txid: make([]byte, 32), Index: position,
	}}
}

// foreign is somebody else's entry.
func foreign(i int) *mintwire.Entry {
	b := make([]byte, 48)
	binary.BigEndian.PutUint64(b[8:], uint64(i)+1)
	if i%3 == 0 {
		return &mintwire.Entry{Spent: b[:32]}
	}
	return issue(keys.Tweak(b[:16]), uint32(i%tiers), uint32(i%5), b)
}

// ledger is a log as members serve it.
type ledger struct {
	entries []*mintwire.Entry
	hashes  [][]byte
	mu      sync.Mutex
	pages   map[recovery.Question][]byte
}

func newLedger(entries []*mintwire.Entry) *ledger {
	l := &ledger{entries: entries, pages: map[recovery.Question][]byte{}}
	for at := 0; at+mint.SliceSize <= len(entries); at += mint.SliceSize {
		var raw [][]byte
		for _, e := range entries[at : at+mint.SliceSize] {
			raw = append(raw, canonical.Marshal(e))
		}
		hash, err := mint.SliceHash(raw)
		if err != nil {
			panic(err)
		}
		l.hashes = append(l.hashes, hash[:])
	}
	return l
}

// answer is what an honest member says that has come to an entry.
func (l *ledger) answer(p messages.PeerID, q recovery.Question, to uint64) []byte {
	to = min(to, uint64(len(l.entries)))
	switch q.Method {
	case "slices":
		w := &mintwire.Slices{Entries: to}
		for i := q.From; i < to/mint.SliceSize; i++ {
			w.Hashes = append(w.Hashes, l.hashes[i])
		}
		return canonical.Marshal(w)
	case "slice":
		whole := to == uint64(len(l.entries))
		l.mu.Lock()
		defer l.mu.Unlock()
		if b := l.pages[q]; b != nil && whole {
			return b
		}
		b := canonical.Marshal(&mintwire.Slice{Entries: l.entries[min(q.From, to):min(q.From+mint.PageSize, to)]})
		if whole {
			l.pages[q] = b
		}
		return b
	default:
		w := &mintwire.Shares{}
		for _, e := range l.entries[min(q.From, to):min(q.From+mint.SharesSize, to)] {
			w.Shares = append(w.Shares, share(p, e))
		}
		return canonical.Marshal(w)
	}
}

// share signs own outputs. What is asked for besides is thrown away, so it can be
// anything.
func share(p messages.PeerID, e *mintwire.Entry) []byte {
	if e.GetIssued() == nil {
		return nil
	}
	blind, err := tbs.DecodeBlindNonce(e.GetIssued().GetOutput().GetBlindNonce())
	if err != nil {
		return make([]byte, 48)
	}
	return secrets[e.GetIssued().GetOutput().GetTier()][p].Sign(blind).Bytes()
}

// config is that of all searches here.
func config() recovery.Config {
	return recovery.Config{Group: quorum.GroupOf(members), Owner: owner, Random: rand.NewChaCha8([32]byte{3})}
}

// member says what it answers, nil if it refuses; it may lie.
type member func(p messages.PeerID, q recovery.Question) []byte

func (l *ledger) honest(p messages.PeerID, q recovery.Question) []byte {
	return l.answer(p, q, uint64(len(l.entries)))
}

// pending is a question that has no answer yet.
type pending struct {
	to messages.PeerID
	q  recovery.Question
}

// outcome is what a search came to.
type outcome struct {
	notes  []recovery.Note
	faults map[messages.PeerID]bool
	asked  []pending
	err    error
}

// drive runs a search. pick chooses which of the open questions is answered next, and
// fewer than 0 for none: then time goes by. stored is told when slices were read.
func drive(s *recovery.Search, who []member, pick func(open []pending) int, stored func()) (out outcome) {
	out.faults = map[messages.PeerID]bool{}
	var open []pending
	for range 1_000_000 {
		for p := range who {
			if q, ok := s.Ask(messages.PeerID(p)); ok {
				open = append(open, pending{messages.PeerID(p), q})
			}
		}
		i := -1
		if len(open) > 0 {
			i = pick(open)
		}
		if i < 0 {
			s.Tick()
			continue
		}
		now := open[i]
		open = append(open[:i:i], open[i+1:]...)
		out.asked = append(out.asked, now)
		body := who[now.to](now.to, now.q)
		step, err := s.Hear(now.to, now.q, body, body != nil)
		for _, f := range step.Faults {
			out.faults[f.Peer] = true
		}
		out.notes = append(out.notes, step.Notes...)
		if step.Advanced {
			stored()
		}
		if err != nil {
			out.err = err
			return out
		}
		if step.Located && !s.Collect(s.Found()) || step.Done {
			return out
		}
	}
	panic("the search has no end")
}

func first([]pending) int { return 0 }

func recovered(o own, entry int) *clientwire.Recovered {
	return &clientwire.Recovered{Entry: uint64(entry), Tier: o.tier, Tweak: o.tweak[:], Position: o.position}
}
