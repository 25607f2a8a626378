package frames_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/frames"
	"minimint/messages/frames/framespb"
)

var errReference = errors.New("refused by the schema")

// reference decodes a frame by its schema: the plain reading to which the one that
// ships must be equal. It says what is in a frame in the order of the schema.
func reference(b []byte) ([]frames.Statement, error) {
	p := new(framespb.Frame)
	if err := canonical.Unmarshal(b, p, frames.MaxFrame); err != nil {
		return nil, err
	}
	var r schema
	items := len(p.GetValues()) + len(p.GetEchoes()) + len(p.GetReadys()) + len(p.GetPulls()) + len(p.GetDecryptionShares())
	for _, v := range p.GetValues() {
		r.need(len(v.GetPayload()) <= frames.MaxPayload && len(v.GetSignature()) == 64)
		if r.ok(v.GetProposer()) {
			r.add(frames.Value{Proposer: messages.PeerID(v.GetProposer()), Payload: v.GetPayload(), Signature: [64]byte(v.GetSignature())})
		}
	}
	r.roots(p.GetEchoes(), func(slot messages.PeerID, root messages.Digest) frames.Statement {
		return frames.Echo{Proposer: slot, Root: root}
	})
	r.roots(p.GetReadys(), func(slot messages.PeerID, root messages.Digest) frames.Statement {
		return frames.Ready{Proposer: slot, Root: root}
	})
	r.roots(p.GetPulls(), func(slot messages.PeerID, root messages.Digest) frames.Statement {
		return frames.Pull{Proposer: slot, Root: root}
	})
	r.bits(p.GetInputs(), func(slot messages.PeerID, bit bool) frames.Statement { return frames.Input{Proposer: slot, Bit: bit} })
	r.bits(p.GetTerms(), func(slot messages.PeerID, bit bool) frames.Statement { return frames.Term{Proposer: slot, Bit: bit} })
	last := int64(-1)
	for _, round := range p.GetRounds() {
		r.need(int64(round.GetRound()) > last)
		last = int64(round.GetRound())
		r.round(round)
		items += len(round.GetCoinShares())
	}
	r.shares(p.GetDecryptionShares(), func(slot messages.PeerID, share []byte) frames.Statement {
		return frames.DecryptionShare{Proposer: slot, Share: share}
	})
	r.need(items <= frames.MaxItems && len(p.GetRounds()) <= frames.MaxRounds)
	if r.bad {
		return nil, errReference
	}
	return r.list, nil
}

type schema struct {
	list []frames.Statement
	bad  bool
}

func (r *schema) need(fine bool)         { r.bad = r.bad || !fine }
func (r *schema) add(s frames.Statement) { r.list = append(r.list, s) }

func (r *schema) ok(slot uint32) bool {
	r.need(slot < messages.MaxPeers)
	return !r.bad
}

func (r *schema) roots(list []*framespb.Root, build func(messages.PeerID, messages.Digest) frames.Statement) {
	for _, s := range list {
		root, ok := messages.DigestFrom(s.GetRoot())
		r.need(ok)
		if r.ok(s.GetProposer()) {
			r.add(build(messages.PeerID(s.GetProposer()), root))
		}
	}
}

func (r *schema) shares(list []*framespb.Share, build func(messages.PeerID, []byte) frames.Statement) {
	for _, s := range list {
		r.need(len(s.GetShare()) <= frames.MaxShare)
		if r.ok(s.GetProposer()) {
			r.add(build(messages.PeerID(s.GetProposer()), s.GetShare()))
		}
	}
}

func (r *schema) bits(b *framespb.Bits, build func(messages.PeerID, bool) frames.Statement) {
	if b == nil {
		return
	}
	r.need(len(b.GetZero())+len(b.GetOne()) > 0)
	r.mask(b.GetZero(), func(slot messages.PeerID) frames.Statement { return build(slot, false) })
	r.mask(b.GetOne(), func(slot messages.PeerID) frames.Statement { return build(slot, true) })
}

func (r *schema) mask(mask []byte, build func(messages.PeerID) frames.Statement) {
	r.need(len(mask) == 0 || mask[len(mask)-1] != 0)
	for i := range 8 * len(mask) {
		if mask[i/8]>>(i%8)&1 == 1 && r.ok(uint32(i)) {
			r.add(build(messages.PeerID(i)))
		}
	}
}

func (r *schema) round(p *framespb.Round) {
	before, round := len(r.list), p.GetRound()
	r.bits(p.GetBvals(), func(slot messages.PeerID, bit bool) frames.Statement {
		return frames.BVal{Proposer: slot, Round: round, Bit: bit}
	})
	r.bits(p.GetAuxes(), func(slot messages.PeerID, bit bool) frames.Statement {
		return frames.Aux{Proposer: slot, Round: round, Bit: bit}
	})
	r.bits(p.GetConfs(), func(slot messages.PeerID, bit bool) frames.Statement {
		return frames.Conf{Proposer: slot, Round: round, Bits: frames.SetOf(bit)}
	})
	r.mask(p.GetConfBoth(), func(slot messages.PeerID) frames.Statement { return frames.Conf{Proposer: slot, Round: round, Bits: 3} })
	r.shares(p.GetCoinShares(), func(slot messages.PeerID, share []byte) frames.Statement {
		return frames.CoinShare{Proposer: slot, Round: round, Share: share}
	})
	r.need(len(r.list) > before)
}

// agrees fails unless bytes mean the same by the schema and by Decode.
func agrees(t interface{ Fatalf(string, ...any) }, b []byte) {
	f, err := frames.Decode(b)
	want, refused := reference(b)
	switch {
	case (err == nil) != (refused == nil):
		t.Fatalf("%x: error %v, by the schema %v", b, err, refused)
	case err != nil && !errors.Is(err, frames.ErrFrame):
		t.Fatalf("%x: error %v", b, err)
	case err != nil:
		return
	}
	if got := canon(f.Statements); !reflect.DeepEqual(got, canon(want)) || len(f.Statements) != len(want) {
		t.Fatalf("%x: got %v, by the schema %v", b, got, canon(want))
	}
	if again := frames.Encode(f); !bytes.Equal(again, b) {
		t.Fatalf("%x decodes to %+v, which encodes to %x", b, f, again)
	}
}

// TestDecodeIsTheSchema: whatever happened to the bytes of a frame on the way, the
// reader that ships takes them for what the schema says, and refuses what it
// refuses.
func TestDecodeIsTheSchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := frames.Encode(frames.Split(frames.Frame{
			Era: 1, Epoch: messages.Epoch(rapid.Uint64Range(0, 300).Draw(t, "epoch")), Next: 1 << 40, Statements: statements(t),
		})[0])
		agrees(t, b)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			if len(b) == 0 {
				break
			}
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			to := min(len(b), at+rapid.IntRange(0, 40).Draw(t, "length"))
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				b[at] = rapid.Byte().Draw(t, "byte")
			case 1:
				b[at]++
			case 2: // cut out
				b = append(b[:at:at], b[to:]...)
			default: // double
				b = append(b[:to:to], b[at:]...)
			}
		}
		agrees(t, b)
	})
}

// BenchmarkUnpack reads what one of a hundred members says when it echoes and
// votes about all.
func BenchmarkUnpack(b *testing.B) {
	var f frames.Frame
	for j := range messages.PeerID(100) {
		f.Statements = append(f.Statements, frames.Echo{Proposer: j, Root: messages.Digest{byte(j)}}, frames.Input{Proposer: j, Bit: true})
	}
	for _, c := range []struct {
		name string
		of   []frames.Statement
	}{{"nothing", nil}, {"echoes and inputs", f.Statements}} {
		raw := frames.Encode(frames.Frame{Epoch: 3, Next: 3, Said: 1000, Statements: c.of})
		b.Run(fmt.Sprintf("%s/%d bytes", c.name, len(raw)), func(b *testing.B) {
			for b.Loop() {
				if _, err := frames.Unpack(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
