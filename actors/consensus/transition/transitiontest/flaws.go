package transitiontest

import (
	"slices"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// spoil gives a draft a flaw, of which it may not be the only one.
func (s *Scribe) spoil(d *draft) signing {
	c, h := s.Choices, s.World.House
	switch c.Choose("flaw", 16) {
	case 0:
		d.fee++
	case 1:
		d.fee -= min(d.fee, messages.Amount(1+c.Choose("missing", 2_000)))
	case 2:
		return signing(1 + c.Choose("signing", signings-1))
	case 3: // twice the same
		if len(d.ins) > 0 {
			d.ins = append(d.ins, d.ins[c.Choose("twice", len(d.ins))])
		}
	case 4:
		if len(d.outs) > 0 {
			d.outs = append(d.outs, d.outs[c.Choose("twice", len(d.outs))])
		}
	case 5: // any note: spent, counterfeit, or of others
		d.ins = append(d.ins, h.spend(c.Choose("note", len(h.Notes))))
	case 6:
		d.outs = append(d.outs, h.order(c.Choose("note", len(h.Notes))))
	case 7: // a balanced transaction of counterfeits
		n := c.Choose("note", len(h.Notes))
		*d = draft{ins: []In{h.spend(n)}, fee: mint.Amount(h.Notes[n].Tier)}
	case 8:
		d.ins = append(d.ins, s.badNote(c.Choose("note", len(h.Notes))))
	case 9:
		d.outs = append(d.outs, s.badOrder(c.Choose("note", len(h.Notes))))
	case 10:
		d.outs = append(d.outs, Out{Kind: "nowhere"})
	case 11:
		d.ins = append(d.ins, In{Kind: "till"})
	case 12: // any deposit: claimed, in no agreed block, too small
		if n := len(s.World.Deposits); n > 0 {
			if dep := s.World.Deposits[c.Choose("deposit", n)]; s.World.block(dep.At.Hash) != nil {
				d.ins = append(d.ins, s.badClaim(s.claim(dep)))
			}
		}
	case 13:
		d.outs = append(d.outs, s.badPegOut())
	case 14: // no least fee: all that comes in goes out again
		if n := len(s.World.Deposits); n > 0 {
			if dep := s.World.Deposits[n-1]; s.World.block(dep.At.Hash) != nil && dep.Sats > 5_000 {
				o := wallet.PegOut{Address: userAddress(h, 0), Sats: uint64(dep.Sats) - 2_000, MaxFeeSats: 2_000}
				*d = draft{ins: []In{s.claim(dep)}, outs: []Out{pay(o)}}
			}
		}
	case 15: // more than there is
		d.outs = append(d.outs, pay(wallet.PegOut{Address: userAddress(h, 0), Sats: 1 << (20 + c.Choose("size", 20)), MaxFeeSats: uint64(c.Choose("maximum", 3)) * 200}))
	}
	return signWell
}

func (s *Scribe) badNote(n int) In {
	in, h := s.World.House.spend(n), s.World.House
	note, err := mint.DecodeInput(in.body)
	must(err)
	switch s.Choices.Choose("bad note", 5) {
	case 0: // the signature of another note
		other, err := mint.DecodeInput(h.Notes[(n+1)%len(h.Notes)].Body)
		must(err)
		note.Signature = other.Signature
		in.body, in.Deep = note.Encode(), messages.RejectNoteInvalid
	case 1: // worth more than it is
		note.Tier = tiers[(slices.Index(tiers, note.Tier)+1)%len(tiers)]
		in.body, in.Deep = note.Encode(), messages.RejectNoteInvalid
	case 2:
		note.Tier = 3
		in.body, in.Flaw = note.Encode(), messages.RejectTier
	case 3:
		in.body, in.Flaw = in.body[:len(in.body)-1], messages.RejectMalformed
	case 4: // no point
		w := slices.Clone(in.body)
		w[len(w)-47] ^= 0xff
		if _, err := mint.DecodeInput(w); err == nil {
			in.Deep = messages.RejectNoteInvalid
		} else {
			in.Deep = messages.RejectMalformed
		}
		in.body = w
	}
	return in
}

func (s *Scribe) badOrder(n int) Out {
	out := s.World.House.order(n)
	order, err := mint.DecodeOutput(out.body)
	must(err)
	switch s.Choices.Choose("bad order", 2) {
	case 0:
		order.Tier = 5
		out.body, out.Flaw = order.Encode(), messages.RejectTier
	case 1:
		out.body, out.Flaw = append(slices.Clone(out.body), 0), messages.RejectMalformed
	}
	return out
}

func (s *Scribe) badClaim(in In) In {
	w := new(walletwire.PegInProof)
	must(canonical.Unmarshal(in.body, w, pegin.MaxSize))
	in.Flaw = messages.RejectPegInProof
	switch s.Choices.Choose("bad claim", 6) {
	case 0:
		in.Flaw = 0 // a good proof, perhaps of a claimed deposit
		return in
	case 1:
		w.Inclusion.Header[70] ^= 1 // the time: another block with the same transactions
		in.Flaw, in.Block = 0, chainhash.DoubleHashH(w.GetInclusion().GetHeader())
	case 2:
		w.Inclusion.Branch[0][0] ^= 1
	case 3:
		key := xOnly(secretOf(55))
		w.TweakKey, in.secret = key[:], secretOf(55)
	case 4:
		w.Output++
	case 5:
		w.LockVersion++
	}
	in.body = canonical.Marshal(w)
	return in
}

func (s *Scribe) badPegOut() Out {
	h := s.World.House
	o := wallet.PegOut{Address: userAddress(h, 0), Sats: 1000, MaxFeeSats: 1000}
	flaw := messages.RejectAddress
	switch s.Choices.Choose("bad peg-out", 6) {
	case 0:
		o.Sats, flaw = DustOfKey-1, messages.RejectDust
	case 1:
		o.Address, o.Sats, flaw = userAddress(h, 2), DustOfScript-1, messages.RejectDust
	case 2:
		o.Address = addressOf(&chaincfg.MainNetParams, 1)
	case 3:
		o.Address = "nowhere"
	case 4:
		o.MaxFeeSats, flaw = uint64(messages.MaxAmount/messages.Sat), messages.RejectAmountOverflow
	case 5:
		o.Sats, flaw = 1<<63, messages.RejectAmountOverflow
	}
	out := pay(o)
	out.Flaw = flaw
	return out
}
